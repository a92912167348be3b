"""`prjobs move`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from prjobs.base.clock import Clock
from prjobs.base.errors import LIBRARY_MISSING, Unusable
from prjobs.base.failpoints import planned
from prjobs.base.folder import Folder
from prjobs.base.progress import shown_on
from prjobs.base.settings_sources import load_settings
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, print_json

if TYPE_CHECKING:
    from prjobs.upkeep.moving import Moved

_SCHEMES = ("postgresql://", "postgres://")


def add_move(moving: Parser) -> None:
    """Declare `move`."""
    add_data(moving)
    moving.add_argument(
        "--to", required=True, metavar="URL|FOLDER", help="postgresql://… of an empty database, or a folder to go back"
    )
    moving.add_argument("--dry-run", action="store_true", help="copy and check everything, then take it back")
    moving.add_argument("--json", action="store_true", help="one JSON object")
    moving.set_defaults(run=run_move)


def run_move(asked: Namespace) -> None:
    """Move the store and print where it is."""
    # Imported late: the library of PostgreSQL is an extra, for hubs only.
    try:
        from prjobs.upkeep import moving, moving_back
    except ImportError:
        raise Unusable(LIBRARY_MISSING) from None
    folder, failpoints = folder_of(asked), planned(os.environ, "127.0.0.1")
    there = asked.to.startswith(_SCHEMES)
    url = asked.to if there else load_settings(folder.path)[0].store_url
    _require_sense(asked, there, url)
    wish = moving.Wish(folder, url, Clock(), failpoints, dry_run=asked.dry_run)
    with shown_on(sys.stderr):
        done = moving.move_to_database(wish) if there else moving_back.move_to_folder(wish, Folder(Path(asked.to)))
    if asked.json:
        print_json({**msgspec.to_builtins(done), "dry_run": asked.dry_run})
    else:
        _tell(done, asked.dry_run, there)


def _require_sense(asked: Namespace, there: bool, url: str) -> None:
    if not asked.to:
        raise Unusable("--to is empty: name a database or a folder.")
    if not there and "://" in asked.to:
        raise Unusable(f"--to {asked.to.partition('://')[0]}://… is no database that prjobs knows: give postgresql://…")
    if not there and not url:
        raise Unusable("A store moves to a folder from a database: set store_url to name the database.")
    if not there and asked.dry_run:
        raise Unusable("--dry-run is for a move into a database.")


def _tell(done: "Moved", dry_run: bool, there: bool) -> None:
    jobs = "1 job" if done.jobs == 1 else f"{done.jobs} jobs"
    if dry_run:
        print(f"The store with {jobs} fits into the database {done.where}. Nothing was changed.")
        return
    again = "An interrupted move is finished. " if done.finished else ""
    if there:
        print(f"{again}The store with {jobs} is in the database {done.where} now. The file it left is {done.kept}.")
        print("Set store_url to the database and start prjobs. The secret of this folder goes to each further process.")
    else:
        print(f"{again}The store with {jobs} is in {done.where} now. The database {done.kept} starts no more.")
        print(f"Remove store_url from the settings, then start prjobs with --data {done.where}.")
