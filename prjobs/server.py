"""The life of the process: open the folder, serve it, stop cleanly."""

import logging
import signal
import sys
import threading
from collections.abc import Callable

from prjobs import access, handouts
from prjobs.appliance import Appliance
from prjobs.clock import Clock
from prjobs.cloud import left
from prjobs.cloud.link import open_link
from prjobs.errors import Unusable
from prjobs.folder import Folder
from prjobs.logs import set_up_logs, write_logs
from prjobs.opening import Start, close_appliance, open_appliance
from prjobs.outside.calendar import Calendar
from prjobs.outside.http import Limits, get_json
from prjobs.settings import Settings
from prjobs.upkeep.ballast import give_up_when_full
from prjobs.upkeep.chores import Chores
from prjobs.version import VERSION
from prjobs.web.app import build_app
from prjobs.web.listener import Listener

logger = logging.getLogger(__name__)
SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")
# At Python's 5 ms a request waits that long for the interpreter lock while another one is busy with a long answer;
# much below this, changing threads costs more than it gives. tests/bench/ measures it.
SWITCH_INTERVAL_S = 0.0005
# A user may be waiting for what is asked of the provider.
PROVIDER_LIMITS = Limits(connect_s=2, first_byte_s=3, total_s=4)
Say = Callable[[str], None]


class Server:
    """One appliance being served. `run` blocks until `stop`."""

    def __init__(self, folder: Folder, settings: Settings, clock: Clock | None = None, demo: bool = False) -> None:
        self.folder = folder
        folder.create()
        self._lock = folder.lock()
        give_up_when_full(folder.path)
        self.appliance, self.start = open_appliance(folder, settings, clock or Clock(), demo, _fetch)
        self.link = open_link(self.appliance)
        try:
            self.listener = _listen(self.appliance)
        except Unusable:
            close_appliance(self.appliance, folder)
            self._lock.release()
            raise
        self.listener.on_connection_ended(lambda peer: handouts.connection_ended(self.appliance, peer))
        folder.write_server(self.url)

    @property
    def url(self) -> str:
        """Where it answers, for a program or a browser on this machine."""
        host = self.appliance.settings.host
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        return f"http://{host}:{self.listener.port}"

    def run(self) -> None:
        """Serve until `stop`, then close everything well."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        chores = Chores(self.appliance, self.folder)
        stopping = self.appliance.stopping
        works = {
            "upkeep": chores.run,
            "calendar": Calendar(self.appliance).run,
            "keys": self.appliance.provider.run,
            "cloud": self._keep_in_step,
            "log": write_logs,
        }
        threads = {
            name: threading.Thread(target=work, args=(stopping,), name=name, daemon=True)
            for name, work in works.items()
        }
        for thread in threads.values():
            thread.start()
        try:
            self.listener.run(self._let_go)
        finally:
            self.appliance.stopping.set()
            for name in ("upkeep", "cloud"):
                threads[name].join(timeout=2)
            close_appliance(self.appliance, self.folder)
            self.folder.remove_server()
            self._lock.release()
            logger.info("stopped")

    def _keep_in_step(self, stop: threading.Event) -> None:
        if self.link is not None:
            self.link.run(stop)
        else:
            left.watch(self.appliance, stop)

    def stop(self, *_: object) -> None:
        """Stop; fit to be a signal handler, also one that interrupts itself: it takes no lock."""
        self.listener.stop()

    def _let_go(self) -> None:
        """Answer the held polls."""
        self.appliance.stopping.set()
        self.appliance.bell.close()


def _fetch(url: str, headers: dict[str, str]) -> object:
    return get_json(url, headers, PROVIDER_LIMITS)


def _listen(appliance: Appliance) -> Listener:
    settings = appliance.settings
    try:
        return Listener(build_app(appliance), settings)
    except (OSError, ValueError) as error:
        raise Unusable(f"cannot listen on {settings.host} port {settings.port}: {error}") from None


def serve(folder: Folder, settings: Settings, say: Say, demo: Callable[[Server], None] | None = None) -> None:
    """Serve the folder until Ctrl-C, SIGTERM or the closing of its console window; `say` prints a line."""
    folder.create()
    set_up_logs(folder, settings.log_level)
    server = Server(folder, settings, demo=demo is not None)
    for name in SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), server.stop)
    say(f"prjobs {VERSION} serves {server.url}/")
    _say_start(server, server.start, say)
    if demo:
        demo(server)
    server.run()
    for name in SIGNALS:
        # One more signal must not end the process otherwise than well.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _say_start(server: Server, start: Start, say: Say) -> None:
    logger.info("prjobs %s serves %s from %s", VERSION, server.url, server.folder.path)
    if not start.clean:
        logger.warning("%s", start.sentence)
    if start.first:
        key = access.create_login_key(server.appliance)
        access.remember_welcome(server.appliance)
        say(f"Open this link once to log a browser in: {server.url}/login#once={key}")
