"""Hand-outs whose fate is not known yet, kept in memory: who got them, and on which connection.

An answer that was committed is not one that arrived. The next request on the same TCP connection proves that the
answer before it was read completely.
"""

import threading
from collections import deque
from dataclasses import dataclass

from prjobs.clock import Clock
from prjobs.models import JobRow

FLUSH_GAP_S = 2.5
LEFT_KEPT = 1000
Queue = tuple[str, str]


@dataclass(frozen=True)
class Handed:
    """One answer that gave jobs away. `plain`: the poll had neither wait, poll_id nor lease."""

    id: int
    queue: Queue
    rows: list[JobRow]
    plain: bool
    poll_id: str | None = None


class OpenHandouts:
    """Who waits for which proof. All methods may be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._by_peer: dict[str, list[Handed]] = {}
        self._last: dict[Queue, tuple[Handed, float]] = {}
        self._unsent: dict[Queue, list[Handed]] = {}
        self._left: deque[int] = deque(maxlen=LEFT_KEPT)

    def sent(self, handed: Handed, peer: str) -> None:
        """The answer is about to leave on the peer's connection."""
        with self._lock:
            self._by_peer.setdefault(peer, []).append(handed)
            self._left.append(handed.id)
            if handed.queue in self._unsent:
                # It leaves by its repeated poll_id: the next poll must not get it again.
                self._unsent[handed.queue] = [one for one in self._unsent[handed.queue] if one.id != handed.id]
            self._last[handed.queue] = (handed, self._clock.elapsed_s())

    def ended(self, peer: str) -> list[Handed]:
        """What was open on this connection: proved when the peer spoke again, open to doubt when it closed."""
        if peer not in self._by_peer:
            return []
        with self._lock:
            return self._by_peer.pop(peer, [])

    def superseded(self, queue: Queue, peer: str | None) -> list[Handed]:
        """What other connections hold open of this queue, now that this peer polls it."""
        if not self._by_peer:
            return []
        with self._lock:
            found = []
            for other in [other for other in self._by_peer if other != peer]:
                found += [handed for handed in self._by_peer[other] if handed.queue == queue]
                self._by_peer[other] = [handed for handed in self._by_peer[other] if handed.queue != queue]
                if not self._by_peer[other]:
                    del self._by_peer[other]
            return found

    def flushed(self, queue: Queue, plain: bool) -> Handed | None:
        """The hand-out just before, when this poll follows it too soon to be of the same poll loop."""
        if queue not in self._last:
            return None
        with self._lock:
            before, at_s = self._last.pop(queue, (None, 0.0))
        too_soon = self._clock.elapsed_s() - at_s < FLUSH_GAP_S
        return before if before and plain and before.plain and too_soon else None

    def keep_unsent(self, handed: Handed) -> None:
        """Committed too late for its poll: the next poll of the queue gets it."""
        with self._lock:
            if handed.id not in self._left:
                self._unsent.setdefault(handed.queue, []).append(handed)

    def next_unsent(self, queue: Queue) -> Handed | None:
        """The oldest hand-out of the queue that never left."""
        if queue not in self._unsent:
            return None
        with self._lock:
            waiting = self._unsent.get(queue, [])
            handed = waiting.pop(0) if waiting else None
            if not waiting:
                self._unsent.pop(queue, None)
            return handed

    def withdraw_unsent(self, queue: Queue) -> list[Handed]:
        """All hand-outs of the queue that never left; they will not leave any more."""
        with self._lock:
            return self._unsent.pop(queue, [])
