"""Handing jobs out: each to one poller, once; and what becomes of each answer.

A hand-out is OPEN until something proves that it arrived (the next request on the same connection, a report on one
of its jobs, the next poll_id): then CONFIRMED. When its connection ends, another one polls or the process ends
first, it is UNCONFIRMED: shown, and never sent again by itself unless the setting `redeliver` says so.
"""

from collections.abc import Callable
from typing import Any

from prjobs import feed, lookup, redelivery
from prjobs.appliance import Appliance
from prjobs.database import Transaction
from prjobs.errors import Unavailable
from prjobs.expiry import expire_rows, split_expired
from prjobs.feed import Event
from prjobs.models import JobRow
from prjobs.open_handouts import Handed
from prjobs.states import ALTERNATE, PRIMARY, RECEIVED
from prjobs.wire import PollRequest

OPEN, CONFIRMED, UNCONFIRMED = "OPEN", "CONFIRMED", "UNCONFIRMED"
TAKE_PATIENCE_S = 0.15
POLL_ID_MS = 600_000


def begin_poll(appliance: Appliance, poll: PollRequest, peer: str, own_connection: bool = True) -> int | None:
    """Note that the peer polls; the gap to the queue's poll before in milliseconds, None for the first.

    `own_connection`: whether its next request proves its last answer. Behind a proxy it does not, and what the
    same peer got before is as open to doubt as what others got.
    """
    queue = ALTERNATE if poll.alternate else PRIMARY
    _note_earlier(appliance, poll, queue, peer if own_connection else None)
    return appliance.presence.polled(poll.site, queue)


def take_jobs(appliance: Appliance, poll: PollRequest, peer: str, gap_ms: int | None) -> list[JobRow]:
    """Hand out the site's waiting jobs of one queue, oldest first; they become RECEIVED in the same transaction.

    Nothing new: an empty list and no write at all. A repeated `poll_id` gives the same jobs again. Raises
    Unavailable when the store cannot do it in 150 ms; jobs that were committed too late for this answer leave
    with the next one.
    """
    queue = ALTERNATE if poll.alternate else PRIMARY
    handed = (
        _handed_before(appliance, poll, queue)
        or appliance.handouts.next_unsent((poll.site, queue))
        or _take_waiting(appliance, poll, queue, peer, gap_ms)
    )
    if handed is None:
        return []
    appliance.failpoints.passing("handout_after_commit")
    appliance.handouts.sent(handed, peer)
    return handed.rows


def _take_waiting(appliance: Appliance, poll: PollRequest, queue: str, peer: str, gap_ms: int | None) -> Handed | None:
    if not lookup.has_waiting(appliance, poll.site, queue):
        return None
    return appliance.database.write(
        _take,
        appliance,
        poll,
        queue,
        peer,
        gap_ms,
        patience_s=TAKE_PATIENCE_S,
        late=lambda handed: appliance.handouts.keep_unsent(handed) if handed else None,
    )


def _take(
    transaction: Transaction, appliance: Appliance, poll: PollRequest, queue: str, peer: str, gap_ms: int | None
) -> Handed | None:
    waiting = lookup.waiting_of(transaction, poll.site, queue, poll.device, poll.instance)
    fresh, expired = split_expired(appliance, waiting)
    expire_rows(transaction, appliance, expired, queue)
    if not fresh:
        return None
    now_ms = appliance.clock.now_ms()
    handout_id = transaction.execute(
        "INSERT INTO handout (site, queue, time_ms, peer, poll_id, gap_ms, lease_s, state, maybe_flushed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) RETURNING id",
        (poll.site, queue, now_ms, peer, poll.poll_id, gap_ms, poll.lease_s, OPEN),
    ).fetchone()[0]
    feed.apply(transaction, fresh, Event(queue, RECEIVED, now_ms, peer, handout_id=handout_id))
    transaction.executemany("UPDATE job SET attempts = attempts + 1 WHERE seq = ?", [(row.seq,) for row in fresh])
    if poll.lease_s:
        _lease(transaction, appliance, fresh, queue, poll.lease_s, now_ms)
    plain = not (poll.poll_id or poll.lease_s or poll.wait_s)
    return Handed(handout_id, (poll.site, queue), fresh, plain, poll.poll_id)


def _lease(
    transaction: Transaction, appliance: Appliance, rows: list[JobRow], queue: str, lease_s: int, now_ms: int
) -> None:
    for row in rows:
        transaction.execute("DELETE FROM lease WHERE job_seq = ? AND queue = ?", (row.seq, queue))
        transaction.execute(
            "INSERT INTO lease (job_seq, queue, lease_s, handed_ms) VALUES (?, ?, ?, ?)",
            (row.seq, queue, lease_s, now_ms),
        )
        appliance.leases.set((row.seq, queue), lease_s)


