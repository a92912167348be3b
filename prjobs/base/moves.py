"""The marks of a move of the store between a folder and a database: of the two copies only one starts, at any moment.

identity.json of a folder names the database while the database has the store. The database has a fact while the store
is not yet there, and another fact after the store left.
"""

import json
from collections.abc import Mapping
from typing import Any

from prjobs.base.clock import utc
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder

# Keys of identity.json: the database with the store, in words, and the id of the move.
MOVED_TO, MOVE = "moved_to", "move"
# Facts of a database: the id of a move whose folder does not name the database yet; the folder with the store.
ARRIVING, LEFT = "arriving", "left"
MARKS = (ARRIVING, LEFT)
# The file of a move from a database into a folder, before the file gets the name of the store.
MOVING = "moving.sqlite3"


def require_here(folder: Folder, identity: Mapping[str, Any]) -> None:
    """Raise Unusable for a folder whose store is in a database."""
    if where := identity.get(MOVED_TO):
        raise Unusable(
            f"The store of {folder.path} is in the database {where}. To serve the store from there, set store_url. To "
            f'bring the store back, run `prjobs move --to "{folder.path}"` with store_url set.'
        )


def require_there(identity: Mapping[str, Any], facts: Mapping[str, str]) -> None:
    """Raise Unusable for a database that the store has left, or in which the store has not arrived yet."""
    if LEFT in facts:
        left = json.loads(facts[LEFT])
        raise Unusable(
            f"The store left the database of store_url for the folder {left['folder']} on {utc(left['time_ms'])} UTC. "
            "To serve the store from there, remove store_url. To move the store into a database again, run "
            "`prjobs move --to URL` there, with another database."
        )
    if ARRIVING in facts and facts[ARRIVING] != identity.get(MOVE):
        raise Unusable(
            "The move of a store into the database of store_url was interrupted. Run `prjobs move --to URL` again on "
            "the folder that the store comes from."
        )
