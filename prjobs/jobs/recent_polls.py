"""The recent plain polls of each program at each address, to find the flushes among them.

A flush can be told from the poll loop only together with its neighbours, later polls too. So the hand-outs of the last
seconds are judged again at each poll.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from prjobs.jobs.flushes import KEPT, Request, find_thrown_away
from prjobs.jobs.states import Program

# By then the next poll of the loop has come: the known observatories poll every 3 to 15 s.
DECIDED_AFTER_S = 15.0


def _never() -> bool:
    return False


@dataclass(slots=True, eq=False)
class NotedPoll(Request):
    """A poll: the address, the gap to the poll before, the hand-outs, True once its answer was probably thrown away.

    `has_ended` returns True if the client has ended its side of the connection.
    """

    took_s: float = 0.0
    address: str = ""
    gap_ms: int | None = None
    handout_ids: Sequence[int] = ()
    is_thrown: bool = False
    has_ended: Callable[[], bool] = _never


class Verdict(NamedTuple):
    """Hand-outs of one poll, and whether the answer was probably thrown away."""

    handout_ids: Sequence[int]
    is_thrown: bool


@dataclass(slots=True)
class _Recent:
    """The last polls of a program at an address; those in `undecided` gave jobs and may still be judged anew."""

    polls: deque[NotedPoll] = field(default_factory=lambda: deque(maxlen=KEPT))
    undecided: list[NotedPoll] = field(default_factory=list)


class RecentPolls:
    """The last plain polls by program and address. Any thread may call any method."""

    LIMIT = 1000

    def __init__(self) -> None:
        self._recent: dict[tuple[Program, str], _Recent] = {}
        self._lock = threading.Lock()

    def add(self, program: Program, poll: NotedPoll) -> Sequence[Verdict]:
        """Add a plain poll; return the hand-outs of earlier polls with a verdict that changed by this poll."""
        key = (program, poll.address)
        with self._lock:
            recent = self._recent.get(key) or self._new(key)
            recent.polls.append(poll)
            return _judge(recent, poll.at_s) if recent.undecided else ()

    def answered(self, program: Program, poll: NotedPoll, handout_ids: Sequence[int], now_s: float) -> None:
        """Note the time and the hand-outs of the answer to a plain poll."""
        poll.took_s = now_s - poll.at_s
        if handout_ids:
            with self._lock:
                poll.handout_ids = handout_ids
                if recent := self._recent.get((program, poll.address)):
                    recent.undecided.append(poll)

    def _new(self, key: tuple[Program, str]) -> _Recent:
        # Names of sites can be invented: the program that was quiet longest gives way.
        if len(self._recent) >= self.LIMIT:
            del self._recent[min(self._recent, key=lambda other: self._recent[other].polls[-1].at_s)]
        recent = self._recent[key] = _Recent()
        return recent


def _judge(recent: _Recent, now_s: float) -> list[Verdict]:
    """Judge the undecided polls, and drop those with enough later polls."""
    polls = list(recent.polls)
    changed = []
    for poll, is_thrown in zip(polls, find_thrown_away(polls), strict=True):
        if poll.handout_ids and poll.is_thrown != is_thrown and poll in recent.undecided:
            poll.is_thrown = is_thrown
            changed.append(Verdict(poll.handout_ids, is_thrown))
    oldest_s = polls[0].at_s
    recent.undecided = [
        poll for poll in recent.undecided if poll.at_s > now_s - DECIDED_AFTER_S and poll.at_s >= oldest_s
    ]
    return changed
