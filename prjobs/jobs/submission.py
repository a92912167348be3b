"""Submitting commands: new jobs, and the repeat of a command.

A private function with a `transaction` runs inside the writer: when the verb returns, all its writes are on disk, and
when the verb raises, none is.
"""

import msgspec

from prjobs.access import audit
from prjobs.access.audit import Act, Actor
from prjobs.access.identity import Identity
from prjobs.base.errors import Conflict
from prjobs.jobs import expiry, stops
from prjobs.jobs.insertion import insert_row, new_row
from prjobs.jobs.lookup import find_job
from prjobs.jobs.queue import Queue, write_command
from prjobs.jobs.requests import Command, carried
from prjobs.jobs.states import UNREAD
from prjobs.store.models import JOB_COLUMNS, JobRow, sent_by
from prjobs.store.transaction import Transaction

DAY_MS = 86_400_000


def submit_job(queue: Queue, command: Command, actor: Actor, what: str = audit.NEWJOB) -> JobRow:
    """Queue a command in both queues and return the stored job. `actor` and `what` are for the audit.

    A stop withdraws every older waiting job of the site, except closing and parking. The same idempotency key of the
    same user within a day gives the job of the first call. Raise Conflict when the first call had a different command.
    """
    row: JobRow = write_command(queue, insert_job, queue, command, Act(actor, what), makes_safe=command.makes_safe)
    return row


def insert_job(transaction: Transaction, queue: Queue, command: Command, act: Act, status: str = UNREAD) -> JobRow:
    """Store a command with a status in both queues; for a known idempotency key return the first job instead."""
    now_ms = queue.clock.now_ms()
    if command.idempotency_key and (before := _same_key(transaction, command, now_ms)):
        return before
    row = new_row(queue, command, *queue.ulids.next())._replace(status=status, alternate_status=status)
    row = insert_row(transaction, queue, row, command.user_id)
    if stops.is_stop(queue.settings, row):
        stops.withdraw_older(transaction, queue, row)
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


def again(queue: Queue, ulid: str, identity: Identity, actor: Actor) -> JobRow:
    """Queue a job's command again, as a new job with the old job's id in `again_of`. Raise NotFound."""
    old = find_job(queue.database, ulid)
    changed = {
        "user_id": identity.user_id,
        "user_name": identity.user_name,
        "user_roles": identity.roles_json,
        "again_of": old.ulid,
        "idempotency_key": None,
    }
    values = msgspec.json.decode(old.required_params)
    command = Command(**(carried(old) | changed), values=values)
    return submit_job(queue, command, actor, audit.AGAIN)
