"""The one door to the SQLite file.

One thread owns the writing connection and commits what waits together: one fsync for many requests, each in its
own savepoint, so that one refused request fails alone. A caller gets its answer after the commit, never before.
Reading threads have connections of their own and never wait for the writer.
"""

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from peewee import PeeweeException, SqliteDatabase
from playhouse.migrations import Runner

from prjobs.errors import Refused, Unavailable, Unusable
from prjobs.failpoints import Failpoints
from prjobs.trouble import is_store_trouble, trouble_of

MIGRATIONS = Path(__file__).parent / "migrations"
PATIENCE_S = 5.0
COMMIT_PATIENCE_S = 30.0
BATCH = 64
WAITING_LIMIT = 1000
# Each reading thread has a cache of its own: half a megabyte, in SQLite's unit of -KiB, is enough for a look.
_PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "journal_size_limit": 16_000_000, "cache_size": -512}
_WRITER_CACHE = "PRAGMA cache_size = -4096"
_READ_BUSY_S = 0.1

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Row = tuple[Any, ...]


class Transaction:
    """What a verb may use inside the writer: the writing connection and a list of sites to tell after the commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.sites_to_tell: set[str] = set()

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        return self.execute(sql, parameters).fetchall()

    def tell(self, site: str) -> None:
        """Wake those who wait for changes of this site, once the transaction is on disk."""
        self.sites_to_tell.add(site)


class _Work:
    """One request to the writer. Two one-shot locks decide races: who starts it, and who takes its result."""

    __slots__ = ("arguments", "done", "error", "late", "result", "started", "taken", "verb")

    def __init__(self, verb: Callable[..., Any], arguments: tuple[Any, ...], late: Callable[[Any], None] | None):
        self.verb, self.arguments, self.late = verb, arguments, late
        self.result: Any = None
        self.error: Exception | None = None
        self.started, self.taken, self.done = threading.Lock(), threading.Lock(), threading.Lock()
        self.done.acquire()

    def finish(self) -> None:
        if self.taken.acquire(blocking=False):
            self.done.release()
        elif self.late is not None and self.error is None:
            self.late(self.result)


class Database:
    """An open file. `write` for verbs that change something, `fetch` for everything else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._trouble: str | None = None
        self.lost: str | None = None
        self._peewee = SqliteDatabase(str(path), pragmas=_PRAGMAS, timeout=_READ_BUSY_S)
        self._local = threading.local()
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._tell: Callable[[set[str]], None] = lambda _sites: None
        self._closing = False
        self._writer = threading.Thread(target=self._run, name="writer", daemon=True)

    @property
    def trouble(self) -> str | None:
        """What keeps the store from its work now, in a sentence."""
        return self.lost or self._trouble

    def lose(self, sentence: str) -> None:
        """The file is not the one that was opened: nothing is read from it or written to it."""
        if self.lost is None:
            logger.error("%s", sentence)
        self.lost = sentence

    def start(self, tell: Callable[[set[str]], None]) -> None:
        """Start the writer; `tell` is called with the changed sites after each commit."""
        self._tell = tell
        self._writer.start()

    def close(self) -> None:
        """Finish what waits, then close. Later writes are refused."""
        self._closing = True
        self._waiting.put(None)
        if self._writer.is_alive():
            self._writer.join()
        self._peewee.close()

    # ---- reading

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query, read from this thread's own connection. Raises Unavailable."""
        if self.lost:
            raise Unavailable(self.lost)
        try:
            return self._reader().execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._unavailable(error) from error
        except PeeweeException as error:
            # The connection itself could not be made; peewee keeps SQLite's own error in its context.
            raise self._unavailable(cast(sqlite3.Error, error.__cause__ or error.__context__ or error)) from error

    def fetch_query(self, query: Any) -> list[Row]:
        """All rows of a peewee query as tuples. Raises Unavailable."""
        sql, parameters = self._peewee.get_sql_context().sql(query).query()
        return self.fetch(sql, parameters)

    def _reader(self) -> sqlite3.Connection:
        try:
            return self._local.connection  # type: ignore[no-any-return]
        except AttributeError:
            connection: sqlite3.Connection = self._peewee.connection()
            connection.execute("PRAGMA query_only = 1")
            self._local.connection = connection
            return connection

    # ---- writing

    def write(
        self,
        verb: Callable[..., Result],
        *arguments: Any,
        patience_s: float = PATIENCE_S,
        late: Callable[[Result], None] | None = None,
    ) -> Result:
        """Run `verb(transaction, *arguments)` in the writer and return its result once it is on disk.

        Raises what the verb raises, and Unavailable when it could not be started within `patience_s` (then it
        never will be). When it was started but is not on disk by then: with `late`, that function gets the
        result later and Unavailable is raised; without, the commit is waited for.
        """
        work = self._submit(verb, arguments, late)
        if not work.done.acquire(timeout=patience_s):
            self._give_up(work)
        if work.error is not None:
            raise work.error
        return work.result  # type: ignore[no-any-return]

    def post(self, verb: Callable[..., Any], *arguments: Any) -> None:
        """Hand a verb to the writer without waiting for it; its failure is logged."""
        self._submit(verb, arguments, None)

    def _submit(self, verb: Callable[..., Any], arguments: tuple[Any, ...], late: Any) -> _Work:
        if self.lost:
            raise Unavailable(self.lost)
        if self._closing:
            raise Unavailable("The appliance is stopping.")
        if self._waiting.qsize() >= WAITING_LIMIT:
            raise Unavailable("Too many requests wait for the disk.")
        work = _Work(verb, arguments, late)
        self._waiting.put(work)
        return work

    def _give_up(self, work: _Work) -> None:
        if work.started.acquire(blocking=False):
            raise Unavailable(self.trouble or "The database did not take the request in time.")
        if work.late is None and work.done.acquire(timeout=COMMIT_PATIENCE_S):
            return
        if work.taken.acquire(blocking=False):
            raise Unavailable("The disk did not confirm the request in time; it may still be carried out.")
        work.done.acquire()

    def _run(self) -> None:
        connection = self._peewee.connection()
        connection.execute("PRAGMA busy_timeout = 100")
        connection.execute(_WRITER_CACHE)
        while batch := self._gather():
            try:
                self._commit(connection, batch)
            except sqlite3.Error as error:
                connection = self._reopened(connection, error)
            except Exception:
                logger.exception("those who wait for changes could not be told")
        self._checkpoint(connection)
        self._peewee.close()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            logger.warning("the write-ahead log stays for the next start: %s", error)

    def _reopened(self, connection: sqlite3.Connection, error: sqlite3.Error) -> sqlite3.Connection:
        """After a failed transaction a fresh connection sees the file as it is."""
        logger.error("the writing connection is opened again after: %s", error)
        try:
            self._peewee.close()
            return self._peewee.connection()  # type: ignore[no-any-return]
        except Exception as again:
            logger.error("the database cannot be opened again yet: %s", again)
            return connection

    def _gather(self) -> list[_Work]:
        first = self._waiting.get()
        batch = [first] if first else []
        while batch and len(batch) < BATCH:
            try:
                work = self._waiting.get_nowait()
            except queue.Empty:
                break
            if work is None:
                self._waiting.put(None)
                break
            batch.append(work)
        return batch

    def _commit(self, connection: sqlite3.Connection, batch: list[_Work]) -> None:
        if not self._begin(connection, batch):
            return
        transaction = Transaction(connection)
        running = [work for work in batch if work.started.acquire(blocking=False)]
        try:
            for work in running:
                self._carry_out(transaction, work, alone=len(running) == 1)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._fail(connection, running, error)
            raise
        self._trouble = None
        for work in running:
            work.finish()
        if transaction.sites_to_tell:
            self._tell(transaction.sites_to_tell)

    def _begin(self, connection: sqlite3.Connection, batch: list[_Work]) -> bool:
        """Take the write lock; False when all of the batch gave up first."""
        while any(not work.started.locked() for work in batch):
            try:
                connection.execute("BEGIN IMMEDIATE")
                return True
            except sqlite3.OperationalError as error:
                self._unavailable(error)
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    claimed = [work for work in batch if work.started.acquire(blocking=False)]
                    self._fail(connection, claimed, error)
                    raise
        return False

    def _carry_out(self, transaction: Transaction, work: _Work, alone: bool) -> None:
        if not alone:
            transaction.execute("SAVEPOINT request")
        try:
            work.result = work.verb(transaction, *work.arguments)
        except Exception as error:
            if is_store_trouble(error):
                raise
            work.error = error
            transaction.execute("ROLLBACK" if alone else "ROLLBACK TO request")
            if alone:
                transaction.execute("BEGIN")
            if not isinstance(error, Refused):
                logger.exception("a verb failed")
        if not alone:
            transaction.execute("RELEASE request")

    def _fail(self, connection: sqlite3.Connection, batch: list[_Work], error: sqlite3.Error) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error as again:
            logger.error("the transaction cannot be rolled back: %s", again)
        refusal = self._unavailable(error)
        for work in batch:
            work.error = refusal
            work.finish()

    def _unavailable(self, error: sqlite3.Error) -> Unavailable:
        sentence = trouble_of(error)
        if sentence != self._trouble:
            logger.error("%s (%s)", sentence, error)
        self._trouble = sentence
        return Unavailable(sentence)


