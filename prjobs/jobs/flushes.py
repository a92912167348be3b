"""Flushes: the requests of a program that do not fit its polling interval.

An observatory program polls in a loop, and sends the same request at other moments to throw the answer away (a flush).
The loop waits for a multiple of one interval after each answer, 3 s at the known observatories; a flush comes at any
moment. Of all chains of requests the cheapest one is the loop: a gap costs more the farther it is from a multiple, and
so does each request that is left out. Later requests take part, so that the flush is found whichever came first.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import NamedTuple

KNOWN_INTERVAL_S = 3.0
# The longest gap of the loop, in intervals; a longer one is a pause of the program.
MULTIPLES = 5
# Two requests of an unknown program that come closer than this are not both of its loop.
LEAST_GAP_S = 2.5
LEAST_GAPS = 5
KEPT = 32
_LEFT_OUT = 2.5
_EARLY = 2.0
_IMPOSSIBLE = 99.0
# In intervals: 0.02 s for the known observatories.
_LEAST_SPREAD = 1 / 150
_LEAST_INTERVAL_S = 0.3
# Without them a few flushes at the start would make the loop look irregular.
_EXACT_GAPS = 4


@dataclass(slots=True)
class Request:
    """A request for new jobs: its time, and the time until its answer."""

    at_s: float
    took_s: float


class Interval(NamedTuple):
    """The interval of a loop: each gap is a multiple of `unit_s` plus `delay_s`, within about `spread_s`."""

    unit_s: float
    delay_s: float
    spread_s: float

    @property
    def longest_gap_s(self) -> float:
        """The longest gap between two requests of the loop."""
        return self.unit_s * (MULTIPLES + 0.5)

    def cost(self, gap_s: float) -> float:
        """Return the cost of a gap between two requests of the loop; a loop is seldom early."""
        off_s = _off_s(gap_s, self.unit_s) - self.delay_s
        return math.log1p(abs(off_s) * (_EARLY if off_s < 0 else 1) / self.spread_s)


def find_thrown_away(requests: Sequence[Request]) -> list[bool]:
    """Return for each of a program's consecutive requests True if its answer was probably thrown away.

    Give at most `KEPT` requests: the time grows with the square of their number at worst.
    """
    interval = find_interval([_gap_s(before, after) for before, after in pairwise(requests)])
    costs: list[float] = []
    befores: list[int] = []
    for index in range(len(requests)):
        cost, before = _cheapest(requests, index, costs, interval)
        costs.append(cost)
        befores.append(before)
    thrown = [True] * len(requests)
    # Of two equal ends the later one: the flush is rather the first request of a program.
    index = min(range(len(requests) - 1, -1, -1), key=lambda end: costs[end] - end * _LEFT_OUT, default=-1)
    while index >= 0:
        thrown[index] = False
        index = befores[index]
    return thrown


def _cheapest(
    requests: Sequence[Request], index: int, costs: Sequence[float], interval: Interval | None
) -> tuple[float, int]:
    """Return the cost of the cheapest chain that ends with a request, and the request before; -1 for none."""
    longest_s = interval.longest_gap_s if interval else KNOWN_INTERVAL_S * (MULTIPLES + 0.5)
    best, found = index * _LEFT_OUT, -1
    for before in range(index - 1, -1, -1):
        gap_s = _gap_s(requests[before], requests[index])
        cost = costs[before] + (index - before - 1) * _LEFT_OUT
        if gap_s > longest_s:
            cost += _LEFT_OUT
        elif interval:
            cost += interval.cost(gap_s)
        elif gap_s < LEAST_GAP_S:
            cost += _IMPOSSIBLE
        if cost < best:
            best, found = cost, before
        if gap_s > longest_s:
            break
    return best, found


def find_interval(gaps_s: Sequence[float]) -> Interval | None:
    """Return the interval of which most gaps are multiples; None when they are too few or too irregular."""
    if len(gaps_s) < LEAST_GAPS:
        return None
    known = _fit(gaps_s, KNOWN_INTERVAL_S)
    if known and known[0] < 0.05:
        return known[1]
    usual_s = median(gaps_s)
    units = [usual_s / count for count in (1, 2, 3, 4) if usual_s / count > _LEAST_INTERVAL_S]
    found = [fit for fit in (known, *(_fit(gaps_s, unit_s) for unit_s in units)) if fit]
    return min(found)[1] if found else None


def has_known_interval(gaps_s: Sequence[float]) -> bool:
    """Return True if most gaps are multiples of the interval of the known observatories."""
    return len(gaps_s) >= LEAST_GAPS and _fit(gaps_s, KNOWN_INTERVAL_S) is not None


def _fit(gaps_s: Sequence[float], unit_s: float) -> tuple[float, Interval] | None:
    """Return (how irregular the gaps are, the interval); None when most gaps are no multiples of the unit."""
    offs_s = [_off_s(gap_s, unit_s) for gap_s in gaps_s if gap_s <= unit_s * (MULTIPLES + 0.5)]
    if len(offs_s) < max(LEAST_GAPS, 0.6 * len(gaps_s)):
        return None
    delay_s = min(max(median(offs_s), 0.0), 0.1 * unit_s)
    spreads_s = sorted(abs(off_s - delay_s) for off_s in offs_s)
    irregular = spreads_s[len(spreads_s) // 2] / unit_s
    spreads_s = [0.0] * _EXACT_GAPS + spreads_s
    spread_s = max(spreads_s[len(spreads_s) // 2], _LEAST_SPREAD * unit_s)
    return (irregular, Interval(unit_s, delay_s, spread_s)) if irregular <= 0.1 else None


def _gap_s(before: Request, after: Request) -> float:
    """Return the time from one answer to the next request."""
    return after.at_s - before.at_s - before.took_s


def _off_s(gap_s: float, unit_s: float) -> float:
    """Return the time by which a gap is longer than the nearest multiple; negative for a shorter one."""
    return gap_s - unit_s * min(max(1, round(gap_s / unit_s)), MULTIPLES)
