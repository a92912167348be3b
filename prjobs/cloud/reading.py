"""Reading a site in three lanes, so that nobody waits for a long look back.

`main` goes from the mark to now, mostly in one page. After an outage `main` takes many pages, and `recent` keeps
reading the last ten minutes for waiting people. `deep` looks a day back once a day, beside both. Only the end of `main`
proves a complete list.
"""

from collections.abc import Callable
from dataclasses import dataclass

from prjobs.base.notices import Code
from prjobs.cloud import tables, wire
from prjobs.cloud.connection import Connection
from prjobs.cloud.context import Context
from prjobs.cloud.network import Failure, Overflow, require_usable
from prjobs.cloud.sweep import Reader, Walk
from prjobs.cloud.wire import Page

FRESH_S = 10.0
HOUR_MS = 3_600_000
# The list of recent jobs may be a moment behind the alternate queue.
SWEEPS_A_RING = 2
Keep = Callable[[Page], None]


@dataclass
class Lane:
    """A stretch of time to read: the time of the next page, and the walk under way."""

    due_s: float = 0.0
    walk: Walk | None = None


class Reading:
    """The reading of a site. `keep` takes the pages of the main lane, `keep_news` the pages of the other lanes."""

    def __init__(self, context: Context, reader: Reader, keep: Keep, keep_news: Keep) -> None:
        self._context = context
        self._connection = reader.connection
        self._timings = reader.connection.timings
        self._reader = reader
        self._keep, self._keep_news = keep, keep_news
        self.backoff = self._connection.new_backoff()
        self._main, self._recent = Lane(), Lane()
        self._deep = Lane(context.queue.clock.elapsed_s() + self._timings.deep_first_s)
        self._deep_backoff = self._connection.look_backoff()
        self._catching_up = False
        self._swept_s = -1e9
        self._silent_s: float | None = None
        self.complete_s = -1e9

    @property
    def is_fresh(self) -> bool:
        """True if every cancel_all older than ten seconds was seen: the condition for pushing statuses."""
        return self._main.walk is None and self._context.queue.clock.elapsed_s() - self.complete_s < FRESH_S

    @property
    def fails(self) -> bool:
        """True if the cloud did not list the site's jobs the last time."""
        return self.backoff.failures > 0

    def is_due(self, now_s: float) -> bool:
        """Return True if people wait for a page."""
        due_s = self._recent.due_s if self._catching_up else self._main.due_s
        return now_s >= due_s and not self.backoff.must_wait

    def soon(self, now_s: float) -> None:
        """Read at once after a hand-out, in case of new jobs, unless just done."""
        if now_s - self._swept_s >= self._timings.sweep_soon_s:
            self.at_once(now_s)

    def at_once(self, now_s: float) -> None:
        """Make the next page due."""
        lane = self._recent if self._catching_up else self._main
        lane.due_s = min(lane.due_s, now_s)

    def step(self, now_s: float) -> None:
        """Read the due lanes, `recent` before `main`. Failure if the whole link is concerned."""
        if self.backoff.must_wait:
            return
        try:
            self._read(now_s)
        except Failure as failure:
            if failure.concerns_all and not self._others_get_answers(now_s):
                raise
            self.backoff.failed(failure)
            self._connection.site_failed(self._reader.site, failure, len(self._context.linked_sites))
            if self._catching_up:
                # A refused page costs the table as many read units as a page with jobs.
                self._main.due_s = now_s + self._connection.pause_s(failure)
            return
        if self._main.walk is None and not self.fails and now_s >= self._deep.due_s and self._connection.time.is_known:
            self._look_back(now_s)

    def _others_get_answers(self, now_s: float) -> bool:
        """Return True if the cloud answered another request since the site's first failure in a row."""
        if self._silent_s is None:
            self._silent_s = now_s
        return self._connection.time.heard_s > self._silent_s

    def _read(self, now_s: float) -> None:
        if self._main.walk is None and now_s >= self._main.due_s:
            self._begin()
        elif self._main.walk and now_s - self._swept_s > 2 * self._timings.overlap_ms / 1000:
            self._catching_up = True
        if self._catching_up and now_s >= self._recent.due_s:
            self._read_recent(now_s)
        if self._main.walk and now_s >= self._main.due_s:
            self._sweep(now_s)

    # ---- the lanes

    def _begin(self) -> None:
        """Begin a walk an overlap before the mark."""
        database, now_ms = self._context.queue.database, self._connection.time.now_ms()
        mark_ms = tables.mark_of(database, self._reader.site)
        if mark_ms is None:
            mark_ms = now_ms - self._context.queue.settings.cloud_import_hours * HOUR_MS
            database.write(tables.begin_site, self._reader.site, mark_ms)
        self._main.walk = Walk(self._reader, mark_ms - self._timings.overlap_ms)
        if now_ms - mark_ms > 2 * self._timings.overlap_ms:
            self._catching_up = True

    def _sweep(self, now_s: float) -> None:
        """Read a page of the main lane."""
        done = self._page(self._main, now_s, self._keep)
        if done:
            self._context.queue.notices.end(Code.CLOUD_OVERFLOW, self._reader.site)
            self._catching_up, self._recent, self.complete_s = False, Lane(), now_s
        else:
            self._catching_up = True

    def _read_recent(self, now_s: float) -> None:
        """Read a page of the last ten minutes."""
        stale = now_s - self._swept_s > self._timings.overlap_ms / 1000
        if self._recent.walk is None or stale:
            self._recent.walk = Walk(self._reader, self._connection.time.now_ms() - self._timings.overlap_ms)
        self._page(self._recent, now_s, self._keep_news)

    def _page(self, lane: Lane, now_s: float, keep: Keep) -> bool:
        """Read an urgent page; return True after the walk's last page. An overflow is tried again later."""
        try:
            done = self._next(lane, now_s, keep)
        except Overflow as overflow:
            sentence = f"{self._reader.site}: {overflow}"
            self._context.queue.notices.say(Code.CLOUD_OVERFLOW, sentence, self._reader.site)
            lane.walk = None
            lane.due_s = now_s + self._connection.pause_s(overflow)
            return False
        self._swept_s, self._silent_s = now_s, None
        self.backoff.worked()
        self._context.memory.unread.pop(self._reader.site, None)
        return done

    def _next(self, lane: Lane, now_s: float, keep: Keep) -> bool:
        """Read the lane's next page; return True after the walk's last page."""
        assert lane.walk is not None
        done = lane.walk.step(keep)
        self._connection.backoff.worked()
        if done:
            lane.walk = None
        lane.due_s = now_s + (self._timings.sweep_every_s if done else self._timings.walk_pause_s)
        return done

    def _look_back(self, now_s: float) -> None:
        """Read a page of the last day, to repair gaps of the overlap. A failure does not hold the site up."""
        lane, site, notices = self._deep, self._reader.site, self._context.queue.notices
        if lane.walk is None:
            lane.walk = Walk(self._reader, self._connection.time.now_ms() - self._timings.deep_ms)
        try:
            done = self._next(lane, now_s, self._keep_news)
        except Failure as failure:
            self._deep_backoff.failed(failure)
            sentence = f"{site}: the daily look at the last day failed and is tried again. {failure}"
            notices.say(Code.CLOUD_LOOK_BACK, sentence, site)
            lane.due_s = now_s + max(self._deep_backoff.wait_s, self._connection.pause_s(failure))
            if isinstance(failure, Overflow):
                lane.walk = None
            return
        self._deep_backoff.worked()
        notices.end(Code.CLOUD_LOOK_BACK, site)
        if done:
            lane.due_s = now_s + self._timings.deep_every_s


class Bell:
    """The cloud's alternate queue as a bell: a job there makes the next page due.

    The bell only saves time: the next sweep sees every new job anyway.
    """

    def __init__(self, connection: Connection, reading: Reading, site: str) -> None:
        self._connection = connection
        self._reading = reading
        self._site = site
        self._due_s, self._rung = 0.0, 0

    def step(self, now_s: float) -> None:
        """Ask the bell if due, and make the next page due after a ring."""
        if now_s < self._due_s:
            return
        timings = self._connection.timings
        try:
            answer = self._connection.call("getnewjobs", wire.bell_body(self._site))
            require_usable(answer)
        except Failure:
            self._due_s = now_s + timings.bell_after_failure_s
            return
        self._due_s = now_s + timings.bell_every_s
        if answer.body.strip() != b"[]":
            self._rung = SWEEPS_A_RING
        if self._rung:
            self._rung -= 1
            self._reading.at_once(now_s)
