"""Stops for all devices, where programs of a site ask for one device each: every program of the queue gets each stop.

A job belongs to the program whose poll took the job, but a stop for all devices is for every program: a program with a
poll before the stop may have begun a job for the stop to end. The hand-outs in the store tell which program got the
stop.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from prjobs.jobs import lookup, stops
from prjobs.jobs.lookup import FOR_ALL_DEVICES
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import is_for_all_devices
from prjobs.jobs.states import CONFIRMED, OPEN, RETURNED, Program
from prjobs.store.models import JobRow
from prjobs.store.source import Source
from prjobs.store.transaction import Transaction

# An older stop would surprise a program.
OWED_S = 120.0
# A program that did not get a stop is told to staff this long.
KEPT_S = 1800.0
# The answers with the stop to one program, of which the first may be lost.
TIMES = 2
# The programs of a queue that polled first after the stop: filters can be invented.
MOST_NEW = 16
_ARRIVED = f"CASE WHEN h.state IN ('{OPEN}', '{CONFIRMED}') AND h.maybe_flushed = 0 THEN 1 END"
_GIVEN = (
    f"SELECT count(*), count({_ARRIVED}), coalesce(max(h.id), 0) FROM change c "
    "JOIN handout h ON h.id = c.handout_id WHERE c.job_seq = ? AND c.queue = ? "
    f"AND h.state <> '{RETURNED}' AND h.asked_for = ?"
)
_SINCE = (
    "SELECT 1 FROM handout h WHERE h.id > ? AND h.site = ? AND h.queue = ? AND h.asked_for = ? "
    f"AND h.state <> '{RETURNED}' LIMIT 1"
)
_LAST_GIVEN = (
    "SELECT h.site, h.queue, c.job_seq, min(h.time_ms) FROM handout h JOIN change c ON c.handout_id = h.id "
    f"JOIN job j ON j.seq = c.job_seq WHERE j.{FOR_ALL_DEVICES} AND h.state <> '{RETURNED}' "
    "AND h.id > (SELECT max(id) FROM handout) - 1000 AND h.time_ms > ? GROUP BY h.site, h.queue, c.job_seq"
)
_PROGRAMS = (
    "SELECT count(DISTINCT h.asked_for) FROM change c JOIN handout h ON h.id = c.handout_id "
    "WHERE c.job_seq = ? AND c.queue = ?"
)


def asked_for(program: Program) -> str:
    """Return what the program asks for, as the hand-outs have it: empty for all jobs, else device and instance."""
    device, instance = program[2:]
    return "" if device is None and instance is None else json.dumps([device, instance])


def note_given(transaction: Transaction, queue: Queue, program: Program, rows: Sequence[JobRow]) -> None:
    """Note the first hand-out of each stop for all devices; before held polls look again, hence after the commit."""
    if seqs := [row.seq for row in rows if is_for_all_devices(row)]:
        transaction.after_commit(_note, queue, program[:2], seqs)


def _note(queue: Queue, key: tuple[str, str], seqs: Sequence[int]) -> None:
    now_s, given = queue.clock.elapsed_s(), queue.shared_stops
    for other, found in list(given.items()):
        if young := {seq: at_s for seq, at_s in found.items() if now_s - at_s < KEPT_S}:
            given[other] = young
        else:
            del given[other]
    given[key] = dict.fromkeys(seqs, now_s) | given.get(key, {})


def find_owed(source: Source, queue: Queue, program: Program) -> list[JobRow]:
    """Return the stops of the last two minutes given to other programs of the queue, and not to this program.

    A report of another program, such as COMPLETE, does not end the debt; a later stop does.
    """
    found = queue.shared_stops.get(program[:2])
    if not found:
        return []
    now_s = queue.clock.elapsed_s()
    young = [(seq, at_s) for seq, at_s in list(found.items()) if now_s - at_s < OWED_S]
    seqs = [seq for seq, at_s in young if _is_owed(source, queue, program, seq, at_s)]
    rows = lookup.handed_out(source, seqs, program[1]) if seqs else []
    free, _ = stops.split_covered(source, queue.settings, rows)
    return free


def go_on(queue: Queue) -> None:
    """Continue with the stops that an earlier process handed out."""
    now_s, now_ms = queue.clock.elapsed_s(), queue.clock.now_ms()
    for site, queue_name, seq, time_ms in queue.database.fetch(_LAST_GIVEN, (now_ms - KEPT_S * 1000,)):
        given = queue.shared_stops.setdefault((site, queue_name), {})
        given[seq] = now_s - max(0, now_ms - time_ms) / 1000


def _is_owed(source: Source, queue: Queue, program: Program, seq: int, at_s: float) -> bool:
    site, queue_name = program[:2]
    times, arrived, last_id = source.fetch(_GIVEN, (seq, queue_name, asked_for(program)))[0]
    if not times:
        return _is_known(queue, program, at_s) or source.fetch(_PROGRAMS, (seq, queue_name))[0][0] < MOST_NEW
    if arrived or times >= TIMES or not queue.settings.redeliver_stop:
        return False
    # A second time the stop would end what the program got since.
    return not source.fetch(_SINCE, (last_id, site, queue_name, asked_for(program)))


def _is_known(queue: Queue, program: Program, at_s: float) -> bool:
    """Return True for the program that asks for all jobs, and for one that polled before the time."""
    seen = queue.recent_polls.seen(program)
    return not asked_for(program) or (seen is not None and seen[0] < at_s)


class Missed(NamedTuple):
    """A stop that a program at work did not get."""

    job: JobRow
    program: Program


def find_missed(queue: Queue, after_s: float) -> list[Missed]:
    """Return the stops still owed, `after_s` after the first hand-out, to a program with a poll before that hand-out.

    Programs with an end long before the stop, or a start since, are left out.
    """
    found, now_s = [], queue.clock.elapsed_s()
    for key, given in list(queue.shared_stops.items()):
        due = {seq: at_s for seq, at_s in given.items() if after_s <= now_s - at_s < KEPT_S}
        for row in lookup.handed_out(queue.database, list(due), key[1]) if due else ():
            for program in queue.recent_polls.at_work(key, due[row.seq], OWED_S):
                # A lost answer is an alarm of its own.
                if not queue.database.fetch(_GIVEN, (row.seq, key[1], asked_for(program)))[0][0]:
                    found.append(Missed(row, program))
    return found
