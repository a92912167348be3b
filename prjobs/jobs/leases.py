"""Leases: jobs that return to the queue without a report in time.

A lease is granted with a hand-out when the poll asks for a lease, renewed by a report of RECEIVED and by a repeat of
the same poll, ended by any other report. When a lease runs out without a report the job returns to the queue, unless a
stop came since. A stop returns only while no other job was handed out since.
"""

from collections.abc import Sequence

from prjobs.jobs import log, stops
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import STOP_CLASS
from prjobs.jobs.states import APPLIANCE, COLUMNS, RECEIVED, UNREAD
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.transaction import Transaction

NOTE = "the lease ran out without a report"
_OF_HANDOUT = (
    "SELECT h.lease_s FROM change c JOIN handout h ON h.id = c.handout_id WHERE c.job_seq = ? AND c.queue = ? "
    "ORDER BY c.seq DESC LIMIT 1"
)


def grant(transaction: Transaction, queue: Queue, rows: Sequence[JobRow], queue_name: str, lease_s: int) -> None:
    """Lease the jobs for `lease_s` seconds from now on, in place of any earlier lease."""
    now_ms, at_s = queue.clock.now_ms(), queue.clock.elapsed_s() + lease_s
    for row in rows:
        transaction.execute("DELETE FROM lease WHERE job_seq = ? AND queue = ?", (row.seq, queue_name))
        transaction.execute(
            "INSERT INTO lease (job_seq, queue, lease_s, handed_ms) VALUES (?, ?, ?, ?)",
            (row.seq, queue_name, lease_s, now_ms),
        )
        transaction.after_commit(queue.leases.set, (row.seq, queue_name), at_s)


def renew(queue: Queue, job_seq: int, queue_name: str, lease_s: int) -> None:
    """Start the lease of a job anew, for `lease_s` seconds."""
    if (job_seq, queue_name) in queue.leases:
        queue.leases.set((job_seq, queue_name), queue.clock.elapsed_s() + lease_s)


def renew_stored(transaction: Transaction, queue: Queue, row: JobRow, queue_name: str, waits_again: bool) -> None:
    """Start the lease of a job anew, for the whole time given at the hand-out.

    A job that waits again gets the lease of its last hand-out back: without a lease the job would be lost with the
    program that reports RECEIVED too late.
    """
    sql = _OF_HANDOUT if waits_again else "SELECT lease_s FROM lease WHERE job_seq = ? AND queue = ?"
    for (lease_s,) in transaction.fetch(sql, (row.seq, queue_name)):
        if not waits_again:
            transaction.after_commit(renew, queue, row.seq, queue_name, lease_s)
        elif lease_s:
            grant(transaction, queue, [row], queue_name, lease_s)


def end(transaction: Transaction, queue: Queue, job_seq: int, queue_name: str) -> None:
    """End the lease of a job, if any: the job does not return to the queue."""
    transaction.execute("DELETE FROM lease WHERE job_seq = ? AND queue = ?", (job_seq, queue_name))
    transaction.after_commit(queue.leases.drop, (job_seq, queue_name))


def return_once(queue: Queue) -> int:
    """Return the jobs with ended leases to their queues, in one sweep. Return the number of jobs."""
    over = []
    for *key, lease_s in queue.database.fetch("SELECT job_seq, queue, lease_s FROM lease ORDER BY job_seq, queue"):
        if tuple(key) not in queue.leases:
            # An earlier process granted the lease: start the whole time anew, since elapsed time began here.
            queue.leases.set(tuple(key), queue.clock.elapsed_s() + lease_s)
        elif _is_over(queue, tuple(key)):
            over.append(tuple(key))
    return queue.database.write(_return_over, queue, over) if over else 0


def _is_over(queue: Queue, key: tuple[int, str]) -> bool:
    over_s = queue.leases.over_s(key)
    return over_s is not None and over_s >= 0


def _return_over(transaction: Transaction, queue: Queue, over: list[tuple[int, str]]) -> int:
    count = 0
    for job_seq, queue_name in over:
        # A report may have renewed the lease since the query above.
        if not _is_over(queue, (job_seq, queue_name)):
            continue
        end(transaction, queue, job_seq, queue_name)
        status = COLUMNS[queue_name][0]
        sql = f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ? AND {status} = '{RECEIVED}'"
        rows = [JobRow(*row) for row in transaction.fetch(sql, (job_seq,))]
        rows = [row for row in rows if not _is_overtaken_stop(transaction, row, queue_name)]
        free, covered = stops.split_covered(transaction, queue.settings, rows)
        log.apply(transaction, free, Event(queue_name, UNREAD, queue.clock.now_ms(), APPLIANCE, NOTE))
        stops.withdraw(transaction, queue, covered, queue_name)
        count += len(free)
    return count


def _is_overtaken_stop(transaction: Transaction, row: JobRow, queue_name: str) -> bool:
    return row.command_class == STOP_CLASS and stops.is_overtaken(transaction, row, queue_name)
