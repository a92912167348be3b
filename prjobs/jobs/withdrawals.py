"""Cancelling a waiting job, and closing a picked-up job that never finished."""

from prjobs.access import audit
from prjobs.access.audit import Actor
from prjobs.base.errors import Conflict
from prjobs.jobs import leases, log, repeats
from prjobs.jobs.log import Event
from prjobs.jobs.lookup import only_row
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import STOP_CLASS
from prjobs.jobs.states import (
    ABORTED,
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


def cancel_job(queue: Queue, ulid: str, actor: Actor, reason: str = "") -> JobRow:
    """Withdraw a waiting job in both queues. Raise NotFound, or Conflict for a picked-up or finished job."""
    return queue.database.write(_cancel_job, queue, ulid, actor, reason)


def _cancel_job(transaction: Transaction, queue: Queue, ulid: str, actor: Actor, reason: str) -> JobRow:
    row = only_row(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,)))
    if row.status not in (UNREAD, HELD):
        raise Conflict(f"The job does not wait any more: its status is {shown(row.status)}. Send a stop instead.")
    if row.command_class == STOP_CLASS and repeats.withdrawn_in_a_row(transaction, row.site, row.seq):
        raise Conflict("Another stop of the site gave way to this stop, so that it cannot be cancelled.")
    queue_name = BOTH if row.alternate_status in (UNREAD, HELD) else PRIMARY
    now_ms = queue.clock.now_ms()
    log.apply(transaction, [row], Event(queue_name, CANCELLED, now_ms, actor.who, reason))
    audit.record_job(transaction, now_ms, audit.CANCEL, row, actor)
    return only_row(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ?", (row.seq,)))


def close_job(queue: Queue, ulid: str, actor: Actor, reason: str) -> JobRow:
    """Close a picked-up, unfinished job: the status becomes ABORTED. Raise NotFound, or Conflict for any other job."""
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
