"""A process of a hub: a standby of the active process, then active itself, a standby again when replaced.

The listener stays the same for the whole life of the process: no connection is refused while the sides change.
"""

import logging
import platform
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from prjobs.access.relayed import HeadReader, HeadWriter
from prjobs.appliance import Appliance
from prjobs.base.clock import StoreClock
from prjobs.base.errors import LIBRARY_MISSING, Fault, Unavailable, Unusable
from prjobs.base.folder import Folder
from prjobs.base.logs import write_logs
from prjobs.base.moves import require_there
from prjobs.base.private import require_private
from prjobs.base.settings import Settings
from prjobs.base.sockets import EVERY_ADDRESS
from prjobs.cloud import switched_off
from prjobs.jobs import proofs
from prjobs.opening import Purpose, Start, open_appliance, require_identity, require_settings
from prjobs.serving.reach import Process, Reach
from prjobs.serving.running import JOIN_S, REPLACED, Running, Term, fetcher, leave_address, listen, url_of
from prjobs.store.joining import SECRET, require_not_set_back, require_secret
from prjobs.store.losses import Seen
from prjobs.upkeep.chores import Chores
from prjobs.version import VERSION
from prjobs.web.app import build_app
from prjobs.web.guard import names_for_others
from prjobs.web.standby import StandbyApp, Switch

if TYPE_CHECKING:
    from prjobs.store.members import Active, Member

logger = logging.getLogger(__name__)
SWITCH_INTERVAL_S = 0.0005
# After a start as the active process that failed, the next try comes after so long.
AGAIN_S = 1.0
SayStart = Callable[[str, Appliance, Start], None]


def _new_member(settings: Settings, url: str, clock: StoreClock, before: str) -> "Member":
    # Imported late: the library of PostgreSQL is an extra, for hubs only.
    try:
        from prjobs.store.members import Member
    except ImportError:
        raise Unusable(LIBRARY_MISSING) from None
    return Member(settings.store_url, url, clock, before)


def _require_database(folder: Folder, settings: Settings) -> bool:
    """Raise Unusable unless the folder fits to the database; return True if the hub has a secret."""
    try:
        from prjobs.store.hub import open_hub
    except ImportError:
        raise Unusable(LIBRARY_MISSING) from None
    database, identity = open_hub(settings.store_url, ""), folder.identity()
    try:
        facts: dict[str, str] = dict(database.fetch("SELECT name, value FROM fact"))
        require_there(identity, facts)
        require_identity(folder, settings, identity, facts)
        require_secret(folder, identity, facts)
        require_not_set_back(database, identity)
        return SECRET in facts
    except Unavailable as unavailable:
        raise Unusable(unavailable.sentence, unavailable.fault) from None
    finally:
        database.close()


