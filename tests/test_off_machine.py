"""The copies of the nightly backups on a share or a stick: file systems that come and go, a folder that hangs."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.notices import PROBLEMS, QUIET, Code
from prjobs.base.notify_addresses import Address
from prjobs.base.settings import Settings
from prjobs.monitor import health
from prjobs.monitor.alarms import PROBLEM
from prjobs.monitor.watching import Watch
from prjobs.notify.notifier import wants
from prjobs.opening import close_appliance, open_appliance, require_settings
from prjobs.server import Server
from prjobs.upkeep.backup import Nightly, nightly_backups
from prjobs.upkeep.doctor import examine
from prjobs.upkeep.findings import NOTE, OK, WRONG
from prjobs.upkeep.inspection import damages, open_read_only
from prjobs.upkeep.off_machine import HANGS_S, MARKER, BackupCopy
from prjobs.upkeep.restore import restore
from tests import verbs
from tests.clocks import ManualClock
from tests.disks import mounted
from tests.preload import needs_gcc, with_fsync
from tests.program import Program
from tests.waiting import wait_for

DAY_S = 86_400
HOUR_S = 3600


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """A folder on the disk of the data, which somebody has marked."""
    place = tmp_path / "share"
    place.mkdir()
    (place / MARKER).touch()
    return place


class House:
    """An open appliance with a job, its nightly backups and their copies."""

    def __init__(self, appliance: Appliance, folder: Folder, clock: ManualClock) -> None:
        self.appliance, self.folder, self.clock = appliance, folder, clock
        self.notices = appliance.queue.notices
        verbs.submit(appliance)
        self.nightly = Nightly(appliance.queue, folder)
        self.copy = BackupCopy(appliance.queue, folder)

    def night(self) -> Path:
        """The backup of another night, copied by the chore; the backup."""
        self.clock.advance(DAY_S)
        made = self.nightly.make_once()
        assert made is not None
        self.tick()
        return made

    def tick(self) -> None:
        self.copy.once()
        if self.copy._thread:
            self.copy._thread.join(60)
            assert not self.copy._thread.is_alive()
        self.copy.once()
        if self.copy._thread:
            self.copy._thread.join(60)


@pytest.fixture
def make_house(
    make_appliance: Callable[..., Appliance], folder: Folder, clock: ManualClock
) -> Iterator[Callable[..., House]]:
    def make(share: Path, **settings: object) -> House:
        return House(make_appliance(backup_copy=str(share), **settings), folder, clock)

    yield make


def copies(share: Path) -> list[Path]:
    return sorted(share.glob("*.sqlite3"))


# ---- what is copied


def test_each_nightly_backup_is_copied_byte_by_byte(make_house: Callable[..., House], share: Path) -> None:
    house = make_house(share)
    made = house.night()
    (copy,) = copies(share)
    assert copy.name == f"prjobs-{house.appliance.queue.identity[:12]}-20231115-221320.sqlite3"
    assert copy.read_bytes() == made.read_bytes()
    assert os.name == "nt" or copy.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in share.iterdir()) == sorted([copy.name, MARKER])
    assert Code.BACKUP_COPY not in house.notices


def test_the_same_number_is_kept_and_the_files_of_others_stay(make_house: Callable[..., House], share: Path) -> None:
    others = ["prjobs-nightly-20200101-000000.sqlite3", f"prjobs-{'0' * 12}-20200101-000000.sqlite3", "notes.txt"]
    for name in others:
        (share / name).write_text("mine")
    house = make_house(share, backup_keep=3)
    mine = share / f"prjobs-{house.appliance.queue.identity[:12]}-mine.sqlite3"
    mine.write_text("mine")
    made = [house.night() for _ in range(5)]
    kept = [path for path in copies(share) if path.name not in others and path != mine]
    assert [path.name[-23:] for path in kept] == [path.name[-23:] for path in made[-3:]]
    assert all((share / name).read_text() == "mine" for name in [*others, mine.name])


def test_two_appliances_share_a_folder(make_house: Callable[..., House], share: Path, tmp_path: Path) -> None:
    first = make_house(share, backup_keep=1)
    for _ in range(2):
        first.night()
    (of_first,) = copies(share)
    other = Folder(tmp_path / "other")
    other.create()
    opened, _ = open_appliance(other, Settings(backup_copy=str(share), backup_keep=1), first.clock)
    try:
        second = House(opened, other, first.clock)
        for _ in range(2):
            second.night()
        first.night()
        assert len(copies(share)) == 2 and of_first not in copies(share)
    finally:
        close_appliance(opened, other)


def test_backups_of_an_outage_are_copied_afterwards(make_house: Callable[..., House], share: Path) -> None:
    house = make_house(share)
    away = share.rename(share.with_name("away"))
    made = [house.night() for _ in range(3)]
    assert f"{share} is no folder now: plug the stick in" in house.notices.sentence(Code.BACKUP_COPY)
    assert not share.exists()
    away.rename(share)
    house.clock.advance(HOUR_S)
    house.tick()
    assert [path.name[-23:] for path in copies(share)] == [path.name[-23:] for path in made]
    assert Code.BACKUP_COPY not in house.notices


def test_a_copy_can_be_restored_on_another_machine(
    make_house: Callable[..., House], share: Path, tmp_path: Path
) -> None:
    house = make_house(share)
    house.night()
    done = restore(Folder(tmp_path / "new"), copies(share)[0], Clock())
    assert done.jobs == 1


def test_an_interrupted_copy_leaves_nothing_for_long(make_house: Callable[..., House], share: Path) -> None:
    house = make_house(share)
    (share / f"prjobs-{house.appliance.queue.identity[:12]}-20231110-221320.sqlite3.new").write_bytes(b"half")
    house.night()
    assert [path.name for path in share.iterdir() if path.suffix == ".new"] == []


def test_a_stop_ends_a_copy_and_is_no_fault(make_house: Callable[..., House], share: Path) -> None:
    house = make_house(share)
    house.clock.advance(DAY_S)
    house.nightly.make_once()
    house.appliance.queue.stopping.set()
    house.copy.copy_once()
    assert [path.name for path in share.iterdir()] == [MARKER]
    assert Code.BACKUP_COPY not in house.notices


# ---- what a bad disk does


BAD = """char n[99], p[999] = ""; sprintf(n, "/proc/self/fd/%%d", f);
if (readlink(n, p, 998) > 0 && strstr(p, "/share/")) {{ {} }}"""
SCRIPT = """
import sys
from pathlib import Path
from prjobs.base.folder import Folder
from tests.clocks import ManualClock
from tests.test_off_machine import House
from prjobs.base.settings import Settings
from prjobs.opening import close_appliance, open_appliance
folder, clock = Folder(Path(sys.argv[1])), ManualClock()
folder.create()
appliance, _ = open_appliance(folder, Settings(backup_copy=sys.argv[2]), clock)
house = House(appliance, folder, clock)
house.night()
print(house.notices.sentence("backup_copy"))
close_appliance(appliance, folder)
"""


def copied_on(disk: dict[str, str], data: Path, share: Path) -> str:
    """Make and copy a backup in a process on that disk; the notice."""
    words = [sys.executable, "-c", SCRIPT, str(data), str(share)]
    done = subprocess.run(words, env=disk, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
@needs_gcc
@pytest.mark.parametrize("refused", ["EINVAL", pytest.param("ENOTSUP", marks=pytest.mark.long)])
def test_a_share_that_syncs_no_folder_takes_the_copy(share: Path, tmp_path: Path, refused: str) -> None:
    refusing = with_fsync(tmp_path, f"struct stat s;if(!fstat(f,&s)&&S_ISDIR(s.st_mode)){{errno={refused};return -1;}}")
    assert copied_on(refusing, tmp_path / "data", share) == ""
    assert len(copies(share)) == 1


@pytest.mark.slow
@needs_gcc
@pytest.mark.parametrize(
    ("act", "said"),
    [
        ('pwrite(open(p, O_RDWR), "rotten", 6, 5000);', "reads back other than it was written"),
        pytest.param("errno = EIO; return -1;", "Input/output error", marks=pytest.mark.long),
        pytest.param("errno = ENOSPC; return -1;", "the disk is full", marks=pytest.mark.long),
    ],
)
def test_a_stick_that_loses_what_was_written_is_noticed(share: Path, tmp_path: Path, act: str, said: str) -> None:
    notice = copied_on(with_fsync(tmp_path, BAD.format(act).replace("%%", "%")), tmp_path / "data", share)
    assert said in notice and notice.endswith("The next try is in an hour.")
    assert [path.name for path in share.iterdir()] == [MARKER]


def test_a_backup_that_is_damaged_is_copied_nowhere(make_house: Callable[..., House], share: Path) -> None:
    house = make_house(share)
    house.clock.advance(DAY_S)
    made = house.nightly.make_once()
    assert made is not None
    made.write_bytes(made.read_bytes()[:-4096])
    house.tick()
    assert "The backup was not copied" in house.notices.sentence(Code.BACKUP_COPY)
    assert copies(share) == []


# ---- file systems that come and go


def test_a_stick_is_marked_by_itself_and_an_empty_mount_point_gets_nothing(
    make_house: Callable[..., House], tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    house = make_house(stick)
    with mounted(stick):
        house.night()
        assert len(copies(stick)) == 1 and (stick / MARKER).read_text().startswith("prjobs copies its nightly backups")
    house.night()
    assert list(stick.iterdir()) == []
    said = house.notices.sentence(Code.BACKUP_COPY)
    assert f"{stick} is on a disk of this machine and has no file {MARKER}: mount the share or the stick." in said
    # Another, empty stick.
    with mounted(stick):
        house.night()
        assert len(copies(stick)) == 3 and Code.BACKUP_COPY not in house.notices


def test_an_empty_mount_point_on_a_third_disk_gets_nothing_either(
    make_house: Callable[..., House], tmp_path: Path
) -> None:
    third = tmp_path / "third"
    third.mkdir()
    with mounted(third):
        stick = third / "stick"
        stick.mkdir()
        house = make_house(stick)
        with mounted(stick):
            house.night()
        house.night()
        assert list(stick.iterdir()) == []
        assert "mount the share or the stick" in house.notices.sentence(Code.BACKUP_COPY)


def test_a_folder_on_the_same_disk_needs_a_mark_made_by_hand(make_house: Callable[..., House], share: Path) -> None:
    house = make_house(share)
    (share / MARKER).unlink()
    house.night()
    assert copies(share) == []
    assert f"make an empty file {MARKER} in it" in house.notices.sentence(Code.BACKUP_COPY)
    (share / MARKER).touch()
    house.clock.advance(HOUR_S)
    house.tick()
    assert len(copies(share)) == 1


def test_a_full_stick_says_so_and_keeps_the_older_copies(make_house: Callable[..., House], tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    house = make_house(stick)
    with mounted(stick, "size=1m"):
        house.night()
        before = copies(stick)
        assert len(before) == 1
        while Code.BACKUP_COPY not in house.notices:
            house.night()
        assert "is too full" in house.notices.sentence(Code.BACKUP_COPY)
        assert before[0] in copies(stick)
        assert [path for path in stick.iterdir() if path.suffix == ".new"] == []


def test_a_folder_that_leads_into_the_data_folder_is_refused_later(
    make_house: Callable[..., House], folder: Folder, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    try:
        link.symlink_to(folder.backups, target_is_directory=True)
    except OSError:
        pytest.skip("no symbolic links here")
    if not link.is_dir():
        pytest.skip("symbolic links lead nowhere here")
    house = make_house(link)
    house.night()
    assert "leads into the data folder" in house.notices.sentence(Code.BACKUP_COPY)


# ---- an old copy is a problem


def test_an_old_copy_is_a_problem_until_the_next(make_house: Callable[..., House], share: Path) -> None:
    house = make_house(share)
    house.night()
    away = share.rename(share.with_name("away"))
    house.night()
    assert health.examine(house.appliance.queue).ok
    assert Code.BACKUP_COPY in house.notices
    house.night()
    house.clock.advance(HOUR_S)
    house.tick()
    found = health.examine(house.appliance.queue)
    assert not found.ok
    assert [one.code for one in found.problems] == ["backup_copy_old"]
    assert found.problems[0].sentence.startswith(f"The newest copy of a backup in {share} is 2 days old: check")
    away.rename(share)
    house.clock.advance(HOUR_S)
    house.tick()
    assert health.examine(house.appliance.queue).ok


def test_no_problem_is_without_a_sound(make_house: Callable[..., House], tmp_path: Path) -> None:
    """A problem keeps the sign of life away: people must hear of it, and by every address."""
    assert not PROBLEMS & QUIET
    house = make_house(tmp_path / "nowhere")
    house.tick()
    for _ in range(3):
        house.night()
    Watch(house.appliance.board).once()
    (alarm,) = [one for one in house.appliance.board.alarms.raised() if one.kind == PROBLEM]
    assert alarm.loud and wants(Address(1, "ntfys://topic"), alarm)


def test_a_folder_that_never_took_a_copy_is_a_problem_too(make_house: Callable[..., House], tmp_path: Path) -> None:
    house = make_house(tmp_path / "nowhere")
    house.tick()
    for _ in range(3):
        assert health.examine(house.appliance.queue).ok
        house.night()
    assert "No backup was copied to" in house.notices.sentence(Code.BACKUP_COPY_OLD)


def test_after_a_week_without_power_the_first_hour_is_quiet(
    make_house: Callable[..., House], share: Path, clock: ManualClock
) -> None:
    make_house(share).night()
    clock.advance(7 * DAY_S)
    house = make_house(share)
    house.tick()
    assert health.examine(house.appliance.queue).ok
    house.nightly.make_once()
    house.tick()
    clock.advance(2 * HOUR_S)
    house.tick()
    assert health.examine(house.appliance.queue).ok and len(copies(share)) == 2


def test_the_doctor_tells_the_age(make_house: Callable[..., House], share: Path, folder: Folder) -> None:
    def said(settings_line: str = f'backup_copy = "{share.as_posix()}"') -> list[tuple[str, str]]:
        (folder.path / "prjobs.toml").write_text(settings_line)
        return [(one.level, one.sentence) for one in examine(folder, house.clock) if one.check == "copy"]

    house = make_house(Path(share.as_posix()))
    house.copy._judge_age()
    assert said("") == []
    assert [level for level, _ in said()] == [NOTE]
    house.night()
    house.clock.advance(2 * HOUR_S)
    assert said() == [(OK, f"The newest copy in {share.as_posix()} is 2 h old.")]
    house.clock.advance(3 * DAY_S)
    # Without a running server nobody copies.
    assert said()[0][0] == NOTE and "3 days old" in said()[0][1]
    lock = folder.lock()
    try:
        assert said()[0][0] == WRONG
    finally:
        lock.release()


# ---- a share that hangs


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe, whose opening waits for a reader")
def test_a_share_that_hangs_holds_up_nothing(
    make_server: Callable[..., Server], clock: ManualClock, share: Path
) -> None:
    server = make_server(clock, backup_copy=str(share))
    queue = server.appliance.queue
    program = Program(server.folder.path)
    program.url = server.url
    token = program.token()
    program.new_job(token)
    # Opening the file for writing waits in the system until somebody reads, as a share does that is gone.
    pipe = share / f"prjobs-{queue.identity[:12]}-20231114-221421.sqlite3.new"
    os.mkfifo(pipe)
    clock.advance(61)
    wait_for(lambda: nightly_backups(server.folder))
    clock.advance(61)
    wait_for(lambda: [one for one in threading.enumerate() if one.name == "backup copy"])
    clock.advance(HANGS_S + 61)
    wait_for(lambda: "has not answered for" in queue.notices.sentence(Code.BACKUP_COPY))
    # Polls, writes and the next nightly backup go on.
    program.new_job(token)
    assert len(program.fetch(2)) == 2
    clock.advance(DAY_S)
    wait_for(lambda: len(nightly_backups(server.folder)) == 2)
    assert len([one for one in threading.enumerate() if one.name == "backup copy"]) == 1
    assert requests.get(f"{server.url}/healthz", timeout=30).json()["ok"]
    server.stop()
    wait_for(lambda: not server.folder.server())
    # It answers again: the copy gives up, since the process ends.
    with pipe.open("rb") as reading:
        wait_for(lambda: not [one for one in threading.enumerate() if one.name == "backup copy"])
        assert reading.read() == b""
    assert copies(share) == []


HANGING = """
import os, sys, threading
from pathlib import Path
from prjobs.base.folder import Folder
from tests.clocks import ManualClock
from tests.test_off_machine import DAY_S, House
from prjobs.base.settings import Settings
from prjobs.opening import close_appliance, open_appliance
folder, clock = Folder(Path(sys.argv[1])), ManualClock()
folder.create()
appliance, _ = open_appliance(folder, Settings(backup_copy=sys.argv[2]), clock)
house = House(appliance, folder, clock)
clock.advance(DAY_S)
made = house.nightly.make_once()
os.mkfifo(str(house.copy._copy_of(made)) + ".new")
house.copy.once()
print(house.copy._thread.is_alive() and close_appliance(appliance, folder))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe, whose opening waits for a reader")
def test_a_process_ends_although_the_share_hangs(share: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-c", HANGING, str(tmp_path / "data"), str(share)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


# ---- what is refused at once


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("{data}/backups", "in the data folder: choose a folder on another disk or machine"),
        ("{data}/backups/more", "in the data folder"),
        ("{data}/../data/backups/.", "in the data folder"),
        ("{data}", "in the data folder"),
        ("copies", "give the full path of the folder"),
    ],
)
def test_a_folder_that_is_no_way_off_is_refused(folder: Folder, named: str, said: str) -> None:
    with pytest.raises(Unusable, match=said):
        require_settings(folder, Settings(backup_copy=named.format(data=folder.path)), Clock())


