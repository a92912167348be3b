"""The audit of a hub, seen from the data folder of a process that was never active: the folder has no anchor."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prjobs.access import audit_notes
from prjobs.access.anchor import ANCHOR_FILE, RESTORED
from prjobs.base.clock import Clock, StoreClock
from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.cli.commands import run
from prjobs.upkeep.doctor import examine
from prjobs.upkeep.findings import OK
from tests import verbs
from tests.hub.stores import wish
from tests.postgres import driver

psycopg = driver()

from prjobs.upkeep.hub_backup import Hub, make_hub_backup, restore_hub, restore_in_place  # noqa: E402
from prjobs.upkeep.moving_back import move_to_folder  # noqa: E402
from tests.hub.opening import asked, closed, opened  # noqa: E402

Said = tuple[int, str, str]


@pytest.fixture
def used(tmp_path: Path, postgres_url: str) -> Folder:
    """The folder of a process that was active, and made two tokens."""
    folder = Folder(tmp_path / "used")
    folder.create()
    act(folder, postgres_url, "ann", "bob")
    return folder


@pytest.fixture
def new(tmp_path: Path, used: Folder) -> Folder:
    """The folder of a process that was never active: it has the secret of the hub, and nothing else."""
    folder = Folder(tmp_path / "new")
    folder.create()
    shutil.copy(used.path / "secret", folder.path / "secret")
    return folder


@pytest.fixture
def verified(postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `prjobs audit verify` on a folder; return its exit code, output and errors."""
    monkeypatch.setenv("PRJOBS_STORE_URL", postgres_url)

    def verify(folder: Folder, *words: str) -> Said:
        code = run(["audit", "verify", "--data", str(folder.path), *words])
        return code, *capsys.readouterr()

    return verify


def act(folder: Folder, url: str, *users: str) -> list[Code]:
    """Be active once, and make tokens; return the codes of the notices of the start."""
    appliance = opened(folder, url)
    try:
        for user in users:
            verbs.make_token(appliance, user)
        return [notice.code for notice in appliance.queue.notices.all()]
    finally:
        closed(appliance, folder)


def test_a_folder_without_an_anchor_checks_what_the_database_has(verified: Callable[..., Said], new: Folder) -> None:
    code, said, _ = verified(new)
    assert code == 0 and said.startswith("2 rows, unbroken") and "This folder has no anchor of its own yet" in said
    known = json.loads(verified(new, "--json")[1])
    assert known["ok"] is True and known["anchor_behind"] is None
    assert verified(new, "--anchor", known["newest"])[0] == 0
    code, _, said = verified(new, "--anchor", f"3:{'0' * 64}")
    assert code == 1 and "3" in said
    assert not (new.path / ANCHOR_FILE).exists()


def test_the_doctor_says_the_same(verified: Callable[..., Said], new: Folder) -> None:
    (audit,) = [one for one in examine(new, StoreClock(), deep=True) if one.check == "audit"]
    assert audit.level == OK and "no anchor of its own yet" in audit.sentence


def test_damage_is_found_all_the_same(
    verified: Callable[..., Said], used: Folder, new: Folder, postgres_url: str
) -> None:
    (used.path / ANCHOR_FILE).unlink()
    code, _, said = verified(used)
    assert code == 1 and "is missing or unreadable" in said
    (new.path / ANCHOR_FILE).write_text("{")
    code, _, said = verified(new)
    assert code == 1 and "is missing or unreadable" in said
    # A start there is no reason to write over what somebody spoiled.
    assert Code.AUDIT in act(new, postgres_url)
    (new.path / ANCHOR_FILE).unlink()
    (new.path / "identity.json").unlink()
    asked(
        postgres_url,
        "ALTER TABLE audit DISABLE TRIGGER ALL; UPDATE audit SET who = 'eve' WHERE seq = 1; "
        "ALTER TABLE audit ENABLE TRIGGER ALL",
    )
    code, _, said = verified(new)
    assert code == 1 and "Row 1 was changed" in said


