"""Audit entries for acts without a transaction of their own (refusals, used tokens), limited for each caller."""

import logging
import math

from prjobs.access.anchor import save_anchor
from prjobs.access.audit import LEFT_OUT, TOKEN_USE, UNKNOWN, Entry, actor_of, record
from prjobs.access.desk import Desk
from prjobs.access.identity import Identity
from prjobs.base.errors import Unavailable
from prjobs.base.limits import OTHERS
from prjobs.store.transaction import Transaction

logger = logging.getLogger(__name__)


def note(desk: Desk, entry: Entry) -> None:
    """Queue a row for an act without a transaction of its own, such as a refused command; do not wait for the commit.

    Entries of one address and user beyond the quota become a single row with their number.
    """
    now_s = desk.clock.elapsed_s()
    entries = _left_out(desk, now_s)
    caller = f"{_address(entry.where_from)} {entry.who}"
    if desk.refusals.take(caller, now_s) and desk.hourly_refusals.take(caller, now_s):
        entries.append(entry)
    _post(desk, entries)


def note_hourly(desk: Desk, entry: Entry, kind: str) -> None:
    """Queue a row for an act that a program repeats: once an hour for each address, user and kind."""
    now_s = desk.clock.elapsed_s()
    if desk.repeated.take(f"{_address(entry.where_from)} {entry.who} {kind}", now_s):
        desk.repeated.left_out(now_s)
        _post(desk, [entry])


def note_act(desk: Desk, entry: Entry) -> None:
    """Queue a row for an act of staff without a transaction of its own; do not wait for the commit."""
    _post(desk, [entry])


def note_use(desk: Desk, identity: Identity, peer: str) -> None:
    """Record the use of an administrator's token from an address, limited by the quota to once an hour."""
    if not identity.is_admin:
        return
    now_s = desk.clock.elapsed_s()
    if desk.token_uses.take(f"{identity.user_id} {identity.token_id} {_address(peer)}", now_s):
        desk.token_uses.left_out(now_s)
        actor = actor_of(identity, peer)
        _post(desk, [Entry(actor.who, TOKEN_USE, identity.token_id, actor.where_from)])


def _left_out(desk: Desk, now_s: float) -> list[Entry]:
    windows = ((desk.refusals, "a minute"), (desk.hourly_refusals, "an hour"))
    return [_rest(caller, count, window) for quota, window in windows for caller, count in quota.left_out(now_s)]


def _rest(caller: str, count: int, window: str) -> Entry:
    address, _, who = (OTHERS, "", UNKNOWN) if caller == OTHERS else caller.partition(" ")
    return Entry(who, LEFT_OUT, "", address, f"{count} more refusals within {window}")


def _address(where_from: str) -> str:
    """Return the address without the port and the token."""
    peer = where_from.partition(" ")[0]
    return peer.rpartition(":")[0] or peer


def _post(desk: Desk, entries: list[Entry]) -> None:
    if not entries:
        return
    try:
        desk.database.post(_append_all, desk.clock.now_ms(), entries)
    except Unavailable as unavailable:
        logger.error(
            "%d rows are missing from the audit, because the store did not take them: %s", len(entries), unavailable
        )


def _append_all(transaction: Transaction, now_ms: int, entries: list[Entry]) -> None:
    for entry in entries:
        record(transaction, now_ms, entry)


def keep_once(desk: Desk) -> None:
    """Record the number of entries left out, and save the anchor; a chore."""
    _post(desk, _left_out(desk, desk.clock.elapsed_s()))
    save_anchor(desk)


def settle(desk: Desk) -> None:
    """Record the entries that still wait, before the store is closed. A failing store is logged: closing goes on."""
    try:
        if entries := _left_out(desk, math.inf):
            desk.database.write(_append_all, desk.clock.now_ms(), entries, patience_s=1)
        save_anchor(desk)
    except Unavailable as unavailable:
        logger.error("the audit's anchor was not moved to the newest row: %s", unavailable)
