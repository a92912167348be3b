"""Statements that go to PostgreSQL together: as if each had gone alone, and in few ways there and back."""

import threading
from contextlib import closing

import pytest

from prjobs.base.clock import StoreClock
from prjobs.base.errors import BadRequest, Refused
from prjobs.base.folder import Folder
from tests import postgres, verbs
from tests.hub.opening import closed, opened
from tests.waiting import wait_for

psycopg = postgres.driver()

from prjobs.store import postgres as connections  # noqa: E402
from prjobs.store.hub import open_hub  # noqa: E402
from prjobs.store.members import Member  # noqa: E402
from prjobs.store.postgres_session import MOST, Session, TooSlow  # noqa: E402

INSERT = "INSERT INTO fact (name, value) VALUES (?, ?)"
NAMES = "SELECT name FROM fact WHERE value = 'noted' ORDER BY name"


@pytest.fixture
def url():
    postgres.require_server()
    with postgres.shared_server().database() as url:
        open_hub(url, "").close()
        yield url


@pytest.fixture
def connection(url):
    with closing(connections.connect(url)) as connection:
        yield connection


@pytest.fixture
def database(url):
    member = Member(url, "http://127.0.0.1:1", StoreClock())
    assert member.take_over() is None
    database = open_hub(url, member.id)
    database.start(lambda _sites: None)
    yield database
    database.close()


@pytest.fixture
def ways(monkeypatch):
    """Count the ways of the writer to the server and back."""
    made, real = [], Session.wait

    def wait(session, *arguments, **named):
        if threading.current_thread().name == "writer":
            made.append(1)
        return real(session, *arguments, **named)

    monkeypatch.setattr(Session, "wait", wait)
    return made


# ---- a connection


@pytest.mark.slow
def test_statements_wait_until_a_result_is_asked_for(url, connection):
    with closing(connections.connect(url)) as other:
        for number in range(4):
            connection.gathers = True
            connection.execute(INSERT, (f"one {number}", "noted"))
            assert other.fetch(NAMES) == [(f"one {one}",) for one in range(number)]
            changed = connection.execute("UPDATE fact SET value = 'noted' WHERE name LIKE ?", ("ONE%",))
            assert changed.rowcount == number + 1
            assert other.fetch(NAMES) == [(f"one {one}",) for one in range(number + 1)]


def test_rows_come_one_by_one_or_all(connection):
    connection.executemany(INSERT, [(name, "noted") for name in "abc"])
    found = connection.execute(NAMES)
    assert found.fetchone() == ("a",)
    assert found.fetchall() == [("b",), ("c",)]
    assert found.fetchone() is None and found.rowcount == 3


def test_what_follows_an_error_is_left_out_and_the_connection_goes_on(connection):
    """Also for a statement that the server was about to prepare."""
    delete = "DELETE FROM fact WHERE name = ?"
    for _ in range(2):
        connection.execute("BEGIN")
        connection.gathers = True
        connection.executemany(INSERT, [("one", "noted"), ("one", "noted")])
        left_out = connection.execute(delete, ("one",))
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.fetch(NAMES)
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            assert left_out.rowcount
        connection.drop_waiting()
        assert connection.is_in_transaction
        connection.execute("ROLLBACK")
        assert connection.fetch(NAMES) == []
    connection.execute(INSERT, ("one", "noted"))
    assert connection.execute(delete, ("one",)).rowcount == 1


def test_many_large_statements_with_large_results_go_both_ways_at_once(connection):
    """More than both sides keep for the other: a side that only sends would wait for ever."""
    text = "x" * 20_000
    connection.gathers = True
    answers = [connection.execute(f"{INSERT} RETURNING value", (str(number), text)) for number in range(MOST + 1)]
    assert all(answer.fetchall() == [(text,)] for answer in answers)


