"""`python -m tests.bench [NAME…] [--quick]`: print the table.

`site`, `kill`, `power`, `rivals`, `growth`, `stop` and `hub` are campaigns of their own.

Both sides of a ratio run in turns on this machine; nothing leaves it. Figures of different machines, and the
absolute ones of one machine, are not worth comparing.
"""

import argparse
import platform
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.bench import (
    cpu,
    growth,
    history,
    hub,
    idle,
    kill,
    memory,
    pages,
    poll,
    power,
    site,
    start,
    stop,
    stopped,
    wakeup,
    writing,
)
from tests.bench.rivals import table as rivals
from tests.bench.rounds import FULL, QUICK, Line, Plan

MEASURES: dict[str, Callable[[Plan], list[Line]]] = {
    "poll": poll.measure,
    "writing": writing.measure,
    "pages": pages.measure,
    "cpu": cpu.measure,
    "history": history.measure,
    "wakeup": wakeup.measure,
    "stopped": stopped.measure,
    "start": start.measure,
    "memory": memory.measure,
    "idle": idle.measure,
}
LOADS: dict[str, Callable[[argparse.Namespace], bool]] = {
    "site": site.main,
    "kill": kill.main,
    "power": power.main,
    "rivals": rivals.main,
    "growth": growth.main,
    "stop": stop.main,
    "hub": hub.main,
}


def main() -> int:
    """Run what was asked for; 1 when a load found something lost."""
    asked = _parser().parse_args()
    if asked.names and asked.names[0] in LOADS:
        return 0 if LOADS[asked.names[0]](asked) else 1
    plan = replace(QUICK if asked.quick else FULL, against=asked.against, python=asked.python)
    print(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, ", end="")
    print(f"SQLite {sqlite3.sqlite_version}{', quick' * asked.quick}\n", flush=True)
    print(_cells(Line("what", "prjobs", "reference", "ratio", "goal")), flush=True)
    for name in asked.names or MEASURES:
        for line in MEASURES[name](plan):
            print(_cells(line), flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*MEASURES, *LOADS, []])
    parser.add_argument("--quick", action="store_true", help="short rounds and small stores, for a first look")
    parser.add_argument("--against", type=Path, metavar="DIR", help="another checkout, to compare in `cpu`")
    parser.add_argument("--python", metavar="FILE", help="another Python with the packages, to compare in `cpu`")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long `site` runs (default: 120)")
    parser.add_argument("--held", action="store_true", help="the observatories of `site` hold their polls")
    parser.add_argument("--rounds", type=int, default=100, help="how often `kill` and `stop` act (default: 100)")
    parser.add_argument("--states", type=int, help="how many disks `power` starts on (default: 2000)")
    parser.add_argument(
        "--store", help="a folder that keeps the stores of `growth` for hours, so that they are made once"
    )
    parser.add_argument("--seed", type=int, help="the same seed kills at the same moments, and chooses the same cuts")
    return parser


def _cells(line: Line) -> str:
    return f"{line.name:50} {line.ours:>16} {line.reference:>18} {line.ratio:>8}  {line.goal}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