def test_the_store_moves_to_a_folder_from_there(new: Folder, postgres_url: str, tmp_path: Path) -> None:
    alone = Folder(tmp_path / "alone")
    move_to_folder(wish(new, postgres_url), alone)
    assert Code.AUDIT not in act(alone, "")


@pytest.mark.parametrize("in_place", [True, False])
def test_a_restore_from_there_makes_no_false_alarm_later(
    used: Folder, new: Folder, postgres_url: str, tmp_path: Path, in_place: bool
) -> None:
    hub, backup = Hub(new, postgres_url, Clock()), tmp_path / "one.sqlite3"
    if in_place:
        restore_in_place(hub)
    else:
        make_hub_backup(hub, backup)
        restore_hub(hub, backup)
    # Rows of another process come first: the row of the restore is not the newest.
    assert Code.AUDIT not in act(used, postgres_url, "cid")
    assert Code.AUDIT not in act(new, postgres_url)


@pytest.fixture
def other(tmp_path: Path, used: Folder, postgres_url: str) -> Folder:
    """The folder of a second process that was active, before the first one was active again."""
    folder = Folder(tmp_path / "other")
    folder.create()
    shutil.copy(used.path / "secret", folder.path / "secret")
    act(folder, postgres_url)
    return folder


@pytest.mark.slow
def test_a_restore_where_a_process_was_active_earlier(
    verified: Callable[..., Said], used: Folder, other: Folder, postgres_url: str, tmp_path: Path
) -> None:
    hub, backup = Hub(used, postgres_url, Clock()), tmp_path / "one.sqlite3"
    make_hub_backup(hub, backup)
    assert Code.AUDIT not in act(other, postgres_url, "cid")
    restore_hub(hub, backup)
    # The folder of the restore was behind, and the row of the restore names the newest row all the same.
    for folder in (other, used):
        assert Code.AUDIT not in act(folder, postgres_url)
        assert verified(folder)[0] == 0


@pytest.mark.slow
def test_a_folder_that_knows_a_lost_row_says_so_until_its_operator_takes_the_restore_as_right(
    verified: Callable[..., Said], used: Folder, other: Folder, postgres_url: str, tmp_path: Path
) -> None:
    hub, backup = Hub(used, postgres_url, Clock()), tmp_path / "one.sqlite3"
    make_hub_backup(hub, backup)
    act(other, postgres_url, "cid")
    act(used, postgres_url, "dan")
    restore_hub(hub, backup)
    (row,) = asked(postgres_url, "SELECT seq FROM audit WHERE what = 'restore'")[0]
    for _ in range(2):
        known = (other.path / ANCHOR_FILE).read_text()
        # The process serves; the anchor stays, and shows the lost rows to whoever checks.
        appliance = opened(other, postgres_url)
        try:
            sentence = appliance.queue.notices.sentence(Code.AUDIT)
            assert sentence == RESTORED.format(row) and (other.path / ANCHOR_FILE).read_text() == known
            code, _, said = verified(other)
            assert code == 1 and f"row {row} says that a backup was restored" in said
            assert verified(used)[0] == 0
        finally:
            closed(appliance, other)
    appliance = opened(other, postgres_url)
    try:
        shutil.copy(used.path / ANCHOR_FILE, other.path / ANCHOR_FILE)
        audit_notes.settle(appliance.desk)
        assert appliance.queue.notices.sentence(Code.AUDIT) == ""
        verbs.make_token(appliance, "eve")
    finally:
        closed(appliance, other)
    assert Code.AUDIT not in act(other, postgres_url) and verified(other)[0] == 0
    # What is removed afterwards is noticed as ever.
    asked(
        postgres_url,
        "ALTER TABLE audit DISABLE TRIGGER ALL; DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit); "
        "ALTER TABLE audit ENABLE TRIGGER ALL",
    )
    assert Code.AUDIT in act(other, postgres_url) and verified(other)[0] == 1
