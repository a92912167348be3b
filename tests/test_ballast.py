"""A full disk: new jobs are refused, queued ones still leave, and when there is room everything goes on."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from prjobs.appliance import Appliance
from prjobs.base.folder import Folder
from prjobs.store.sqlite import trouble_of
from prjobs.upkeep import ballast
from prjobs.upkeep.ballast import BALLAST_BYTES, GIVE_UP_ON, Ballast, ballast_of
from tests import harm
from tests.clocks import ManualClock
from tests.program import JOB, Program
from tests.waiting import wait_for

try:
    import resource
except ImportError:  # Windows
    resource = None

MB = 1_000_000


# ---- the reserve itself


def error_of(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


def test_it_is_given_up_on_what_the_store_says_of_a_full_disk() -> None:
    assert {trouble_of(error_of(code)).fault for code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)} == set(GIVE_UP_ON)


def test_it_is_made_of_real_bytes(appliance: Appliance, folder: Folder, clock: ManualClock) -> None:
    reserve = Ballast(appliance.queue)
    reserve.once()
    path = ballast_of(folder.path)
    assert not path.exists()
    clock.advance(3)
    reserve.once()
    assert path.stat().st_size == BALLAST_BYTES
    if os.name != "nt":
        assert path.stat().st_blocks * 512 >= BALLAST_BYTES


def test_one_that_was_cut_off_is_made_whole(appliance: Appliance, folder: Folder, clock: ManualClock) -> None:
    reserve = Ballast(appliance.queue)
    ballast_of(folder.path).write_bytes(b"half")
    clock.advance(3)
    reserve.once()
    assert ballast_of(folder.path).stat().st_size == BALLAST_BYTES


def test_it_never_takes_the_room_of_new_jobs(
    appliance: Appliance, folder: Folder, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = Ballast(appliance.queue)
    free_bytes = reserve.needed_bytes - 1
    monkeypatch.setattr(ballast.shutil, "disk_usage", lambda _path: type("Usage", (), {"free": free_bytes}))
    clock.advance(3)
    reserve.once()
    assert not ballast_of(folder.path).exists()
    free_bytes += 1
    clock.advance(6)
    reserve.once()
    assert ballast_of(folder.path).exists()


def test_what_it_frees_is_not_for_new_jobs(appliance: Appliance, folder: Folder, clock: ManualClock) -> None:
    reserve = Ballast(appliance.queue)
    clock.advance(3)
    reserve.once()
    appliance.queue.database.condition.note(error_of(sqlite3.SQLITE_FULL))
    reserve.once()
    assert reserve.given_up
    assert not ballast_of(folder.path).exists()
    appliance.queue.database.write(lambda _transaction: None)
    clock.advance(6)
    reserve.once()
    assert not reserve.given_up
    assert ballast_of(folder.path).exists()


# ---- a real disk that is full


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True, text=True, check=False
        )
    except OSError as error:
        pytest.skip(f"a small file system cannot be mounted here: {error}")
    if made.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False)


def poll(program: Program) -> requests.Response:
    answer = program.post("getnewjobs", {"site": "saf"})
    assert isinstance(answer.json(), list)
    return answer


def healthz(program: Program) -> requests.Response:
    return requests.get(f"{program.url}/healthz", timeout=60)


def refused_newjob(program: Program, token: str) -> requests.Response:
    job = {"site": "saf", "device": "camera", "instance": "camera1", "action": "expose"}
    user = {"user_name": "Alice A.", "user_id": "auth0|alice", "required_params": {}, "optional_params": {}}
    answer = program.post("newjob", {**job, **user}, token)
    assert answer.status_code in (503, 507)
    assert int(answer.headers["Retry-After"]) > 0
    return answer


def parks_until_refused(program: Program, token: str) -> list[str]:
    """Send parks, which may use what is left, until not even the store's log has room; the ids of those accepted."""
    park = {
        **JOB,
        "device": "mount",
        "instance": "mount1",
        "action": "park",
        "optional_params": {"filling": "x" * 5000},
    }
    accepted: list[str] = []
    while (answer := program.post("newjob", park, token)).status_code == 200:
        accepted.append(answer.json()["ulid"])
    assert answer.status_code == 503
    return accepted


