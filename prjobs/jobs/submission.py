"""Submitting commands: new jobs, the same command again.

A private function with a `transaction` runs inside the writer; everything it does is on disk when its verb
returns, or nothing is.
"""

import msgspec

from prjobs.access import audit
from prjobs.access.audit import Act, Actor
from prjobs.access.identity import Identity
from prjobs.base.errors import Conflict
from prjobs.jobs import expiry, log
from prjobs.jobs.log import Event
from prjobs.jobs.lookup import find_job
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import Command
from prjobs.jobs.states import BOTH, PRIMARY, UNREAD
from prjobs.jobs.withdrawals import remember_stop, withdraw_waiting
from prjobs.store.models import JOB_COLUMNS, JobRow, checksum
from prjobs.store.transaction import Transaction

DAY_MS = 86_400_000
_INSERT_JOB = (
    f"INSERT INTO job ({JOB_COLUMNS.removeprefix('seq, ')}) "
    f"VALUES ({', '.join('?' * (len(JobRow._fields) - 1))}) RETURNING seq"
)


def submit_job(queue: Queue, command: Command, actor: Actor, what: str = audit.NEWJOB) -> JobRow:
    """Queue a command in both queues and return the stored job. `actor` and `what` are for the audit.

    `cancel_all_commands` first withdraws every job of the site that waits. The same idempotency key of the same
    user within a day gives the job of the first call; Conflict when that was another command.
    """
    return queue.database.write(insert_job, queue, command, Act(actor, what), makes_safe=command.makes_safe)


def insert_job(transaction: Transaction, queue: Queue, command: Command, act: Act, status: str = UNREAD) -> JobRow:
    """Store a command with a status in both queues; return the first job of a known idempotency key."""
    now_ms = queue.clock.now_ms()
    if command.idempotency_key and (before := _same_key(transaction, command, now_ms)):
        return before
    if command.cancels_all:
        withdraw_waiting(transaction, queue, command.site, now_ms, command.user_id)
    row = _new_row(queue, command, now_ms)._replace(status=status, alternate_status=status)
    row = insert_row(transaction, queue, row, command.user_id)
    if command.cancels_all:
        remember_stop(transaction, queue, row)
    audit.record_job(transaction, now_ms, act.what, row, act.actor)
    if row.expires_ms:
        expiry.begin(transaction, queue, row, (row.expires_ms - row.created_ms) / 1000)
    return row


def insert_row(transaction: Transaction, queue: Queue, row: JobRow, who: str, note: str = "") -> JobRow:
    """Store a new job and log it; return it with its number."""
    row = log.begun(row)
    row = row._replace(seq=transaction.execute(_INSERT_JOB, row[1:]).fetchone()[0])
    queue_name = BOTH if row.status == row.alternate_status else PRIMARY
    event = Event(queue_name, row.status, row.changed_ms, who, note, estimate_s=row.estimate_s)
    log.append_created(transaction, row, event)
    transaction.after_commit(queue.polls.know, row.site)
    return row


def _new_row(queue: Queue, command: Command, now_ms: int) -> JobRow:
    ulid, created_ms = queue.ulids.next()
    command_class = command.command_class
    expiry_s = queue.settings.expiry_s(command_class)
    row = JobRow(
        seq=0,
        ulid=ulid,
        site=command.site,
        created_ms=created_ms,
        device=command.device,
        instance=command.instance,
        action=command.action,
        command_class=command_class,
        user_id=command.user_id,
        user_name=command.user_name,
        user_roles=command.user_roles,
        required_params=command.required_params,
        optional_params=command.optional_params,
        status=UNREAD,
        estimate_s=None,
        alternate_status=UNREAD,
        alternate_estimate_s=None,
        changed_ms=now_ms,
        expires_ms=created_ms + expiry_s * 1000 if expiry_s else None,
        again_of=command.again_of,
        origin="local",
        attempts=0,
        checksum=0,
        idempotency_key=command.idempotency_key,
    )
    return row._replace(checksum=checksum(row))


def _same_key(transaction: Transaction, command: Command, now_ms: int) -> JobRow | None:
    found = transaction.fetch(
        f"SELECT {JOB_COLUMNS} FROM job WHERE user_id = ? AND idempotency_key = ? AND created_ms > ? "
        "ORDER BY seq DESC LIMIT 1",
        (command.user_id, command.idempotency_key, now_ms - DAY_MS),
    )
    if not found:
        return None
    before = JobRow(*found[0])
    if any(
        getattr(before, name) != getattr(command, name)
        for name in ("site", "device", "instance", "action", "required_params", "optional_params")
    ):
        raise Conflict("This Idempotency-Key was used within the last day for another command.")
    return before


def again(queue: Queue, ulid: str, identity: Identity, actor: Actor) -> JobRow:
    """Queue a job's command again, as a new job that names the old one. NotFound."""
    old = find_job(queue.database, ulid)
    values = msgspec.json.decode(old.required_params)
    command = Command(
        site=old.site,
        device=old.device,
        instance=old.instance,
        action=old.action,
        user_id=identity.user_id,
        user_name=identity.user_name,
        user_roles=identity.roles_json,
        required_params=old.required_params,
        optional_params=old.optional_params,
        values=values,
        again_of=old.ulid,
    )
    return submit_job(queue, command, actor, audit.AGAIN)
