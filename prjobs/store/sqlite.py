"""The SQLite file: connections, the write lock, and the error codes.

Each thread reads on a connection of its own.
"""

import logging
import math
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peewee import PeeweeException, SqliteDatabase

from prjobs.base.clock import Clock
from prjobs.base.errors import Fault, TookTooLong, Trouble
from prjobs.base.histogram import Histogram
from prjobs.store.source import Row

# Each reading thread has its own cache: half a megabyte, in SQLite's unit of -KiB, is enough for the queries here.
PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "journal_size_limit": 16_000_000, "cache_size": -512}
_WRITER_CACHE = "PRAGMA cache_size = -2048"
BUSY_S = 0.1
# SQLite asks after so many of its steps whether a query is to end: about every tenth of a millisecond.
STEPS = 1000
TOO_LONG = "This took longer than %g s and was ended: ask for one site, or for a shorter time."
_FAULTS = {
    sqlite3.SQLITE_BUSY: Fault.LOCKED,
    sqlite3.SQLITE_LOCKED: Fault.LOCKED,
    sqlite3.SQLITE_FULL: Fault.FULL,
    sqlite3.SQLITE_READONLY: Fault.READ_ONLY,
    sqlite3.SQLITE_PERM: Fault.READ_ONLY,
    sqlite3.SQLITE_CORRUPT: Fault.DAMAGED,
    sqlite3.SQLITE_NOTADB: Fault.DAMAGED,
    sqlite3.SQLITE_CANTOPEN: Fault.NOT_OPENED,
    sqlite3.SQLITE_IOERR: Fault.DISK,
}
_SENTENCES = {
    Fault.LOCKED: "The database is locked by another program.",
    Fault.FULL: "The disk is full.",
    Fault.READ_ONLY: "The database file may not be written.",
    Fault.DAMAGED: "The database file is damaged.",
    Fault.NOT_OPENED: "The database file cannot be opened.",
    Fault.DISK: "The disk does not read or write the database.",
}
_PERHAPS_FULL = {Fault.DISK, Fault.NOT_OPENED, Fault.OTHER}
# Below this even a few small writes are in doubt.
FULL_BYTES = 1_000_000

logger = logging.getLogger(__name__)


class FileConnection(sqlite3.Connection):
    """A connection that also reads damaged texts, which must not hold the other rows back."""

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query; a byte of a text that is no UTF-8 becomes U+FFFD."""
        try:
            return self.execute(sql, parameters).fetchall()
        except sqlite3.OperationalError as error:
            # The module raises an error without a code for a text that it cannot decode.
            if hasattr(error, "sqlite_errorcode"):
                raise
        self.text_factory = _decoded
        try:
            return self.execute(sql, parameters).fetchall()
        finally:
            self.text_factory = str


def _decoded(text: bytes) -> str:
    return text.decode(errors="replace")


def _open(path: Path) -> FileConnection:
    """Return a new connection to the file, in the mode of the store."""
    made = SqliteDatabase(str(path), pragmas=PRAGMAS, timeout=BUSY_S, factory=FileConnection)
    connection: FileConnection = made.connection()
    return connection


class _Reading(threading.local):
    """A thread's own connection, and the time that a query may take and is to end at."""

    connection: FileConnection | None = None
    limit_s = math.inf
    end_s = math.inf


