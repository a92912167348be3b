"""Withdrawals across the link: jobs here by a stop of the cloud, jobs of the cloud by a stop at the site."""

from prjobs.base.ulids import ulid_ms
from prjobs.cloud import tables
from prjobs.cloud.wire import Page
from prjobs.jobs import log, lookup, stops
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import is_cancel_all
from prjobs.jobs.states import ALTERNATE, CANCELLED, CLOUD, COLUMNS, HELD, PRIMARY, UNREAD
from prjobs.jobs.stops import SPARED, STOP, Withdrawal
from prjobs.store.engine import Source
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

DOUBT_MS = 30_000
# The cloud's dates are in whole seconds, and answers take a moment. In doubt a stop of the cloud is handed out.
STOP_DOUBT_MS = 5_000
HELD_NOTE = "a cancel_all in the cloud came after it: held until the cloud says whether it still has it"


def withdraw_older(transaction: Transaction, queue: Queue, page: Page, stop: JobRow, gives_way: bool) -> None:
    """Withdraw the jobs that are older than a stop of the cloud, except closing and parking.

    A cancel_all may have deleted jobs in the cloud, whose status must not be sent any more: jobs of the cloud are held
    until a complete look finds the withdrawn ones. Older jobs of the site are cancelled, but not by a stop that gives
    way to a newer one, or to the stop at the site of which it is a copy: the other stop did so itself. Older stops give
    way only in a queue where the new stop waits: otherwise no stop would be handed out.
    """
    note, cancels_all = stops.withdrawal_of(stop).note, is_cancel_all(stop.action)
    stop_ms = ulid_ms(stop.ulid) - page.offset_ms

    def is_older(row: JobRow) -> bool:
        if row.command_class in SPARED or row.ulid == stop.ulid:
            return False
        if row.origin == CLOUD:
            return row.ulid < stop.ulid
        # In doubt both stops are handed out.
        doubt_ms = 0 if row.command_class == STOP else DOUBT_MS
        return row.created_ms <= stop_ms + doubt_ms and not gives_way

    for queue_name in (PRIMARY, ALTERNATE):
        waits = getattr(stop, COLUMNS[queue_name][0]) == UNREAD
        waiting = lookup.waiting_of(transaction, page.site, queue_name)
        older = [row for row in waiting if is_older(row) and (waits or row.command_class != STOP)]
        forwarding = [row for row in lookup.held_of(transaction, page.site, queue_name) if row.origin != CLOUD]
        held = [row for row in older if row.origin == CLOUD and cancels_all]
        withdrawn = [row for row in older if row not in held] + [*filter(is_older, forwarding)]
        now_ms = queue.clock.now_ms()
        log.apply(transaction, held, Event(queue_name, HELD, now_ms, CLOUD, HELD_NOTE))
        log.apply(transaction, withdrawn, Event(queue_name, CANCELLED, now_ms, stop.user_id, note))
        if queue_name == PRIMARY:
            tables.needs_no_push(transaction, [row.seq for row in held])
    if cancels_all:
        tables.set_cancel(transaction, page.site, stop.ulid)


def stop_after(source: Source, queue: Queue, page: Page, row: JobRow) -> Withdrawal | None:
    """Return the stop that withdraws a new job of the cloud; None if the job may run.

    A stop at the site counts if the job was asked for before the stop, or too soon after it to tell.
    """
    if row.command_class in SPARED:
        return None
    if of_cloud := stops.covering_stop(source, queue.settings, row):
        return of_cloud
    of_site = stops.newest_local_stop(source, queue.settings, row)
    stop_ms = _cloud_ms(queue, page, of_site) if of_site else None
    doubt_ms = -STOP_DOUBT_MS if row.command_class == STOP else STOP_DOUBT_MS
    return of_site if stop_ms is not None and row.created_ms <= stop_ms + doubt_ms else None


def _cloud_ms(queue: Queue, page: Page, stop: Withdrawal) -> int | None:
    """Return the cloud's time of a stop at the site; None if unknown.

    Elapsed time dates a stop of this process. The wall clock dates an earlier stop, unless the clock went back behind
    the stop.
    """
    now_ms, known = queue.clock.now_ms(), queue.stops.get(page.site)
    if known and known.job_seq == stop.seq:
        return now_ms + page.offset_ms - int((queue.clock.elapsed_s() - known.at_s) * 1000)
    if stop.seq > queue.first_seq:
        # The stop stands in the same transaction: memory follows after the commit.
        return now_ms + page.offset_ms
    return stop.created_ms + page.offset_ms if stop.created_ms <= now_ms else None
