"""Deadlines on elapsed time: a wall clock that steps must not make a job old or young."""

from collections.abc import Hashable

from prjobs.base.clock import Clock

LIMIT = 100_000


class Deadlines:
    """A deadline for each key. Known for what began in this process; what began before has none.

    Above `LIMIT` keys the oldest are forgotten, and judged like those from before the start.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at_s: dict[Hashable, float] = {}

    def set(self, key: Hashable, at_s: float) -> None:
        """Set the key's deadline, in seconds of elapsed time."""
        self._at_s[key] = at_s
        if len(self._at_s) > LIMIT:
            del self._at_s[next(iter(self._at_s))]

    def drop(self, key: Hashable) -> None:
        """Forget the key."""
        self._at_s.pop(key, None)

    def over_s(self, key: Hashable) -> float | None:
        """Return how many seconds ago the deadline was; negative before it, None for an unknown key."""
        at_s = self._at_s.get(key)
        return None if at_s is None else self._clock.elapsed_s() - at_s

    def __contains__(self, key: Hashable) -> bool:
        return key in self._at_s
