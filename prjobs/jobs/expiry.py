"""Stale commands never run: what nobody fetched in time becomes EXPIRED, what is leased and unreported comes back."""

from prjobs.appliance import Appliance
from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.states import ALTERNATE, EXPIRED, PRIMARY, RECEIVED, UNREAD
from prjobs.store.database import Database, Transaction
from prjobs.store.models import JOB_COLUMNS, JobRow

APPLIANCE = "appliance"
STEP = 500
CLOCK_TOLERANCE_MS = 1000


def expired_age_s(source: Database | Transaction, appliance: Appliance, row: JobRow) -> float | None:
    """The age of a job whose time is over, in seconds; None while it is not.

    What was queued by this process is judged by elapsed time, and so is what was older, from the first look at it. That
    one takes the wall clock; when it says that the job is from the future, the clock went back and nobody knows its
    age: its time is over.
    """
    if row.expires_ms is None:
        return None
    expiry_s = (row.expires_ms - row.created_ms) / 1000
    over_s = appliance.expiries.over_s(row.seq)
    if over_s is None:
        age_ms = appliance.clock.now_ms() - _began_ms(source, row)
        if age_ms < -CLOCK_TOLERANCE_MS:
            return -1.0
        over_s = age_ms / 1000 - expiry_s
        appliance.expiries.set(row.seq, -over_s)
    return expiry_s + over_s if over_s >= 0 else None


def _began_ms(source: Database | Transaction, row: JobRow) -> int:
    """When the job was asked for. Its id may be ahead of that: ids never go back when the clock does."""
    stored = source.fetch("SELECT time_ms FROM change WHERE job_seq = ? ORDER BY seq LIMIT 1", (row.seq,))
    return min([row.created_ms, *(int(time_ms) for (time_ms,) in stored)])


def split_expired(
    source: Database | Transaction, appliance: Appliance, rows: list[JobRow]
) -> tuple[list[JobRow], list[JobRow]]:
    """(still good, expired)."""
    good: list[JobRow] = []
    expired: list[JobRow] = []
    for row in rows:
        (good if expired_age_s(source, appliance, row) is None else expired).append(row)
    return good, expired


def expire_rows(transaction: Transaction, appliance: Appliance, rows: list[JobRow], queue: str) -> None:
    """These jobs of the queue are not handed out any more; each says how old it was."""
    now_ms = appliance.clock.now_ms()
    for row in rows:
        note = _aged(expired_age_s(transaction, appliance, row))
        log.apply(transaction, [row], Event(queue, EXPIRED, now_ms, APPLIANCE, note))


def _aged(age_s: float | None) -> str:
    if age_s is None or age_s < 0:
        return "its age is unknown: the clock went back"
    minutes = int(age_s // 60)
    return f"{minutes} min old" if minutes < 120 else f"{minutes // 60} h old"


def expire_once(appliance: Appliance) -> int:
    """One sweep over both queues; how many jobs expired."""
    found = appliance.database.fetch(
        f"SELECT {JOB_COLUMNS} FROM job WHERE expires_ms IS NOT NULL "
        f"AND (status = '{UNREAD}' OR alternate_status = '{UNREAD}') ORDER BY expires_ms LIMIT {STEP}"
    )
    _, expired = split_expired(appliance.database, appliance, [JobRow(*row) for row in found])
    if not expired:
        return 0
    return appliance.database.write(_expire, appliance, [row.seq for row in expired])


def _expire(transaction: Transaction, appliance: Appliance, seqs: list[int]) -> int:
    count = 0
    for queue in (PRIMARY, ALTERNATE):
        marks = ", ".join("?" * len(seqs))
        sql = f"SELECT {JOB_COLUMNS} FROM job WHERE seq IN ({marks}) AND {log.COLUMNS[queue][0]} = '{UNREAD}'"
        rows = [JobRow(*row) for row in transaction.fetch(sql, seqs)]
        expire_rows(transaction, appliance, rows, queue)
        count += len(rows)
    for seq in seqs:
        appliance.expiries.drop(seq)
    return count


def return_leased_once(appliance: Appliance) -> int:
    """One sweep over the leases; how many jobs came back. A lease begins when its job leaves."""
    over = []
    for job_seq, queue, lease_s, site in appliance.database.fetch(
        "SELECT l.job_seq, l.queue, l.lease_s, j.site FROM lease l JOIN job j ON j.seq = l.job_seq"
    ):
        if (job_seq, queue) not in appliance.leases:
            # Handed out before this process, or never left yet: it gets its whole time again, by elapsed time.
            appliance.leases.set((job_seq, queue), lease_s)
        elif _is_over(appliance, job_seq, queue, site):
            over.append((job_seq, queue, site))
    return appliance.database.write(_return_leased, appliance, over) if over else 0


def _is_over(appliance: Appliance, job_seq: int, queue: str, site: str) -> bool:
    # In this order: what leaves now gets its whole time first, and is not unsent any more after that.
    is_unsent = appliance.handouts.is_unsent((site, queue), job_seq)
    over_s = appliance.leases.over_s((job_seq, queue))
    return not is_unsent and over_s is not None and over_s >= 0


def _return_leased(transaction: Transaction, appliance: Appliance, over: list[tuple[int, str, str]]) -> int:
    count = 0
    for job_seq, queue, site in over:
        if not _is_over(appliance, job_seq, queue, site):
            continue
        if transaction.execute("DELETE FROM lease WHERE job_seq = ? AND queue = ?", (job_seq, queue)).rowcount != 1:
            continue
        appliance.leases.drop((job_seq, queue))
        sql = f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ? AND {log.COLUMNS[queue][0]} = '{RECEIVED}'"
        rows = [JobRow(*row) for row in transaction.fetch(sql, (job_seq,))]
        event = Event(queue, UNREAD, appliance.clock.now_ms(), APPLIANCE, "the lease ran out without a report")
        log.apply(transaction, rows, event)
        count += len(rows)
    return count
