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

from prjobs.base.errors import Refused, Unavailable
from prjobs.store.faults import is_store_trouble, trouble_of
from prjobs.store.work import LOOK_S, Places, Work

PATIENCE_S = 5.0
COMMIT_PATIENCE_S = 30.0
# Once the process is to end: how long one write may take, and how often, 0.1 s each, the lock is asked for in all.
LAST_PATIENCE_S = 1.0
LAST_TRIES = 10
CLOSE_S = 3.0
BATCH = 64
WAITING_LIMIT = 1000
# Each reading thread has a cache of its own: half a megabyte, in SQLite's unit of -KiB, is enough for a look.
PRAGMAS = {"journal_mode": "wal", "synchronous": "full", "journal_size_limit": 16_000_000, "cache_size": -512}
_WRITER_CACHE = "PRAGMA cache_size = -4096"
BUSY_S = 0.1

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


class Database:
    """An open file. `write` for verbs that change something, `fetch` for everything else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._trouble: str | None = None
        self.lost: str | None = None
        self._peewee = SqliteDatabase(str(path), pragmas=PRAGMAS, timeout=BUSY_S)
        self._local = threading.local()
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._tell: Callable[[set[str]], None] = lambda _sites: None
        self._hurry = threading.Event()
        self._tries_left = LAST_TRIES
        self._closing = False
        self._given_up = 0
        self._places = Places(WAITING_LIMIT)
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

    def start(self, tell: Callable[[set[str]], None], places: int = WAITING_LIMIT) -> None:
        """Start the writer; `tell` is called with the changed sites after each commit. While the store is in trouble
        no more than `places` callers wait for it, so that threads stay free for those who only look."""
        self._tell, self._places = tell, Places(places)
        self._writer.start()

    def hurry(self) -> None:
        """The process is to end: from now on nothing waits long for another program's lock or for the disk."""
        self._hurry.set()

    def close(self) -> bool:
        """Finish what waits, then close; later writes are refused. False when some of it could not be written."""
        self.hurry()
        self._closing = True
        self._waiting.put(None)
        if self._writer.is_alive():
            self._writer.join(CLOSE_S)
        self._peewee.close()
        return not self._given_up and not self._writer.is_alive()

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
        makes_safe: bool = False,
    ) -> Result:
        """Run `verb(transaction, *arguments)` in the writer and return its result once it is on disk.

        Raises what the verb raises, and Unavailable when it could not be started within `patience_s` (then it
        never will be); at once when the store is in trouble and too many wait already, unless it `makes_safe`. When it
        was started but is not on disk by then: with `late`, that function gets the result later and Unavailable is
        raised; without, the commit is waited for.
        """
        if (trouble := self._trouble) and self._places.are_full and not makes_safe:
            raise Unavailable(trouble)
        work = self._submit(Work(verb, arguments, late))
        if not work.done.acquire(timeout=min(patience_s, LOOK_S)) and not self._wait(work, patience_s, makes_safe):
            self._give_up(work)
        if work.error is not None:
            raise work.error
        return work.result  # type: ignore[no-any-return]

    def post(self, verb: Callable[..., Any], *arguments: Any) -> None:
        """Hand a verb to the writer without waiting for it; its failure is logged."""
        self._submit(Work(verb, arguments, posted=True))

    def _wait(self, work: Work, patience_s: float, makes_safe: bool) -> bool:
        if self._hurry.is_set():
            patience_s = min(patience_s, LAST_PATIENCE_S)
        return self._places.wait(work, patience_s - LOOK_S, lambda: makes_safe or self._trouble is None)

    def _submit(self, work: Work) -> Work:
        if self.lost:
            raise Unavailable(self.lost)
        if self._closing:
            raise Unavailable("The appliance is stopping.")
        if self._waiting.qsize() >= WAITING_LIMIT:
            raise Unavailable("Too many requests wait for the disk.")
        self._waiting.put(work)
        return work

    def _give_up(self, work: Work) -> None:
        if work.started.acquire(blocking=False):
            raise Unavailable(self.trouble or "The database did not take the request in time.")
        patience_s = LAST_PATIENCE_S if self._hurry.is_set() else COMMIT_PATIENCE_S
        if work.late is None and work.done.acquire(timeout=patience_s):
            return
        if work.taken.acquire(blocking=False):
            raise Unavailable("The disk did not confirm the request in time; it may still be carried out.")
        work.done.acquire()

    def _run(self) -> None:
        connection = self._open_writer()
        while batch := self._gather():
            try:
                self._commit(connection, batch)
            except sqlite3.Error as error:
                connection = self._reopened(connection, error)
            except Exception:
                logger.exception("those who wait for changes could not be told")
        self._checkpoint(connection)
        self._peewee.close()

    def _open_writer(self) -> sqlite3.Connection:
        connection: sqlite3.Connection = self._peewee.connection()
        connection.execute(_WRITER_CACHE)
        return connection

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
            return self._open_writer()
        except Exception as again:
            logger.error("the database cannot be opened again yet: %s", again)
            return connection

    def _gather(self) -> list[Work]:
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

    def _commit(self, connection: sqlite3.Connection, batch: list[Work]) -> None:
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

    def _begin(self, connection: sqlite3.Connection, batch: list[Work]) -> bool:
        """Take the write lock; False when all of the batch gave up first, or the process cannot wait any longer."""
        while any(not work.started.locked() for work in batch):
            try:
                connection.execute("BEGIN IMMEDIATE")
                return True
            except sqlite3.Error as error:
                self._unavailable(error)
                busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
                if busy and self._may_try_again():
                    continue
                claimed = [work for work in batch if work.started.acquire(blocking=False)]
                self._fail(connection, claimed, error)
                if not busy:
                    raise
        return False

    def _may_try_again(self) -> bool:
        self._tries_left -= self._hurry.is_set()
        return self._tries_left > 0

    def _carry_out(self, transaction: Transaction, work: Work, alone: bool) -> None:
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

    def _fail(self, connection: sqlite3.Connection, batch: list[Work], error: sqlite3.Error) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error as again:
            logger.error("the transaction cannot be rolled back: %s", again)
        refusal = self._unavailable(error)
        if posted := sum(work.posted for work in batch):
            logger.error("%d writes that nobody waits for were given up: %s", posted, refusal)
            self._given_up += posted if self._hurry.is_set() else 0
        for work in batch:
            work.error = refusal
            work.finish()

    def _unavailable(self, error: sqlite3.Error) -> Unavailable:
        sentence = trouble_of(error)
        if sentence != self._trouble:
            logger.error("%s (%s)", sentence, error)
        self._trouble = sentence
        return Unavailable(sentence)
