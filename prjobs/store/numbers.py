"""Numbers of rows: none is given twice, also after the removal of the newest rows and after a restore.

Readers outside the store hold the number of a change as a cursor. SQLite numbers a row by the newest row of the table;
after the newest rows of a table were lost, a fact keeps the number. AUTOINCREMENT keeps the same promise, but writes a
further page in each transaction.
"""

from collections.abc import Callable, Sequence
from typing import Any

from prjobs.store.engine import Connection

Fetch = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
# The tables and their keys.
KEYS = {"job": "seq", "change": "seq", "handout": "id"}
FACT = "last number of "
LAST = {
    table: f"SELECT max(last) FROM (SELECT max({key}) AS last FROM {table} "
    f"UNION ALL SELECT CAST(value AS BIGINT) FROM fact WHERE name = '{FACT}{table}') AS known"
    for table, key in KEYS.items()
}
# The last numbers of all tables, in the order of `KEYS`.
LAST_OF_ALL = f"SELECT {', '.join(f'({sql})' for sql in LAST.values())}"


def last_number(fetch: Fetch, table: str) -> int:
    """Return the highest number ever given to a row of the table; 0 before the first."""
    return int(fetch(LAST[table], ())[0][0] or 0)


def coming_number(transaction: Any, table: str) -> int | None:
    """Return the number for the next row of the table, without giving it; None lets SQLite number the row."""
    if table not in transaction.numbered:
        return None
    last = transaction.last_numbers.get(table, transaction.known_numbers.get(table))
    return 1 + (last_number(transaction.fetch, table) if last is None else last)


def next_number(transaction: Any, table: str) -> int | None:
    """Give the next number of the table and return the number; None lets SQLite number the row."""
    number = coming_number(transaction, table)
    if number is not None:
        transaction.last_numbers[table] = number
    return number


def insert_numbered(transaction: Any, table: str, sql: str, values: Sequence[Any]) -> int:
    """Insert a row, by a statement that takes the number and the values; return the number."""
    number = next_number(transaction, table)
    inserted = transaction.execute(sql, (number, *values))
    return number or inserted.lastrowid


def raise_numbers(transaction: Any, above: dict[str, int]) -> None:
    """Give no number up to those in `above` from now on."""
    transaction.numbered.update(KEYS)
    transaction.last_numbers.clear()
    transaction.known_numbers.clear()
    for table in KEYS:
        number = max(last_number(transaction.fetch, table), above.get(table, 0))
        transaction.execute("DELETE FROM fact WHERE name = ?", (f"{FACT}{table}",))
        transaction.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (f"{FACT}{table}", str(number)))


def note_for_older_versions(transaction: Any) -> None:
    """Write the highest numbers where the restore of an older version, with AUTOINCREMENT, looks for them.

    Without the rows the older version would give numbers a second time that this version gave since the upgrade.
    """
    for table in KEYS:
        transaction.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        number = last_number(transaction.fetch, table)
        transaction.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, number))


def lost_numbers(connection: Connection, errors: tuple[type[Exception], ...]) -> set[str]:
    """Return the tables whose newest rows do not show the highest number ever given; all where they cannot be read."""

    def fetch(sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return connection.fetch(sql, values)

    try:
        newest = {table: fetch(f"SELECT coalesce(max({key}), 0) FROM {table}")[0][0] for table, key in KEYS.items()}
        return {table for table in KEYS if last_number(fetch, table) > newest[table]}
    except errors:
        # The writer must start: the next transactions tell of the trouble.
        return set(KEYS)
