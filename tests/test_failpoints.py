"""The process dies at a named point of the house: in the middle of a migration, or when a backup just got its name."""

import os
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing

import pytest
from peewee import SqliteDatabase
from playhouse.migrations import Runner

from prjobs.base.folder import Folder
from prjobs.opening import close_appliance
from prjobs.store.schema import MIGRATIONS, open_database
from tests.older import upgrade
from tests.program import KILLED

OLDEST = "0001_first"
JOBS = 40


def migrate(path, target=None):
    """Bring a file to the schema of this migration, or to the newest."""
    database = SqliteDatabase(str(path))
    Runner(database, str(MIGRATIONS)).up(target)
    database.close()


def look(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def schema(path):
    return sorted(look(path, "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"))


def applied(path):
    return [name for (name,) in look(path, "SELECT name FROM schema_migration ORDER BY name")]


@pytest.fixture
def old(tmp_path):
    """A folder whose store is of the first version, with jobs that were handed out and reported on."""
    folder = Folder(tmp_path / "data")
    folder.create()
    migrate(folder.database, OLDEST)
    with closing(sqlite3.connect(folder.database)) as connection, connection:
        for number in range(1, JOBS + 1):
            ulid = f"01HF7YAT00{number:016d}"
            connection.execute(
                "INSERT INTO job (ulid, site, created_ms, device, instance, action, command_class, user_id, user_name, "
                "user_roles, required_params, optional_params, status, alternate_status, changed_ms, origin, attempts, "
                "checksum) VALUES (?, 'saf', 1700000000000, 'mount', 'm', 'go', 'motion', 'u', 'U', '[]', '{}', '{}', "
                "'COMPLETE', 'CANCELLED', 1700000000000, 'local', 1, ?)",
                (ulid, zlib.crc32("\0".join((ulid, "saf", "mount", "m", "go", "{}", "{}")).encode())),
            )
            for time_ms, status in enumerate(("UNREAD", "RECEIVED", "STARTED", "COMPLETE")):
                connection.execute(
                    "INSERT INTO change (job_seq, site, queue, status, time_ms, who, note) "
                    "VALUES (?, 'saf', 'primary', ?, ?, 'u', '')",
                    (number, status, 1_700_000_000_000 + time_ms),
                )
    return folder


def contents(path):
    """What the oldest version stored."""
    return [
        look(path, "SELECT seq, ulid, site, status, alternate_status, user_id FROM job ORDER BY seq"),
        look(path, "SELECT seq, job_seq, queue, status, time_ms FROM change ORDER BY seq"),
    ]


def opened_with(folder, plan):
    """Another process opens the folder's store and dies where the plan says; its exit code."""
    code = (
        "import os, sys, pathlib; from prjobs.store.schema import open_database; "
        "from prjobs.base.failpoints import planned; failpoints = planned(os.environ, '127.0.0.1'); "
        "open_database(pathlib.Path(sys.argv[1]), failpoints=failpoints)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, str(folder.database)], env={**os.environ, "PRJOBS_FAIL": plan}, check=False
    ).returncode


def statements(tmp_path):
    """How many statements all later migrations are, counted as the product counts them."""

    class Counting:
        passed = 0

        def passing(self, _name):
            self.passed += 1

    path, counting = tmp_path / "counted.sqlite3", Counting()
    migrate(path, OLDEST)
    open_database(path, failpoints=counting).close()
    return counting.passed


@pytest.mark.slow
def test_in_the_middle_of_a_migration_nothing_is_half_done(old, tmp_path):
    count, before = statements(tmp_path), contents(old.database)
    assert count > 20
    states = set()
    for passes in (1, count // 4, count // 2, 3 * count // 4, count - 1):
        work = Folder(tmp_path / f"work{passes}")
        work.create()
        work.database.write_bytes(old.database.read_bytes())
        assert opened_with(work, f"migrate_middle:{passes}") == KILLED
        # Whole migrations stand there and no part of another one.
        done = applied(work.database)
        reference = tmp_path / f"reference{passes}.sqlite3"
        migrate(reference, done[-1])
        assert schema(work.database) == schema(reference) and contents(work.database) == before
        states.add(done[-1])
        appliance, start = upgrade(work)
        assert start.waiting == 0
        close_appliance(appliance, work)
        fresh = tmp_path / f"fresh{passes}.sqlite3"
        migrate(fresh)
        assert schema(work.database) == schema(fresh) and contents(work.database) == before
    assert len(states) > 2


@pytest.mark.slow
def test_the_real_program_dies_there_and_the_next_start_goes_on(program, tmp_path, old):
    program.data = old.path
    before = contents(old.database)
    with pytest.raises(AssertionError, match=str(KILLED)):
        program.serve(env={**os.environ, "PRJOBS_FAIL": "migrate_middle:15"})
    program.process = None
    program.serve()
    assert contents(old.database) == before
    listed = program.post("getrecentjobs", {"site": "saf", "timeRange": 10**12}).json()
    assert len(listed) == JOBS and {job["statusId"].partition("#")[0] for job in listed} == {"COMPLETE"}
    assert program.run("doctor", "--deep").returncode == 0


@pytest.mark.slow
def test_a_backup_whose_maker_died_is_whole_and_the_store_is_untouched(program, tmp_path):
    program.serve()
    token = program.token()
    sent = [program.new_job(token)["ulid"] for _ in range(5)]
    target = tmp_path / "copy.sqlite3"
    died = program.run("backup", str(target), env={**os.environ, "PRJOBS_FAIL": "backup_after_rename:1"})
    assert died.returncode == KILLED and died.stdout == ""
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("copy")] == [target.name]
    assert look(target, "PRAGMA integrity_check") == [("ok",)]
    assert [ulid for (ulid,) in look(target, "SELECT ulid FROM job ORDER BY seq")] == sent
    # The server goes on, and the next backup needs another name.
    sent.append(program.new_job(token)["ulid"])
    again = program.run("backup", str(target))
    assert again.returncode == 1 and "exists already" in again.stderr
    assert program.run("backup", str(tmp_path / "second.sqlite3")).returncode == 0
    program.kill()
    restored = program.run("restore", str(target))
    assert restored.returncode == 0, restored.stderr
    program.serve()
    listed = program.post("getrecentjobs", {"site": "saf", "timeRange": 10**12}).json()
    assert [job["ulid"] for job in listed] == sent[:5]


def test_both_are_refused_where_others_can_reach_the_server(program):
    done = program.run("serve", "--host", "0.0.0.0", env={**os.environ, "PRJOBS_FAIL": "migrate_middle:1"})
    assert done.returncode == 1 and "set host to 127.0.0.1" in done.stderr
