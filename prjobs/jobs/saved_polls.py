"""The times of the polls and the highest numbers ever given, saved for a later start."""

import logging
from typing import Any

from prjobs.base.errors import Unusable
from prjobs.base.files import reason_of
from prjobs.base.folder import Folder
from prjobs.jobs.queue import Queue
from prjobs.store.joining import LAST_SEQ
from prjobs.store.numbers import last_number
from prjobs.store.transaction import Transaction

logger = logging.getLogger(__name__)
# The sites of one transaction: a hub's writer would keep stops waiting for half a second with a thousand.
AT_ONCE = 100


def save_polls(queue: Queue, folder: Folder) -> None:
    """Save the times of the polls, and beside the store the highest id ever given, on a hub also that of a change.

    A file that cannot be replaced, as on a full disk, keeps the old contents: the next start asks the store too.
    """
    polls = queue.polls.unsaved()
    for at in range(0, len(polls), AT_ONCE):
        queue.database.write(_save_polls, queue, polls[at : at + AT_ONCE])
    stored = queue.database.fetch("SELECT max(ulid) FROM job")[0][0]
    try:
        identity = folder.identity()
    except Unusable as unusable:
        # The open store knows who it is, so the damaged file is written anew.
        logger.error("%s", unusable)
        identity = {}
    known: dict[str, Any] = {"last_ulid": max(stored or "", identity.get("last_ulid", ""))}
    if queue.settings.store_url:
        # A command on a database that was set back must not lower the number that shows it.
        known[LAST_SEQ] = max(last_number(queue.database.fetch, "change"), identity.get(LAST_SEQ, 0))
    if not stored or known.items() <= identity.items():
        return
    try:
        folder.write_identity({**identity, "identity": queue.identity, "demo": queue.demo, **known})
    except OSError as error:
        logger.error("%s cannot be written: %s", folder.path / "identity.json", reason_of(error))


def _save_polls(transaction: Transaction, queue: Queue, polls: list[tuple[str, str, int, int | None]]) -> None:
    transaction.executemany(
        "INSERT INTO poll (site, queue, last_ms, usual_gap_ms) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (site, queue) DO UPDATE SET last_ms = excluded.last_ms, usual_gap_ms = excluded.usual_gap_ms",
        polls,
    )
    transaction.after_commit(queue.polls.saved, polls)
