"""Limits on callers: how often one may do something, and how much of each is written down."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from prjobs.base.clock import Clock

CALLERS = 10_000
# Callers beyond the limit are taken together: addresses cost nothing.
OTHERS = "other addresses"


class Rate:
    """At most `per_minute` a caller: that many at once, and as many again each minute."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> bool:
        """Count one; return True if it was within the limit."""
        now_s = self._clock.elapsed_s()
        with self._lock:
            left, at_s = self._buckets.pop(caller, (float(self._per_minute), now_s))
            left = min(float(self._per_minute), left + (now_s - at_s) * self._per_minute / 60)
            within = left >= 1
            self._buckets[caller] = (left - 1 if within else left, now_s)
            if len(self._buckets) > CALLERS:
                self._buckets.popitem(last=False)
            return within


@dataclass
class _Window:
    begun_s: float
    taken: int = 0


class Quota:
    """At most `limit` a caller in `window_s` seconds; at most `callers` are told apart at a time."""

    def __init__(self, limit: int = 10, window_s: float = 60.0, callers: int = 20) -> None:
        self._limit = limit
        self._window_s = window_s
        self._callers = callers
        self._windows: dict[str, _Window] = {}
        self._over: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, caller: str, now_s: float) -> bool:
        """Count one at this moment of elapsed time; return True if it was within the limit."""
        with self._lock:
            self._end(now_s)
            if caller not in self._windows and len(self._windows) >= self._callers:
                caller = OTHERS
            window = self._windows.setdefault(caller, _Window(now_s))
            window.taken += 1
            return window.taken <= self._limit

    def left_out(self, now_s: float) -> list[tuple[str, int]]:
        """Return the callers whose time is over, and how many of each were over the limit; each is returned once."""
        with self._lock:
            self._end(now_s)
            over, self._over = self._over, {}
            return list(over.items())

    def _end(self, now_s: float) -> None:
        # Windows stand in the order in which they began.
        while self._windows:
            caller, window = next(iter(self._windows.items()))
            if now_s - window.begun_s < self._window_s:
                return
            del self._windows[caller]
            if window.taken > self._limit:
                self._over[caller] = self._over.get(caller, 0) + window.taken - self._limit
