"""The copy of all rows from one store into another, and the checks of source and copy."""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from prjobs.access import anchor
from prjobs.base.errors import Unusable
from prjobs.base.moves import MARKS
from prjobs.base.progress import Counter, step
from prjobs.store.models import JobRow
from prjobs.store.source import Row
from prjobs.upkeep.store_rows import NUMBER, Copy, Digest, Table, carried

Digests = dict[str, tuple[int, str]]
SHOWN = 10


def copy_rows(source: Copy, target: Copy, tables: list[Table]) -> Digests:
    """Copy all rows of the tables, and return the number and hash of the rows of each table."""
    counter, digests = _counter(source, tables), {}
    with step("Copying the store", counter.share):
        for table in tables:
            digest = Digest()
            target.fill(table, _counted(digest.of(carried(table, source.rows(table), MARKS)), counter))
            digests[table.name] = digest.value
    return digests


def _counter(source: Copy, tables: list[Table]) -> Counter:
    return Counter(sum(source.fetch(f"SELECT count(*) FROM {table.name}")[0][0] for table in tables))


def _counted(rows: Iterator[Row], counter: Counter) -> Iterator[Row]:
    for row in rows:
        counter.done += 1
        yield row


# ---- the copy


def check_rows(copy: Copy, tables: list[Table], digests: Digests) -> None:
    """Read the copy again. Raise Unusable for a table that differs from the source in number or contents."""
    counter = _counter(copy, tables)
    with step("Checking the copy", counter.share):
        for table in tables:
            digest = Digest()
            for _ in _counted(digest.of(carried(table, copy.rows(table), MARKS)), counter):
                pass
            if digest.value != digests[table.name]:
                raise Unusable(
                    f"The copy is not used: table {table.name} has {digest.count} rows in the copy and "
                    f"{digests[table.name][0]} in the store, or other contents."
                )


def check_jobs(copy: Copy, tables: list[Table]) -> int:
    """Check each job against its checksum, and return the number of jobs. Raise Unusable with the damaged jobs."""
    (table,) = (table for table in tables if table.name == "job")
    counter = _counter(copy, [table])
    with step("Checking each job", counter.share):
        rows = _counted(copy.rows(table), counter)
        jobs = (JobRow(**dict(zip(table.columns, row, strict=True))) for row in rows)
        refuse(f"job {job.ulid} differs from its checksum" for job in jobs if not job.is_sound)
    return counter.done


def check_audit(copy: Copy, folder: Path) -> None:
    """Check the whole audit, also against the anchor in the folder. Raise Unusable with the first finding."""
    with step("Checking the audit"):
        verdict, _ = anchor.verify(copy.fetch, folder)
    if verdict.seq is not None:
        raise Unusable(f"The store cannot be moved: {verdict.finding} `prjobs audit verify` has more.")


# ---- the source


def check_source(connection: sqlite3.Connection, tables: list[Table]) -> None:
    """Raise Unusable with the names of rows that PostgreSQL cannot store, or that are damaged."""
    with step("Checking each row"):
        before, connection.text_factory = connection.text_factory, bytes
        try:
            refuse(flaw for table in tables for flaw in _flaws(connection, table))
        finally:
            connection.text_factory = before


def refuse(flaws: Iterator[str]) -> None:
    """Raise Unusable with the first flaws, if there are any."""
    found = list(islice(flaws, SHOWN + 1))
    if found:
        more = ", and more" if len(found) > SHOWN else ""
        raise Unusable(f"The store cannot be moved: {'; '.join(found[:SHOWN])}{more}. Nothing was changed.")


def _flaws(connection: sqlite3.Connection, table: Table) -> Iterator[str]:
    for row in connection.execute(table.query):
        for column, type_, value in zip(table.columns, table.types, row, strict=True):
            if flaw := _flaw(type_, value):
                yield f"{_named(table, row)}: {column} {flaw}"


def _flaw(type_: str, value: Any) -> str:
    if value is None:
        return ""
    if type_ == NUMBER:
        return "" if isinstance(value, int) else "is no whole number"
    if not isinstance(value, bytes):
        return "is no text"
    if b"\0" in value:
        return "holds the character NUL, which PostgreSQL cannot store"
    try:
        value.decode()
    except UnicodeDecodeError:
        return "is no UTF-8"
    return ""


def _named(table: Table, row: Row) -> str:
    """Return the name of a row: the id of a job, else the key."""
    names = ("ulid",) if table.name == "job" else table.key
    values = (row[table.columns.index(name)] for name in names)
    said = (value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in values)
    return f"{table.name} {' '.join(said)}"
