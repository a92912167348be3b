"""The processes of a hub: an active process, and standbys ready to take over.

The row of `door` names the active process; every write looks there, so a replaced process writes nothing more. Times
are by the database's clock.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from prjobs.base.clock import Clock, StoreClock
from prjobs.store.hub_state import GONE_MS
from prjobs.store.losses import Seen
from prjobs.store.numbers import last_number
from prjobs.store.postgres import PostgresConnection, connect, session_name
from prjobs.store.postgres_session import PostgresError
from prjobs.version import VERSION

RENEW_S = 2.0
# A process that is ready looks so often whether the active one is gone.
LOOK_S = 1.0
# And so often, for some seconds, once its address refuses connections: the server sees a little later that it ended.
SOON_S = 0.2
SOON_LOOKS = 15
# Right after a restart of the server, the connections of a living process may be missing.
SETTLED_S = 3.0
# The longest wait for an answer of the server.
ANSWER_S = 3.0
# A member that is no more there is forgotten after a day.
FORGOTTEN_MS = 86_400_000
_SESSIONS = "SELECT 1 FROM pg_stat_activity WHERE application_name = ? LIMIT 1"
_FORGET = "DELETE FROM member WHERE seen_ms < ? AND id <> (SELECT holder FROM door WHERE id = 1)"
_ACTIVE = "SELECT id, url, version, seen_ms FROM member WHERE id = (SELECT holder FROM door WHERE id = 1)"
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Active:
    """The active process, as the others see it."""

    id: str
    url: str
    version: str
    seen_ms: int
    now_ms: int


class Watch:
    """The signs of life of the active process, watched by the time that passes here: clocks and databases step.

    A process is gone if its sign stays the same for ten seconds of an unbroken watch.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sign: tuple[str, int] | None = None
        self._since_s = 0.0
        # At the first look of a process nothing was watched yet: the age of the sign by the database's clock decides.
        self._is_first = True

    def is_gone(self, active: Active) -> bool:
        """Return True if the process gave no new sign for ten seconds."""
        sign, now_s = (active.id, active.seen_ms), self._clock.elapsed_s()
        if sign != self._sign:
            self._sign, self._since_s = sign, now_s
        is_first, self._is_first = self._is_first, False
        return now_s - self._since_s >= GONE_MS / 1000 or (is_first and is_old(active))

    def interrupt(self) -> None:
        """Begin anew: the signs of the time without the database were not seen."""
        self._sign = None


def is_old(active: Active) -> bool:
    """Return True if the last sign is ten seconds away by the database's clock, which may have stepped back."""
    return abs(active.now_ms - active.seen_ms) >= GONE_MS


