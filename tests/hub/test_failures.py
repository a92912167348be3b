"""What becomes of answered writes when the servers of a hub fail: killed, promoted, full, out of connections."""

import os
import shutil
import signal
import subprocess
import threading
from contextlib import ExitStack, closing

import pytest

from prjobs.base.clock import StoreClock
from prjobs.base.errors import Fault, Unavailable
from tests import postgres
from tests.bench.rivals.programs import descendants
from tests.waiting import wait_for

psycopg = postgres.driver()

from prjobs.store.hub import open_hub  # noqa: E402
from prjobs.store.members import Member  # noqa: E402
from prjobs.store.postgres import connect  # noqa: E402

pytestmark = pytest.mark.long


@pytest.fixture
def start():
    """Start servers of their own, which the tests kill; all end with the test."""
    postgres.require_server()
    with ExitStack() as stack:

        def start(*given, **settings):
            server = postgres.PostgresServer(*given, **settings)
            stack.callback(server.stop)
            return server

        yield start


class Load:
    """Four threads that write as fast as they can, and what they were answered."""

    def __init__(self, url):
        open_hub(url, "")
        self.url = url
        self.member = Member(url, "http://127.0.0.1:1", StoreClock())
        assert self.member.take_over() is None
        self.database = open_hub(url, self.member.id)
        self.database.start(lambda _sites: None)
        self.answered, self.refused, self.faults = [], [], set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(4)]
        for thread in self._threads:
            thread.start()

    def _run(self, thread):
        for number in range(1_000_000):
            if self._stop.is_set():
                return
            name = f"{thread} {number}"
            try:
                self.database.write(self._note, name, patience_s=1.0)
                self.answered.append(name)
            except Unavailable as error:
                self.faults.add(error.fault)
                if "may still" not in str(error):
                    self.refused.append(name)

    def _note(self, transaction, name):
        transaction.execute("INSERT INTO fact (name, value) VALUES (?, '')", (name,))

    def goes_on(self):
        """Wait until more writes are answered."""
        count = len(self.answered)
        wait_for(lambda: len(self.answered) >= count + 20)

    def end(self):
        """End the load; return the answered writes that are not stored, and the refused ones that are."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        with closing(connect(self.url)) as connection:
            stored = {name for (name,) in connection.fetch("SELECT name FROM fact")}
        self.database.close()
        return set(self.answered) - stored, set(self.refused) & stored


def of_both(first, second):
    return (
        f"postgresql://prjobs@127.0.0.1:{first.port},127.0.0.1:{second.port}/postgres?target_session_attrs=read-write"
    )


def test_a_synchronous_standby_takes_over_and_nothing_answered_is_lost(start):
    first = start()
    second = start(first)
    first.execute("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    first.execute("SELECT pg_reload_conf()")
    load = Load(of_both(first, second))
    load.goes_on()
    first.halt("immediate")
    second.promote()
    load.goes_on()
    assert load.end() == (set(), set())
    assert Fault.NOT_OPENED in load.faults


def test_a_primary_that_hangs_holds_nobody_once_the_standby_is_promoted(start):
    """The kernel still acknowledges what the stopped server does not read."""
    first = start()
    second = start(first)
    load = Load(of_both(first, second))
    load.goes_on()
    stopped = descendants([first.pid])
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        second.promote()
        load.goes_on()
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    load.database.close()
    load.end()
    # The callers gave up before the writer did.
    assert load.faults


def test_restarts_of_the_server_under_load(start):
    server = start()
    load = Load(server.url)
    for _ in range(3):
        load.goes_on()
        server.restart("immediate")
    load.goes_on()
    assert load.end() == (set(), set())


def test_used_up_connections_end_by_themselves(start):
    """Other programs have taken every connection but those that are open."""
    server = start(max_connections="12", superuser_reserved_connections="0")
    load = Load(server.url)
    load.goes_on()
    taken = []
    with pytest.raises(psycopg.OperationalError):
        while len(taken) < 20:
            taken.append(psycopg.connect(server.url))
    with pytest.raises(Unavailable) as refused:
        load.database.fetch("SELECT count(*) FROM job")
    assert refused.value.fault == Fault.NOT_OPENED
    load.goes_on()
    for one in taken:
        one.close()
    wait_for(lambda: _reads(load.database))
    assert load.end() == (set(), set())


def _reads(database):
    try:
        return database.fetch("SELECT count(*) FROM job") == [(0,)]
    except Unavailable:
        return False


def test_a_forgotten_transaction_keeps_nobody_waiting(start):
    server = start()
    with psycopg.connect(server.url) as forgotten:
        load = Load(server.url)
        load.goes_on()
        forgotten.execute("SELECT count(*) FROM job")
        forgotten.execute("SELECT * FROM door")
        load.goes_on()
        assert load.end() == (set(), set()) and not load.faults


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_of_the_database_refuses_writes_and_ends_by_itself(start):
    server = start()
    small = server.folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", small], check=False).returncode:
        pytest.skip("this machine mounts no disk in memory")
    try:
        shutil.chown(small, postgres.account()["user"])
        server.execute(f"CREATE TABLESPACE small LOCATION '{small}'")
        load = Load(server.url)
        load.goes_on()
        server.execute("ALTER TABLE fact SET TABLESPACE small")
        filler = small / "filler"
        _fill(filler)
        wait_for(lambda: Fault.FULL in load.faults)
        assert load.database.fetch("SELECT count(*) FROM job") == [(0,)]
        assert load.database.trouble is not None and "full" in load.database.trouble.sentence
        filler.unlink()
        load.goes_on()
        assert load.end() == (set(), set())
        server.stop()
    finally:
        subprocess.run(["umount", "-l", small], check=True)


def _fill(path):
    with path.open("wb") as file:
        try:
            while True:
                file.write(b"\0" * 65536)
                file.flush()
        except OSError:
            pass
