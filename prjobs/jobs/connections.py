"""Open hand-outs by connection: answers still without a proof of arrival.

A committed answer may never arrive. The next request on the same TCP connection proves that the program read the
answer before completely.
"""

import threading
from dataclasses import dataclass

from prjobs.base.clock import Clock
from prjobs.jobs.requests import PollRequest, Program
from prjobs.store.models import JobRow

FLUSH_GAP_S = 2.5


@dataclass(frozen=True)
class Handed:
    """The jobs of a hand-out to the poll of a program; `is_repeated` when an earlier answer gave the same jobs.

    `plain`: the poll had neither wait, poll_id nor lease.
    """

    id: int
    program: Program
    rows: list[JobRow]
    plain: bool
    poll_id: str | None = None
    is_repeated: bool = False

    @property
    def site(self) -> str:
        """Return the site of the program."""
        return self.program[0]


class Connections:
    """The open hand-outs of each connection, and the last answer of each program. Any thread may call any method."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._by_peer: dict[str, list[Handed]] = {}
        self._last: dict[Program, tuple[list[Handed], float]] = {}

    def opened(self, handed: list[Handed], poll: PollRequest, peer: str) -> None:
        """Note an answer with these hand-outs, about to leave on the peer's connection."""
        with self._lock:
            self._by_peer.setdefault(peer, []).extend(handed)
            self._last[poll.program] = (handed, self._clock.elapsed_s())

    def ended(self, peer: str) -> list[Handed]:
        """Remove and return the connection's open hand-outs: proved by the next request, in doubt after a close."""
        if peer not in self._by_peer:
            return []
        with self._lock:
            return self._by_peer.pop(peer, [])

    def superseded(self, program: Program, peer: str | None) -> list[Handed]:
        """Remove and return the program's open hand-outs on connections other than the peer's."""
        if not self._by_peer:
            return []
        with self._lock:
            found = []
            for other in [other for other in self._by_peer if other != peer]:
                found += [handed for handed in self._by_peer[other] if handed.program == program]
                self._by_peer[other] = [handed for handed in self._by_peer[other] if handed.program != program]
                if not self._by_peer[other]:
                    del self._by_peer[other]
            return found

    def flushed(self, program: Program, plain: bool) -> list[Handed]:
        """Return the hand-outs of the last answer when this poll follows too soon to belong to the same poll loop."""
        if program not in self._last:
            return []
        with self._lock:
            before, at_s = self._last.pop(program, ([], 0.0))
        too_soon = self._clock.elapsed_s() - at_s < FLUSH_GAP_S
        return [handed for handed in before if plain and handed.plain and too_soon]
