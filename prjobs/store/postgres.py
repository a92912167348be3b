"""PostgreSQL, for a hub: sessions, the one row that all writers lock, and the error codes.

Every writing transaction locks the row of `door` first: so ids, the log and the audit are in the order of the commits,
for all processes on the database. The row also names the active process, and stops the writes of a replaced process.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from peewee import PostgresqlDatabase
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row

from prjobs.base.clock import Clock
from prjobs.base.errors import BadRequest, Fault, TookTooLong, Trouble, Unusable
from prjobs.base.histogram import Histogram
from prjobs.store.dialect import translate
from prjobs.store.losses import Seen, make_good
from prjobs.store.numbers import KEYS
from prjobs.store.readers import AllBusy, NotOpened, Readers
from prjobs.store.source import Row
from prjobs.store.sqlite import TOO_LONG

# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS: a peer that vanished is noticed soon.
_CONNECTING: dict[str, Any] = {
    "connect_timeout": 2,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
# https://www.postgresql.org/docs/current/runtime-config-client.html: nobody keeps the row of `door` for long, and a
# commit is on disk.
_SESSION = {
    "synchronous_commit": "'on'",
    "default_transaction_isolation": "'read committed'",
    "idle_in_transaction_session_timeout": "'2s'",
    # Not every system can look whether the client of a session is still there.
    **{
        name: f"CASE WHEN version() ~* 'linux' THEN '{value}' ELSE current_setting('{name}') END"
        for name, value in (
            ("client_connection_check_interval", "1s"),
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "2"),
        )
    },
    "lock_timeout": "'5s'",
    "client_encoding": "'UTF8'",
}
_WRITING_S, _READING_S = 10, 30
# The bounds of the waits for the row of `door`: a free row, a commit of another process, the limit.
DOOR_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
# A read for which a caller set no limit: a thread must not hang with a connection.
LONGEST_READ_S = 35.0
# A statement of the writer: the server's own limit, and the way there and back.
LONGEST_WRITE_S = _WRITING_S + 2.0
# The look for the fate of a COMMIT goes on for so long.
LOOKUP_S = 10.0
_TIMELINE = "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"
_DOOR = f"BEGIN; SELECT holder, pg_current_xact_id()::text, {_TIMELINE} FROM door WHERE id = 1 FOR UPDATE"
_FATE = f"SELECT pg_xact_status(?::xid8), {_TIMELINE}"
_FAULTS = {
    "53100": Fault.FULL,
    "55P03": Fault.LOCKED,
    "25006": Fault.READ_ONLY,
    "XX001": Fault.DAMAGED,
    "XX002": Fault.DAMAGED,
}
_SENTENCES = {
    Fault.LOCKED: "Another process holds the database.",
    Fault.FULL: "The disk of the database is full.",
    Fault.READ_ONLY: "The database takes no writes: it is a standby.",
    Fault.DAMAGED: "The database is damaged.",
    Fault.NOT_OPENED: "The database cannot be reached.",
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html: the classes of connection, resources, operator's
# intervention, system errors and internal errors; and a transaction that paused for too long.
_TROUBLE_CLASSES = ("08", "53", "57", "58", "XX")
_TROUBLE = ("25P03", "25006", "55P03")

logger = logging.getLogger(__name__)


PostgresError = psycopg.Error
_CLOCK = Clock()


# A URL that the library cannot read, in words.
UNREADABLE = "of store_url"


def shown(url: str) -> str:
    """Return the database of a URL in words, without user and password."""
    try:
        require_readable(url)
        named = conninfo_to_dict(url)
    except (psycopg.Error, Unusable):
        return UNREADABLE
    return f"{named.get('dbname') or 'of the user'} at {named.get('host') or 'this machine'}"


class NotActive(Exception):
    """Another process is the active one: this process may not write."""


class _Limit(threading.local):
    """The time that a query of a thread may take."""

    limit_s = math.inf


class _Session(psycopg.Connection[Any]):
    """A connection whose statements end after `limit_s` for the caller, even if the server does not answer."""

    limit_s = math.inf

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ARG002
        """Run a step of the protocol."""
        if self.limit_s == math.inf:
            return super().wait(gen, interval)
        try:
            return super().wait(_until(gen, _CLOCK.elapsed_s() + self.limit_s), 0.02)
        except _TooSlow:
            # The answer may still come, and would be taken for that of the next statement.
            self.pgconn.finish()
            raise


class _TooSlow(psycopg.OperationalError):
    """The server did not answer in time; the connection is of no further use."""


class _Broken(psycopg.OperationalError):
    """The connection broke: before the query, or during the query."""


def _until(gen: Any, end_s: float) -> Any:
    try:
        # A step may end without a wait.
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and _CLOCK.elapsed_s() > end_s:
                raise _TooSlow("the database did not answer in time")
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value


class _Flag(Dumper):
    """True and False as numbers, as SQLite stores them."""

    oid = psycopg.adapters.types["int8"].oid

    def dump(self, obj: bool) -> bytes:
        return b"1" if obj else b"0"


@contextmanager
def _texts_without_nul(values: Iterable[Any]) -> Iterator[None]:
    """Raise BadRequest for a text that PostgreSQL cannot store."""
    try:
        yield
    except psycopg.DataError as error:
        if error.sqlstate is None and any(isinstance(value, str) and "\0" in value for value in values):
            raise BadRequest(
                "The request holds the character NUL, which is not stored. Leave the character out."
            ) from None
        raise


class PostgresConnection:
    """A connection that takes the package's SQL."""

    def __init__(self, session: _Session) -> None:
        self.session = session

    @property
    def is_usable(self) -> bool:
        """Return False after the server or the network ended the connection."""
        return not self.session.closed and not self.session.broken

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        """Run a statement and return the cursor."""
        text, names = translate(sql)
        values = parameters if names is None else [parameters[name] for name in names]
        with _texts_without_nul(values):
            return self.session.execute(text, values or None)

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Run a statement once for each row of parameters."""
        text, names = translate(sql)
        rows = parameters if names is None else [[row[name] for name in names] for row in parameters]
        cursor = self.session.cursor()
        with _texts_without_nul(value for row in rows for value in row):
            cursor.executemany(text, rows)
        return cursor

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query."""
        return self.execute(sql, parameters).fetchall()  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self.session.close()


