"""The polls of each site and queue, kept in memory, since an empty poll writes nothing."""

import statistics
import threading
from collections import deque
from dataclasses import dataclass, field

from prjobs.base.clock import Clock
from prjobs.jobs.states import ALTERNATE, PRIMARY

SILENT_AFTER_MS = 60_000
SILENT_GAPS = 4
STRAY_MS = 3_600_000


@dataclass
class Poller:
    """The polls of one queue of one site since the start of the process."""

    last_ms: int = 0
    last_elapsed_s: float | None = None
    stored_gap_ms: int | None = None
    gaps_ms: deque[int] = field(default_factory=lambda: deque(maxlen=20))
    unsaved: bool = False

    @property
    def usual_gap_ms(self) -> int | None:
        """Return the median of the last gaps, else the gap remembered from before the start."""
        return round(statistics.median(self.gaps_ms)) if self.gaps_ms else self.stored_gap_ms

    @property
    def silent_after_ms(self) -> int:
        """Return the age of the last poll at which the site counts as silent."""
        return max(SILENT_AFTER_MS, SILENT_GAPS * (self.usual_gap_ms or 0))


class Polls:
    """The last poll and usual gap of each (site, queue) with jobs or polls."""

    LIMIT = 10_000

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pollers: dict[tuple[str, str], Poller] = {}
        self._sites: set[str] = set()
        self._lock = threading.Lock()

    def know(self, site: str) -> None:
        """Add a site with jobs."""
        self._sites.add(site)

    def remember(self, site: str, queue: str, last_ms: int, usual_gap_ms: int | None) -> None:
        """Take over the last poll before the start from the file."""
        self._pollers[(site, queue)] = Poller(last_ms=last_ms, stored_gap_ms=usual_gap_ms)

    def polled(self, site: str, queue: str) -> int | None:
        """Note a poll and return the gap to the poll before in milliseconds; None for the first."""
        elapsed_s = self._clock.elapsed_s()
        with self._lock:
            poller = self._pollers.get((site, queue))
            if poller is None:
                if len(self._pollers) >= self.LIMIT:
                    return None
                poller = self._pollers.setdefault((site, queue), Poller())
            before, poller.last_elapsed_s = poller.last_elapsed_s, elapsed_s
            poller.last_ms = self._clock.now_ms()
            poller.unsaved = True
            if before is None:
                return None
            gap_ms = int((elapsed_s - before) * 1000)
            poller.gaps_ms.append(gap_ms)
            return gap_ms

    def of(self, site: str, queue: str) -> Poller | None:
        """Return the polls of one queue; None before the first poll."""
        return self._pollers.get((site, queue))

    def has_polled(self, site: str) -> bool:
        """Return True if a poll of either queue is known."""
        return any((site, queue) in self._pollers for queue in (PRIMARY, ALTERNATE))

    def polled_sites(self) -> list[str]:
        """Return every site with a known poll, in the order of the first polls."""
        return list(dict.fromkeys(site for site, _ in list(self._pollers)))

    def forget(self, site: str) -> None:
        """Forget a site until the next poll or job."""
        with self._lock:
            self._sites.discard(site)
            for queue in (PRIMARY, ALTERNATE):
                self._pollers.pop((site, queue), None)

    def sites(self) -> set[str]:
        """Return every site with polls or jobs; a single stray poll counts for an hour only."""
        return self._sites | {site for (site, _), poller in list(self._pollers.items()) if self._is_in_use(poller)}

    def _is_in_use(self, poller: Poller) -> bool:
        return poller.usual_gap_ms is not None or self.silence_ms(poller) < STRAY_MS

    def silence_ms(self, poller: Poller) -> int:
        """Return the age of the last poll in milliseconds, by elapsed time for a poll since the start."""
        if poller.last_elapsed_s is not None:
            return int((self._clock.elapsed_s() - poller.last_elapsed_s) * 1000)
        return max(0, self._clock.now_ms() - poller.last_ms)

    def unsaved(self) -> list[tuple[str, str, int, int | None]]:
        """Return (site, queue, last_ms, usual_gap_ms) of the polls not yet in the file."""
        with self._lock:
            fresh = [(key, poller) for key, poller in self._pollers.items() if poller.unsaved]
            return [(*key, poller.last_ms, poller.usual_gap_ms) for key, poller in fresh]

    def saved(self, polls: list[tuple[str, str, int, int | None]]) -> None:
        """Mark the polls as saved; a queue with a newer poll stays unsaved."""
        with self._lock:
            for site, queue_name, last_ms, _ in polls:
                if poller := self._pollers.get((site, queue_name)):
                    poller.unsaved = poller.last_ms != last_ms
