"""A disk whose commits take their time or fail: a real file behind a connection that waits before COMMIT."""

import sqlite3
import time
from collections.abc import Callable

import pytest

from prjobs.store.sqlite import SqliteEngine
from tests import stores


class Disk:
    """What the disk does with the next commits. `delay_s()` is asked before each."""

    def __init__(self) -> None:
        self.delay_s: Callable[[], float] = lambda: 0.0
        # The number of commits still to refuse.
        self.full = 0
        self.commits = 0


class SlowConnection:
    """The writing connection on such a disk."""

    def __init__(self, connection: sqlite3.Connection, disk: Disk) -> None:
        self._connection, self._disk = connection, disk

    def execute(self, sql: str, *parameters: object) -> object:
        if sql != "COMMIT":
            return self._connection.execute(sql, *parameters)
        self._disk.commits += 1
        if self._disk.full:
            self._disk.full -= 1
            raise stores.disk_full()
        # The transaction is open while the disk is slow, as with a real one.
        time.sleep(self._disk.delay_s())
        return self._connection.execute(sql)

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)


def slow_down(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Give every database that is opened from now on such a disk."""
    if stores.on_postgresql():
        return _slow_down_postgresql(monkeypatch)
    disk, real = Disk(), SqliteEngine.connect
    monkeypatch.setattr(SqliteEngine, "connect", lambda self: SlowConnection(real(self), disk))
    return disk


def _slow_down_postgresql(monkeypatch: pytest.MonkeyPatch) -> Disk:
    from prjobs.store.postgres_engine import PostgresEngine

    disk, real = Disk(), PostgresEngine.commit

    def commit(engine: PostgresEngine, connection: object) -> None:
        disk.commits += 1
        if disk.full:
            disk.full -= 1
            raise stores.disk_full()
        time.sleep(disk.delay_s())
        real(engine, connection)

    monkeypatch.setattr(PostgresEngine, "commit", commit)
    return disk
