"""The link to the cloud: what is due, one step after the other, in one thread; the queue never waits for it."""

import logging
import threading
from collections.abc import Callable

from prjobs import lookup
from prjobs.appliance import Appliance
from prjobs.cloud import forwarding, importing, markers, status, store
from prjobs.cloud.answers import AMBIGUOUS, CREDENTIALS, Failure, Network, Overflow
from prjobs.cloud.backoff import Backoff
from prjobs.cloud.importing import Page, Rules
from prjobs.cloud.judging import Judgement
from prjobs.cloud.pushing import Pusher
from prjobs.cloud.sweep import CloudTime, Reader, Walk
from prjobs.cloud.timings import Timings
from prjobs.cloud.transport import open_transport, token_source
from prjobs.cloud.wire import ulid_ms
from prjobs.errors import Unavailable
from prjobs.states import ALTERNATE, PRIMARY, UNREAD
from prjobs.ulids import floor_ulid

logger = logging.getLogger(__name__)
STEP_S = 0.25
FRESH_S = 10.0
# Longer than the quarantine of what an earlier process may have sent.
FINISH_S = 90.0
FINISH_WAIT_S = 20.0
HOUR_MS = 3_600_000


def no_token(_again: bool) -> str | None:
    """The cloud's endpoints ask for no token."""
    return None


