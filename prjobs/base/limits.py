"""How often one caller may do something: a bucket a caller, filled by elapsed time."""

import threading
from collections import OrderedDict

from prjobs.base.clock import Clock

CALLERS = 10_000


class Rate:
    """At most `per_minute` a caller: that many at once, and as many again each minute."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> bool:
        """Count one; whether it was within the limit."""
        now_s = self._clock.elapsed_s()
        with self._lock:
            left, at_s = self._buckets.pop(caller, (float(self._per_minute), now_s))
            left = min(float(self._per_minute), left + (now_s - at_s) * self._per_minute / 60)
            within = left >= 1
            self._buckets[caller] = (left - 1 if within else left, now_s)
            if len(self._buckets) > CALLERS:
                self._buckets.popitem(last=False)
            return within
