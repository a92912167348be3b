"""A store with rows in every table, and the contents of a store on either engine, for comparisons."""

import itertools
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from prjobs.base.clock import Clock
from prjobs.base.failpoints import Failpoints
from prjobs.base.folder import Folder
from prjobs.opening import close_appliance
from prjobs.store.postgres import connect
from prjobs.upkeep.moving import Wish
from prjobs.upkeep.store_rows import NUMBER, DatabaseCopy, FileCopy, tables_of
from tests.older import store_of, upgrade

# What a text format could mix up: ends of lines, its marks for NULL and for columns, other alphabets, quotes.
TEXTS = ("", "\\N", "a\tb\nc\r\n\\.", "星 Ω é", 'it\'s "quoted" $1 ? %s :name', "\x01\x7f\ufeff\U0001f52d")


def everything(path: Path) -> Folder:
    """Make a closed data folder with real jobs, hand-outs, tokens and audit, and made-up rows in all other tables."""
    folder = Folder(path)
    folder.create()
    for name, content in _files().items():
        (path / name).write_bytes(content)
    return folder


@cache
def _files() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as place:
        folder = _made(Path(place) / "data")
        return {path.name: path.read_bytes() for path in folder.path.iterdir() if path.is_file()}


def _made(path: Path) -> Folder:
    folder = Folder(path)
    store_of("0015", path)
    appliance, _ = upgrade(folder)
    assert close_appliance(appliance, folder)
    with closing(sqlite3.connect(folder.database)) as connection, connection:
        for table in tables_of(connection):
            if not connection.execute(f"SELECT 1 FROM {table.name}").fetchone():
                _fill(connection, table)
        # A counter above the newest row: that row was removed.
        connection.execute(
            "UPDATE sqlite_sequence SET seq = seq + 5 WHERE name NOT IN ('audit', 'job', 'change', 'handout')"
        )
        connection.execute("DELETE FROM change WHERE seq > 30")
        connection.execute("INSERT INTO fact (name, value) VALUES ('last number of change', '400')")
    return folder


def _fill(connection: sqlite3.Connection, table: Any) -> None:
    optional = {
        name
        for _, name, _, is_required, *_ in connection.execute(f"PRAGMA table_info({table.name})")
        if not is_required
    }
    for number, text in enumerate(itertools.islice(itertools.cycle(TEXTS), 7), start=1):
        row = []
        for column, type_ in zip(table.columns, table.types, strict=True):
            if column in optional and column not in table.key and number % 2:
                row.append(None)
            elif type_ == NUMBER:
                row.append(number if column in table.key else 2**40 + number)
            else:
                row.append(f"{text}{number}" if column in table.key else text)
        marks = ", ".join("?" * len(row))
        connection.execute(f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks})", row)


def in_file(path: Path) -> dict[str, Any]:
    """Return all rows of all tables of a file, and its counters."""
    with closing(sqlite3.connect(path)) as connection:
        copy, tables = FileCopy(connection), tables_of(connection)
        found: dict[str, Any] = {table.name: list(copy.rows(table)) for table in tables}
        # A hub names its secret there.
        found["fact"] = [row for row in found["fact"] if row[0] != "secret"]
        return found | {"numbers": copy.numbers(tables)}


def in_database(url: str, like: Path) -> dict[str, Any]:
    """Return all rows of the tables in a database, and its counters; `like` is a file with the same tables."""
    with closing(sqlite3.connect(like)) as file:
        tables = tables_of(file)
    with closing(connect(url)) as connection, connection.session.transaction():
        copy = DatabaseCopy(connection)
        found: dict[str, Any] = {table.name: list(copy.rows(table)) for table in tables}
        # A hub names its secret there.
        found["fact"] = [row for row in found["fact"] if row[0] != "secret"]
        return found | {"numbers": copy.numbers(tables)}


def wish(folder: Folder, url: str, **named: Any) -> Wish:
    """A move of the folder's store, as the command asks for it."""
    return Wish(folder, url, Clock(), Failpoints(), **named)


def without_marks(found: dict[str, Any], *more: str) -> dict[str, Any]:
    """The contents without what each start writes anew."""
    own = {"identity", "running", "welcomed", "proved", *more}
    return {**found, "fact": [row for row in found["fact"] if row[0] not in own]}
