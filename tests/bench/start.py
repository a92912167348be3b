"""From the start of the process to the line with the URL, less what Python takes to import the same modules."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.history import prepare
from tests.bench.processes import CHECKOUT, Appliance, scratch
from tests.bench.rounds import Line, Plan

JOBS, QUICK_JOBS = 100_000, 10_000
IMPORTS = "import prjobs.cli.serving"
GOAL = "≤ 0.5 s more"


def measure(plan: Plan) -> list[Line]:
    """On an empty folder and on one with many jobs."""
    jobs = QUICK_JOBS if plan.quick else JOBS
    with scratch() as folder:
        fresh = (folder / f"fresh{number}" for number in range(1000))
        filled = prepare(folder / "filled", jobs)
        return [
            _line("start on an empty folder", plan, lambda: next(fresh)),
            _line(f"start with {jobs:,} jobs", plan, lambda: filled),
        ]


def _line(name: str, plan: Plan, where: Callable[[], Path]) -> Line:
    starts, imports = [], []
    for number in range(plan.rounds + 1):
        ours, bare = start_s(where()), import_s()
        if number:
            starts.append(ours)
            imports.append(bare)
    more = statistics.median(one - other for one, other in zip(starts, imports, strict=True))
    median = statistics.median
    return Line(name, f"{median(starts):.2f} s", f"{median(imports):.2f} s imports", f"{more:+.2f} s", GOAL)


def start_s(folder: Path) -> float:
    """Seconds until the URL is printed."""
    began_s = time.perf_counter()
    server = Appliance(folder)
    took_s = time.perf_counter() - began_s
    server.stop()
    return took_s


def import_s() -> float:
    """Seconds that a Python takes which only imports the program."""
    began_s = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True, cwd=CHECKOUT)
    return time.perf_counter() - began_s