def require_readable(url: str) -> None:
    """Raise Unusable for an address with an unescaped character in a password: a part would be shown as the host."""
    named = conninfo_to_dict(url)
    host, database = str(named.get("host") or ""), str(named.get("dbname") or "")
    if "@" in host or "@" in database or "/" in database:
        raise Unusable(
            "store_url cannot be read: in a user name or password write @ as %40, / as %2F, : as %3A and ? as %3F."
        )


def session_name(member: str) -> str:
    """Return the name of the connections of a hub's process."""
    return f"prjobs {member}".strip()


def connect(url: str, statement_s: float = _WRITING_S, member: str = "") -> PostgresConnection:
    """Return a new connection. Raise psycopg.Error, and Unusable for an address that cannot be meant."""
    require_readable(url)
    session = _Session.connect(
        make_conninfo("", **_CONNECTING | conninfo_to_dict(url) | {"application_name": session_name(member)}),
        autocommit=True,
        cursor_factory=psycopg.RawCursor,
        row_factory=tuple_row,
    )
    session.adapters.register_dumper(bool, _Flag)
    # A pooler of sessions may refuse settings in the start packet.
    set_all = ", ".join(f"set_config('{name}', {value}, false)" for name, value in _SESSION.items())
    session.execute(f"SELECT {set_all}, set_config('statement_timeout', '{statement_s:g}s', false)")
    return PostgresConnection(session)