class SiteLink:
    """One site: walks that are under way, and when the next begins."""

    def __init__(self, link: "Link", site: str) -> None:
        self._link = link
        self._site = site
        self._reader = Reader(link.network, link.time, site, link.backoff.token)
        self._problem = f"cloud_overflow_{site}"
        self._walks: list[Walk] = []
        self._judgement: tuple[Judgement, Walk | None] | None = None
        self._due_s = 0.0
        self._forwarded_s: dict[str, float] = {}
        self._swept_s = self._complete_s = -1e9
        now_s = link.appliance.clock.elapsed_s()
        self._deep_s = now_s + link.timings.deep_first_s
        self._saved_s = -1e9
        self._judge_s = now_s + link.timings.cancel_after_s

    def soon(self) -> None:
        """Something was handed out: look for more at once, unless that was just done."""
        clock_s = self._link.appliance.clock.elapsed_s()
        if clock_s - self._swept_s >= self._link.timings.sweep_soon_s:
            self._due_s = min(self._due_s, clock_s)

    @property
    def is_fresh(self) -> bool:
        """Whether a cancel_all that was visible ten seconds ago has been seen: only then statuses are pushed."""
        return not self._walks and self._link.appliance.clock.elapsed_s() - self._swept_s < FRESH_S

    def step(self) -> None:
        """What is due of this site. Failure."""
        now_s = self._link.appliance.clock.elapsed_s()
        if now_s >= self._due_s:
            self._sweep(now_s)
        self._judge(now_s)
        if self._link.is_primary:
            self._look_for_markers(now_s)

    def _look_for_markers(self, now_s: float) -> None:
        """What was forwarded without an answer, and did not appear in a complete sweep long after: runs here."""
        undecided = forwarding.undecided(self._link.appliance, self._site)
        self._forwarded_s = {row.ulid: self._forwarded_s.get(row.ulid, now_s) for row in undecided}
        for row in undecided:
            if self._complete_s - self._forwarded_s[row.ulid] >= self._link.timings.marker_s:
                forwarding.give_back(self._link.appliance, row)

    # ---- sweeping

    def _sweep(self, now_s: float) -> None:
        link = self._link
        if not self._walks or now_s - self._swept_s > 2 * link.timings.overlap_ms / 1000:
            self._walks = self._planned(now_s)
        try:
            done = self._walks[0].step(self._keep)
            link.appliance.problems.pop(self._problem, None)
        except Overflow as overflow:
            link.appliance.problems[self._problem] = f"{self._site}: {overflow}"
            self._walks.pop(0)
            self._due_s, self._swept_s = now_s + link.timings.walk_pause_s, now_s
            return
        link.backoff.worked()
        self._swept_s = now_s
        if done:
            self._walks.pop(0)
        if not self._walks:
            self._complete_s = now_s
        pause_s = 0.0 if done and self._walks else link.timings.sweep_every_s if done else link.timings.walk_pause_s
        self._due_s = now_s + pause_s

    def _planned(self, now_s: float) -> list[Walk]:
        """From where everything was seen, with the overlap; after a long time first what people wait for."""
        link, timings = self._link, self._link.timings
        now_ms = link.time.now_ms()
        low_ms = store.low_of(link.appliance.database, self._site)
        if low_ms is None:
            low_ms = now_ms - link.appliance.settings.cloud_import_hours * HOUR_MS
            link.appliance.database.write(store.begin_site, self._site, low_ms)
        starts = [low_ms - timings.overlap_ms]
        if now_ms - low_ms > 2 * timings.overlap_ms:
            starts.insert(0, now_ms - timings.overlap_ms)
        if now_s >= self._deep_s and link.time.is_known:
            self._deep_s = now_s + timings.deep_every_s
            starts.append(now_ms - timings.deep_ms)
        return [Walk(self._reader, link.time, timings, start) for start in starts]

    def _keep(self, page: Page) -> None:
        link = self._link
        link.appliance.contact.ghosts = page.listing.ghosts
        news = importing.news_of(link.appliance, page, link.rules)
        now_s = link.appliance.clock.elapsed_s()
        if (
            not news
            and page.is_last
            and now_s - self._saved_s < link.timings.cursor_every_s
            and not self._is_behind(page)
        ):
            # The mark may stay behind what was seen; the reverse would lose jobs.
            return
        for word, ulid in link.appliance.database.write(importing.store_page, link.appliance, page, news, link.rules):
            link.count(word)
            if word == importing.REPAIR:
                link.pusher.again(ulid, self._site)
            self._notice(word, ulid, page)
        self._saved_s = now_s
        if news and store.cancel_of(link.appliance.database, self._site):
            self._judge_s = max(self._judge_s, now_s + link.timings.cancel_after_s)

    def _notice(self, word: str, ulid: str, page: Page) -> None:
        contact, now_ms = self._link.appliance.contact, self._link.appliance.clock.now_ms()
        if word == importing.TAKEN and self._link.is_primary:
            contact.reader_ms = now_ms
        if word == importing.REPAIR and (ulid, UNREAD) in ((one.ulid, one.status) for one in page.listing.sightings):
            contact.reset_ms = now_ms

    def _is_behind(self, page: Page) -> bool:
        low_ms = store.low_of(self._link.appliance.database, self._site) or 0
        return page.low_ms - low_ms > 2 * self._link.timings.cursor_every_s * 1000

    # ---- judging a cancel_all

    def _judge(self, now_s: float) -> None:
        link = self._link
        cancel_ulid = store.cancel_of(link.appliance.database, self._site)
        if cancel_ulid is None or now_s < self._judge_s or not link.time.is_known:
            return
        if self._judgement is None:
            self._judgement = self._begin_judging(cancel_ulid)
        judgement, walk = self._judgement
        # A failed step is repeated; what was read before it stays valid.
        done = walk is None or walk.step(judgement.keep)
        if done:
            self._judgement = None
        self._judge_s = now_s if done else now_s + link.timings.walk_pause_s
        if done:
            for word, count in judgement.decide(link.is_primary).items():
                link.count(word, count)

    def _begin_judging(self, cancel_ulid: str) -> tuple[Judgement, Walk | None]:
        link = self._link
        judgement = Judgement(link.appliance, self._site, cancel_ulid, link.time.now_ms())
        start_ms = judgement.from_ms
        return judgement, None if start_ms is None else Walk(self._reader, link.time, link.timings, start_ms)


