"""Handing jobs out: each job to a single poller, once.

A hand-out is an answer that gives jobs away: a row of `handout`, named by the changes of the jobs. The row is committed
together with the jobs, and the poll waits for the commit. When the poll gives up before the commit, the next
transaction gives the jobs back before any other write. A client that has ended its side of the connection gets no jobs:
a program that has gone looks the same.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import msgspec

from prjobs.access import lockouts
from prjobs.base.errors import Conflict, Fault
from prjobs.base.notices import Code
from prjobs.jobs import expiry, leases, log, lookup, marked_flushes, proofs, settling, shared_stops, stops, two_programs
from prjobs.jobs.connections import Handed, Leaving
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue, post
from prjobs.jobs.recent_polls import NotedPoll
from prjobs.jobs.repeated_polls import POLL_ID_S, give_back, handed_before, is_repeated
from prjobs.jobs.requests import STOP_CLASS, PollRequest
from prjobs.jobs.states import APPLIANCE, BOTH, CANCELLED, OPEN, RECEIVED
from prjobs.store.models import JobRow
from prjobs.store.numbers import insert_numbered
from prjobs.store.transaction import Transaction

# The longest waits of a poll: for the writer to begin, and then for the commit.
TAKE_PATIENCE_S = 0.15
COMMIT_S = 5.0
HAS_ENDED = (
    "The program has ended its side of the connection before the answer: jobs are handed out only to a program that "
    "keeps the connection open until the answer."
)
ENDED = "its poll had ended before the answer: it waits again"
# On a hub an answer with jobs leaves within this time of the commit, and within half of a lease: a process that slept
# may have been replaced, and the jobs may be in other hands.
LEAVE_S = 5.0
REPLACED = (Fault.NOT_ACTIVE, Fault.REPLACED)
SLEPT = "its answer came too late to leave: it waits again"
# The most in one answer; the rest leaves with the next polls. A larger job leaves alone.
MOST_JOBS = 200
MOST_BYTES = 1_000_000


def begin_poll(queue: Queue, poll: PollRequest, peer: str, own_connection: bool = True) -> NotedPoll:
    """Note a poll of the peer, and judge the earlier hand-outs of the program by the poll.

    `own_connection` is False behind a proxy: there the peer's next request is no proof, and the peer's earlier answers
    are in doubt like the answers of other programs.
    """
    noted = NotedPoll(queue.clock.elapsed_s(), address=peer, is_plain=poll.is_plain)
    if own_connection:
        noted.peer, noted.address = peer, peer.rpartition(":")[0]
    proofs.note_poll(queue, poll, noted.peer or None)
    if not poll.is_flush:
        proofs.find_flushes(queue, poll.program, noted)
    noted.gap_ms = queue.polls.polled(poll.site, poll.queue)
    return noted


def take_jobs(queue: Queue, poll: PollRequest, peer: str, noted: NotedPoll | None) -> list[JobRow]:
    """Hand out the site's waiting jobs of one queue, oldest first; the jobs become RECEIVED in the same transaction.

    Without a waiting job return an empty list, and write nothing. A repeated `poll_id` gives the same jobs again. Raise
    Unavailable when the writer does not begin within 150 ms, or when the commit takes more than 5 s: then the jobs go
    back. Raise Conflict, and hand nothing out, when the client has ended its side of the connection.
    """
    if poll.is_flush:
        if _has_waiting(queue, poll):
            queue.database.write(
                marked_flushes.throw_away, queue, poll, peer, patience_s=TAKE_PATIENCE_S, commit_s=COMMIT_S
            )
        return []
    given = _give(queue, poll, peer, noted)
    rows = sorted((row for handed in given for row in handed.rows), key=lambda row: row.seq) if given else []
    if noted:
        noted.leaving = Leaving(given, peer, _leaves_by_s(queue, poll, given))
    return rows


def _leaves_by_s(queue: Queue, poll: PollRequest, given: list[Handed]) -> float | None:
    """Return the latest elapsed time at which the answer may leave; None where no other process can become active."""
    if not given or not queue.settings.store_url:
        return None
    limit_s = min(LEAVE_S, poll.lease_s / 2) if poll.lease_s else LEAVE_S
    return min(one.taken_s for one in given) + limit_s


def may_leave(queue: Queue, poll: PollRequest, noted: NotedPoll) -> bool:
    """Note the answer to the poll, and return True; return False for an answer with jobs too late to leave.

    The jobs of a late answer are given back: nothing is noted of them, and the program of the poll got no stop. After
    another process has become the active one, the hand-out stays UNCONFIRMED.
    """
    leaving, noted.leaving = noted.leaving, None
    if leaving is None:
        return True
    if _is_late(queue, leaving):
        queue.connections.dropped(leaving.given, leaving.peer)
        post(queue, give_back, queue, leaving.given, SLEPT)
        return False
    queue.recent_polls.answered(poll.program, noted, [one.id for one in leaving.given], queue.clock.elapsed_s())
    stop_seqs = [row.seq for one in leaving.given for row in one.rows if row.command_class == STOP_CLASS]
    two_programs.note_stops(queue, poll.program, noted, stop_seqs)
    return True


def _is_late(queue: Queue, leaving: Leaving) -> bool:
    if leaving.by_s is None:
        return False
    trouble = queue.database.trouble
    return queue.clock.elapsed_s() >= leaving.by_s or bool(trouble and trouble.fault in REPLACED)


def _give(queue: Queue, poll: PollRequest, peer: str, noted: NotedPoll | None) -> list[Handed]:
    owed = two_programs.owed_stops(queue, poll.program, noted) if noted else []
    is_owed = owed or shared_stops.find_owed(queue.database, queue, poll.program)
    if not (is_owed or _awaits_stop(queue, poll) or is_repeated(queue, poll) or _has_waiting(queue, poll)):
        return []
    if noted and noted.has_ended():
        raise Conflict(HAS_ENDED)
    given: list[Handed] = queue.database.write(
        _take,
        queue,
        poll,
        Caller(peer, noted.gap_ms if noted else None, owed),
        patience_s=TAKE_PATIENCE_S,
        commit_s=COMMIT_S,
        undo=lambda transaction, late: give_back(transaction, queue, late),
    )
    if noted and owed and not given:
        two_programs.note_stops(queue, poll.program, noted, owed)
    if given:
        queue.failpoints.passing("handout_after_commit")
        queue.connections.opened(given, peer)
        if noted and noted.has_ended():
            queue.connections.dropped(given, peer)
            post(queue, give_back, queue, given, ENDED)
            raise Conflict(HAS_ENDED)
    return given


def _awaits_stop(queue: Queue, poll: PollRequest) -> bool:
    """Return True if the writer is about to return a stop, once for each such stop: the next transaction has it."""
    key = (poll.site, poll.queue)
    if key not in queue.returning:
        return False
    queue.returning.discard(key)
    return True


def _has_waiting(queue: Queue, poll: PollRequest) -> bool:
    has_waiting = lookup.has_waiting(queue.database, poll.site, poll.queue)
    if has_waiting and poll.site in queue.lockouts.held:
        return lookup.has_waiting_stop(queue.database, poll.site, poll.queue)
    return has_waiting


class Caller(NamedTuple):
    """The caller of a poll; the stops in `owed_seqs` went to the other one of two programs."""

    peer: str
    gap_ms: int | None
    owed_seqs: Sequence[int]


def _take(transaction: Transaction, queue: Queue, poll: PollRequest, caller: Caller) -> list[Handed]:
    taken_s = queue.clock.elapsed_s()
    if given := handed_before(transaction, queue, poll):
        return [msgspec.structs.replace(one, taken_s=taken_s) for one in given]
    owed = two_programs.find_owed(transaction, queue, caller.owed_seqs, poll.queue)
    owed = sorted({*owed, *shared_stops.find_owed(transaction, queue, poll.program)})
    leaving = _find_leaving(transaction, queue, poll, owed)
    if not leaving:
        return []
    now_ms = queue.clock.now_ms()
    handout_id = _insert(transaction, poll, caller, now_ms)
    first = [row for row in leaving if row not in owed]
    log.apply(transaction, first, Event(poll.queue, RECEIVED, now_ms, caller.peer, handout_id=handout_id))
    again = [row for row in leaving if row in owed]
    event = Event(poll.queue, RECEIVED, now_ms, caller.peer, two_programs.NOTE, handout_id=handout_id)
    log.append_again(transaction, again, event)
    stops.note_stopped(transaction, queue, leaving, poll.queue)
    shared_stops.note_given(transaction, queue, poll.program, leaving)
    if poll.lease_s:
        leases.grant(transaction, queue, first, poll.queue, poll.lease_s)
    if poll.poll_id:
        transaction.after_commit(queue.repeats.set, handout_id, queue.clock.elapsed_s() + POLL_ID_S)
    has_stop = any(row.command_class == STOP_CLASS for row in leaving)
    return [Handed(handout_id, poll.program, leaving, poll.poll_id, has_stop=has_stop, taken_s=taken_s)]


def _insert(transaction: Transaction, poll: PollRequest, caller: Caller, now_ms: int) -> int:
    """Store the hand-out, and return the number."""
    asked_for = shared_stops.asked_for(poll.program)
    values = (poll.site, poll.queue, now_ms, caller.peer, poll.poll_id, caller.gap_ms, poll.lease_s, OPEN, asked_for)
    return insert_numbered(transaction, "handout", _INSERT, values)


_INSERT = (
    "INSERT INTO handout (id, site, queue, time_ms, peer, poll_id, gap_ms, lease_s, state, asked_for, maybe_flushed) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"
)


def _find_leaving(transaction: Transaction, queue: Queue, poll: PollRequest, owed: list[JobRow]) -> list[JobRow]:
    """Return the jobs for one answer, oldest first, with the stops in `owed`.

    Only the stops, if any: a malformed job beside a stop loses the whole answer at the observatory. While the site is
    locked out, only stops leave: closing and parking are motions. While a stop waits
    for another program of the site, only closing and parking leave. After a stop no other job leaves until the site has
    settled: a newer command would clear the site's stop flag. Further stops extend that time, but not for a closing or
    parking that waits: it leaves at the latest when the first settling time since it was sent is over.
    """
    waiting = lookup.find_waiting(transaction, poll.site, poll.queue, poll.device, poll.instance)
    leaving = _first(transaction, queue, poll.queue, [job.seq for job in waiting if job.is_stop], owed)
    if leaving and queue.settings.stop_settle_s:
        settling.begin(transaction, queue, poll.site, poll.queue)
    if leaving or lockouts.locks_at(transaction, queue.settings, poll.site):
        return leaving
    others = [job for job in waiting if not job.is_stop]
    if poll.is_filtered and lookup.has_waiting_stop(transaction, poll.site, poll.queue):
        others = [job for job in others if job.is_spared]
    settled = [job.seq for job in others if not settling.left_s(queue, poll.site, poll.queue, job.seq)]
    return _first(transaction, queue, poll.queue, settled)


def _first(
    transaction: Transaction, queue: Queue, queue_name: str, seqs: list[int], owed: Sequence[JobRow] = ()
) -> list[JobRow]:
    """Return the first of the jobs that fit into one answer, complete; set damaged and expired ones aside."""
    leaving: list[JobRow] = []
    size = 0
    for page in chain([owed], lookup.complete(transaction, seqs)):
        for row in page if page is owed else _fresh(transaction, queue, page, queue_name):
            size += row.size_bytes
            if leaving and (len(leaving) == MOST_JOBS or size > MOST_BYTES):
                return leaving
            leaving.append(row)
    return leaving


def _fresh(transaction: Transaction, queue: Queue, rows: Sequence[JobRow], queue_name: str) -> list[JobRow]:
    sound = _set_aside(transaction, queue, rows, queue_name)
    fresh, expired = expiry.split_expired(transaction, queue, sound)
    expiry.expire_rows(transaction, queue, expired, queue_name)
    return fresh


def _set_aside(transaction: Transaction, queue: Queue, rows: Sequence[JobRow], queue_name: str) -> list[JobRow]:
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
