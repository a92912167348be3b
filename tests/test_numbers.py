"""Numbers of jobs, changes and hand-outs are given once, also by stores that kept them in a table of SQLite's."""

import sqlite3
from contextlib import closing

import pytest
from peewee import SqliteDatabase
from playhouse.migrations import Runner

from prjobs.opening import close_appliance
from prjobs.store import schema
from prjobs.store.numbers import KEYS, last_number, lost_numbers, raise_numbers
from prjobs.store.schema import open_database
from prjobs.store.sqlite import SqliteEngine
from tests.older import upgrade
from tests.verbs import report, submit, take

BEFORE = "0010_removed_sites"
ROWS = """
INSERT INTO job (ulid, site, created_ms, device, instance, action, command_class, user_id, user_name, user_roles,
    required_params, optional_params, status, alternate_status, changed_ms, origin, attempts, checksum)
    VALUES ('01HF7YAT000000000000000001', 'saf', 1, 'mount', 'm', 'go', 'motion', 'u', 'U', '[]', '{}', '{}',
    'COMPLETE', 'CANCELLED', 1, 'local', 1, 0);
INSERT INTO change (job_seq, site, queue, status, time_ms, who, note) VALUES (1, 'saf', 'primary', 'UNREAD', 1, '', '');
UPDATE sqlite_sequence SET seq = 40 WHERE name = 'job';
UPDATE sqlite_sequence SET seq = 160 WHERE name = 'change';
"""


@pytest.fixture
def old(folder):
    """A folder with a store from before the change, whose newest rows were removed."""
    database = SqliteDatabase(str(folder.database))
    Runner(database, str(schema.MIGRATIONS)).up(BEFORE)
    database.close()
    with closing(sqlite3.connect(folder.database)) as connection:
        connection.executescript(ROWS)
    return folder


def look(path, sql):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_an_old_store_goes_on_after_its_last_numbers(old, clock):
    appliance, _ = upgrade(old, clock)
    job = submit(appliance)
    assert job.seq == 41
    assert last_number(appliance.queue.database.fetch, "change") == 161
    close_appliance(appliance, old)


def test_no_write_touches_the_table_of_numbers(old):
    open_database(old.database).close()
    counted = look(old.database, "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")
    assert not {name for (name,) in counted} & KEYS.keys()
    assert not {name for (name,) in look(old.database, "SELECT name FROM sqlite_sequence")} & KEYS.keys()
    assert look(old.database, "PRAGMA integrity_check") == [("ok",)]
    assert [row[1] for row in look(old.database, "PRAGMA table_info(job)")][:3] == ["seq", "ulid", "site"]


def test_a_build_of_sqlite_that_forbids_the_change_keeps_the_tables_and_works(old, clock, monkeypatch):
    class Strict(schema._Migrated):
        def execute_sql(self, sql, *arguments, **named):
            if sql.startswith("PRAGMA writable_schema = ON"):
                return super().execute_sql("SELECT 1")
            return super().execute_sql(sql, *arguments, **named)

    monkeypatch.setattr(schema, "_Migrated", Strict)
    appliance, _ = upgrade(old, clock)
    assert look(old.database, "SELECT count(*) FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")[0][0] >= len(KEYS)
    assert submit(appliance).seq == 41
    close_appliance(appliance, old)


def test_the_number_of_a_removed_row_is_not_given_again(appliance, submit):
    job = submit()
    take(appliance)
    report(appliance, job, "COMPLETE")
    before = {table: last_number(appliance.queue.database.fetch, table) for table in KEYS}

    def remove(transaction):
        raise_numbers(transaction, {})
        for table in KEYS:
            transaction.execute(f"DELETE FROM {table}")

    appliance.queue.database.write(remove)
    again = submit()
    take(appliance)
    assert again.seq == before["job"] + 1
    for table, key in KEYS.items():
        newest = appliance.queue.database.fetch(f"SELECT min({key}) FROM {table}")
        assert newest == [(before[table] + 1,)]


def test_the_writer_starts_where_the_numbers_cannot_be_read(tmp_path):
    engine = SqliteEngine(tmp_path / "empty.sqlite3")
    with closing(engine.connect()) as connection:
        assert lost_numbers(connection, engine.errors) == set(KEYS)
