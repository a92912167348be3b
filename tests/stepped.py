"""A program of `prjobs.observatory` on the real queue, without HTTP and threads: the test takes each step."""

import json
import math

from prjobs.base.errors import Refused as Refusal
from prjobs.client import Client, NotReached, Refused
from prjobs.jobs import lookup, reports
from prjobs.jobs.requests import StatusUpdate
from prjobs.observatory import Observatory
from prjobs.web import wire
from tests import verbs


class Direct(Client):
    """The calls of the client on the real queue without HTTP; `net` is up, away, or lost (the answer is)."""

    def __init__(self, appliance):
        super().__init__("http://127.0.0.1:8642")
        self.appliance, self.net, self.port = appliance, "up", 5000

    def _ask(self, verb):
        if self.net == "away":
            raise NotReached("away", perhaps_done=False)
        try:
            answer = verb()
        except Refusal as refusal:
            raise Refused(refusal.status, str(refusal)) from refusal
        if self.net == "lost":
            # A lost answer ends the connection.
            self.port += 1
            raise NotReached("lost", perhaps_done=True)
        return answer

    def get_new_jobs(self, site, alternate_queue=False, wait_s=None, poll_id=None, lease_s=None):
        parts = {
            "site": site,
            "poll_id": poll_id,
            "lease_s": lease_s and math.ceil(lease_s),
            "peer": f"127.0.0.1:{self.port}",
        }
        return self._ask(lambda: json.loads(wire.taken_document(verbs.take(self.appliance, **parts), False)))

    def update_job_status(
        self, site, ulid, new_status, seconds_until_complete=None, alternate_queue=False, message=None
    ):
        seconds = -1 if seconds_until_complete is None else seconds_until_complete
        report = StatusUpdate(site, ulid, new_status, seconds, False, message or "")
        return self._ask(lambda: reports.update_status(self.appliance.queue, report, "program"))

    def get_recent_jobs(self, site, time_range_ms=None):
        rows = [row for page in lookup.list_since(self.appliance.queue.database, site, 0) for row in page]
        return self._ask(lambda: json.loads(wire.jobs_document(rows)))


class Stepped(Observatory):
    """The program without threads: the test takes each step."""

    def _start_lanes(self, lanes):
        pass
