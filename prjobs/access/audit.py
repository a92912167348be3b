"""The audit: actor, act, time and origin of each change, in rows that are chained by hash and never changed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from prjobs.access.chain import RESTORE, START, anchor_of, digest
from prjobs.access.identity import Identity
from prjobs.access.signing import OPERATOR_ID, operator_name
from prjobs.store.dialect import HIGHEST_AUDIT
from prjobs.store.models import AuditRow, JobRow
from prjobs.store.transaction import Transaction

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
SITE_REMOVE = "site remove"
LOGIN_LINK = "login link made"
LOCK = "lock"
LOCK_CHANGE = "lock changed"
UNLOCK = "unlock"
LOCK_END = "lock ended"
ALARM_ACK = "alarm ack"
ALARM_UNACK = "alarm ack removed"
NOTE = "note"
NOTE_STRIKE = "note struck out"
FETCH = "fetch jobs"
REPORT = "report"
CLOUD_STATUS = "cloud status"
CLOUD_IMPORT = "cloud import"

# Commands of these classes are recorded for every user, and so is every command for an enclosure, also "close".
WATCHED_CLASSES = frozenset({"roof", "safety", "restart"})
WATCHED_DEVICE = "enclosure"
UNKNOWN = "unknown"
PAGE = 500
# The limits keep one long text from filling the disk.
_ROOM = {"who": 200, "what": 40, "target": 200, "where_from": 200, "detail": 1000}
_COLUMNS = ", ".join(AuditRow._fields)
_INSERT = f"INSERT INTO audit ({_COLUMNS}) VALUES ({', '.join('?' * len(AuditRow._fields))})"

Fetch = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


class Entry(msgspec.Struct, frozen=True):
    """The contents of a row. Texts over the limit are cut."""

    who: str
    what: str
    target: str
    where_from: str
    detail: str = ""


class Actor(msgspec.Struct, frozen=True):
    """A user or program that acts, with its origin. `despite` names a reservation that the act passed over."""

    who: str
    where_from: str
    is_staff: bool = False
    despite: str = ""


class Act(NamedTuple):
    """An act for the audit: the actor and the verb."""

    actor: Actor
    what: str


# The user at the terminal where the operating system has no name for the user.
OPERATOR = Actor(OPERATOR_ID, "command line", is_staff=True)


def operator() -> Actor:
    """Return the user at the terminal, by the operating system's name; `operator` where the system has none."""
    return msgspec.structs.replace(OPERATOR, who=operator_name())


def actor_of(identity: Identity | None, peer: str, despite: str = "") -> Actor:
    """Return the caller as an actor, from the token and the connection."""
    if identity is None:
        return Actor(UNKNOWN, peer)
    token = f"token {identity.token_id}" if identity.token_id else "a provider's token"
    return Actor(identity.user_id, f"{peer} {token}", identity.is_staff, despite)


# ---- adding rows


def record(transaction: Transaction, now_ms: int, entry: Entry) -> AuditRow:
    """Add a row inside the transaction of the act: both are on disk, or neither is."""
    last = newest(transaction.fetch)
    previous = anchor_of(last) if last else START
    seq = max(previous.seq, highest_given(transaction.fetch)) + 1
    texts = {name: _fit(getattr(entry, name), room) for name, room in _ROOM.items()}
    row = AuditRow(seq, now_ms, **texts, previous=previous.hash, hash="")
    row = row._replace(hash=digest(identity_of(transaction.fetch), row))
    transaction.execute(_INSERT, row)
    return row


def _fit(text: str, room: int) -> str:
    # PostgreSQL stores no NUL.
    text = text.encode(errors="replace").decode().replace("\0", "\ufffd")
    return text if len(text) <= room else f"{text[: room - 1]}…"


def newest(fetch: Fetch) -> AuditRow | None:
    """Return the newest row; None before the first."""
    found = fetch(f"SELECT {_COLUMNS} FROM audit ORDER BY seq DESC LIMIT 1", ())
    return AuditRow(*found[0]) if found else None


def highest_given(fetch: Fetch) -> int:
    """Return the highest number ever given to a row."""
    return int(fetch(HIGHEST_AUDIT, ())[0][0])


def identity_of(fetch: Fetch) -> str:
    """Return the identity of the store that is read."""
    return str(fetch("SELECT max(value) FROM fact WHERE name = 'identity'", ())[0][0])


# ---- jobs, refusals, tokens


def record_job(transaction: Transaction, now_ms: int, what: str, row: JobRow, actor: Actor) -> None:
    """Record an act on a job: by staff, despite a reservation, or on a roof, safety, restart or enclosure command."""
    is_watched = row.command_class in WATCHED_CLASSES or row.device.lower() == WATCHED_DEVICE
    if not (actor.is_staff or actor.despite or is_watched):
        return
    behalf = f" in the name of {row.user_id}" if row.user_id != actor.who else ""
    despite = f" {actor.despite}" if actor.despite else ""
    detail = f"{row.site} {row.device} {row.instance} {row.action}{behalf}{despite} {row.required_params}"
    record(transaction, now_ms, Entry(actor.who, what, row.ulid, actor.where_from, detail))


def refusal(actor: Actor, asked: str, sentence: str) -> Entry:
    """Return the entry for a refused command: the command as far as the server could read it, and the answer."""
    return Entry(actor.who, REFUSED, asked, actor.where_from, sentence)


# ---- reading


def list_rows(fetch: Fetch) -> Iterator[AuditRow]:
    """Yield all rows, oldest first, read in pages: a large audit needs little memory and no long read."""
    after = -(2**63)
    while found := fetch(f"SELECT {_COLUMNS} FROM audit WHERE seq > ? ORDER BY seq LIMIT {PAGE}", (after,)):
        yield from (AuditRow(*row) for row in found)
        after = found[-1][0]


def list_restores(fetch: Fetch, after: int) -> list[AuditRow]:
    """Return the rows after number `after` with which a restore started a new chain."""
    sql = f"SELECT {_COLUMNS} FROM audit WHERE what = ? AND seq > ? ORDER BY seq"
    return [AuditRow(*row) for row in fetch(sql, (RESTORE, after))]
