"""Open hand-outs by connection: answers still without a proof of arrival.

A committed answer may never arrive. The next request on the same TCP connection, or the orderly end of the connection,
proves that the program read the answer before completely.
"""

import threading
from typing import NamedTuple

import msgspec

from prjobs.jobs.states import Program
from prjobs.store.models import JobRow


class Handed(msgspec.Struct, frozen=True):
    """The jobs of a hand-out to the poll of a program; `is_repeated` when an earlier answer gave the same jobs.

    `has_stop` stays when the jobs are dropped from memory. `taken_s` is the elapsed time just before the commit.
    """

    id: int
    program: Program
    rows: list[JobRow]
    poll_id: str | None = None
    is_repeated: bool = False
    has_stop: bool = False
    taken_s: float = 0.0

    @property
    def site(self) -> str:
        """Return the site of the program."""
        return self.program[0]


class Leaving(NamedTuple):
    """Hand-outs of an answer to the peer, with the latest elapsed time to leave, `by_s`; None for no limit."""

    given: list[Handed]
    peer: str
    by_s: float | None


class Connections:
    """The open hand-outs of each connection. Any thread may call any method."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_peer: dict[str, list[Handed]] = {}

    def opened(self, handed: list[Handed], peer: str) -> None:
        """Note an answer with these hand-outs, about to leave on the peer's connection."""
        with self._lock:
            # The jobs with their params have left; for each of hundreds of connections they would fill the memory.
            self._by_peer.setdefault(peer, []).extend(msgspec.structs.replace(one, rows=[]) for one in handed)

    def dropped(self, handed: list[Handed], peer: str) -> None:
        """Remove hand-outs whose answer does not leave."""
        ids = {one.id for one in handed}
        with self._lock:
            self._by_peer[peer] = [one for one in self._by_peer.get(peer, []) if one.id not in ids]
            if not self._by_peer[peer]:
                del self._by_peer[peer]

    def ended(self, peer: str) -> list[Handed]:
        """Remove and return the connection's open hand-outs: proved or in doubt now."""
        if peer not in self._by_peer:
            return []
        with self._lock:
            return self._by_peer.pop(peer, [])

    def is_unproved(self, peer: str) -> bool:
        """Return True if the connection has an open hand-out."""
        return peer in self._by_peer

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
