"""Withdrawing what waits, and closing what was picked up and never reported on."""

from prjobs.access import audit
from prjobs.access.audit import By
from prjobs.appliance import Appliance
from prjobs.base.errors import Conflict
from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.lookup import held_of, only_row, unsent_of, waiting_of
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
from prjobs.store.database import Transaction
from prjobs.store.models import JOB_COLUMNS, JobRow


def withdraw_waiting(transaction: Transaction, appliance: Appliance, site: str, now_ms: int, who: str) -> None:
    """Nothing of the site that is older than this moment will be handed out any more."""
    appliance.stopped[site] = appliance.clock.elapsed_s()
    for queue in (PRIMARY, ALTERNATE):
        waiting = [*waiting_of(transaction, site, queue), *held_of(transaction, site, queue)]
        unsent = unsent_of(transaction, appliance, site, queue)
        event = Event(queue, CANCELLED, now_ms, who, "cancel_all_commands")
        log.apply(transaction, [*waiting, *unsent], event)
    for job_seq, queue in transaction.fetch(
        "SELECT l.job_seq, l.queue FROM lease l JOIN job j ON j.seq = l.job_seq WHERE j.site = ?", (site,)
    ):
        end_lease(transaction, appliance, job_seq, queue)


def end_lease(transaction: Transaction, appliance: Appliance, job_seq: int, queue: str) -> None:
    """The job does not come back any more."""
    transaction.execute("DELETE FROM lease WHERE job_seq = ? AND queue = ?", (job_seq, queue))
    appliance.leases.drop((job_seq, queue))


def cancel_job(appliance: Appliance, ulid: str, actor: By, reason: str = "") -> JobRow:
    """Withdraw one job that waits, in both queues, or was handed out and never left.

    NotFound, or Conflict when it was picked up or is finished.
    """
    return appliance.database.write(_cancel_job, appliance, ulid, actor, reason)


def _cancel_job(transaction: Transaction, appliance: Appliance, ulid: str, actor: By, reason: str) -> JobRow:
    row = only_row(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,)))
    if row.status not in (UNREAD, HELD) and not _is_unsent(transaction, appliance, row, PRIMARY):
        raise Conflict(f"The job does not wait any more: its status is {shown(row.status)}. Send a stop instead.")
    alternate = row.alternate_status in (UNREAD, HELD) or _is_unsent(transaction, appliance, row, ALTERNATE)
    queue = BOTH if alternate else PRIMARY
    log.apply(transaction, [row], Event(queue, CANCELLED, appliance.clock.now_ms(), actor.who, reason))
    audit.record_job(transaction, appliance, audit.CANCEL, row, actor)
    return only_row(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ?", (row.seq,)))


def _is_unsent(transaction: Transaction, appliance: Appliance, row: JobRow, queue: str) -> bool:
    return row.seq in [one.seq for one in unsent_of(transaction, appliance, row.site, queue)]


def close_job(appliance: Appliance, ulid: str, actor: By, reason: str) -> JobRow:
    """Close a job that was picked up and is not finished: its status becomes ABORTED. NotFound, or Conflict."""
    return appliance.database.write(_close_job, appliance, ulid, actor, reason)


def _close_job(transaction: Transaction, appliance: Appliance, ulid: str, actor: By, reason: str) -> JobRow:
    row = only_row(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,)))
    if row.status in (UNREAD, HELD, FORWARDING) or is_finished(row.status):
        raise Conflict(
            f"Only a job that was picked up and is not finished can be closed; this one is {shown(row.status)}."
        )
    end_lease(transaction, appliance, row.seq, PRIMARY)
    log.apply(transaction, [row], Event(PRIMARY, ABORTED, appliance.clock.now_ms(), actor.who, reason, -1))
    audit.record_job(transaction, appliance, audit.CLOSE, row, actor)
    return only_row(transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ?", (row.seq,)))
