"""The two rows that each step writes, in SQLite: the job's own and one of the log, durable when the step returns."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TABLES = """
CREATE TABLE IF NOT EXISTS job (ulid TEXT PRIMARY KEY, site TEXT NOT NULL, status TEXT NOT NULL, seconds INTEGER,
    document TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS job_unread ON job (site, ulid) WHERE status = 'UNREAD';
CREATE TABLE IF NOT EXISTS change (seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL, status TEXT NOT NULL, seconds INTEGER);
CREATE INDEX IF NOT EXISTS change_job ON change (ulid);
"""
UNREAD = "SELECT ulid, document FROM job WHERE site = ? AND status = 'UNREAD' ORDER BY ulid LIMIT 200"


class Rows:
    """One connection. Its caller lets one thread in at a time."""

    def __init__(self, folder: str) -> None:
        self.connection = sqlite3.connect(Path(folder) / "rows.sqlite3", isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode = wal")
        self.connection.execute("PRAGMA synchronous = full")
        self.connection.executescript(TABLES)

    def submit(self, ulid: str, site: str, document: str) -> None:
        """Insert a job, whose JSON is `document`."""
        with self._transaction() as run:
            run("INSERT INTO job (ulid, site, status, document) VALUES (?, ?, 'UNREAD', ?)", (ulid, site, document))
            run("INSERT INTO change (ulid, status) VALUES (?, 'UNREAD')", (ulid,))

    def take(self, site: str) -> list[str]:
        """Take what waits for the site; the jobs as JSON."""
        with self._transaction() as run:
            found = run(UNREAD, (site,)).fetchall()
            for ulid, _ in found:
                run("UPDATE job SET status = 'RECEIVED' WHERE ulid = ?", (ulid,))
                run("INSERT INTO change (ulid, status) VALUES (?, 'RECEIVED')", (ulid,))
        return [document for _, document in found]

    def report(self, ulid: str, status: str, seconds: int) -> bool:
        """Store a report. Return False if there is no such job."""
        with self._transaction() as run:
            done = run("UPDATE job SET status = ?, seconds = ? WHERE ulid = ?", (status, seconds, ulid)).rowcount
            if done:
                run("INSERT INTO change (ulid, status, seconds) VALUES (?, ?, ?)", (ulid, status, seconds))
        return bool(done)

    def stored(self) -> dict[str, list[str]]:
        """Read the statuses of each job back."""
        found: dict[str, list[str]] = {}
        for ulid, status in self.connection.execute("SELECT ulid, status FROM change ORDER BY seq"):
            found.setdefault(ulid, []).append(status)
        return found

    @contextmanager
    def _transaction(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            yield self.connection.execute
