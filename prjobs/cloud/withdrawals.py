"""Withdrawals across the link: jobs here by a stop of the cloud, jobs of the cloud by a stop at the site."""

from functools import partial

from prjobs.base.ulids import ulid_ms
from prjobs.cloud import tables
from prjobs.cloud.connection import CloudTime
from prjobs.cloud.wire import Page
from prjobs.jobs import log, lookup, stops
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue, Stop
from prjobs.jobs.requests import STOP_CLASS, is_cancel_all
from prjobs.jobs.states import ALTERNATE, CANCELLED, CLOUD, COLUMNS, HELD, PRIMARY, UNREAD
from prjobs.jobs.stops import SPARED, Withdrawal
from prjobs.store.models import JobRow
from prjobs.store.source import Source
from prjobs.store.transaction import Transaction

# The cloud's dates are in whole seconds, and answers take a moment. In doubt a stop of the cloud is handed out.
STOP_DOUBT_MS = 5_000
HELD_NOTE = "a cancel_all in the cloud came after it: held until the cloud says whether it still has it"


def withdraw_older(transaction: Transaction, queue: Queue, page: Page, stop: JobRow) -> None:
    """Withdraw the jobs that are older than a stop of the cloud, except closing and parking.

    A cancel_all may have deleted jobs in the cloud, whose status must not be sent any more: jobs of the cloud are held
    until a complete look finds the withdrawn ones. Older jobs of the site are cancelled. Older stops give way only in a
    queue where the new stop waits: otherwise no stop would be handed out.
    """
    note, cancels_all = stops.withdrawal_of(stop).note, is_cancel_all(stop.action)
    stops.note_cloud_stop(transaction, stop.seq, ulid_ms(stop.ulid) - page.offset_ms)
    for queue_name in (PRIMARY, ALTERNATE):
        covered = stops.covered_jobs(transaction, queue.settings, page.site, queue_name)
        is_older = partial(_is_older, stop, covered)
        waits = getattr(stop, COLUMNS[queue_name][0]) == UNREAD
        waiting = lookup.waiting_of(transaction, page.site, queue_name)
        older = [row for row in waiting if is_older(row) and (waits or row.command_class != STOP_CLASS)]
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


def _is_older(stop: JobRow, covered: set[int], row: JobRow) -> bool:
    if row.origin == CLOUD:
        return row.command_class not in SPARED and row.ulid < stop.ulid
    return row.seq in covered


def stop_after(source: Source, queue: Queue, offset_ms: int, row: JobRow) -> Withdrawal | None:
    """Return the stop that withdraws a job of the cloud; None if the job may run.

    A stop at the site counts if the job was asked for before the stop, or too soon after it to tell.
    """
    if row.command_class in SPARED:
        return None
    if of_cloud := stops.covering_stop(source, queue.settings, row):
        return of_cloud
    of_site = stops.newest_local_stop(source, queue.settings, row)
    stop_ms = _cloud_ms(source, queue, offset_ms, of_site, row.site) if of_site else None
    doubt_ms = -STOP_DOUBT_MS if row.command_class == STOP_CLASS else STOP_DOUBT_MS
    return of_site if stop_ms is not None and row.created_ms <= stop_ms + doubt_ms else None


def _cloud_ms(source: Source, queue: Queue, offset_ms: int, stop: Withdrawal, site: str) -> int | None:
    """Return the cloud's time of a stop at the site; None if unknown.

    Elapsed time dates the newest stop of this process. An earlier stop has the time noted for it, else the time of the
    wall clock, unless the clock went back behind the stop.
    """
    now_ms, known = queue.clock.now_ms(), queue.stops.get(site)
    if known and known.job_seq == stop.seq:
        return now_ms + offset_ms - _age_ms(queue, known)
    if stop.seq > max(queue.first_seq, known.job_seq if known else 0):
        # The stop stands in the same transaction: memory follows after the commit.
        return now_ms + offset_ms
    noted_seq, noted_ms = tables.noted_stop(source, site)
    if noted_seq == stop.seq:
        return noted_ms
    return stop.created_ms + offset_ms if stop.created_ms <= now_ms else None


def _age_ms(queue: Queue, stop: Stop) -> int:
    return int((queue.clock.elapsed_s() - stop.at_s) * 1000)


class StopTimes:
    """The cloud's times of the stops at the sites, noted for a later process: the clock may be corrected meanwhile.

    The note of a stop during an outage rests on the elapsed time since an older answer, which misses the time in which
    the machine slept. The first answer after the stop replaces the note.
    """

    def __init__(self, queue: Queue, time: CloudTime) -> None:
        self._queue = queue
        self._time = time
        self._noted: dict[str, tuple[Stop, bool]] = {}

    def note_once(self) -> None:
        """Note the newest stop of each site, once the cloud's time is known."""
        if not self._time.is_known:
            return
        for site, stop in list(self._queue.stops.items()):
            noted = (stop, self._time.heard_s >= stop.at_s)
            if self._noted.get(site) != noted:
                cloud_ms = self._time.now_ms() - _age_ms(self._queue, stop)
                self._queue.database.write(tables.note_stop, site, stop.job_seq, cloud_ms)
                self._noted[site] = noted
