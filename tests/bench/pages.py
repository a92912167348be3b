"""The pages that a write adds to the write-ahead log, counted after a checkpoint that empties the log.

A page is 4 kB to write and to sync. The reference is a commit of the same two rows with their keys.
"""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path

from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.jobs import submission
from prjobs.opening import close_appliance, open_appliance
from prjobs.store.models import JobRow
from tests.bench import sending
from tests.bench.commits import REPORTED, WORDS, Commits
from tests.bench.processes import scratch
from tests.bench.rounds import Line, Plan
from tests.verbs import USER, report, take

# The log holds a page with a head of 24 bytes, after a head of its own.
FRAME_BYTES, HEAD_BYTES = 4096 + 24, 32
# Jobs that are there before the count, and writes that are counted: fewer pages than SQLite's own checkpoint waits for.
BEFORE, COUNTED = 2000, 50
GOALS = {"newjob": 5.5, "take": 7.5, "update": 3.0}
Step = Callable[[], object]


def measure(plan: Plan) -> list[Line]:
    """Pages a write, beside those of the reference."""
    counted, bare = count_pages(BEFORE // 10 if plan.quick else BEFORE), count_reference()
    return [_line(name, counted[name], bare.get(name), goal) for name, goal in GOALS.items()]


def _line(name: str, pages: float, bare: float | None, goal: float) -> Line:
    beside = (f"{bare:.1f}", f"{pages / bare:.1f}") if bare else ("", "")
    return Line(f"pages a write: {name}", f"{pages:.1f}", *beside, f"≤ {goal:g}")


def count_pages(before: int = BEFORE) -> dict[str, float]:
    """Return the pages of a newjob, of the hand-out of a single job, and of a report."""
    with scratch() as place:
        folder = Folder(place / "data")
        folder.create()
        appliance, _ = open_appliance(folder, Settings(), Clock())
        try:
            return _count(appliance, folder.database, before)
        finally:
            close_appliance(appliance, folder)


def _count(appliance: Appliance, path: Path, before: int) -> dict[str, float]:
    def empty() -> None:
        appliance.queue.database.write(lambda _transaction: None)
        checkpoint(path)

    def send() -> JobRow:
        return submission.submit_job(appliance.queue, sending.command(), USER)

    jobs = [send() for _ in range(before)]
    new = [send] * COUNTED
    found = {"newjob": pages_of(path, empty, new)}
    while take(appliance):
        pass
    taken = 0.0
    for _ in range(COUNTED):
        # The empty poll settles the hand-out before, in a transaction of its own.
        take(appliance)
        send()
        taken += pages_of(path, empty, [partial(take, appliance)])
    reports = [partial(report, appliance, job, word) for word in WORDS for job in jobs[-COUNTED:]]
    return found | {"take": taken / COUNTED, "update": pages_of(path, empty, reports)}


def count_reference() -> dict[str, float]:
    """Return the pages of the commits that the bench compares with."""
    with scratch() as place, closing(Commits(place / "raw.sqlite3")) as raw:
        for _ in range(BEFORE):
            raw.add()
        for _ in range(REPORTED):
            raw.report()
        empty = partial(checkpoint, raw.path)
        return {
            "update": pages_of(raw.path, empty, [raw.report] * 2 * COUNTED),
            "newjob": pages_of(raw.path, empty, [raw.add] * COUNTED),
        }


def pages_of(path: Path, empty: Step, steps: Iterable[Step]) -> float:
    """Return the pages that each of the steps adds to the log, which is emptied first."""
    empty()
    count = 0
    for step in steps:
        step()
        count += 1
    return (path.with_name(f"{path.name}-wal").stat().st_size - HEAD_BYTES) / FRAME_BYTES / count


def checkpoint(path: Path) -> None:
    """Empty the log into the file."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
