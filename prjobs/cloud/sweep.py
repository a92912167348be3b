"""Reading a site's jobs from the cloud, page by page, without a gap and without changing anything there.

The cloud lists jobs of the last `timeRange` milliseconds of its own clock and may cut the list at 1 MB, oldest first.
So every page says from when to when it is complete, by the cloud's Date header and never by our wall clock.
"""

import logging
from collections.abc import Callable

from prjobs.base.clock import Clock
from prjobs.cloud import wire
from prjobs.cloud.answers import AMBIGUOUS, REFUSED, Failure, Network, Overflow, require_usable
from prjobs.cloud.contact import Contact
from prjobs.cloud.importing import Page
from prjobs.cloud.timings import Timings

logger = logging.getLogger(__name__)
ASKED_AGAIN = 8
DATE_STEP_MS = 1000
SETTLED_MS = 2000
OVERFLOW = (
    "More jobs came within two seconds than the cloud lists at once: nothing is skipped, but reading stands still."
)


class CloudTime:
    """The cloud's clock: its last Date header and the time elapsed since; our wall clock only before the first one."""

    def __init__(self, clock: Clock, contact: Contact) -> None:
        self._clock = clock
        self._contact = contact
        self._anchor: tuple[int, float] | None = None

    def now_ms(self) -> int:
        """What the cloud's clock says now."""
        if self._anchor is None:
            return self._clock.now_ms()
        date_ms, at_s = self._anchor
        return date_ms + int((self._clock.elapsed_s() - at_s) * 1000)

    @property
    def is_known(self) -> bool:
        """Whether the cloud ever answered."""
        return self._anchor is not None

    @property
    def heard_s(self) -> float:
        """When the last usable answer came, by elapsed time; long ago before the first one."""
        return self._anchor[1] if self._anchor else -1e9

    def heard(self, date_ms: int) -> None:
        """A usable answer carried this date."""
        self._anchor = (date_ms, self._clock.elapsed_s())
        now_ms = self._clock.now_ms()
        if self._contact.down_since_ms is not None:
            logger.info("cloud: it answers again after %.0f s", (now_ms - self._contact.down_since_ms) / 1000)
        self._contact.answered(now_ms, date_ms - now_ms)

    @property
    def offset_ms(self) -> int:
        """The cloud's clock minus ours."""
        return self.now_ms() - self._clock.now_ms()


class Reader:
    """Asks for one site's jobs."""

    def __init__(self, network: Network, time: CloudTime, site: str, token: Callable[[], str | None]) -> None:
        self._network = network
        self._time = time
        self._token = token
        self.site = site

    def page(self, want_ms: int, margin_ms: int) -> tuple[wire.Listing, int, int]:
        """(jobs, Date in ms, start in ms): everything from `start`, which is `want_ms` or earlier. Failure."""
        for _ in range(ASKED_AGAIN):
            range_ms = max(0, self._time.now_ms() - want_ms + margin_ms)
            answer = self._network.call("getrecentjobs", wire.recent_body(self.site, range_ms), self._token())
            date_ms = require_usable(answer)
            listing = wire.read_listing(answer.body, self.site, date_ms)
            self._time.heard(date_ms)
            start_ms = date_ms - range_ms + DATE_STEP_MS
            if start_ms <= want_ms:
                return listing, date_ms, start_ms
            # Our idea of the cloud's time was wrong, or the answer took long: ask again, wider.
            margin_ms *= 2
        raise Failure(AMBIGUOUS, "The cloud's clock does not stand still long enough to be read.")


class Walk:
    """Reads from `want_ms` to now. Each `step` reads one page and gives it to `keep`.

    A job may appear in the list up to the overlap after its own time, behind a walk that has gone past that. So from
    the first page that reaches into the last overlap the mark stays at that page's date, however long the rest of
    the walk takes: the next walk begins an overlap before the mark, and reads that time once more.
    """

    def __init__(self, reader: Reader, time: CloudTime, timings: Timings, want_ms: int) -> None:
        self._reader = reader
        self._time = time
        self._timings = timings
        self._want_ms = want_ms
        self._margin_ms = timings.margin_ms
        self._mark_most_ms: int | None = None

    def step(self, keep: Callable[[Page], None]) -> bool:
        """One page; True when it was the last. Failure, and an alarm where going on would skip jobs."""
        listing, date_ms, start_ms = self._reader.page(self._want_ms, self._margin_ms)
        full = listing.size > self._timings.full_page_bytes
        end_ms = date_ms - SETTLED_MS
        if full:
            end_ms = min(end_ms, listing.last_ms if listing.last_ms is not None else self._want_ms)
        keep(Page(self._reader.site, listing, start_ms, self._mark_ms(end_ms, date_ms), self._time.offset_ms, not full))
        if not full:
            return True
        if end_ms <= self._want_ms:
            self._narrow()
        self._want_ms = max(self._want_ms, end_ms)
        return False

    def _mark_ms(self, end_ms: int, date_ms: int) -> int:
        """How far the mark may rise by a page that ends at `end_ms` and was read at `date_ms`."""
        if self._mark_most_ms is None and end_ms > date_ms - self._timings.overlap_ms:
            self._mark_most_ms = date_ms - SETTLED_MS
        return end_ms if self._mark_most_ms is None else min(end_ms, self._mark_most_ms)

    def _narrow(self) -> None:
        """The page ended where it began: a smaller margin leaves more room in it, or nothing does."""
        if self._margin_ms <= self._timings.least_margin_ms:
            raise Overflow(REFUSED, OVERFLOW)
        self._margin_ms = max(self._timings.least_margin_ms, self._margin_ms // 2)
