"""The restore of a backup. Its waiting jobs may have been delivered since, so they are cancelled: none runs twice."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prjobs.access import anchor, audit
from prjobs.base.clock import Clock
from prjobs.base.errors import Refused, Unusable
from prjobs.base.files import reason_of, remove, sync_file
from prjobs.base.folder import Folder
from prjobs.base.moves import require_here
from prjobs.base.progress import step
from prjobs.cloud import tables
from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.states import ALTERNATE, BOTH, CANCELLED, COLUMNS, FORWARDING, PRIMARY, UNREAD
from prjobs.store.models import BRIEF_COLUMNS, JobRow
from prjobs.store.numbers import KEYS, Fetch, last_number, raise_numbers
from prjobs.store.schema import open_database
from prjobs.store.sqlite import trouble_of
from prjobs.store.transaction import Transaction
from prjobs.upkeep import kept_locks
from prjobs.upkeep.backup import free_path
from prjobs.upkeep.inspection import (
    copy_into,
    has_log,
    open_read_only,
    require_ours,
    require_whole,
)
from prjobs.upkeep.replacing import RESTORING, SIDES, change_places, empty_log, forget_half_done

NOTE = "restored from a backup: may have been delivered already"
WHO = "restore"
# A FORWARDING job without a copy in the cloud, or without a link, would run at the site.
WAITING = (UNREAD, FORWARDING)
STEP = 500
# The numbers to skip when the replaced store cannot be read: a number given twice would mix up cursors.
SKIP = 1_000_000
AGAIN = "The store from before is kept. Run the command again."


@dataclass(frozen=True)
class Past:
    """The identity of a store, and the numbers given so far."""

    identity: str | None
    last_ulid: str | None
    numbers: dict[str, int]
    newest_ms: int | None


@dataclass(frozen=True)
class Restored:
    """The result of a restore. Times are Unix milliseconds.

    `locked` has the sites with a lock; the locks since the backup are known where the replaced store can be read.
    """

    jobs: int
    newest_ms: int | None
    cancelled: int
    replaced: Path | None
    needs_secret: bool
    locked: list[str]
    are_locks_known: bool


def restore(folder: Folder, source: Path, clock: Clock) -> Restored:
    """Put a copy of the backup in the place of the folder's store.

    Waiting jobs of the backup become CANCELLED in both queues; the replaced store is kept in the backups folder.
    Raises Unusable with a sentence when a server runs or the backup is not fit; the folder is unchanged then.
    """
    if not source.is_file():
        raise Unusable(f"{source} is not a file: name a backup, such as the newest in {folder.backups}.")
    if folder.database.exists() and source.samefile(folder.database):
        raise Unusable(f"{source} is the store itself, not a backup.")
    require_store(source)
    with unharmed(folder, f"{source} was not restored") as temporary:
        require_here(folder, folder.identity())
        return _restore(folder, source, temporary, clock)


@contextmanager
def unharmed(folder: Folder, failed: str) -> Iterator[Path]:
    """Lock the folder for a restore; yield the path of the file in which the restore makes the new store.

    The old store stays in use, whole, until the new store takes the place in one step: the change of places in a
    folder, the commit in a database. After a failure or a kill before the step the old store is in use, after the step
    the new store is, and the old one is kept in the backups folder. In each case the same restore may be run again.

    Raise Unusable for a failure, with a sentence that begins with the words of `failed`.
    """
    folder.create()
    lock, temporary = folder.lock(), folder.path / RESTORING
    try:
        _forget(temporary)
        yield temporary
    except sqlite3.Error as error:
        raise Unusable(f"{failed}: {trouble_of(error, folder.path).sentence} {AGAIN}") from None
    except Refused as refused:
        raise Unusable(f"{failed}: {refused.sentence} {AGAIN}") from None
    except OSError as error:
        raise Unusable(f"{failed}: {error.filename or folder.path}: {reason_of(error)}. {AGAIN}") from None
    finally:
        try:
            _forget(temporary)
        finally:
            lock.release()


def _forget(temporary: Path) -> None:
    for side in SIDES:
        remove(temporary.with_name(f"{temporary.name}{side}"))


def require_store(source: Path) -> None:
    """Raise Unusable for a wrong file, before any folder is made."""
    try:
        with closing(open_read_only(source, still=not has_log(source))) as connection:
            require_ours(connection, source)
    except sqlite3.Error as error:
        raise Unusable(f"{source} was not restored: {trouble_of(error, source).sentence}") from None


def _restore(folder: Folder, source: Path, temporary: Path, clock: Clock) -> Restored:
    forget_half_done(folder)
    old, locks = _past_of_replaced(folder), kept_locks.read(folder.database)
    new = copy_checked(folder, source, temporary, old)
    made = Making(temporary, clock.now_ms(), old, locks)
    with step("Cancelling the jobs that wait in the backup"):
        jobs, cancelled, locked = prepare(made, anchor.restore_entry(folder.path, source))
    identity = following_identity(folder, new, old)
    if old and has_log(folder.database):
        empty_log(folder.database)
    aside = free_path(folder.backups, "replaced-{}", clock.now_ms())
    replaced = change_places(folder, temporary, identity, aside)
    needs_secret = not (folder.path / "secret").exists()
    return Restored(
        jobs, new.newest_ms, cancelled, replaced, needs_secret, locked=locked, are_locks_known=locks is not None
    )


# ---- what is known


def _past_of_replaced(folder: Folder) -> Past | None:
    """Return the past of the store to be replaced; None without a readable store."""
    if not folder.database.is_file():
        return None
    try:
        with closing(open_read_only(folder.database, still=not has_log(folder.database))) as connection:
            return past(connection)
    except sqlite3.Error:
        return None


def past(connection: sqlite3.Connection) -> Past:
    identity = connection.execute("SELECT value FROM fact WHERE name = 'identity'").fetchone()
    last_ulid = connection.execute("SELECT max(ulid) FROM job").fetchone()[0]
    newest = connection.execute("SELECT time_ms FROM change ORDER BY seq DESC LIMIT 1").fetchone()
    numbers = _numbers(lambda sql, values: connection.execute(sql, values).fetchall())
    return Past(identity[0] if identity else None, last_ulid, numbers, newest[0] if newest else None)


def _numbers(fetch: Fetch) -> dict[str, int]:
    """Return the highest number ever given in each table, in a store of this or an older version."""
    counted: dict[str, int] = dict(fetch("SELECT name, seq FROM sqlite_sequence", ()))
    return counted | {table: max(counted.get(table, 0), last_number(fetch, table)) for table in KEYS}


def copy_checked(folder: Folder, source: Path, temporary: Path, old: Past | None) -> Past:
    """Copy the backup beside the store, after a check for damages and for the right appliance."""
    with closing(open_read_only(source, still=not has_log(source))) as connection:
        require_whole(connection, source)
        new = past(connection)
        own = folder.identity().get("identity") or (old.identity if old else None)
        if new.identity is None:
            raise Unusable(f"{source} is not the store of an appliance that ever ran: there is nothing to restore.")
        if own and own != new.identity:
            raise Unusable(
                f"{source} is of another appliance than {folder.path}: restore it into a folder of its own by --data."
            )
        copy_into(connection, temporary)
    return new


def following_identity(folder: Folder, new: Past, old: Past | None) -> dict[str, object]:
    known = folder.identity()
    ulids = [known.get("last_ulid"), new.last_ulid, old.last_ulid if old else None]
    last = max((ulid for ulid in ulids if ulid), default=None)
    given = {"last_ulid": last} if last else {}
    return {"demo": False, **known, "identity": new.identity, **given}


# ---- making it safe


@dataclass(frozen=True)
class Making:
    """The copy that is made, the time, and the past and the locks of the store to be replaced, where known."""

    temporary: Path
    now_ms: int
    old: Past | None
    locks: list[kept_locks.Row] | None


def prepare(making: Making, entry: audit.Entry) -> tuple[int, int, list[str]]:
    """Cancel the waiting jobs in the copy, before any poll, and carry locks over.

    Return the number of all jobs and of the cancelled, and the locked sites.
    """
    temporary, now_ms, old, cancelled = making.temporary, making.now_ms, making.old, 0
    database = open_database(temporary, create=False)
    database.start(lambda _sites: None)
    try:
        database.write(_raise_numbers, old.numbers if old else None)
        database.write(audit.record, now_ms, entry)
        while step := database.write(withdraw, now_ms):
            cancelled += sum(1 for row in step if row.status in WAITING)
        database.write(kept_locks.carry_over, making.locks, now_ms)
        locked = database.write(kept_locks.locked_sites)
        jobs = database.write(settle)
    finally:
        database.close()
    if has_log(temporary):
        raise Unusable(f"{temporary} could not be completed: see whether the disk is full.")
    sync_file(temporary)
    return jobs, cancelled, locked


def _raise_numbers(transaction: Transaction, given: dict[str, int] | None) -> None:
    """Raise the counters above every number ever given: readers of the log hold a number as a cursor."""
    own = _numbers(transaction.fetch)
    if given is None:
        above = {name: seq + SKIP for name, seq in own.items()}
    else:
        above = {name: max(seq, given.get(name, 0)) for name, seq in {**given, **own}.items()}
    raise_numbers(transaction, above)
    counted = [(name, seq) for name, seq in above.items() if name not in KEYS]
    transaction.execute("DELETE FROM sqlite_sequence")
    transaction.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", counted)


def withdraw(transaction: Transaction, now_ms: int) -> list[JobRow]:
    """Cancel the waiting jobs of one step; return the jobs as before."""
    status, alternate = COLUMNS[PRIMARY][0], COLUMNS[ALTERNATE][0]
    rows = [
        JobRow(*row)
        for row in transaction.fetch(
            f"SELECT {BRIEF_COLUMNS} FROM job WHERE {status} IN {WAITING} "
            f"UNION SELECT {BRIEF_COLUMNS} FROM job WHERE {alternate} IN {WAITING} LIMIT {STEP}"
        )
    ]
    by_queue: dict[str, list[JobRow]] = {}
    for row in rows:
        by_queue.setdefault(_waits_in(row), []).append(row)
    for queue, waiting in by_queue.items():
        log.apply(transaction, waiting, Event(queue, CANCELLED, now_ms, WHO, NOTE))
    return rows


def _waits_in(row: JobRow) -> str:
    if row.status not in WAITING:
        return ALTERNATE
    return BOTH if row.alternate_status in WAITING else PRIMARY


def settle(transaction: Transaction) -> int:
    """Remove the leases, which would bring back jobs delivered long ago, and mark the store as closed well."""
    transaction.execute("DELETE FROM lease")
    tables.begin_after_restore(transaction)
    transaction.execute("UPDATE fact SET value = 'no' WHERE name = 'running'")
    return int(transaction.fetch("SELECT count(*) FROM job")[0][0])
