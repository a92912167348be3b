"""What is counted over the last day of each site, and kept until the site changes.

Counting reads every job of the day, so a site is counted anew only after a change there, and a site of very many jobs
only every few seconds.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from prjobs.jobs import log
from prjobs.jobs.queue import Queue

# Time alone moves jobs out of the day.
COUNT_EVERY_S = 60.0
# So many jobs are counted in a second, at most, however many pages are open.
JOBS_A_SECOND = 50_000
CHANGES = 100_000


class Counted(NamedTuple):
    """The day of a site as counted at `made_s` of elapsed time, and the number of jobs."""

    made_s: float
    jobs: int
    day: Any


class Days:
    """The last day of each site, as far as pages asked for the site; used by one caller at a time."""

    def __init__(self) -> None:
        self._seq = 0
        self._days: dict[str, Counted] = {}
        self._changed: set[str] = set()

    def follow(self, queue: Queue) -> None:
        """Find the sites with changes since the last call."""
        newest = log.last_seq(queue.database)
        if not self._seq <= newest <= self._seq + CHANGES:
            self._days.clear()
        elif newest > self._seq:
            sql = "SELECT DISTINCT site FROM change WHERE seq > ? AND seq <= ?"
            self._changed.update(site for (site,) in queue.database.fetch(sql, (self._seq, newest)))
        self._seq = newest

    def of(self, queue: Queue, site: str, count: Callable[[Queue, str], tuple[int, Any]]) -> Any:
        """Return the day of a site; `count` returns the number of jobs and the day."""
        now_s, counted = queue.clock.elapsed_s(), self._days.get(site)
        if counted is not None:
            wait_s = counted.jobs / JOBS_A_SECOND if site in self._changed else COUNT_EVERY_S
            if now_s - counted.made_s < min(wait_s, COUNT_EVERY_S):
                return counted.day
        self._changed.discard(site)
        if len(self._days) > 2 * queue.polls.LIMIT:
            self._days.clear()
        self._days[site] = counted = Counted(now_s, *count(queue, site))
        return counted.day
