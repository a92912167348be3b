"""A histogram: the number of values up to each of some bounds, and the sum of the values."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Values by bounds, the smallest bound first. A single thread adds values; any thread may read."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[float, int]]:
        """Return each bound with the number of values up to the bound; the last bound is infinite."""
        found, count = [], 0
        for bound, more in zip((*self._bounds, float("inf")), list(self._counts), strict=True):
            count += more
            found.append((bound, count))
        return found
