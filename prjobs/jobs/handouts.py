"""Handing jobs out: each job to a single poller, once.

A hand-out is an answer that gives jobs away: a row of `handout`, named by the changes of the jobs. The row is committed
together with the jobs, and the poll waits for the commit. When the poll gives up before the commit, the next
transaction gives the jobs back before any other write. A client that has ended its side of the connection gets no jobs:
a program that has gone looks the same.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from prjobs.access import lockouts
from prjobs.base.errors import Conflict
from prjobs.base.notices import Code
from prjobs.jobs import expiry, leases, log, lookup, proofs, settling, shared_stops, stops, two_programs
from prjobs.jobs.connections import Handed
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue, post
from prjobs.jobs.recent_polls import NotedPoll
from prjobs.jobs.requests import STOP_CLASS, PollRequest, is_for_all_devices
from prjobs.jobs.states import APPLIANCE, BOTH, CANCELLED, OPEN, RECEIVED, RETURNED, UNCONFIRMED, UNREAD
from prjobs.store.engine import Source
from prjobs.store.models import JobRow
from prjobs.store.numbers import next_number
from prjobs.store.transaction import Transaction

# The longest waits of a poll: for the writer to begin, and then for the commit.
TAKE_PATIENCE_S = 0.15
COMMIT_S = 5.0
HAS_ENDED = (
    "The program has ended its side of the connection before the answer: jobs are handed out only to a program that "
    "keeps the connection open until the answer."
)
# The time in which the same poll_id gives the same jobs again.
POLL_ID_S = 600.0
LATE = "its poll gave up before it was stored: it waits again"
ENDED = "its poll had ended before the answer: it waits again"
# The most in one answer; the rest leaves with the next polls. A larger job leaves alone.
MOST_JOBS = 200
MOST_BYTES = 1_000_000
_UNPROVED = f"state IN ('{OPEN}', '{UNCONFIRMED}')"
REPEATED = "its poll was repeated while a stop waited: it waits until after the stop"
LOCKED = "its poll was repeated while the site was locked out: it waits until the site is unlocked"


def begin_poll(queue: Queue, poll: PollRequest, peer: str, own_connection: bool = True) -> NotedPoll:
    """Note a poll of the peer, and judge the earlier hand-outs of the program by the poll.

    `own_connection` is False behind a proxy: there the peer's next request is no proof, and the peer's earlier answers
    are in doubt like the answers of other programs.
    """
    noted = NotedPoll(queue.clock.elapsed_s(), address=peer, is_plain=poll.is_plain)
    if own_connection:
        noted.peer, noted.address = peer, peer.rpartition(":")[0]
    proofs.note_poll(queue, poll, noted.peer or None)
    proofs.find_flushes(queue, poll.program, noted)
    noted.gap_ms = queue.polls.polled(poll.site, poll.queue)
    return noted


def take_jobs(queue: Queue, poll: PollRequest, peer: str, noted: NotedPoll | None) -> list[JobRow]:
    """Hand out the site's waiting jobs of one queue, oldest first; the jobs become RECEIVED in the same transaction.

    Without a waiting job return an empty list, and write nothing. A repeated `poll_id` gives the same jobs again. Raise
    Unavailable when the writer does not begin within 150 ms, or when the commit takes more than 5 s: then the jobs go
    back. Raise Conflict, and hand nothing out, when the client has ended its side of the connection.
    """
    given = _give(queue, poll, peer, noted)
    rows = sorted((row for handed in given for row in handed.rows), key=lambda row: row.seq) if given else []
    if noted:
        queue.recent_polls.answered(poll.program, noted, [one.id for one in given], queue.clock.elapsed_s())
        if rows:
            two_programs.note_stops(
                queue, poll.program, noted, [row.seq for row in rows if row.command_class == STOP_CLASS]
            )
    return rows


def _give(queue: Queue, poll: PollRequest, peer: str, noted: NotedPoll | None) -> list[Handed]:
    owed = two_programs.owed_stops(queue, poll.program, noted) if noted else []
    is_owed = owed or shared_stops.find_owed(queue.database, queue, poll.program)
    if not (is_owed or _awaits_stop(queue, poll) or _is_repeated(queue, poll) or _has_waiting(queue, poll)):
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
        undo=lambda transaction, late: _give_back(transaction, queue, late),
    )
    if noted and owed and not given:
        two_programs.note_stops(queue, poll.program, noted, owed)
    if given:
        queue.failpoints.passing("handout_after_commit")
        queue.connections.opened(given, peer)
        if noted and noted.has_ended():
            queue.connections.dropped(given, peer)
            post(queue, _give_back, queue, given, ENDED)
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
    if given := _handed_before(transaction, queue, poll):
        return given
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
    return [Handed(handout_id, poll.program, leaving, poll.poll_id, has_stop=has_stop)]


def _insert(transaction: Transaction, poll: PollRequest, caller: Caller, now_ms: int) -> int:
    """Store the hand-out, and return the number."""
    number, gap_ms = next_number(transaction, "handout"), caller.gap_ms
    asked_for = shared_stops.asked_for(poll.program)
    values = (number, poll.site, poll.queue, now_ms, caller.peer, poll.poll_id, gap_ms, poll.lease_s, OPEN, asked_for)
    return transaction.execute(_INSERT, values).lastrowid or 0


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


def _give_back(transaction: Transaction, queue: Queue, given: list[Handed], note: str = LATE) -> None:
    """Give the jobs of a hand-out back when the answer does not leave; withdraw the jobs with a later stop.

    A repeated hand-out stays: the first answer may have arrived. A stop that other programs got stays with them, and
    is owed to the program again.
    """
    for handed in given:
        if handed.is_repeated:
            continue
        queue_name, now_ms = handed.program[1], queue.clock.now_ms()
        rows = lookup.given_by(transaction, handed.id)
        free, covered = stops.split_covered(transaction, queue.settings, rows)
        log.apply(transaction, free, Event(queue_name, UNREAD, now_ms, APPLIANCE, note))
        stops.withdraw(transaction, queue, covered, queue_name)
        for row in rows:
            leases.end(transaction, queue, row.seq, queue_name)
        transaction.execute(f"UPDATE handout SET state = '{RETURNED}' WHERE id = ? AND {_UNPROVED}", (handed.id,))


# ---- a poll that is asked again


def _is_repeated(queue: Queue, poll: PollRequest) -> bool:
    """Return True if the same poll_id got jobs in the last ten minutes.

    The writer decides which jobs to repeat: the next transaction may give jobs back, because the earlier poll gave up.
    """
    return poll.poll_id is not None and bool(_given_to(queue.database, queue, poll))


def _given_to(source: Source, queue: Queue, poll: PollRequest) -> list[int]:
    """Return the hand-outs to the same poll_id in the last ten minutes, oldest first."""
    found = source.fetch(
        f"SELECT id, time_ms FROM handout WHERE site = ? AND queue = ? AND poll_id = ? AND state <> '{RETURNED}' "
        "ORDER BY id",
        (poll.site, poll.queue, poll.poll_id),
    )
    return [handout_id for handout_id, time_ms in found if _is_repeatable(queue, handout_id, time_ms)]


def _handed_before(transaction: Transaction, queue: Queue, poll: PollRequest) -> list[Handed]:
    """Return the hand-outs to the same poll_id in the last ten minutes, with the jobs that may leave again."""
    earlier = _given_to(transaction, queue, poll) if poll.poll_id else []
    if earlier and lookup.has_waiting_stop(transaction, poll.site, poll.queue):
        # The program did not get the earlier answer. The stop goes first, and alone.
        _give_back(transaction, queue, [Handed(one, poll.program, [], poll.poll_id) for one in earlier], REPEATED)
        return []
    if earlier and lockouts.locks_at(transaction, queue.settings, poll.site):
        earlier = _keep_stops(transaction, queue, poll, earlier)
    given = []
    for handout_id in earlier:
        due = [row for row in _still_due(transaction, queue, poll, handout_id) if _may_repeat(queue, poll, row)]
        rows = [row for page in lookup.complete(transaction, [row.seq for row in due]) for row in page]
        if rows:
            has_stop = any(row.command_class == STOP_CLASS for row in rows)
            given.append(Handed(handout_id, poll.program, rows, poll.poll_id, is_repeated=True, has_stop=has_stop))
        for row in rows if poll.lease_s else ():
            transaction.after_commit(leases.renew, queue, row.seq, poll.queue, poll.lease_s)
    return given


def _keep_stops(transaction: Transaction, queue: Queue, poll: PollRequest, earlier: list[int]) -> list[int]:
    """Return the hand-outs of stops, which leave alone; give the jobs of the other ones back: the site is locked out.

    The program did not get the earlier answer, unless something proved the hand-out since: such jobs stay handed out.
    """
    given = {one: lookup.given_by(transaction, one, reported=True) for one in earlier}
    moving = [one for one in earlier if not any(row.command_class == STOP_CLASS for row in given[one])]
    unproved = f"SELECT 1 FROM handout WHERE id = ? AND {_UNPROVED}"
    lost = [one for one in moving if transaction.fetch(unproved, (one,))]
    _give_back(transaction, queue, [Handed(one, poll.program, [], poll.poll_id) for one in lost], LOCKED)
    return [one for one in earlier if one not in moving]


def _may_repeat(queue: Queue, poll: PollRequest, row: JobRow) -> bool:
    return row.command_class == STOP_CLASS or not settling.left_s(queue, row.site, poll.queue, row.seq)


def _is_repeatable(queue: Queue, handout_id: int, time_ms: int) -> bool:
    """Return True if the hand-out is young enough, by elapsed time, or by the wall clock if from before the start."""
    over_s = queue.repeats.over_s(handout_id)
    if over_s is None:
        over_s = (queue.clock.now_ms() - time_ms) / 1000 - POLL_ID_S
    return over_s < 0


def _still_due(transaction: Transaction, queue: Queue, poll: PollRequest, handout_id: int) -> list[JobRow]:
    """Return the jobs of a hand-out that may leave again, without params: neither over nor filtered out."""
    rows = lookup.given_by(transaction, handout_id, reported=True)
    free, covered = stops.split_covered(transaction, queue.settings, rows)
    fresh, expired = expiry.split_expired(transaction, queue, free)
    # A job with a report keeps the reported status: only jobs without a report become EXPIRED or CANCELLED.
    untouched = {row.seq for row in lookup.given_by(transaction, handout_id)} if covered or expired else set()
    expiry.expire_rows(transaction, queue, [row for row in expired if row.seq in untouched], poll.queue)
    stops.withdraw(transaction, queue, [(row, stop) for row, stop in covered if row.seq in untouched], poll.queue)
    wanted = ((poll.device, "device"), (poll.instance, "instance"))
    return [
        row
        for row in fresh
        if is_for_all_devices(row) or all(value in (None, getattr(row, name)) for value, name in wanted)
    ]
