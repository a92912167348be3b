"""Expiry: a job without a poll in time becomes EXPIRED and is never handed out."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import ALTERNATE, APPLIANCE, COLUMNS, EXPIRED, PRIMARY, UNREAD
from prjobs.store.models import BRIEF_COLUMNS, JobRow
from prjobs.store.source import Source, marks
from prjobs.store.transaction import Transaction

STEP = 500
LOOK_EVERY_S = 60.0
CLOCK_TOLERANCE_MS = 1000


def begin(transaction: Transaction, queue: Queue, row: JobRow, left_s: float) -> None:
    """Start the job's time limit, by elapsed time; `left_s` seconds are left."""
    transaction.after_commit(queue.expiries.set, row.seq, queue.clock.elapsed_s() + left_s)


def expired_age_s(source: Source, queue: Queue, row: "JobRow | _Limited", began_ms: int | None = None) -> float | None:
    """Return the age in seconds of an expired job, or -1.0 for an unknown age; None for a job still in time.

    `began_ms` is the time of the first row in the log, if read already.

    Elapsed time judges the jobs of this process. For an older job the first look takes the wall clock, and later looks
    take elapsed time. A job from the future shows a clock set back: the age is unknown, and the job counts as expired,
    since an old command must not run.
    """
    if row.expires_ms is None:
        return None
    expiry_s = (row.expires_ms - row.created_ms) / 1000
    over_s = queue.expiries.over_s(row.seq)
    if over_s is None:
        began_ms = _first_ms(source, row) if began_ms is None else began_ms
        # The id may be ahead: ids never go back with the clock.
        age_ms = queue.clock.now_ms() - min(row.created_ms, began_ms)
        if age_ms < -CLOCK_TOLERANCE_MS:
            return -1.0
        over_s = age_ms / 1000 - expiry_s
        source.after_commit(queue.expiries.set, row.seq, queue.clock.elapsed_s() - over_s)
    return expiry_s + over_s if over_s >= 0 else None


def _first_ms(source: Source, row: "JobRow | _Limited") -> int:
    """Return the time of the job's first row in the log."""
    stored = source.fetch("SELECT time_ms FROM change WHERE job_seq = ? ORDER BY seq LIMIT 1", (row.seq,))
    return int(stored[0][0]) if stored else row.created_ms


def split_expired(source: Source, queue: Queue, rows: list[JobRow]) -> tuple[list[JobRow], list[JobRow]]:
    """Return (jobs still in time, expired jobs)."""
    good: list[JobRow] = []
    expired: list[JobRow] = []
    for row in rows:
        (good if expired_age_s(source, queue, row) is None else expired).append(row)
    return good, expired


def expire_rows(transaction: Transaction, queue: Queue, rows: list[JobRow], queue_name: str) -> None:
    """Set the jobs to EXPIRED in one queue, each with a note of the age."""
    now_ms = queue.clock.now_ms()
    for row in rows:
        note = _aged(expired_age_s(transaction, queue, row))
        log.apply(transaction, [row], Event(queue_name, EXPIRED, now_ms, APPLIANCE, note))


def _aged(age_s: float | None) -> str:
    if age_s is None or age_s < 0:
        return "the job's age is unknown: the clock was set back"
    minutes = int(age_s // 60)
    return f"{minutes} min old" if minutes < 120 else f"{minutes // 60} h old"


def expire_once(queue: Queue) -> int:
    """Expire the jobs over time in both queues, in one sweep, and return their number.

    The jobs of this process come by their deadlines, without a look at the store. Once a minute all waiting jobs are
    looked at: jobs from before the start, and jobs that returned to the queue after their time.
    """
    sweep, now_s = queue.sweep, queue.clock.elapsed_s()
    over = set(queue.expiries.passed())
    if now_s >= sweep.look_s:
        over |= _overdue(queue)
    # A step that fails leaves jobs whose deadline was already told: the next call looks at all.
    look_s, sweep.look_s = (now_s + LOOK_EVERY_S if now_s >= sweep.look_s else sweep.look_s), 0.0
    numbers, count = sorted(over), 0
    for first in range(0, len(numbers), STEP):
        count += queue.database.write(_expire, queue, numbers[first : first + STEP])
    sweep.look_s = look_s
    return count


class _Limited(NamedTuple):
    """A waiting job with a time limit."""

    seq: int
    site: str
    created_ms: int
    expires_ms: int | None


def _overdue(queue: Queue) -> set[int]:
    """Return the numbers of the waiting jobs over time; start the time limit of the others."""
    pages = chain.from_iterable(_waiting(queue.database, *one) for one in _WAITING)
    return {seq for page in pages for seq in _overdue_of(queue, page)}


def _overdue_of(queue: Queue, page: Sequence[_Limited]) -> Iterator[int]:
    unknown = [row.seq for row in page if row.seq not in queue.expiries]
    first = f"SELECT min(seq) FROM change WHERE job_seq IN ({marks(unknown)}) GROUP BY job_seq"
    began_ms: dict[int, int] = dict(
        queue.database.fetch(f"SELECT job_seq, time_ms FROM change WHERE seq IN ({first})", unknown)
    )
    for row in page:
        if expired_age_s(queue.database, queue, row, began_ms.get(row.seq)) is not None:
            yield row.seq


_WAITING = (("job_unread", "status"), ("job_alternate_unread", "alternate_status"))


def _waiting(source: Source, index: str, status: str) -> Iterator[list[_Limited]]:
    """Yield the waiting jobs of one queue that expire, site by site, a page at a time."""
    of = f"FROM job INDEXED BY {index} WHERE {status} = '{UNREAD}' AND site"
    next_site = f"SELECT site {of} > ? ORDER BY site LIMIT 1"
    found = source.fetch(next_site, ("",))
    while found:
        (site,), last = found[0], 0
        while page := [_Limited(*row) for row in source.fetch(f"{_COLUMNS} {of} = ? {_NEXT}", (site, last))]:
            yield page
            last = page[-1].seq
        found = source.fetch(next_site, (site,))


_COLUMNS = f"SELECT {', '.join(_Limited._fields)}"
_NEXT = f"AND seq > ? AND expires_ms IS NOT NULL ORDER BY seq LIMIT {STEP}"


def _expire(transaction: Transaction, queue: Queue, seqs: Sequence[int]) -> int:
    count = 0
    for queue_name in (PRIMARY, ALTERNATE):
        sql = f"SELECT {BRIEF_COLUMNS} FROM job WHERE seq IN ({marks(seqs)}) AND {COLUMNS[queue_name][0]} = '{UNREAD}'"
        found = transaction.fetch(f"{sql} ORDER BY seq", seqs)
        _, expired = split_expired(transaction, queue, [JobRow(*row) for row in found])
        expire_rows(transaction, queue, expired, queue_name)
        for row in expired:
            transaction.after_commit(queue.expiries.drop, row.seq)
        count += len(expired)
    return count
