"""Faults of the disk and of the database file: a code for programs, a sentence for the person at the site."""

import logging
import sqlite3

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


def is_store_trouble(error: Exception) -> bool:
    """Return True if the disk or the file is at fault, so that the whole transaction is lost."""
    return isinstance(error, sqlite3.Error) and _code(error) in _FAULTS


def trouble_of(error: BaseException) -> Trouble:
    """Return SQLite's error as a fault with a sentence for the person at the site."""
    fault = _FAULTS.get(_code(error), Fault.OTHER)
    return Trouble(fault, _SENTENCES.get(fault, f"The database does not answer as expected: {error}"))


def _code(error: BaseException) -> int:
    """The primary result code (https://www.sqlite.org/rescode.html); 0 for an error without one."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


class Condition:
    """The condition of an open file: the trouble that its last use met, until a transaction succeeds."""

    def __init__(self) -> None:
        self._trouble: Trouble | None = None
        self._replaced: Trouble | None = None

    @property
    def trouble(self) -> Trouble | None:
        """The trouble that keeps the store from its work now; None while it works."""
        return self._replaced or self._trouble

    def note(self, error: Exception) -> Trouble:
        """Remember the trouble that an error of SQLite shows, log it when it is new, and return it."""
        trouble = trouble_of(error)
        if trouble != self._trouble:
            logger.error("%s (%s)", trouble.sentence, error)
        self._trouble = trouble
        return trouble

    def worked(self) -> None:
        """End the trouble: a transaction is on disk."""
        self._trouble = None

    def lose(self, sentence: str) -> None:
        """Read and write nothing from now on: the file is not the one that was opened."""
        if self._replaced is None:
            logger.error("%s", sentence)
        self._replaced = Trouble(Fault.REPLACED, sentence)

    def find(self) -> None:
        """Go on: the file is again the one that was opened."""
        self._replaced = None

    def require_present(self) -> None:
        """Raise Unavailable if the file is not the one that was opened."""
        if self._replaced:
            raise self._replaced.refusal()
