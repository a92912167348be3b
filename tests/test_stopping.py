"""A stop ends in bounded time, loses nothing that was answered, and its exit code is true."""

import gc
import os
import socket
import sqlite3
import threading
import time
from pathlib import Path

import pytest
import requests
from filelock import FileLock

from prjobs.base import files
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.server import Server
from tests.clocks import ManualClock
from tests.preload import needs_gcc, with_fsync
from tests.program import JOB

OPEN_FILES = Path("/proc/self/fd")
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


@pytest.mark.skipif(
    os.name == "nt" or not OPEN_FILES.exists(), reason="the system does not list the open files by /proc"
)
def test_a_stopped_server_leaves_nothing_open(tmp_path):
    def serve(name):
        server = Server(Folder(tmp_path / name), Settings(port=0))
        thread = threading.Thread(target=server.run)
        thread.start()
        assert requests.post(f"http://127.0.0.1:{server.listener.port}/getnewjobs", data='{"site": "saf"}').ok
        server.stop()
        thread.join()
        gc.collect()
        return len(list(OPEN_FILES.iterdir()))

    serve("first")
    assert serve("second") == serve("third")


def locked(program) -> sqlite3.Connection:
    other = sqlite3.connect(program.data / "prjobs.sqlite3", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    return other


def running(program) -> str:
    with sqlite3.connect(program.data / "prjobs.sqlite3") as connection:
        return connection.execute("SELECT value FROM fact WHERE name = 'running'").fetchone()[0]


@posix
def test_a_stop_does_not_wait_for_another_programs_lock(program):
    program.serve()
    job = program.new_job(program.token())
    with requests.Session() as session:
        assert session.post(f"{program.url}/getnewjobs", data='{"site": "saf"}').json()
    other = locked(program)
    code, _, errors = program.stop()
    assert code == 1 and "could not be closed well" in errors.splitlines()[-1] and "Traceback" not in errors
    other.execute("ROLLBACK")
    other.close()
    assert running(program) == "yes"
    program.serve()
    (stored,) = program.post("getrecentjobs", {"site": "saf"}).json()
    assert (stored["ulid"], stored["statusId"]) == (job["ulid"], f"RECEIVED#{job['ulid']}")
    code, _, errors = program.stop()
    assert code == 0 and "The last stop was not clean" in errors


@posix
def test_a_lock_that_goes_in_time_leaves_the_stop_clean(program):
    program.serve()
    program.new_job(program.token())
    other = locked(program)
    threading.Timer(0.4, other.execute, ("ROLLBACK",)).start()
    code, _, _ = program.stop()
    assert (code, running(program)) == (0, "no")
    other.close()


@posix
def test_writes_in_flight_at_a_stop_are_answered_while_the_database_is_locked(program):
    program.serve()
    token = program.token()
    other = locked(program)
    answers = []
    sending = threading.Thread(
        target=lambda: answers.append(
            requests.post(f"{program.url}/newjob", json=JOB, headers={"Authorization": f"Bearer {token}"})
        )
    )
    sending.start()
    time.sleep(0.3)
    code, _, _ = program.stop()
    sending.join(60)
    assert code == 1
    assert answers[0].status_code == 503 and "locked" in answers[0].text
    other.close()


@needs_gcc
def test_a_disk_that_hangs_does_not_keep_the_process(program, tmp_path):
    hangs = tmp_path / "hangs"
    token = program.token()
    program.serve(env=with_fsync(tmp_path, f'while(access("{hangs}",F_OK)==0)usleep(100000)'))
    job = program.new_job(token)
    hangs.touch()
    code, _, errors = program.stop()
    assert code == 1
    # Either the closing gave up in time, or the process was broken off.
    assert "no answered request is lost" in errors.splitlines()[-1]
    hangs.unlink()
    program.serve()
    assert program.fetch() == [job["ulid"]]


@posix
def test_an_identity_that_cannot_be_written_does_not_spoil_the_stop(program):
    program.serve()
    program.new_job(program.token())
    # Stands for a full disk, or for a virus scanner on Windows.
    (program.data / "identity.new").mkdir()
    code, _, errors = program.stop()
    assert code == 0 and "identity.json cannot be written" in errors and "Traceback" not in errors
    assert running(program) == "no" and not (program.data / "server.json").exists()


@posix
def test_an_address_that_cannot_be_written_does_not_prevent_the_start(program):
    """The lock decides who serves the folder; a program that holds server.json open is said in the log."""
    token = program.token()
    (program.data / "server.new").mkdir()
    program.serve()
    assert program.new_job(token)["ulid"] in program.fetch()
    code, _, errors = program.stop()
    assert code == 0 and "server.json cannot be written" in errors and "Traceback" not in errors


def refusing(monkeypatch, times: int) -> list[float]:
    """Path.replace fails so many times, as Windows does while another program has the file open."""
    left, waited = [times], []
    replace = files.Path.replace

    def refuse(self, target):
        if left[0]:
            left[0] -= 1
            raise PermissionError(13, "Access is denied")
        return replace(self, target)

    monkeypatch.setattr(files.Path, "replace", refuse)
    monkeypatch.setattr(files.time, "sleep", waited.append)
    return waited


def test_a_file_in_use_for_a_moment_is_replaced_all_the_same(folder, monkeypatch):
    waited = refusing(monkeypatch, 3)
    folder.write_identity({"identity": "a"})
    assert folder.identity() == {"identity": "a"} and 0 < sum(waited) < 1


def test_a_file_in_use_for_long_is_said(folder, monkeypatch):
    folder.write_identity({"identity": "a"})
    refusing(monkeypatch, 100)
    with pytest.raises(PermissionError):
        folder.write_identity({"identity": "b"})
    assert folder.identity() == {"identity": "a"}


def test_a_look_at_the_folder_does_not_refuse_a_start(folder):
    looking = FileLock(folder.path / "lock", thread_local=False)
    looking.acquire()
    threading.Timer(0.2, looking.release).start()
    lock = folder.lock()
    assert lock.is_locked
    lock.release()


def test_a_secret_is_there_whole_or_not_at_all(tmp_path):
    folder = Folder(tmp_path)
    (tmp_path / "secret.new").mkdir()
    with pytest.raises(Unusable, match="cannot write the secret"):
        folder.secret(ManualClock())
    assert not (tmp_path / "secret").exists()
    (tmp_path / "secret.new").rmdir()
    assert folder.secret(ManualClock()) == folder.known_secret()


def test_a_start_that_was_refused_is_no_unclean_stop(program):
    with socket.create_server(("127.0.0.1", 0)) as other:
        refused = program.run("serve", "--port", str(other.getsockname()[1]))
    assert refused.returncode == 1 and "cannot listen on 127.0.0.1" in refused.stderr
    assert running(program) == "no"
    program.serve()
    assert program.stop()[0] == 0
    assert "not clean" not in (program.data / "logs" / "prjobs.log").read_text()


def test_a_stop_by_a_slow_thread_wakes_a_loop_that_has_seen_the_stop(tmp_path):
    server = Server(Folder(tmp_path / "data"), Settings(port=0))
    listener = server.listener
    main, drained = listener._servers[0], threading.Event()
    wake, drain = main.pull_trigger, listener._workers.shutdown

    def shut_down(**named):
        drained.set()
        return drain(**named)

    def wake_late():
        assert drained.wait(60)
        time.sleep(0.2)
        wake()

    main.pull_trigger, listener._workers.shutdown = wake_late, shut_down
    thread = threading.Thread(target=server.run)
    thread.start()
    server.stop()
    thread.join(60)
    assert not thread.is_alive() and main.trigger._closed
