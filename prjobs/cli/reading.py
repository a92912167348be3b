"""The store of a data folder, for commands that only read it: a server may run meanwhile."""

import sqlite3
from contextlib import closing

from prjobs.base.errors import LIBRARY_MISSING, Unusable
from prjobs.base.folder import Folder
from prjobs.base.moves import require_there
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import load_settings
from prjobs.store.database import Database
from prjobs.store.sqlite import SqliteEngine
from prjobs.upkeep.inspection import older_migrations, open_read_only


def reading_database(folder: Folder) -> Database:
    """Return the store for reading only; a server may run meanwhile."""
    settings, _ = load_settings(folder.path)
    if settings.store_url:
        return _of_hub(folder, settings)
    if not folder.database.exists():
        raise Unusable(f"{folder.path} holds no jobs yet. Start an appliance there with `prjobs serve`.")
    if _is_older(folder):
        raise Unusable(f"{folder.database} is of an older version; the next start brings it up to date.")
    return Database(SqliteEngine(folder.database))


def _of_hub(folder: Folder, settings: Settings) -> Database:
    # Imported late: the library of PostgreSQL is an extra, for hubs only.
    try:
        from prjobs.store.hub import open_for_reading
    except ImportError:
        raise Unusable(LIBRARY_MISSING) from None
    database = open_for_reading(settings.store_url)
    require_there(folder.identity(), dict(database.fetch("SELECT name, value FROM fact")))
    return database


def _is_older(folder: Folder) -> bool:
    try:
        with closing(open_read_only(folder.database)) as connection:
            return bool(older_migrations(connection))
    except sqlite3.Error:
        # The reading that follows says in a sentence why the file cannot be read.
        return False
