"""The rest of a quiet site: two observatories poll once a second, and three pages are open; nobody sends a job."""

import time
from collections.abc import Callable

from tests.bench.crowd import Crowd
from tests.bench.processes import Appliance, appliance
from tests.bench.rounds import Line, Plan
from tests.bench.site import NOW_EVERY_S, POLL_EVERY_S, Figures, observatory, page

SITES, PAGES = 2, 3
SETTLE_S, ALONE_S, REST_S, QUICK_S = 3.0, 20.0, 120.0, 15.0
GOAL, WAKES_GOAL = "≤ 1 % of a core", "as few as it takes"


def measure(plan: Plan) -> list[Line]:
    """The share of a core, and how often a thread woke up to do something; the reference is a server nobody asks."""
    with appliance() as ours:
        if ours.spent() is None:
            return [Line("idle", "not measured on this system", "", "")]
        figures, crowd = Figures(), Crowd(ours.port)
        time.sleep(SETTLE_S)
        alone = _rates(ours, time.sleep, QUICK_S if plan.quick else ALONE_S)
        for number in range(SITES):
            crowd.add(observatory(f"site{number}", figures), number * POLL_EVERY_S / SITES)
        for number in range(PAGES):
            crowd.add(page(figures), number * NOW_EVERY_S / PAGES)
        crowd.run(SETTLE_S)
        asked = _rates(ours, crowd.run, QUICK_S if plan.quick else REST_S)
        crowd.close()
    name = f"idle, {SITES} sites and {PAGES} pages / nobody"
    errors = [Line("idle, errors", str(sum(figures.errors.values())), "", "", "0")] if figures.errors else []
    return [
        Line(f"{name}: CPU", f"{asked[0]:.2%}", f"{alone[0]:.2%}", "", GOAL),
        Line(f"{name}: wake-ups", f"{asked[1]:.1f}/s", f"{alone[1]:.1f}/s", "", WAKES_GOAL),
        *errors,
    ]


def _rates(ours: Appliance, rest: Callable[[float], None], seconds: float) -> tuple[float, float]:
    """Return CPU seconds and wake-ups a second."""
    before = ours.spent()
    rest(seconds)
    after = ours.spent()
    assert before and after
    return (after[0] - before[0]) / seconds, (after[1] - before[1]) / seconds
