"""Reports: the statuses of jobs, sent by observatories."""

from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.errors import Conflict, TooMany
from prjobs.jobs import leases, log, stops
from prjobs.jobs.log import Event
from prjobs.jobs.lookup import only_row
from prjobs.jobs.proofs import prove_by_report
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import StatusUpdate
from prjobs.jobs.states import LINK_WORDS, RECEIVED, RETURNED, UNREAD, is_finished, phase_of, shown, word_of
from prjobs.store.models import BRIEF_COLUMNS
from prjobs.store.transaction import Transaction

# The job, and whether the queue ever handed it out, in one look.
_REPORTED = (
    f"SELECT {BRIEF_COLUMNS}, CASE WHEN EXISTS (SELECT 1 FROM change c JOIN handout h ON h.id = c.handout_id "
    f"WHERE c.job_seq = job.seq AND c.queue = ? AND h.state <> '{RETURNED}') THEN 1 ELSE 0 END "
    "FROM job WHERE site = ? AND ulid = ?"
)


NOT_HANDED_OUT = "reported, not handed out"


def update_status(queue: Queue, report: StatusUpdate, who: str, is_trusted: bool = True) -> None:
    """Store a reported status in one queue. `is_trusted`: the sender showed a token for the site.

    Raise NotFound, or Conflict for UNREAD on a job that cannot wait again, and for a report without a token on a job
    that the queue never handed out: the job would be lost.
    """
    queue.database.write(_update_status, queue, report, who, is_trusted)


def require_due(queue: Queue, report: StatusUpdate) -> None:
    """Raise TooMany unless the report is the first one on its job in the queue, or changes the phase or the last word.

    One word of progress after another can wait, and so can the same last word again.
    """
    sql = "SELECT status, alternate_status FROM job WHERE site = ? AND ulid = ?"
    before = [row[report.alternate] for row in queue.database.fetch(sql, (report.site, report.ulid))]
    if not any(status == RECEIVED or _is_change(status, report.status) for status in before):
        raise TooMany("Too many reports from this address without a token: wait a moment, or send a token.")


def _is_change(before: str, after: str) -> bool:
    """Return True if a status is of another phase, or ends the job with another word."""
    is_other_end = is_finished(after) and word_of(after) != word_of(before)
    return phase_of(after) != phase_of(before) or is_other_end


def _update_status(transaction: Transaction, queue: Queue, report: StatusUpdate, who: str, is_trusted: bool) -> None:
    found = transaction.fetch(_REPORTED, (report.queue, report.site, report.ulid))
    row, was_handed_out = only_row([values[:-1] for values in found]), any(values[-1] for values in found)
    word = word_of(report.status)
    if word in LINK_WORDS:
        raise Conflict("This status is a word of the appliance's own: report another word.")
    before = row.alternate_status if report.alternate else row.status
    if word == UNREAD and _was_finished(transaction, row.seq, report.queue):
        raise Conflict(f"A finished job cannot become UNREAD again; its status is {shown(before)}.")
    if word == UNREAD and stops.covering_stop(transaction, queue.settings, row):
        raise Conflict("A stop came after this job, so that it cannot wait again: send the command anew.")
    if not is_trusted and not was_handed_out:
        raise Conflict("This job was never handed out in this queue: only a report with an observatory's token counts.")
    if word == UNREAD and report.status != UNREAD:
        raise Conflict("A job waits again only with the status UNREAD alone; send the rest as its message.")
    if before in (RECEIVED, UNREAD):
        prove_by_report(transaction, row.seq, report.queue)
    if word == RECEIVED:
        leases.renew_stored(transaction, queue, row, report.queue, waits_again=before == UNREAD)
    else:
        leases.end(transaction, queue, row.seq, report.queue)
    now_ms = queue.clock.now_ms()
    note = stops.note_of_report(row, report)
    has_arrived = was_handed_out or (not report.alternate and queue.polls.went_over_link(row, report.status, who))
    if not has_arrived and row.command_class in MAKES_SAFE and word != UNREAD:
        note = f"{NOT_HANDED_OUT}: {note}" if note else NOT_HANDED_OUT
        if not report.alternate:
            transaction.after_commit(queue.reported.add, row.seq)
    event = Event(report.queue, report.status, now_ms, who, note, estimate_s=report.estimate_s)
    log.apply(transaction, [row], event)


def _was_finished(transaction: Transaction, job_seq: int, queue_name: str) -> bool:
    """Return True if the job was ever finished in the queue, also when a later report changed the status."""
    sql = "SELECT DISTINCT status FROM change WHERE job_seq = ? AND queue IN (?, 'both')"
    return any(is_finished(status) for (status,) in transaction.fetch(sql, (job_seq, queue_name)))
