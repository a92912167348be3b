"""Sessions of PostgreSQL, and statements sent together: a single way to the server and back for many.

A cursor of the library takes this process as long for each statement as the way to the server takes. Only this module
imports the library of PostgreSQL, an extra.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from math import inf
from typing import Any, NamedTuple

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.adapt import Dumper, PyFormat, Transformer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row
from psycopg.waiting import Ready, Wait

from prjobs.base.clock import Clock
from prjobs.base.errors import BadRequest
from prjobs.store.source import Row

PostgresError = psycopg.Error
# The connection, the server or the way there failed; and a query that a limit of the server ended.
ConnectionFailed = psycopg.OperationalError
QueryEnded = psycopg.errors.QueryCanceled
TransactionLost = psycopg.errors.InFailedSqlTransaction
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS: a peer that vanished is noticed soon.
_CONNECTING: dict[str, Any] = {
    "connect_timeout": 2,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
}
# The beginnings of the statements that the server prepares when they come again: the others are read quickly.
_WORTH_PREPARING = (b"SELECT", b"INSERT", b"UPDATE", b"DELETE", b"WITH")
# The most kinds of statements that a connection remembers, and the most statements that wait.
KINDS = 500
MOST = 500
_NUL = "The request holds the character NUL, which is not stored. Leave the character out."
_CLOCK = Clock()


class Session(psycopg.Connection[Any]):
    """A connection whose statements end after `limit_s` for the caller, even if the server does not answer."""

    limit_s = inf

    @property
    def is_in_transaction(self) -> bool:
        """Return True from BEGIN to the end of the transaction, also after the transaction failed."""
        return self.info.transaction_status != pq.TransactionStatus.IDLE

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ARG002
        """Run a step of the protocol."""
        if self.limit_s == inf:
            return super().wait(gen, interval)
        try:
            return super().wait(_until(gen, _CLOCK.elapsed_s() + self.limit_s), 0.02)
        except TooSlow:
            # The answer may still come, and would be taken for that of the next statement.
            self.pgconn.finish()
            raise


class TooSlow(psycopg.OperationalError):
    """The server did not answer in time; the connection is of no further use."""


def _until(gen: Any, end_s: float) -> Any:
    try:
        # A step may end without a wait.
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and _CLOCK.elapsed_s() > end_s:
                raise TooSlow("the database did not answer in time")
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value


class _Flag(Dumper):
    """True and False as numbers, as SQLite stores them."""

    oid = psycopg.adapters.types["int8"].oid

    def dump(self, obj: bool) -> bytes:
        return b"1" if obj else b"0"


def parts_of(url: str) -> dict[str, Any]:
    """Return the parts of an address by their names. Raise PostgresError."""
    return conninfo_to_dict(url)


def open_session(url: str, name: str) -> Session:
    """Return a new session of this name. Raise PostgresError."""
    session = Session.connect(
        make_conninfo("", **_CONNECTING | parts_of(url) | {"application_name": name}),
        autocommit=True,
        cursor_factory=psycopg.RawCursor,
        row_factory=tuple_row,
    )
    session.adapters.register_dumper(bool, _Flag)
    # The pipeline prepares statements, which the library would drop together with its own.
    session.prepare_threshold = None
    return session


# ---- statements sent together


class Answer:
    """The result of a statement. The first look at the result sends all waiting statements."""

    __slots__ = ("_pipeline", "_rest", "results")

    def __init__(self, pipeline: "Pipeline") -> None:
        self._pipeline = pipeline
        # A result for each time that the statement ran.
        self.results: list[pq.abc.PGresult] = []
        self._rest: Iterator[Row] | None = None

    @property
    def status(self) -> str:
        """Return the words of the server for what was done."""
        return (self._last().command_status or b"").decode()

    @property
    def rowcount(self) -> int:
        """Return the number of changed or found rows."""
        self._last()
        return sum(result.command_tuples or 0 for result in self.results)

    def fetchone(self) -> Row | None:
        """Return the next row; None after the last."""
        return next(self._rows(), None)

    def fetchall(self) -> list[Row]:
        """Return the remaining rows."""
        return list(self._rows())

    def _rows(self) -> Iterator[Row]:
        if self._rest is None:
            self._rest = iter(self._pipeline.rows_of(self._last()))
        return self._rest

    def _last(self) -> pq.abc.PGresult:
        if not self.results:
            self._pipeline.send()
        if not self.results:
            raise TransactionLost("the statement was not carried out")
        return self.results[-1]


# The text of a statement and the types of the values.
_Kind = tuple[bytes, tuple[int, ...]]


class _Waiting(NamedTuple):
    """A statement and its values as the server takes them."""

    kind: _Kind
    values: Sequence[Any] | None
    formats: Sequence[pq.Format] | None
    answer: Answer


class Pipeline:
    """The waiting statements of a connection, and the names of the prepared statements on the server."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._transformer = Transformer(session)
        self._waiting: list[_Waiting] = []
        # The kinds of statements that ran, each with the name of the prepared statement; empty before the second time.
        self._names: dict[_Kind, bytes] = {}
        self._numbers = count(1)

    def add(self, sql: str, *rows: Sequence[Any]) -> Answer:
        """Let a statement wait, once for each row of values. Raise BadRequest for a text with NUL."""
        text, answer = sql.encode(), Answer(self)
        for row in rows:
            values = self._dumped(row) if row else None
            types = self._transformer.types or () if row else ()
            self._waiting.append(_Waiting((text, types), values, self._transformer.formats if row else None, answer))
            if len(self._waiting) >= MOST:
                self.send()
        return answer

    def _dumped(self, row: Sequence[Any]) -> Sequence[Any]:
        try:
            return self._transformer.dump_sequence(row, [PyFormat.AUTO] * len(row))
        except psycopg.DataError:
            if any(isinstance(value, str) and "\0" in value for value in row):
                raise BadRequest(_NUL) from None
            raise

    def drop(self) -> None:
        """Forget the waiting statements."""
        self._waiting.clear()

    def rows_of(self, result: pq.abc.PGresult) -> list[Row]:
        """Return the rows of a result."""
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def send(self) -> None:
        """Carry out the waiting statements. After the first error leave out the rest, and raise the error."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        server = self._session.pgconn
        try:
            server.enter_pipeline_mode()
            sent = [one for statement in waiting for one in self._send_one(server, statement)]
            server.pipeline_sync()
            results = self._session.wait(_results(server))
            if server.status == pq.ConnStatus.OK:
                server.exit_pipeline_mode()
        except BaseException:
            # The rest of the results would be taken for those of the next statements.
            server.finish()
            raise
        self._take(sent, results)

    def _send_one(self, server: pq.abc.PGconn, statement: _Waiting) -> Iterator[Answer | _Kind]:
        """Send a statement; yield the receiver of each coming result: the kind for the result of a preparation."""
        kind = statement.kind
        text, types = kind
        name = self._names.get(kind)
        if name == b"":
            name = self._names[kind] = b"prjobs_%d" % next(self._numbers)
            server.send_prepare(name, text, types)
            yield kind
        if name:
            server.send_query_prepared(name, statement.values, statement.formats)
        else:
            server.send_query_params(text, statement.values, types, statement.formats)
            if text.startswith(_WORTH_PREPARING) and len(self._names) < KINDS:
                self._names[kind] = b""
        yield statement.answer

    def _take(self, sent: list[Answer | _Kind], results: list[pq.abc.PGresult]) -> None:
        """Give the results to the answers. Raise the first error."""
        error: psycopg.Error | None = None
        for receiver, result in zip(sent, results, strict=False):
            if result.status == pq.ExecStatus.FATAL_ERROR:
                error = error or _error_of(result)
            if not isinstance(receiver, Answer):
                if result.status != pq.ExecStatus.COMMAND_OK:
                    self._names[receiver] = b""
            elif error is None:
                receiver.results.append(result)
        if error:
            raise error


def _error_of(result: pq.abc.PGresult) -> psycopg.Error:
    error = psycopg.errors.error_from_result(result)
    # The library's own errors have no state: the connection is lost.
    return error if error.sqlstate else psycopg.OperationalError(str(error))


def _results(server: pq.abc.PGconn) -> PQGen[list[pq.abc.PGresult]]:
    """Send the rest of the bytes, and return the results up to the end of the pipeline."""
    while server.flush():
        if (yield Wait.RW) & Ready.R:
            server.consume_input()
    results: list[pq.abc.PGresult] = []
    try:
        while True:
            while server.is_busy():
                if (yield Wait.R):
                    server.consume_input()
            result = server.get_result()
            if result is None:
                if server.status != pq.ConnStatus.OK:
                    raise psycopg.OperationalError("the connection to the database is lost")
            elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                return results
            else:
                results.append(result)
    except psycopg.OperationalError:
        # The server said why before the connection ended.
        if results and results[-1].status == pq.ExecStatus.FATAL_ERROR:
            return results
        raise
