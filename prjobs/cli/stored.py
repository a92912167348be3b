"""The store of a data folder, for commands that work without a server too."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TypeVar

from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.settings_sources import load_settings
from prjobs.cli.running import running_client
from prjobs.client import Client
from prjobs.opening import Purpose, close_appliance, open_appliance
from prjobs.store.database import Database
from prjobs.upkeep.inspection import older_migrations, open_read_only

Answer = TypeVar("Answer")


@contextmanager
def own_appliance(folder: Folder, create: bool = True) -> Iterator[Appliance]:
    """Yield the folder opened by this process. Raises Unusable for an empty folder unless `create`."""
    if not create and not folder.database.exists():
        raise Unusable(f"{folder.path} holds no appliance yet. Start one there with `prjobs serve`.")
    folder.create()
    lock = folder.lock()
    try:
        settings, _ = load_settings(folder.path)
        purpose = Purpose(demo=bool(folder.identity().get("demo")), serving=False)
        appliance, _ = open_appliance(folder, settings, Clock(), purpose)
        try:
            yield appliance
        finally:
            close_appliance(appliance, folder, serving=False)
    finally:
        lock.release()


def ask_or_open(
    folder: Folder, ask: Callable[[Client], Answer], act: Callable[[Appliance], Answer], create: bool = False
) -> Answer:
    """Return `ask(client)` of the running server; without a server, `act(appliance)` of the folder opened here."""
    if client := running_client(folder):
        return ask(client)
    with own_appliance(folder, create) as appliance:
        return act(appliance)


def reading_database(folder: Folder) -> Database:
    """Return the store for reading only; a server may run meanwhile."""
    if not folder.database.exists():
        raise Unusable(f"{folder.path} holds no jobs yet. Start an appliance there with `prjobs serve`.")
    if _is_older(folder):
        raise Unusable(f"{folder.database} is of an older version; the next start brings it up to date.")
    return Database(folder.database)


def _is_older(folder: Folder) -> bool:
    try:
        with closing(open_read_only(folder.database)) as connection:
            return bool(older_migrations(connection))
    except sqlite3.Error:
        # The reading that follows says in a sentence why the file cannot be read.
        return False
