"""`prjobs backup` and `prjobs restore` on a hub: a backup is an SQLite file, as that of an appliance in one folder."""

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from prjobs.access import anchor, audit
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.failpoints import Failpoints
from prjobs.base.files import insist, make_folder, reason_of, remove
from prjobs.base.folder import Folder
from prjobs.base.moves import MARKS, require_there
from prjobs.base.progress import step
from prjobs.store.hub import bring_up_to_date
from prjobs.store.joining import LAST_SEQ, SECRET
from prjobs.store.numbers import KEYS
from prjobs.store.postgres import shown
from prjobs.store.sqlite import trouble_of
from prjobs.store.transaction import Transaction
from prjobs.upkeep import kept_locks
from prjobs.upkeep.backup import Backup, free_path, require_free_name, sync_name
from prjobs.upkeep.copies import check_source
from prjobs.upkeep.hub_store import (
    facts_of,
    fill_database,
    fill_file,
    lock_door,
    long_connection,
    note_secret,
    require_store_in,
    require_this_schema,
)
from prjobs.upkeep.inspection import open_read_only
from prjobs.upkeep.replacing import SIDES
from prjobs.upkeep.restore import (
    SKIP,
    WAITING,
    Making,
    Past,
    Restored,
    copy_checked,
    following_identity,
    prepare,
    require_store,
    settle,
    unharmed,
    withdraw,
)
from prjobs.upkeep.store_rows import DatabaseCopy, FileCopy, Table, known_tables, tables_of

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@dataclass(frozen=True)
class Hub:
    """The data folder of this process, the database of the hub, and the points at which a test kills the process."""

    folder: Folder
    url: str
    clock: Clock
    failpoints: Failpoints = field(default_factory=Failpoints)


def make_hub_backup(hub: Hub, target: Path) -> Backup:
    """Copy the store, as of one moment, while the hub serves; the name appears once the copy is checked.

    Raise Unusable with a sentence; no file is left then.
    """
    require_free_name(target)
    if not target.parent.is_dir():
        raise Unusable(f"{target.parent} is not a folder: make it first, or choose another name.")
    temporary = target.with_name(f"{target.name}.{os.getpid()}.new")
    try:
        with long_connection(hub.url) as connection:
            connection.session.execute(_SNAPSHOT)
            require_this_schema(connection, hub.url)
            source = DatabaseCopy(connection)
            require_there(hub.folder.identity(), facts_of(source))
            jobs = fill_file(source, temporary)
        require_free_name(target)
        insist(lambda: temporary.rename(target))
        sync_name(target)
    except sqlite3.Error as error:
        raise Unusable(f"No backup was made: {trouble_of(error, target).sentence}") from None
    except OSError as error:
        raise Unusable(f"No backup was made: {target} cannot be written: {reason_of(error)}.") from None
    finally:
        _remove(temporary)
    return Backup(target, jobs)


def _remove(temporary: Path) -> None:
    for side in (*SIDES, "-journal"):
        with suppress(OSError):
            remove(temporary.with_name(f"{temporary.name}{side}"))


# ---- restore


def restore_hub(hub: Hub, source: Path) -> Restored:
    """Put a copy of the backup in the place of the store in the database, all in one transaction.

    Waiting jobs of the backup become CANCELLED in both queues; the replaced store is kept as a backup. Raise Unusable
    while a process of the hub lives, or for a backup that is not fit; the database is unchanged then.
    """
    if not source.is_file():
        raise Unusable(f"{source} is not a file: name a backup, such as the newest in {hub.folder.backups}.")
    require_store(source)
    with unharmed(hub.folder, f"{source} was not restored") as temporary:
        done = _restore(hub, source, temporary)
        hub.failpoints.passing("restore_committed")
        return done


def _restore(hub: Hub, source: Path, temporary: Path) -> Restored:
    folder, replaced = hub.folder, None
    with long_connection(hub.url) as connection, connection.session.transaction():
        bring_up_to_date(connection, hub.url)
        lock_door(connection, hub.url)
        target, tables = DatabaseCopy(connection), known_tables()
        facts = facts_of(target)
        require_there(folder.identity(), facts)
        old = _past(target, tables)
        locks = kept_locks.read_from(target.fetch) if old else None
        new = copy_checked(folder, source, temporary, old)
        if old:
            anchor.catch_up(target.fetch, folder.path, joins=not folder.identity())
        making = Making(temporary, hub.clock.now_ms(), old, locks)
        with step("Cancelling the jobs that wait in the backup"):
            jobs, cancelled, locked = prepare(making, anchor.restore_entry(folder.path, source))
        if old:
            replaced = _keep(hub, target)
        with closing(open_read_only(temporary, still=True)) as file:
            # The temporary file has each column of this version, in the order of its own migrations.
            check_source(file, tables_of(file))
            fill_database(target, FileCopy(file), tables_of(file))
        # Not below the number that this process has seen: the next start would be refused.
        target.set_numbers(tables, {"change": folder.identity().get(LAST_SEQ, 0)})
        if SECRET in facts:
            note_secret(target, facts[SECRET])
        _follow(hub, target, following_identity(folder, new, old))
    needs_secret = not (folder.path / "secret").exists()
    return Restored(
        jobs, new.newest_ms, cancelled, replaced, needs_secret, locked=locked, are_locks_known=locks is not None
    )


