"""The writer in trouble: callers are answered at once where waiting is of no use, and threads stay free for polls."""

import sqlite3
import threading
import time
from contextlib import suppress

import pytest
import requests

from prjobs.base.errors import Unavailable
from prjobs.store.schema import open_database
from tests.preload import needs_gcc, with_fsync
from tests.program import JOB, Program
from tests.waiting import wait_for


class Failing:
    """A connection that says so many times that the file is no database; then it works."""

    def __init__(self, connection, left):
        self._connection, self._left = connection, left

    def execute(self, sql, *parameters):
        if sql.startswith("BEGIN") and self._left[0]:
            self._left[0] -= 1
            error = sqlite3.DatabaseError("file is not a database")
            error.sqlite_errorcode = sqlite3.SQLITE_NOTADB
            raise error
        return self._connection.execute(sql, *parameters)

    def __getattr__(self, name):
        return getattr(self._connection, name)


@pytest.mark.parametrize("times", [1, 1000])
def test_a_file_that_is_no_database_is_said_at_once_and_work_goes_on_when_it_is_one_again(tmp_path, monkeypatch, times):
    database = open_database(tmp_path / "store.sqlite3")
    connect, left = database.engine.connect, [times]
    monkeypatch.setattr(database.engine, "connect", lambda: Failing(connect(), left))
    database.start(lambda _sites: None)
    with pytest.raises(Unavailable, match="damaged"):
        database.write(lambda _transaction: None)
    # It is tried once more at most: to go on trying is of no use, and would keep the caller.
    assert times - left[0] <= 2
    assert "damaged" in database.trouble
    left[0] = min(left[0], 0)
    assert database.write(lambda _transaction: "written") == "written"
    assert database.trouble is None
    assert database.close()


def test_what_nobody_waits_for_is_not_given_up_in_silence(tmp_path, monkeypatch, caplog):
    database = open_database(tmp_path / "store.sqlite3")
    connect, left = database.engine.connect, [1000]
    monkeypatch.setattr(database.engine, "connect", lambda: Failing(connect(), left))
    database.start(lambda _sites: None)
    database.hurry()
    for _ in range(3):
        database.post(lambda _transaction: None)
    assert not database.close()
    assert "without a waiting caller were given up" in caplog.text


def test_what_nobody_waits_for_comes_after_the_trouble(tmp_path, monkeypatch, caplog):
    """The stop of a program that has gone waits again only by such a write."""
    database = open_database(tmp_path / "store.sqlite3")
    connect, left = database.engine.connect, [1000]
    monkeypatch.setattr(database.engine, "connect", lambda: Failing(connect(), left))
    database.start(lambda _sites: None)
    written = []
    database.post(lambda _transaction: written.append("posted"))
    wait_for(lambda: database.trouble is not None)
    left[0] = 0
    assert database.write(lambda _transaction: "written") == "written"
    wait_for(lambda: written == ["posted"])
    assert database.close()
    assert "were given up" not in caplog.text


def test_what_fails_again_and_again_is_given_up(tmp_path, caplog):
    database = open_database(tmp_path / "store.sqlite3")
    database.start(lambda _sites: None)
    tried = []

    def fail(_transaction):
        tried.append(1)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    database.post(fail)
    for _ in range(20):
        with suppress(Unavailable):
            database.write(lambda _transaction: None)
    wait_for(lambda: "1 writes without a waiting caller were given up" in caplog.text)
    assert len(tried) == 5
    assert database.write(lambda _transaction: "written") == "written"
    assert database.close()