@pytest.mark.slow
def test_a_full_disk(small_disk: Path) -> None:
    program = Program(small_disk / "data")
    program.data.mkdir()
    (program.data / "prjobs.toml").write_text("min_free_mb = 1\n")
    reserve = ballast_of(program.data)
    try:
        program.serve()
        token = program.token()
        wait_for(lambda: reserve.exists() and reserve.stat().st_size == BALLAST_BYTES)
        stop = program.new_job(token, device="mount", instance="mount1", action="stop")["ulid"]
        queued = [program.new_job(token)["ulid"] for _ in range(3)]
        filling = harm.fill_up(small_disk)

        assert program.fetch() == [stop]
        assert not reserve.exists()
        report = {"site": "saf", "ulid": stop, "newStatus": "COMPLETE"}
        assert program.post("updatejobstatus", report).status_code == 200
        assert program.fetch(3) == queued

        wait_for(lambda: healthz(program).status_code == 503)
        assert refused_newjob(program, token).status_code == 507
        last = program.new_job(token, device="mount", instance="mount1", action="park")["ulid"]
        assert program.fetch() == [last]
        assert "disk" in program.run("doctor").stdout

        filling.unlink()
        wait_for(lambda: healthz(program).status_code == 200)
        wait_for(reserve.exists)
        after = program.new_job(token)["ulid"]
        assert program.fetch() == [after]
        code, _, errors = program.stop()
        assert (code, "Traceback" in errors) == (0, False)
        free_port = {**os.environ, "PRJOBS_PORT": "0"}
        assert program.run("doctor", "--deep", env=free_port).returncode == 0
    finally:
        program.kill()


@pytest.mark.slow
def test_a_start_on_a_full_disk(small_disk: Path) -> None:
    program = Program(small_disk / "data")
    try:
        program.serve("--min-free-mb", "1")
        token = program.token()
        wait_for(lambda: ballast_of(program.data).exists() and ballast_of(program.data).stat().st_size == BALLAST_BYTES)
        stop = program.new_job(token, device="mount", instance="mount1", action="stop")["ulid"]
        program.kill()
        filling = harm.fill_up(small_disk)
        program.serve("--min-free-mb", "1")
        assert program.fetch() == [stop]
        filling.unlink()
        wait_for(lambda: healthz(program).status_code == 200)
        program.new_job(token)
        assert program.stop()[0] == 0
    finally:
        program.kill()


@pytest.mark.slow
def test_a_disk_that_is_full_without_a_reserve(small_disk: Path) -> None:
    program = Program(small_disk / "data")
    try:
        program.serve("--min-free-mb", "16")  # with that much to be kept free, there is no room for a reserve
        token = program.token()
        queued = [program.new_job(token)["ulid"] for _ in range(3)]
        filling = harm.fill_up(small_disk)
        queued += parks_until_refused(program, token)
        answer = poll(program)
        assert (answer.status_code, answer.headers["X-Prjobs-Error"]) == (503, "The disk is full.")
        assert healthz(program).status_code == 503
        refused_newjob(program, token)
        filling.unlink()
        assert program.fetch(len(queued)) == queued
        wait_for(lambda: healthz(program).status_code == 200)
        assert program.new_job(token)
        assert program.stop()[0] == 0
    finally:
        program.kill()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux changes the limits of a running process")
def test_a_quota(program: Program) -> None:
    program.serve()
    token = program.token()
    queued = [program.new_job(token)["ulid"] for _ in range(3)]
    assert program.process is not None
    pid = program.process.pid
    limit = (program.data / "prjobs.sqlite3-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    answer = poll(program)
    assert (answer.status_code, answer.json()) == (503, [])
    assert healthz(program).status_code == 503
    refused_newjob(program, token)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert program.fetch(3) == queued
    wait_for(lambda: healthz(program).status_code == 200)
    assert program.new_job(token)
    assert program.stop()[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("free_kb", [0, 40])
def test_a_full_disk_is_called_full_by_each_command(small_disk: Path, free_kb: int) -> None:
    """SQLite itself speaks of disk errors, of files that cannot be opened, and of failed rollbacks."""
    program = Program(small_disk / "data")
    program.token()
    old = Program(small_disk / "old")
    old.token()
    harm.execute(old.data / "prjobs.sqlite3", "DROP TABLE removed_site")
    harm.execute(old.data / "prjobs.sqlite3", "DELETE FROM schema_migration WHERE name LIKE '0010%'")
    filling = harm.fill_up(small_disk)
    os.truncate(filling, filling.stat().st_size - free_kb * 1000)
    for command in (
        ("serve", "--port", "0"),
        ("token", "create", "--user", "auth0|bob"),
        ("backup",),
        ("backup", str(small_disk / "copy.sqlite3")),
    ):
        for one in (program, old):
            done = one.run(*command)
            assert done.returncode == 1 and "full" in done.stderr, (command, done.stderr)
            assert "Traceback" not in done.stderr
    if not free_kb:
        done = Program(small_disk / "new").run("serve", "--port", "0")
        assert done.returncode == 1 and "the disk is full" in done.stderr.lower()
