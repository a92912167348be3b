"""The audit: who did what, when and from where, in rows that are only ever added and are chained by hash.

The anchor, the newest row's number and hash, is kept beside the store as well: what is cut off at the end of the
chain shows against it. It may be behind the chain, after a crash, and never elsewhere.
"""

import json
import logging
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prjobs.access.chain import RESTORE, START, Anchor, Chain, Verdict, anchor_of, digest, ending, examine
from prjobs.access.identity import Identity
from prjobs.appliance import Appliance
from prjobs.base.errors import Unavailable
from prjobs.base.quota import Quota
from prjobs.store.database import Transaction
from prjobs.store.models import AuditRow, JobRow

NEWJOB = "newjob"
AGAIN = "again"
CANCEL = "cancel"
CLOSE = "close"
REFUSED = "refused"
LEFT_OUT = "left out"
TOKEN_CREATE = "token create"
TOKEN_REVOKE = "token revoke"
TOKEN_USE = "token use"
LOGIN = "login by link"
RESERVE_ADD = "reserve add"
RESERVE_REMOVE = "reserve remove"

# These are recorded whoever sends them, and everything for an enclosure, its closing too.
WATCHED_CLASSES = frozenset({"roof", "safety", "restart"})
WATCHED_DEVICE = "enclosure"
UNKNOWN = "unknown"
ANCHOR_FILE = "audit.json"
NOTICE = "audit"
NOT_WHAT_IT_WAS = "The audit is not what it was: `prjobs audit verify` says where."
PAGE = 500
# Nobody fills the disk with one row; the room is for a person who reads it.
_ROOM = {"who": 200, "what": 40, "target": 200, "where_from": 200, "detail": 1000}
_COLUMNS = ", ".join(AuditRow._fields)
_INSERT = f"INSERT INTO audit ({_COLUMNS}) VALUES ({', '.join('?' * len(AuditRow._fields))})"

logger = logging.getLogger(__name__)
Fetch = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Entry:
    """What a row says. Texts that are too long are cut."""

    who: str
    what: str
    target: str
    where_from: str
    detail: str = ""


@dataclass(frozen=True)
class By:
    """Who acts, and from where."""

    who: str
    where_from: str
    is_staff: bool = False


OPERATOR = By("operator", "command line", is_staff=True)


def by(identity: Identity | None, peer: str) -> By:
    """Whoever asks, by the token and the connection."""
    if identity is None:
        return By(UNKNOWN, peer)
    token = f"token {identity.token_id}" if identity.token_id else "a provider's token"
    return By(identity.user_id, f"{peer} {token}", identity.is_staff)


# ---- adding rows


def record(transaction: Transaction, appliance: Appliance, entry: Entry) -> None:
    """Add a row inside the transaction of the act: both are on disk, or neither is."""
    append(transaction, appliance.clock.now_ms(), entry)


def append(transaction: Transaction, now_ms: int, entry: Entry) -> AuditRow:
    """Add a row at the end of the chain; for what has a transaction and no appliance."""
    last = _newest(transaction.fetch)
    previous = anchor_of(last) if last else START
    seq = max(previous.seq, _given(transaction.fetch)) + 1
    texts = {name: _fit(getattr(entry, name), room) for name, room in _ROOM.items()}
    row = AuditRow(seq, now_ms, **texts, previous=previous.hash, hash="")
    row = row._replace(hash=digest(store_of(transaction.fetch), row))
    transaction.execute(_INSERT, row)
    return row


def _fit(text: str, room: int) -> str:
    text = text.encode(errors="replace").decode()
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _newest(fetch: Fetch) -> AuditRow | None:
    found = fetch(f"SELECT {_COLUMNS} FROM audit ORDER BY seq DESC LIMIT 1", ())
    return AuditRow(*found[0]) if found else None


def _given(fetch: Fetch) -> int:
    """The highest number ever given to a row, as SQLite knows it."""
    return int(fetch("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit'", ())[0][0])


def store_of(fetch: Fetch) -> str:
    """Whose store it is."""
    return str(fetch("SELECT max(value) FROM fact WHERE name = 'identity'", ())[0][0])


# ---- jobs, refusals, tokens


def record_job(transaction: Transaction, appliance: Appliance, what: str, row: JobRow, actor: By) -> None:
    """Record what happens to a job when staff does it, or when it is a roof, safety or restart command."""
    is_watched = row.command_class in WATCHED_CLASSES or row.device.lower() == WATCHED_DEVICE
    if not (actor.is_staff or is_watched):
        return
    behalf = f" in the name of {row.user_id}" if row.user_id != actor.who else ""
    detail = f"{row.site} {row.device} {row.instance} {row.action}{behalf} {row.required_params}"
    record(transaction, appliance, Entry(actor.who, what, row.ulid, actor.where_from, detail))


def refusal(actor: By, asked: str, sentence: str) -> Entry:
    """A command that was refused: what was asked for, as far as it was read, and the answer."""
    return Entry(actor.who, REFUSED, asked, actor.where_from, sentence)


def note(appliance: Appliance, quota: Quota, entry: Entry) -> None:
    """Have a row added, without waiting, for what has no transaction of its own, such as a refused command.

    What comes from one address beyond the quota is one row that says how many were left out.
    """
    now_s = appliance.clock.elapsed_s()
    entries = _left_out(quota, now_s)
    if quota.take(_address(entry.where_from), now_s):
        entries.append(entry)
    _post(appliance, entries)


