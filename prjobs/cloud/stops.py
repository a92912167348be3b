"""What a stop covers on the other side: a cancel_all of the cloud here, and one at the site there."""

from typing import TYPE_CHECKING

from prjobs.base import catalogue
from prjobs.cloud import store
from prjobs.cloud.context import Context
from prjobs.cloud.markers import WHO
from prjobs.cloud.wire import Record, ulid_ms
from prjobs.jobs import log, lookup
from prjobs.jobs.log import Event
from prjobs.jobs.states import ALTERNATE, CANCELLED, HELD, PRIMARY
from prjobs.store.engine import Source
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

if TYPE_CHECKING:
    from prjobs.cloud.importing import Page

DOUBT_MS = 30_000
# Dates of the cloud are whole seconds, and an answer takes its time.
STOP_DOUBT_MS = 5_000
STOPPED_HERE = "cancel_all_commands at the site, which came after it or within 5 s before it"


def hold_older(transaction: Transaction, context: Context, page: "Page", cancel_ulid: str, copied: bool) -> None:
    """Hold what the cancel_all may have withdrawn; a complete look decides later which of it is still there.

    `copied`: it is the copy of a stop at the site, which withdrew the site's own jobs itself.
    """
    now_ms, cancel_ms = context.queue.clock.now_ms(), ulid_ms(cancel_ulid) - page.offset_ms + DOUBT_MS

    def is_older(row: JobRow) -> bool:
        return row.ulid < cancel_ulid if row.origin == WHO else row.created_ms <= cancel_ms and not copied

    for queue in (PRIMARY, ALTERNATE):
        waiting = lookup.waiting_of(transaction, page.site, queue)
        older = [*filter(is_older, waiting)]
        held = [row for row in older if row.origin == WHO]
        log.apply(transaction, held, Event(queue, HELD, now_ms, WHO, "cancel_all_commands in the cloud"))
        if queue == PRIMARY:
            store.needs_no_push(transaction, [row.seq for row in held])
        on_their_way = [row for row in lookup.held_of(transaction, page.site, queue) if row.origin != WHO]
        ours = [row for row in older if row.origin != WHO] + [*filter(is_older, on_their_way)]
        note = "cancel_all_commands in the cloud, which came after it or within 30 s of it"
        log.apply(transaction, ours, Event(queue, CANCELLED, now_ms, WHO, note))
    store.set_cancel(transaction, page.site, cancel_ulid)


def came_before_stop(source: Source, context: Context, page: "Page", record: Record) -> bool:
    """Whether the site was stopped after the job was asked for, or so soon before that it cannot be told."""
    stop_ms = _stopped_ms(source, context, page)
    if stop_ms is None:
        return False
    makes_safe = catalogue.command_class(record.device, record.action, record.values) in catalogue.MAKES_SAFE
    return ulid_ms(record.ulid) <= stop_ms + (0 if makes_safe else STOP_DOUBT_MS)


def _stopped_ms(source: Source, context: Context, page: "Page") -> int | None:
    """Return when the site was last stopped at the site, in the cloud's time; None when that is not known.

    Elapsed time tells of a stop of this process. Of an earlier one the wall clock tells, unless it went back behind
    the stop since.
    """
    found = source.fetch(
        "SELECT seq, created_ms FROM job WHERE site = ? AND lower(action) = 'cancel_all_commands' AND origin <> ? "
        "ORDER BY seq DESC LIMIT 1",
        (page.site, WHO),
    )
    if not found:
        return None
    queue, now_ms = context.queue, context.queue.clock.now_ms()
    (seq, created_ms), known = found[0], queue.stops.get(page.site)
    if known and known.job_seq == seq:
        return now_ms + page.offset_ms - int((queue.clock.elapsed_s() - known.at_s) * 1000)
    if seq > queue.first_seq:
        # The stop stands in the same transaction: memory follows after the commit.
        return now_ms + page.offset_ms
    return created_ms + page.offset_ms if created_ms <= now_ms else None