class HubServer:
    """A process of a hub. `run` blocks until `stop`.

    `say_start(url, appliance, start)` tells of a start as the active process.
    """

    def __init__(self, folder: Folder, settings: Settings, say: Callable[[str], None], say_start: SayStart) -> None:
        self.folder, self._settings = folder, settings
        self._say, self._say_start = say, say_start
        self._clock = StoreClock()
        require_settings(folder, settings, self._clock)
        folder.create()
        require_private(folder.path)
        self._lock = folder.lock()
        # The process that served the folder before was killed, if it left its name: nobody else holds the lock.
        self._before = str(folder.server().get("member") or "")
        self.stopping = threading.Event()
        self._seen = Seen()
        self._term: Term | None = None
        # The URL of the active process that was told; None before the first.
        self._shown: str | None = None
        self._failure: Unusable | None = None
        try:
            self._fits = _require_database(folder, settings)
            self._standby = StandbyApp(settings)
            self._switch = Switch(self._standby)
            self.listener = listen(self._switch, settings)
        except Unusable:
            self._lock.release()
            raise
        self._relay = self.listener.open_relay(self._clock)
        self._reach: Reach | None = None
        self._standby.is_relaying = self._relay.is_passing
        self._thread = threading.Thread(target=self._take_part, name="hub", daemon=True)

    @property
    def url(self) -> str:
        """The URL for a program or a browser on this machine."""
        return url_of(self._settings, self.listener.port)

    @property
    def _address(self) -> str:
        """The URL for the other processes' sentences: a listener on all addresses is named by the machine."""
        is_everywhere = self._settings.host in EVERY_ADDRESS
        return f"http://{platform.node()}:{self.listener.port}" if is_everywhere and platform.node() else self.url

    def run(self) -> bool:
        """Take part in the hub until `stop`, then close everything. Return False if the store was not closed well.

        Raise Unusable for a reason to leave the hub.
        """
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        threading.Thread(target=write_logs, args=(self.stopping,), name="log", daemon=True).start()
        self._thread.start()
        try:
            self.listener.run(self._let_go, self._is_unproved)
        finally:
            well = self._close()
        if self._failure:
            raise self._failure
        return well

    def stop(self, *_: object) -> None:
        """Stop serving. Fit to be a signal handler that interrupts a stop: no lock is taken."""
        self.listener.stop()

    def _let_go(self) -> None:
        self.stopping.set()
        if term := self._term:
            term.is_over.set()
            if term.running:
                term.running.let_go()

    def _is_unproved(self, peer: str) -> bool:
        running = self._term and self._term.running
        return bool(running and running.appliance.queue.connections.is_unproved(peer))

    def _close(self) -> bool:
        self._let_go()
        self._thread.join(JOIN_S)
        well = not self._thread.is_alive()
        try:
            if well and self._term:
                well = self._end_well(self._term)
            return well
        finally:
            self.folder.remove_server()
            self._lock.release()
            logger.info("stopped")

    def _end_well(self, term: Term) -> bool:
        well = True
        try:
            if term.running and not term.is_replaced:
                well = term.running.close()
        finally:
            term.leave()
        return well

    # ---- in the thread

    def _take_part(self) -> None:
        try:
            while not self.stopping.is_set():
                self._term = Term(_new_member(self._settings, self._address, self._clock, self._before), self._withdraw)
                self._serve(self._term)
        except Unusable as unusable:
            self._failure = unusable
        except Exception:
            logger.exception("this process of the hub ends by a defect")
            self._failure = Unusable("This process of the hub ends by a defect; the log has the details.")
        if self._failure:
            self.listener.stop()

    def _serve(self, term: Term) -> None:
        """Wait, act as the active process, and end the term; the end of the process leaves the end to `_close`."""
        term.member.seen = self._seen
        if not term.member.wait(self.stopping, self._note_active):
            return
        # The process that was active is gone, and this one does not serve yet.
        self._standby.active = ""
        if self._reach:
            self._reach.follow(None, self.stopping)
        term.sign()
        while not self._open(term) and not term.is_over.wait(AGAIN_S):
            pass
        term.is_over.wait()
        if not self.stopping.is_set():
            self._end(term)

    def _open(self, term: Term) -> bool:
        """Open the store and act as the active process. Return False if the database does not let this happen yet."""
        fetch = fetcher(self._settings, self._clock)
        purpose = Purpose(fetch=fetch, member=term.member.id, on_replaced=term.replace, seen=self._seen)
        try:
            appliance, start = open_appliance(self.folder, self._settings, self._clock, purpose)
        except Unavailable as error:
            logger.error("this process cannot act as the active one yet: %s", error)
            return False
        except Unusable as unusable:
            if unusable.fault != Fault.NOT_OPENED:
                raise
            logger.error("this process cannot act as the active one yet: %s", unusable)
            return False
        self._show(term, appliance)
        with suppress(Unavailable):
            self._say_start(self.url, appliance, start)
        return True

    def _new_reach(self) -> Reach:
        """Return the way to the active process, with the secret of the hub, and let the relay take connections."""
        secret = self.folder.secret(self._clock)
        names = names_for_others(self._settings.host, self._settings.allowed_hosts)
        writer = HeadWriter(secret, self._clock, names)
        self._relay.arm(writer, HeadReader(secret, self._clock, self._own_id))
        return Reach(self._relay, writer, secret, self._clock)

    def _own_id(self) -> str:
        return self._term.member.id if self._term else ""

    def _show(self, term: Term, appliance: Appliance) -> None:
        app = build_app(appliance)
        term.running = Running(appliance, self.folder, self.listener.port)
        self.listener.on_connection_ended(partial(proofs.connection_ended, appliance.queue))
        switched_off.hold_and_give_back(appliance.cloud)
        chores = Chores(appliance, self.folder, self.listener.addresses)
        term.running.start(chores.run, partial(switched_off.watch, appliance.cloud))
        self._reach = self._reach or self._new_reach()
        self._switch.app = app
        # A process that was replaced during the start must not act.
        term.stop_if_replaced()
        self._shown = None
        leave_address(self.folder, self.url, member=term.member.id)

    def _withdraw(self) -> None:
        self._standby.active = ""
        self._switch.app = self._standby

    def _end(self, term: Term) -> None:
        """Close what a replaced process has open: the store takes nothing more of it."""
        logger.error("%s This process is a standby now.", REPLACED)
        if term.running:
            term.running.join()
            term.running.appliance.queue.database.close()
        term.leave()

    def _fits_now(self) -> bool:
        try:
            return _require_database(self.folder, self._settings)
        except Unusable as unusable:
            if unusable.fault != Fault.NOT_OPENED:
                raise
            return False

    def _note_active(self, active: "Active | None") -> None:
        self._standby.active = active.url if active else ""
        if active and not self._fits:
            # The first process of a new hub makes the secret after the others looked for one.
            self._fits = self._fits_now()
        if self._fits and self._term:
            reach = self._reach = self._reach or self._new_reach()
            member = self._term.member
            member.has_died, member.refuses = reach.has_died, reach.refuses
            if active:
                reach.follow(Process(active.id, active.url), self.stopping)
            else:
                # What the connections to the database say is not known either.
                reach.has_died.clear()
        if self._standby.active == self._shown:
            return
        self._shown = self._standby.active
        leave_address(self.folder, self.url, self._shown, self._term.member.id if self._term else "")
        known = f"{self._shown} is active" if self._shown else "no active process is known"
        self._say(f"prjobs {VERSION} is a standby, {known}; it waits at {self.url}/")
        logger.info("prjobs %s waits at %s as a standby: %s", VERSION, self.url, known)