class Link:
    """All sites of one appliance. `once` does what is due now; `run` repeats it."""

    def __init__(
        self,
        appliance: Appliance,
        network: Network,
        timings: Timings | None = None,
        token: Callable[[bool], str | None] = no_token,
    ) -> None:
        self.appliance = appliance
        self.network = network
        self.timings = timings or Timings()
        self.is_primary = appliance.settings.cloud_mode == "primary"
        self.time = CloudTime(appliance.clock, appliance.contact)
        self.backoff = Backoff(appliance.clock, self.timings, token)
        self.pusher = Pusher(appliance, network, self.time, self.timings, self.backoff)
        self.rules = Rules(self.is_primary, self.timings.repairs, self.pusher.settled)
        sites = dict.fromkeys(appliance.settings.cloud_sites)
        self.sites = {site: SiteLink(self, site) for site in sites}
        self._note_s = 0.0
        if self.is_primary:
            for site in sites:
                self._take_over(site)

    def _take_over(self, site: str) -> None:
        """What a standby held back, a primary looks at once more before it hands it out."""
        database = self.appliance.database
        rows = [row for queue in (PRIMARY, ALTERNATE) for row in lookup.held_of(database, site, queue)]
        held = [row.ulid for row in rows if row.origin == markers.WHO]
        if held:
            after = floor_ulid(ulid_ms(max(held)) + 1)
            database.write(store.set_cancel, site, after)

    def count(self, word: str, by: int = 1) -> None:
        """Add to the counts that the status shows."""
        if by:
            self.appliance.contact.counts[word] += by

    def once(self) -> None:
        """Everything that is due; a failure ends the step and is remembered. Raises nothing of the cloud's."""
        self._act()
        contact, now_s = self.appliance.contact, self.appliance.clock.elapsed_s()
        contact.unsent, contact.oldest_unsent = self.pusher.count, self.pusher.oldest
        if now_s >= self._note_s:
            self._note_s = now_s + self.timings.sweep_every_s
            status.note(self.appliance)

    def _act(self) -> None:
        fresh = self.pusher.look()
        if self.backoff.must_wait:
            return
        try:
            for site in self.sites.values():
                if fresh:
                    site.soon()
                site.step()
            if self.is_primary and all(site.is_fresh for site in self.sites.values()):
                self.pusher.push_once()
        except Failure as failure:
            self._failed(failure)

    def finish(self, patience_s: float = FINISH_S) -> None:
        """Repeat until nothing is left to do, the cloud fails again and again, or the time is over."""
        clock, until_s = self.appliance.clock, self.appliance.clock.elapsed_s() + patience_s
        while clock.elapsed_s() < until_s and not self.backoff.half_open:
            self.once()
            fresh = all(site.is_fresh for site in self.sites.values())
            done = fresh and not (self.is_primary and self.pusher.count)
            if done or self.backoff.wait_s > FINISH_WAIT_S:
                return
            self.appliance.stopping.wait(STEP_S)

    def _failed(self, failure: Failure) -> None:
        self.backoff.failed(failure)
        contact = self.appliance.contact
        if contact.failures == 0 or contact.reason != str(failure):
            logger.warning("cloud: %s", failure)
        contact.failed(self.appliance.clock.now_ms(), str(failure))
        self.count("failures " + (failure.kind if failure.kind in (AMBIGUOUS, CREDENTIALS) else "refused"))

    def run(self, stop: threading.Event) -> None:
        """Repeat until told to stop; trouble of the store or a defect never ends it."""
        while not stop.is_set():
            try:
                self.once()
            except Unavailable as unavailable:
                logger.warning("the cloud link waits: %s", unavailable)
                stop.wait(1)
            except Exception:
                logger.exception("the cloud link failed")
                stop.wait(5)
            stop.wait(STEP_S)


def open_link(appliance: Appliance) -> Link | None:
    """The link that the settings ask for; None when it is off. Unusable when they cannot be followed."""
    settings = appliance.settings
    if settings.cloud_mode == "off":
        return None
    network = open_transport(settings, appliance.clock)
    if settings.cloud_mode == "primary" and settings.cloud_newjob == "forward":
        appliance.contact.forward = forwarding.forwarder(appliance, network)
    return Link(appliance, network, token=token_source(settings.cloud_token_file))
