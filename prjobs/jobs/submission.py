"""The queue: what can be done with jobs. Each public verb is one transaction or one look.

A private function with a `transaction` runs inside the writer; everything it does is on disk when its verb
returns, or nothing is.
"""

import zlib
from dataclasses import dataclass

import msgspec

from prjobs.access import audit
from prjobs.access.audit import By
from prjobs.access.identity import Identity
from prjobs.appliance import Appliance
from prjobs.base import catalogue
from prjobs.base.errors import Conflict
from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.lookup import find_job, only_row
from prjobs.jobs.states import ALTERNATE, BOTH, LINK_WORDS, PRIMARY, RECEIVED, UNREAD, is_finished, shown
from prjobs.jobs.withdrawals import end_lease, withdraw_waiting
from prjobs.store.database import Transaction
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.web.wire import StatusUpdate

DAY_MS = 86_400_000
_INSERT_JOB = (
    f"INSERT INTO job ({JOB_COLUMNS.removeprefix('seq, ')}) "
    f"VALUES ({', '.join('?' * (len(JobRow._fields) - 1))}) RETURNING seq"
)


@dataclass(frozen=True)
class Command:
    """A command to be queued, in our own words. The params and roles are JSON texts; `values` are the required ones."""

    site: str
    device: str
    instance: str
    action: str
    user_id: str
    user_name: str
    user_roles: str
    required_params: str
    optional_params: str
    values: dict[str, object]
    again_of: str | None = None
    idempotency_key: str | None = None

    @property
    def command_class(self) -> str:
        """Its class in the catalogue."""
        return catalogue.command_class(self.device, self.action, self.values)

    @property
    def makes_safe(self) -> bool:
        """Whether it makes a telescope safe, so that it gets through where others are refused."""
        return self.cancels_all or self.command_class in catalogue.MAKES_SAFE

    @property
    def cancels_all(self) -> bool:
        """Whether it withdraws everything of the site that waits. Sites take it in any letter case."""
        return is_cancel_all(self.action)


def is_cancel_all(action: str) -> bool:
    """Whether the action withdraws everything of its site that waits, in any letter case."""
    return action.lower() == "cancel_all_commands"


# ---- submit


def submit_job(appliance: Appliance, command: Command, actor: By, what: str = audit.NEWJOB) -> JobRow:
    """Queue a command in both queues; returns the stored job. `actor` and `what` are for the audit.

    `cancel_all_commands` first withdraws every job of the site that waits. The same idempotency key of the same
    user within a day gives the job of the first call; Conflict when that was another command.
    """
    arguments = (appliance, command, UNREAD, actor, what)
    return appliance.database.write(insert_job, *arguments, makes_safe=command.makes_safe)


def insert_job(
    transaction: Transaction,
    appliance: Appliance,
    command: Command,
    status: str,
    actor: By,
    what: str = audit.NEWJOB,
) -> JobRow:
    """Store a command with this status in both queues; the job of the first call for a known idempotency key."""
    now_ms = appliance.clock.now_ms()
    if command.idempotency_key and (before := _same_key(transaction, command, now_ms)):
        return before
    if command.cancels_all:
        withdraw_waiting(transaction, appliance, command.site, now_ms, command.user_id)
    row = _new_row(appliance, command, now_ms)._replace(status=status, alternate_status=status)
    row = insert_row(transaction, appliance, row, command.user_id)
    audit.record_job(transaction, appliance, what, row, actor)
    if row.expires_ms:
        appliance.expiries.set(row.seq, (row.expires_ms - row.created_ms) / 1000)
    return row


def insert_row(transaction: Transaction, appliance: Appliance, row: JobRow, who: str, note: str = "") -> JobRow:
    """Store a new job and log it; returns it with its number."""
    row = log.begun(row)
    row = row._replace(seq=transaction.execute(_INSERT_JOB, row[1:]).fetchone()[0])
    queue = BOTH if row.status == row.alternate_status else PRIMARY
    log.append_created(transaction, row, Event(queue, row.status, row.changed_ms, who, note, row.estimate_s))
    appliance.presence.know(row.site)
    return row


