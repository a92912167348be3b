"""An open appliance at work: its threads, its link and its messages; the address of the process, its term in a hub."""

# `difflib` and `ulid` are imported with the server: before the first request an upgrade may replace their files.
import difflib  # noqa: F401
import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import ulid  # noqa: F401

from prjobs.access.dates import DatedAnswer, HeardDate, heard_date
from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.files import reason_of
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.opening import close_appliance
from prjobs.web.listener import Listener

if TYPE_CHECKING:
    from prjobs.notify.notifier import Notifier
    from prjobs.store.members import Member

logger = logging.getLogger(__name__)
# The time for requests in flight and working threads, once the process is to end.
STOP_S = 4.0
JOIN_S = 3.0
DOUBTED = "The database of the hub gave no answer for ten seconds, so another process may be active."
REPLACED = "Another process of this hub has become the active one."
# The work of a thread, which ends soon after the event is set.
Work = Callable[[threading.Event], object]


class Running:
    """An open appliance at work. `start` starts its threads, `let_go` asks them to end, `close` closes the store."""

    def __init__(self, appliance: Appliance, folder: Folder, port: int) -> None:
        self.appliance = appliance
        self._folder = folder
        self._end_s = 0.0
        self._threads: dict[str, threading.Thread] = {}
        self.notifier = _open_notifier(appliance, port)

    def start(self, upkeep: Work, cloud: Work) -> None:
        """Start the threads, with the chores and the link to the cloud as two of the works."""
        works = {
            "upkeep": upkeep,
            "cloud": cloud,
            "calendar": self._follow_calendar,
            "keys": self.appliance.desk.provider.run,
            "notify": self._notify,
        }
        for name, work in works.items():
            thread = threading.Thread(target=work, args=(self.appliance.queue.stopping,), name=name, daemon=True)
            self._threads[name] = thread
            thread.start()

    def let_go(self) -> None:
        """Answer the held polls, and the requests that wait for a store in trouble; ask the threads to end."""
        queue = self.appliance.queue
        if not self._end_s:
            self._end_s = queue.clock.elapsed_s() + STOP_S
        queue.stopping.set()
        queue.waiters.close()
        queue.database.hurry()

    def join(self) -> None:
        """Wait for the threads that write, for a limited time."""
        for name in ("upkeep", "cloud", "notify"):
            if name in self._threads:
                left_s = self._end_s - self.appliance.queue.clock.elapsed_s()
                self._threads[name].join(timeout=min(2.0, max(0.1, left_s)))

    def close(self) -> bool:
        """Close everything. Return False if the store could not be closed well."""
        self.let_go()
        self.join()
        return close_appliance(self.appliance, self._folder)

    def _follow_calendar(self, stop: threading.Event) -> None:
        if self.appliance.desk.settings.reservations == "calendar":
            from prjobs.access.calendar import Calendar

            Calendar(self.appliance.desk, self.appliance.queue.polls.sites_named_first).run(stop)

    def _notify(self, stop: threading.Event) -> None:
        if self.notifier is not None:
            self.notifier.run(stop)


class Term:
    """The time in which this process is the active one. `withdraw()` puts the standby's answers in place."""

    def __init__(self, member: "Member", withdraw: Callable[[], object]) -> None:
        self.member = member
        self._withdraw = withdraw
        self.running: Running | None = None
        # Set once another process is active, or the process is to end.
        self.is_over = threading.Event()
        self.is_replaced = False
        self._signing: threading.Thread | None = None

    def sign(self) -> None:
        """Give signs of life from now on, in a thread of its own, until the term is over."""
        self._signing = threading.Thread(
            target=self.member.keep_signing, args=(self.is_over, self.replace, self.doubt), name="signing", daemon=True
        )
        self._signing.start()

    def leave(self) -> None:
        """Let another process take over."""
        self.is_over.set()
        if self._signing:
            # A last sign of life after the end would show this process among the members.
            self._signing.join(JOIN_S)
        self.member.leave()

    def replace(self) -> None:
        """Stop acting at once: another process is active. Any thread may call, several times."""
        if not self.is_replaced:
            self.is_replaced = True
            self.stop_if_replaced()
            self.is_over.set()

    def doubt(self, is_doubted: bool) -> None:
        """Refuse reads and writes while another process may be active; go on when this process is known as active."""
        if self.running and not self.is_replaced:
            database = self.running.appliance.queue.database
            if is_doubted:
                database.lose(DOUBTED)
            else:
                database.find()

    def stop_if_replaced(self) -> None:
        """Stop acting if another process is active."""
        if self.is_replaced and self.running:
            self._withdraw()
            self.running.appliance.queue.database.lose(REPLACED)
            self.running.let_go()


def listen(app: Callable[..., Any], settings: Settings) -> Listener:
    """Return the listener for the application. Raises Unusable."""
    try:
        return Listener(app, settings)
    except (OSError, ValueError) as error:
        raise Unusable(
            f"cannot listen on {settings.host} port {settings.port}: {error}. Choose another by --port."
        ) from None


def url_of(settings: Settings, port: int) -> str:
    """Return the URL for a program or a browser on this machine."""
    host = settings.host
    host = {"0.0.0.0": "127.0.0.1", "*": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"


def leave_address(folder: Folder, url: str, active: str | None = None, member: str = "") -> None:
    """Write the address of this process for commands at the terminal; see `Folder.write_server`."""
    try:
        folder.write_server(url, active, member)
    except OSError as error:
        # The lock tells that the folder is served; without the address only the operator's commands are at a loss.
        logger.error(
            "%s cannot be written (%s): commands at the terminal do not find this server. Close the program that "
            "has the file open, then start prjobs again",
            folder.path / "server.json",
            reason_of(error),
        )


# The clients of other services are imported late: their library takes ten megabytes, which many sites do not need.


def _open_notifier(appliance: Appliance, port: int) -> "Notifier | None":
    settings = appliance.queue.settings
    if not settings.notify and not settings.heartbeat_url:
        return None
    from prjobs.notify.notifier import open_notifier

    return open_notifier(appliance.board, appliance.desk.secret, port)


def fetcher(settings: Settings, clock: Clock) -> Callable[[str, dict[str, str]], object]:
    """Return the function that gets JSON from the provider of outside users."""

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