class SqliteEngine:
    """An open file."""

    # Connecting raises peewee's errors.
    errors: tuple[type[Exception], ...] = (sqlite3.Error, PeeweeException)
    numbers_rows = False
    member = ""
    door_waits: Histogram | None = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self._peewee = SqliteDatabase(str(path), pragmas=PRAGMAS, timeout=BUSY_S, factory=FileConnection)
        self._clock = Clock()
        self._local = _Reading()

    @property
    def version(self) -> str:
        """Return the version of the SQLite library."""
        return sqlite3.sqlite_version

    # ---- reading

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[Row]:
        """Return all rows of a query, read on the thread's own connection. Raise TookTooLong."""
        local = self._local
        if local.limit_s < math.inf:
            local.end_s = self._clock.elapsed_s() + local.limit_s
        try:
            return (local.connection or self._open_reading()).fetch(sql, parameters)
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise TookTooLong(TOO_LONG % local.limit_s) from None
            raise

    @contextmanager
    def limited(self, limit_s: float) -> Iterator[None]:
        """End each query of this thread that takes longer, inside the block."""
        local = self._local
        before, local.limit_s = local.limit_s, limit_s
        try:
            yield
        finally:
            local.limit_s, local.end_s = before, math.inf

    def sql_of(self, query: Any) -> tuple[str, Sequence[Any]]:
        """Return a peewee query as a statement and its parameters."""
        sql, parameters = self._peewee.get_sql_context().sql(query).query()
        return sql, parameters

    def _is_over(self) -> bool:
        return self._clock.elapsed_s() > self._local.end_s

    def _open_reading(self) -> FileConnection:
        connection: FileConnection = self._peewee.connection()
        connection.execute("PRAGMA query_only = 1")
        connection.set_progress_handler(self._is_over, STEPS)
        self._local.connection = connection
        return connection

    # ---- writing

    def connect(self) -> FileConnection:
        """Return a new connection for the writer: beside the old one, if there is one."""
        connection = _open(self.path)
        connection.execute(_WRITER_CACHE)
        return connection

    def begin(self, connection: Any, one_by_one: bool = False) -> dict[str, int]:  # noqa: ARG002
        """Take the write lock; wait at most 0.1 s for another program's."""
        connection.execute("BEGIN IMMEDIATE")
        return {}

    def commit(self, connection: Any) -> None:
        """Commit the transaction."""
        connection.execute("COMMIT")

    def is_late(self, _error: Exception) -> bool:
        """Return False: no statement waits."""
        return False

    def committed(self, numbers: dict[str, int], /) -> None:
        """Do nothing: a file is not replaced by another server's."""

    def roll_back(self, connection: Any) -> None:
        """End a failed transaction, if there is one."""
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def is_stored(self, _connection: Any, error: Exception, _written: Mapping[str, int]) -> bool | None:
        """Return False if the log cannot hold a failed COMMIT whole; None if a restart may find the transaction.

        On a full disk the frame that ends the transaction was never written.
        """
        if _code(error) == sqlite3.SQLITE_FULL:
            return False
        return None

    def prove(self, connection: Any) -> None:
        """Commit a small transaction that really writes: SQLite writes nothing for an update that changes nothing.

        In the log the transaction takes the place of the frames of a failed COMMIT, which a restart would take for
        committed.
        """
        connection.execute("BEGIN IMMEDIATE")
        number = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute(f"PRAGMA user_version = {(number + 1) % 2**31}")
        connection.execute("COMMIT")

    def tell(self, _sites: set[str]) -> None:
        """Tell nobody: one process has the file open."""

    def finish(self, connection: Any) -> None:
        """Empty the write-ahead log into the file."""
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            logger.warning("the write-ahead log was not emptied, and is left to the next start: %s", error)

    def close(self) -> None:
        """Close this thread's connection for reading; the others close with their threads."""
        self._peewee.close()

    # ---- faults

    def trouble_of(self, error: BaseException) -> Trouble:
        """Return SQLite's error as a fault with a sentence for the person at the site."""
        return trouble_of(error, self.path)

    def is_trouble(self, error: Exception) -> bool:
        """Return True if the disk or the file is at fault, so that the whole transaction is lost."""
        return isinstance(error, sqlite3.Error) and _code(error) in _FAULTS


def trouble_of(error: BaseException, *places: Path) -> Trouble:
    """Return SQLite's error as a fault with a sentence for the person at the site.

    `places` are the files and folders in use: on a full disk SQLite reports many other errors, such as no room for the
    shared memory beside the store.
    """
    fault = _FAULTS.get(_code(_cause(error)), Fault.OTHER)
    if fault in _PERHAPS_FULL and any(_is_full(place) for place in places):
        fault = Fault.FULL
    return Trouble(fault, _SENTENCES.get(fault, f"The database does not answer as expected: {error}"))


def _cause(error: BaseException) -> BaseException:
    """Return the first error of SQLite in the chain: peewee raises errors of its own, and a rollback may fail too."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    return next((one for one in reversed(chain) if _code(one) in _FAULTS), error)


def _is_full(place: Path) -> bool:
    try:
        return shutil.disk_usage(place if place.is_dir() else place.parent).free < FULL_BYTES
    except OSError:
        return False


def _code(error: BaseException) -> int:
    """Return the primary result code (https://www.sqlite.org/rescode.html); 0 for an error without a code."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
