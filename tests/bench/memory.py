"""Resident memory at the start and after many jobs that came by HTTP and were fetched."""

import json

from tests.bench import sending
from tests.bench.load import Connection, Load
from tests.bench.processes import Appliance, appliance
from tests.bench.rounds import Line, Plan

JOBS, QUICK_JOBS = 100_000, 5_000
# A poll every so often: a site never fetches thousands of jobs at once.
STEP_S = 0.05
START_GOAL, GOAL = "≤ 60 MB", "≤ 80 MB"


def measure(plan: Plan) -> list[Line]:
    """Megabytes."""
    jobs = QUICK_JOBS if plan.quick else JOBS
    with appliance() as ours:
        if ours.rss_mb() is None:
            return [Line("memory", "not measured on this system", "", "")]
        at_start = ours.rss_mb()
        sent, fetched = _send(ours, jobs)
        after = ours.rss_mb()
    return [
        Line("memory at start", f"{at_start:.0f} MB", "", "", START_GOAL),
        Line(
            f"memory after {sent:,} jobs / at start",
            f"{after:.0f} MB",
            f"{at_start:.0f} MB",
            f"{after / at_start:.2f}",
            GOAL,
        ),
        *([] if sent == fetched else [Line("jobs sent / fetched", str(sent), str(fetched), "", "the same")]),
    ]


def _send(ours: Appliance, jobs: int) -> tuple[int, int]:
    load = Load(ours.port, [sending.new_job(ours.token())], 4)
    poller = Connection(ours.port)
    sent = fetched = 0
    while sent < jobs:
        sent += load.run(STEP_S).answered
        # An answer has 200 jobs at most.
        while found := json.loads(poller.ask(sending.poll())[1]):
            fetched += len(found)
    load.close()
    poller.close()
    return sent, fetched