def test_an_end_by_the_server_is_said_in_its_words(connection):
    connection.gathers = True
    connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError) as lost:
        connection.fetch("SELECT 2")
    assert lost.value.sqlstate in ("57P01", None) and not connection.is_usable
    with pytest.raises(psycopg.OperationalError):
        connection.fetch("SELECT 3")


def test_a_server_that_does_not_answer_in_time_leaves_no_answer_for_later(connection):
    connection.session.limit_s = 0.1
    with pytest.raises(TooSlow):
        connection.fetch("SELECT pg_sleep(5)")
    assert not connection.is_usable


def test_a_text_that_cannot_be_stored_is_refused_before_it_waits(connection):
    connection.gathers = True
    connection.execute(INSERT, ("one", "noted"))
    with pytest.raises(BadRequest, match="NUL"):
        connection.execute(INSERT, ("two\0", "noted"))
    assert connection.fetch(NAMES) == [("one",)]


# ---- the writer


def in_one_batch(database, acts):
    """Call each act in a thread of its own, while the writer is held; return when all have ended."""
    holds, goes_on = threading.Event(), threading.Event()

    def hold():
        holds.set()
        assert goes_on.wait(60)

    # After the commit: the server ends a transaction that pauses for two seconds.
    threads = [threading.Thread(target=database.write, args=(lambda transaction: transaction.after_commit(hold),))]
    threads[0].start()
    assert holds.wait(60)
    for number, act in enumerate(acts, 1):
        threads.append(threading.Thread(target=act))
        threads[-1].start()
        wait_for(lambda number=number: database._writer._waiting.qsize() == number)
    goes_on.set()
    for thread in threads:
        thread.join()


def note(transaction, name):
    transaction.execute(INSERT, (name, "noted"))
    return name


def twice(transaction, name):
    """Fails in the database, which says so when the statement is sent."""
    note(transaction, name)
    return note(transaction, name)


def refused(transaction, name):
    note(transaction, name)
    raise Refused("not now")


@pytest.mark.parametrize("bad", [twice, refused])
@pytest.mark.parametrize("place", [None, 0, 1, 2])
def test_a_request_that_fails_fails_alone(database, bad, place):
    """Alone, and in each place of a batch."""
    told, results = [], {}

    def verb(transaction, act, name):
        transaction.after_commit(told.append, name)
        return act(transaction, name)

    def write(act, name):
        try:
            results[name] = database.write(verb, act, name, patience_s=60)
        except (Refused, psycopg.Error) as error:
            results[name] = type(error)

    names = ["a", "b", "c"]
    bads = ["a"] if place is None else [names[place]]
    given = [(bad if name in bads else note, name) for name in (bads if place is None else names)]
    if place is None:
        write(*given[0])
    else:
        in_one_batch(database, [lambda one=one: write(*one) for one in given])
    good = [name for act, name in given if act is note]
    fault = psycopg.errors.UniqueViolation if bad is twice else Refused
    assert results == {**{name: name for name in good}, bads[0]: fault}
    assert told == good and database.fetch(NAMES) == [(name,) for name in good]
    assert database.trouble is None
    assert database.write(note, "after") == "after"


def test_the_ways_to_the_server(tmp_path, url, ways):
    folder = Folder(tmp_path / "data")
    folder.create()
    appliance = opened(folder, url)
    try:
        counted = {}

        def count(what, act):
            ways.clear()
            done = act()
            counted[what] = len(ways)
            return done

        count("new job", lambda: verbs.submit(appliance))
        [job] = count("hand-out", lambda: verbs.take(appliance))
        count("report", lambda: verbs.report(appliance, job, "STARTED"))
        count("end", lambda: verbs.report(appliance, job, "COMPLETE"))
        database = appliance.queue.database
        count("batch", lambda: in_one_batch(database, [lambda: verbs.submit(appliance)] * 8))
    finally:
        closed(appliance, folder)
    # The transaction before the batch takes two ways, the batch two and one for each new job.
    assert counted == {"new job": 3, "hand-out": 5, "report": 3, "end": 3, "batch": 12}
