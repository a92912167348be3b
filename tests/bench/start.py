"""The start of the server, and of commands at the prompt."""

import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.history import prepare
from tests.bench.processes import CHECKOUT, Appliance, appliance, scratch
from tests.bench.rounds import Line, Plan

JOBS, QUICK_JOBS = 100_000, 10_000
IMPORTS = "import prjobs.cli.serving"
GOAL = "≤ 0.5 s more"
RUNS, QUICK_RUNS = 15, 5
BARE, CLIENT = ("-c", "pass"), ("-c", "import json, urllib3")


def measure(plan: Plan) -> list[Line]:
    """Commands, each beside what Python alone takes; then the server, on an empty folder and on one with many jobs."""
    jobs = QUICK_JOBS if plan.quick else JOBS
    lines = _commands(QUICK_RUNS if plan.quick else RUNS)
    with scratch() as folder:
        fresh = (folder / f"fresh{number}" for number in range(1000))
        filled = prepare(folder / "filled", jobs)
        return [
            *lines,
            _line("start on an empty folder", plan, lambda: next(fresh)),
            _line(f"start with {jobs:,} jobs", plan, lambda: filled),
        ]


# ---- commands


def _commands(runs: int) -> list[Line]:
    with appliance() as ours:
        data = ("--data", str(ours.folder))
        asked = [("send", "saf", "camera", "camera1", "expose"), ("sites", "list"), ("token", "list"), ("jobs",)]
        return [
            _command_line("prjobs --version / python -c pass", runs, ("--version",), BARE, "≤ 2"),
            *(
                _command_line(f"prjobs {words[0]} / import json, urllib3", runs, (*words, *data), CLIENT, "≤ 3")
                for words in asked
            ),
        ]


def _command_line(name: str, runs: int, words: tuple[str, ...], bare: tuple[str, ...], goal: str) -> Line:
    """CPU time, the best of several runs in turns: other work of the machine only ever adds."""
    ours = reference = float("inf")
    for _ in range(runs):
        ours = min(ours, cpu_s(*_installed(), *words))
        reference = min(reference, cpu_s(sys.executable, *bare))
    return Line(name, f"{ours * 1000:.0f} ms CPU", f"{reference * 1000:.0f} ms CPU", f"{ours / reference:.2f}", goal)


def _installed() -> tuple[str, ...]:
    """The command as pip installs it; in a checkout without an install the module."""
    script = Path(sysconfig.get_path("scripts"), "prjobs")
    return (str(script),) if script.exists() else (sys.executable, "-m", "prjobs")


def cpu_s(*command: str) -> float:
    """CPU seconds of a process; where the system does not tell, the seconds that it took."""
    before_s = _children_s()
    subprocess.run(command, check=True, cwd=CHECKOUT, capture_output=True)
    return _children_s() - before_s


def _children_s() -> float:
    try:
        import resource
    except ImportError:
        return time.perf_counter()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# ---- the server


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
