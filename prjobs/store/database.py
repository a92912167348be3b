"""The SQLite file: each thread reads on a connection of its own, and a single thread writes."""

import math
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from peewee import PeeweeException, SqliteDatabase

from prjobs.base.clock import Clock
from prjobs.base.errors import TookTooLong, Trouble
from prjobs.base.histogram import Histogram
from prjobs.store.source import Row, Undo
from prjobs.store.faults import Condition
from prjobs.store.writer import COMMIT_PATIENCE_S, PATIENCE_S, WAITING_LIMIT, Tell, Writer

# Each reading thread has its own cache: half a megabyte, in SQLite's unit of -KiB, is enough for the queries here.
PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "journal_size_limit": 16_000_000, "cache_size": -512}
_WRITER_CACHE = "PRAGMA cache_size = -2048"
BUSY_S = 0.1
# SQLite asks after so many of its steps whether a query is to end: about every tenth of a millisecond.
STEPS = 1000
# The most values that are kept until the next commit.
KEPT = 1000
TOO_LONG = "This took longer than %g s and was ended: ask for one site, or for a shorter time."
Result = TypeVar("Result")


class _Reading(threading.local):
    """A thread's own connection, and the time that a query may take and is to end at."""

    connection: sqlite3.Connection | None = None
    limit_s = math.inf
    end_s = math.inf


class Database:
    """An open file. `write` runs verbs with changes, `fetch` runs queries."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.condition = Condition(path)
        self._peewee = SqliteDatabase(str(path), pragmas=PRAGMAS, timeout=BUSY_S)
        self._clock = Clock()
        self._local = _Reading()
        # What was made of the store since the last commit, with the version of the store before that.
        self._kept: tuple[object, dict[tuple[Any, ...], Any]] = (None, {})
        self._writer = Writer(self._open_writing, self.condition)

    @property
    def trouble(self) -> Trouble | None:
        """Return the fault that keeps the store from working now; None while the store works."""
        return self.condition.trouble

    @property
    def commits(self) -> Histogram:
        """Return the seconds of the commits since the start."""
        return self._writer.commits

    def on_trouble(self, act: Callable[[], object]) -> None:
        """Call `act()` at each new fault, in the thread that found the fault: it must not wait."""
        self.condition.tell = act

    def start(self, tell: Tell, places: int = WAITING_LIMIT) -> None:
        """Start the writer; `tell` is called with the changed sites after each commit.

        While the store is in trouble at most `places` callers wait for the writer: other threads stay free for reading.
        """
        self._writer.start(tell, places)

    def hurry(self) -> None:
        """Cut the waits for another program's lock and for the disk short from now on: the process is to end."""
        self._writer.hurry()

    def close(self) -> bool:
        """Write the waiting requests, then close; refuse later writes. Return False if a request was not written."""
        well = self._writer.close()
        self._peewee.close()
        return well

    def lose(self, sentence: str) -> None:
        """Refuse reads and writes from now on: another file is in the place of the opened file."""
        self.condition.lose(sentence)

    def find(self) -> None:
        """Allow reads and writes again: the opened file is back in its place."""
        self.condition.find()

    # ---- reading

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query, read on the thread's own connection. Raise Unavailable."""
        self.condition.require_present()
        local = self._local
        if local.limit_s < math.inf:
            local.end_s = self._clock.elapsed_s() + local.limit_s
        try:
            return (local.connection or self._open_reading()).execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            # An error of the module itself, such as for a closed connection, has no code.
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise TookTooLong(TOO_LONG % local.limit_s) from None
            raise self.condition.note(error).refusal() from error
        except PeeweeException as error:
            # Connecting failed; peewee keeps SQLite's own error in the context of its error.
            raise self.condition.note(error).refusal() from error

    def fetch_kept(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query, read anew after each commit. Raise Unavailable."""
        return self.keep((sql, *parameters), lambda: self.fetch(sql, parameters))

    def keep(self, key: tuple[Any, ...], make: Callable[[], Result]) -> Result:
        """Return `make()`, made anew after each commit."""
        condition = self.condition
        version, kept = self._kept
        if version is condition.version and key in kept and condition.trouble is None:
            return kept[key]  # type: ignore[no-any-return]
        # Noted before the read: what a later commit may have changed is never taken for newer than it is.
        version = condition.version
        made = make()
        if self._kept[0] is not version:
            self._kept = (version, {})
        before, kept = self._kept
        if before is version and len(kept) < KEPT:
            kept[key] = made
        return made

    def after_commit(self, step: Callable[..., object], *arguments: Any) -> None:
        """Call `step(*arguments)` immediately: a reader sees committed rows only."""
        step(*arguments)

    def fetch_query(self, query: Any) -> list[Row]:
        """Return all rows of a peewee query as tuples. Raise Unavailable."""
        sql, parameters = self._peewee.get_sql_context().sql(query).query()
        return self.fetch(sql, parameters)

    @contextmanager
    def limited(self, limit_s: float) -> Iterator[None]:
        """End each query of this thread that takes longer, inside the block. The query raises TookTooLong."""
        local = self._local
        before, local.limit_s = local.limit_s, limit_s
        try:
            yield
        finally:
            local.limit_s, local.end_s = before, math.inf

    def _is_over(self) -> bool:
        return self._clock.elapsed_s() > self._local.end_s

    def _open_reading(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = self._peewee.connection()
        connection.execute("PRAGMA query_only = 1")
        connection.set_progress_handler(self._is_over, STEPS)
        self._local.connection = connection
        return connection

    # ---- writing

    def _open_writing(self) -> sqlite3.Connection:
        # peewee keeps one connection a thread; the writer's thread has the old one open beside the new one.
        connection: sqlite3.Connection = SqliteDatabase(str(self.path), pragmas=PRAGMAS, timeout=BUSY_S).connection()
        connection.execute(_WRITER_CACHE)
        return connection

    def write(
        self,
        verb: Callable[..., Result],
        *arguments: Any,
        patience_s: float = PATIENCE_S,
        commit_s: float = COMMIT_PATIENCE_S,
        undo: Undo | None = None,
        makes_safe: bool = False,
    ) -> Result:
        """Run `verb(transaction, *arguments)` in the writer; see `Writer.write`."""
        return self._writer.write(
            verb, arguments, patience_s=patience_s, commit_s=commit_s, undo=undo, makes_safe=makes_safe
        )

    def post(self, verb: Callable[..., Any], *arguments: Any) -> None:
        """Hand a verb to the writer without waiting for the commit; a failure is logged."""
        self._writer.post(verb, arguments)
