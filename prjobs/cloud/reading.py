"""Reading one site in three lanes, so that nobody waits for a long look back.

`main` goes from where everything was seen to now, mostly in one page. While it takes more than one, after an outage,
`recent` keeps reading the last ten minutes: that is what people wait for. `deep` looks a day back once a day, beside
both. Only `main` says that everything was seen.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prjobs.base.notices import Code
from prjobs.cloud import importing, store
from prjobs.cloud.answers import Failure, Overflow
from prjobs.cloud.importing import Page
from prjobs.cloud.sweep import Reader, Walk
from prjobs.cloud.wire import Sighting
from prjobs.jobs.states import UNREAD

if TYPE_CHECKING:
    from prjobs.cloud.link import Link

logger = logging.getLogger(__name__)
FRESH_S = 10.0
HOUR_MS = 3_600_000


@dataclass
class Lane:
    """A stretch of time that is read: when its next page is due, and the walk that is under way."""

    due_s: float = 0.0
    walk: Walk | None = None


class Reading:
    """One site. `heard` is called when a page brought something new."""

    def __init__(self, link: "Link", site: str, heard: Callable[[], None]) -> None:
        self._link = link
        self._site = site
        self._heard = heard
        self.reader = Reader(link.network, link.time, site, link.token)
        self.backoff = link.new_backoff()
        self._main, self._recent = Lane(), Lane()
        self._deep = Lane(link.context.queue.clock.elapsed_s() + link.timings.deep_first_s)
        self._deep_backoff = link.look_backoff()
        self._catching_up = False
        self._swept_s = self._saved_s = -1e9
        self._silent_s: float | None = None
        self.complete_s = -1e9

    @property
    def is_fresh(self) -> bool:
        """Whether a cancel_all that was visible ten seconds ago has been seen: only then statuses are pushed."""
        return self._main.walk is None and self._link.context.queue.clock.elapsed_s() - self.complete_s < FRESH_S

    @property
    def fails(self) -> bool:
        """Whether the cloud did not list the site's jobs the last time."""
        return self.backoff.failures > 0

    def is_due(self, now_s: float) -> bool:
        """Whether people wait for a page."""
        due_s = self._recent.due_s if self._catching_up else self._main.due_s
        return now_s >= due_s and not self.backoff.must_wait

    def soon(self, now_s: float) -> None:
        """Something was handed out: look for more at once, unless that was just done."""
        if now_s - self._swept_s >= self._link.timings.sweep_soon_s:
            self.at_once(now_s)

    def at_once(self, now_s: float) -> None:
        """There is something new."""
        lane = self._recent if self._catching_up else self._main
        lane.due_s = min(lane.due_s, now_s)

    def step(self, now_s: float) -> None:
        """Read what is due, what people wait for first. Failure when it concerns the whole link."""
        if self.backoff.must_wait:
            return
        try:
            self._read(now_s)
        except Failure as failure:
            if failure.concerns_all and not self._others_get_answers(now_s):
                raise
            self.backoff.failed(failure)
            self._link.unread(self._site, failure)
            if self._catching_up:
                # A page that the table has no units for costs as much as one that it gives.
                self._main.due_s = now_s + self._link.pause_s(failure)
            return
        if self._main.walk is None and not self.fails and now_s >= self._deep.due_s and self._link.time.is_known:
            self._look_back(now_s)

    def _others_get_answers(self, now_s: float) -> bool:
        """Whether the cloud answered something else since this site got no answer for the first time in a row."""
        if self._silent_s is None:
            self._silent_s = now_s
        return self._link.time.heard_s > self._silent_s

    def _read(self, now_s: float) -> None:
        if self._main.walk is None and now_s >= self._main.due_s:
            self._begin()
        elif self._main.walk and now_s - self._swept_s > 2 * self._link.timings.overlap_ms / 1000:
            self._catching_up = True
        if self._catching_up and now_s >= self._recent.due_s:
            self._read_recent(now_s)
        if self._main.walk and now_s >= self._main.due_s:
            self._sweep(now_s)

    # ---- the lanes

    def _begin(self) -> None:
        """From where everything was seen, with the overlap."""
        link, timings = self._link, self._link.timings
        now_ms = link.time.now_ms()
        low_ms = store.low_of(link.context.queue.database, self._site)
        if low_ms is None:
            low_ms = now_ms - link.context.queue.settings.cloud_import_hours * HOUR_MS
            link.context.queue.database.write(store.begin_site, self._site, low_ms)
        self._main.walk = self._walk(low_ms - timings.overlap_ms)
        if now_ms - low_ms > 2 * timings.overlap_ms:
            self._catching_up = True

    def _walk(self, start_ms: int) -> Walk:
        return Walk(self.reader, self._link.time, self._link.timings, start_ms)

    def _sweep(self, now_s: float) -> None:
        """A page of the main lane."""
        done = self._page(self._main, now_s, self._keep)
        if done:
            self._link.context.queue.notices.end(Code.CLOUD_OVERFLOW, self._site)
            self._catching_up, self._recent, self.complete_s = False, Lane(), now_s
        else:
            self._catching_up = True

    def _read_recent(self, now_s: float) -> None:
        """A page of the last ten minutes."""
        stale = now_s - self._swept_s > self._link.timings.overlap_ms / 1000
        if self._recent.walk is None or stale:
            self._recent.walk = self._walk(self._link.time.now_ms() - self._link.timings.overlap_ms)
        self._page(self._recent, now_s, self._keep_news)

    def _page(self, lane: Lane, now_s: float, keep: Callable[[Page], None]) -> bool:
        """A page that people wait for; whether its walk is over. What cannot be listed is said, and tried later."""
        try:
            done = self._next(lane, now_s, keep)
        except Overflow as overflow:
            self._link.context.queue.notices.say(Code.CLOUD_OVERFLOW, f"{self._site}: {overflow}", self._site)
            lane.walk = None
            lane.due_s = now_s + self._link.pause_s(overflow)
            return False
        self._swept_s, self._silent_s = now_s, None
        self.backoff.worked()
        self._link.context.contact.unread.pop(self._site, None)
        return done

    def _next(self, lane: Lane, now_s: float, keep: Callable[[Page], None]) -> bool:
        """The next page of the lane; whether its walk is over."""
        assert lane.walk is not None
        done = lane.walk.step(keep)
        self._link.backoff.worked()
        if done:
            lane.walk = None
        lane.due_s = now_s + (self._link.timings.sweep_every_s if done else self._link.timings.walk_pause_s)
        return done

    def _look_back(self, now_s: float) -> None:
        """A page of the last day: it repairs what the overlap missed. Without it the site is read on."""
        link, lane, notices = self._link, self._deep, self._link.context.queue.notices
        if lane.walk is None:
            lane.walk = self._walk(link.time.now_ms() - link.timings.deep_ms)
        try:
            done = self._next(lane, now_s, self._keep_news)
        except Failure as failure:
            self._deep_backoff.failed(failure)
            sentence = f"{self._site}: the daily look at the last day is tried again. {failure}"
            notices.say(Code.CLOUD_LOOK_BACK, sentence, self._site)
            lane.due_s = now_s + max(self._deep_backoff.wait_s, link.pause_s(failure))
            if isinstance(failure, Overflow):
                lane.walk = None
            return
        self._deep_backoff.worked()
        notices.end(Code.CLOUD_LOOK_BACK, self._site)
        if done:
            lane.due_s = now_s + link.timings.deep_every_s

    # ---- what a page says

    def _keep(self, page: Page) -> None:
        """Take it in, and raise the mark."""
        news, now_s = self._look(page), self._link.context.queue.clock.elapsed_s()
        lately = page.is_last and now_s - self._saved_s < self._link.timings.cursor_every_s
        if lately and not news and not self._is_behind(page):
            # The mark may stay behind what was seen; the reverse would lose jobs.
            return
        self._store(page, news)
        self._saved_s = now_s

    def _keep_news(self, page: Page) -> None:
        """Take in what is new; the mark is the main lane's, which may be far behind this page."""
        if news := self._look(page):
            self._store(replace(page, low_ms=0), news)

    def _look(self, page: Page) -> list[Sighting]:
        """What is new in it."""
        link = self._link
        known = importing.known_of(link.context, page)
        link.context.contact.ghosts = page.listing.ghosts + importing.unreadable(page, known)
        doubled = link.context.contact.doubled
        for ulid in importing.taken_twice(link.context, page, known, link.rules):
            if ulid not in doubled:
                doubled.append(ulid)
                self._noticed_reader(ulid)
        return importing.news_of(page, known, link.rules)

    def _store(self, page: Page, news: list[Sighting]) -> None:
        link = self._link
        for word, ulid in link.context.queue.database.write(importing.store_page, link.context, page, news, link.rules):
            link.count(word)
            if word == importing.REPAIR:
                link.pusher.again(ulid, self._site)
            self._notice(word, ulid, page)
        if news:
            self._heard()

    def _notice(self, word: str, ulid: str, page: Page) -> None:
        contact, now_ms = self._link.context.contact, self._link.context.queue.clock.now_ms()
        if word == importing.TAKEN and self._link.is_primary:
            self._noticed_reader(ulid)
        if word == importing.REPAIR and (ulid, UNREAD) in ((one.ulid, one.status) for one in page.listing.sightings):
            contact.reset_ms = now_ms

    def _noticed_reader(self, ulid: str) -> None:
        contact = self._link.context.contact
        contact.reader_ms, contact.reader_of = self._link.context.queue.clock.now_ms(), f"{self._site}, job {ulid}"
        here = "; it was handed out here as well" if ulid in contact.doubled else ""
        logger.warning("cloud: another program took job %s of %s%s", ulid, self._site, here)

    def _is_behind(self, page: Page) -> bool:
        low_ms = store.low_of(self._link.context.queue.database, self._site) or 0
        return page.low_ms - low_ms > 2 * self._link.timings.cursor_every_s * 1000
