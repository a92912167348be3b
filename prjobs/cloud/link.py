"""The link to the cloud: a thread with one step after the other. The queue never waits for the link."""

import logging
import threading
from collections.abc import Callable

from prjobs.base.errors import Unavailable
from prjobs.cloud import registering, status, switched_off
from prjobs.cloud.backlog_reading import BacklogReading
from prjobs.cloud.comparison import Rules
from prjobs.cloud.connection import Backoff, Connection, no_token
from prjobs.cloud.context import Context
from prjobs.cloud.copies import CopySearch
from prjobs.cloud.forwarding import Forwarder
from prjobs.cloud.importing import Importer
from prjobs.cloud.judging import Judging, judge_held
from prjobs.cloud.network import Failure, Network
from prjobs.cloud.pushing import Pusher
from prjobs.cloud.reading import Bell, Reading
from prjobs.cloud.sweep import Reader
from prjobs.cloud.timings import Timings
from prjobs.cloud.transport import open_transport, token_source
from prjobs.cloud.withdrawals import StopTimes

logger = logging.getLogger(__name__)
STEP_S = 0.25
# Longer than the quarantine of statuses that an earlier process may have sent.
FINISH_S = 90.0
FINISH_WAIT_S = 20.0


class SiteLink:
    """The parts of the link for a site."""

    def __init__(self, context: Context, connection: Connection, site: str, rules: Rules) -> None:
        reader, timings = Reader(connection, site), connection.timings
        self.site = site
        self._clock = connection.clock
        self._judging = Judging(context, reader)
        importer = Importer(context, site, rules, timings.cursor_every_s, self._judging.postpone)
        self.reading = Reading(context, reader, importer.keep, importer.keep_news)
        rings = context.is_primary and context.queue.settings.cloud_bell != "off"
        self._bell = Bell(connection, self.reading, site) if rings else None
        self._copies = CopySearch(context.queue, site, timings.marker_s)
        self._backlog = BacklogReading(context, reader, rules)

    def step(self) -> None:
        """Do the due work of the site, except statuses. Failure if the whole link is concerned."""
        now_s = self._clock.elapsed_s()
        if self._bell:
            self._bell.step(now_s)
        self.reading.step(now_s)
        self._copies.step(now_s, self.reading.complete_s)
        if not self.reading.fails:
            # A long look at a cloud that fails short ones would cost the table its read units.
            self._judging.step(now_s)
            self._backlog.step(now_s)


class Link:
    """The link of all sites. `once` does the due work; `run` repeats the steps."""

    def __init__(
        self,
        context: Context,
        network: Network,
        timings: Timings | None = None,
        token: Callable[[bool], str | None] = no_token,
    ) -> None:
        clock = context.queue.clock
        self._context = context
        self._network = network
        self.connection = Connection(network, clock, context.memory, timings or Timings(), token)
        self._timings = self.connection.timings
        self._sending = self.connection.new_backoff()
        self.pusher = pusher = Pusher(context, self.connection)
        self.rules = Rules(context.is_primary, self._timings.repairs, pusher.settled, pusher.untold, pusher.again)
        self.sites = [SiteLink(context, self.connection, site, self.rules) for site in context.linked_sites]
        self._stop_times = StopTimes(context.queue, self.connection.time)
        self._note_s, self._noted = 0.0, ""
        for site in context.primary_sites:
            judge_held(context.queue.database, site)

    def once(self) -> None:
        """Do the due work; note a failure of the cloud and go on with the next step."""
        self._act()
        self._stop_times.note_once()
        registering.forget_once(self._context)
        memory, now_s = self._context.memory, self.connection.clock.elapsed_s()
        if self._context.is_primary:
            memory.unsent, memory.oldest_unsent = self.pusher.count, self.pusher.oldest
        state = status.state_of(self._context)[0]
        if now_s >= self._note_s or state != self._noted:
            self._note_s, self._noted = now_s + self._timings.sweep_every_s, state
            status.note(self._context)
            switched_off.note_held(self._context)

    def _act(self) -> None:
        fresh = self.pusher.look()
        if self.connection.backoff.must_wait:
            return
        now_s, awaited = self.connection.clock.elapsed_s(), self._context.memory.awaited
        try:
            for site in list(self.sites):
                # A failing site is asked last the next time: asked first, it would keep the others waiting for ever.
                self.sites.remove(site)
                self.sites.append(site)
                if fresh or site.site in awaited:
                    awaited.discard(site.site)
                    site.reading.soon(now_s)
                site.step()
            if self._context.is_primary and not self._sending.must_wait:
                self._send()
        except Failure as failure:
            self.connection.failed(failure)

    def _send(self) -> None:
        """Send statuses of the sites with all cancel_alls seen. Failure if the whole link is concerned."""
        fresh = {site.site for site in self.sites if site.reading.is_fresh}
        if not fresh:
            return
        try:
            if self.pusher.push_once(fresh, self._must_read) or not self.pusher.count:
                self._sending.worked()
                self._context.memory.untaken = None
            registering.register_once(self._context, self._network, self.pusher)
        except Failure as failure:
            if failure.concerns_all:
                raise
            self._sending.failed(failure)
            self.connection.sending_failed(failure)

    def _must_read(self) -> bool:
        """Return True if people wait for a page: a slow cloud may delay the page by a single status only."""
        now_s = self.connection.clock.elapsed_s()
        return any(site.reading.is_due(now_s) for site in self.sites)

    def finish(self, patience_s: float = FINISH_S) -> None:
        """Repeat until all is done, the cloud fails again and again, or the time is over."""
        clock, until_s = self.connection.clock, self.connection.clock.elapsed_s() + patience_s
        while clock.elapsed_s() < until_s and not _is_hopeless(self.connection.backoff):
            self.once()
            if self._is_done:
                return
            self._context.queue.stopping.wait(STEP_S)

    @property
    def _is_done(self) -> bool:
        """True if every site was read and every status sent, or hope is gone."""
        hopeless = {site.site for site in self.sites if _is_hopeless(site.reading.backoff)}
        if not all(site.site in hopeless or site.reading.is_fresh for site in self.sites):
            return False
        unsent = self.pusher.sites - hopeless
        return not (self._context.is_primary and unsent) or _is_hopeless(self._sending)

    def run(self, stop: threading.Event) -> None:
        """Repeat until told to stop; store faults and defects never end the loop."""
        while not stop.is_set():
            try:
                self.once()
            except Unavailable as unavailable:
                logger.warning("cloud: the link waits for the store: %s", unavailable)
                stop.wait(1)
            except Exception:
                logger.exception("cloud: the link failed and goes on")
                stop.wait(5)
            stop.wait(STEP_S)


def _is_hopeless(backoff: Backoff) -> bool:
    return backoff.half_open or backoff.wait_s > FINISH_WAIT_S


def open_link(context: Context) -> Link | None:
    """Return the link of the settings, or None while off. Unusable with wrong settings."""
    settings = context.queue.settings
    switched_off.hold_and_give_back(context)
    if settings.cloud_mode == "off":
        return None
    network = open_transport(settings, context.queue.clock)
    if context.is_primary and settings.cloud_newjob == "forward":
        context.memory.forward = Forwarder(context, network)
    return Link(context, network, token=token_source(settings.cloud_token_file))
