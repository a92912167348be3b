"""Two programs on one queue of a site: the notice for staff, and the stops, which each of the two gets once.

A forgotten second program takes jobs meant for the first. A stop twice does no harm; a stop for the wrong program alone
does. Programs for one device each share a queue rightly, see `shared_stops`.
"""

import threading
from collections.abc import Sequence

from prjobs.base.notices import Code
from prjobs.jobs import lookup, stops
from prjobs.jobs.queue import Queue
from prjobs.jobs.recent_polls import NotedPoll
from prjobs.jobs.rival_search import find_rivals, split_by_time
from prjobs.jobs.rivals import Kind, KnownRivals, Rival
from prjobs.jobs.shared_stops import OWED_S
from prjobs.jobs.states import ALTERNATE, Program
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

# The notice ends this long after both programs were last seen at work, or after three polls of the slower one.
SHOWN_S = 60.0
SHOWN_GAPS = 3
# The programs are told apart by signs that may change: a stop must not go out for ever.
MOST_POLLS = 3
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
            young = {seq: polls for seq, polls in given.items() if poll.at_s - polls[0].at_s < OWED_S}
            if young or other == program:
                queue.given_stops[other] = young
            else:
                del queue.given_stops[other]
        young = queue.given_stops.get(program, {})
        queue.given_stops[program] = young | {seq: (*young.get(seq, ()), poll) for seq in seqs}


def owed_stops(queue: Queue, program: Program, poll: NotedPoll) -> list[int]:
    """Return the stops that went to the other program alone, not to the program of this poll."""
    known = queue.rivals.get(program)
    if not known:
        return []
    with _noting:
        given = queue.given_stops.get(program, {})
        young = {seq: polls for seq, polls in given.items() if poll.at_s - polls[0].at_s < OWED_S}
    return [
        seq
        for seq, polls in young.items()
        if len(polls) < MOST_POLLS and all(_are_two(queue, program, known, (one, poll)) for one in polls)
    ]


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


def find_owed(transaction: Transaction, queue: Queue, seqs: Sequence[int], queue_name: str) -> list[JobRow]:
    """Return the stops that may be handed out again: without a report, and with nothing newer handed out since."""
    rows = lookup.picked_up(transaction, seqs, queue_name) if seqs else []
    free, _ = stops.split_covered(transaction, queue.settings, rows)
    return [row for row in free if not stops.is_overtaken(transaction, row, queue_name)]
