"""Power cuts: everything that was answered is there on every disk that a cut can leave.

`python -m tests.bench power` looks at thousands of such disks.
"""

import random
from pathlib import Path

import pytest

from tests.power import states
from tests.power.disks import Disk
from tests.power.mutant import MUTANTS
from tests.power.recording import needs_recorder
from tests.power.story import SHORT, record, record_again

pytestmark = [needs_recorder, pytest.mark.long]
ANYWHERE, SECOND_CUTS, MUTANT_STATES = 50, 15, 40


def test_the_recording_has_everything_that_was_written(recording, tmp_path):
    """Rebuilt with all steps, the disk is the folder that the program left."""
    disk = Disk(recording.root_inode).replay(recording.steps)
    disk.write_to(tmp_path / "disk", "all", "journal, all", random.Random(0))
    assert contents_of(tmp_path / "disk") == contents_of(recording.root)
    whats = {mark.get("what") for mark in recording.marks()}
    assert whats >= {"new_job", "poll", "report", "make_token", "revoke", "reserve", "back_up", "restore"}


def contents_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if not path.name.endswith("-shm")
    }


def test_nothing_answered_is_lost_by_a_cut_anywhere(recording, found_in):
    assert [*found_in(recording, states.anywhere(recording, ANYWHERE, random.Random(2)))] == []


def test_a_second_cut_during_and_after_the_next_start_loses_nothing_either(recording, found_in, tmp_path):
    chance = random.Random(4)
    again = record_again(tmp_path / "again", recording, states.before_second_cut(recording, chance))
    assert [*found_in(again, states.anywhere(again, SECOND_CUTS, chance))] == []


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_program_with_a_fault_is_caught(mutant, found_in, tmp_path):
    recording = record(tmp_path / "recording", SHORT, ("-m", "tests.power.mutant", mutant))
    chosen = states.anywhere(recording, MUTANT_STATES, random.Random(3))
    assert next(found_in(recording, chosen), None), f"{MUTANT_STATES} states did not show the fault"
