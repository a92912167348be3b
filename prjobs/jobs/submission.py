"""Submitting commands: new jobs.

A private function with a `transaction` runs inside the writer: when the verb returns, all its writes are on disk, and
when the verb raises, none is.
"""

from prjobs.access import audit, lockouts
from prjobs.access.audit import Act, Actor
from prjobs.base.errors import Conflict
from prjobs.jobs import expiry, repeats, stops
from prjobs.jobs.insertion import insert_row, new_row
from prjobs.jobs.queue import Queue, write_command
from prjobs.jobs.requests import STOP_CLASS, Command, is_stop
from prjobs.jobs.states import UNREAD
from prjobs.store.models import JOB_COLUMNS, JobRow, sent_by
from prjobs.store.transaction import Transaction

DAY_MS = 86_400_000


def submit_job(queue: Queue, command: Command, actor: Actor) -> JobRow:
    """Queue a command in both queues and return the stored job. `actor` is for the audit.

    A stop withdraws every older waiting job of the site, except closing and parking. The same idempotency key of the
    same user within a day gives the job of the first call. Raise Conflict when the first call had a different command,
    and LockedOut for anything but a stop while the site is locked out.
    """
    act = act_of(command, actor)
    row: JobRow = write_command(queue, insert_job, queue, command, act, makes_safe=command.makes_safe)
    return row


def act_of(command: Command, actor: Actor) -> Act:
    """Return the sending of a command, for the audit."""
    return Act(actor, audit.AGAIN if command.again_of else audit.NEWJOB)


def insert_job(transaction: Transaction, queue: Queue, command: Command, act: Act, status: str = UNREAD) -> JobRow:
    """Store a command with a status in both queues; return the job that stands for a repeated command instead."""
    now_ms = queue.clock.now_ms()
    if command.idempotency_key and (before := _same_key(transaction, command, now_ms)):
        return before
    if command.command_class != STOP_CLASS:
        lockouts.require_unlocked(transaction, queue.settings, command.site)
    if command.is_repeat and (waiting := repeats.standing_for(transaction, queue, command)):
        return waiting
    row = new_row(queue, command, *queue.ulids.next(), status=status)
    row = insert_row(transaction, queue, row, command.user_id, repeats.SURPLUS_NOTE if command.is_repeat else "")
    if is_stop(queue.settings, row):
        stops.withdraw_older(transaction, queue, row)
    # The audit is never pruned: of a flood the first ones stand in it.
    if not (command.is_repeat and repeats.settle_surplus(transaction, queue, row)):
        audit.record_job(transaction, now_ms, act.what, row, act.actor)
    if row.expires_ms:
        expiry.begin(transaction, queue, row, (row.expires_ms - row.created_ms) / 1000)
    return row


def _same_key(transaction: Transaction, command: Command, now_ms: int) -> JobRow | None:
    found = transaction.fetch(
        f"SELECT {JOB_COLUMNS} FROM job WHERE user_id = ? AND idempotency_key = ? AND created_ms > ? "
        "ORDER BY seq DESC LIMIT 1",
        (command.user_id, command.idempotency_key, now_ms - DAY_MS),
    )
    if not found:
        return None
    before = JobRow(*found[0])
    if sent_by(before) != sent_by(command):
        raise Conflict("This Idempotency-Key was used within the last day for another command. Send a new key.")
    return before
