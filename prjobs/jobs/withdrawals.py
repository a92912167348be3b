"""Withdrawing what waits, and closing what was picked up and never reported on."""

from prjobs.access import audit
from prjobs.access.audit import Actor
from prjobs.base.errors import Conflict
from prjobs.jobs import leases, log
from prjobs.jobs.log import Event
from prjobs.jobs.lookup import held_of, only_row, waiting_of
from prjobs.jobs.queue import Queue, Stop
from prjobs.jobs.states import (
    ABORTED,
    ALTERNATE,
    BOTH,
    CANCELLED,
    FORWARDING,
    HELD,
    PRIMARY,
    UNREAD,
    is_finished,
    shown,
)
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.transaction import Transaction

CANCEL_ALL = "cancel_all_commands"


def withdraw_waiting(transaction: Transaction, queue: Queue, site: str, now_ms: int, who: str) -> None:
    """Withdraw every job of the site that waits, in both queues: none of them is handed out any more."""
    for queue_name in (PRIMARY, ALTERNATE):
        waiting = [*waiting_of(transaction, site, queue_name), *held_of(transaction, site, queue_name)]
        log.apply(transaction, waiting, Event(queue_name, CANCELLED, now_ms, who, CANCEL_ALL))
    leases.end_all(transaction, queue, site)


def remember_stop(transaction: Transaction, queue: Queue, row: JobRow) -> None:
    """Remember that this job withdrew everything of its site, and when by elapsed time."""
    transaction.after_commit(queue.stops.__setitem__, row.site, Stop(row.seq, queue.clock.elapsed_s()))


def cancel_job(queue: Queue, ulid: str, actor: Actor, reason: str = "") -> JobRow:
    """Withdraw one job that waits, in both queues. NotFound, or Conflict when it was picked up or is finished."""
    return queue.database.write(_cancel_job, queue, ulid, actor, reason)


def _cancel_job(transaction: Transaction, queue: Queue, ulid: str, actor: Actor, reason: str) -> JobRow:
    row = only_row(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,)))
    if row.status not in (UNREAD, HELD):
        raise Conflict(f"The job does not wait any more: its status is {shown(row.status)}. Send a stop instead.")
    queue_name = BOTH if row.alternate_status in (UNREAD, HELD) else PRIMARY
    now_ms = queue.clock.now_ms()
    log.apply(transaction, [row], Event(queue_name, CANCELLED, now_ms, actor.who, reason))
    audit.record_job(transaction, now_ms, audit.CANCEL, row, actor)
    return only_row(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ?", (row.seq,)))


def close_job(queue: Queue, ulid: str, actor: Actor, reason: str) -> JobRow:
    """Close a job that was picked up and is not finished: its status becomes ABORTED. NotFound, or Conflict."""
    return queue.database.write(_close_job, queue, ulid, actor, reason)


def _close_job(transaction: Transaction, queue: Queue, ulid: str, actor: Actor, reason: str) -> JobRow:
    row = only_row(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,)))
    if row.status in (UNREAD, HELD, FORWARDING) or is_finished(row.status):
        raise Conflict(
            f"Only a job that was picked up and is not finished can be closed; this one is {shown(row.status)}."
        )
    now_ms = queue.clock.now_ms()
    leases.end(transaction, queue, row.seq, PRIMARY)
    log.apply(transaction, [row], Event(PRIMARY, ABORTED, now_ms, actor.who, reason, estimate_s=-1))
    audit.record_job(transaction, now_ms, audit.CLOSE, row, actor)
    return only_row(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ?", (row.seq,)))
