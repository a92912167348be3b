"""The locks of sites over a restore: an older backup must not unlock a dome with a person inside.

Every lock of the replaced store is carried over. Where the replaced store cannot be read, the locks set since the
backup are unknown: each site that was ever locked is locked anew, until an administrator unlocks the site.
"""

import sqlite3
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
            sql = f"SELECT {', '.join(_COLUMNS)} FROM lockout ORDER BY id"
            return connection.execute(sql).fetchall() if "lockout" in tables else []
    except sqlite3.Error:
        return None


def carry_over(transaction: Transaction, replaced: list[Row] | None, now_ms: int) -> None:
    """Bring the locks of the replaced store into the copy. A lock open in both gets the later end."""
    if replaced is None:
        _lock_anew(transaction, now_ms)
        return
    own = {row[0]: row for row in transaction.fetch("SELECT id, until_ms, ended_ms FROM lockout")}
    for number, *others, until_ms, ended_ms, ended_by in replaced:
        if number not in own:
            transaction.execute(_INSERT, (number, *others, until_ms, ended_ms, ended_by))
            continue
        _, own_until_ms, own_ended_ms = own[number]
        if own_ended_ms is None:
            last_ms = None if None in (until_ms, own_until_ms) else max(until_ms, own_until_ms)
            values = (last_ms, ended_ms, ended_by, number)
            transaction.execute("UPDATE lockout SET until_ms = ?, ended_ms = ?, ended_by = ? WHERE id = ?", values)


def _lock_anew(transaction: Transaction, now_ms: int) -> None:
    sql = "INSERT INTO lockout (site, user_id, user_name, reason, since_ms) VALUES (?, ?, ?, ?, ?)"
    for (site,) in transaction.fetch("SELECT DISTINCT site FROM lockout ORDER BY site"):
        transaction.execute(sql, (site, WHO, WHO, UNKNOWN, now_ms))
        audit.record(transaction, now_ms, Entry(WHO, audit.LOCK, site, "command line", UNKNOWN))


def locked_sites(transaction: Transaction) -> list[str]:
    """Return the sites with an open lock."""
    return [site for (site,) in transaction.fetch("SELECT DISTINCT site FROM lockout WHERE ended_ms IS NULL")]
