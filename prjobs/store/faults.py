"""Faults of the disk and of the database file: a code for programs, a sentence for the person at the site."""

import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from prjobs.base.errors import Fault, Trouble

logger = logging.getLogger(__name__)


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


def is_store_trouble(error: Exception) -> bool:
    """Return True if the disk or the file is at fault, so that the whole transaction is lost."""
    return isinstance(error, sqlite3.Error) and _code(error) in _FAULTS


def may_have_committed(error: sqlite3.Error) -> bool:
    """Return True if the log may hold a failed COMMIT whole, so that a restart may find the transaction.

    On a full disk the frame that ends the transaction was never written.
    """
    return _code(error) != sqlite3.SQLITE_FULL


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


def write_once(connection: sqlite3.Connection) -> None:
    """Commit a small transaction that really writes: SQLite writes nothing for an update that changes nothing.

    In the log the transaction takes the place of the frames of a failed COMMIT, which a restart would take for
    committed.
    """
    connection.execute("BEGIN IMMEDIATE")
    number = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {(number + 1) % 2**31}")
    connection.execute("COMMIT")


class Condition:
    """The condition of an open file: the trouble of the last use, until a transaction succeeds."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._trouble: Trouble | None = None
        self._replaced: Trouble | None = None
        # Called at each new trouble.
        self.tell: Callable[[], object] = lambda: None
        # False from a fault of the disk or the file on, until a transaction that really writes is on disk.
        self.is_proved = True
        # Another object after each commit and each fault: a row read with another one may have changed since. A number
        # that several threads count could go back to one that it had before.
        self.version = object()

    @property
    def trouble(self) -> Trouble | None:
        """Return the trouble that keeps the store from working now; None while the store works."""
        return self._replaced or self._trouble

    def note(self, error: Exception) -> Trouble:
        """Remember and return the trouble behind an error of SQLite; log new trouble."""
        trouble = trouble_of(error, self._file)
        self.version = object()
        before, self._trouble = self._trouble, trouble
        self.is_proved &= trouble.fault == Fault.LOCKED
        if trouble != before:
            logger.error("%s (%s)", trouble.sentence, error)
            self.tell()
        return trouble

    def committed(self) -> None:
        """Note a commit, before any caller learns of it.

        Ends the trouble with another program's lock; a COMMIT without a change proves nothing about the disk.
        """
        self.version = object()
        if self.is_proved:
            self._trouble = None

    def prove(self, connection: sqlite3.Connection) -> None:
        """End the trouble if the disk takes a write; raise sqlite3.Error if not."""
        write_once(connection)
        self.is_proved, self._trouble = True, None
        self.version = object()

    def lose(self, sentence: str) -> None:
        """Refuse reads and writes from now on: another file is in the place of the opened file."""
        if self._replaced is None:
            logger.error("%s", sentence)
        self._replaced = Trouble(Fault.REPLACED, sentence)

    def find(self) -> None:
        """Allow reads and writes again: the opened file is back in its place."""
        self._replaced = None
        self.version = object()

    def require_present(self) -> None:
        """Raise Unavailable while another file is in the place of the opened file."""
        if self._replaced:
            raise self._replaced.refusal()
