"""PostgreSQL as the store's engine: one order of all writes, the truth about a lost COMMIT, and no hang."""

import multiprocessing
import os
import signal
import threading
import time
from unittest.mock import patch

import pytest

from prjobs.base.clock import StoreClock
from prjobs.base.errors import Fault, TookTooLong, Unavailable
from tests import postgres
from tests.hub.fault_proxy import FaultProxy
from tests.waiting import wait_for

psycopg = postgres.driver()

from prjobs.store.hub import open_hub  # noqa: E402
from prjobs.store.members import Member  # noqa: E402
from prjobs.store.numbers import insert_numbered  # noqa: E402
from prjobs.store.postgres import connect  # noqa: E402
from prjobs.store.postgres_engine import _DOOR, PostgresEngine  # noqa: E402
from prjobs.store.transaction import Transaction  # noqa: E402

_INSERT = (
    "INSERT INTO change (seq, job_seq, site, queue, status, time_ms, who, note) "
    "VALUES (?, 1, 'saf', 'primary', 'UNREAD', ?, '', '')"
)
COUNT = "SELECT count(*) FROM fact WHERE name = ?"


@pytest.fixture(scope="module")
def server():
    postgres.require_server()
    return postgres.shared_server()


@pytest.fixture
def url(server):
    with server.database() as url:
        open_hub(url, "")
        yield url


@pytest.fixture
def proxy(server):
    proxy = FaultProxy(server.port)
    yield proxy
    proxy.stop()


@pytest.fixture
def open_store():
    """Open the store as the active process, by the way of `url`; closed at the end."""
    opened = []

    def open_store(url, through=None):
        member = Member(url, "http://127.0.0.1:1", StoreClock())
        assert member.take_over() is None
        database = open_hub(through or url, member.id)
        database.start(lambda _sites: None)
        opened.append(database)
        return database

    yield open_store
    for database in opened:
        database.close()


def note(transaction, name):
    insert_numbered(transaction, "change", _INSERT, (1,))
    transaction.execute("INSERT INTO fact (name, value) VALUES (?, '')", (name,))
    return name


# What would break the order of the log, as a statement that begins each transaction.
MUTANTS = {
    "no row is locked": {"_DOOR": _DOOR.replace(" FOR UPDATE", "")},
    "the snapshot is older than the wait": {"_BEGIN": "BEGIN ISOLATION LEVEL REPEATABLE READ"},
}


def write_changes(url, member, count, start, mutant=""):
    if mutant:
        patch.multiple("prjobs.store.postgres_engine", **MUTANTS[mutant]).start()
    engine = PostgresEngine(url, member)
    connection = engine.connect()
    start.wait()
    for _ in range(count):
        engine.begin(connection)
        transaction = Transaction(connection, {"change"})
        insert_numbered(transaction, "change", _INSERT, (1,))
        # Without the order another process writes meanwhile.
        time.sleep(0.002)
        engine.commit(connection)


def follow(url, total):
    """Return the numbers that a cursor meets which reads along."""
    connection, met = connect(url), []

    def look():
        last = met[-1] if met else 0
        found = connection.fetch("SELECT seq FROM change WHERE seq > ? ORDER BY seq LIMIT 100", (last,))
        met.extend(seq for (seq,) in found)
        return len(met) >= total

    wait_for(look, pause=lambda: None)
    connection.close()
    return met