def _new_row(appliance: Appliance, command: Command, now_ms: int) -> JobRow:
    ulid, created_ms = appliance.ulids.next()
    command_class = command.command_class
    expiry_s = appliance.settings.expiry_s(command_class)
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


def checksum(row: JobRow) -> int:
    """CRC32 of what never changes in a job: finds a flipped bit that SQLite's own check does not see."""
    fixed = (row.ulid, row.site, row.device, row.instance, row.action, row.required_params, row.optional_params)
    return zlib.crc32("\0".join(fixed).encode())


def is_sound(row: JobRow) -> bool:
    """Whether the job is still what was sent."""
    try:
        return checksum(row) == row.checksum
    except TypeError:
        # A text that is none any more.
        return False


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


# ---- update


def update_status(appliance: Appliance, report: StatusUpdate, who: str) -> None:
    """Store a reported status in one queue. NotFound, or Conflict for a finished job that would become UNREAD."""
    appliance.database.write(_update_status, appliance, report, who)


def _update_status(transaction: Transaction, appliance: Appliance, report: StatusUpdate, who: str) -> None:
    queue = ALTERNATE if report.alternate else PRIMARY
    row = only_row(
        transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND ulid = ?", (report.site, report.ulid))
    )
    if report.status in LINK_WORDS:
        raise Conflict("This status is a word of the appliance's own: report another one.")
    before = row.alternate_status if report.alternate else row.status
    if report.status == UNREAD and _was_finished(transaction, row.seq, queue):
        raise Conflict(f"A finished job cannot become UNREAD again; its status is {shown(before)}.")
    if before in (RECEIVED, UNREAD):
        _prove_handout(transaction, row.seq, queue)
    if (row.seq, queue) in appliance.leases:
        _heard_of(transaction, appliance, row.seq, queue, renew=report.status == RECEIVED)
    event = Event(queue, report.status, appliance.clock.now_ms(), who, "", report.estimate_s)
    log.apply(transaction, [row], event)


def _was_finished(transaction: Transaction, job_seq: int, queue: str) -> bool:
    """Whether the job was ever finished in this queue, whatever was reported of it since."""
    sql = "SELECT DISTINCT status FROM change WHERE job_seq = ? AND queue IN (?, 'both')"
    return any(is_finished(status) for (status,) in transaction.fetch(sql, (job_seq, queue)))


def _prove_handout(transaction: Transaction, job_seq: int, queue: str) -> None:
    """A report on one of its jobs proves that the answer arrived."""
    transaction.execute(
        "UPDATE handout SET state = 'CONFIRMED', maybe_flushed = 0 "
        "WHERE (state <> 'CONFIRMED' OR maybe_flushed) AND id = ("
        "SELECT handout_id FROM change WHERE job_seq = ? AND queue = ? AND handout_id IS NOT NULL "
        "ORDER BY seq DESC LIMIT 1)",
        (job_seq, queue),
    )


def _heard_of(transaction: Transaction, appliance: Appliance, job_seq: int, queue: str, renew: bool) -> None:
    """A report of RECEIVED renews a lease; any other report ends it."""
    if not renew:
        end_lease(transaction, appliance, job_seq, queue)
        return
    for (lease_s,) in transaction.fetch("SELECT lease_s FROM lease WHERE job_seq = ? AND queue = ?", (job_seq, queue)):
        appliance.leases.set((job_seq, queue), lease_s)


# ---- again


def again(appliance: Appliance, ulid: str, identity: Identity, actor: By) -> JobRow:
    """Send a job again: a new job with the same command that names the old one. NotFound."""
    old = find_job(appliance, ulid)
    values = msgspec.json.decode(old.required_params)
    command = Command(
        old.site,
        old.device,
        old.instance,
        old.action,
        identity.user_id,
        identity.user_name,
        identity.roles_json,
        old.required_params,
        old.optional_params,
        values,
        again_of=old.ulid,
    )
    return submit_job(appliance, command, actor, audit.AGAIN)
