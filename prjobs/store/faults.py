"""SQLite's errors: which of them are the disk's or the file's, and what they mean for the person at the site."""

import sqlite3

DISK_FULL = "The disk is full."

_STORE_TROUBLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
    }
)


def is_store_trouble(error: Exception) -> bool:
    """Whether the error is the disk's or the file's, so that the whole transaction is lost, not one request's."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _STORE_TROUBLE


def trouble_of(error: sqlite3.Error) -> str:
    """SQLite's error as a sentence for the person at the site."""
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "The database is locked by another program."
        case sqlite3.SQLITE_FULL:
            return DISK_FULL
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return "The database file may not be written."
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return "The database file is damaged."
        case sqlite3.SQLITE_CANTOPEN:
            return "The database file cannot be opened."
        case sqlite3.SQLITE_IOERR:
            return "The disk does not read or write the database."
    return f"The database does not answer as expected: {error}"
