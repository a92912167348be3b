"""The one writer of the store in a process.

One thread owns the writing connection and commits the waiting requests together: one COMMIT for many requests, each in
a savepoint of its own, so that a refused request fails alone. A caller gets the answer after the commit, never before.
"""

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from prjobs.base.errors import Fault, Trouble, Unavailable
from prjobs.base.histogram import Histogram
from prjobs.store.condition import Condition
from prjobs.store.engine import Connection, Engine
from prjobs.store.numbers import KEYS, lost_numbers
from prjobs.store.source import Undo
from prjobs.store.transaction import Attempt, Transaction
from prjobs.store.work import LOOK_S, Places, PutOff, Work

PATIENCE_S = 5.0
COMMIT_PATIENCE_S = 30.0
# Once the process is to end: the longest time of a write, and the number of tries for the lock in all; SQLite waits
# 0.1 s at each.
LAST_PATIENCE_S = 1.0
LAST_TRIES = 10
CLOSE_S = 3.0
BATCH = 64
WAITING_LIMIT = 1000
# A failed transaction that takes results back is tried again after this time.
AGAIN_S = 0.25
# The bounds of the commit times: a disk in memory, an SSD, a hard disk, a share.
COMMIT_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
IN_DOUBT = "may still be carried out: look before you send the request again"

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
Tell = Callable[[set[str]], None]


