"""The recent polls of each program at each address, to find the flushes among them, and a second program.

A flush can be told from the poll loop only together with its neighbours, later polls too. So the hand-outs of the last
seconds are judged again at each poll.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from prjobs.jobs.connections import Leaving
from prjobs.jobs.flushes import KEPT, Request, find_thrown_away
from prjobs.jobs.states import Program

# By then the next poll of the loop has come: the known observatories poll every 3 to 15 s.
DECIDED_AFTER_S = 15.0
# A longer gap is a pause, after which a program begins anew.
PAUSE_S = 120.0


def never() -> bool:
    """Return False."""
    return False


@dataclass(slots=True, eq=False)
class NotedPoll(Request):
    """A poll: the caller, the gap to the poll before, the hand-outs, True once its answer was probably thrown away.

    `peer` is empty behind a proxy. `has_ended` returns True if the client has ended its side of the connection.
    `leaving` is the answer that has not left yet; that of a hub's process may leave for a limited time only.
    """

    took_s: float = 0.0
    address: str = ""
    peer: str = ""
    is_plain: bool = True
    gap_ms: int | None = None
    handout_ids: Sequence[int] = ()
    is_thrown: bool = False
    has_ended: Callable[[], bool] = never
    leaving: Leaving | None = None

    def forget_connection(self) -> None:
        """Forget the connection: the poll is kept for a while to be judged, and the connection is not."""
        self.has_ended = never


class Verdict(NamedTuple):
    """Hand-outs of one poll, and whether the answer was probably thrown away."""

    handout_ids: Sequence[int]
    is_thrown: bool


@dataclass(slots=True)
class Stream:
    """The last polls of a program at one address or on one connection, without a pause since `since_s`."""

    since_s: float
    polls: deque[NotedPoll] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, poll: NotedPoll) -> None:
        """Add a poll."""
        if self.polls and poll.at_s - self.polls[-1].at_s > PAUSE_S:
            self.since_s = poll.at_s
            self.polls.clear()
        self.polls.append(poll)


@dataclass(slots=True)
class AddressPolls(Stream):
    """The last polls of a program at an address, and those on each of the last connections.

    Polls in `undecided` gave jobs and may still be judged anew.
    """

    undecided: list[NotedPoll] = field(default_factory=list)
    connections: dict[str, Stream] = field(default_factory=dict)


class RecentPolls:
    """The last polls by program and address. Any thread may call any method."""

    LIMIT = 1000
    CONNECTIONS = 16

    def __init__(self) -> None:
        self._recent: dict[tuple[Program, str], AddressPolls] = {}
        self._lock = threading.Lock()

    def add(self, program: Program, poll: NotedPoll, by_connection: bool = False) -> Sequence[Verdict]:
        """Add a poll; return the hand-outs of earlier polls with a verdict that changed by a plain poll.

        The polls of the address are judged together, or with `by_connection` those of the connection alone.
        """
        key = (program, poll.address)
        with self._lock:
            recent = self._recent.get(key) or self._new(key, poll.at_s)
            recent.add(poll)
            if poll.peer:
                (recent.connections.get(poll.peer) or self._connect(recent, poll)).add(poll)
            if not recent.undecided or not poll.is_plain:
                return ()
            neighbours = recent.connections[poll.peer] if by_connection and poll.peer else recent
            return _judge(recent, [one for one in neighbours.polls if one.is_plain])

    def answered(self, program: Program, poll: NotedPoll, handout_ids: Sequence[int], now_s: float) -> None:
        """Note the time and the hand-outs of the answer to a poll."""
        poll.took_s = now_s - poll.at_s
        if handout_ids and poll.is_plain:
            with self._lock:
                poll.handout_ids = handout_ids
                if recent := self._recent.get((program, poll.address)):
                    recent.undecided.append(poll)

    def by_program(self) -> dict[Program, list[AddressPolls]]:
        """Return the polls at each address of the programs that poll from several addresses or connections."""
        with self._lock:
            found: dict[Program, list[AddressPolls]] = {}
            for (program, _), recent in self._recent.items():
                found.setdefault(program, []).append(recent)
            return {
                program: [_copy(one) for one in polls]
                for program, polls in found.items()
                if len(polls) > 1 or len(polls[0].connections) != 1
            }

    def at_address(self, program: Program, address: str) -> AddressPolls | None:
        """Return the last polls of a program at an address."""
        with self._lock:
            recent = self._recent.get((program, address))
            return _copy(recent) if recent else None

    def seen(self, program: Program) -> tuple[float, float] | None:
        """Return the times of the first poll without a pause since, and of the last poll; None without a poll."""
        with self._lock:
            found = [recent for (one, _), recent in self._recent.items() if one == program]
        return (min(one.since_s for one in found), max(one.polls[-1].at_s for one in found)) if found else None

    def at_work(self, key: tuple[str, str], at_s: float, before_s: float) -> list[Program]:
        """Return the programs of the (site, queue) at work at `at_s`, or at most `before_s` earlier.

        A single poll, by a person for instance, is no program at work.
        """
        with self._lock:
            programs = dict.fromkeys(program for program, _ in self._recent if program[:2] == key)
        seen = [(program, self.seen(program)) for program in programs]
        return [one for one, times in seen if times and times[0] < min(at_s, times[1]) and times[1] > at_s - before_s]

    def _new(self, key: tuple[Program, str], now_s: float) -> AddressPolls:
        # Names of sites can be invented: the program that was quiet longest gives way.
        if len(self._recent) >= self.LIMIT:
            del self._recent[min(self._recent, key=lambda other: self._recent[other].polls[-1].at_s)]
        recent = self._recent[key] = AddressPolls(now_s)
        return recent

    def _connect(self, recent: AddressPolls, poll: NotedPoll) -> Stream:
        known = recent.connections
        if len(known) >= self.CONNECTIONS:
            # A program with a connection for each poll must not displace a lasting connection.
            del known[min(known, key=lambda peer: (len(known[peer].polls) > 1, known[peer].polls[-1].at_s))]
        made = known[poll.peer] = Stream(poll.at_s)
        return made


def _copy(recent: AddressPolls) -> AddressPolls:
    connections = {peer: Stream(one.since_s, one.polls.copy()) for peer, one in recent.connections.items()}
    return AddressPolls(recent.since_s, recent.polls.copy(), [], connections)


def _judge(recent: AddressPolls, polls: list[NotedPoll]) -> list[Verdict]:
    """Judge the undecided ones of the polls, and drop those with enough later polls."""
    changed = []
    for poll, is_thrown in zip(polls, find_thrown_away(polls), strict=True):
        if poll.handout_ids and poll.is_thrown != is_thrown and poll in recent.undecided:
            poll.is_thrown = is_thrown
            changed.append(Verdict(poll.handout_ids, is_thrown))
    oldest_s, decided_s = recent.polls[0].at_s, polls[-1].at_s - DECIDED_AFTER_S
    recent.undecided = [poll for poll in recent.undecided if poll.at_s >= oldest_s and poll.at_s > decided_s]
    return changed
