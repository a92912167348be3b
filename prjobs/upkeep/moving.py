"""`prjobs move`: the store from the folder into a database on PostgreSQL, and back.

All rows are copied in one transaction, and checked there. Until the commit the source is the store. Which copy starts
changes in one step: in the one direction when identity.json names the database, in the other with the commit, which
marks the database. After a crash the same command finishes the move, or does it again.
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.failpoints import Failpoints
from prjobs.base.files import insist, reason_of, sync_folder
from prjobs.base.folder import Folder
from prjobs.base.moves import ARRIVING, LEFT, MOVE, MOVED_TO
from prjobs.store.hub import bring_up_to_date
from prjobs.store.joining import digest
from prjobs.store.postgres import shown
from prjobs.store.schema import open_database
from prjobs.store.sqlite import trouble_of
from prjobs.upkeep.copies import check_audit, check_jobs, check_source
from prjobs.upkeep.hub_store import facts_of, fill_database, lock_door, long_connection, note_secret
from prjobs.upkeep.inspection import has_log, open_read_only, require_ours, require_whole
from prjobs.upkeep.replacing import SIDES, empty_log
from prjobs.upkeep.store_rows import DatabaseCopy, FileCopy, Table, tables_of
from prjobs.upkeep.upgrading import keep_older

# A database with rows in other tables is in use: these two get rows from a start alone.
_FROM_A_START = frozenset({"fact", "poll"})


@dataclass(frozen=True)
class Moved:
    """The result: where the store is, and the number of its jobs; `kept` is the file or database it left.

    `finished` tells that an earlier, interrupted move was finished.
    """

    where: str
    jobs: int
    kept: str = ""
    finished: bool = False


@dataclass(frozen=True)
class Wish:
    """A move: the folder of this process, the database, and the points at which a test kills the process."""

    folder: Folder
    url: str
    clock: Clock
    failpoints: Failpoints
    dry_run: bool = False


# ---- into a database


def move_to_database(wish: Wish) -> Moved:
    """Move the store of the folder into the database. Raise Unusable; the folder's store is in use then as before."""
    folder = wish.folder
    if not folder.path.is_dir():
        raise Unusable(f"{folder.path} is no data folder: there is nothing to move.")
    lock = folder.lock()
    try:
        identity = folder.identity()
        if identity.get(MOVED_TO):
            return _finish_there(wish, identity)
        return _move_there(wish, identity)
    except sqlite3.Error as error:
        raise Unusable(f"The store was not moved: {trouble_of(error, folder.database).sentence}") from None
    except OSError as error:
        raise Unusable(f"{error.filename or folder.path}: {reason_of(error)}. Run the command again.") from None
    finally:
        lock.release()


def _move_there(wish: Wish, identity: dict[str, Any]) -> Moved:
    folder = wish.folder
    _require_movable(folder, identity)
    _bring_file_up_to_date(wish)
    number = wish.clock.random_bytes(16).hex()
    with closing(open_read_only(folder.database, still=not has_log(folder.database))) as file:
        require_ours(file, folder.database)
        require_whole(file, folder.database)
        tables = tables_of(file)
        check_source(file, tables)
        source = FileCopy(file)
        if facts_of(source).get("identity") != identity["identity"]:
            raise Unusable(f"{folder.database} is the store of another appliance. {folder.restore_advice()}")
        newest = max(source.fetch("SELECT coalesce(max(ulid), '') FROM job")[0][0], identity.get("last_ulid", ""))
        jobs = _fill_database(wish, source, tables, {ARRIVING: number, "last_ulid": newest})
    if wish.dry_run:
        return Moved(shown(wish.url), jobs)
    wish.failpoints.passing("move_committed")
    given = {"last_ulid": newest} if newest else {}
    folder.write_identity({**identity, **given, MOVED_TO: shown(wish.url), MOVE: number})
    wish.failpoints.passing("move_named")
    return _leave_file(wish, number, jobs)


def _require_movable(folder: Folder, identity: dict[str, Any]) -> None:
    if not folder.database.is_file() or not identity:
        raise Unusable(f"{folder.path} holds no store: there is nothing to move.")
    if identity.get("demo"):
        raise Unusable(f"{folder.path} holds a demo, which has no place in a database.")


