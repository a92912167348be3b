"""The numbers behind the metrics since the start: requests, polls, changes of jobs, waiting times."""

import threading
from collections import Counter, defaultdict

from prjobs.base.histogram import Histogram
from prjobs.jobs.polls import Polls

# The site of all sites without a label, and the endpoint of requests without a route.
OTHER = "other"
WAITED_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
Statuses = defaultdict[int, int]
ByPhase = Counter[tuple[str, str, str]]


class SiteLabels:
    """The sites with a label of their own, for the life of the process; the rest count together as OTHER.

    Names of sites can be invented: a site without jobs gets one of the first labels alone, and the last labels are for
    sites that settings, tokens and reservations name.
    """

    NAMED, WITH_JOBS, POLLED = 100, 80, 20

    def __init__(self) -> None:
        self._labels: dict[str, None] = {}

    def add(self, polls: Polls) -> None:
        """Give labels to the sites in use, the named ones first."""
        for site in polls.sites_named_first():
            if site not in self._labels and len(self._labels) < self._places(polls, site):
                self._labels[site] = None

    def _places(self, polls: Polls, site: str) -> int:
        if site in polls.named:
            return self.NAMED
        return self.WITH_JOBS if polls.has_jobs(site) else self.POLLED

    def of(self, site: str) -> str:
        """Return the label of a site."""
        return site if site in self._labels else OTHER

    def sites(self) -> list[str]:
        """Return the sites with a label of their own."""
        return list(self._labels)


class Measures:
    """The counts since the start of the process. `lock` is for one look at a time; requests are counted without it.

    `seq` is the last counted change of the log, `first_handout` the last hand-out before the start, and None before
    the first look at the store. `day` has the jobs of the last day, counted again from `day_until_s` of elapsed time.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.labels = SiteLabels()
        # The answers by status, for each (method, endpoint). The interpreter does not change threads within
        # `statuses[status] += 1`: a lock would cost each poll more than the count.
        self.requests: dict[tuple[str, str], Statuses] = {}
        self.unrouted = self.requests_to(OTHER, OTHER)
        self.polls: Counter[tuple[str, str]] = Counter()
        self.changes: ByPhase = Counter()
        self.waited: dict[str, Histogram] = {}
        self.seq: int | None = None
        self.has_looked = False
        self.first_handout: int | None = None
        self.day: ByPhase = Counter()
        self.day_until_s = 0.0

    def requests_to(self, method: str, endpoint: str) -> Statuses:
        """Return the counts of an endpoint, to add to."""
        return self.requests.setdefault((method, endpoint), defaultdict(int))

    def add_waited(self, command_class: str, waited_s: float) -> None:
        """Count the waiting time of a job."""
        self.waited.setdefault(command_class, Histogram(WAITED_S)).add(waited_s)
