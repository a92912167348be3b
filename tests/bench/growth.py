"""`python -m tests.bench growth`: each request on a store a hundred times larger than another, in turns.

The large store has 2,000,000 jobs with 10,000,000 changes, 1,000 sites, 10,000 tokens, 10,000 reservations, a night of
100,000 jobs, and 35,000 jobs that wait at each of two sites. `--quick` takes a hundredth of both.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench import asking
from tests.bench.asking import Side
from tests.bench.grown import STOPPED, Size, prepare
from tests.bench.processes import CHECKOUT, Appliance, scratch
from tests.bench.rounds import Line

REQUESTS, QUICK_REQUESTS = 40, 12
# A slow request is not repeated for longer; each side answers at least twice.
BUDGET_S = 8.0
IDLE_S = 15.0
# After its start a server looks at all waiting jobs, and reads a large file for damage.
SETTLE_S = 60.0
# Counting thousands of waiting jobs costs the server more than withdrawing some.
LOOK_S = 1.0
Sample = tuple[float, float]
HEAD = Line("what", "large: CPU, time", "small: CPU, time", "ratios", "goal")
FLAT = "≤ 1.2"


def main(asked: argparse.Namespace) -> bool:
    """Print the table."""
    share = 0.01 if asked.quick else 1.0
    with scratch() as scratch_folder:
        folder = Path(asked.store) if asked.store else scratch_folder
        print(_cells(HEAD), flush=True)
        for line in _measure(folder, share, QUICK_REQUESTS if asked.quick else REQUESTS):
            print(_cells(line), flush=True)
    return True


def _cells(line: Line) -> str:
    return f"{line.name:52} {line.ours:>22} {line.reference:>22} {line.ratio:>14}  {line.goal}".rstrip()


def _measure(folder: Path, share: float, requests: int) -> Iterator[Line]:
    stores = [prepare(folder / name, Size(part)) for name, part in (("large", share), ("small", share / 100))]
    yield _line("start", *([_start(store)] for store in stores))
    sides = [Side(Appliance(store, "--log-level", "error")) for store in stores]
    try:
        time.sleep(SETTLE_S)
        yield _line("15 s without a request", *([_idle(side)] for side in sides))
        for name, goal, request in asking.REQUESTS:
            yield _line(name, *_in_turns(sides, request, requests), goal)
        yield from _stops(sides)
        for command in ("doctor", "backup"):
            yield _line(f"prjobs {command}, and a poll meanwhile", *([_command(side, command)] for side in sides))
        yield _memory(sides)
    finally:
        for side in sides:
            side.server.stop()


def _in_turns(sides: list[Side], request: Callable[[Side], bytes], requests: int) -> list[list[Sample]]:
    found: list[list[Sample]] = [[], []]
    end_s = time.perf_counter() + BUDGET_S
    for number in range(requests):
        for side, samples in list(zip(sides, found, strict=True))[:: -1 if number % 2 else 1]:
            samples.append(side.ask(request(side)))
        if number >= 1 and time.perf_counter() > end_s:
            break
    return found


def _line(name: str, large: list[Sample], small: list[Sample], goal: str = "") -> Line:
    ours, theirs = (tuple(map(statistics.median, zip(*samples, strict=True))) for samples in (large, small))
    ratios = ", ".join(f"{one / max(other, 1e-6):.2f}" for one, other in zip(ours, theirs, strict=True))
    return Line(name, _said(ours), _said(theirs), ratios, goal)


def _said(sample: tuple[float, ...]) -> str:
    return ", ".join(f"{seconds:,.2f} s" if seconds >= 1 else f"{seconds * 1000:,.2f} ms" for seconds in sample)


def _start(store: Path) -> Sample:
    """The start of a server after an orderly stop, until its first line."""
    began_s = time.perf_counter()
    server = Appliance(store, "--log-level", "error")
    took_s = time.perf_counter() - began_s
    cpu_s = Side(server).cpu_s()
    server.stop()
    return cpu_s, took_s


def _idle(side: Side) -> Sample:
    before_s = side.cpu_s()
    time.sleep(IDLE_S)
    return side.cpu_s() - before_s, IDLE_S


def _stops(sides: list[Side]) -> Iterator[Line]:
    """A stop of everything at sites with many waiting jobs; the CPU counts until all are withdrawn."""
    found: list[list[Sample]] = [[], []]
    polls: list[list[Sample]] = [[], []]
    ends: list[list[Sample]] = [[], []]
    for site in STOPPED:
        for side, samples, worst, ended in zip(sides, found, polls, ends, strict=True):
            with side.polling() as polling:
                before_s, began_s = side.cpu_s(), time.perf_counter()
                took_s = side.ask(asking.stop(side, site))[1]
                while side.waiting(site) > 1:
                    time.sleep(LOOK_S)
                ended.append((side.cpu_s() - before_s, time.perf_counter() - began_s))
            samples.append((0.0, took_s))
            worst.append((0.0, max(polling.took_s)))
    yield _line("stop of a site with 35,000 / 350 waiting jobs", *found, FLAT)
    yield _line("until its waiting jobs are withdrawn", *ends)
    yield _line("the slowest poll of another site meanwhile", *polls)


def _command(side: Side, command: str) -> Sample:
    """A command beside the running server; returns the slowest poll meanwhile, and the time of the command."""
    with side.polling() as polling, scratch() as out:
        flags = [str(out / "backup.sqlite3")] if command == "backup" else []
        began_s = time.perf_counter()
        arguments = ["-m", "prjobs", command, *flags, "--data", str(side.server.folder)]
        subprocess.run([sys.executable, *arguments], capture_output=True, check=False, cwd=CHECKOUT)
        took_s = time.perf_counter() - began_s
    return max(polling.took_s), took_s


def _memory(sides: list[Side]) -> Line:
    large, small = (side.server.rss_mb() or 0.0 for side in sides)
    return Line("memory at the end", f"{large:.0f} MB", f"{small:.0f} MB", f"{large / max(small, 1):.2f}")
