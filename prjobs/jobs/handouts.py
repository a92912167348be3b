"""Handing jobs out: each to one poller, once.

A hand-out is one answer that gives jobs away: a row of `handout`, to which the changes of its jobs point. It is
committed together with its jobs, and its poll waits for that commit. When the poll gave up before the commit came, the
next transaction gives the jobs back before anything else is written.
"""

from prjobs.base.notices import Code
from prjobs.jobs import expiry, leases, log, lookup, proofs
from prjobs.jobs.connections import Handed
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import PollRequest
from prjobs.jobs.states import APPLIANCE, BOTH, CANCELLED, OPEN, RECEIVED, RETURNED, UNREAD
from prjobs.jobs.withdrawals import CANCEL_ALL
from prjobs.store.engine import Source
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

# How long a poll waits until the writer begins with it, and then for the commit.
TAKE_PATIENCE_S = 0.15
COMMIT_S = 5.0
# How long the same poll_id gives the same jobs again.
POLL_ID_S = 600.0
LATE = "its poll gave up before it was stored: it waits again"


def begin_poll(queue: Queue, poll: PollRequest, peer: str, own_connection: bool = True) -> int | None:
    """Note that the peer polls; return the gap to the poll before in milliseconds, None for the first.

    `own_connection` is False behind a proxy: there the peer's next request proves nothing, and its earlier answers
    are as open to doubt as those of others.
    """
    proofs.note_poll(queue, poll, peer if own_connection else None)
    return queue.polls.polled(poll.site, poll.queue)


def take_jobs(queue: Queue, poll: PollRequest, peer: str, gap_ms: int | None) -> list[JobRow]:
    """Hand out the site's waiting jobs of one queue, oldest first; they become RECEIVED in the same transaction.

    Nothing waits: an empty list and no write at all. A repeated `poll_id` gives the same jobs again. Raises
    Unavailable when the writer does not begin within 150 ms, or its commit takes more than 5 s: then the jobs go back.
    """
    if not (_is_repeated(queue, poll) or lookup.has_waiting(queue.database, poll.site, poll.queue)):
        return []
    given = queue.database.write(
        _take,
        queue,
        poll,
        peer,
        gap_ms,
        patience_s=TAKE_PATIENCE_S,
        commit_s=COMMIT_S,
        undo=lambda transaction, late: _give_back(transaction, queue, late),
    )
    if not given:
        return []
    queue.failpoints.passing("handout_after_commit")
    queue.connections.opened(given, poll, peer)
    return sorted((row for handed in given for row in handed.rows), key=lambda row: row.seq)


def _take(transaction: Transaction, queue: Queue, poll: PollRequest, peer: str, gap_ms: int | None) -> list[Handed]:
    if given := _handed_before(transaction, queue, poll):
        return given
    waiting = lookup.waiting_of(transaction, poll.site, poll.queue, poll.device, poll.instance)
    sound = _set_aside(transaction, queue, waiting, poll.queue)
    fresh, expired = expiry.split_expired(transaction, queue, sound)
    expiry.expire_rows(transaction, queue, expired, poll.queue)
    if not fresh:
        return []
    now_ms = queue.clock.now_ms()
    handout_id = transaction.execute(
        "INSERT INTO handout (site, queue, time_ms, peer, poll_id, gap_ms, lease_s, state, maybe_flushed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) RETURNING id",
        (poll.site, poll.queue, now_ms, peer, poll.poll_id, gap_ms, poll.lease_s, OPEN),
    ).fetchone()[0]
    log.apply(transaction, fresh, Event(poll.queue, RECEIVED, now_ms, peer, handout_id=handout_id))
    transaction.executemany("UPDATE job SET attempts = attempts + 1 WHERE seq = ?", [(row.seq,) for row in fresh])
    if poll.lease_s:
        leases.grant(transaction, queue, fresh, poll.queue, poll.lease_s)
    if poll.poll_id:
        transaction.after_commit(queue.repeats.set, handout_id, queue.clock.elapsed_s() + POLL_ID_S)
    return [Handed(handout_id, poll.program, fresh, poll.is_plain, poll.poll_id)]


def _set_aside(transaction: Transaction, queue: Queue, rows: list[JobRow], queue_name: str) -> list[JobRow]:
    """Return the undamaged rows; withdraw and show the damaged ones, so that the others can go out."""
    sound = []
    for row in rows:
        if row.is_sound:
            sound.append(row)
            continue
        queues = BOTH if row.status == row.alternate_status else queue_name
        note = "it is damaged: it is not what was sent"
        log.apply(transaction, [row], Event(queues, CANCELLED, queue.clock.now_ms(), APPLIANCE, note))
        sentence = (
            f"Job {row.ulid} of {row.site} is damaged and was not handed out: send the command anew and run "
            "`prjobs doctor --deep`."
        )
        transaction.after_commit(queue.notices.say, Code.DAMAGED_JOB, sentence)
    return sound


