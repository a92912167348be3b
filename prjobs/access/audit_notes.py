"""Entries of the audit for what has no transaction of its own, limited for each caller: refusals, used tokens."""

import logging
import math

from prjobs.access.anchor import save_anchor
from prjobs.access.audit import LEFT_OUT, TOKEN_USE, UNKNOWN, Entry, actor_of, record
from prjobs.access.desk import Desk
from prjobs.access.identity import Identity
from prjobs.base.errors import Unavailable
from prjobs.base.limits import Quota
from prjobs.store.transaction import Transaction

logger = logging.getLogger(__name__)


def note(desk: Desk, entry: Entry) -> None:
    """Have a row added, without waiting, for what has no transaction of its own, such as a refused command.

    What comes from one address beyond the quota is one row that says how many were left out.
    """
    now_s = desk.clock.elapsed_s()
    entries = _left_out(desk.refusals, now_s)
    if desk.refusals.take(_address(entry.where_from), now_s):
        entries.append(entry)
    _post(desk, entries)


def note_use(desk: Desk, identity: Identity, peer: str) -> None:
    """Note that an administrator's token is used from an address, as often as the quota says: once an hour."""
    if not identity.is_admin:
        return
    now_s = desk.clock.elapsed_s()
    if desk.token_uses.take(f"{identity.user_id} {identity.token_id} {_address(peer)}", now_s):
        desk.token_uses.left_out(now_s)
        actor = actor_of(identity, peer)
        _post(desk, [Entry(actor.who, TOKEN_USE, identity.token_id, actor.where_from)])


def _left_out(quota: Quota, now_s: float) -> list[Entry]:
    return [
        Entry(UNKNOWN, LEFT_OUT, "", address, f"{count} more refusals within a minute")
        for address, count in quota.left_out(now_s)
    ]


def _address(where_from: str) -> str:
    """The address without the port and the token."""
    peer = where_from.partition(" ")[0]
    return peer.rpartition(":")[0] or peer


def _post(desk: Desk, entries: list[Entry]) -> None:
    if not entries:
        return
    try:
        desk.database.post(_append_all, desk.clock.now_ms(), entries)
    except Unavailable as unavailable:
        logger.error("%d rows less in the audit: %s", len(entries), unavailable)


def _append_all(transaction: Transaction, now_ms: int, entries: list[Entry]) -> None:
    for entry in entries:
        record(transaction, now_ms, entry)


def keep_once(desk: Desk) -> None:
    """Write down what was left out, and how far the chain goes; a chore."""
    _post(desk, _left_out(desk.refusals, desk.clock.elapsed_s()))
    save_anchor(desk)


def settle(desk: Desk) -> None:
    """Write down all that is left before the store is closed. A store in trouble is no reason not to close."""
    try:
        if entries := _left_out(desk.refusals, math.inf):
            desk.database.write(_append_all, desk.clock.now_ms(), entries, patience_s=1)
        save_anchor(desk)
    except Unavailable as unavailable:
        logger.error("the audit's anchor stays behind: %s", unavailable)