@pytest.mark.slow
def test_the_start_is_refused_and_the_doctor_says_why(program: Program) -> None:
    env = {**os.environ, "PRJOBS_BACKUP_COPY": str(program.data / "backups")}
    for words in (["serve", "--port", "0"], ["doctor"]):
        program.data.mkdir(exist_ok=True)
        refused = program.run(*words, env=env)
        assert refused.returncode == 1 and "in the data folder: choose a folder" in refused.stderr + refused.stdout


def test_copies_need_backups(folder: Folder, share: Path) -> None:
    with pytest.raises(Unusable, match="backup_keep = 0 makes none: set backup_keep"):
        require_settings(folder, Settings(backup_copy=str(share), backup_keep=0), Clock())


def test_nothing_is_copied_without_the_setting(make_appliance: Callable[..., Appliance], folder: Folder) -> None:
    house = House(make_appliance(), folder, ManualClock())
    house.tick()
    assert house.copy._thread is None
    assert house.appliance.queue.database.fetch("SELECT 1 FROM fact WHERE name = 'backup_copy'") == []


def test_the_copy_is_checked_as_a_store(make_house: Callable[..., House], share: Path) -> None:
    house = make_house(share)
    house.night()
    with closing(open_read_only(copies(share)[0], still=True)) as connection:
        assert damages(connection) == []
