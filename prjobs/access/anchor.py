"""The audit's anchor: the newest row's number and hash, kept beside the store.

The anchor shows that rows were cut off at the end of the chain. After a crash the anchor may be older than the newest
row, but always names a row of the chain.
"""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from prjobs.access.audit import (
    Entry,
    Fetch,
    highest_given,
    identity_of,
    list_restores,
    list_rows,
    newest,
    operator,
)
from prjobs.access.chain import RESTORE, START, Anchor, Chain, Verdict, anchor_of, ending, examine
from prjobs.base.files import reason_of, write_whole
from prjobs.base.notices import Code
from prjobs.store.common import Common
from prjobs.store.models import AuditRow

ANCHOR_FILE = "audit.json"
ANCHOR_MISMATCH = (
    "The audit does not match its anchor: rows were changed or removed. Run `prjobs audit verify` to find them."
)
RESTORED = (
    "The audit does not match its anchor: row {} says that a backup was restored from another data folder. If you know "
    "of the restore, copy audit.json from there. Otherwise rows were removed: run `prjobs audit verify`."
)

logger = logging.getLogger(__name__)


def read_anchor(folder: Path) -> Anchor | None:
    """Return the anchor beside the store; None when the file is missing or unreadable."""
    try:
        value = json.loads((folder / ANCHOR_FILE).read_text(encoding="utf-8"))
        return Anchor(int(value["seq"]), str(value["hash"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def restore_entry(folder: Path, backup: Path) -> Entry:
    """Return the first row after a restore; its detail names the anchor of the chain that the restore ended."""
    known, actor = read_anchor(folder), operator()
    return Entry(actor.who, RESTORE, backup.name, actor.where_from, f"after {known or 'nothing'}")


def has_none_yet(folder: Path, joins: bool) -> bool:
    """Return True for a folder that `joins` a hub: no process was ever active there, so no anchor was ever written."""
    return joins and not (folder / ANCHOR_FILE).exists()


def catch_up(fetch: Fetch, folder: Path, joins: bool) -> None:
    """Write the newest row's anchor into a folder that `joins` a hub, or whose own anchor the chain holds.

    A restore names the anchor of the folder: the other processes of a hub know newer rows. A folder that joins gets an
    identity next, and without an anchor would look like one whose anchor was removed. Raise OSError.
    """
    last = newest(fetch)
    if last and (has_none_yet(folder, joins) or _holds(fetch, read_anchor(folder), last)):
        write_whole(folder / ANCHOR_FILE, json.dumps(anchor_of(last)._asdict()))


def save_anchor(common: Common, joins: bool = False) -> None:
    """Write the newest row's anchor beside the store; a folder that `joins` a hub has none yet.

    An anchor that the chain does not hold is never overwritten: the anchor is the only evidence that rows are missing.
    """
    last, known = newest(common.database.fetch), read_anchor(common.folder)
    now = anchor_of(last) if last else START
    if known == now:
        common.notices.end(Code.AUDIT)
        return
    if not has_none_yet(common.folder, joins) and not _holds(common.database.fetch, known, last):
        _notice(common, _mismatch(common.database.fetch, known))
        return
    try:
        write_whole(common.folder / ANCHOR_FILE, json.dumps(now._asdict()))
    except OSError as error:
        file = common.folder / ANCHOR_FILE
        _notice(common, f"{file} cannot be written: {reason_of(error)}. Check the folder's rights and its free space.")
    else:
        common.notices.end(Code.AUDIT)


def _holds(fetch: Fetch, known: Anchor | None, last: AuditRow | None) -> bool:
    if known is None:
        # No anchor file exists before the first row, and after a restore into a new folder.
        return last is None or last.what == RESTORE
    if known == START or fetch("SELECT 1 FROM audit WHERE seq = ? AND hash = ?", known):
        return True
    return any(ending(row) == str(known) for row in list_restores(fetch, known.seq))


def _mismatch(fetch: Fetch, known: Anchor | None) -> str:
    """Return the sentence for an anchor that the chain does not hold."""
    restores = list_restores(fetch, known.seq) if known else []
    return RESTORED.format(restores[0].seq) if restores else ANCHOR_MISMATCH


def _notice(common: Common, sentence: str) -> None:
    if common.notices.sentence(Code.AUDIT) != sentence:
        logger.error("%s", sentence)
    common.notices.say(Code.AUDIT, sentence)


def verify(
    fetch: Fetch, folder: Path, anchors: Iterable[Anchor] = (), joins: bool = False
) -> tuple[Verdict, int | None]:
    """Check the whole audit of a store, also while a server adds to it.

    `anchors` come from the caller; the folder's own anchor is always checked too. Return the verdict, and the number of
    rows after the folder's own anchor; None for a folder that `joins` a hub and has no anchor yet.
    """
    has_none = has_none_yet(folder, joins)
    # Read the anchor before the rows: a server may add a row, and move the anchor past the rows read here.
    known, given = read_anchor(folder), highest_given(fetch)
    chain = Chain(identity_of(fetch), [*anchors, known or START])
    verdict = examine(list_rows(fetch), chain, given)
    if verdict.seq is None and not has_none and not _holds(fetch, known, chain.last):
        sentence = f"{folder / ANCHOR_FILE} is missing or unreadable, so the end of the audit cannot be checked."
        verdict = msgspec.structs.replace(verdict, seq=verdict.newest.seq + 1, finding=sentence)
    if has_none:
        return verdict, None
    return verdict, verdict.newest.seq - known.seq if known else 0
