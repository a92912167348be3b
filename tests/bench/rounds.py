"""Two sides measured in turns, so that whatever else the machine does hits both alike."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Side = Callable[[], float]


@dataclass(frozen=True)
class Plan:
    """How much to measure. `quick` is for a first look: its ratios move by 20 %.

    `against` is another checkout and `python` another interpreter, for the measure that compares two.
    """

    rounds: int = 9
    round_s: float = 0.7
    quick: bool = False
    against: Path | None = None
    python: str | None = None


FULL = Plan()
QUICK = Plan(rounds=3, round_s=0.3, quick=True)


@dataclass(frozen=True)
class Line:
    """One line of the table: what, our figure, the one it is held against, their ratio and the goal."""

    name: str
    ours: str
    reference: str
    ratio: str
    goal: str = ""


@dataclass(frozen=True)
class Compared:
    """The medians of both sides, and the median of the rounds' ratios."""

    ours: float
    reference: float
    ratio: float


def compare(plan: Plan, ours: Side, reference: Side) -> Compared:
    """A warm-up of each, then turns: ours, reference, reference, ours, …"""
    ours()
    reference()
    pairs = []
    for number in range(plan.rounds):
        if number % 2:
            other = reference()
            pairs.append((ours(), other))
        else:
            pairs.append((ours(), reference()))
    return Compared(
        statistics.median(one for one, _ in pairs),
        statistics.median(other for _, other in pairs),
        statistics.median(one / other for one, other in pairs),
    )


def rate_line(name: str, found: Compared, goal: str = "") -> Line:
    """A line of two rates."""
    return Line(name, f"{found.ours:,.0f}/s", f"{found.reference:,.0f}/s", f"{found.ratio:.2f}", goal)


def percentile(values: list[float], share: float) -> float:
    """The value that `share` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
