"""Reports: the statuses that an observatory sends of its jobs."""

from prjobs.base.errors import Conflict
from prjobs.jobs import leases, log
from prjobs.jobs.log import Event
from prjobs.jobs.lookup import only_row
from prjobs.jobs.proofs import prove_by_report
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import StatusUpdate
from prjobs.jobs.states import LINK_WORDS, RECEIVED, UNREAD, is_finished, shown
from prjobs.store.models import JOB_COLUMNS
from prjobs.store.transaction import Transaction


def update_status(queue: Queue, report: StatusUpdate, who: str) -> None:
    """Store a reported status in one queue. NotFound, or Conflict for a finished job that would become UNREAD."""
    queue.database.write(_update_status, queue, report, who)


def _update_status(transaction: Transaction, queue: Queue, report: StatusUpdate, who: str) -> None:
    row = only_row(
        transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND ulid = ?", (report.site, report.ulid))
    )
    if report.status in LINK_WORDS:
        raise Conflict("This status is a word of the appliance's own: report another one.")
    before = row.alternate_status if report.alternate else row.status
    if report.status == UNREAD and _was_finished(transaction, row.seq, report.queue):
        raise Conflict(f"A finished job cannot become UNREAD again; its status is {shown(before)}.")
    if before in (RECEIVED, UNREAD):
        prove_by_report(transaction, row.seq, report.queue)
    if report.status == RECEIVED:
        leases.renew_stored(transaction, queue, row.seq, report.queue)
    else:
        leases.end(transaction, queue, row.seq, report.queue)
    event = Event(report.queue, report.status, queue.clock.now_ms(), who, estimate_s=report.estimate_s)
    log.apply(transaction, [row], event)


def _was_finished(transaction: Transaction, job_seq: int, queue_name: str) -> bool:
    """Return True if the job was ever finished in this queue, whatever was reported of it since."""
    sql = "SELECT DISTINCT status FROM change WHERE job_seq = ? AND queue IN (?, 'both')"
    return any(is_finished(status) for (status,) in transaction.fetch(sql, (job_seq, queue_name)))