class PostgresEngine:
    """A database on PostgreSQL. `member` is the id of this process, for the row of `door`."""

    errors: tuple[type[Exception], ...] = (psycopg.Error, NotActive, NotOpened)
    numbers_rows = True

    def __init__(self, url: str, member: str) -> None:
        self.url, self.member = url, member
        self.door_waits: Histogram | None = Histogram(DOOR_S)
        # Called once when another process has become the active one.
        self.on_replaced: Callable[[], object] = lambda: None
        self._readers = Readers(self._connect_reading, (psycopg.Error,))
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
        connection = connect(self.url, _READING_S, self.member)
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
        except (_TooSlow, AllBusy, psycopg.errors.QueryCanceled) as error:
            # A server that does not answer at all is a fault; a limit that the caller set is none.
            if isinstance(error, _TooSlow) and limit_s == LONGEST_READ_S:
                raise
            raise TookTooLong(TOO_LONG % limit_s) from None

    def _read(self, sql: str, parameters: Sequence[Any], end_s: float) -> list[Row]:
        connection = self._readers.take(end_s - _CLOCK.elapsed_s())
        try:
            connection.session.limit_s = max(0.0, end_s - _CLOCK.elapsed_s())
            return connection.fetch(sql, parameters)
        except _TooSlow:
            raise
        except psycopg.OperationalError as error:
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

    def begin(self, connection: Any) -> None:
        """Begin a transaction and lock the row that all writers lock. Raise NotActive.

        A connection that broke while nobody used it is replaced first.
        """
        try:
            found = self._lock(connection)
        except psycopg.OperationalError:
            if connection.is_usable:
                raise
            connection.session = self.connect().session
            found = self._lock(connection)
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

    def _lock(self, connection: PostgresConnection) -> Row:
        began_s = _CLOCK.elapsed_s()
        try:
            cursor = connection.session.execute(_DOOR)
        finally:
            # The waits that ended by the limit count too.
            if self.door_waits:
                self.door_waits.add(_CLOCK.elapsed_s() - began_s)
        cursor.nextset()
        row: Row = cursor.fetchall()[0]
        return row

    def commit(self, connection: Any) -> None:
        """Commit the transaction; a lost one answers ROLLBACK without an error."""
        if connection.session.execute("COMMIT").statusmessage != "COMMIT":
            raise psycopg.errors.InFailedSqlTransaction("the transaction was lost before its end")

    def committed(self, numbers: dict[str, int], /) -> None:
        """Remember the number of the newest change."""
        self.seen.note(numbers.get("change", 0))

    def roll_back(self, connection: Any) -> None:
        """End a failed transaction, if there is one."""
        if connection.is_usable and connection.session.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            connection.session.execute("ROLLBACK")

    def is_stored(self, connection: Any, error: Exception, written: Mapping[str, int]) -> bool | None:
        """Return the fate of the transaction after an error of COMMIT; None if the server cannot tell.

        The server is asked once it answers again. After a crash the server may give the number of the lost transaction
        to another one, and a promoted server too: a stored transaction has left its rows.
        """
        if isinstance(error, psycopg.Error) and error.sqlstate and not self._is_cut(error):
            return False
        end_s = _CLOCK.elapsed_s() + LOOKUP_S
        while _CLOCK.elapsed_s() < end_s:
            try:
                if not connection.is_usable:
                    connection.session = self.connect().session
                status, now = connection.fetch(_FATE, (self._mark[0],))[0]
                if now != self._mark[1]:
                    return None
                if status == "committed":
                    return self._left_rows(connection, written)
                if status != "in progress":
                    return None if status is None else False
                time.sleep(0.1)
            except psycopg.Error as again:
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

    def _is_cut(self, error: psycopg.Error) -> bool:
        return (error.sqlstate or "")[:2] in ("08", "57", "58", "XX") or error.sqlstate is None

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
        code = getattr(error, "sqlstate", None)
        if code is None or code[:2] in ("08", "57", "28", "3D"):
            return Trouble(Fault.NOT_OPENED, _SENTENCES[Fault.NOT_OPENED])
        fault = _FAULTS.get(code, Fault.OTHER)
        return Trouble(fault, _SENTENCES.get(fault, f"The database does not answer as expected: {error}"))

    def is_trouble(self, error: Exception) -> bool:
        """Return True if the server or the network is at fault, so that the whole transaction is lost."""
        if isinstance(error, (NotActive, NotOpened)):
            return True
        if not isinstance(error, psycopg.Error):
            return False
        code = error.sqlstate
        if code is None:
            # The library's own errors have no code: for a lost connection, or for a wrong use of the library.
            return isinstance(error, psycopg.OperationalError)
        return code in _TROUBLE or code[:2] in _TROUBLE_CLASSES
