"""`prjobs backup` and `prjobs restore`."""

import os
import sys
from pathlib import Path
from typing import Any

from prjobs.base.clock import Clock
from prjobs.base.errors import LIBRARY_MISSING, Unusable
from prjobs.base.failpoints import planned
from prjobs.base.folder import Folder
from prjobs.base.progress import shown_on
from prjobs.base.settings_sources import load_settings
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, utc
from prjobs.upkeep import backup, restore


def add_backup(making: Parser) -> None:
    """Declare `backup`."""
    add_data(making)
    making.add_argument("file", nargs="?", type=Path, metavar="FILE", help="default: a new one in the backups folder")
    making.set_defaults(run=run_backup)


def add_restore(restoring: Parser) -> None:
    """Declare `restore`."""
    add_data(restoring)
    restoring.add_argument("file", nargs="?", type=Path, metavar="FILE")
    restoring.add_argument(
        "--in-place", action="store_true", help="on a hub whose database was set back to an earlier moment: no FILE"
    )
    restoring.set_defaults(run=run_restore)


def run_backup(asked: Namespace) -> None:
    """Make a backup and print the path."""
    folder = folder_of(asked)
    target = asked.file or backup.default_target(folder, Clock().now_ms())
    failpoints = planned(os.environ, "127.0.0.1")
    url = _store_url(folder)
    with shown_on(sys.stderr):
        if url:
            hub_backup = _of_hubs()
            made = hub_backup.make_hub_backup(hub_backup.Hub(folder, url, Clock(), failpoints), target)
        else:
            made = backup.make_backup(folder, target, failpoints=failpoints)
    print(made.path)


def _store_url(folder: Folder) -> str:
    """Return the database of a hub; empty for a store in the folder, also beside settings that cannot be read."""
    try:
        return load_settings(folder.path)[0].store_url
    except Unusable:
        if folder.database.exists():
            return ""
        raise


def _of_hubs() -> Any:
    # Imported late: the library of PostgreSQL is an extra, for hubs only.
    try:
        from prjobs.upkeep import hub_backup
    except ImportError:
        raise Unusable(LIBRARY_MISSING) from None
    return hub_backup


def run_restore(asked: Namespace) -> None:
    """Restore a backup and print the changes."""
    folder = folder_of(asked)
    url = _store_url(folder)
    if bool(asked.file) == asked.in_place:
        raise Unusable("Name the backup, or give --in-place: one of both.")
    if asked.in_place and not url:
        raise Unusable("--in-place is for the database of a hub. For a store in a folder name the backup.")
    with shown_on(sys.stderr):
        done = _restore_hub(asked, folder, url) if url else restore.restore(folder, asked.file, Clock())
    _tell(asked, done, "The database of store_url" if url else str(folder.database))


def _restore_hub(asked: Namespace, folder: Folder, url: str) -> restore.Restored:
    hub_backup = _of_hubs()
    hub = hub_backup.Hub(folder, url, Clock(), planned(os.environ, "127.0.0.1"))
    done: restore.Restored = (
        hub_backup.restore_in_place(hub) if asked.in_place else hub_backup.restore_hub(hub, asked.file)
    )
    return done


def _tell(asked: Namespace, done: restore.Restored, where: str) -> None:
    until = f", the newest change of {utc(done.newest_ms)} UTC" if done.newest_ms else ""
    if asked.in_place:
        print(f"{where} is safe to start: {_jobs(done.jobs)}{until}.")
    else:
        print(f"{where} is now a copy of {asked.file}: {_jobs(done.jobs)}{until}.")
    if done.replaced:
        print(f"The store from before is kept in {done.replaced}; jobs that came after the backup are there only.")
        print("Tokens are those of the backup: a token revoked since is valid again. Check with `prjobs token list`.")
    if done.cancelled:
        waited = "there" if asked.in_place else "in the backup"
        print(
            f"{_jobs(done.cancelled)} that waited {waited} became CANCELLED: the observatory may have got the job "
            "since. `prjobs jobs --status CANCELLED --since 7d` lists cancelled jobs. Send again the jobs still wanted."
        )
    if done.locked:
        print(
            f"LOCKED OUT, as somebody may be in the dome: {', '.join(done.locked)}. `prjobs unlock SITE` ends a lock."
        )
    if not done.are_locks_known:
        print(
            "Locks that were set since the backup are not known, since the store from before could not be read. Make "
            "sure that nobody is in a dome before you start the server, or lock the site: prjobs lock SITE REASON."
        )
    if done.needs_secret:
        print("This folder has no secret yet: tokens made elsewhere are worth nothing here. Make new tokens.")


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
