"""The checks of a data folder that joins a hub: the same secret, and a database that was not set back."""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.store.numbers import last_number
from prjobs.store.source import Store

# The fact with the SHA-256 of the secret, and the key of identity.json with the highest number of a change.
SECRET, LAST_SEQ = "secret", "last_seq"
logger = logging.getLogger(__name__)
_COPY = (
    "Copy the file secret from the data folder of another process of the hub, or from the folder that the store was "
    "moved from, then start again."
)


def digest(secret: bytes) -> str:
    """Return the form of the secret in the database."""
    return hashlib.sha256(secret).hexdigest()


def require_secret(folder: Folder, identity: Mapping[str, Any], facts: Mapping[str, str]) -> None:
    """Raise Unusable for a folder without the secret of the hub, or with a different secret."""
    is_missing = not (folder.path / "secret").exists()
    if SECRET not in facts:
        if is_missing and "identity" in facts and not identity:
            raise Unusable(f"{folder.path} has no secret, and the store of store_url is in use. {_COPY}")
    elif is_missing:
        raise Unusable(f"{folder.path} has no secret, and the hub has one: its tokens are signed with it. {_COPY}")
    elif digest(folder.known_secret()) != facts[SECRET]:
        raise Unusable(f"The secret in {folder.path} is not that of the hub. {_COPY}")


def names_no_secret(facts: Mapping[str, str]) -> bool:
    """Return True for the database of a hub in use that names no secret: the secret of the next start is the hub's."""
    return SECRET not in facts and "identity" in facts


def say_new_secret(folder: Folder, facts: Mapping[str, str]) -> None:
    """Log that the secret of the folder becomes that of a hub in use; the start names it, so the next is silent."""
    if not names_no_secret(facts):
        return
    if (folder.path / "secret").exists():
        which, worthless = "the one of", "tokens made with another secret"
    else:
        which, worthless = "a new one, made in", "all older tokens"
    logger.warning(
        "The database of store_url named no secret until now. From now on the secret of the hub is %s %s: %s are "
        "worthless.",
        which,
        folder.path,
        worthless,
    )


def require_not_set_back(store: Store, identity: Mapping[str, Any]) -> None:
    """Raise Unusable for a database with fewer changes than this folder has seen there."""
    seen, now = identity.get(LAST_SEQ, 0), last_number(store.fetch, "change")
    if now < seen:
        raise Unusable(
            f"The database of store_url was set back to an earlier moment: its newest change has the number {now}, and "
            f"this process has seen number {seen}. Jobs that wait there may have been handed out since. Run `prjobs "
            "restore --in-place`, which withdraws them and gives no number twice, then start again."
        )