def _bring_file_up_to_date(wish: Wish) -> None:
    folder = wish.folder

    def before_upgrade(first: str) -> None:
        if wish.dry_run:
            raise Unusable(
                f"The store is of an older version, from before {first}, and a dry run changes nothing: start this "
                "version once, then try again."
            )
        keep_older(folder, wish.clock, first)

    open_database(folder.database, create=False, before_upgrade=before_upgrade).close()
    empty_log(folder.database)


def _fill_database(wish: Wish, source: FileCopy, tables: list[Table], noted: dict[str, str]) -> int:
    """Copy the store in one transaction, and check the copy there; a dry run takes everything back."""
    with long_connection(wish.url) as connection, connection.session.transaction(force_rollback=wish.dry_run):
        bring_up_to_date(connection, wish.url)
        lock_door(connection, wish.url)
        target = DatabaseCopy(connection)
        _require_free(target, tables, wish.url, facts_of(source)["identity"])
        jobs = fill_database(target, source, tables)
        check_jobs(target, tables)
        check_audit(target, wish.folder.path)
        note_secret(target, digest(wish.folder.known_secret()))
        connection.execute("UPDATE door SET last_ulid = ?, holder = '', epoch = epoch + 1", (noted["last_ulid"],))
        connection.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (ARRIVING, noted[ARRIVING]))
        wish.failpoints.passing("move_filled")
    return jobs


def _require_free(target: DatabaseCopy, tables: list[Table], url: str, identity: str) -> None:
    """Raise Unusable for a database in use; the remains of an interrupted move of this store are replaced."""
    facts = facts_of(target)
    if ARRIVING in facts and facts.get("identity") == identity:
        return
    for table in sorted(tables, key=lambda table: table.name != "job"):
        count = target.fetch(f"SELECT count(*) FROM {table.name}")[0][0]
        if count and table.name not in _FROM_A_START:
            left = " They are what a store left behind when it moved to a folder." if LEFT in facts else ""
            raise Unusable(
                f"The database {shown(url)} is in use: table {table.name} has {count} rows.{left} Choose an empty one."
            )


def _finish_there(wish: Wish, identity: dict[str, Any]) -> Moved:
    """Finish a move whose folder names the database already."""
    with long_connection(wish.url) as connection:
        found = connection.fetch("SELECT to_regclass('fact')")[0][0]
        copy = DatabaseCopy(connection)
        if not found or facts_of(copy).get("identity") != identity["identity"] or LEFT in facts_of(copy):
            raise Unusable(
                f"The store of {wish.folder.path} is in the database {identity[MOVED_TO]}, and {shown(wish.url)} is "
                "another one."
            )
        jobs = copy.fetch("SELECT count(*) FROM job")[0][0]
    if wish.dry_run:
        return Moved(shown(wish.url), jobs, finished=True)
    done = _leave_file(wish, str(identity.get(MOVE)), jobs)
    return Moved(done.where, done.jobs, done.kept, finished=True)


def _leave_file(wish: Wish, number: str, jobs: int) -> Moved:
    """Let the database start for all processes, and rename the file."""
    with long_connection(wish.url) as connection:
        connection.execute("DELETE FROM fact WHERE name = ? AND value = ?", (ARRIVING, number))
    wish.failpoints.passing("move_finished")
    kept = _rename_file(wish.folder)
    return Moved(shown(wish.url), jobs, kept=str(kept))


def _rename_file(folder: Folder) -> Path:
    """Rename the file of the moved store, and its log; the file of an earlier move keeps its name."""
    kept, number = folder.path / "prjobs.sqlite3.moved", 1
    if not folder.database.exists():
        return kept
    while kept.exists():
        number += 1
        kept = folder.path / f"prjobs.sqlite3.moved-{number}"
    for side in SIDES:
        path = folder.path / f"{folder.database.name}{side}"
        if path.exists():
            insist(partial(path.rename, folder.path / f"{kept.name}{side}"))
    sync_folder(folder.path)
    return kept
