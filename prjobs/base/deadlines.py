"""Deadlines on elapsed time: a wall clock that steps must not make a job old or young."""

from typing import Any

from prjobs.base.clock import Clock


class Deadlines:
    """A deadline by key. Known for what began in this process; what began before has none."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at_s: dict[Any, float] = {}

    def set(self, key: Any, in_s: float) -> None:
        """The key's time is over `in_s` seconds from now."""
        self._at_s[key] = self._clock.elapsed_s() + in_s

    def drop(self, key: Any) -> None:
        """Forget the key."""
        self._at_s.pop(key, None)

    def over_s(self, key: Any) -> float | None:
        """How many seconds the key's time has been over; negative while it is not, None for an unknown key."""
        at_s = self._at_s.get(key)
        return None if at_s is None else self._clock.elapsed_s() - at_s

    def __contains__(self, key: Any) -> bool:
        return key in self._at_s