def _give_back(transaction: Transaction, queue: Queue, given: list[Handed]) -> None:
    """Give the jobs of a hand-out back whose poll gave up; those that a cancel_all came after are withdrawn.

    A hand-out that was only repeated stays: its first answer may have arrived.
    """
    for handed in given:
        if handed.is_repeated:
            continue
        queue_name, now_ms = handed.program[1], queue.clock.now_ms()
        rows = lookup.given_by(transaction, handed.id)
        withdrawn = [row for row in rows if lookup.is_withdrawn(transaction, row)]
        waiting = [row for row in rows if row not in withdrawn]
        log.apply(transaction, waiting, Event(queue_name, UNREAD, now_ms, APPLIANCE, LATE))
        log.apply(transaction, withdrawn, Event(queue_name, CANCELLED, now_ms, APPLIANCE, CANCEL_ALL))
        for row in rows:
            leases.end(transaction, queue, row.seq, queue_name)
        transaction.execute(f"UPDATE handout SET state = '{RETURNED}' WHERE id = ? AND state = '{OPEN}'", (handed.id,))


# ---- a poll that is asked again


def _is_repeated(queue: Queue, poll: PollRequest) -> bool:
    """Return True if the same poll_id got jobs in the last ten minutes.

    Only the writer knows which: it may be about to give the jobs back, because the poll before gave up.
    """
    return poll.poll_id is not None and bool(_given_to(queue.database, queue, poll))


def _given_to(source: Source, queue: Queue, poll: PollRequest) -> list[int]:
    """Return the hand-outs that the same poll_id got in the last ten minutes, oldest first."""
    found = source.fetch(
        f"SELECT id, time_ms FROM handout WHERE site = ? AND queue = ? AND poll_id = ? AND state <> '{RETURNED}' "
        "ORDER BY id",
        (poll.site, poll.queue, poll.poll_id),
    )
    return [handout_id for handout_id, time_ms in found if _is_repeatable(queue, handout_id, time_ms)]


def _handed_before(transaction: Transaction, queue: Queue, poll: PollRequest) -> list[Handed]:
    """Return what the same poll_id got in the last ten minutes, as far as it may leave once more."""
    given = []
    for handout_id in _given_to(transaction, queue, poll) if poll.poll_id else ():
        rows = _still_due(transaction, queue, poll, handout_id)
        if rows:
            given.append(Handed(handout_id, poll.program, rows, poll.is_plain, poll.poll_id, is_repeated=True))
        for row in rows if poll.lease_s else ():
            transaction.after_commit(leases.renew, queue, row.seq, poll.queue, poll.lease_s)
    return given


def _is_repeatable(queue: Queue, handout_id: int, time_ms: int) -> bool:
    """Return True if the hand-out is young enough: by elapsed time, or by the clock from before this process."""
    over_s = queue.repeats.over_s(handout_id)
    if over_s is None:
        over_s = (queue.clock.now_ms() - time_ms) / 1000 - POLL_ID_S
    return over_s < 0


def _still_due(transaction: Transaction, queue: Queue, poll: PollRequest, handout_id: int) -> list[JobRow]:
    """Return the jobs of a hand-out that may leave again: neither expired nor withdrawn, and not filtered out."""
    rows = lookup.given_by(transaction, handout_id, reported=True)
    withdrawn = [row for row in rows if lookup.is_withdrawn(transaction, row)]
    fresh, expired = expiry.split_expired(transaction, queue, [row for row in rows if row not in withdrawn])
    # What was reported on keeps its status: only untouched jobs become EXPIRED or CANCELLED.
    untouched = {row.seq for row in lookup.given_by(transaction, handout_id)} if withdrawn or expired else set()
    expiry.expire_rows(transaction, queue, [row for row in expired if row.seq in untouched], poll.queue)
    event = Event(poll.queue, CANCELLED, queue.clock.now_ms(), APPLIANCE, CANCEL_ALL)
    log.apply(transaction, [row for row in withdrawn if row.seq in untouched], event)
    wanted = ((poll.device, "device"), (poll.instance, "instance"))
    return [row for row in fresh if all(value in (None, getattr(row, name)) for value, name in wanted)]
