"""Withdrawals across the link: jobs here by a cancel_all of the cloud, jobs of the cloud by a stop at the site."""

from prjobs.base.ulids import ulid_ms
from prjobs.cloud import tables
from prjobs.cloud.wire import Page, Record
from prjobs.jobs import log, lookup
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import ALTERNATE, CANCELLED, CLOUD, HELD, PRIMARY
from prjobs.store.engine import Source
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

DOUBT_MS = 30_000
# The cloud's dates are in whole seconds, and answers take a moment.
STOP_DOUBT_MS = 5_000
HELD_NOTE = "cancel_all_commands in the cloud"
WITHDRAWN_NOTE = "cancel_all_commands in the cloud, which came after it or within 30 s of it"
STOPPED_NOTE = "cancel_all_commands at the site, which came after it or within 5 s before it"


def hold_older(transaction: Transaction, queue: Queue, page: Page, cancel_ulid: str, copied: bool) -> None:
    """Hold older jobs of the cloud after its cancel_all, until a complete look finds the withdrawn jobs.

    Older jobs of the site are cancelled, but not by the copy of a stop at the site (`copied`): the stop did so itself.
    """
    now_ms, cancel_ms = queue.clock.now_ms(), ulid_ms(cancel_ulid) - page.offset_ms + DOUBT_MS

    def is_older(row: JobRow) -> bool:
        return row.ulid < cancel_ulid if row.origin == CLOUD else row.created_ms <= cancel_ms and not copied

    for queue_name in (PRIMARY, ALTERNATE):
        older = [*filter(is_older, lookup.waiting_of(transaction, page.site, queue_name))]
        held = [row for row in older if row.origin == CLOUD]
        log.apply(transaction, held, Event(queue_name, HELD, now_ms, CLOUD, HELD_NOTE))
        if queue_name == PRIMARY:
            tables.needs_no_push(transaction, [row.seq for row in held])
        forwarding = [row for row in lookup.held_of(transaction, page.site, queue_name) if row.origin != CLOUD]
        ours = [row for row in older if row.origin != CLOUD] + [*filter(is_older, forwarding)]
        log.apply(transaction, ours, Event(queue_name, CANCELLED, now_ms, CLOUD, WITHDRAWN_NOTE))
    tables.set_cancel(transaction, page.site, cancel_ulid)


def came_before_stop(source: Source, queue: Queue, page: Page, record: Record) -> bool:
    """Return True if the site was stopped after the request of the job, or too shortly before to tell."""
    stop_ms = _stopped_ms(source, queue, page)
    if stop_ms is None:
        return False
    return ulid_ms(record.ulid) <= stop_ms + (0 if record.command.makes_safe else STOP_DOUBT_MS)


def _stopped_ms(source: Source, queue: Queue, page: Page) -> int | None:
    """Return the cloud's time of the last stop at the site; None if unknown.

    Elapsed time dates a stop of this process. The wall clock dates an earlier stop, unless the clock went back behind
    the stop.
    """
    found = source.fetch(
        "SELECT seq, created_ms FROM job WHERE site = ? AND lower(action) = 'cancel_all_commands' AND origin <> ? "
        "ORDER BY seq DESC LIMIT 1",
        (page.site, CLOUD),
    )
    if not found:
        return None
    now_ms = queue.clock.now_ms()
    (seq, created_ms), known = found[0], queue.stops.get(page.site)
    if known and known.job_seq == seq:
        return now_ms + page.offset_ms - int((queue.clock.elapsed_s() - known.at_s) * 1000)
    if seq > queue.first_seq:
        # The stop was stored in this very batch: memory follows after the commit.
        return now_ms + page.offset_ms
    return created_ms + page.offset_ms if created_ms <= now_ms else None