@pytest.mark.slow
def test_a_cursor_misses_no_change_of_four_processes(url):
    member = Member(url, "", StoreClock())
    assert member.take_over() is None
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    writers = [context.Process(target=write_changes, args=(url, member.id, 60, start)) for _ in range(4)]
    for writer in writers:
        writer.start()
    met = follow(url, 240)
    for writer in writers:
        writer.join()
    assert met == list(range(1, 241))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_without_the_order_of_the_writers_the_log_breaks(url, mutant):
    member = Member(url, "", StoreClock())
    assert member.take_over() is None
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    writers = [context.Process(target=write_changes, args=(url, member.id, 60, start, mutant)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    connection = connect(url)
    written = connection.fetch("SELECT count(*) FROM change")[0][0]
    connection.close()
    assert any(writer.exitcode for writer in writers) and written < 240


def test_a_process_that_was_replaced_writes_nothing_more(url, open_store):
    first = open_store(url)
    told = []
    first.engine.on_replaced = lambda: told.append(1)
    assert first.write(note, "one") == "one"
    # Without a sign of life from the first, which here has none to give any more.
    connection = connect(url)
    connection.execute("UPDATE member SET seen_ms = 0")
    connection.close()
    second = open_store(url)
    with pytest.raises(Unavailable, match="active") as refused:
        first.write(note, "two")
    assert refused.value.fault == Fault.NOT_ACTIVE and told
    assert second.write(note, "three") == "three"
    assert second.fetch("SELECT name FROM fact WHERE name IN ('one', 'two', 'three') ORDER BY name") == [
        ("one",),
        ("three",),
    ]


def hold_door(url, member, pipe):
    engine = PostgresEngine(url, member)
    connection = engine.connect()
    engine.begin(connection)
    note(Transaction(connection, {"change"}), "held")
    pipe.send("in the transaction")
    pipe.recv()
    try:
        engine.commit(connection)
    except psycopg.Error as error:
        pipe.send(type(error).__name__)


@pytest.mark.long
@pytest.mark.parametrize("kill", [False, True])
def test_nobody_keeps_the_others_from_writing(url, open_store, kill):
    """A process is stopped or killed in the middle of its transaction."""
    database = open_store(url)
    ours, theirs = multiprocessing.Pipe()
    other = multiprocessing.get_context("spawn").Process(target=hold_door, args=(url, database.engine.member, theirs))
    other.start()
    assert ours.poll(60) and ours.recv() == "in the transaction"
    os.kill(other.pid, signal.SIGKILL if kill else signal.SIGSTOP)
    # The writer's patience is five seconds.
    assert database.write(note, "mine") == "mine"
    if not kill:
        os.kill(other.pid, signal.SIGCONT)
        ours.send("go on")
        assert ours.poll(60) and ours.recv() in ("IdleInTransactionSessionTimeout", "OperationalError", "AdminShutdown")
    other.join()
    assert database.fetch(COUNT, ("held",)) == [(0,)]


@pytest.mark.parametrize("before", [False, True])
def test_the_fate_of_a_commit_whose_answer_was_lost_is_looked_up(url, open_store, proxy, before):
    database = open_store(url, proxy.url(url))
    assert database.write(note, "one") == "one"
    proxy.before, proxy.cut_at = before, b"COMMIT"
    if before:
        with pytest.raises(Unavailable) as refused:
            database.write(note, "two")
        assert "may still be carried out" not in str(refused.value)
    else:
        assert database.write(note, "two") == "two"
    assert proxy.cuts == 1
    assert database.fetch(COUNT, ("two",)) == [(int(not before),)]
    assert database.write(note, "three") == "three"


def test_a_commit_of_a_lost_transaction_is_refused(url, open_store):
    """PostgreSQL answers the COMMIT of a failed transaction by ROLLBACK, without an error."""
    database = open_store(url)

    def verb(transaction):
        note(transaction, "lost")
        try:
            transaction.execute("SELECT 1 / 0")
        except psycopg.Error:
            return "went on"

    with pytest.raises(Unavailable):
        database.write(verb)
    assert database.fetch(COUNT, ("lost",)) == [(0,)]
    assert database.write(note, "after") == "after"


def test_a_server_that_does_not_answer_keeps_no_reader(url, open_store, proxy):
    database = open_store(url, proxy.url(url))
    assert database.fetch(COUNT, ("one",)) == [(0,)]
    proxy.holding.set()
    for _ in range(3):
        with database.limited(0.1), pytest.raises((TookTooLong, Unavailable)):
            database.fetch(COUNT, ("one",))
    proxy.holding.clear()
    _until(lambda: database.fetch(COUNT, ("one",)) == [(0,)])


@pytest.mark.slow
def test_a_restart_of_the_server_loses_no_answered_write(server, open_store):
    with server.database() as url:
        open_hub(url, "")
        database = open_store(url)
        answered, refused, stop = [], [], threading.Event()

        def run(thread):
            for number in range(100_000):
                if stop.is_set():
                    return
                name = f"{thread} {number}"
                try:
                    answered.append(database.write(note, name))
                except Unavailable as error:
                    if "may still" not in str(error):
                        refused.append(name)

        threads = [threading.Thread(target=run, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        server.restart("immediate")
        count = len(answered)
        _until(lambda: len(answered) > count + 50)
        stop.set()
        for thread in threads:
            thread.join()
        stored = {name for (name,) in database.fetch("SELECT name FROM fact")}
        assert not set(answered) - stored and not set(refused) & stored
        database.close()


def _until(holds):
    def look():
        try:
            return holds()
        except Unavailable:
            return False

    wait_for(look)
