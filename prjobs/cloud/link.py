"""The link to the cloud: what is due, one step after the other, in one thread; the queue never waits for it."""

import logging
import threading
from collections.abc import Callable

from prjobs import lookup
from prjobs.appliance import Appliance
from prjobs.cloud import forwarding, late, left, markers, status, store
from prjobs.cloud.answers import AMBIGUOUS, CREDENTIALS, Failure, Network
from prjobs.cloud.backoff import Backoff
from prjobs.cloud.importing import Rules
from prjobs.cloud.pushing import Pusher
from prjobs.cloud.site_link import SiteLink
from prjobs.cloud.sweep import CloudTime
from prjobs.cloud.timings import Timings
from prjobs.cloud.transport import open_transport, token_source
from prjobs.cloud.wire import ulid_ms
from prjobs.errors import Unavailable
from prjobs.states import ALTERNATE, PRIMARY
from prjobs.ulids import floor_ulid

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
        self.rules = Rules(self.is_primary, self.timings.repairs, self.pusher.settled, self.pusher.untold)
        sites = dict.fromkeys(appliance.settings.cloud_sites)
        self.sites = [SiteLink(self, site) for site in sites]
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
        late.forget_once(self.appliance)
        contact, now_s = self.appliance.contact, self.appliance.clock.elapsed_s()
        if self.is_primary:
            contact.unsent, contact.oldest_unsent = self.pusher.count, self.pusher.oldest
        if now_s >= self._note_s:
            self._note_s = now_s + self.timings.sweep_every_s
            status.note(self.appliance)

    def _act(self) -> None:
        fresh = self.pusher.look()
        if self.backoff.must_wait:
            return
        now_s = self.appliance.clock.elapsed_s()
        try:
            for site in list(self.sites):
                # Whoever fails is asked last the next time: no site may keep the others waiting for ever.
                self.sites.remove(site)
                self.sites.append(site)
                if fresh:
                    site.reading.soon(now_s)
                site.step()
            if self.is_primary and self._is_fresh:
                self.pusher.push_once(self._must_read)
                late.register_once(self.appliance, self.network, self.pusher)
        except Failure as failure:
            self._failed(failure)

    @property
    def _is_fresh(self) -> bool:
        return all(site.reading.is_fresh for site in self.sites)

    def _must_read(self) -> bool:
        """Whether people wait for a page: a slow cloud's statuses must not delay it by more than one of them."""
        now_s = self.appliance.clock.elapsed_s()
        return any(site.reading.is_due(now_s) for site in self.sites)

    def finish(self, patience_s: float = FINISH_S, say: Callable[[str], object] = logger.debug) -> None:
        """Repeat until nothing is left to do, the cloud fails again and again, or the time is over.

        `say` is called with a sentence whenever there is another one.
        """
        said = ""
        clock, until_s = self.appliance.clock, self.appliance.clock.elapsed_s() + patience_s
        while clock.elapsed_s() < until_s and not self.backoff.half_open:
            self.once()
            if said != (now := status.state_of(self.appliance)[1]):
                say(said := now)
            done = self._is_fresh and not (self.is_primary and self.pusher.count)
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
    left.settle(appliance)
    if settings.cloud_mode == "off":
        return None
    network = open_transport(settings, appliance.clock)
    if settings.cloud_mode == "primary" and settings.cloud_newjob == "forward":
        appliance.contact.forward = forwarding.forwarder(appliance, network)
    return Link(appliance, network, token=token_source(settings.cloud_token_file))
