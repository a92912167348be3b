"""A program for an observatory: functions that carry out jobs, and nothing else to write.

    site = Observatory("http://127.0.0.1:8642", "saf")

    @site.on("mount", "go", seconds=60)
    def go(job):
        mount.slew(job.required["ra"], job.required["dec"])

    @site.on_stop
    def stop(job):
        mount.abort()

    site.run()

`report(program)` reports for a program that has its own loop, such as that of Photon Ranch.

The package stands alone, beside `prjobs.client`: it needs urllib3 only.
"""

from prjobs.observatory.job import Job, Stopped
from prjobs.observatory.observatory import Observatory
from prjobs.observatory.reporting import report

__all__ = ["Job", "Observatory", "Stopped", "report"]