class Member:
    """This process, as a member of the hub on the database `url`; `address` is where it answers.

    `before` is the member that ran from the same data folder, and left no word of an orderly end.
    """

    def __init__(self, url: str, address: str, clock: StoreClock, before: str = "") -> None:
        self.id = clock.random_bytes(8).hex()
        self._watch = Watch(clock)
        self._before = before
        # Set while the address of the active process refuses connections; and a fresh look whether a member's does.
        self.has_died = threading.Event()
        self.refuses: Callable[[str], bool] = lambda _member: False
        self._connected_s = 0.0
        self._soon_looks = SOON_LOOKS
        self._url, self.address, self._clock = url, address, clock
        self.seen = Seen()

    def take_over(self, gone: Active | None = None, ended: Active | None = None) -> Active | None:
        """Become the active process, and return None; return another active process if alive. Raise PostgresError.

        `gone` was watched, and gave no new sign; `ended` had no connection to the database any more. The process that
        was active before writes nothing more.
        """
        with closing(connect(self._url, member=self.id)) as connection, connection.session.transaction():
            epoch = connection.fetch("SELECT epoch FROM door WHERE id = 1 FOR UPDATE")[0][0]
            now_ms = self._look_at_clock(connection)
            active = self._active(connection, now_ms)
            has_ended = bool(active and ended and active.id == ended.id and self._has_left(connection, active.id))
            if active and not (has_ended or self._has_gone(active, gone)):
                return active
            if active:
                said = "has ended" if has_ended else "gives no sign of life"
                logger.warning("%s %s: this process takes over", active.url, said)
            connection.execute("UPDATE door SET holder = ?, epoch = ? WHERE id = 1", (self.id, epoch + 1))
            self._sign_in(connection, now_ms)
        return None

    def _has_gone(self, active: Active, gone: Active | None) -> bool:
        if gone is None:
            return is_old(active)
        return (active.id, active.seen_ms) == (gone.id, gone.seen_ms)

    def _active(self, connection: PostgresConnection, now_ms: int) -> Active | None:
        """Return the active process, alive or not; None if there is none but this one."""
        found = connection.fetch(_ACTIVE)
        if not found or found[0][0] == self.id:
            return None
        return Active(found[0][0], found[0][1], found[0][2], found[0][3], now_ms)

    def wait(self, stop: threading.Event, on_look: Callable[[Active | None], object]) -> bool:
        """Wait to become the active process, and return True; return False at the stop.

        Call `on_look` at each look with the active process, or with None while the database cannot be reached.
        """
        connection: PostgresConnection | None = None
        try:
            while not stop.is_set():
                try:
                    if connection is None:
                        connection, self._connected_s = self._connect(), self._clock.elapsed_s()
                    active = self._look(connection)
                    if active is None:
                        return True
                    on_look(active)
                except PostgresError as error:
                    logger.warning("the active process is not known: %s", " ".join(str(error).split()))
                    on_look(None)
                    self._watch.interrupt()
                    _close(connection)
                    connection = None
                self._pause(stop)
            return False
        finally:
            _close(connection)

    def _pause(self, stop: threading.Event) -> None:
        """Wait for the next look: until the stop, and shorter once the active process refuses connections."""
        if not self.has_died.is_set():
            self._soon_looks = SOON_LOOKS
        left_s = LOOK_S
        while left_s > 0 and not stop.wait(min(SOON_S, left_s)):
            left_s -= SOON_S
            if self.has_died.is_set() and self._soon_looks > 0:
                self._soon_looks -= 1
                return

    def _look(self, connection: PostgresConnection) -> Active | None:
        """Return the active process if it lives, without a lock, and give a sign of life; else take over."""
        now_ms = self._look_at_clock(connection)
        self._sign_in(connection, now_ms)
        self.seen.note(last_number(connection.fetch, "change"))
        active = self._active(connection, now_ms)
        if active is None or self._watch.is_gone(active):
            return self.take_over(gone=active)
        return self.take_over(ended=active) if self._has_ended(connection, active.id) else active

    def _has_ended(self, connection: PostgresConnection, member: str) -> bool:
        """Return True if the member has left no connection to the database, and a second sign tells of the end.

        The second sign: the member's address refuses connections, or the member ran from the data folder of this
        process. Either sign alone can be wrong: a copy of the folder may name a living member.
        """
        if member == self._before:
            return self._has_left(connection, member)
        if not self.has_died.is_set() or self._clock.elapsed_s() - self._connected_s < SETTLED_S:
            return False
        return self._has_left(connection, member) and self.refuses(member)

    def _has_left(self, connection: PostgresConnection, member: str) -> bool:
        """Return True if the member has no connection to the database."""
        # A pooler may give the sessions names of its own, or hide the sessions of others.
        shows_names = connection.fetch(_SESSIONS, (session_name(self.id),))
        return bool(shows_names) and not connection.fetch(_SESSIONS, (session_name(member),))

    def _sign_in(self, connection: PostgresConnection, now_ms: int) -> None:
        connection.execute(_FORGET, (now_ms - FORGOTTEN_MS,))
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

    def keep_signing(
        self,
        stop: threading.Event,
        on_replaced: Callable[[], object],
        on_doubt: Callable[[bool], object] = lambda _is_doubted: None,
    ) -> None:
        """Give a sign of life every two seconds until the stop; call `on_replaced()` once another process is active.

        `on_doubt(True)` is called when no sign could be given for so long that another process may be active,
        `on_doubt(False)` once this process is known as the active one again.
        """
        connection: PostgresConnection | None = None
        signed_s, is_doubted = self._clock.elapsed_s(), False
        while not stop.wait(RENEW_S):
            if not is_doubted and self._clock.elapsed_s() - signed_s >= GONE_MS / 1000:
                is_doubted = True
                on_doubt(True)
            try:
                connection = connection or self._connect()
                self._sign_in(connection, self._look_at_clock(connection))
                if connection.fetch("SELECT holder FROM door WHERE id = 1")[0][0] != self.id:
                    on_replaced()
                    continue
                signed_s = self._clock.elapsed_s()
                if is_doubted:
                    is_doubted = False
                    on_doubt(False)
            except PostgresError as error:
                logger.warning("no sign of life could be given: %s", " ".join(str(error).split()))
                _close(connection)
                connection = None
        _close(connection)

    def _connect(self) -> PostgresConnection:
        connection = connect(self._url, member=self.id)
        # A server that hangs must not keep this thread from noticing.
        connection.session.limit_s = ANSWER_S
        return connection

    def _look_at_clock(self, connection: PostgresConnection) -> int:
        asked_ms = self._clock.own_ms()
        now_ms: int = connection.fetch(f"SELECT {_NOW}")[0][0]
        self._clock.measure(now_ms, asked_ms)
        return now_ms


def _close(connection: PostgresConnection | None) -> None:
    if connection:
        connection.close()


def living(connection: PostgresConnection) -> list[str]:
    """Return the addresses of the processes that gave a sign of life within ten seconds. Raise PostgresError."""
    found = connection.fetch(f"SELECT url FROM member WHERE abs({_NOW} - seen_ms) < {GONE_MS} ORDER BY url")
    return [url for (url,) in found]
