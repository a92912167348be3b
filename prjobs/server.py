"""The life of the process: open the folder, serve it, stop cleanly."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from prjobs.access import login
from prjobs.access.dates import DatedAnswer, HeardDate, heard_date
from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.console import stop_with_console
from prjobs.base.errors import Unusable
from prjobs.base.files import reason_of
from prjobs.base.folder import Folder
from prjobs.base.logs import set_up_logs, write_logs
from prjobs.base.private import require_private
from prjobs.base.settings import Settings
from prjobs.cloud import switched_off
from prjobs.jobs import proofs
from prjobs.night.sky import MISSING, lacks_ephem
from prjobs.opening import Purpose, Start, close_appliance, open_appliance, require_settings
from prjobs.upkeep.ballast import give_up_when_full
from prjobs.upkeep.chores import Chores
from prjobs.upkeep.first_steps import first_steps
from prjobs.upkeep.replacing import forget_half_done
from prjobs.upkeep.upgrading import keep_older
from prjobs.version import VERSION
from prjobs.web.app import build_app
from prjobs.web.listener import Listener

if TYPE_CHECKING:
    from prjobs.cloud.link import Link
    from prjobs.notify.notifier import Notifier

logger = logging.getLogger(__name__)
SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")
# With Python's 5 ms a request waits as long for the interpreter lock while a long answer is made; far below 0.5 ms
# the changes of threads cost more than they save. tests/bench/ measures both.
SWITCH_INTERVAL_S = 0.0005
# The time for requests in flight and working threads, once the process is to end.
STOP_S = 4.0
LONGEST_STOP_S = 6.0
Say = Callable[[str], None]


class Server:
    """A served appliance. `run` blocks until `stop`."""

    def __init__(self, folder: Folder, settings: Settings, clock: Clock | None = None, demo: bool = False) -> None:
        self.folder = folder
        self._end_s = 0.0
        clock = clock or Clock()
        require_settings(folder, settings, clock)
        folder.create()
        require_private(folder.path)
        self._lock = folder.lock()
        give_up_when_full(folder.path)
        forget_half_done(folder)
        purpose = Purpose(demo, fetch=_fetcher(settings, clock), before_upgrade=partial(keep_older, folder, clock))
        self.appliance, self.start = open_appliance(folder, settings, clock, purpose)
        try:
            self.link = _open_link(self.appliance)
            self.listener = _listen(self.appliance)
        except Unusable:
            close_appliance(self.appliance, folder)
            self._lock.release()
            raise
        self.notifier = _open_notifier(self.appliance, self.listener.port)
        self.listener.on_connection_ended(partial(proofs.connection_ended, self.appliance.queue))
        self._leave_address()

    def _leave_address(self) -> None:
        try:
            self.folder.write_server(self.url)
        except OSError as error:
            # The lock tells that the folder is served; without the address only the operator's commands are at a loss.
            logger.error(
                "%s cannot be written (%s): commands at the terminal do not find this server. Close the program that "
                "has the file open, then start prjobs again",
                self.folder.path / "server.json",
                reason_of(error),
            )

    @property
    def url(self) -> str:
        """The URL for a program or a browser on this machine."""
        host = self.appliance.queue.settings.host
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        return f"http://{host}:{self.listener.port}"

    def run(self) -> bool:
        """Serve until `stop`, then close everything. Return False if the store could not be closed well."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        chores = Chores(self.appliance, self.folder, self.listener.addresses)
        stopping = self.appliance.queue.stopping
        works = {
            "upkeep": chores.run,
            "calendar": self._follow_calendar,
            "keys": self.appliance.desk.provider.run,
            "cloud": self._keep_in_step,
            "notify": self._notify,
            "log": write_logs,
        }
        threads = {
            name: threading.Thread(target=work, args=(stopping,), name=name, daemon=True)
            for name, work in works.items()
        }
        for thread in threads.values():
            thread.start()
        try:
            self.listener.run(self._let_go, self.appliance.queue.connections.is_unproved)
        finally:
            well = self._close([threads["upkeep"], threads["cloud"], threads["notify"]])
        return well

    def _close(self, threads: list[threading.Thread]) -> bool:
        self._let_go()
        for thread in threads:
            thread.join(timeout=min(2.0, max(0.1, self._end_s - self.appliance.queue.clock.elapsed_s())))
        try:
            return close_appliance(self.appliance, self.folder)
        finally:
            self.folder.remove_server()
            self._lock.release()
            logger.info("stopped")

    def _follow_calendar(self, stop: threading.Event) -> None:
        if self.appliance.desk.settings.reservations == "calendar":
            from prjobs.access.calendar import Calendar

            Calendar(self.appliance.desk, self.appliance.queue.polls.sites_named_first).run(stop)

    def _keep_in_step(self, stop: threading.Event) -> None:
        if self.link is not None:
            self.link.run(stop)
        else:
            switched_off.watch(self.appliance.cloud, stop)

    def _notify(self, stop: threading.Event) -> None:
        if self.notifier is not None:
            self.notifier.run(stop)

    def stop(self, *_: object) -> None:
        """Stop serving. Fit to be a signal handler that interrupts a stop: no lock is taken."""
        self.listener.stop()

    def _let_go(self) -> None:
        """Answer the held polls, and the requests that wait for a store in trouble."""
        if not self._end_s:
            self._end_s = self.appliance.queue.clock.elapsed_s() + STOP_S
        self.appliance.queue.stopping.set()
        self.appliance.queue.waiters.close()
        self.appliance.queue.database.hurry()


