"""The life of the process: open the folder, serve it, stop cleanly."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from prjobs.access import login
from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.console import stop_with_console
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.logs import set_up_logs, write_logs
from prjobs.base.private import require_private
from prjobs.base.settings import Settings
from prjobs.cloud import switched_off
from prjobs.jobs import proofs
from prjobs.night.sky import MISSING, lacks_ephem
from prjobs.opening import Purpose, Start, close_appliance, open_appliance, require_settings
from prjobs.serving.running import Running, fetcher, leave_address, listen, url_of
from prjobs.upkeep.ballast import give_up_when_full
from prjobs.upkeep.chores import Chores
from prjobs.upkeep.first_steps import first_steps
from prjobs.upkeep.replacing import forget_half_done
from prjobs.upkeep.upgrading import keep_older
from prjobs.version import VERSION
from prjobs.web.app import build_app

if TYPE_CHECKING:
    from prjobs.cloud.link import Link

logger = logging.getLogger(__name__)
SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")
# With Python's 5 ms a request waits as long for the interpreter lock while a long answer is made; far below 0.5 ms
# the changes of threads cost more than they save. tests/bench/ measures both.
SWITCH_INTERVAL_S = 0.0005
LONGEST_STOP_S = 6.0
Say = Callable[[str], None]
SayStart = Callable[[str, Appliance, Start], None]


class Served(Protocol):
    """A server, as `serve` runs it."""

    stopping: threading.Event

    def run(self) -> bool:
        """Serve until `stop`. Return False if the store could not be closed well."""
        ...

    def stop(self, *_: object) -> None:
        """Stop serving; fit to be a signal handler."""
        ...


class Server:
    """A served appliance. `run` blocks until `stop`."""

    def __init__(self, folder: Folder, settings: Settings, clock: Clock | None = None, demo: bool = False) -> None:
        self.folder = folder
        clock = clock or Clock()
        require_settings(folder, settings, clock)
        folder.create()
        require_private(folder.path)
        self._lock = folder.lock()
        give_up_when_full(folder.path)
        forget_half_done(folder)
        purpose = Purpose(demo, fetch=fetcher(settings, clock), before_upgrade=partial(keep_older, folder, clock))
        self.appliance, self.start = open_appliance(folder, settings, clock, purpose)
        try:
            self.link = _open_link(self.appliance)
            self.listener = listen(build_app(self.appliance), settings)
            self.running = Running(self.appliance, folder, self.listener.port)
        except Unusable:
            close_appliance(self.appliance, folder)
            self._lock.release()
            raise
        self.listener.on_connection_ended(partial(proofs.connection_ended, self.appliance.queue))
        leave_address(folder, self.url)

    @property
    def url(self) -> str:
        """The URL for a program or a browser on this machine."""
        return url_of(self.appliance.queue.settings, self.listener.port)

    @property
    def stopping(self) -> threading.Event:
        """The event that is set when the process is to end."""
        return self.appliance.queue.stopping

    def run(self) -> bool:
        """Serve until `stop`, then close everything. Return False if the store could not be closed well."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        link = self.link.run if self.link else partial(switched_off.watch, self.appliance.cloud)
        self.running.start(Chores(self.appliance, self.folder, self.listener.addresses).run, link)
        threading.Thread(target=write_logs, args=(self.stopping,), name="log", daemon=True).start()
        try:
            self.listener.run(self.running.let_go, self.appliance.queue.connections.is_unproved)
        finally:
            well = self._close()
        return well

    def _close(self) -> bool:
        try:
            return self.running.close()
        finally:
            self.folder.remove_server()
            self._lock.release()
            logger.info("stopped")

    def stop(self, *_: object) -> None:
        """Stop serving. Fit to be a signal handler that interrupts a stop: no lock is taken."""
        self.listener.stop()


def _open_link(appliance: Appliance) -> "Link | None":
    if appliance.queue.settings.cloud_mode == "off":
        switched_off.hold_and_give_back(appliance.cloud)
        return None
    from prjobs.cloud.link import open_link

    return open_link(appliance.cloud)


def serve(
    folder: Folder,
    settings: Settings,
    say: Say,
    demo: Callable[[Server], None] | None = None,
    warnings: Sequence[str] = (),
    on_stop: Callable[[Callable[[], None]], None] = stop_with_console,
    hub: Callable[[Folder, Settings, Say, SayStart], Served] | None = None,
) -> bool:
    """Serve the folder until Ctrl-C, SIGTERM or the closing of the console window; `say` prints a line.

    `on_stop` takes the act that stops the server, for the console or a manager of services to call. The warnings go to
    the log. `hub` makes the server of a process of a hub. Return False if the store could not be closed well; the last
    line of the log says so.
    """
    folder.create()
    set_up_logs(folder, settings.log_level)
    if settings.store_url and hub:
        server: Server | Served = hub(folder, settings, say, partial(_say_start, folder, say))
    else:
        server = Server(folder, settings, demo=demo is not None)
    _handle_signals(server.stop)
    on_stop(server.stop)
    if isinstance(server, Server):
        _say_start(folder, say, server.url, server.appliance, server.start)
    for sentence in warnings:
        logger.warning("%s", sentence)
    if demo and isinstance(server, Server):
        demo(server)
    ended = threading.Event()
    threading.Thread(target=_end_in_time, args=(server.stopping, ended), name="end", daemon=True).start()
    well = server.run()
    ended.set()
    # A second signal would end the process with another exit code.
    _handle_signals(signal.SIG_IGN)
    if not well:
        logger.error("the store could not be closed well: no answered request is lost, the next start checks the file")
    return well


def _handle_signals(handler: Callable[..., object] | signal.Handlers) -> None:
    for name in SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), handler)


def _end_in_time(stopping: threading.Event, ended: threading.Event) -> None:
    """End the process although the disk does not answer: every answered request is on the disk already."""
    stopping.wait()
    if not ended.wait(LONGEST_STOP_S):
        # A log on the same disk could block this thread too.
        saying = threading.Thread(target=_say_last_words, daemon=True)
        saying.start()
        saying.join(1.0)
        os._exit(1)


def _say_last_words() -> None:
    logger.error("the stop took too long and is broken off: no answered request is lost")
    logging.shutdown()


def _say_start(folder: Folder, say: Say, url: str, appliance: Appliance, start: Start) -> None:
    say(f"prjobs {VERSION} serves {url}/")
    logger.info("prjobs %s serves %s from %s", VERSION, url, folder.path)
    if lacks_ephem(appliance.queue.settings):
        logger.warning(MISSING)
    if not start.clean:
        logger.warning("%s", start.sentence)
    if start.first:
        key = login.create_login_key(appliance.desk)
        login.remember_welcome(appliance.desk)
        say(f"Open this link once to log a browser in: {url}/login#once={key}")
        if not appliance.queue.demo:
            for line in first_steps(folder, url):
                say(line)
