"""PostgreSQL as the store's engine, for a hub: the one row that all writers lock, and the fate of a COMMIT.

Every writing transaction locks the row of `door` first: so ids, the log and the audit are in the order of the commits,
for all processes on the database. The row also names the active process, and stops the writes of a replaced process.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from peewee import PostgresqlDatabase

from prjobs.base.clock import Clock
from prjobs.base.errors import Fault, TookTooLong, Trouble
from prjobs.base.histogram import Histogram
from prjobs.store import sqlstates
from prjobs.store.losses import Seen, make_good
from prjobs.store.numbers import KEYS, LAST_OF_ALL
from prjobs.store.postgres import READING_S, WRITING_S, PostgresConnection, connect
from prjobs.store.postgres_session import ConnectionFailed, PostgresError, QueryEnded, TooSlow, TransactionLost
from prjobs.store.readers import AllBusy, NotOpened, Readers
from prjobs.store.source import Row
from prjobs.store.sqlite import TOO_LONG

# The bounds of the waits for the row of `door`: a free row, a commit of another process, the limit.
DOOR_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
# A read for which a caller set no limit: a thread must not hang with a connection.
LONGEST_READ_S = 35.0
# A statement of the writer: the server's own limit, and the way there and back.
LONGEST_WRITE_S = WRITING_S + 2.0
# The look for the fate of a COMMIT goes on for so long.
LOOKUP_S = 10.0
_TIMELINE = "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
_BEGIN = "BEGIN"
_DOOR = f"SELECT holder, pg_current_xact_id()::text, {_TIMELINE} FROM door WHERE id = 1 FOR UPDATE"
_FATE = f"SELECT pg_xact_status(?::xid8), {_TIMELINE}"
_CLOCK = Clock()

logger = logging.getLogger(__name__)


class NotActive(Exception):
    """The process may not write: another process is active."""


class _Limit(threading.local):
    """The time that a query of a thread may take."""

    limit_s = math.inf


class _Broken(ConnectionFailed):
    """The connection broke: before the query, or during the query."""


class PostgresEngine:
    """A database on PostgreSQL. `member` is the id of this process, for the row of `door`."""

    errors: tuple[type[Exception], ...] = (PostgresError, NotActive, NotOpened)
    numbers_rows = True

    def __init__(self, url: str, member: str) -> None:
        self.url, self.member = url, member
        self.door_waits: Histogram | None = Histogram(DOOR_S)
        # Called once when another process has become the active one.
        self.on_replaced: Callable[[], object] = lambda: None
        self._readers = Readers(self._connect_reading, (PostgresError,))
        self._local = _Limit()
        # The transaction that runs: its id, and the timeline of the server that gave the id.
        self._mark = ("", "")
        # The highest number of a change that this process knows of, and the timeline on which it was last compared.
        self.seen = Seen()
        self._compared = ""
        self._peewee = PostgresqlDatabase("", prefer_psycopg3=True)

    @property
    def version(self) -> str:
        """Return the version of the server."""
        try:
            return str(self.fetch("SHOW server_version", ())[0][0])
        except self.errors:
            return "?"

    # ---- reading

    def _connect_reading(self) -> PostgresConnection:
        connection = connect(self.url, READING_S, self.member)
        connection.session.execute("SET default_transaction_read_only = on")
        return connection

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        """Return all rows of a query. Raise TookTooLong.

        A connection that broke while nobody used it is replaced, and the query repeated once if time is left.
        """
        limit_s = min(self._local.limit_s, LONGEST_READ_S)
        end_s = _CLOCK.elapsed_s() + limit_s
        try:
            try:
                return self._read(sql, parameters, end_s)
            except _Broken:
                self._readers.drop_idle()
                if _CLOCK.elapsed_s() > end_s - limit_s / 2:
                    raise
                return self._read(sql, parameters, end_s)
        except (TooSlow, AllBusy, QueryEnded) as error:
            # A server that does not answer at all is a fault; a limit that the caller set is none.
            if isinstance(error, TooSlow) and limit_s == LONGEST_READ_S:
                raise
            raise TookTooLong(TOO_LONG % limit_s) from None

    def _read(self, sql: str, parameters: Sequence[Any], end_s: float) -> list[Row]:
        connection = self._readers.take(end_s - _CLOCK.elapsed_s())
        try:
            connection.session.limit_s = max(0.0, end_s - _CLOCK.elapsed_s())
            return connection.fetch(sql, parameters)
        except TooSlow:
            raise
        except ConnectionFailed as error:
            if connection.is_usable:
                raise
            raise _Broken(*error.args) from error
        finally:
            self._readers.give_back(connection)

    @contextmanager
    def limited(self, limit_s: float) -> Iterator[None]:
        """End each query of this thread that takes longer, inside the block."""
        local = self._local
        before, local.limit_s = local.limit_s, limit_s
        try:
            yield
        finally:
            local.limit_s = before

    def sql_of(self, query: Any) -> tuple[str, Sequence[Any]]:
        """Return a peewee query as a statement and its parameters."""
        sql, parameters = self._peewee.get_sql_context(param="?").sql(query).query()
        return sql, parameters

    # ---- writing

    def connect(self) -> PostgresConnection:
        """Return a new connection for the writer: a server that hangs must not hold the writer for ever."""
        connection = connect(self.url, member=self.member)
        connection.session.limit_s = LONGEST_WRITE_S
        return connection

    def begin(self, connection: Any, one_by_one: bool = False) -> dict[str, int]:
        """Begin a transaction, lock the row that all writers lock, and return the last numbers. Raise NotActive.

        A connection that broke while nobody used it is replaced first.
        """
        try:
            found, numbers = self._lock(connection)
        except ConnectionFailed:
            if connection.is_usable:
                raise
            connection.become(self.connect())
            found, numbers = self._lock(connection)
        holder, number, timeline = found
        if holder != self.member:
            self.on_replaced()
            raise NotActive("another process is the active one")
        if timeline != self._compared and make_good(connection, self.seen):
            self.commit(connection)
            # The memory of this process knows jobs that are lost: it begins anew, as after a crash.
            self.on_replaced()
            raise NotActive("the database lacks answered writes")
        self._compared = timeline
        self._mark = number, timeline
        connection.gathers = not one_by_one
        return numbers

    def _lock(self, connection: PostgresConnection) -> tuple[Row, dict[str, int]]:
        began_s = _CLOCK.elapsed_s()
        try:
            # Each statement sees what was committed before it begins: the numbers are those after the wait.
            _, [door], [last] = connection.fetch_together(_BEGIN, _DOOR, LAST_OF_ALL)
        finally:
            # The waits that ended by the limit count too.
            if self.door_waits:
                self.door_waits.add(_CLOCK.elapsed_s() - began_s)
        return door, {table: int(number or 0) for table, number in zip(KEYS, last, strict=True)}

    def commit(self, connection: Any) -> None:
        """Commit the transaction, with the statements that wait; a lost one answers ROLLBACK without an error."""
        connection.gathers = False
        if connection.execute("COMMIT").status != "COMMIT":
            raise TransactionLost("the transaction was lost before its end")

    def is_late(self, error: Exception) -> bool:
        """Return True if a statement of an earlier verb may have caused the error."""
        return isinstance(error, PostgresError) and not self.is_trouble(error)

    def committed(self, numbers: dict[str, int], /) -> None:
        """Remember the number of the newest change."""
        self.seen.note(numbers.get("change", 0))

    def roll_back(self, connection: Any) -> None:
        """End a failed transaction, if there is one."""
        connection.drop_waiting()
        if connection.is_usable and connection.is_in_transaction:
            connection.execute("ROLLBACK")

    def is_stored(self, connection: Any, error: Exception, written: Mapping[str, int]) -> bool | None:
        """Return the fate of the transaction after an error of COMMIT; None if the server cannot tell.

        The server is asked once it answers again. After a crash the server may give the number of the lost transaction
        to another one, and a promoted server too: a stored transaction has left its rows.
        """
        if isinstance(error, PostgresError) and error.sqlstate and not sqlstates.is_cut(error.sqlstate):
            return False
        end_s = _CLOCK.elapsed_s() + LOOKUP_S
        while _CLOCK.elapsed_s() < end_s:
            try:
                if not connection.is_usable:
                    connection.become(self.connect())
                status, now = connection.fetch(_FATE, (self._mark[0],))[0]
                if now != self._mark[1]:
                    return None
                if status == "committed":
                    return self._left_rows(connection, written)
                if status != "in progress":
                    return None if status is None else False
                time.sleep(0.1)
            except PostgresError as again:
                logger.warning("the fate of a COMMIT is not known yet: %s", str(again).strip())
                connection.close()
                time.sleep(0.2)
        return None

    def _left_rows(self, connection: PostgresConnection, written: Mapping[str, int]) -> bool | None:
        """Return True if the rows of these numbers are stored: this process alone gives numbers while it is active."""
        if not written or connection.fetch("SELECT holder FROM door WHERE id = 1") != [(self.member,)]:
            return None
        return all(
            connection.fetch(f"SELECT 1 FROM {table} WHERE {KEYS[table]} = ?", (number,))
            for table, number in written.items()
        )

    def prove(self, connection: Any) -> None:
        """Commit a small transaction that really writes."""
        self.begin(connection)
        connection.execute("DELETE FROM fact WHERE name = 'proved'")
        connection.execute("INSERT INTO fact (name, value) VALUES ('proved', 'yes')")
        self.commit(connection)

    def tell(self, sites: set[str], /) -> None:
        """Tell nobody: one process is active."""

    def finish(self, connection: Any) -> None:
        """Do nothing: the server keeps its own files."""

    def close(self) -> None:
        """Close the connections for reading."""
        self._readers.close()

    # ---- faults

    def trouble_of(self, error: BaseException) -> Trouble:
        """Return an error of the server or the network as a fault with a sentence for a person."""
        if isinstance(error, NotActive):
            return Trouble(Fault.NOT_ACTIVE, "Another process of this hub is the active one.")
        return sqlstates.trouble_of(getattr(error, "sqlstate", None), error)

    def is_trouble(self, error: Exception) -> bool:
        """Return True if the server or the network is at fault, so that the whole transaction is lost."""
        if isinstance(error, (NotActive, NotOpened)):
            return True
        if not isinstance(error, PostgresError):
            return False
        if error.sqlstate is None:
            # The library's own errors have no state: for a lost connection, or for a wrong use of the library.
            return isinstance(error, ConnectionFailed)
        return sqlstates.is_trouble(error.sqlstate)
