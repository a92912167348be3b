"""Backups and what is brought back from them: real files, real processes."""

import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest

from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.jobs import handouts, log, lookup, reports
from prjobs.jobs.requests import StatusUpdate
from prjobs.opening import close_appliance, open_appliance
from prjobs.server import Server
from prjobs.store.models import JobRow
from prjobs.upkeep import backup, replacing
from prjobs.upkeep.backup import Nightly, _is_between, default_target, made_at_ms, make_backup, nightly_backups
from prjobs.upkeep.doctor import examine
from prjobs.upkeep.findings import WRONG
from prjobs.upkeep.inspection import Census, damages, open_read_only, take_census, uri_of
from prjobs.upkeep.restore import NOTE, restore
from tests import harm
from tests.clocks import ManualClock
from tests.harm import overwrite
from tests.preload import needs_gcc, with_fsync
from tests.program import Program
from tests.verbs import poll

Submit = Callable[..., JobRow]
HOUR_S = 3600


def ask(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(open_read_only(path)) as connection:
        return connection.execute(sql).fetchall()


def reopened(folder: Folder) -> tuple[Appliance, Any]:
    return open_appliance(folder, Settings(), Clock())


# ---- backup


def test_a_backup_holds_what_the_store_held(appliance: Appliance, folder: Folder, submit: Submit) -> None:
    ulids = [submit().ulid for _ in range(20)]
    made = make_backup(folder, default_target(folder, appliance.queue.clock.now_ms()))
    assert made.path == folder.backups / "prjobs-20231114-221320.sqlite3"
    assert made.jobs == 20
    assert [ulid for (ulid,) in ask(made.path, "SELECT ulid FROM job ORDER BY seq")] == ulids
    assert os.name == "nt" or made.path.stat().st_mode & 0o777 == 0o600
    assert folder.newest_backup() == made.path
    assert sorted(path.name for path in folder.backups.iterdir()) == [made.path.name]


@pytest.mark.slow
def test_a_backup_of_a_killed_server_has_what_was_answered(program: Program) -> None:
    program.serve()
    token = program.token()
    ulids = [program.new_job(token)["ulid"] for _ in range(5)]
    program.kill()
    made = program.run("backup")
    assert made.returncode == 0, made.stderr
    path = Path(made.stdout.strip())
    assert path.parent == program.data / "backups"
    assert [ulid for (ulid,) in ask(path, "SELECT ulid FROM job ORDER BY seq")] == ulids
    assert program.serve()
    assert len(program.post("getnewjobs", {"site": "saf"}).json()) == 5


@pytest.mark.slow
@pytest.mark.parametrize("backups", [2, pytest.param(10, marks=pytest.mark.long)])
def test_backups_while_jobs_come_are_whole_each(program: Program, tmp_path: Path, backups: int) -> None:
    program.serve()
    token = program.token()
    stop, sent = threading.Event(), []

    def send() -> None:
        while not stop.is_set():
            sent.append(program.new_job(token)["ulid"])

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    try:
        for number in range(backups):
            known = len(sent)
            target = tmp_path / f"copy{number}.sqlite3"
            made = program.run("backup", str(target))
            assert (made.returncode, made.stdout, made.stderr) == (0, f"{target}\n", "")
            with closing(open_read_only(target)) as connection:
                assert damages(connection) == []
                census = take_census(connection)
            assert known <= census.jobs == census.newest_job <= len(sent) + 4
            assert census.changes == census.jobs
    finally:
        stop.set()
        for sender in senders:
            sender.join()
    assert program.stop()[0] == 0


@pytest.mark.slow
def test_a_backup_never_overwrites(program: Program, tmp_path: Path) -> None:
    assert program.run("token", "create", "--user", "alice").returncode == 0
    target = tmp_path / "precious.txt"
    target.write_text("mine")
    made = program.run("backup", str(target))
    assert made.returncode == 1
    assert made.stderr == f"prjobs: {target} exists already: a backup never overwrites a file. Choose another name.\n"
    assert target.read_text() == "mine"


REFUSED_FOR_FOLDERS = "struct stat s;if(!fstat(f,&s)&&S_ISDIR(s.st_mode)){{errno={};return -1;}}"


@pytest.mark.slow
@needs_gcc
@pytest.mark.parametrize("refused", ["EINVAL", "ENOTSUP", "ENOSYS", "EBADF"])
def test_a_drive_that_cannot_sync_a_folder_takes_backup_and_restore(
    program: Program, tmp_path: Path, refused: str
) -> None:
    drive = with_fsync(tmp_path, REFUSED_FOR_FOLDERS.format(refused))
    program.serve(env=drive)
    job = program.new_job(program.token())
    target = tmp_path / "b.sqlite3"
    assert program.run("backup", str(target), env=drive).returncode == 0
    program.kill()
    done = program.run("restore", str(target), env=drive)
    assert done.returncode == 0, done.stderr
    assert job["ulid"] in program.run("jobs").stdout


@pytest.mark.slow
@needs_gcc
def test_a_broken_drive_is_no_drive_that_cannot_sync(program: Program, tmp_path: Path) -> None:
    program.serve()
    broken = with_fsync(tmp_path, REFUSED_FOR_FOLDERS.format("EIO"))
    for env, code in ((broken, 1), (broken, 1), (None, 0)):
        done = program.run("backup", str(tmp_path / "b.sqlite3"), env=env)
        assert done.returncode == code, done.stderr
        assert (tmp_path / "b.sqlite3").exists() == (code == 0)
        assert "Input/output error" in done.stderr or code == 0


def test_nothing_to_back_up(program: Program, tmp_path: Path) -> None:
    made = program.run("backup")
    assert made.returncode == 1
    assert "holds no jobs: there is nothing to back up" in made.stderr
    assert not program.data.exists()


def test_a_backup_into_no_folder(appliance: Appliance, folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="is not a folder"):
        make_backup(folder, tmp_path / "nowhere" / "copy.sqlite3")


def test_a_backup_needs_room(appliance: Appliance, folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(Unusable, match=r"\d+ MB are free in .*, \d+ MB are needed"):
        make_backup(folder, tmp_path / "copy.sqlite3", spare_bytes=10**18)
    assert not (tmp_path / "copy.sqlite3").exists()


def test_a_damaged_store_gives_no_backup(appliance: Appliance, folder: Folder, submit: Submit) -> None:
    for _ in range(300):
        submit(required_params='{"text": "' + "x" * 200 + '"}')
    copy = Folder(folder.path.parent / "copy")
    copy.create()
    make_backup(folder, copy.database)
    for page in range(3, copy.database.stat().st_size // 4096):
        overwrite(copy.database, page * 4096, b"\xa5" * 4096)
    with pytest.raises(Unusable, match=r"No backup of .* was made: The database file is damaged\."):
        make_backup(copy, copy.path / "again.sqlite3")
    assert not list(copy.path.glob("again*"))


def test_a_backup_that_is_stopped_leaves_nothing(appliance: Appliance, folder: Folder, submit: Submit) -> None:
    def fill(transaction: Any) -> None:
        transaction.execute("CREATE TABLE filling (text TEXT)")
        transaction.executemany("INSERT INTO filling VALUES (?)", [("x" * 50,)] * 200_000)

    appliance.queue.database.write(fill)
    asked = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 2

    with pytest.raises(Unusable):
        make_backup(folder, folder.backups / "copy.sqlite3", stopped=stopped)
    assert list(folder.backups.iterdir()) == []


def test_a_copy_must_be_of_a_moment_between_the_counts() -> None:
    before = Census(100, 100, 400, 400)
    grown = Census(110, 110, 450, 450)
    assert _is_between(before, before, before)
    assert _is_between(Census(105, 105, 420, 420), before, grown)
    assert not _is_between(Census(99, 100, 400, 400), before, before)
    assert not _is_between(Census(100, 100, 399, 399), before, grown)
    assert not _is_between(Census(120, 120, 450, 450), before, grown)
    pruned = Census(50, 110, 200, 450)
    assert _is_between(Census(70, 105, 300, 420), before, pruned)
    assert not _is_between(Census(39, 105, 300, 420), before, pruned)


# ---- the nightly one


@pytest.fixture
def nightly(appliance: Appliance, folder: Folder, submit: Submit) -> Nightly:
    submit()
    return Nightly(appliance.queue, folder)


def make_tonight(nightly: Nightly) -> Path:
    assert nightly.is_due()
    made = nightly.make_once()
    assert made is not None
    return made


def test_the_nightly_backup_is_made_once_a_day(nightly: Nightly, clock: ManualClock) -> None:
    made = make_tonight(nightly)
    assert made.name == "prjobs-nightly-20231114-221320.sqlite3"
    assert made_at_ms(made) == clock.now_ms() // 1000 * 1000
    hours = []
    for _ in range(48):
        clock.advance(HOUR_S)
        if nightly.is_due():
            hours.append(backup.stamp(clock.now_ms())[:11])
            nightly.make_once()
    assert hours == ["20231115-20", "20231116-20"]


def test_the_nightly_backup_is_made_late_when_nothing_ran(nightly: Nightly, clock: ManualClock) -> None:
    make_tonight(nightly)
    clock.advance(35 * HOUR_S)
    assert backup.stamp(clock.now_ms())[9:11] == "09"
    assert nightly.is_due()


def test_a_clock_that_was_ahead_costs_no_night(nightly: Nightly, clock: ManualClock) -> None:
    clock.step(365 * 24 * HOUR_S)
    make_tonight(nightly)
    clock.step(-365 * 24 * HOUR_S)
    clock.advance(HOUR_S)
    here = make_tonight(nightly)
    clock.advance(HOUR_S)
    assert not nightly.is_due()
    assert here in nightly_backups(nightly._folder)


def test_an_empty_store_needs_no_backup(appliance: Appliance, folder: Folder) -> None:
    assert not Nightly(appliance.queue, folder).is_due()


def test_old_nightly_backups_go_and_others_stay(nightly: Nightly, folder: Folder, clock: ManualClock) -> None:
    others = ["prjobs-20200101-000000.sqlite3", "prjobs-nightly-before-upgrade.sqlite3", "notes.txt"]
    for name in others:
        (folder.backups / name).write_text("mine")
    made = []
    for _ in range(10):
        made.append(make_tonight(nightly))
        clock.advance(24 * HOUR_S)
    assert nightly_backups(folder) == made[-7:]
    assert all((folder.backups / name).read_text() == "mine" for name in others)


def test_a_failed_nightly_backup_is_a_notice_and_removes_nothing(
    nightly: Nightly, appliance: Appliance, folder: Folder, clock: ManualClock
) -> None:
    made = [make_tonight(nightly)]
    for _ in range(6):
        clock.advance(24 * HOUR_S)
        made.append(make_tonight(nightly))
    clock.advance(24 * HOUR_S)
    appliance.queue.database.condition.lose("The file is gone.")
    assert nightly.make_once() is None
    assert appliance.queue.notices.sentence("backup") == "No backup was made: The file is gone."
    assert nightly_backups(folder) == made
    appliance.queue.database.condition.find()
    assert not nightly.is_due()
    clock.advance(HOUR_S)
    again = make_tonight(nightly)
    assert "backup" not in appliance.queue.notices
    assert nightly_backups(folder) == [*made[1:], again]


def test_no_nightly_backup_when_none_is_wanted(folder: Folder, clock: ManualClock) -> None:
    appliance, _ = open_appliance(folder, Settings(backup_keep=0), clock)
    try:
        assert not Nightly(appliance.queue, folder).is_due()
    finally:
        close_appliance(appliance, folder)


def test_the_nightly_backup_holds_up_no_chore(nightly: Nightly, folder: Folder) -> None:
    nightly.once()
    assert nightly._thread is not None
    nightly._thread.join(60)
    assert len(nightly_backups(folder)) == 1


@pytest.mark.slow
def test_a_running_server_makes_one_by_itself(make_server: Callable[..., Server], clock: ManualClock) -> None:
    server = make_server(clock)
    program = Program(server.folder.path)
    program.url = server.url
    program.new_job(program.token())
    clock.advance(61)
    made = threading.Event()
    for _ in range(200):
        if nightly_backups(server.folder):
            break
        made.wait(0.05)
    assert len(nightly_backups(server.folder)) == 1


# ---- restore


@pytest.fixture
def lived(appliance: Appliance, folder: Folder, submit: Submit, clock: ManualClock, tmp_path: Path) -> dict[str, Any]:
    """A store with a job in every state, and its backup; then more jobs, which the backup does not know."""
    states = {
        name: submit(action=name).ulid for name in ("complete", "leased", "half", "received", "waits", "waits_too")
    }
    handed = handouts.take_jobs(appliance.queue, poll(device="mount"), "1.2.3.4:5", None)
    assert len(handed) == 6
    reports.update_status(appliance.queue, StatusUpdate("saf", states["complete"], "COMPLETE", -1, False), "tests")
    reports.update_status(appliance.queue, StatusUpdate("saf", states["waits"], "UNREAD", -1, False), "tests")
    reports.update_status(appliance.queue, StatusUpdate("saf", states["waits_too"], "UNREAD", -1, False), "tests")
    handouts.take_jobs(appliance.queue, poll(alternate=True), "1.2.3.4:5", None)
    reports.update_status(appliance.queue, StatusUpdate("saf", states["waits"], "UNREAD", -1, True), "tests")
    reports.update_status(appliance.queue, StatusUpdate("saf", states["half"], "UNREAD", -1, True), "tests")
    leased = submit(device="focuser").ulid
    assert handouts.take_jobs(appliance.queue, poll(device="focuser", lease_s=60), "1.2.3.4:5", None)
    made = make_backup(folder, tmp_path / "copy.sqlite3")
    later = submit().ulid
    return {
        **states,
        "leased": leased,
        "path": made.path,
        "later": later,
        "seq": log.last_seq(appliance.queue.database),
    }


def test_what_waited_in_a_backup_is_never_handed_out(
    lived: dict[str, Any], appliance: Appliance, folder: Folder
) -> None:
    close_appliance(appliance, folder)
    done = restore(folder, lived["path"], appliance.queue.clock)
    assert (done.jobs, done.cancelled, done.needs_secret) == (7, 2, False)
    again, start = reopened(folder)
    try:
        assert start.clean
        now = {
            name: (row.status, row.alternate_status)
            for name in ("complete", "received", "waits", "waits_too", "half", "leased")
            for row in [lookup.find_job(again.queue.database, lived[name])]
        }
        assert now == {
            "complete": ("COMPLETE", "RECEIVED"),
            "received": ("RECEIVED", "RECEIVED"),
            "waits": ("CANCELLED", "CANCELLED"),
            "waits_too": ("CANCELLED", "RECEIVED"),
            "half": ("RECEIVED", "CANCELLED"),
            "leased": ("RECEIVED", "CANCELLED"),
        }
        for queue in (False, True):
            assert handouts.take_jobs(again.queue, poll(alternate=queue), "1.2.3.4:6", None) == []
        assert again.queue.database.fetch("SELECT * FROM lease") == []
        notes = again.queue.database.fetch(
            "SELECT queue, status, who FROM change WHERE note = ? ORDER BY job_seq", (NOTE,)
        )
        assert sorted(notes) == [
            ("alternate", "CANCELLED", "restore"),
            ("alternate", "CANCELLED", "restore"),
            ("both", "CANCELLED", "restore"),
            ("primary", "CANCELLED", "restore"),
        ]
    finally:
        again.queue.database.close()


def test_numbers_and_ids_after_a_restore_are_new(lived: dict[str, Any], appliance: Appliance, folder: Folder) -> None:
    close_appliance(appliance, folder)
    identity = folder.identity()["identity"]
    restore(folder, lived["path"], appliance.queue.clock)
    assert folder.identity() == {"identity": identity, "demo": False, "last_ulid": lived["later"]}
    again, _ = reopened(folder)
    try:
        assert again.queue.ulids.next()[0] > lived["later"]
        seqs = again.queue.database.fetch("SELECT min(seq) FROM change WHERE note = ?", (NOTE,))
        assert seqs[0][0] > lived["seq"]
    finally:
        again.queue.database.close()


def test_two_restores_within_a_second_keep_both_stores(
    lived: dict[str, Any], appliance: Appliance, folder: Folder
) -> None:
    close_appliance(appliance, folder)
    kept = [restore(folder, lived["path"], appliance.queue.clock).replaced for _ in range(3)]
    assert len(set(kept)) == 3 and all(one and (one / folder.database.name).exists() for one in kept)
    now_ms = appliance.queue.clock.now_ms()
    made = [make_backup(folder, default_target(folder, now_ms)).path for _ in range(2)]
    assert made[0] != made[1]


def test_numbers_after_the_restore_of_a_lost_store_are_new(
    lived: dict[str, Any], appliance: Appliance, folder: Folder
) -> None:
    close_appliance(appliance, folder)
    folder.database.write_text("this was a database once\n" * 500)
    with pytest.raises(Unusable, match="prjobs restore"):
        reopened(folder)
    done = restore(folder, lived["path"], appliance.queue.clock)
    assert done.replaced is not None
    assert (done.replaced / "prjobs.sqlite3").read_text().startswith("this was a database once")
    again, _ = reopened(folder)
    try:
        assert again.queue.ulids.next()[0] > lived["later"]
        assert again.queue.database.fetch("SELECT min(seq) FROM change WHERE note = ?", (NOTE,))[0][0] > lived["seq"]
    finally:
        again.queue.database.close()


def test_a_backup_on_a_share_of_windows_has_an_address_that_sqlite_takes(tmp_path: Path) -> None:
    assert uri_of(PureWindowsPath(r"\\nas\b\x y.sqlite3")) == "file:////nas/b/x%20y.sqlite3"
    assert uri_of(PureWindowsPath(r"D:\b\x.sqlite3")) == "file:///D:/b/x.sqlite3"
    # SQLite reads the four slashes as a path that begins with two.
    harm.execute(tmp_path / "x.sqlite3", "CREATE TABLE job (a)")
    with closing(sqlite3.connect(f"file:///{tmp_path}/x.sqlite3?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM job").fetchone() == (0,)


@pytest.mark.slow
def test_the_replaced_store_is_kept_as_one_file_with_the_newest_changes(program: Program, tmp_path: Path) -> None:
    program.serve()
    token = program.token()
    program.new_job(token)
    assert program.run("backup", str(tmp_path / "copy.sqlite3")).returncode == 0
    later = program.new_job(token)["ulid"]
    program.kill()
    assert (program.data / "prjobs.sqlite3-wal").stat().st_size
    done = program.run("restore", str(tmp_path / "copy.sqlite3"))
    assert done.returncode == 0, done.stderr
    assert "1 job that waited in the backup became CANCELLED" in done.stdout
    replaced = next((program.data / "backups").glob("replaced-*"))
    assert {path.name for path in replaced.iterdir()} == {"prjobs.sqlite3"}
    assert later in {ulid for (ulid,) in ask(replaced / "prjobs.sqlite3", "SELECT ulid FROM job")}
    assert str(replaced) in done.stdout
    program.serve()
    assert program.post("getnewjobs", {"site": "saf"}).json() == []
    assert program.new_job(token)["ulid"] > later
    assert program.stop()[0] == 0


@pytest.mark.slow
def test_a_restore_is_refused_while_a_server_runs(program: Program) -> None:
    program.serve()
    program.new_job(program.token())
    path = program.run("backup").stdout.strip()
    done = program.run("restore", path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"prjobs: {program.data} is served by process {program.process.pid} at {program.url}")
    assert len(program.post("getnewjobs", {"site": "saf"}).json()) == 1


def test_a_new_folder_takes_over_the_identity(lived: dict[str, Any], appliance: Appliance, tmp_path: Path) -> None:
    identity = appliance.queue.database.fetch("SELECT value FROM fact WHERE name = 'identity'")[0][0]
    elsewhere = Folder(tmp_path / "elsewhere")
    done = restore(elsewhere, lived["path"], appliance.queue.clock)
    assert (done.replaced, done.needs_secret) == (None, True)
    assert elsewhere.identity()["identity"] == identity
    again, _ = reopened(elsewhere)
    close_appliance(again, elsewhere)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (harm.truncate, "damaged|read"),
        (harm.empty, "is not a prjobs database"),
        (harm.text, "cannot be read as a prjobs database"),
        (harm.pages, "damaged"),
        (harm.foreign, "is not a prjobs database"),
        (harm.newer, "was written by a newer prjobs"),
        (harm.another, "is of another appliance"),
        (harm.unlink, "is not a file"),
    ],
)
def test_an_unfit_backup_changes_nothing(
    spoil: Callable[[Path], None], sentence: str, lived: dict[str, Any], appliance: Appliance, folder: Folder
) -> None:
    spoil(lived["path"])
    close_appliance(appliance, folder)
    folder.lock().release()
    before = {path.name: path.read_bytes() for path in folder.path.glob("*") if path.is_file()}
    with pytest.raises(Unusable, match=sentence):
        restore(folder, lived["path"], appliance.queue.clock)
    assert {path.name: path.read_bytes() for path in folder.path.glob("*") if path.is_file()} == before
    assert list(folder.backups.iterdir()) == []


@pytest.mark.parametrize("spoil", [harm.empty, harm.text, harm.foreign, harm.newer, harm.unlink])
def test_what_is_no_backup_makes_no_folder(
    spoil: Callable[[Path], None], lived: dict[str, Any], appliance: Appliance, tmp_path: Path
) -> None:
    spoil(lived["path"])
    with pytest.raises(Unusable):
        restore(Folder(tmp_path / "new" / "site"), lived["path"], appliance.queue.clock)
    assert not (tmp_path / "new").exists()


def test_the_store_is_no_backup_of_itself(appliance: Appliance, folder: Folder) -> None:
    close_appliance(appliance, folder)
    with pytest.raises(Unusable, match="is the store itself"):
        restore(folder, folder.database, appliance.queue.clock)


def test_a_copied_store_with_its_log_is_restored_whole(
    appliance: Appliance, folder: Folder, submit: Submit, tmp_path: Path
) -> None:
    ulid = submit().ulid
    for side in ("", "-wal", "-shm"):
        shutil.copy(f"{folder.database}{side}", tmp_path / f"copy.sqlite3{side}")
    close_appliance(appliance, folder)
    restore(folder, tmp_path / "copy.sqlite3", appliance.queue.clock)
    assert ask(folder.database, "SELECT ulid, status FROM job") == [(ulid, "CANCELLED")]


def test_a_restore_after_one_that_was_cut_off(lived: dict[str, Any], appliance: Appliance, folder: Folder) -> None:
    close_appliance(appliance, folder)
    for side in ("", "-wal", "-shm"):
        (folder.path / f"restoring.sqlite3{side}").write_text("half of something")
    assert restore(folder, lived["path"], appliance.queue.clock).jobs == 7
    assert not list(folder.path.glob("restoring*"))


@pytest.mark.slow
def test_many_waiting_jobs(appliance: Appliance, folder: Folder, submit: Submit, tmp_path: Path) -> None:
    for _ in range(1201):
        submit()
    made = make_backup(folder, tmp_path / "copy.sqlite3")
    close_appliance(appliance, folder)
    assert restore(folder, made.path, appliance.queue.clock).cancelled == 1201
    assert ask(folder.database, "SELECT count(*) FROM job WHERE 'UNREAD' IN (status, alternate_status)") == [(0,)]


# ---- a power cut in the middle


class PowerCut(BaseException):
    """The end of the process in the middle of a restore."""


def cut_before(monkeypatch: pytest.MonkeyPatch, steps_left: int) -> list[int]:
    """Cut the power before a step of the change of places; the list counts the steps."""
    left = [steps_left]

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def act(*arguments: Any) -> Any:
            if left[0] == 0:
                raise PowerCut
            left[0] -= 1
            return step(*arguments)

        return act

    for name in ("make_folder", "sync_file", "sync_folder", "replace", "remove", "_link", "empty_log"):
        monkeypatch.setattr(replacing, name, counted(getattr(replacing, name)))
    monkeypatch.setattr(Folder, "write_identity", counted(Folder.write_identity))
    return left


def test_a_restore_never_writes_into_the_folder_of_another_one(appliance: Appliance, folder: Folder) -> None:
    aside = folder.backups / "replaced-1"
    close_appliance(appliance, folder)
    assert replacing._keep(folder, aside)
    kept = (aside / folder.database.name).read_bytes()
    folder.database.unlink()
    folder.database.write_bytes(b"another store")
    with pytest.raises(FileExistsError):
        replacing._keep(folder, aside)
    assert (aside / folder.database.name).read_bytes() == kept


def without_links(*_: object) -> None:
    raise OSError(1, "no links here")


def whole_with(ulid: str, path: Path) -> bool:
    found = ask(path, f"SELECT count(*) FROM job WHERE ulid = '{ulid}'")
    return ask(path, "PRAGMA quick_check") == [("ok",)] and found == [(1,)]


@pytest.mark.parametrize("log", ["emptied", "kept", "kept without links"])
@pytest.mark.parametrize("step", range(14))
def test_a_power_cut_leaves_the_old_or_the_new_store_whole(
    step: int, log: str, lived: dict[str, Any], appliance: Appliance, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a whole store in place the start is refused; a second restore goes on in each case."""
    for side in ("", "-wal"):
        shutil.copy(f"{folder.database}{side}", f"{folder.path}/saved{side}")
    close_appliance(appliance, folder)
    for side in ("", "-wal"):
        (folder.path / f"saved{side}").replace(f"{folder.database}{side}")
    if log != "emptied":
        monkeypatch.setattr(replacing, "empty_log", lambda _store: None)
    if log == "kept without links":
        monkeypatch.setattr(replacing.os, "link", without_links)
    with monkeypatch.context() as power:
        left = cut_before(power, step)
        try:
            restore(folder, lived["path"], appliance.queue.clock)
        except PowerCut:
            assert not left[0]
    stores = [path for path in (folder.database, *folder.backups.glob("replaced-*/*.sqlite3")) if path.exists()]
    assert any(whole_with(lived["later"], path) for path in stores)
    if folder.database.exists():
        again, _ = reopened(folder)
        assert whole_with(lived["waits"], folder.database)
        close_appliance(again, folder)
    else:
        with pytest.raises(Unusable, match="missing or empty"):
            reopened(folder)
    appliance.queue.clock.advance(2)
    restore(folder, lived["path"], appliance.queue.clock)
    assert whole_with(lived["waits"], folder.database)
    assert any(whole_with(lived["later"], path) for path in folder.backups.glob("replaced-*/*.sqlite3"))
    assert not [path for path in folder.backups.glob("replaced-*/*") if path.samefile(folder.database)]


def test_a_restore_that_fails_says_what_became_of_the_old_store(
    lived: dict[str, Any], appliance: Appliance, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    close_appliance(appliance, folder)

    def full(_folder: Folder, _identity: dict[str, object]) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk, pytest.raises(Unusable) as failed:
        disk.setattr(Folder, "write_identity", full)
        restore(folder, lived["path"], appliance.queue.clock)
    assert str(failed.value).endswith("the disk is full. The store from before is kept. Run the command again.")
    assert whole_with(lived["later"], folder.database) and not list(folder.path.glob("restoring*"))
    assert restore(folder, lived["path"], appliance.queue.clock).replaced


def test_a_scanner_holds_up_no_backup_and_no_restore(
    lived: dict[str, Any], appliance: Appliance, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rename and removal is refused once, as on Windows while a virus scanner reads the file."""
    refused: set[tuple[str, Path]] = set()

    def once(name: str) -> None:
        real = getattr(Path, name)

        def act(self: Path, *arguments: Any, **named: Any) -> Any:
            if (name, self) not in refused and self.exists():
                refused.add((name, self))
                raise PermissionError(13, "Access is denied")
            return real(self, *arguments, **named)

        monkeypatch.setattr(Path, name, act)

    for name in ("rename", "replace", "unlink"):
        once(name)
    made = make_backup(folder, folder.backups / "scanned.sqlite3")
    close_appliance(appliance, folder)
    assert restore(folder, made.path, appliance.queue.clock).jobs == 8
    assert {name for name, _ in refused} == {"rename", "replace", "unlink"}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"demo": false}', "\x00" * 40])
def test_a_damaged_identity_is_never_a_new_folder(
    content: str, lived: dict[str, Any], appliance: Appliance, folder: Folder
) -> None:
    close_appliance(appliance, folder)
    path = folder.path / "identity.json"
    path.write_text(content)
    folder.database.rename(folder.path / "lost.sqlite3")
    for act in (reopened, partial(restore, source=lived["path"], clock=appliance.queue.clock)):
        with pytest.raises(Unusable, match=r"identity.json is damaged.*move the file away"):
            act(folder)
    assert "identity.json is damaged" in " ".join(
        one.sentence for one in examine(folder, Clock()) if one.level == WRONG
    )
    assert path.read_text() == content and not folder.database.exists()
    path.unlink()
    assert restore(folder, lived["path"], appliance.queue.clock).jobs == 7
