"""A value that many ask for and that may be a moment old: made again by one of them, shared by all."""

import threading
from collections.abc import Callable
from typing import Any

from prjobs.base.clock import Clock

KEEP_S = 1.0


class Glance:
    """The last value and when it was made."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._made_s: float | None = None
        self._value: Any = None

    def get(self, make: Callable[[], Any]) -> Any:
        """The value of the last second, else what `make()` gives; one caller makes it while the others wait."""
        with self._lock:
            now_s = self._clock.elapsed_s()
            if self._made_s is None or now_s - self._made_s >= KEEP_S:
                self._value = make()
                self._made_s = now_s
            return self._value
