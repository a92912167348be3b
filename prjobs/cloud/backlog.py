"""The backlog: jobs of the cloud from before the first look, for a person to list or take in.

Jobs keep their age: a job past the expiry of its class arrives as EXPIRED and never runs.
"""

import threading

import msgspec

from prjobs.base.errors import Conflict
from prjobs.base.settings import Settings

MOST = 5000


class BacklogJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job waiting in the cloud and unknown here.

    `expired_s` is the age of an expired job; `stopped` is True if a later stop at the site withdraws the job.
    """

    ulid: str
    site: str
    created_ms: int
    device: str
    action: str
    user_name: str
    expired_s: float | None
    stopped: bool


class BacklogView(msgspec.Struct, frozen=True, kw_only=True):
    """The progress of a look at the backlog. `problems` holds a sentence for each unreadable site."""

    since_ms: int
    take: bool
    done: bool
    jobs: list[BacklogJob]
    taken: int
    problems: list[str]


class Backlog:
    """The backlog of some sites since a moment, as far as read. Only with `take` the link imports the jobs it lists."""

    def __init__(self, since_ms: int, sites: list[str], take: bool) -> None:
        self.since_ms, self.sites, self.take = since_ms, sites, take
        self._lock = threading.Lock()
        self._jobs: dict[str, BacklogJob] = {}
        self._done: dict[str, str] = {}
        self._taken = 0

    def is_done(self, site: str) -> bool:
        """Return True if the site has no more pages to read."""
        return site not in self.sites or site in self._done

    def found(self, jobs: list[BacklogJob], taken: int) -> bool:
        """Add the jobs of a page; return False for more jobs than a person could look at."""
        with self._lock:
            self._jobs.update((job.ulid, job) for job in jobs)
            self._taken += taken
            return len(self._jobs) <= MOST

    def end(self, site: str, problem: str = "") -> None:
        """Note the end of a site, or the problem in the way."""
        self._done[site] = problem

    @property
    def is_over(self) -> bool:
        """True if all sites were read."""
        return all(site in self._done for site in self.sites)

    def view(self) -> BacklogView:
        """Return the present progress, the oldest job first."""
        with self._lock:
            jobs = sorted(self._jobs.values(), key=lambda job: job.ulid)
            return BacklogView(
                since_ms=self.since_ms,
                take=self.take,
                done=self.is_over,
                jobs=jobs,
                taken=self._taken,
                problems=[problem for problem in self._done.values() if problem],
            )


def begin(settings: Settings, before: Backlog | None, since_ms: int, sites: list[str], take: bool) -> Backlog:
    """Return the backlog of these sites, or of all, for the link to read.

    Conflict if the link takes no jobs in, or still reads the backlog `before`.
    """
    if settings.cloud_mode not in ("primary", "standby"):
        raise Conflict("The link to the cloud takes nothing in: set cloud_mode to primary or standby.")
    if unknown := [site for site in sites if site not in settings.cloud_sites]:
        raise Conflict(f"{len(unknown)} of these sites are not in cloud_sites: name sites of the link.")
    if before is not None and not before.is_over:
        raise Conflict("Older jobs are being read already: wait until that is done.")
    return Backlog(since_ms, sites or list(dict.fromkeys(settings.cloud_sites)), take)