class Writer:
    """The writing thread."""

    def __init__(self, engine: Engine, condition: Condition) -> None:
        self._engine = engine
        self._condition = condition
        # The seconds of each COMMIT that succeeded.
        self.commits = Histogram(COMMIT_S)
        self._waiting: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._tell: Tell = lambda _sites: None
        self._hurry = threading.Event()
        self._tries_left = LAST_TRIES
        self._closing = False
        self._given_up = 0
        # Results committed after their callers gave up. The next transaction takes these back first: any write before
        # could build on jobs that no poll received.
        self._undoing: list[Work] = []
        self._put_off = PutOff()
        self._places = Places(WAITING_LIMIT)
        self._numbered: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def start(self, tell: Tell, places: int) -> None:
        """Start the thread; `tell` is called with the changed sites after each commit.

        While the store is in trouble at most `places` callers wait for the writer: other threads stay free for reading.
        """
        self._tell, self._places = tell, Places(places)
        self._thread.start()

    def hurry(self) -> None:
        """Cut the waits for another program's lock and for the disk short from now on: the process is to end."""
        self._hurry.set()

    def close(self) -> bool:
        """Write the waiting requests; refuse later writes. Return False if a request could not be written."""
        self.hurry()
        self._closing = True
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
        return not self._given_up and not self._thread.is_alive()

    # ---- for callers

    def write(
        self,
        verb: Callable[..., Result],
        arguments: tuple[Any, ...],
        *,
        patience_s: float,
        commit_s: float,
        undo: Undo | None,
        makes_safe: bool,
    ) -> Result:
        """Run `verb(transaction, *arguments)` and return the result once the commit is on disk; see `Store.write`."""
        if (trouble := self._condition.trouble) and self._places.are_full and not makes_safe:
            raise trouble.refusal()
        work = self._submit(Work(verb, arguments, undo=undo))
        if not work.done.acquire(timeout=min(patience_s, LOOK_S)) and not self._wait(work, patience_s, makes_safe):
            self._give_up(work, commit_s)
        if work.error is not None:
            raise work.error
        return work.result  # type: ignore[no-any-return]

    def post(self, verb: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        """Hand a verb to the writer without waiting for the commit; a failure is logged."""
        self._submit(Work(verb, arguments, posted=True))

    def _wait(self, work: Work, patience_s: float, makes_safe: bool) -> bool:
        if self._hurry.is_set():
            patience_s = min(patience_s, LAST_PATIENCE_S)
        return self._places.wait(work, patience_s - LOOK_S, lambda: makes_safe or self._condition.trouble is None)

    def _submit(self, work: Work) -> Work:
        self._condition.require_present()
        if self._closing:
            raise Unavailable("The appliance is stopping. Try again when it runs.")
        if self._waiting.qsize() >= WAITING_LIMIT:
            raise Unavailable("Too many requests wait for the disk. Try again in a minute.")
        self._waiting.put(work)
        return work

    def _give_up(self, work: Work, commit_s: float) -> None:
        if work.started.acquire(blocking=False):
            trouble = self._condition.trouble
            raise trouble.refusal() if trouble else Unavailable("The database did not take the request in time.")
        if work.done.acquire(timeout=min(commit_s, LAST_PATIENCE_S) if self._hurry.is_set() else commit_s):
            return
        if work.taken.acquire(blocking=False):
            what = "is taken back" if work.undo else IN_DOUBT
            raise Unavailable(f"The disk did not confirm the request in time; it {what}.")
        work.done.acquire()

    # ---- in the thread

    def _run(self) -> None:
        connection = self._engine.connect()
        self._numbered = set(KEYS) if self._engine.numbers_rows else lost_numbers(connection, self._engine.errors)
        while (batch := self._gather()) is not None:
            connection = self._carry_on(connection, batch)
        # Writes that were put off come after the end.
        rest = [work for _ in range(self._waiting.qsize()) if (work := self._waiting.get())]
        if self._undoing or rest:
            connection = self._carry_on(connection, rest)
        self._given_up += len(self._undoing) + len(self._put_off.take())
        self._engine.finish(connection)
        connection.close()

    def _carry_on(self, connection: Connection, batch: list[Work]) -> Connection:
        try:
            self._commit(connection, [*self._undoing, *batch])
        except self._engine.errors as error:
            return self._reopened(connection, error)
        return connection

    def _reopened(self, connection: Connection, error: Exception) -> Connection:
        """Return a new connection: after a failed transaction the old connection may not see the file's real state.

        The old connection closes last: SQLite reads the log anew for the first connection to a file, and the frames of
        a refused transaction that are still in the log would count as committed.
        """
        logger.error("the writing connection is opened again after: %s", error)
        try:
            opened = self._engine.connect()
            connection.close()
        except Exception as again:
            logger.error("the database cannot be opened again yet: %s", again)
            return connection
        return opened

    def _gather(self) -> list[Work] | None:
        """Return the requests for the next transaction, at most `BATCH`; None when the database is to be closed.

        Return an empty list when no request waits and a result must be taken back.
        """
        batch: list[Work] = []
        while len(batch) < BATCH:
            try:
                work = self._waiting.get(timeout=self._pause_s(batch))
            except queue.Empty:
                break
            if work is None:
                if not batch:
                    return None
                self._waiting.put(None)
                break
            batch.append(work)
        return batch

    def _pause_s(self, batch: list[Work]) -> float | None:
        """Return the seconds to wait for one more request; None for no limit."""
        if batch:
            return 0
        if self._undoing:
            return AGAIN_S if self._condition.trouble else 0
        return None

    def _commit(self, connection: Connection, batch: list[Work]) -> None:
        numbers = self._begin(connection, batch)
        if numbers is None:
            return
        batch += self._came_meanwhile(BATCH - len(batch))
        running = [work for work in batch if work.lasts or work.started.acquire(blocking=False)]
        attempt = Attempt(self._engine, Transaction(connection, self._numbered, numbers))
        try:
            try:
                attempt.run(connection, running, self.commits)
            except self._engine.errors as error:
                if not self._engine.is_late(error):
                    raise
                # A statement failed that had waited, perhaps for the statements of other requests.
                attempt = Attempt(self._engine, Transaction(connection, self._numbered), one_by_one=True)
                self._engine.roll_back(connection)
                self._engine.begin(connection, one_by_one=True)
                attempt.run(connection, running, self.commits)
        except self._engine.errors as error:
            trouble, written = self._roll_back(connection, error), attempt.transaction.last_numbers
            is_stored = self._engine.is_stored(connection, error, written) if attempt.is_committing else False
            if is_stored:
                self._give_out(attempt.transaction, running)
                raise
            if attempt.is_committing:
                self._overwrite(connection)
            self._refuse(running, trouble, in_doubt=is_stored is None)
            raise
        self._condition.committed()
        self._give_out(attempt.transaction, running)

    def _give_out(self, transaction: Transaction, running: list[Work]) -> None:
        if transaction.last_numbers:
            self._engine.committed(transaction.last_numbers)
        self._finish(transaction, running)
        for work in self._put_off.take():
            self._waiting.put(work)

    def _came_meanwhile(self, most: int) -> list[Work]:
        """Return requests that came during the wait for the lock: the longer the wait, the more in one commit."""
        came: list[Work] = []
        while len(came) < most and self._waiting.qsize():
            work = self._waiting.get()
            if work is None:
                self._waiting.put(None)
                break
            came.append(work)
        return came

    def _overwrite(self, connection: Connection) -> None:
        """Overwrite a failed COMMIT in the log, if the disk allows. The trouble stays, for the ballast to see."""
        try:
            self._engine.prove(connection)
        except self._engine.errors as error:
            self._roll_back(connection, error)

    def _finish(self, transaction: Transaction, running: list[Work]) -> None:
        """Run the after-commit steps, give the results to the callers, wake the requests that wait for changes."""
        for step in transaction.take_steps():
            try:
                step()
            except Exception:
                logger.exception("a step after a commit failed")
        late = [work for work in running if not work.finish() and work.error is None]
        self._undoing = [Work(work.undo, (work.result,), posted=True, lasts=True) for work in late if work.undo]
        if transaction.sites_to_tell:
            self._engine.tell(transaction.sites_to_tell)
            try:
                self._tell(transaction.sites_to_tell)
            except Exception:
                logger.exception("the requests that wait for changes could not be told")

    def _begin(self, connection: Connection, batch: list[Work]) -> dict[str, int] | None:
        """Take the write lock; return the last numbers. Return None if no caller waits, or the process is to end."""
        while any(work.lasts or not work.started.locked() for work in batch):
            try:
                if not self._condition.is_proved:
                    self._condition.prove(connection)
                return self._engine.begin(connection)
            except self._engine.errors as error:
                trouble = self._roll_back(connection, error)
                if trouble.fault == Fault.LOCKED and self._may_try_again():
                    if all(work.lasts for work in batch):
                        return None
                    continue
                claimed = [work for work in batch if not work.lasts and work.started.acquire(blocking=False)]
                self._refuse(claimed, trouble)
                if trouble.fault != Fault.LOCKED:
                    raise
                return None
        return None

    def _may_try_again(self) -> bool:
        self._tries_left -= self._hurry.is_set()
        return self._tries_left > 0

    def _roll_back(self, connection: Connection, error: Exception) -> Trouble:
        """End the failed transaction and return the trouble."""
        try:
            self._engine.roll_back(connection)
        except self._engine.errors as again:
            logger.error("the transaction cannot be rolled back: %s", again)
        return self._condition.note(error)

    def _refuse(self, batch: list[Work], trouble: Trouble, in_doubt: bool = False) -> None:
        """Refuse the requests for the trouble; `in_doubt`: their COMMIT failed, and a restart may find them."""
        refused = [work for work in batch if not work.lasts]
        posted = [work for work in refused if work.posted and work.error is None]
        if given_up := len(posted) if self._hurry.is_set() else self._put_off.keep(posted):
            logger.error("%d writes without a waiting caller were given up: %s", given_up, trouble.sentence)
            self._given_up += given_up if self._hurry.is_set() else 0
        if in_doubt:
            trouble = trouble._replace(sentence=f"{trouble.sentence} The request {IN_DOUBT}.")
        for work in refused:
            # A request with an error of its own changed nothing, whatever became of the COMMIT.
            work.error = work.error or trouble.refusal()
            work.finish()
