"""Both engines have one schema. How a new migration reaches PostgreSQL:

A migration after 0016 is one file for both engines. `up` writes each statement as
`db.execute_sql(spelled("CREATE TABLE one (id {key}, count {int} NOT NULL, name {text})", db))`, with
`prjobs.store.dialect.spelled`, and uses nothing that only one of them knows. `postgresql.sql` stays at 0016: a new
database gets that file first, then the later migrations. A migration that leaves one engine out fails here.
"""

import importlib
import sqlite3
from pathlib import Path

import pytest

from prjobs.store.schema import MIGRATIONS, open_database
from tests.postgres import driver

psycopg = driver()
open_hub = importlib.import_module("prjobs.store.hub").open_hub

# What one engine has and the other does not: see HUB.md 3 and 5, and the comments in the file.
ONLY_POSTGRESQL = {"door", "member"}
LEFT_OUT_ON_SQLITE = {"job_expires"}


@pytest.fixture(scope="module")
def ours(postgres_server):
    """A new database as a hub makes one; the tests leave the tables as they are."""
    with postgres_server.database() as url:
        open_hub(url, "test")
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection


@pytest.fixture
def file(tmp_path: Path):
    open_database(tmp_path / "prjobs.sqlite3")
    connection = sqlite3.connect(tmp_path / "prjobs.sqlite3")
    yield connection
    connection.close()


def tables(file: sqlite3.Connection) -> list[str]:
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return sorted(name for (name,) in file.execute(sql))


# Columns in the order of the tables: name, type, may be NULL, default, place in the key.
def columns_of_file(file: sqlite3.Connection, table: str) -> list[tuple]:
    found = []
    for _, name, type_, not_null, default, place in file.execute(f'PRAGMA table_info("{table}")'):
        kind = {"INTEGER": "bigint", "SMALLINT": "bigint", "BIGINT": "bigint", "DATETIME": "timestamp"}.get(
            type_, "text"
        )
        found.append((name, kind, not not_null and not place, default, place))
    return found


COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
       coalesce(array_position(k.conkey, a.attnum), 0), a.attidentity, c.collname
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_constraint k ON k.conrelid = a.attrelid AND k.contype = 'p'
LEFT JOIN pg_collation c ON c.oid = a.attcollation
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""


def columns_of(ours, table: str) -> list[tuple]:
    found = []
    for name, type_, nullable, default, place, _, _ in ours.execute(COLUMNS, (table,)):
        plain = default and default.removesuffix("::text")
        found.append((name, type_.removesuffix(" without time zone"), nullable, plain, place))
    return found


def test_both_have_the_same_tables(ours, file):
    found = ours.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert sorted(name for (name,) in found if name not in ONLY_POSTGRESQL) == tables(file)


def test_both_have_the_same_columns_defaults_and_keys(ours, file):
    for table in tables(file):
        assert (table, columns_of(ours, table)) == (table, columns_of_file(file, table))


def test_texts_sort_by_their_bytes_and_whole_numbers_have_64_bits(ours, file):
    for table in [*tables(file), *ONLY_POSTGRESQL]:
        for name, type_, *_, collation in ours.execute(COLUMNS, (table,)).fetchall():
            allowed = {("text", "C"), ("bigint", None)}
            assert (type_, collation) in allowed or (table, name) == ("schema_migration", "applied"), (table, name)


def test_keys_are_given_by_the_program_or_by_an_identity(ours, file):
    """The numbers of jobs, changes and hand-outs come from the program; those of other tables from an identity."""
    for table in tables(file):
        keys = [row for row in ours.execute(COLUMNS, (table,)) if row[4]]
        counted = len(keys) == 1 and keys[0][1] == "bigint" and table not in {"job", "change", "handout"}
        assert {row[5] for row in keys} <= ({"d"} if counted else {""}), table


def uniques(file: sqlite3.Connection, table: str) -> set[tuple[str, ...]]:
    """Return the columns of the UNIQUE constraints, which have no names of ours."""
    made = [name for _, name, _, origin, _ in file.execute(f'PRAGMA index_list("{table}")') if origin == "u"]
    return {tuple(column for _, _, column in file.execute(f'PRAGMA index_info("{name}")')) for name in made}


