"""Reads that are kept until the next commit: nobody who got an answer reads what was before it."""

import json
import sqlite3
import threading

import pytest
import requests

from prjobs.monitor import views
from prjobs.store.schema import open_database
from tests import verbs
from tests.verbs import make_token

JOB = {
    "site": "saf",
    "device": "mount",
    "instance": "mount1",
    "action": "stop",
    "user_name": "Alice",
    "user_id": "auth0|alice",
    "required_params": {},
    "optional_params": {},
}
COUNT = "SELECT count(*) FROM fact"


def insert(transaction, name):
    transaction.execute("INSERT INTO fact (name, value) VALUES (?, '')", (name,))


@pytest.fixture
def database(tmp_path):
    database = open_database(tmp_path / "store.sqlite3")
    database.start(lambda _sites: None)
    yield database
    database.close()


@pytest.fixture
def reads(database, monkeypatch):
    """The queries that were really asked."""
    asked, fetch = [], database.fetch
    monkeypatch.setattr(database, "fetch", lambda sql, parameters=(): asked.append(sql) or fetch(sql, parameters))
    return asked


def test_a_read_is_kept_until_the_next_commit(database, reads):
    before = database.fetch_kept(COUNT)[0][0]
    assert database.fetch_kept(COUNT) == [(before,)] and len(reads) == 1
    database.write(insert, "one")
    assert database.fetch_kept(COUNT) == [(before + 1,)] and len(reads) == 2
    database.write(lambda _transaction: None)
    database.fetch_kept(COUNT)
    assert len(reads) == 3


def test_other_values_are_another_read(database):
    sql = "SELECT ?"
    assert [database.fetch_kept(sql, (value,)) for value in ("a", "b", "a")] == [[("a",)], [("b",)], [("a",)]]


def test_a_step_after_the_commit_reads_what_was_committed(database):
    found = []
    before = database.fetch_kept(COUNT)[0][0]

    def verb(transaction):
        insert(transaction, "one")
        transaction.after_commit(lambda: found.append(database.fetch_kept(COUNT)[0][0]))

    database.write(verb)
    assert found == [before + 1]


def test_nothing_is_kept_while_the_store_is_in_trouble(database, reads):
    database.fetch_kept(COUNT)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    database.condition.note(error)
    for _ in range(3):
        database.fetch_kept(COUNT)
    assert len(reads) == 4
    # What was read in trouble may be what a failed COMMIT left in the log.
    database.condition.prove(database.engine.connect())
    database.fetch_kept(COUNT)
    assert len(reads) == 5


def test_another_file_in_the_place_of_the_store_ends_what_was_kept(database, reads):
    database.fetch_kept(COUNT)
    database.lose("The file is gone.")
    with pytest.raises(Exception, match="gone"):
        database.fetch_kept(COUNT)
    database.find()
    database.fetch_kept(COUNT)
    assert len(reads) == 3


def test_the_memory_of_kept_reads_is_bounded(database):
    for number in range(3000):
        database.fetch_kept("SELECT ?", (number,))
    assert len(database._kept[1]) <= 1000


def test_a_caller_with_an_answer_reads_its_own_write_and_all_before(database):
    """Four threads write and read at the same time: a read that is older than an answered write is a lost job."""
    older, start = [], threading.Barrier(4)

    def run(name):
        start.wait()
        before = 0
        for number in range(200):
            database.write(insert, f"{name}.{number}")
            own = "SELECT 1 FROM fact WHERE name = ?"
            count = database.fetch_kept(COUNT)[0][0]
            if not database.fetch_kept(own, (f"{name}.{number}",)) or count <= before:
                older.append((name, number, count, before))
            database.fetch_kept(own, (f"{name}.{number + 1}",))
            before = count

    threads = [threading.Thread(target=run, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert older == []


@pytest.mark.slow
def test_a_poll_after_an_answered_stop_always_gets_the_stop(server):
    """Others poll for the site and its neighbour all the time, so that there is always a kept 'nothing waits'."""
    headers, over = {"Authorization": f"Bearer {make_token(server.appliance, 'auth0|alice')}"}, threading.Event()
    missing = []

    def poll(session, site, queue=False):
        asked = json.dumps({"site": site, "alternateQueue": queue})
        return session.post(f"{server.url}/getnewjobs", data=asked, timeout=60).json()

    def hammer():
        with requests.Session() as session:
            while not over.is_set():
                poll(session, "saf")
                poll(session, "tst")

    threads = [threading.Thread(target=hammer) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        with requests.Session() as session:
            for _ in range(60):
                made = session.post(f"{server.url}/newjob", data=json.dumps(JOB), headers=headers, timeout=60).json()
                # Nobody else asks for the alternate queue.
                if made["ulid"] not in [job["ulid"] for job in poll(session, "saf", queue=True)]:
                    missing.append(made["ulid"])
                poll(session, "saf", queue=True)
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    assert missing == []


def test_pages_that_wait_for_the_same_change_share_the_answer_and_others_do_not(server, monkeypatch):
    views_made, view = [], views.view_change
    monkeypatch.setattr(views, "view_change", lambda change: views_made.append(change.seq) or view(change))
    for site in ("saf", "tst"):
        verbs.submit(server.appliance, site=site)

    def changes(token=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = requests.get(f"{server.url}/api/changes?since=0&site=tst", headers=headers, timeout=60)
        return answer.status_code, answer.json()

    def all_changes():
        return requests.get(f"{server.url}/api/changes?since=0", timeout=60).json()["changes"]

    made = [all_changes() for _ in range(5)]
    assert [change["job"]["site"] for change in made[0]] == ["saf", "tst"] and made == [made[0]] * 5
    assert len(views_made) == 2
    status, found = changes()
    assert (status, [change["job"]["site"] for change in found["changes"]]) == (200, ["tst"])
    verbs.submit(server.appliance, site="saf")
    assert len(all_changes()) == 3


def test_a_reader_of_one_site_gets_no_answer_that_was_made_for_all(make_server):
    server = make_server(observatory_access="token")
    for site in ("saf", "tst"):
        verbs.submit(server.appliance, site=site)
    everywhere = make_token(server.appliance, "auth0|alice", "admin")
    one = make_token(server.appliance, "auth0|bob", "owner", sites=("tst",))

    def ask(path, token):
        return requests.get(f"{server.url}{path}", headers={"Authorization": f"Bearer {token}"}, timeout=60).json()

    for path, name in (("/api/changes?since=0", "changes"), ("/api/now", "sites")):
        found = {token: ask(path, token)[name] for token in (everywhere, one)}
        sites = {token: [each.get("job", each)["site"] for each in found[token]] for token in found}
        assert sites == {everywhere: ["saf", "tst"], one: ["tst"]}
