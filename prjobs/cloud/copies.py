"""Copies: records of the cloud for jobs made at the site. A copy carries the job's id as a marker.

A job is FORWARDING while the cloud's answer is open. Then the copy appears in a sweep, or the job runs at the site.
"""

from prjobs.cloud.wire import Record
from prjobs.jobs import log, lookup
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import BOTH, CLOUD, FORWARDED, FORWARDING, UNREAD
from prjobs.store.transaction import Transaction

NOT_THERE = "the cloud does not have the job: it runs as a job of the site"


def may_run(transaction: Transaction, queue: Queue, record: Record) -> bool | None:
    """Return True for the copy of a FORWARDING job, and False for the copy of any other job of the site.

    The FORWARDING job becomes FORWARDED: the copy runs in the job's place. Any other job ran, runs or was withdrawn at
    the site. Return None for a job of the cloud, and for a marker whose job is unknown here.
    """
    if record.marker is None:
        return None
    sql = "SELECT 1 FROM job WHERE site = ? AND ulid = ? AND origin <> ?"
    if not transaction.fetch(sql, (record.command.site, record.marker, CLOUD)):
        return None
    return decide(transaction, queue, record.marker, FORWARDED, f"runs as {record.ulid}, its cloud id")


def decide(transaction: Transaction, queue: Queue, ulid: str, status: str, note: str) -> bool:
    """Set the status of a FORWARDING job; return False for any other job: a sweep or the request decided first."""
    row = lookup.find_job(transaction, ulid)
    if row.status != FORWARDING:
        return False
    log.apply(transaction, [row], Event(BOTH, status, queue.clock.now_ms(), CLOUD, note))
    return True


def give_back(queue: Queue, ulid: str) -> bool:
    """Run the job at the site: its copy did not appear in time."""
    return queue.database.write(decide, queue, ulid, UNREAD, NOT_THERE)


class CopySearch:
    """The search for the copies of a site's jobs: a job without one in a late, complete sweep runs at the site."""

    def __init__(self, queue: Queue, site: str, patience_s: float) -> None:
        self._queue = queue
        self._site = site
        self._patience_s = patience_s
        self._since_s: dict[str, float] = {}

    def step(self, now_s: float, complete_s: float) -> None:
        """Give back the jobs without a copy in the last complete sweep, of `complete_s`."""
        forwarding = lookup.forwarding_of(self._queue.database, self._site)
        self._since_s = {ulid: self._since_s.get(ulid, now_s) for ulid in forwarding}
        for ulid, since_s in self._since_s.items():
            if complete_s - since_s >= self._patience_s:
                give_back(self._queue, ulid)
