"""Copies: a job that was made at the site, as a record of the cloud that carries the job's id as its marker.

A job is FORWARDING while the answer of the cloud is open: its copy then appears in a sweep, or the job runs as one of
the site.
"""

from prjobs.cloud.wire import Record
from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import BOTH, CLOUD, FORWARDED, FORWARDING, UNREAD
from prjobs.store.engine import Source
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.transaction import Transaction

NOT_THERE = "the cloud does not have it: it runs as a job of the site"


def may_run(transaction: Transaction, queue: Queue, record: Record) -> bool:
    """Return False if the record is the copy of a job that runs, ran or was withdrawn at the site.

    A job that was waiting for its copy becomes FORWARDED: from now on the record is the job.
    """
    if record.marker is None:
        return True
    sql = "SELECT seq, status FROM job WHERE site = ? AND ulid = ? AND origin <> ?"
    found = transaction.fetch(sql, (record.command.site, record.marker, CLOUD))
    if not found:
        return True
    seq, status = found[0]
    return status == FORWARDING and decide(transaction, queue, seq, FORWARDED, f"runs as {record.ulid}, its cloud id")


def decide(transaction: Transaction, queue: Queue, seq: int, status: str, note: str) -> bool:
    """Set the status of a job that is FORWARDING; return False if it is not: a sweep and its own request may decide."""
    found = transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ? AND status = '{FORWARDING}'", (seq,))
    rows = [JobRow(*one) for one in found]
    log.apply(transaction, rows, Event(BOTH, status, queue.clock.now_ms(), CLOUD, note))
    return bool(rows)


def list_undecided(source: Source, site: str) -> list[JobRow]:
    """Return the jobs of the site that are FORWARDING, oldest first."""
    # Left to itself SQLite walks through all jobs of the site, since that index has them in order.
    sql = (
        f"SELECT {JOB_COLUMNS} FROM job INDEXED BY job_forwarding "
        f"WHERE site = ? AND status = '{FORWARDING}' ORDER BY ulid"
    )
    return [JobRow(*row) for row in source.fetch(sql, (site,))]


def give_back(queue: Queue, row: JobRow) -> bool:
    """Have the job run as one of the site: its copy did not appear in time."""
    return queue.database.write(decide, queue, row.seq, UNREAD, NOT_THERE)


class CopySearch:
    """The search for the copies of a site's jobs: each runs at the site when a complete sweep long after shows none."""

    def __init__(self, queue: Queue, site: str, patience_s: float) -> None:
        self._queue = queue
        self._site = site
        self._patience_s = patience_s
        self._since_s: dict[str, float] = {}

    def step(self, now_s: float, complete_s: float) -> None:
        """Give back the jobs whose copy was not in the last complete sweep, of `complete_s`."""
        undecided = list_undecided(self._queue.database, self._site)
        self._since_s = {row.ulid: self._since_s.get(row.ulid, now_s) for row in undecided}
        for row in undecided:
            if complete_s - self._since_s[row.ulid] >= self._patience_s:
                give_back(self._queue, row)
