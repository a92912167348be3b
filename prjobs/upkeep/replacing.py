"""The change of places between a store and a restored copy: at each moment one of both is in place, whole.

The old store is kept under a second name, and the copy takes the first name in one step. A write-ahead log beside
another store would spoil that store, so the log is emptied before; a log that cannot be emptied is copied, and the
store's name is empty until the copy is in place: the next start is refused, and the next restore goes on.
"""

import logging
import os
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

from prjobs.base.files import insist, make_folder, remove, replace, sync_file, sync_folder
from prjobs.base.folder import Folder
from prjobs.upkeep.inspection import has_log

logger = logging.getLogger(__name__)
SIDES = ("", "-wal", "-shm")
# The file of a restore under way; a restore that was killed leaves the file.
RESTORING = "restoring.sqlite3"


def change_places(folder: Folder, copy: Path, identity: dict[str, object], aside: Path) -> Path | None:
    """Put the copy in the place of the store and return the folder with the old store; None without an old store.

    `aside` is the folder to make for the old store. After an OSError the old store is in place again.
    """
    kept = _keep(folder, aside)
    try:
        if kept:
            _clear(folder, aside)
        # With the store first, a crash in between could give an id twice.
        folder.write_identity(identity)
        replace(copy, folder.database)
    except OSError:
        if kept:
            _put_back(folder, aside)
        raise
    sync_folder(folder.path)
    return aside if kept else None


def empty_log(store: Path) -> None:
    """Take the write-ahead log into the store's file where possible, so that the store is one file."""
    try:
        with closing(sqlite3.connect(store, timeout=1, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        logger.warning("the write-ahead log of the old store is kept as a file of its own: %s", error)


def _keep(folder: Folder, aside: Path) -> bool:
    """Give the store a second name in the folder `aside`, with a copy of the log; return False without a store."""
    log = _side(folder.database, "-wal")
    if not any(_side(folder.database, side).exists() for side in SIDES):
        return False
    make_folder(aside.parent)
    # Never into the folder of another restore.
    aside.mkdir(mode=0o700)
    sync_folder(aside.parent)
    try:
        if has_log(folder.database):
            shutil.copyfile(log, aside / log.name)
            sync_file(aside / log.name)
        if folder.database.exists():
            _link(folder.database, aside / folder.database.name)
    except OSError:
        _put_back(folder, aside)
        raise
    sync_folder(aside)
    return True


def _side(database: Path, side: str) -> Path:
    return database.with_name(f"{database.name}{side}")


def _link(store: Path, second: Path) -> None:
    """Give the file a second name; where the file system has one name a file, the second name only."""
    try:
        os.link(store, second)
    except OSError:
        insist(partial(store.rename, second))


def _clear(folder: Folder, aside: Path) -> None:
    """Remove the side files; with a log, the store's name first: a store without its log is an older store."""
    if _side(aside / folder.database.name, "-wal").exists():
        remove(folder.database)
        sync_folder(folder.path)
    for side in SIDES[1:]:
        remove(_side(folder.database, side))
    sync_folder(folder.path)


def _put_back(folder: Folder, aside: Path) -> None:
    """Bring the old store back, its log first."""
    for side in reversed(SIDES):
        place = _side(folder.database, side)
        kept = aside / place.name
        if place.exists():
            remove(kept)
        elif kept.exists():
            insist(partial(kept.rename, place))
    aside.rmdir()
    sync_folder(folder.path)


def forget_half_done(folder: Folder) -> None:
    """Remove the second name of the present store that an interrupted restore left behind.

    SQLite keeps the log by the file's name: two programs that open one file under two names spoil the file.
    """
    for kept in folder.backups.glob(f"replaced-*/{folder.database.name}"):
        if folder.database.exists() and kept.samefile(folder.database):
            for path in kept.parent.iterdir():
                remove(path)
            kept.parent.rmdir()
