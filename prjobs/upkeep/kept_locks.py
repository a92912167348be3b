"""The locks of sites over a restore: an older backup must not unlock a dome with a person inside.

Every lock of the replaced store is carried over. Where the replaced store cannot be read, the locks set since the
backup are unknown: each site that was ever locked is locked anew, until an administrator unlocks the site.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from prjobs.access import audit
from prjobs.access.audit import Entry
from prjobs.store.transaction import Transaction
from prjobs.upkeep.inspection import has_log, open_read_only

WHO = "restore"
UNKNOWN = "the locks since the backup are not known: unlock when nobody is in the dome"
_COLUMNS = ("id", "site", "user_id", "user_name", "reason", "since_ms", "until_ms", "ended_ms", "ended_by")
_INSERT = f"INSERT INTO lockout ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
Row = tuple[Any, ...]


def read(store: Path) -> list[Row] | None:
    """Return every lock in the store to be replaced; None where no store can be read."""
    try:
        with closing(open_read_only(store, still=not has_log(store))) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "job" not in tables:
                return None
            # A store of an older version has no locks.
            return read_from(lambda sql: connection.execute(sql).fetchall()) if "lockout" in tables else []
    except sqlite3.Error:
        return None


def read_from(fetch: Callable[[str], list[Row]]) -> list[Row]:
    """Return every lock of an open store."""
    return fetch(f"SELECT {', '.join(_COLUMNS)} FROM lockout ORDER BY id")


def carry_over(transaction: Transaction, replaced: list[Row] | None, now_ms: int) -> None:
    """Bring the locks of the replaced store into the copy. A lock open in both gets the later end.

    Two copies of one backup give the same number to different locks: a lock whose number is taken gets a new one.
    """
    if replaced is None:
        _lock_anew(transaction, now_ms)
        return
    own = {row[0]: row for row in transaction.fetch(f"SELECT {', '.join(_COLUMNS)} FROM lockout")}
    copies = _copies(own, replaced)
    for row in replaced:
        if copy := copies.get(row[0]):
            _merge(transaction, copy, row)
        elif row[0] in own:
            _renumber(transaction, row, now_ms)
        else:
            transaction.execute(_INSERT, row)


def _same(row: Row) -> Row:
    """Return the site, the person and the start, which no change of a lock changes."""
    _, site, user_id, user_name, _, since_ms, *_ = row
    return (site, user_id, user_name, since_ms)


def _copies(own: dict[int, Row], replaced: list[Row]) -> dict[int, Row]:
    """Return the same lock in the copy, by the number in the replaced store.

    An earlier restore may have given another number. One lock is the copy of one lock only: of two that a person set in
    one millisecond, the end of the first would end the second.
    """
    found = {row[0]: own[row[0]] for row in replaced if row[0] in own and _same(own[row[0]]) == _same(row)}
    renumbered = {_same(row): row for row in own.values() if row[0] not in found}
    for row in replaced:
        if row[0] not in found and (copy := renumbered.pop(_same(row), None)):
            found[row[0]] = copy
    return found


def _merge(transaction: Transaction, copy: Row, row: Row) -> None:
    *_, until_ms, ended_ms, ended_by = row
    *_, own_until_ms, own_ended_ms, _ = copy
    if own_ended_ms is None:
        last_ms = None if None in (until_ms, own_until_ms) else max(until_ms, own_until_ms)
        values = (last_ms, ended_ms, ended_by, copy[0])
        transaction.execute("UPDATE lockout SET until_ms = ?, ended_ms = ?, ended_by = ? WHERE id = ?", values)


def _renumber(transaction: Transaction, row: Row, now_ms: int) -> None:
    number, site, *_, ended_ms, _ = row
    # The counter of the table is above all numbers of both stores.
    columns = ", ".join(_COLUMNS[1:])
    sql = f"INSERT INTO lockout ({columns}) VALUES ({', '.join('?' * len(row[1:]))}) RETURNING id"
    new = transaction.execute(sql, row[1:]).fetchone()[0]
    if ended_ms is None:
        said = f"lock {new}, before the restore lock {number}: another lock of the backup has that number"
        audit.record(transaction, now_ms, Entry(WHO, audit.LOCK, site, "command line", said))


def _lock_anew(transaction: Transaction, now_ms: int) -> None:
    sql = "INSERT INTO lockout (site, user_id, user_name, reason, since_ms) VALUES (?, ?, ?, ?, ?)"
    for (site,) in transaction.fetch("SELECT DISTINCT site FROM lockout ORDER BY site"):
        transaction.execute(sql, (site, WHO, WHO, UNKNOWN, now_ms))
        audit.record(transaction, now_ms, Entry(WHO, audit.LOCK, site, "command line", UNKNOWN))


def locked_sites(transaction: Transaction) -> list[str]:
    """Return the sites with an open lock."""
    return [site for (site,) in transaction.fetch("SELECT DISTINCT site FROM lockout WHERE ended_ms IS NULL")]
