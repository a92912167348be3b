"""Safeguards of the link, each removed alone: a bench that cannot see the loss proves nothing.

Each entry is a context in which one safeguard is missing. The daily deep sweep is off in all of them, and in the
run without a mutation: it repairs what some of them lose.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import msgspec

from prjobs.cloud import comparison, importing, judging, network, pushing, reading, sweep, tables
from prjobs.cloud.network import Failure, require_usable
from prjobs.cloud.timings import Timings
from prjobs.cloud.wire import Page
from prjobs.jobs import handouts, log, lookup, reports
from prjobs.jobs.log import Event
from prjobs.jobs.states import CANCELLED, CLOUD, PRIMARY, UNREAD
from prjobs.store.models import JobRow
from tests.cloud.model import TIMINGS

PLAIN = msgspec.structs.replace(TIMINGS, deep_first_s=1e12)
Mutation = Callable[[], AbstractContextManager[Timings]]


@contextmanager
def none() -> Iterator[Timings]:
    """Nothing is missing."""
    yield PLAIN


@contextmanager
def overlap_of_five_seconds() -> Iterator[Timings]:
    """Instead of ten minutes."""
    yield msgspec.structs.replace(PLAIN, overlap_ms=5000)


@contextmanager
def only_the_first_page() -> Iterator[Timings]:
    """The list is taken for complete."""
    yield msgspec.structs.replace(PLAIN, full_page_bytes=10**9)


@contextmanager
def wall_clock() -> Iterator[Timings]:
    """Instead of the Date header."""

    def page(self: sweep.Reader, want_ms: int, margin_ms: int) -> Any:
        now_ms = self.connection.clock.now_ms()
        range_ms = max(0, now_ms - want_ms + margin_ms)
        answer = self.connection.call("getrecentjobs", sweep.wire.recent_body(self.site, range_ms))
        self.connection.time.heard(require_usable(answer))
        return sweep.wire.read_listing(answer.body, self.site, now_ms + 10**12), now_ms, want_ms

    with patch.object(sweep.Reader, "page", page):
        yield PLAIN


@contextmanager
def mark_before_the_jobs() -> Iterator[Timings]:
    """In a transaction of its own."""
    original = importing.Importer.keep

    def keep(self: importing.Importer, page: Page) -> None:
        self._context.queue.database.write(tables.raise_mark, page.site, page.start_ms, page.mark_ms)
        original(self, page)

    with patch.object(importing.Importer, "keep", keep):
        yield PLAIN


@contextmanager
def no_quarantine_no_repair() -> Iterator[Timings]:
    """A request without an answer is repeated at once, and nobody looks later."""
    yield msgspec.structs.replace(PLAIN, quarantine_s=0.5, repairs=0)


@contextmanager
def no_quarantine() -> Iterator[Timings]:
    """A request without an answer is repeated at once."""
    yield msgspec.structs.replace(PLAIN, quarantine_s=0.5)


@contextmanager
def no_rest_after_a_restart() -> Iterator[Timings]:
    """What the process before may have sent is sent again at once."""

    original = pushing.Pusher.__init__

    def begin(self: pushing.Pusher, *arguments: Any) -> None:
        original(self, *arguments)
        self._waiting = {ulid: replace(rest, until_s=0.0) for ulid, rest in self._waiting.items()}

    with patch.object(pushing.Pusher, "__init__", begin):
        yield PLAIN


@contextmanager
def sent_before_it_is_sent() -> Iterator[Timings]:
    """The status counts as sent before the request is made; nobody looks later."""
    original = pushing.Pusher._push

    def push(self: pushing.Pusher, unsent: pushing.Unsent) -> None:
        self._database.write(tables.mark_pushed, unsent.ulid, unsent.newest_seq)
        original(self, unsent)

    with patch.object(pushing.Pusher, "_push", push):
        yield msgspec.structs.replace(PLAIN, repairs=0)


@contextmanager
def cancel_judged_by_one_page() -> Iterator[Timings]:
    """What the page of the cancel_all does not show counts as deleted."""

    def hold(transaction: Any, queue: Any, page: Page, stop: JobRow) -> None:
        present = {seen.ulid for seen in page.listing.sightings}
        waiting = importing.withdrawals.lookup.waiting_of(transaction, page.site, PRIMARY)
        gone = [row for row in waiting if row.ulid < stop.ulid and row.ulid not in present]
        log.apply(transaction, gone, Event(PRIMARY, CANCELLED, queue.clock.now_ms(), CLOUD))
        if gone:
            tables.needs_no_push(transaction, [row.seq for row in gone], tables.GONE)

    with patch.object(importing.withdrawals, "withdraw_older", hold):
        yield PLAIN


@contextmanager
def cancel_not_held() -> Iterator[Timings]:
    """A cancel_all of the cloud is delivered and changes nothing here."""
    with patch.object(importing.withdrawals, "withdraw_older", lambda *_: None):
        yield PLAIN


@contextmanager
def poll_id_forgotten() -> Iterator[Timings]:
    """A repeated poll gets what waits now, not what it got before."""
    with patch.object(handouts, "handed_before", lambda *_: None):
        yield PLAIN


@contextmanager
def believes_unread() -> Iterator[Timings]:
    """A known job that the cloud shows as UNREAD is queued again."""

    def carry_out(self: importing.PageImport, known: Any, seen: Any, wish: str) -> str:
        if seen.status == UNREAD:
            log.apply(
                self.transaction,
                [lookup.find_job(self.transaction, known.ulid)],
                Event(PRIMARY, UNREAD, self.queue.clock.now_ms(), CLOUD),
            )
        return wish

    def consequence(known: Any, seen: Any, _rules: Any) -> str | None:
        return importing.REPAIR if known.status != seen.status and seen.status == UNREAD else None

    with (
        patch.object(importing.PageImport, "_carry_out", carry_out),
        patch.object(comparison, "consequence", consequence),
    ):
        yield PLAIN


@contextmanager
def takes_the_clouds_queue() -> Iterator[Timings]:
    """getnewjobs, store, deliver: the way of the original."""

    def sweep_once(self: reading.Reading, now_s: float) -> None:
        site = self._reader.site
        answer = self._connection.call("getnewjobs", {"site": site})
        date_ms = require_usable(answer)
        listing = sweep.wire.read_listing(answer.body, site, date_ms)
        self._context.queue.database.write(tables.begin_site, site, date_ms)
        self._connection.time.heard(date_ms)
        self._main.walk, self._main.due_s, self.complete_s = None, now_s + 5.0, now_s
        self._keep(Page(site=site, listing=listing, start_ms=0, mark_ms=0, offset_ms=0, is_last=False))

    with patch.object(reading.Reading, "_sweep", sweep_once):
        yield msgspec.structs.replace(PLAIN, repairs=0)


@contextmanager
def walk_without_progress_check() -> Iterator[Timings]:
    """A page that ends where it began is asked for again and again."""
    with patch.object(sweep.Walk, "_narrow", lambda _: None):
        yield PLAIN


@contextmanager
def status_before_its_log() -> Iterator[Timings]:
    """The outbox in another transaction than the status: here the log is the outbox; nobody looks later."""
    original = reports.update_status

    def update_status(queue: Any, report: Any, who: str) -> None:
        queue.database.write(
            lambda transaction: transaction.execute(
                "UPDATE job SET status = ? WHERE ulid = ?", (report.status, report.ulid)
            )
        )
        original(queue, report, who)

    with patch.object(reports, "update_status", update_status):
        yield msgspec.structs.replace(PLAIN, repairs=0)


@contextmanager
def mark_over_a_gap() -> Iterator[Timings]:
    """The mark is raised by every page, also by one that does not begin where it stands."""

    def raise_mark(transaction: Any, site: str, _start_ms: int, mark_ms: int) -> None:
        transaction.execute("UPDATE cloud_site SET low_ms = max(low_ms, ?) WHERE site = ?", (mark_ms, site))

    keep = importing.Importer.keep
    with patch.object(tables, "raise_mark", raise_mark), patch.object(importing.Importer, "keep_news", keep):
        yield PLAIN


@contextmanager
def portal_believed() -> Iterator[Timings]:
    """A page that is no list of jobs counts as an empty list."""
    original = sweep.wire.read_listing

    def read_listing(body: bytes, site: str, date_ms: int) -> Any:
        try:
            return original(body, site, date_ms)
        except Failure:
            return sweep.wire.Listing([], 0, len(body))

    with (
        patch.object(sweep.wire, "read_listing", read_listing),
        patch.object(sweep, "require_usable", lambda answer: network._date_ms(answer.headers)),
    ):
        yield PLAIN


@contextmanager
def pushes_before_it_has_read() -> Iterator[Timings]:
    """Statuses are sent although a cancel_all may have come that nobody has seen."""
    with patch.object(reading.Reading, "is_fresh", property(lambda _: True)):
        yield PLAIN


@contextmanager
def pushes_for_what_is_gone() -> Iterator[Timings]:
    """What the cloud deleted is not remembered."""
    with patch.object(judging, "GONE", tables.OURS):
        yield PLAIN


@contextmanager
def copy_runs_too() -> Iterator[Timings]:
    """The marker of a job that runs here is not looked at."""
    with patch.object(importing.copies, "may_run", lambda *_: True):
        yield PLAIN


MUTATIONS: dict[str, Mutation] = {
    one.__name__: one
    for one in (
        overlap_of_five_seconds,
        only_the_first_page,
        wall_clock,
        mark_before_the_jobs,
        no_quarantine_no_repair,
        no_quarantine,
        no_rest_after_a_restart,
        sent_before_it_is_sent,
        cancel_judged_by_one_page,
        cancel_not_held,
        poll_id_forgotten,
        believes_unread,
        takes_the_clouds_queue,
        walk_without_progress_check,
        status_before_its_log,
        mark_over_a_gap,
        portal_believed,
        pushes_before_it_has_read,
        pushes_for_what_is_gone,
        copy_runs_too,
    )
}
