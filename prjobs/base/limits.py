"""The limits on callers: a rate for each caller, and a quota for each caller and period."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from prjobs.base.clock import Clock

CALLERS = 10_000
# Callers beyond the limit share this name: an attacker with many addresses would otherwise fill the memory.
OTHERS = "other addresses"


class Rate:
    """A rate of `per_minute` for each caller: so many at once, and as many again in each minute (a token bucket)."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> bool:
        """Count a request; return True if the caller is within the rate."""
        now_s = self._clock.elapsed_s()
        with self._lock:
            free, at_s = self._buckets.pop(caller, (float(self._per_minute), now_s))
            free = min(float(self._per_minute), free + (now_s - at_s) * self._per_minute / 60)
            within = free >= 1
            self._buckets[caller] = (free - 1 if within else free, now_s)
            if len(self._buckets) > CALLERS:
                self._buckets.popitem(last=False)
            return within


@dataclass
class _Window:
    begun_s: float
    taken: int = 0


class Quota:
    """A quota of `limit` for each caller in `window_s` seconds, with at most `callers` told apart at a time."""

    def __init__(self, limit: int = 10, window_s: float = 60.0, callers: int = 20) -> None:
        self._limit = limit
        self._window_s = window_s
        self._callers = callers
        self._windows: dict[str, _Window] = {}
        self._over: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, caller: str, now_s: float) -> bool:
        """Count an event at this moment of elapsed time; return True if the caller is within the quota."""
        with self._lock:
            self._end(now_s)
            if caller not in self._windows and len(self._windows) >= self._callers:
                caller = OTHERS
            window = self._windows.setdefault(caller, _Window(now_s))
            window.taken += 1
            return window.taken <= self._limit

    def left_out(self, now_s: float) -> list[tuple[str, int]]:
        """Return the callers whose window has ended with their number of events over the quota; each number once."""
        with self._lock:
            self._end(now_s)
            over, self._over = self._over, {}
            return list(over.items())

    def _end(self, now_s: float) -> None:
        # All windows have the same length: the first in the dictionary ends first.
        while self._windows:
            caller, window = next(iter(self._windows.items()))
            if now_s - window.begun_s < self._window_s:
                return
            del self._windows[caller]
            if window.taken > self._limit:
                self._over[caller] = self._over.get(caller, 0) + window.taken - self._limit
