"""Two programs on one queue of a site: the notice for staff, and the stops, which each of the two gets once.

A forgotten second program takes jobs that the other one should carry out. A stop twice does no harm; a stop that only
the wrong program got does. Programs for one device each share a queue rightly: a stop for all devices goes to each
program of the queue.
"""

import threading
from collections import Counter
from collections.abc import Sequence

from prjobs.base.notices import Code
from prjobs.jobs import lookup, stops
from prjobs.jobs.queue import Queue
from prjobs.jobs.recent_polls import NotedPoll
from prjobs.jobs.requests import PollRequest, is_for_all_devices
from prjobs.jobs.rival_search import find_rivals, split_by_time
from prjobs.jobs.rivals import Kind, KnownRivals, Rival
from prjobs.jobs.states import ALTERNATE, Program
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

# The notice ends this long after both programs were last seen at work, or after three polls of the slower one.
SHOWN_S = 60.0
SHOWN_GAPS = 3
# An older stop would surprise the second program.
STOP_S = 120.0
# The programs are told apart by signs that may change: a stop must not go out for ever.
MOST_POLLS = 3
# Filters can be invented.
MOST_PROGRAMS = 8
NOTE = "several programs poll this queue: each of them gets the stop once"
_noting = threading.Lock()


def find_once(queue: Queue) -> None:
    """Look for programs that poll the same queue; raise and end the notices of the sites."""
    now_s, known = queue.clock.elapsed_s(), queue.rivals
    for program, addresses in queue.recent_polls.by_program().items():
        if found := find_rivals(addresses, now_s):
            known[program] = KnownRivals(found, now_s + max(SHOWN_S, SHOWN_GAPS * found.slower_s))
    before = {program[0] for program in known}
    for program in [program for program, one in known.items() if one.until_s <= now_s]:
        del known[program]
    for site in before:
        sentences = [_sentence(program, one) for program, one in known.items() if program[0] == site]
        queue.notices.say(Code.TWO_PROGRAMS, " ".join(sentences), site)


def _sentence(program: Program, known: KnownRivals) -> str:
    """Return the notice of two programs, with their addresses and gaps."""
    site, queue_name, kind = program[0], program[1], known.rivals.kind
    of_queue = " (alternate queue)" if queue_name == ALTERNATE else ""
    how = " Both open a new connection for each poll." if kind == Kind.TIME else ""
    return (
        f"Two programs poll for the jobs of {site}{of_queue}: one at {_words(known.rivals.first)}, the other at "
        f"{_words(known.rivals.second)}.{how} Each job reaches only one of them, a stop reaches both. End the program "
        "that should not run."
    )


def _words(rival: Rival) -> str:
    return f"{rival.peer or rival.address} every {rival.gap_s:.{0 if rival.gap_s >= 10 else 1}f} s"


# ---- stops


def note_stops(queue: Queue, program: Program, poll: NotedPoll, seqs: Sequence[int]) -> None:
    """Note which poll got these stops, for a second program found later.

    Note also the owed stops that are no longer due: the next poll need not look again.
    """
    if not seqs:
        return
    with _noting:
        for other, given in list(queue.given_stops.items()):
            young = {seq: polls for seq, polls in given.items() if poll.at_s - polls[0].at_s < STOP_S}
            if young or other == program:
                queue.given_stops[other] = young
            else:
                del queue.given_stops[other]
        young = queue.given_stops.get(program, {})
        queue.given_stops[program] = young | {seq: (*young.get(seq, ()), poll) for seq in seqs}


def may_take_stops_for_all(queue: Queue, poll: PollRequest) -> bool:
    """Return True if a poll for one device may be the first to get a stop for all devices.

    A program without a filter gets the stop first: while the program hangs, the stop waits and is an alarm.
    """
    since_s = queue.clock.elapsed_s() - STOP_S
    return not (poll.is_filtered and queue.recent_polls.has_polled((poll.site, poll.queue, None, None), since_s))


def owed_stops(queue: Queue, program: Program, poll: NotedPoll) -> list[int]:
    """Return the stops that another program of the queue got, and the program of this poll did not."""
    if not queue.given_stops:
        return []
    with _noting:
        given = {
            other: {seq: polls for seq, polls in found.items() if poll.at_s - polls[0].at_s < STOP_S}
            for other, found in queue.given_stops.items()
            if other[:2] == program[:2]
        }
    own, known = given.pop(program, {}), queue.rivals.get(program)
    owed = [
        seq
        for seq, polls in own.items()
        if known and len(polls) < MOST_POLLS and all(_are_two(queue, program, known, (one, poll)) for one in polls)
    ]
    counts = Counter(seq for found in given.values() for seq in found)
    return owed + [seq for seq, count in counts.items() if seq not in own and count < MOST_PROGRAMS]


def _are_two(queue: Queue, program: Program, known: KnownRivals, polls: tuple[NotedPoll, NotedPoll]) -> bool:
    """Return True if the polls are those of two programs."""
    first, second = polls
    kind = known.rivals.kind
    if kind == Kind.ADDRESS or first.address != second.address:
        return first.address != second.address
    if kind == Kind.CONNECTION:
        return _lasting_peer(known, first) != _lasting_peer(known, second)
    recent = queue.recent_polls.at_address(program, second.address)
    main, _ = split_by_time(recent.polls, set()) if recent else ([], [])
    return recent is not None and first in recent.polls and (first in main) != (second in main)


def _lasting_peer(known: KnownRivals, poll: NotedPoll) -> str:
    """Return the lasting connection of the poll, empty for one of the connections that last a single poll."""
    return poll.peer if poll.peer in (known.rivals.first.peer, known.rivals.second.peer) else ""


def find_owed(transaction: Transaction, queue: Queue, seqs: Sequence[int], program: Program) -> list[JobRow]:
    """Return the stops that may be handed out again: without a report, and with nothing newer handed out since.

    A stop of another program comes only if the stop is for all devices.
    """
    queue_name, own = program[1], queue.given_stops.get(program, {})
    rows = [row for row in lookup.picked_up(transaction, seqs, queue_name) if row.seq in own or is_for_all_devices(row)]
    free, _ = stops.split_covered(transaction, queue.settings, rows)
    return [row for row in free if not stops.is_overtaken(transaction, row, queue_name)]
