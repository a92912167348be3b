"""Deadlines by elapsed time: a step of the wall clock must not make a job old or young."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from heapq import heapify, heappop, heappush
from typing import Any

from prjobs.base.clock import Clock

LIMIT = 100_000
# The order of the deadlines holds dropped ones too: it is made anew with so many more entries than twice the keys.
DROPPED = 1000


class Deadlines:
    """The deadlines of this process, by key. A key from before the start of the process has no deadline.

    Above `LIMIT` keys those set longest ago are forgotten, and have no deadline either.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # A plain dict looks for the first key past all that were deleted before it: each key above the limit would cost
        # a walk.
        self._at_s: OrderedDict[Hashable, float] = OrderedDict()
        # (deadline, key), a heap: all keys of an instance have one type, so that equal deadlines compare the keys.
        self._next: list[tuple[float, Any]] = []

    def set(self, key: Hashable, at_s: float) -> None:
        """Set the deadline of a key, in seconds of elapsed time."""
        self._at_s.pop(key, None)
        self._at_s[key] = at_s
        if len(self._at_s) > LIMIT:
            self._at_s.popitem(last=False)
        heappush(self._next, (at_s, key))
        if len(self._next) > 2 * len(self._at_s) + DROPPED:
            self._next = [(at, one) for one, at in list(self._at_s.items())]
            heapify(self._next)

    def drop(self, key: Hashable) -> None:
        """Forget the key."""
        self._at_s.pop(key, None)

    def over(self) -> list[Any]:
        """Return the keys whose deadline has passed."""
        now_s = self._clock.elapsed_s()
        return [key for key, at_s in list(self._at_s.items()) if at_s <= now_s]

    def passed(self) -> list[Any]:
        """Return the keys whose deadline has passed since the last call, without a look at the others."""
        now_s, found = self._clock.elapsed_s(), []
        while self._next and self._next[0][0] <= now_s:
            at_s, key = heappop(self._next)
            if self._at_s.get(key) == at_s:
                found.append(key)
        return found

    def take_over(self) -> list[Any]:
        """Return the keys whose deadline has passed, and forget them."""
        over = self.over()
        for key in over:
            self.drop(key)
        return over

    def over_s(self, key: Hashable) -> float | None:
        """Return the seconds since the deadline; negative before the deadline, None for an unknown key."""
        at_s = self._at_s.get(key)
        return None if at_s is None else self._clock.elapsed_s() - at_s

    def __iter__(self) -> Iterator[Any]:
        """Yield every known key, also with a deadline that has passed."""
        return iter(list(self._at_s))

    def __contains__(self, key: Hashable) -> bool:
        return key in self._at_s