def _keep(hub: Hub, target: DatabaseCopy) -> Path:
    """Keep the store to be replaced as a file, whose name appears once the file is checked; return the path."""
    make_folder(hub.folder.backups)
    for interrupted in hub.folder.backups.glob("replaced-*.sqlite3.new"):
        _remove(interrupted)
    replaced = free_path(hub.folder.backups, "replaced-{}.sqlite3", hub.clock.now_ms())
    temporary = replaced.with_name(f"{replaced.name}.new")
    try:
        fill_file(target, temporary)
        hub.failpoints.passing("restore_copied")
        insist(lambda: temporary.rename(replaced))
        sync_name(replaced)
    finally:
        _remove(temporary)
    return replaced


def _past(copy: DatabaseCopy, tables: list[Table]) -> Past | None:
    """Return the identity of the store in the database and the numbers given so far; None for an empty database."""
    identity = facts_of(copy).get("identity")
    if identity is None:
        return None
    (ulid,) = copy.fetch("SELECT max(ulid) FROM job")[0]
    (kept,) = copy.fetch("SELECT last_ulid FROM door WHERE id = 1")[0]
    newest = copy.fetch("SELECT time_ms FROM change ORDER BY seq DESC LIMIT 1")
    last_ulid = max(ulid or "", kept) or None
    return Past(identity, last_ulid, copy.numbers(tables), newest[0][0] if newest else None)


def _follow(hub: Hub, target: DatabaseCopy, identity: dict[str, object]) -> None:
    """Keep all processes from before out, and note the newest id ever given, in the folder too."""
    target.connection.execute(
        "UPDATE door SET holder = '', epoch = epoch + 1, last_ulid = ?", (identity.get("last_ulid", ""),)
    )
    # Noted before the commit: a crash in between could give an id twice.
    hub.folder.write_identity(identity)
    hub.failpoints.passing("restore_noted")


def restore_in_place(hub: Hub) -> Restored:
    """Make the store safe after the database was set back to an earlier moment by the database's own means.

    Waiting jobs become CANCELLED, since the observatory may have got them already; the numbers given meanwhile are not
    known, so a million are skipped. Raise Unusable while a process of the hub lives; nothing is changed then.
    """
    with unharmed(hub.folder, f"The database {shown(hub.url)} was not changed"):
        with long_connection(hub.url) as connection, connection.session.transaction():
            copy = require_store_in(connection, hub.url, hub.folder)
            lock_door(connection, hub.url)
            done = _make_safe(hub, copy)
        hub.failpoints.passing("restore_committed")
        return done


def _make_safe(hub: Hub, copy: DatabaseCopy) -> Restored:
    tables, now_ms = known_tables(), hub.clock.now_ms()
    before = _past(copy, tables)
    if before is None:
        raise Unusable(f"The database {shown(hub.url)} holds the store of no appliance that ever ran.")
    transaction = Transaction(copy.connection, set(KEYS))
    above = {name: number + SKIP for name, number in before.numbers.items()}
    # Not below the number that this process has seen: the next start would be refused.
    above["change"] = max(above["change"], hub.folder.identity().get(LAST_SEQ, 0))
    copy.set_numbers(tables, above)
    copy.connection.execute("UPDATE door SET last_audit = ?", (above["audit"],))
    anchor.catch_up(copy.fetch, hub.folder.path, joins=not hub.folder.identity())
    audit.record(transaction, now_ms, anchor.restore_entry(hub.folder.path, Path("in place")))
    cancelled = 0
    with step("Cancelling the jobs that wait in the database"):
        while rows := withdraw(transaction, now_ms):
            cancelled += sum(1 for row in rows if row.status in WAITING)
    kept_locks.carry_over(transaction, None, now_ms)
    locked, jobs = kept_locks.locked_sites(transaction), settle(transaction)
    for mark in MARKS:
        copy.connection.execute("DELETE FROM fact WHERE name = ?", (mark,))
    _follow(hub, copy, following_identity(hub.folder, before, None))
    return Restored(jobs, before.newest_ms, cancelled, None, False, locked=locked, are_locks_known=False)
