"""The yardstick of every write: a raw sqlite3 commit of one row, WAL and synchronous=FULL, one after the other."""

import sqlite3
import time
from pathlib import Path


class Commits:
    """A database of its own with one table."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = wal")
        self._connection.execute("PRAGMA synchronous = full")
        self._connection.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)")

    def rate(self, body: str, seconds: float) -> float:
        """Durable one-row commits a second."""
        count = 0
        began_s = time.perf_counter()
        while (elapsed_s := time.perf_counter() - began_s) < seconds:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT INTO row (body) VALUES (?)", (body,))
            self._connection.execute("COMMIT")
            count += 1
        return count / elapsed_s

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
