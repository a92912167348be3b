"""A store too large to be read at the start: it opens at once, and is checked for damage after the start."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.base.settings import Settings
from prjobs.monitor import health
from prjobs.opening import close_appliance, open_appliance
from prjobs.store import schema
from prjobs.upkeep.file_check import FileCheck
from tests.clocks import ManualClock
from tests.harm import PAGE_BYTES, overwrite
from tests.verbs import submit, take

JOBS = 200


def damage(path: Path) -> None:
    """Overwrite a page in the middle of the log of jobs, which no start reads."""
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT pageno FROM dbstat WHERE name = 'change' AND pagetype = 'leaf' ORDER BY pageno"
        try:
            pages = [page for (page,) in connection.execute(sql)]
        except sqlite3.OperationalError:
            pytest.skip("this SQLite has no dbstat")
    overwrite(path, (pages[len(pages) // 2] - 1) * PAGE_BYTES, os.urandom(PAGE_BYTES))


@pytest.fixture
def stored(folder: Folder, clock: ManualClock, patient: None) -> Path:
    appliance, _ = open_appliance(folder, Settings(), clock)
    for _ in range(JOBS):
        submit(appliance)
    close_appliance(appliance, folder)
    return folder.database


def found(folder: Folder, clock: ManualClock) -> tuple[int, list[str]]:
    """The number of stops that leave with the first poll, and the problems after the check."""
    appliance, _ = open_appliance(folder, Settings(), clock)
    submit(appliance, site="eco", action="stop")
    handed = len(take(appliance, site="eco"))
    check = FileCheck(appliance.queue, folder)
    assert check._is_due
    check.check()
    problems = [one.sentence for one in health.examine(appliance.queue).problems if one.code == Code.STORE]
    close_appliance(appliance, folder)
    return handed, problems


def test_a_large_damaged_store_opens_and_the_damage_is_told(
    stored: Path, folder: Folder, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(stored)
    with pytest.raises(Unusable, match="damaged"):
        schema.open_database(stored)
    monkeypatch.setattr(schema, "CHECKED_BYTES", 0)
    handed, (problem,) = found(folder, clock)
    assert handed == 1
    assert "is damaged" in problem and "restore" in problem


def test_a_large_sound_store_has_no_problem(
    stored: Path, folder: Folder, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "CHECKED_BYTES", 0)
    assert found(folder, clock) == (1, [])
