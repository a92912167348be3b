"""Power cuts in a restore: the old store is in place, or the restored one, whole; the old one is kept.

A start may be refused in words in between; the next restore brings the restored store then.
"""

import random

import pytest

from tests.power import states
from tests.power.recording import needs_recorder
from tests.power.story import READ, record

pytestmark = [needs_recorder, pytest.mark.long]


def test_both_sides_of_each_rename_and_sync_of_restore(recording, found_in):
    chosen = [*states.around_restore(recording, random.Random(1))]
    assert len(chosen) > 20
    assert [*found_in(recording, chosen)] == []


def test_both_sides_of_each_step_of_restore_while_another_program_reads(found_in, tmp_path):
    """The write-ahead log cannot be emptied then, and is set aside with its store."""
    recording = record(tmp_path / "recording", READ)
    chosen = [*states.around_restore(recording, random.Random(1))]
    assert any(recording.steps[state.cut].path.endswith("/prjobs.sqlite3-wal") for state in chosen[::2])
    assert [*found_in(recording, chosen)] == []