def _handed_before(appliance: Appliance, poll: PollRequest, queue: str) -> Handed | None:
    """What the same poll_id got in the last ten minutes."""
    if poll.poll_id is None:
        return None
    found = appliance.database.fetch(
        "SELECT id FROM handout WHERE site = ? AND queue = ? AND poll_id = ? AND time_ms > ? ORDER BY id DESC LIMIT 1",
        (poll.site, queue, poll.poll_id, appliance.clock.now_ms() - POLL_ID_MS),
    )
    if not found:
        return None
    columns = ", ".join(f"j.{column}" for column in JobRow._fields)
    rows = appliance.database.fetch(
        f"SELECT {columns} FROM change c JOIN job j ON j.seq = c.job_seq WHERE c.handout_id = ? ORDER BY j.seq",
        (found[0][0],),
    )
    return Handed(found[0][0], (poll.site, queue), [JobRow(*row) for row in rows], False, poll.poll_id)


# ---- what became of an answer

# Nothing that was reported on was thrown away.
_FLUSHED = (
    "UPDATE handout SET maybe_flushed = 1 WHERE id = ? AND NOT EXISTS ("
    "SELECT 1 FROM change c JOIN change r ON r.job_seq = c.job_seq AND r.queue = c.queue AND r.seq > c.seq "
    "WHERE c.handout_id = handout.id)"
)


def _note_earlier(appliance: Appliance, poll: PollRequest, queue: str, peer: str | None) -> None:
    """What this poll says about the hand-outs before it."""
    plain = not (poll.poll_id or poll.lease_s or poll.wait_s)
    if flushed := appliance.handouts.flushed((poll.site, queue), plain):
        _post(appliance, _FLUSHED, [flushed])
    others = appliance.handouts.superseded((poll.site, queue), peer)
    new_id = poll.poll_id
    confirm(appliance, [handed for handed in others if new_id and handed.poll_id and handed.poll_id != new_id])
    doubt(appliance, [handed for handed in others if not (new_id and handed.poll_id)])


def heard(appliance: Appliance, peer: str) -> None:
    """The peer sent another request on its connection: the answer before it arrived."""
    confirm(appliance, appliance.handouts.ended(peer))


def connection_ended(appliance: Appliance, peer: str) -> None:
    """The connection closed before anything proved that its last answer arrived."""
    doubt(appliance, appliance.handouts.ended(peer))


def confirm(appliance: Appliance, handed: list[Handed]) -> None:
    """These answers arrived."""
    _post(appliance, f"UPDATE handout SET state = '{CONFIRMED}' WHERE id = ?", handed)


def doubt(appliance: Appliance, handed: list[Handed]) -> None:
    """Nothing proves that these answers arrived."""
    _hand_over(appliance, handed, _doubt_each, appliance, handed)


def _post(appliance: Appliance, sql: str, handed: list[Handed]) -> None:
    _hand_over(appliance, handed, _execute_each, sql, handed)


def _hand_over(appliance: Appliance, handed: list[Handed], verb: Callable[..., None], *arguments: Any) -> None:
    if not handed:
        return
    try:
        appliance.database.post(verb, *arguments)
    except Unavailable:
        # The rows stay OPEN and become UNCONFIRMED at the next start: doubt is the safe side.
        return


def _execute_each(transaction: Transaction, sql: str, handed: list[Handed]) -> None:
    transaction.executemany(sql, [(one.id,) for one in handed])
    for site in {one.queue[0] for one in handed}:
        transaction.tell(site)


def _doubt_each(transaction: Transaction, appliance: Appliance, handed: list[Handed]) -> None:
    for one in handed:
        _doubt_one(transaction, appliance, one.id)
        transaction.tell(one.queue[0])


def _doubt_one(transaction: Transaction, appliance: Appliance, handout_id: int) -> None:
    sql = f"UPDATE handout SET state = '{UNCONFIRMED}' WHERE id = ? AND state = '{OPEN}'"
    if transaction.execute(sql, (handout_id,)).rowcount:
        redelivery.return_once(transaction, appliance, handout_id)


def doubt_all_open(transaction: Transaction, appliance: Appliance) -> int:
    """At the start: what an earlier process left open will not be proved by a connection. How many there were."""
    found = transaction.fetch(f"SELECT id FROM handout WHERE state = '{OPEN}' ORDER BY id")
    for (handout_id,) in found:
        _doubt_one(transaction, appliance, handout_id)
    return len(found)


def unconfirmed(appliance: Appliance, since_ms: int) -> int:
    """How many hand-outs since then are in doubt."""
    sql = f"SELECT count(*) FROM handout WHERE state = '{UNCONFIRMED}' AND time_ms >= ?"
    return int(appliance.database.fetch(sql, (since_ms,))[0][0])
