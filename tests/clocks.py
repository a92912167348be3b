"""Clocks that tests set."""

from prjobs.base.clock import Clock


class ManualClock(Clock):
    """A clock that stands still. Both hands move by `advance`; `step` moves the wall clock alone."""

    def __init__(self) -> None:
        self.wall_ms = 1_700_000_000_000
        self.elapsed = 1000.0

    def now_ms(self) -> int:
        return self.wall_ms

    def elapsed_s(self) -> float:
        return self.elapsed

    def advance(self, seconds: float) -> None:
        self.wall_ms += round(seconds * 1000)
        self.elapsed += seconds

    def step(self, seconds: float) -> None:
        self.wall_ms += round(seconds * 1000)


class ClockAhead(Clock):
    """The machine's clock, and some seconds more: both hands were moved, as if that time had passed."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self.stepped_s = 0.0

    def now_ms(self) -> int:
        return super().now_ms() + round((self.ahead_s + self.stepped_s) * 1000)

    def elapsed_s(self) -> float:
        return super().elapsed_s() + self.ahead_s