class _Migrated(SqliteDatabase):
    """Says after each statement of a migration that it was carried out; nothing of it is on disk then."""

    passing: Callable[[str], None] | None = None

    def execute_sql(self, *arguments: Any, **named: Any) -> Any:
        done = super().execute_sql(*arguments, **named)  # type: ignore[no-untyped-call]
        if self.passing is not None:
            self.passing("migrate_middle")
        return done


def open_database(path: Path, create: bool = True, failpoints: Failpoints | None = None) -> Database:
    """Open the file, bring its schema up to date and return it, not yet started.

    A migration is one transaction: when the power is cut in its middle, it never began. Raises Unusable when the file
    is missing (and `create` is false), no database, damaged, not writable or written by a newer version.
    """
    if not create and not path.exists():
        raise Unusable(f"{path} does not exist.")
    try:
        path.open("ab").close()
    except OSError as error:
        raise Unusable(f"{path}: the database file cannot be opened for writing: {error.strerror}.") from None
    database = _Migrated(str(path), pragmas=_PRAGMAS, timeout=5)
    try:
        database.connect()
        runner = Runner(database, str(MIGRATIONS))
        newer = [migration.name for migration in runner.status() if migration.path is None]
        if newer:
            raise Unusable(f"{path} was written by a newer prjobs ({newer[-1]}): install that version or newer.")
        database.passing = failpoints.passing if failpoints else None
        runner.up()
        database.passing = None
        damage = database.execute_sql("PRAGMA quick_check(1)").fetchone()[0]
    except Unusable:
        raise
    except Exception as error:
        # peewee raises an error of its own in the context of SQLite's.
        cause = error.__cause__ or error.__context__ or error
        raise Unusable(f"{path}: {trouble_of(cause)}") from error  # type: ignore[arg-type]
    finally:
        database.close()
    if damage != "ok":
        raise Unusable(f"{path}: The database file is damaged.")
    return Database(path)
