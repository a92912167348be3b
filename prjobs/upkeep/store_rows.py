"""The rows of a whole store, out of a file and into one, and the same for a database on PostgreSQL.

Both engines have the same tables with the same columns. The tables of one engine alone, and the history of migrations,
stay where they are.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, NamedTuple, Protocol

from peewee import SqliteDatabase
from playhouse.migrations import Runner

from prjobs.store.joining import SECRET
from prjobs.store.numbers import FACT, KEYS, last_number
from prjobs.store.schema import MIGRATIONS
from prjobs.store.source import Row

NUMBER, TEXT = "int8", "text"
_HISTORY = "schema_migration"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
# What only a hub keeps there.
_OWN_FACTS = frozenset({"proved", SECRET})


class Table(NamedTuple):
    """A table of a store. `types` has NUMBER or TEXT for each column; `key` names the columns of the key."""

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def counter(self) -> str:
        """Return the column that the engine numbers; empty for none."""
        is_number = len(self.key) == 1 and self.types[self.columns.index(self.key[0])] == NUMBER
        return self.key[0] if is_number and self.name not in KEYS else ""

    @property
    def query(self) -> str:
        """Return the query for all rows, in the order of the key."""
        return f"SELECT {', '.join(self.columns)} FROM {self.name} ORDER BY {', '.join(self.key)}"


class Digest:
    """The number of rows of a table, and a hash of the rows."""

    def __init__(self) -> None:
        self.count = 0
        self._hash = hashlib.blake2b()

    def of(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows and count them."""
        for row in rows:
            self.count += 1
            self._hash.update(repr(tuple(row)).encode(errors="surrogatepass"))
            yield row

    @property
    def value(self) -> tuple[int, str]:
        """Return both, for a comparison."""
        return self.count, self._hash.hexdigest()


class Copy(Protocol):
    """A whole store, to read or to fill."""

    def fetch(self, sql: str, parameters: Any = ...) -> list[Row]:
        """Return all rows of a query."""
        ...

    def rows(self, table: Table) -> Iterator[Row]:
        """Yield all rows of the table in the order of the key."""
        ...

    def fill(self, table: Table, rows: Iterable[Row]) -> None:
        """Add the rows to the table."""
        ...

    def numbers(self, tables: list[Table]) -> dict[str, int]:
        """Return the highest number ever given in each table."""
        ...

    def set_numbers(self, tables: list[Table], numbers: dict[str, int]) -> None:
        """Give only higher numbers from now on."""
        ...


def tables_of(connection: sqlite3.Connection) -> list[Table]:
    """Return the tables of a store of this version."""
    names = [name for (name,) in connection.execute(_TABLES) if name != _HISTORY]
    return [_described(connection, name) for name in names]


def known_tables() -> list[Table]:
    """Return the tables of a store of this version, from the migrations alone."""
    database = SqliteDatabase(":memory:")
    try:
        Runner(database, str(MIGRATIONS)).up()
        return tables_of(database.connection())
    finally:
        database.close()


def _described(connection: sqlite3.Connection, name: str) -> Table:
    found = connection.execute(f"PRAGMA table_info({name})").fetchall()
    types = tuple(NUMBER if "INT" in type_ else TEXT for _, _, type_, *_ in found)
    keys = sorted((place, column) for _, column, *_, place in found if place)
    return Table(name, tuple(column for _, column, *_ in found), types, tuple(column for _, column in keys))


