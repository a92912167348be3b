"""The queue: what can be done with jobs. Each public verb is one transaction or one look.

A private function with a `transaction` runs inside the writer; everything it does is on disk when its verb
returns, or nothing is.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from prjobs import audit, catalogue, feed
from prjobs.appliance import Appliance
from prjobs.audit import By
from prjobs.database import Database, Transaction
from prjobs.errors import Conflict, NotFound
from prjobs.feed import Event
from prjobs.identity import Identity
from prjobs.models import JOB_COLUMNS, JobRow
from prjobs.states import (
    ABORTED,
    ALTERNATE,
    BOTH,
    CANCELLED,
    FORWARDING,
    HELD,
    LINK_WORDS,
    PRIMARY,
    RECEIVED,
    UNREAD,
    is_finished,
)
from prjobs.ulids import floor_ulid
from prjobs.wire import StatusUpdate

PAGE = 500
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
    return appliance.database.write(_insert_job, appliance, command, actor, what)


def _insert_job(transaction: Transaction, appliance: Appliance, command: Command, actor: By, what: str) -> JobRow:
    return insert_job(transaction, appliance, command, UNREAD, actor, what)


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
        _withdraw_waiting(transaction, appliance, command.site, now_ms, command.user_id)
    row = _new_row(appliance, command, now_ms)._replace(status=status, alternate_status=status)
    row = insert_row(transaction, appliance, row, command.user_id)
    audit.record_job(transaction, appliance, what, row, actor)
    if row.expires_ms:
        appliance.expiries.set(row.seq, (row.expires_ms - row.created_ms) / 1000)
    return row


def insert_row(transaction: Transaction, appliance: Appliance, row: JobRow, who: str) -> JobRow:
    """Store a new job and log it; returns it with its number."""
    row = row._replace(seq=transaction.execute(_INSERT_JOB, row[1:]).fetchone()[0])
    queue = BOTH if row.status == row.alternate_status else PRIMARY
    feed.append_created(transaction, row, Event(queue, row.status, row.changed_ms, who, "", row.estimate_s))
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


# ---- cancel


def _withdraw_waiting(transaction: Transaction, appliance: Appliance, site: str, now_ms: int, who: str) -> None:
    """Nothing of the site that is older than this moment will be handed out any more."""
    for queue in (PRIMARY, ALTERNATE):
        waiting = [*waiting_of(transaction, site, queue), *held_of(transaction, site, queue)]
        unsent = [row for handed in appliance.handouts.withdraw_unsent((site, queue)) for row in handed.rows]
        event = Event(queue, CANCELLED, now_ms, who, "cancel_all_commands")
        feed.apply(transaction, [*waiting, *unsent], event)
    for job_seq, queue in transaction.fetch(
        "SELECT l.job_seq, l.queue FROM lease l JOIN job j ON j.seq = l.job_seq WHERE j.site = ?", (site,)
    ):
        end_lease(transaction, appliance, job_seq, queue)


def end_lease(transaction: Transaction, appliance: Appliance, job_seq: int, queue: str) -> None:
    """The job does not come back any more."""
    transaction.execute("DELETE FROM lease WHERE job_seq = ? AND queue = ?", (job_seq, queue))
    appliance.leases.drop((job_seq, queue))


def cancel_job(appliance: Appliance, ulid: str, actor: By, reason: str = "") -> JobRow:
    """Withdraw one job that waits, in both queues. NotFound, or Conflict when it was picked up or is finished."""
    return appliance.database.write(_cancel_job, appliance, ulid, actor, reason)


def _cancel_job(transaction: Transaction, appliance: Appliance, ulid: str, actor: By, reason: str) -> JobRow:
    row = _find(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,)))
    if row.status not in (UNREAD, HELD):
        raise Conflict(f"The job does not wait any more: its status is {shown(row.status)}. Send a stop instead.")
    queue = BOTH if row.alternate_status in (UNREAD, HELD) else PRIMARY
    feed.apply(transaction, [row], Event(queue, CANCELLED, appliance.clock.now_ms(), actor.who, reason))
    audit.record_job(transaction, appliance, audit.CANCEL, row, actor)
    return _find(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ?", (row.seq,)))


def close_job(appliance: Appliance, ulid: str, actor: By, reason: str) -> JobRow:
    """Close a job that was picked up and is not finished: its status becomes ABORTED. NotFound, or Conflict."""
    return appliance.database.write(_close_job, appliance, ulid, actor, reason)


def _close_job(transaction: Transaction, appliance: Appliance, ulid: str, actor: By, reason: str) -> JobRow:
    row = _find(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,)))
    if row.status in (UNREAD, HELD, FORWARDING) or is_finished(row.status):
        raise Conflict(
            f"Only a job that was picked up and is not finished can be closed; this one is {shown(row.status)}."
        )
    end_lease(transaction, appliance, row.seq, PRIMARY)
    feed.apply(transaction, [row], Event(PRIMARY, ABORTED, appliance.clock.now_ms(), actor.who, reason, -1))
    audit.record_job(transaction, appliance, audit.CLOSE, row, actor)
    return _find(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ?", (row.seq,)))


def shown(status: str) -> str:
    """A status word for a sentence: only known words are repeated, an observatory's own are not."""
    return status if status.isascii() and status.replace("_", "").isalnum() else "a word of the observatory's own"


