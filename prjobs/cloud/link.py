"""The link to the cloud: what is due, one step after the other, in one thread; the queue never waits for it."""

import logging
import threading
from collections.abc import Callable

from prjobs.base.errors import Unavailable
from prjobs.base.ulids import floor_ulid
from prjobs.cloud import forwarding, late, markers, status, store, switched_off
from prjobs.cloud.answers import AMBIGUOUS, CREDENTIALS, Failure, Network, TooLong
from prjobs.cloud.backoff import Backoff, Token
from prjobs.cloud.context import Context
from prjobs.cloud.importing import Rules
from prjobs.cloud.pushing import Pusher
from prjobs.cloud.site import SiteLink
from prjobs.cloud.sweep import CloudTime
from prjobs.cloud.timings import Timings
from prjobs.cloud.transport import open_transport, token_source
from prjobs.cloud.wire import ulid_ms
from prjobs.jobs import lookup
from prjobs.jobs.states import ALTERNATE, PRIMARY

logger = logging.getLogger(__name__)
STEP_S = 0.25
# Longer than the quarantine of what an earlier process may have sent.
FINISH_S = 90.0
FINISH_WAIT_S = 20.0


def no_token(_again: bool) -> str | None:
    """The cloud's endpoints ask for no token."""
    return None


class Link:
    """All sites of one appliance. `once` does what is due now; `run` repeats it."""

    def __init__(
        self,
        context: Context,
        network: Network,
        timings: Timings | None = None,
        token: Callable[[bool], str | None] = no_token,
    ) -> None:
        self.context = context
        self.network = network
        self.timings = timings or Timings()
        self.is_primary = context.queue.settings.cloud_mode == "primary"
        self.time = CloudTime(context.queue.clock, context.contact)
        self.token = Token(token)
        self.backoff, self.sending = self.new_backoff(), self.new_backoff()
        self.pusher = Pusher(context, network, self.time, self.timings, self.backoff, self.token)
        self.rules = Rules(self.is_primary, self.timings.repairs, self.pusher.settled, self.pusher.untold)
        sites = dict.fromkeys(context.queue.settings.cloud_sites)
        self.sites = [SiteLink(self, site) for site in sites]
        self._note_s, self._noted = 0.0, ""
        if self.is_primary:
            for site in sites:
                self._take_over(site)

    def _take_over(self, site: str) -> None:
        """What a standby held back, a primary looks at once more before it hands it out."""
        database = self.context.queue.database
        rows = [row for queue in (PRIMARY, ALTERNATE) for row in lookup.held_of(database, site, queue)]
        held = [row.ulid for row in rows if row.origin == markers.WHO]
        if held:
            after = floor_ulid(ulid_ms(max(held)) + 1)
            database.write(store.set_cancel, site, after)

    def count(self, word: str, by: int = 1) -> None:
        """Add to the counts that the status shows."""
        if by:
            self.context.contact.counts[word] += by

    def once(self) -> None:
        """Everything that is due; a failure ends the step and is remembered. Raises nothing of the cloud's."""
        self._act()
        late.forget_once(self.context)
        contact, now_s = self.context.contact, self.context.queue.clock.elapsed_s()
        if self.is_primary:
            contact.unsent, contact.oldest_unsent = self.pusher.count, self.pusher.oldest
        state = status.state_of(self.context)[0]
        if now_s >= self._note_s or state != self._noted:
            self._note_s, self._noted = now_s + self.timings.sweep_every_s, state
            status.note(self.context)

    def _act(self) -> None:
        fresh = self.pusher.look()
        if self.backoff.must_wait:
            return
        now_s = self.context.queue.clock.elapsed_s()
        try:
            for site in list(self.sites):
                # Whoever fails is asked last the next time: no site may keep the others waiting for ever.
                self.sites.remove(site)
                self.sites.append(site)
                if fresh:
                    site.reading.soon(now_s)
                site.step()
            if self.is_primary and not self.sending.must_wait:
                self._send()
        except Failure as failure:
            self._failed(failure)

    def _send(self) -> None:
        """Statuses, of the sites whose cancel_alls have been seen. Failure when it concerns the whole link."""
        contact = self.context.contact
        fresh = {site.site for site in self.sites if site.reading.is_fresh}
        if not fresh:
            return
        try:
            if self.pusher.push_once(fresh, self._must_read) or not self.pusher.count:
                self.sending.worked()
                contact.untaken = None
            late.register_once(self.context, self.network, self.pusher)
        except Failure as failure:
            if failure.concerns_all:
                raise
            self.sending.failed(failure)
            since_ms, before = contact.untaken or (self.context.queue.clock.now_ms(), "")
            contact.untaken = since_ms, str(failure)
            self._log(failure, before)

    def _must_read(self) -> bool:
        """Whether people wait for a page: a slow cloud's statuses must not delay it by more than one of them."""
        now_s = self.context.queue.clock.elapsed_s()
        return any(site.reading.is_due(now_s) for site in self.sites)

    def finish(self, patience_s: float = FINISH_S) -> None:
        """Repeat until nothing is left to do, the cloud fails again and again, or the time is over."""
        clock, until_s = self.context.queue.clock, self.context.queue.clock.elapsed_s() + patience_s
        while clock.elapsed_s() < until_s and not _hopeless(self.backoff):
            self.once()
            if self._is_done:
                return
            self.context.queue.stopping.wait(STEP_S)

    @property
    def _is_done(self) -> bool:
        """Whether every site was read, and its statuses were sent, or there is no hope of either."""
        hopeless = {site.site for site in self.sites if _hopeless(site.reading.backoff)}
        if not all(site.site in hopeless or site.reading.is_fresh for site in self.sites):
            return False
        switched_off = self.pusher.sites - hopeless
        return not (self.is_primary and switched_off) or _hopeless(self.sending)

    # ---- what failed

    def unread(self, site: str, failure: Failure) -> None:
        """The cloud does not list this site's jobs; others may be read. When none is, the link is down."""
        contact, now_ms = self.context.contact, self.context.queue.clock.now_ms()
        since_ms, before = contact.unread.get(site, (now_ms, ""))
        contact.unread[site] = since_ms, str(failure)
        if len(contact.unread) == len(self.sites):
            self._failed(failure)
        else:
            self._log(failure, before)

    def _failed(self, failure: Failure) -> None:
        if failure.concerns_all:
            self.backoff.failed(failure)
        contact = self.context.contact
        self._log(failure, contact.reason if contact.failures else "")
        contact.failed(self.context.queue.clock.now_ms(), str(failure))

    def _log(self, failure: Failure, before: str) -> None:
        """Say it once as long as it stays the same."""
        if str(failure) != before:
            logger.warning("cloud: %s", failure)
        self.count("failures " + (failure.kind if failure.kind in (AMBIGUOUS, CREDENTIALS) else "refused"))

    def pause_s(self, failure: Failure) -> float:
        """How long a walk rests that failed: a list that is not taken costs a whole download."""
        return self.timings.too_long_s if isinstance(failure, TooLong) else self.timings.walk_pause_s

    def new_backoff(self) -> Backoff:
        """For something that is asked of the cloud."""
        return Backoff(self.context.queue.clock, self.timings, self.token)

    def look_backoff(self) -> Backoff:
        """For a long look: it is an addition, and may be what the cloud has not the means for."""
        timings = self.timings
        return Backoff(self.context.queue.clock, timings, self.token, timings.look_first_s, timings.look_most_s)

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


def _hopeless(backoff: Backoff) -> bool:
    return backoff.half_open or backoff.wait_s > FINISH_WAIT_S


def open_link(context: Context) -> Link | None:
    """The link that the settings ask for; None when it is off. Unusable when they cannot be followed."""
    settings = context.queue.settings
    switched_off.hold_and_give_back(context)
    if settings.cloud_mode == "off":
        return None
    network = open_transport(settings, context.queue.clock)
    if settings.cloud_mode == "primary" and settings.cloud_newjob == "forward":
        context.contact.forward = forwarding.forwarder(context, network)
    return Link(context, network, token=token_source(settings.cloud_token_file))
