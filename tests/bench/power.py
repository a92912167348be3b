"""`python -m tests.bench power`: start on thousands of disks that power cuts can leave, and look for every answer.

The story of tests/power is recorded again and again: of each recording both sides of every rename and sync of the
restore are tried, and cuts anywhere, with every kind of contents and names. So are second cuts, after a recorded start
on such a disk, and the restore while another program reads the store.
"""

import argparse
import os
import random
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from tests.bench.processes import scratch
from tests.power import states, story
from tests.power.disks import State
from tests.power.judging import judge
from tests.power.recording import Recording, why_not

STATES, QUICK_STATES = 2000, 100
STATES_OF_A_RECORDING = 500
# One start on a disk after a cut is recorded for so many states, and cut so often.
STATES_FOR_A_SECOND, SECOND_CUTS = 100, 20
BY_PROCESS = 20
SHOWN, FINDINGS_SHOWN = 20, 3

Result = tuple[State, list[str]]


def main(asked: argparse.Namespace) -> bool:
    """Try the states and print the counts. Return True if nothing was lost."""
    if why_not:
        print(f"not tried: {why_not}")
        return False
    count = asked.states or (QUICK_STATES if asked.quick else STATES)
    seed = asked.seed if asked.seed is not None else random.randrange(2**32)
    print(f"seed {seed}", flush=True)
    tried, answers, bad = Counter[str](), 0, list[Result]()
    with scratch() as folder:
        for recording, chosen in _parts(folder, count, random.Random(seed)):
            before = sum("answer" in mark for mark in recording.marks(recording.first))
            answers += sum("answer" in mark for mark in recording.marks()) - before
            for state, found in _judge_all(recording, chosen):
                tried.update([state.contents, state.names])
                bad += [(state, found)] if found else []
            print(f"{tried.total() // 2} of {count} disks tried, {len(bad)} with a fault", flush=True)
    _say(count, answers, tried, bad)
    return not bad


def _parts(folder: Path, count: int, chance: random.Random) -> Iterator[tuple[Recording, list[State]]]:
    """Yield recordings, each with the states to try, `count` states in all."""
    for done in range(0, count, STATES_OF_A_RECORDING):
        size = rest = min(STATES_OF_A_RECORDING, count - done)
        for recording, chosen in _series(folder / str(done), size, chance):
            yield recording, chosen[:rest]
            rest = max(rest - len(chosen), 0)


def _series(folder: Path, size: int, chance: random.Random) -> Iterator[tuple[Recording, list[State]]]:
    """Yield a whole story, the starts on disks that it leaves, and a story with a reader in the restore."""
    whole = story.record(folder / "whole")
    sides = [*states.around_restore(whole, chance)]
    yield whole, [*sides, *states.anywhere(whole, size // 2 - len(sides), chance)]
    for number in range(size // STATES_FOR_A_SECOND):
        again = story.record_again(folder / str(number), whole, states.before_second_cut(whole, chance))
        yield again, [*states.anywhere(again, SECOND_CUTS, chance)]
    read = story.record(folder / "read", story.READ)
    yield read, [*states.around_restore(read, chance), *states.in_restore(read, size, chance)]


def _judge_all(recording: Recording, chosen: list[State]) -> Iterable[Result]:
    """Judge the states, in as many processes as there are processors."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        works = [(recording.scratch, state, number % BY_PROCESS == 0) for number, state in enumerate(chosen)]
        for result in pool.map(_judge_one, works):
            if result[1]:
                print(f"{result[0]}: {result[1][0]}", flush=True)
            yield result


@cache
def _opened(scratch_path: Path) -> Recording:
    return Recording(scratch_path)


def _judge_one(work: tuple[Path, State, bool]) -> Result:
    scratch_path, state, as_process = work
    with tempfile.TemporaryDirectory(prefix="power-", dir=scratch_path, ignore_cleanup_errors=True) as name:
        try:
            return state, judge(_opened(scratch_path), state, Path(name) / "disk", as_process)
        except Exception as error:
            return state, [f"the start or the look failed: {error!r}"]


def _say(count: int, answers: int, tried: Counter[str], bad: list[Result]) -> None:
    print(f"disks {count}, answers recorded {answers}, disks with anything lost, twice or wrong {len(bad)}")
    print(", ".join(f"{what}: {times}" for what, times in sorted(tried.items())))
    for state, found in bad[:SHOWN]:
        print(f"{state}:", *found[:FINDINGS_SHOWN], sep="\n  ")
