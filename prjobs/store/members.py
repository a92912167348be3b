"""The processes of a hub: one is active, the others wait to take over.

The row of `door` names the active process; every write looks there, so a process that was replaced writes nothing more.
The times are those of the database's clock.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from prjobs.base.clock import StoreClock
from prjobs.store.hub_state import GONE_MS
from prjobs.store.losses import Seen
from prjobs.store.numbers import last_number
from prjobs.store.postgres import PostgresConnection, PostgresError, connect, session_name
from prjobs.version import VERSION

RENEW_S = 2.0
# A process that is ready looks so often whether the active one is gone.
LOOK_S = 1.0
# A member that is no more there is forgotten after a day.
FORGOTTEN_MS = 86_400_000
_SESSIONS = "SELECT 1 FROM pg_stat_activity WHERE application_name = ? LIMIT 1"
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Active:
    """The active process, as the others see it."""

    url: str
    version: str
    seen_ms: int
    now_ms: int


class Member:
    """This process, as a member of the hub on the database `url`; `address` is where it answers.

    `before` is the member that ran from the same data folder, and left no word of an orderly end.
    """

    def __init__(self, url: str, address: str, clock: StoreClock, before: str = "") -> None:
        self.id = clock.random_bytes(8).hex()
        self._before = before
        self._url, self.address, self._clock = url, address, clock
        self.seen = Seen()

    def take_over(self) -> Active | None:
        """Become the active process, and return None; return another active process if alive. Raise PostgresError.

        The process that was active before writes nothing more.
        """
        with closing(connect(self._url, member=self.id)) as connection, connection.session.transaction():
            holder, epoch = connection.fetch("SELECT holder, epoch FROM door WHERE id = 1 FOR UPDATE")[0]
            now_ms = self._look_at_clock(connection)
            found = connection.fetch("SELECT url, version, seen_ms FROM member WHERE id = ?", (holder,))
            if found and now_ms - found[0][2] < GONE_MS and holder != self.id and not self._is_over(connection, holder):
                return Active(found[0][0], found[0][1], found[0][2], now_ms)
            if found and holder != self.id:
                logger.warning("%s gives no sign of life: this process takes over", found[0][0])
            connection.execute("UPDATE door SET holder = ?, epoch = ? WHERE id = 1", (self.id, epoch + 1))
            self._sign_in(connection, now_ms)
        return None

    def wait(self, stop: threading.Event, on_look: Callable[[Active | None], object]) -> bool:
        """Wait to become the active process, and return True; return False at the stop.

        Call `on_look` at each look with the active process, or with None while the database cannot be reached.
        """
        connection: PostgresConnection | None = None
        try:
            while not stop.is_set():
                try:
                    connection = connection or connect(self._url, member=self.id)
                    active = self._find_active(connection) or self.take_over()
                    if active is None:
                        return True
                    on_look(active)
                except PostgresError as error:
                    logger.warning("the active process is not known: %s", " ".join(str(error).split()))
                    on_look(None)
                    _close(connection)
                    connection = None
                stop.wait(LOOK_S)
            return False
        finally:
            _close(connection)

    def _find_active(self, connection: PostgresConnection) -> Active | None:
        """Return the active process if it lives, without a lock; give a sign of life."""
        now_ms = self._look_at_clock(connection)
        self._sign_in(connection, now_ms)
        self.seen.note(last_number(connection.fetch, "change"))
        found = connection.fetch(
            "SELECT url, version, seen_ms, id FROM member WHERE id = (SELECT holder FROM door WHERE id = 1)"
        )
        if not found or now_ms - found[0][2] >= GONE_MS or self._is_over(connection, found[0][3]):
            return None
        return Active(found[0][0], found[0][1], found[0][2], now_ms)

    def _is_over(self, connection: PostgresConnection, member: str) -> bool:
        """Return True if the member ran from this data folder before this process, and its connections are gone.

        A copy of the folder may name a member that lives: the connections show the member.
        """
        if not member or member != self._before:
            return False
        return not connection.fetch(_SESSIONS, (session_name(member),))

    def _sign_in(self, connection: PostgresConnection, now_ms: int) -> None:
        connection.execute("DELETE FROM member WHERE seen_ms < ?", (now_ms - FORGOTTEN_MS,))
        connection.execute(
            "INSERT INTO member (id, url, version, started_ms, seen_ms, clock_offset_ms) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms, clock_offset_ms = excluded.clock_offset_ms",
            (self.id, self.address, VERSION, now_ms, now_ms, self._clock.offset_ms),
        )

    def leave(self) -> None:
        """Let another process take over immediately; without the database the others wait for the missing signs."""
        try:
            with closing(connect(self._url, member=self.id)) as connection, connection.session.transaction():
                connection.execute("SELECT epoch FROM door WHERE id = 1 FOR UPDATE")
                connection.execute("UPDATE door SET holder = '' WHERE id = 1 AND holder = ?", (self.id,))
                connection.execute("DELETE FROM member WHERE id = ?", (self.id,))
        except PostgresError as error:
            logger.warning("the hub was not told of the end: %s", " ".join(str(error).split()))

    def keep_signing(self, stop: threading.Event, on_replaced: Callable[[], object]) -> None:
        """Give a sign of life every two seconds until the stop; call `on_replaced()` once another process is active."""
        connection: PostgresConnection | None = None
        while not stop.wait(RENEW_S):
            try:
                connection = connection or connect(self._url, member=self.id)
                self._sign_in(connection, self._look_at_clock(connection))
                if connection.fetch("SELECT holder FROM door WHERE id = 1")[0][0] != self.id:
                    on_replaced()
            except PostgresError as error:
                logger.warning("no sign of life could be given: %s", " ".join(str(error).split()))
                _close(connection)
                connection = None
        _close(connection)

    def _look_at_clock(self, connection: PostgresConnection) -> int:
        before_ms = self._clock.own_ms()
        now_ms: int = connection.fetch(f"SELECT {_NOW}")[0][0]
        self._clock.set_offset(now_ms - (before_ms + self._clock.own_ms()) // 2)
        return now_ms


def _close(connection: PostgresConnection | None) -> None:
    if connection:
        connection.close()


def living(connection: PostgresConnection) -> list[str]:
    """Return the addresses of the processes that gave a sign of life within ten seconds. Raise PostgresError."""
    found = connection.fetch(f"SELECT url FROM member WHERE seen_ms > {_NOW} - {GONE_MS} ORDER BY url")
    return [url for (url,) in found]
