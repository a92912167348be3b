"""The way back of `prjobs move`: the store of a hub into a data folder.

The commit that marks the database is the step after which the folder has the store. The file gets its name afterwards.
"""

import json
import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

from prjobs.access import anchor
from prjobs.access.anchor import ANCHOR_FILE
from prjobs.base.errors import Unusable
from prjobs.base.failpoints import Failpoints
from prjobs.base.files import insist, reason_of, remove, sync_folder, write_whole
from prjobs.base.folder import Folder
from prjobs.base.moves import ARRIVING, LEFT, MOVE, MOVED_TO, MOVING, require_there
from prjobs.store.postgres import shown
from prjobs.store.sqlite import trouble_of
from prjobs.upkeep.hub_store import facts_of, fill_file, lock_door, long_connection, require_store_in
from prjobs.upkeep.moving import Moved, Wish
from prjobs.upkeep.replacing import SIDES
from prjobs.upkeep.store_rows import DatabaseCopy


def move_to_folder(wish: Wish, to: Folder) -> Moved:
    """Move the store of the database into the folder `to`. Raise Unusable; the database is in use then as before."""
    wish.folder.known_secret()
    to.create()
    locks = [wish.folder.lock()]
    try:
        if not to.path.samefile(wish.folder.path):
            locks.append(to.lock())
        return _move_back(wish, to)
    except sqlite3.Error as error:
        raise Unusable(f"The store was not moved: {trouble_of(error, to.database).sentence}") from None
    except OSError as error:
        raise Unusable(f"{error.filename or to.path}: {reason_of(error)}. Run the command again.") from None
    finally:
        for lock in locks:
            lock.release()


def _move_back(wish: Wish, to: Folder) -> Moved:
    with long_connection(wish.url) as connection, connection.session.transaction():
        source = require_store_in(connection, wish.url, wish.folder)
        last_ulid, _ = lock_door(connection, wish.url)
        facts, before = facts_of(source), to.identity()
        finished = LEFT in facts
        if finished and json.loads(facts[LEFT])[MOVE] != before.get(MOVE):
            require_there({}, facts)
        if not finished:
            require_there(wish.folder.identity(), facts)
            before = _arriving_identity(wish, to, source, last_ulid)
            _fill_folder(wish, to, source, before)
        jobs = source.fetch("SELECT count(*) FROM job")[0][0]
    wish.failpoints.passing("move_committed")
    _place(to, before, wish.failpoints)
    return Moved(str(to.path), jobs, kept=shown(wish.url), finished=finished)


def _arriving_identity(wish: Wish, to: Folder, source: DatabaseCopy, last_ulid: str) -> dict[str, Any]:
    """Return the identity of the folder while the store arrives. Raise Unusable for a folder with another store."""
    known, own = to.identity(), wish.folder.identity()
    identity = facts_of(source)["identity"]
    if to.database.exists():
        raise Unusable(f"{to.path} holds a store already: choose another folder.")
    if known.get("identity", identity) != identity:
        raise Unusable(f"{to.path} is of another appliance: choose another folder.")
    if (to.path / "secret").exists() and to.known_secret() != wish.folder.known_secret():
        raise Unusable(f"{to.path} has another secret, with which no token would be valid: choose another folder.")
    newest = source.fetch("SELECT coalesce(max(ulid), '') FROM job")[0][0]
    last = max(newest, last_ulid, known.get("last_ulid", ""), own.get("last_ulid", ""))
    given = {"last_ulid": last} if last else {}
    number = wish.clock.random_bytes(16).hex()
    return {"demo": False, **known, **given, "identity": identity, MOVED_TO: shown(wish.url), MOVE: number}


def _fill_folder(wish: Wish, to: Folder, source: DatabaseCopy, identity: dict[str, Any]) -> None:
    """Copy the store into a file beside its place, and mark the database as left, all in the present transaction."""
    before = to.identity()
    anchor.catch_up(source.fetch, wish.folder.path, joins=not wish.folder.identity())
    # From now on the folder does not start as a new one.
    to.write_identity(identity)
    try:
        for name in ("secret", ANCHOR_FILE):
            if (wish.folder.path / name).exists() and not (to.path / name).exists():
                write_whole(to.path / name, (wish.folder.path / name).read_text(encoding="utf-8"))
        fill_file(source, _beside(to), wish.folder.path)
    except (sqlite3.Error, OSError, Unusable):
        # After a broken connection the database may have been left: the copy stays for the next run.
        for side in SIDES:
            remove(_beside(to).with_name(f"{_beside(to).name}{side}"))
        if before:
            to.write_identity(before)
        else:
            remove(to.path / "identity.json")
        raise
    left = json.dumps({"folder": str(to.path.resolve()), "time_ms": wish.clock.now_ms(), MOVE: identity[MOVE]})
    source.connection.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (LEFT, left))
    source.connection.execute("DELETE FROM fact WHERE name = ?", (ARRIVING,))
    source.connection.execute("UPDATE door SET holder = '', epoch = epoch + 1")
    wish.failpoints.passing("move_filled")


def _beside(folder: Folder) -> Path:
    return folder.path / MOVING


def _place(to: Folder, identity: dict[str, Any], failpoints: Failpoints) -> None:
    """Give the file its name, then let the folder start."""
    if _beside(to).exists():
        insist(partial(_beside(to).rename, to.database))
        sync_folder(to.path)
    elif not to.database.exists():
        raise Unusable(
            f"{_beside(to)} is missing, and the database holds the store as it left: `prjobs restore --in-place` with "
            "store_url set brings it into use there."
        )
    failpoints.passing("move_finished")
    to.write_identity({name: value for name, value in identity.items() if name not in (MOVED_TO, MOVE)})
