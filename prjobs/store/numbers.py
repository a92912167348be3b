"""Numbers of rows: none is given twice, also after the removal of the newest rows and after a restore.

Readers outside the store hold the number of a change as a cursor. SQLite numbers a row by the newest row of the table;
after the newest rows of a table were lost, a fact keeps the number. AUTOINCREMENT keeps the same promise, but writes a
further page in each transaction.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

Fetch = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
# The tables and their keys.
KEYS = {"job": "seq", "change": "seq", "handout": "id"}
FACT = "last number of "
LAST = {
    table: f"SELECT max(last) FROM (SELECT max({key}) AS last FROM {table} "
    f"UNION ALL SELECT CAST(value AS BIGINT) FROM fact WHERE name = '{FACT}{table}') AS known"
    for table, key in KEYS.items()
}


def last_number(fetch: Fetch, table: str) -> int:
    """Return the highest number ever given to a row of the table; 0 before the first."""
    return int(fetch(LAST[table], ())[0][0] or 0)


def next_number(transaction: Any, table: str) -> int | None:
    """Return the number for the next row of the table; None lets SQLite number the row."""
    return last_number(transaction.fetch, table) + 1 if table in transaction.numbered else None


def raise_numbers(transaction: Any, above: dict[str, int]) -> None:
    """Give no number up to those in `above` from now on."""
    transaction.numbered.update(KEYS)
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


def lost_numbers(connection: sqlite3.Connection) -> set[str]:
    """Return the tables whose newest rows do not show the highest number ever given; all where they cannot be read."""

    def fetch(sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return connection.execute(sql, values).fetchall()

    try:
        newest = {table: fetch(f"SELECT coalesce(max({key}), 0) FROM {table}")[0][0] for table, key in KEYS.items()}
        return {table for table in KEYS if last_number(fetch, table) > newest[table]}
    except sqlite3.Error:
        # The writer must start: the next transactions tell of the trouble.
        return set(KEYS)
