"""The reference of every write: a durable commit of the same two rows with their keys, one commit after the other.

A new job is a row with its id and the key that finds the waiting jobs of a site, and a row of the log with the key that
finds the changes of a job. A report changes the one row and adds another row to the log. WAL and synchronous=FULL.
"""

import json
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from pathlib import Path

from tests.bench import sending

BODY = json.dumps(sending.JOB)
REPORTED = 100
WORDS = ("STARTED", "COMPLETE")
TABLES = """
CREATE TABLE job (seq INTEGER PRIMARY KEY, ulid TEXT NOT NULL UNIQUE, site TEXT NOT NULL, status TEXT NOT NULL,
    changed_ms BIGINT NOT NULL, body TEXT NOT NULL);
CREATE INDEX job_unread ON job (site, seq) WHERE status = 'UNREAD';
CREATE TABLE change (seq INTEGER PRIMARY KEY, job_seq INTEGER NOT NULL, site TEXT NOT NULL, status TEXT NOT NULL,
    time_ms BIGINT NOT NULL, who TEXT NOT NULL);
CREATE INDEX change_job_seq ON change (job_seq);
"""
_JOB = "INSERT INTO job (ulid, site, status, changed_ms, body) VALUES (?, 'saf', 'UNREAD', ?, ?)"
_REPORT = "UPDATE job SET status = ?, changed_ms = ? WHERE ulid = ? RETURNING seq"
_CHANGE = "INSERT INTO change (job_seq, site, status, time_ms, who) VALUES (?, 'saf', ?, ?, 'auth0|bench')"


class Commits:
    """A database of its own with the two tables."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._numbers = count(1)
        self._ulids: deque[str] = deque(maxlen=REPORTED)
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = wal")
        self._connection.execute("PRAGMA synchronous = full")
        self._connection.executescript(TABLES)

    def add(self) -> None:
        """Store a job."""
        now_ms = time.time_ns() // 1_000_000
        ulid = f"01{now_ms:013d}{next(self._numbers):011d}"
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        job = execute(_JOB, (ulid, now_ms, BODY))
        execute(_CHANGE, (job.lastrowid, "UNREAD", now_ms))
        execute("COMMIT")
        self._ulids.append(ulid)

    def report(self) -> None:
        """Report on one of the last jobs, in turn STARTED and COMPLETE."""
        now_ms = time.time_ns() // 1_000_000
        status = WORDS[next(self._numbers) // REPORTED % 2]
        self._ulids.rotate()
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        job = execute(_REPORT, (status, now_ms, self._ulids[0])).fetchone()
        execute(_CHANGE, (*job, status, now_ms))
        execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def rate(commit: Callable[[], None], seconds: float) -> float:
    """Return the number of commits a second."""
    done = 0
    began_s = time.perf_counter()
    while (elapsed_s := time.perf_counter() - began_s) < seconds:
        commit()
        done += 1
    return done / elapsed_s