@pytest.fixture
def crowded(tmp_path):
    """A started database with two places, locked by another program, and the lock."""
    database = open_database(tmp_path / "store.sqlite3")
    database.start(lambda _sites: None, places=2)
    other = sqlite3.connect(tmp_path / "store.sqlite3", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    yield database, other
    other.close()
    database.close()


def write_later(database, results, **named):
    def write():
        try:
            results.append(database.write(lambda _transaction: "written", patience_s=20, **named))
        except Unavailable as unavailable:
            results.append(str(unavailable))

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_only_so_many_writes_wait_for_a_locked_database_and_stops_always_may(crowded):
    database, other = crowded
    results, stops = [], []
    threads = [write_later(database, results) for _ in range(6)]
    wait_for(lambda: len(results) == 4)
    assert all("locked" in result for result in results)
    threads += [write_later(database, stops, makes_safe=True) for _ in range(3)]
    with pytest.raises(Unavailable, match="locked"):
        database.write(lambda _transaction: None, patience_s=20)
    # The two that wait had come before it, and have as much patience.
    assert stops == [] and len(results) == 4
    other.execute("ROLLBACK")
    for thread in threads:
        thread.join(60)
    assert results[4:] == ["written"] * 2 and stops == ["written"] * 3
    assert database.write(lambda _transaction: "again") == "again"


@pytest.mark.slow
def test_polls_are_answered_while_many_writes_and_long_polls_wait(program):
    program.serve()
    token = program.token()
    program.new_job(token)
    program.post("getnewjobs", {"site": "saf"})
    other = sqlite3.connect(program.data / "prjobs.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    headers = {"Authorization": f"Bearer {token}"}

    def hold():
        requests.get(f"{program.url}/api/changes?since=99999&wait=20", timeout=60)

    def send():
        requests.post(f"{program.url}/newjob", json=JOB, headers=headers, timeout=60)

    threads = [threading.Thread(target=work) for work in [hold] * 12 + [send] * 12]
    for thread in threads:
        thread.start()
    time.sleep(0.7)
    assert program.post("getnewjobs", {"site": "saf"}).json() == []
    assert any(thread.is_alive() for thread in threads[12:])
    other.execute("ROLLBACK")
    other.close()
    program.stop()
    for thread in threads:
        thread.join(60)


# ---- a disk that refuses to sync

REFUSING = """
char p[64], n[4096]; sprintf(p, "/proc/self/fd/%d", f); ssize_t l = readlink(p, n, sizeof n - 1);
n[l > 0 ? l : 0] = 0;
char left = '0'; int c = open("LEFT", O_RDWR);
if (c >= 0) {
  if (read(c, &left, 1) < 1) left = '0';
  if (strstr(n, "sqlite3-wal") && left != '0') {
    if (left != 'x') { left--; pwrite(c, &left, 1, 0); }
    close(c); c = open("TRIED", O_WRONLY|O_APPEND|O_CREAT, 0600); write(c, "x", 1); close(c);
    errno = EIO; return -1;
  }
  close(c);
}
"""


class Refusing(Program):
    """The program on a disk that refuses so many syncs of the write-ahead log; "x" for all."""

    def begin(self, folder):
        self.left, self.tried = folder / "left", folder / "tried"
        body = REFUSING.replace("LEFT", str(self.left)).replace("TRIED", str(self.tried))
        self.bearer = self.token()
        self.serve(env=with_fsync(folder, body))
        # The first answer comes after all writes of the start.
        assert self.health()
        return self

    def refuse(self, count):
        self.left.write_text(str(count))

    def refusals(self):
        return self.tried.stat().st_size if self.tried.exists() else 0

    def health(self):
        return requests.get(f"{self.url}/healthz", timeout=60).json()["ok"]

    def ulids(self):
        return [job["ulid"] for job in self.post("getrecentjobs", {"site": "saf"}).json()]


@pytest.fixture
def refusing(tmp_path):
    program = Refusing(tmp_path / "data")
    yield program.begin(tmp_path)
    program.kill()


@pytest.mark.slow
@needs_gcc
def test_a_refused_job_does_not_come_back_after_a_kill(refusing):
    known = refusing.new_job(refusing.bearer)["ulid"]
    refusing.refuse(1)
    answer = refusing.post("newjob", JOB, refusing.bearer)
    assert answer.status_code == 503 and "may still be carried out" in answer.text
    refusing.kill()
    refusing.serve()
    assert refusing.ulids() == [known]


@pytest.mark.slow
@needs_gcc
def test_a_job_in_doubt_is_said_to_be_in_doubt_until_a_write_succeeds(refusing):
    refusing.refuse("x")
    answer = refusing.post("newjob", JOB, refusing.bearer)
    assert answer.status_code == 503 and "may still be carried out" in answer.text
    refusing.refuse(0)
    wait_for(refusing.health)
    refusing.kill()
    refusing.serve()
    assert refusing.ulids() == []


@pytest.mark.slow
@needs_gcc
def test_health_stays_red_while_the_disk_takes_nothing(refusing):
    """Neither a refused request, which changes nothing, nor an empty poll ends the trouble."""
    refusing.refuse("x")
    assert refusing.post("newjob", JOB, refusing.bearer).status_code == 503
    begun, seen = refusing.refusals(), []
    while refusing.refusals() < begun + 4:
        refusing.post("updatejobstatus", {"site": "saf", "ulid": "0" * 26, "newStatus": "STARTED"})
        refusing.post("getnewjobs", {"site": "saf"})
        seen.append(refusing.health())
    assert not any(seen)
    refusing.refuse(0)
    wait_for(refusing.health)
    assert refusing.new_job(refusing.bearer)["ulid"] in refusing.ulids()
