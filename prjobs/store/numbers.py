"""Numbers of rows: none is given twice, also after the removal of the newest rows and after a restore.

Readers outside the store hold the number of a change as a cursor. SQLite's AUTOINCREMENT keeps the same promise, but
writes a further page in each transaction.
"""

from collections.abc import Callable, Sequence
from typing import Any

Fetch = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
# The tables and their keys. The fact beside the rows is written where the newest rows do not show the number.
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


def keep_numbers(transaction: Any, least: dict[str, int] | None = None) -> None:
    """Note the highest numbers, before the newest rows are removed; raise each to the one in `least`, if higher."""
    for table in KEYS:
        number = max(last_number(transaction.fetch, table), (least or {}).get(table, 0))
        transaction.execute("DELETE FROM fact WHERE name = ?", (f"{FACT}{table}",))
        transaction.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (f"{FACT}{table}", str(number)))
