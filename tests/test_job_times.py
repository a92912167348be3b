"""When a job was picked up, began and ended: kept with its status, and filled in for stores of versions before."""

import json
import sqlite3
from contextlib import closing

import pytest
from peewee import SqliteDatabase
from playhouse.migrations import Runner

from prjobs.base.folder import Folder
from prjobs.jobs import expiry, leases, lookup, withdrawals
from prjobs.monitor.views import view_job
from prjobs.opening import close_appliance
from prjobs.store import schema
from prjobs.upkeep import doctor
from prjobs.upkeep.findings import NOTE, OK
from prjobs.upkeep.inspection import older_migrations
from tests import stores
from tests.older import upgrade
from tests.program import Program
from tests.verbs import USER, report, take

TIMES = ("picked_up_ms", "started_ms", "ended_ms")


@pytest.fixture
def times(appliance, clock):
    """The times of a job as its view has them, in seconds since the test began; None stays None."""
    begun_ms = clock.wall_ms

    def times(job):
        seen = view_job(lookup.find_job(appliance.queue.database, job.ulid))
        found = [getattr(seen, name) for name in TIMES]
        return tuple(None if time_ms is None else (time_ms - begun_ms) / 1000 for time_ms in found)

    return times


def test_it_works(appliance, submit, clock, times):
    job = submit()
    assert times(job) == (None, None, None)
    clock.advance(1)
    take(appliance)
    assert times(job) == (1, None, None)
    clock.advance(1)
    report(appliance, job, "STARTED")
    assert times(job) == (1, 2, None)
    clock.advance(1)
    report(appliance, job, "EXPOSING")
    assert times(job) == (1, 2, None)
    clock.advance(1)
    report(appliance, job, "COMPLETE")
    assert times(job) == (1, 2, 4)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["STARTED"], (None, 0, None)),
        (["complete", "COMPLETED"], (None, None, 0)),
        (["COMPLETE", "FAILED"], (None, None, 1)),
        (["FAILED", "aborted"], (None, None, 0)),
        (["COMPLETE", "STARTED"], (None, 1, None)),
        (["COMPLETE", "RECEIVED", "COMPLETE"], (1, None, 2)),
        (["RECEIVED", "STARTED", "RECEIVED"], (0, 1, None)),
        (["RECEIVED", "STARTED", "UNREAD"], (None, None, None)),
        (["RECEIVED", "STARTED", "UNREAD", "Exposing"], (None, 3, None)),
    ],
)
def test_words_in_any_order(appliance, submit, clock, times, words, expected):
    job = submit()
    for word in words:
        report(appliance, job, word)
        clock.advance(1)
    assert times(job) == expected


def test_the_alternate_queue_has_no_part_in_it(appliance, submit, times):
    job = submit()
    take(appliance, alternate=True)
    report(appliance, job, "COMPLETE", alternate=True)
    assert times(job) == (None, None, None)


def test_withdrawn_expired_and_leased(appliance, submit, clock, times):
    cancelled, expired = submit(), submit()
    withdrawals.cancel_job(appliance.queue, cancelled.ulid, USER)
    leased = submit(action="park")
    clock.advance(2)
    take(appliance, device="mount", lease_s=5)
    clock.advance(10)
    assert times(leased) == times(expired) == (2, None, None)
    assert leases.return_once(appliance.queue) == 2
    assert times(leased) == (None, None, None)
    clock.advance(700)
    assert expiry.expire_once(appliance.queue) == 2  # in both queues
    assert (times(cancelled), times(expired)) == ((None, None, 0), (None, None, 712))


def test_a_poll_with_jobs_reads_nothing_more(appliance, submit):
    """The times are set where the status is: one update a job."""
    seen = []
    submit()

    appliance.queue.database.write(stores.trace, seen.append)
    take(appliance)
    updates = [sql for sql in seen if sql.startswith("UPDATE job SET status")]
    assert len(updates) == 1 and "picked_up_ms" in updates[0]


# ---- a store of the version before


def make_old_store(folder: Folder, path, tmp_path):
    """A store as 0004 left it, with the jobs and the log of the open one."""
    older = tmp_path / "migrations"
    older.mkdir()
    for migration in schema.MIGRATIONS.glob("000[1-4]*.py"):
        (older / migration.name).write_bytes(migration.read_bytes())
    old = SqliteDatabase(str(path))
    Runner(old, str(older)).up()
    old.execute_sql("ATTACH DATABASE ? AS now", (str(folder.database),))
    for table in ("job", "change"):
        columns = ", ".join(column.name for column in old.get_columns(table))
        old.execute_sql(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM now.{table}")
    old.execute_sql("INSERT INTO fact VALUES ('ack:silent/saf/1', '{}'), ('welcomed', 'yes')")
    old.close()


@pytest.mark.sqlite("a file of an older version")
def test_an_older_store_gets_what_it_would_have(appliance, folder, submit, clock, tmp_path):
    sent = [submit(action=action) for action in ("go", "park", "close", "go", "go", "go", "go", "go")]
    clock.advance(1)
    withdrawals.cancel_job(appliance.queue, sent[0].ulid, USER)
    take(appliance, lease_s=5)
    clock.advance(1)
    for job, words in zip(
        sent[1:],
        (["STARTED", "Exposing", "COMPLETE", "complete"], [], ["failed"], ["UNREAD", "STARTED"], ["RECEIVED"]),
        strict=False,
    ):
        for word in words:
            report(appliance, job, word)
            clock.advance(1)
    clock.advance(10)
    assert leases.return_once(appliance.queue) == 4
    clock.advance(700)
    expiry.expire_once(appliance.queue)
    submit()
    report(appliance, submit(), "COMPLETE", alternate=True)
    wanted = appliance.queue.database.fetch(f"SELECT seq, status, {', '.join(TIMES)} FROM job ORDER BY seq")
    assert len({row[2:] for row in wanted}) >= 6

    old = Folder(tmp_path / "old")
    old.create()
    make_old_store(folder, old.database, tmp_path)
    with closing(sqlite3.connect(old.database)) as connection:
        every = sorted(path.stem for path in schema.MIGRATIONS.glob("0*.py"))
        assert older_migrations(connection) == every[4:]
    opened, _ = upgrade(old, clock)
    try:
        found = opened.queue.database.fetch(f"SELECT seq, status, {', '.join(TIMES)} FROM job ORDER BY seq")
        assert found == wanted
        assert opened.queue.database.fetch("SELECT name FROM fact WHERE name LIKE 'ack:%' OR name = 'welcomed'") == [
            ("welcomed",)
        ]
        assert opened.queue.database.fetch("SELECT * FROM alarm") == []
    finally:
        close_appliance(opened, old)


@pytest.mark.slow
@pytest.mark.sqlite("a file of an older version")
def test_what_only_looks_at_an_older_store(appliance, folder, submit, clock, tmp_path):
    submit()
    older = Program(tmp_path / "older")
    Folder(older.data).create()
    make_old_store(folder, Folder(older.data).database, tmp_path)
    for words in (["night"], ["jobs"]):
        refused = older.run(*words)
        assert refused.returncode == 1, words
        assert "is of an older version; the next start brings it up to date." in refused.stderr
    findings = doctor.examine(Folder(older.data), clock, deep=True)
    said = {finding.check: finding for finding in findings}
    assert said["schema"].level == NOTE and said["store"].level == OK
    assert (said["jobs"].level, said["jobs"].sentence) == (OK, "No job is damaged: 1 checked.")
    assert older.serve()
    assert older.stop()[0] == 0
    assert json.loads(older.run("night", "2023-11-14", "--json").stdout)["total"] == 1
