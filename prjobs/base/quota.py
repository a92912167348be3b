"""So much of a caller is written down in a while, for so many callers; what is over that is counted."""

import threading
from dataclasses import dataclass

# Callers beyond the limit are taken together: addresses cost nothing.
OTHERS = "other addresses"


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
        """Count one at this moment of elapsed time; whether it was within the limit."""
        with self._lock:
            self._end(now_s)
            if caller not in self._windows and len(self._windows) >= self._callers:
                caller = OTHERS
            window = self._windows.setdefault(caller, _Window(now_s))
            window.taken += 1
            return window.taken <= self._limit

    def left_out(self, now_s: float) -> list[tuple[str, int]]:
        """The callers whose time is over and how many of theirs were over the limit. Each is told once."""
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
