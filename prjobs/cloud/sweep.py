"""Sweeps: a site's jobs, read from the cloud page by page, without a gap and without a change in the cloud.

The cloud lists jobs of the last `timeRange` milliseconds of its own clock and may cut the list at 1 MB, oldest first.
So every page has a start and an end of completeness, by the cloud's Date header and never by the machine's wall clock.
"""

from collections.abc import Callable

from prjobs.cloud import wire
from prjobs.cloud.connection import Connection
from prjobs.cloud.network import AMBIGUOUS, REFUSED, Failure, Overflow, require_usable
from prjobs.cloud.wire import Listing, Page

ASKED_AGAIN = 8
DATE_STEP_MS = 1000
SETTLED_MS = 2000
OVERFLOW = (
    "More jobs came within two seconds than the cloud lists at once. Reading stands still so that none is skipped: "
    "send jobs there more slowly, or have the cloud list more."
)


class Reader:
    """The reader of a site's jobs in the cloud."""

    def __init__(self, connection: Connection, site: str) -> None:
        self.connection = connection
        self.site = site

    def page(self, want_ms: int, margin_ms: int) -> tuple[Listing, int, int]:
        """Return (jobs, Date in ms, start in ms): every job since `start`, at `want_ms` or earlier. Failure."""
        time = self.connection.time
        for _ in range(ASKED_AGAIN):
            range_ms = max(0, time.now_ms() - want_ms + margin_ms)
            answer = self.connection.call("getrecentjobs", wire.recent_body(self.site, range_ms))
            date_ms = require_usable(answer)
            listing = wire.read_listing(answer.body, self.site, date_ms)
            time.heard(date_ms)
            start_ms = date_ms - range_ms + DATE_STEP_MS
            if start_ms <= want_ms:
                return listing, date_ms, start_ms
            # The estimate of the cloud's time was wrong, or the answer took long: the page has a gap at its start.
            margin_ms *= 2
        raise Failure(AMBIGUOUS, "The cloud's clock changes between its answers: check the cloud's clock.")


class Walk:
    """A sweep from `want_ms` to now. Each `step` reads a page for `keep`.

    A job may appear in the list up to the overlap after its own time, behind a walk already past the job. So from the
    first page within the last overlap the mark stays at the page's date, however long the rest of the walk takes. The
    next walk begins an overlap before the mark and reads the time in between again.
    """

    def __init__(self, reader: Reader, want_ms: int) -> None:
        self._reader = reader
        self._timings = reader.connection.timings
        self._want_ms = want_ms
        self._margin_ms = self._timings.margin_ms
        self._mark_most_ms: int | None = None

    def step(self, keep: Callable[[Page], None]) -> bool:
        """Read a page; return True after the last page. Failure; Overflow if going on would skip jobs."""
        listing, date_ms, start_ms = self._reader.page(self._want_ms, self._margin_ms)
        full = listing.size > self._timings.full_page_bytes
        end_ms = date_ms - SETTLED_MS
        if full:
            end_ms = min(end_ms, listing.last_ms if listing.last_ms is not None else self._want_ms)
        page = Page(
            site=self._reader.site,
            listing=listing,
            start_ms=start_ms,
            mark_ms=self._mark_ms(end_ms, date_ms),
            offset_ms=self._reader.connection.time.offset_ms,
            is_last=not full,
        )
        keep(page)
        if not full:
            return True
        if end_ms <= self._want_ms:
            self._narrow()
        self._want_ms = max(self._want_ms, end_ms)
        return False

    def _mark_ms(self, end_ms: int, date_ms: int) -> int:
        """Return the highest mark after a page with its end at `end_ms`, read at `date_ms`."""
        if self._mark_most_ms is None and end_ms > date_ms - self._timings.overlap_ms:
            self._mark_most_ms = date_ms - SETTLED_MS
        return end_ms if self._mark_most_ms is None else min(end_ms, self._mark_most_ms)

    def _narrow(self) -> None:
        """Ask with a smaller margin after a page without progress. Overflow at the smallest margin."""
        if self._margin_ms <= self._timings.least_margin_ms:
            raise Overflow(REFUSED, OVERFLOW)
        self._margin_ms = max(self._timings.least_margin_ms, self._margin_ms // 2)