def note_use(appliance: Appliance, quota: Quota, identity: Identity, peer: str) -> None:
    """Note that an administrator's token is used from an address, as often as the quota says: once an hour."""
    if not identity.is_admin:
        return
    now_s = appliance.clock.elapsed_s()
    if quota.take(f"{identity.user_id} {identity.token_id} {_address(peer)}", now_s):
        quota.left_out(now_s)
        actor = by(identity, peer)
        _post(appliance, [Entry(actor.who, TOKEN_USE, identity.token_id, actor.where_from)])


def _left_out(quota: Quota, now_s: float) -> list[Entry]:
    return [
        Entry(UNKNOWN, LEFT_OUT, "", address, f"{count} more refusals within a minute")
        for address, count in quota.left_out(now_s)
    ]


def _address(where_from: str) -> str:
    """The address without the port and the token."""
    peer = where_from.partition(" ")[0]
    return peer.rpartition(":")[0] or peer


def _post(appliance: Appliance, entries: list[Entry]) -> None:
    if not entries:
        return
    try:
        appliance.database.post(_append_all, appliance.clock.now_ms(), entries)
    except Unavailable as unavailable:
        logger.error("%d rows less in the audit: %s", len(entries), unavailable)


def _append_all(transaction: Transaction, now_ms: int, entries: list[Entry]) -> None:
    for entry in entries:
        append(transaction, now_ms, entry)


# ---- the anchor


def read_anchor(folder: Path) -> Anchor | None:
    """The anchor beside the store; None when there is none or it cannot be read."""
    try:
        value = json.loads((folder / ANCHOR_FILE).read_text(encoding="utf-8"))
        return Anchor(int(value["seq"]), str(value["hash"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def restore_entry(folder: Path, backup: Path) -> Entry:
    """For the first row after a restore: it names the anchor of the chain that ends here."""
    known = read_anchor(folder)
    return Entry(OPERATOR.who, RESTORE, backup.name, OPERATOR.where_from, f"after {known or 'nothing'}")


def save_anchor(appliance: Appliance) -> None:
    """Note the newest row beside the store; never over an anchor that the chain does not hold."""
    last, known = _newest(appliance.database.fetch), read_anchor(appliance.folder)
    now = anchor_of(last) if last else START
    if known == now:
        return
    if not _holds(appliance.database.fetch, known, last):
        _notice(appliance, NOT_WHAT_IT_WAS)
        return
    try:
        _write_anchor(appliance.folder, now)
    except OSError as error:
        _notice(appliance, f"{appliance.folder / ANCHOR_FILE} cannot be written: {error.strerror}.")
    else:
        appliance.notices.pop(NOTICE, None)


def _holds(fetch: Fetch, known: Anchor | None, last: AuditRow | None) -> bool:
    if known is None:
        # As it is before the first row, and after a restore into a new folder.
        return last is None or last.what == RESTORE
    if known == START or fetch("SELECT 1 FROM audit WHERE seq = ? AND hash = ?", known):
        return True
    restores = fetch(f"SELECT {_COLUMNS} FROM audit WHERE what = ? AND seq > ?", (RESTORE, known.seq))
    return any(ending(AuditRow(*row)) == str(known) for row in restores)


def _notice(appliance: Appliance, sentence: str) -> None:
    if appliance.notices.get(NOTICE) != sentence:
        logger.error("%s", sentence)
    appliance.notices[NOTICE] = sentence


def _write_anchor(folder: Path, anchor: Anchor) -> None:
    temporary = folder / f"{ANCHOR_FILE}.new"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(anchor._asdict(), file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / ANCHOR_FILE)


def keep_once(appliance: Appliance, quota: Quota) -> None:
    """The chore: write down what was left out, and how far the chain goes."""
    _post(appliance, _left_out(quota, appliance.clock.elapsed_s()))
    save_anchor(appliance)


def settle(appliance: Appliance, quota: Quota) -> None:
    """The same for all that is left, before the store is closed. A store in trouble is no reason not to close."""
    try:
        if entries := _left_out(quota, math.inf):
            appliance.database.write(_append_all, appliance.clock.now_ms(), entries, patience_s=1)
        save_anchor(appliance)
    except Unavailable as unavailable:
        logger.error("the audit's anchor stays behind: %s", unavailable)


# ---- reading


def list_rows(fetch: Fetch) -> Iterator[AuditRow]:
    """All rows, oldest first, in pages: many rows need no memory and no reading is long."""
    after = -(2**63)
    while found := fetch(f"SELECT {_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT {PAGE}", (after,)):
        yield from (AuditRow(*row) for row in found)
        after = found[-1][0]


def verify(fetch: Fetch, folder: Path, anchors: Iterable[Anchor] = ()) -> tuple[Verdict, int]:
    """Pass over the whole audit of a store, also while a server adds to it.

    `anchors` are known from elsewhere; the folder's own is always asked for. Also returns how many rows the
    folder's own is behind.
    """
    # Both before the rows: rows may be added meanwhile.
    known, given = read_anchor(folder), _given(fetch)
    chain = Chain(store_of(fetch), [*anchors, known or START])
    verdict = examine(list_rows(fetch), chain, given)
    if verdict.seq is None and not _holds(fetch, known, chain.last):
        sentence = f"{folder / ANCHOR_FILE} is missing or unreadable: nobody knows how far the audit went."
        verdict = replace(verdict, seq=verdict.newest.seq + 1, finding=sentence)
    return verdict, verdict.newest.seq - known.seq if known else 0