def carried(table: Table, rows: Iterable[Row], marks: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows that go along: facts without those of one engine alone, and without the marks."""
    if table.name != "fact":
        yield from rows
        return
    yield from (row for row in rows if row[0] not in _OWN_FACTS and row[0] not in marks)


def _note_number(copy: Any, table: str, number: int) -> None:
    """Keep the highest number as a fact where the newest row does not show the number."""
    if number > last_number(copy.fetch, table):
        copy.connection.execute("DELETE FROM fact WHERE name = ?", (f"{FACT}{table}",))
        copy.connection.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (f"{FACT}{table}", str(number)))


class FileCopy:
    """A store in a file."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def fetch(self, sql: str, parameters: Any = ()) -> list[Row]:
        """Return all rows of a query. Raise sqlite3.Error."""
        return self.connection.execute(sql, parameters).fetchall()

    def rows(self, table: Table) -> Iterator[Row]:
        """Yield all rows of the table in the order of the key. Raise sqlite3.Error."""
        yield from self.connection.execute(table.query)

    def fill(self, table: Table, rows: Iterable[Row]) -> None:
        """Add the rows to the table. Raise sqlite3.Error."""
        marks = ", ".join("?" * len(table.columns))
        self.connection.executemany(
            f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})", map(tuple, rows)
        )

    def numbers(self, tables: list[Table]) -> dict[str, int]:
        """Return the highest number ever given in each table. Raise sqlite3.Error."""
        counted: dict[str, int] = dict(self.fetch("SELECT name, seq FROM sqlite_sequence"))
        given = {table.name: counted.get(table.name, 0) for table in tables if table.counter}
        return given | {name: max(counted.get(name, 0), last_number(self.fetch, name)) for name in KEYS}

    def set_numbers(self, tables: list[Table], numbers: dict[str, int]) -> None:
        """Give only higher numbers from now on. Raise sqlite3.Error."""
        for table in tables:
            number = numbers.get(table.name, 0)
            if number and table.name in KEYS:
                _note_number(self, table.name, number)
            if number:
                # Older versions look here for the numbers of jobs, changes and hand-outs too.
                self.connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
                self.connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table.name, number))


class DatabaseCopy:
    """A store in a database on PostgreSQL, in an open transaction of `connection`: a PostgresConnection."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def fetch(self, sql: str, parameters: Any = ()) -> list[Row]:
        """Return all rows of a query. Raise PostgresError."""
        found: list[Row] = self.connection.fetch(sql, parameters)
        return found

    def rows(self, table: Table) -> Iterator[Row]:
        """Yield all rows of the table in the order of the key. Raise PostgresError."""
        with closing(self.connection.session.cursor()) as cursor, cursor.copy(f"COPY ({table.query}) TO STDOUT") as out:
            out.set_types(table.types)
            yield from out.rows()

    def fill(self, table: Table, rows: Iterable[Row]) -> None:
        """Add the rows to the table. Raise PostgresError."""
        sql = f"COPY {table.name} ({', '.join(table.columns)}) FROM STDIN"
        with closing(self.connection.session.cursor()) as cursor, cursor.copy(sql) as into:
            for row in rows:
                into.write_row(row)

    def numbers(self, tables: list[Table]) -> dict[str, int]:
        """Return the highest number ever given in each table. Raise PostgresError."""
        given = {name: last_number(self.fetch, name) for name in KEYS}
        for table in tables:
            if table.counter:
                (sequence,) = self.fetch("SELECT pg_get_serial_sequence(?, ?)", (table.name, table.counter))[0]
                last, is_called = self.fetch(f"SELECT last_value, is_called FROM {sequence}")[0]
                given[table.name] = last if is_called else last - 1
        given["audit"] = max(given["audit"], self.fetch("SELECT last_audit FROM door WHERE id = 1")[0][0])
        return given

    def set_numbers(self, tables: list[Table], numbers: dict[str, int]) -> None:
        """Give only higher numbers from now on. Raise PostgresError."""
        for table in tables:
            number = numbers.get(table.name, 0)
            if number and table.counter:
                # `setval` would outlast a transaction that is rolled back.
                restart = f"ALTER TABLE {table.name} ALTER COLUMN {table.counter} RESTART WITH {number + 1}"
                self.connection.session.execute(restart)
            elif number and table.name in KEYS:
                _note_number(self, table.name, number)

    def empty(self, tables: list[Table], last_audit: int) -> None:
        """Remove all rows, and note the highest number of the audit. Raise PostgresError.

        Noted after the rows were added, the number would be written once for each row.
        """
        session = self.connection.session
        session.execute("ALTER TABLE audit DISABLE TRIGGER audit_kept_whole")
        session.execute(f"TRUNCATE {', '.join(table.name for table in tables)}")
        session.execute("ALTER TABLE audit ENABLE TRIGGER audit_kept_whole")
        self.connection.execute("UPDATE door SET last_audit = ? WHERE id = 1", (last_audit,))