# ---- update


def update_status(appliance: Appliance, report: StatusUpdate, who: str) -> None:
    """Store a reported status in one queue. NotFound, or Conflict for a finished job that would become UNREAD."""
    appliance.database.write(_update_status, appliance, report, who)


def _update_status(transaction: Transaction, appliance: Appliance, report: StatusUpdate, who: str) -> None:
    queue = ALTERNATE if report.alternate else PRIMARY
    row = _find(
        transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND ulid = ?", (report.site, report.ulid))
    )
    if report.status in LINK_WORDS:
        raise Conflict("This status is a word of the appliance's own: report another one.")
    before = row.alternate_status if report.alternate else row.status
    if report.status == UNREAD and _was_finished(transaction, row.seq, queue):
        raise Conflict(f"A finished job cannot become UNREAD again; its status is {shown(before)}.")
    if before == RECEIVED:
        _prove_handout(transaction, row.seq, queue)
    if (row.seq, queue) in appliance.leases:
        _heard_of(transaction, appliance, row.seq, queue, renew=report.status == RECEIVED)
    event = Event(queue, report.status, appliance.clock.now_ms(), who, "", report.estimate_s)
    feed.apply(transaction, [row], event)


def _was_finished(transaction: Transaction, job_seq: int, queue: str) -> bool:
    """Whether the job was ever finished in this queue, whatever was reported of it since."""
    sql = "SELECT DISTINCT status FROM change WHERE job_seq = ? AND queue IN (?, 'both')"
    return any(is_finished(status) for (status,) in transaction.fetch(sql, (job_seq, queue)))


def _prove_handout(transaction: Transaction, job_seq: int, queue: str) -> None:
    """A report on one of its jobs proves that the answer arrived."""
    transaction.execute(
        "UPDATE handout SET state = 'CONFIRMED' WHERE state <> 'CONFIRMED' AND id = ("
        "SELECT handout_id FROM change WHERE job_seq = ? AND queue = ? AND handout_id IS NOT NULL "
        "ORDER BY seq DESC LIMIT 1)",
        (job_seq, queue),
    )


def _heard_of(transaction: Transaction, appliance: Appliance, job_seq: int, queue: str, renew: bool) -> None:
    """A report of RECEIVED renews a lease; any other report ends it."""
    if not renew:
        end_lease(transaction, appliance, job_seq, queue)
        return
    lease_s = transaction.fetch("SELECT lease_s FROM lease WHERE job_seq = ? AND queue = ?", (job_seq, queue))
    appliance.leases.set((job_seq, queue), lease_s[0][0])


# ---- look


def has_waiting(appliance: Appliance, site: str, queue: str) -> bool:
    """Whether a job of the site waits in the queue: the look that observatories take all night."""
    return bool(appliance.database.fetch(_LOOK[queue], (site,)))


_LOOK = {
    queue: f"SELECT 1 FROM job WHERE site = ? AND {status} = '{UNREAD}' LIMIT 1"
    for queue, (status, _) in feed.COLUMNS.items()
}

_WAITING = {
    queue: f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND {status} = '{UNREAD}'"
    for queue, (status, _) in feed.COLUMNS.items()
}


def waiting_of(
    transaction: Transaction, site: str, queue: str, device: str | None = None, instance: str | None = None
) -> list[JobRow]:
    """The jobs of the site that wait in the queue, oldest first, of one device or instance when given."""
    sql = _WAITING[queue]
    parameters = [site]
    for column, value in (("device", device), ("instance", instance)):
        if value is not None:
            sql += f" AND {column} = ?"
            parameters.append(value)
    return [JobRow(*row) for row in transaction.fetch(f"{sql} ORDER BY seq", parameters)]


def held_of(source: Database | Transaction, site: str, queue: str) -> list[JobRow]:
    """The jobs of the site that the cloud link holds back, oldest first."""
    status = f"{feed.COLUMNS[queue][0]} IN ('{HELD}', '{FORWARDING}')"
    sql = f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND {status} ORDER BY ulid"
    return [JobRow(*row) for row in source.fetch(sql, (site,))]


def find_job(appliance: Appliance, ulid: str) -> JobRow:
    """One job. NotFound."""
    return _find(appliance.database.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,)))


def list_recent(appliance: Appliance, site: str, range_ms: int) -> Iterator[list[JobRow]]:
    """Every job of the site that is at most `range_ms` old, oldest first, in pages."""
    after = floor_ulid(appliance.clock.now_ms() - range_ms)
    inclusive = ">="
    while True:
        found = appliance.database.fetch(
            f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND ulid {inclusive} ? ORDER BY ulid LIMIT {PAGE}",
            (site, after),
        )
        rows = [JobRow(*row) for row in found]
        yield rows
        if len(rows) < PAGE:
            return
        after, inclusive = rows[-1].ulid, ">"


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


def _find(found: list[tuple[object, ...]]) -> JobRow:
    if not found:
        raise NotFound("There is no job with this ulid at this site.")
    return JobRow(*found[0])  # type: ignore[arg-type]
