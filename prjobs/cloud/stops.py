"""What a stop covers on the other side: a cancel_all of the cloud here, and one at the site there."""

from typing import TYPE_CHECKING

from prjobs.appliance import Appliance
from prjobs.base import catalogue
from prjobs.cloud import store
from prjobs.cloud.markers import WHO
from prjobs.cloud.wire import Record, ulid_ms
from prjobs.jobs import log, lookup
from prjobs.jobs.log import Event
from prjobs.jobs.states import ALTERNATE, CANCELLED, HELD, PRIMARY
from prjobs.store.database import Database, Transaction
from prjobs.store.models import JobRow

if TYPE_CHECKING:
    from prjobs.cloud.importing import Page

DOUBT_MS = 30_000
# Dates of the cloud are whole seconds, and an answer takes its time.
STOP_DOUBT_MS = 5_000
STOPPED_HERE = "cancel_all_commands at the site, which came after it or within 5 s before it"


def hold_older(transaction: Transaction, appliance: Appliance, page: "Page", cancel_ulid: str, copied: bool) -> None:
    """Hold what the cancel_all may have withdrawn; a complete look decides later which of it is still there.

    `copied`: it is the copy of a stop at the site, which withdrew the site's own jobs itself.
    """
    now_ms, cancel_ms = appliance.clock.now_ms(), ulid_ms(cancel_ulid) - page.offset_ms + DOUBT_MS

    def is_older(row: JobRow) -> bool:
        return row.ulid < cancel_ulid if row.origin == WHO else row.created_ms <= cancel_ms and not copied

    for queue in (PRIMARY, ALTERNATE):
        waiting = lookup.waiting_of(transaction, page.site, queue)
        unsent = lookup.unsent_of(transaction, appliance, page.site, queue)
        older = [*filter(is_older, [*waiting, *unsent])]
        held = [row for row in older if row.origin == WHO]
        log.apply(transaction, held, Event(queue, HELD, now_ms, WHO, "cancel_all_commands in the cloud"))
        if queue == PRIMARY:
            store.needs_no_push(transaction, [row.seq for row in held])
        on_their_way = [row for row in lookup.held_of(transaction, page.site, queue) if row.origin != WHO]
        ours = [row for row in older if row.origin != WHO] + [*filter(is_older, on_their_way)]
        note = "cancel_all_commands in the cloud, which came after it or within 30 s of it"
        log.apply(transaction, ours, Event(queue, CANCELLED, now_ms, WHO, note))
    store.set_cancel(transaction, page.site, cancel_ulid)


def came_before_stop(source: Database | Transaction, appliance: Appliance, page: "Page", record: Record) -> bool:
    """Whether the site was stopped after the job was asked for, or so soon before that it cannot be told."""
    stop_ms = _stopped_ms(source, appliance, page)
    if stop_ms is None:
        return False
    makes_safe = catalogue.command_class(record.device, record.action, record.values) in catalogue.MAKES_SAFE
    return ulid_ms(record.ulid) <= stop_ms + (0 if makes_safe else STOP_DOUBT_MS)


def _stopped_ms(source: Database | Transaction, appliance: Appliance, page: "Page") -> int | None:
    """When the site was last stopped at the site, in the cloud's time; None when that is not known.

    In this process by elapsed time. Of a stop before it the wall clock tells, unless it went back behind it since.
    """
    now_ms = appliance.clock.now_ms()
    if (at_s := appliance.stopped.get(page.site)) is not None:
        return now_ms + page.offset_ms - int((appliance.clock.elapsed_s() - at_s) * 1000)
    stop_ms: int | None = source.fetch(
        "SELECT max(created_ms) FROM job WHERE site = ? AND lower(action) = 'cancel_all_commands' AND origin <> ?",
        (page.site, WHO),
    )[0][0]
    return stop_ms + page.offset_ms if stop_ms is not None and stop_ms <= now_ms else None