# The clients of other services are imported late: their library takes ten megabytes, which many sites do not need.


def _open_link(appliance: Appliance) -> "Link | None":
    if appliance.queue.settings.cloud_mode == "off":
        switched_off.hold_and_give_back(appliance.cloud)
        return None
    from prjobs.cloud.link import open_link

    return open_link(appliance.cloud)


def _open_notifier(appliance: Appliance, port: int) -> "Notifier | None":
    settings = appliance.queue.settings
    if not settings.notify and not settings.heartbeat_url:
        return None
    from prjobs.notify.notifier import open_notifier

    return open_notifier(appliance.board, appliance.desk.secret, port)


def _fetcher(settings: Settings, clock: Clock) -> Callable[[str, dict[str, str]], object]:
    def fetch(url: str, headers: dict[str, str]) -> object:
        from prjobs.access.http import Limits, get_json

        # A user may be waiting for the answer of the provider.
        limits = Limits(connect_s=2, first_byte_s=3, total_s=4)
        heard: list[HeardDate | None] = []
        take = partial(_take_date, heard, clock)
        value = get_json(url, headers, limits=limits, proxies=settings.proxies, heard=take)
        return DatedAnswer(value, heard[-1])

    return fetch


def _take_date(heard: list[HeardDate | None], clock: Clock, headers: Mapping[str, str]) -> None:
    heard.append(heard_date(headers, clock.elapsed_s()))


def _listen(appliance: Appliance) -> Listener:
    settings = appliance.queue.settings
    try:
        return Listener(build_app(appliance), settings)
    except (OSError, ValueError) as error:
        raise Unusable(
            f"cannot listen on {settings.host} port {settings.port}: {error}. Choose another by --port."
        ) from None


def serve(
    folder: Folder,
    settings: Settings,
    say: Say,
    demo: Callable[[Server], None] | None = None,
    warnings: Sequence[str] = (),
    on_stop: Callable[[Callable[[], None]], None] = stop_with_console,
) -> bool:
    """Serve the folder until Ctrl-C, SIGTERM or the closing of the console window; `say` prints a line.

    `on_stop` takes the act that stops the server, for the console or a manager of services to call. The warnings go to
    the log. Return False if the store could not be closed well; the last line of the log says so.
    """
    folder.create()
    set_up_logs(folder, settings.log_level)
    server = Server(folder, settings, demo=demo is not None)
    _handle_signals(server.stop)
    on_stop(server.stop)
    say(f"prjobs {VERSION} serves {server.url}/")
    _say_start(server, server.start, say)
    for sentence in warnings:
        logger.warning("%s", sentence)
    if demo:
        demo(server)
    ended = threading.Event()
    threading.Thread(
        target=_end_in_time, args=(server.appliance.queue.stopping, ended), name="end", daemon=True
    ).start()
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


def _say_start(server: Server, start: Start, say: Say) -> None:
    logger.info("prjobs %s serves %s from %s", VERSION, server.url, server.folder.path)
    if lacks_ephem(server.appliance.queue.settings):
        logger.warning(MISSING)
    if not start.clean:
        logger.warning("%s", start.sentence)
    if start.first:
        key = login.create_login_key(server.appliance.desk)
        login.remember_welcome(server.appliance.desk)
        say(f"Open this link once to log a browser in: {server.url}/login#once={key}")
        if not server.appliance.queue.demo:
            for line in first_steps(server.folder, server.url):
                say(line)
