"""Open hand-outs by connection: the proof that an answer arrived is still awaited.

An answer that was committed is not one that arrived. The next request on the same TCP connection proves that the
answer before it was read completely.
"""

import threading
from dataclasses import dataclass

from prjobs.base.clock import Clock
from prjobs.jobs.requests import PollRequest, Program
from prjobs.store.models import JobRow

FLUSH_GAP_S = 2.5


@dataclass(frozen=True)
class Handed:
    """The jobs that one hand-out gave, or gives once more (`is_repeated`), to the poll of a program.

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
        """The site that was handed the jobs."""
        return self.program[0]


class Connections:
    """The open hand-outs of each connection, and the last answer of each program. Any thread may call any method."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._by_peer: dict[str, list[Handed]] = {}
        self._last: dict[Program, tuple[list[Handed], float]] = {}

    def opened(self, handed: list[Handed], poll: PollRequest, peer: str) -> None:
        """Note that an answer with these hand-outs is about to leave on the peer's connection."""
        with self._lock:
            self._by_peer.setdefault(peer, []).extend(handed)
            self._last[poll.program] = (handed, self._clock.elapsed_s())

    def ended(self, peer: str) -> list[Handed]:
        """Return the connection's open hand-outs: proved when the peer spoke again, in doubt when it closed."""
        if peer not in self._by_peer:
            return []
        with self._lock:
            return self._by_peer.pop(peer, [])

    def superseded(self, program: Program, peer: str | None) -> list[Handed]:
        """Return the program's open hand-outs on other connections, now that it polls from this peer."""
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
        """Return the answer just before, when this poll follows it too soon to be of the same poll loop."""
        if program not in self._last:
            return []
        with self._lock:
            before, at_s = self._last.pop(program, ([], 0.0))
        too_soon = self._clock.elapsed_s() - at_s < FLUSH_GAP_S
        return [handed for handed in before if plain and handed.plain and too_soon]
