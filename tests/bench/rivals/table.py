"""`python -m tests.bench rivals [--quick]`: print prjobs and each rival, measured in turns, as a table."""

import argparse
import os
import platform
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CalledProcessError

from tests.bench.processes import scratch
from tests.bench.rivals.all_rivals import RIVALS
from tests.bench.rivals.floor import Floor
from tests.bench.rivals.prjobs_itself import Itself
from tests.bench.rivals.programs import NotStarted
from tests.bench.rivals.rival import Refused, Rival, check
from tests.bench.rivals.turns import COUNTS, Pair, Service, Side, compare
from tests.bench.rounds import Plan

# Short rounds in many turns, since other work on the machine comes and goes within seconds.
FULL, QUICK = Plan(rounds=25, round_s=0.25), Plan(rounds=5, round_s=0.2, quick=True)
HEAD = """| what | requests/s | CPU µs a request | prjobs ahead: rate | CPU |
|---|---|---|---|---|"""
GOAL = """Each cell has the figure with 1 client and with 8. The two last columns: the rate of prjobs divided by that of
the row, and the CPU time of the row divided by that of prjobs. Goal: above 1.00 against each rival; the floor is none.
"""


@dataclass
class Table:
    """The rows so far, and what is said below them."""

    ours: dict[int, Side] = field(default_factory=lambda: {count: Side() for count in COUNTS})
    rows: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def add(self, rival: Rival, pairs: dict[int, Pair]) -> None:
        """Add the row of a rival."""
        for count, pair in pairs.items():
            self.ours[count].add(pair.ours)
        ahead = [[pair.faster for pair in pairs.values()], [pair.cheaper for pair in pairs.values()]]
        more = [" · ".join(f"{ratio:.2f}" for ratio in ratios) for ratios in ahead]
        self.rows.append(_row(rival.name, [pair.theirs for pair in pairs.values()], more))
        self._count_refusals(rival, [pair.theirs for pair in pairs.values()])
        if min(map(min, ahead)) <= 1 and not isinstance(rival, Floor):
            self.behind.append(rival.name)

    def _count_refusals(self, rival: Rival, sides: list[Side]) -> None:
        if failed := sum(side.failed for side in sides):
            answered = sum(side.answered for side in sides)
            self.wrong.append(f"- {rival.name}: refused {failed} of {failed + answered} requests with 503; asked again")

    def print(self) -> None:
        """Print it, with prjobs first."""
        self._count_refusals(Itself(), list(self.ours.values()))
        machine = (
            f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        )
        print(f"{machine}, SQLite {sqlite3.sqlite_version}\n\n{HEAD}")
        print("\n".join([_row(Itself.name, list(self.ours.values()), ["", ""]), *self.rows]))
        print(f"\n{GOAL}prjobs is not ahead of: {', '.join(self.behind) or 'none'}.\n")
        print("\n".join(["Calls (submit; take; reports), versions:", *self.notes, *self.wrong]))


def main(asked: argparse.Namespace) -> bool:
    """Print the table. Return False if prjobs lost something."""
    table = Table()
    with scratch() as folder:
        ours = Itself()
        _note(table, ours)
        with running(ours, folder) as service:
            for kind in RIVALS:
                _against(QUICK if asked.quick else FULL, table, service, kind())
            fault = after_a_kill(service, folder)
    if table.rows:
        table.print()
    print(f"prjobs after kill -9: {fault or 'each job is stored, taken once and reported on twice'}")
    return fault is None


def _against(plan: Plan, table: Table, ours: Service, rival: Rival) -> None:
    """Measure one rival; one that is not installed, refuses work or loses jobs has a line that says so."""
    if missing := rival.missing():
        table.notes.append(f"- {rival.name}: not run: install {missing}")
        return
    print(f"{rival.name} …", file=sys.stderr, flush=True)
    try:
        with scratch() as folder, running(rival, folder) as theirs:
            pairs = compare(plan, ours, theirs)
            fault = after_a_kill(theirs, folder)
    except (Refused, NotStarted, CalledProcessError) as error:
        if isinstance(error, Refused) and error.rival is ours.rival:
            raise
        fault = str(error)
    if fault:
        table.wrong.append(f"- {rival.name}: no rival: {fault}")
    else:
        _note(table, rival)
        table.add(rival, pairs)


@contextmanager
def running(rival: Rival, folder: Path) -> Iterator[Service]:
    """Start a rival and its clients; both end afterwards."""
    try:
        rival.start(folder)
        service = Service(rival)
        yield service
        service.close()
    finally:
        rival.stop()


def after_a_kill(service: Service, folder: Path) -> str | None:
    """Kill a rival, start it on the same folder, and return what its store lacks, or None."""
    if service.rival.durable:
        service.rival.kill()
        service.rival.start(folder)
    return check(service.rival, service.done())


def _note(table: Table, rival: Rival) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in rival.versions().items())
    table.notes.append(f"- {rival.name}: {rival.calls}" + f" ({versions})" * bool(versions))


def _row(name: str, sides: list[Side], more: list[str]) -> str:
    rates = " · ".join(f"{side.rate:,.0f}" for side in sides)
    times = " · ".join(f"{side.cpu_us:,.0f}" for side in sides)
    return f"| {' | '.join([name, rates, times, *more])} |"
