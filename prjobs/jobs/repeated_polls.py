"""A poll with the `poll_id` of an earlier poll: the same jobs leave again, or go back.

The program did not get the earlier answer. The jobs that may still leave do so under the earlier hand-out; while a stop
waits or the site is locked out, the jobs of the earlier hand-out are given back.
"""

from prjobs.access import lockouts
from prjobs.jobs import expiry, leases, log, lookup, settling, stops
from prjobs.jobs.connections import Handed
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import STOP_CLASS, PollRequest, is_for_all_devices
from prjobs.jobs.states import APPLIANCE, OPEN, RETURNED, UNCONFIRMED, UNREAD
from prjobs.store.models import JobRow
from prjobs.store.source import Source
from prjobs.store.transaction import Transaction

# The time in which the same poll_id gives the same jobs again.
POLL_ID_S = 600.0
LATE = "its poll gave up before it was stored: it waits again"
REPEATED = "its poll was repeated while a stop waited: it waits until after the stop"
LOCKED = "its poll was repeated while the site was locked out: it waits until the site is unlocked"
_UNPROVED = f"state IN ('{OPEN}', '{UNCONFIRMED}')"


def is_repeated(queue: Queue, poll: PollRequest) -> bool:
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


def handed_before(transaction: Transaction, queue: Queue, poll: PollRequest) -> list[Handed]:
    """Return the hand-outs to the same poll_id in the last ten minutes, with the jobs that may leave again."""
    earlier = _given_to(transaction, queue, poll) if poll.poll_id else []
    if earlier and lookup.has_waiting_stop(transaction, poll.site, poll.queue):
        # The program did not get the earlier answer. The stop goes first, and alone.
        give_back(transaction, queue, [Handed(one, poll.program, [], poll.poll_id) for one in earlier], REPEATED)
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
    give_back(transaction, queue, [Handed(one, poll.program, [], poll.poll_id) for one in lost], LOCKED)
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


def give_back(transaction: Transaction, queue: Queue, given: list[Handed], note: str = LATE) -> None:
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