UNIQUES = """
SELECT array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS at (num, place)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = at.num ORDER BY at.place)
FROM pg_constraint k WHERE k.conrelid = %s::regclass AND k.contype = 'u'"""


def test_both_have_the_same_unique_columns(ours, file):
    for table in tables(file):
        found = {tuple(names) for (names,) in ours.execute(UNIQUES, (table,))}
        assert (table, found) == (table, uniques(file, table))


def indexes(ours, schema: str) -> dict[str, str]:
    """Return the texts of the indexes that no constraint made."""
    sql = """SELECT i.relname, pg_get_indexdef(i.oid) FROM pg_class i JOIN pg_index x ON x.indexrelid = i.oid
        WHERE i.relnamespace = %s::regnamespace
        AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.oid)"""
    return {name: text.replace(f" {schema}.", " ") for name, text in ours.execute(sql, (schema,))}


def test_both_have_the_same_indexes_under_the_same_names(ours, file):
    """The statements of SQLite are run in a second schema: PostgreSQL says itself whether they mean the same."""
    expected = indexes(ours, "public")
    assert expected.keys() >= LEFT_OUT_ON_SQLITE
    ours.execute("CREATE SCHEMA other")
    for table in tables(file):
        ours.execute(f'CREATE TABLE other."{table}" (LIKE public."{table}")')
    ours.execute("SET search_path = other")
    for (sql,) in file.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"):
        ours.execute(sql)
    ours.execute("RESET search_path")
    assert indexes(ours, "other") == {k: v for k, v in expected.items() if k not in LEFT_OUT_ON_SQLITE}


def test_the_same_migrations_count_as_applied(ours, file):
    sql = "SELECT name FROM schema_migration ORDER BY id"
    assert ours.execute(sql).fetchall() == file.execute(sql).fetchall()


@pytest.mark.parametrize("act", ["UPDATE audit SET who = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_rows_of_the_audit_are_neither_changed_nor_removed(ours, act):
    ours.execute(
        "INSERT INTO audit (time_ms, who, what, target, where_from, detail, previous, hash) "
        "VALUES (1, 'a', 'b', 'c', 'd', 'e', 'f', 'g')"
    )
    with pytest.raises(psycopg.errors.IntegrityError, match="rows of the audit are never"):
        ours.execute(act)


def test_there_is_one_door(ours):
    assert ours.execute("SELECT id, epoch, holder, last_ulid FROM door").fetchall() == [(1, 0, "", "")]
    with pytest.raises(psycopg.errors.IntegrityError):
        ours.execute("INSERT INTO door (id) VALUES (2)")


@pytest.fixture
def newer(tmp_path: Path, monkeypatch):
    """A copy of the migrations with a further one, which both engines run."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for path in [*MIGRATIONS.glob("[0-9]*.py"), MIGRATIONS / "postgresql.sql"]:
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "9999_further.py").write_text(
        "from prjobs.store.dialect import spelled\n\n\ndef up(migrator, db):\n"
        "    db.execute_sql(spelled('CREATE TABLE further (id {key}, count {int} NOT NULL, name {text})', db))\n"
        "    db.execute_sql('CREATE INDEX further_name ON further (name)')\n"
    )
    for module in ("prjobs.store.hub", "prjobs.store.schema"):
        monkeypatch.setattr(f"{module}.MIGRATIONS", folder)
    return folder


def test_a_further_migration_reaches_both(newer, postgres_url, tmp_path):
    open_hub(postgres_url, "test")
    open_database(tmp_path / "prjobs.sqlite3")
    file = sqlite3.connect(tmp_path / "prjobs.sqlite3")
    with psycopg.connect(postgres_url, autocommit=True) as ours:
        applied = [name for (name,) in ours.execute("SELECT name FROM schema_migration ORDER BY id")]
        assert applied[-1] == "9999_further"
        assert columns_of(ours, "further") == columns_of_file(file, "further")
    file.close()
