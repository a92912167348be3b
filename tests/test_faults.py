"""What must happen when things go wrong, each made to happen for real. The polls always answer with a list."""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading

import pytest
import requests

from tests.clocks import ManualClock
from tests.preload import needs_gcc, with_fsync
from tests.program import JOB, Program
from tests.verbs import make_token
from tests.waiting import wait_for

posix = pytest.mark.skipif(os.name == "nt", reason="made with POSIX means")


def poll(url, site="saf"):
    """(status, list, sentence) of one poll, on a new connection."""
    answer = requests.post(f"{url}/getnewjobs", data=json.dumps({"site": site}), timeout=60)
    return answer.status_code, answer.json(), answer.headers.get("X-Prjobs-Error")


@pytest.fixture
def served(program):
    program.serve()
    program.bearer = program.token()
    return program


def send(served, **changes):
    return served.post("newjob", {**JOB, **changes}, served.bearer)


def notices(served):
    return requests.get(f"{served.url}/healthz").json()["notices"]


def healthy(served):
    return requests.get(f"{served.url}/healthz").json()["ok"]


@pytest.mark.slow
def test_a_database_locked_by_another_program(served):
    """Polls answer, writes are refused in bounded time; when the lock goes, everything goes on by itself."""
    waiting = send(served).json()["ulid"]
    other = sqlite3.connect(served.data / "prjobs.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def is_said():
        # A poll on a slow machine is over before the writer has found the lock.
        status, batch, sentence = poll(served.url)
        assert (status, batch) == (503, [])
        return "locked" in sentence

    wait_for(is_said)
    assert poll(served.url, "mrc1")[:2] == (200, [])
    refused = send(served)
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0 and "locked" in refused.text
    assert not healthy(served)
    other.execute("COMMIT")
    other.close()
    wait_for(lambda: healthy(served))
    assert served.fetch() == [waiting]
    assert send(served).status_code == 200


def test_an_open_reader_does_not_hold_up_anything(served):
    reader = sqlite3.connect(served.data / "prjobs.sqlite3", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM job").fetchone()
    sent = [send(served).json()["ulid"] for _ in range(20)]
    assert served.fetch(20) == sent
    reader.close()


@pytest.mark.slow
@posix
def test_the_file_deleted_while_running_is_noticed(served):
    send(served)
    (served.data / "prjobs.sqlite3").unlink()
    wait_for(lambda: not healthy(served))
    status, batch, sentence = poll(served.url)
    assert (status, batch) == (503, []) and "deleted or replaced" in sentence
    assert send(served).status_code == 503
    assert "deleted or replaced" in requests.get(f"{served.url}/healthz").json()["problems"][0]["sentence"]


@pytest.mark.slow
@posix
def test_the_file_replaced_and_brought_back_while_running(served):
    job = send(served).json()["ulid"]
    path = served.data / "prjobs.sqlite3"
    path.rename(served.data / "aside")
    path.write_bytes(b"")
    wait_for(lambda: not healthy(served))
    (served.data / "aside").replace(path)
    wait_for(lambda: healthy(served))
    assert served.fetch() == [job]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["zeroed header", "text", "cut short", "random page"])
def test_a_damaged_file_is_refused_with_the_backup_to_restore(served, damage):
    for _ in range(300):
        send(served)
    served.stop()
    path = served.data / "prjobs.sqlite3"
    shutil.copy(path, served.data / "backups" / "good.sqlite3")
    content = bytearray(path.read_bytes())
    if damage == "zeroed header":
        content[:100] = bytes(100)
    elif damage == "text":
        content = bytearray(b"this is no database\n" * 100)
    elif damage == "cut short":
        content = content[: len(content) // 2]
    else:
        middle = len(content) // 8192 * 4096
        content[middle : middle + 4096] = os.urandom(4096)
    path.write_bytes(bytes(content))
    done = served.run("serve", "--port", "0")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "good.sqlite3" in done.stderr and "restore" in done.stderr
    assert path.read_bytes() == bytes(content)


@pytest.mark.slow
@pytest.mark.parametrize("left", ["missing", "empty"])
def test_a_missing_or_empty_file_never_becomes_an_empty_queue(served, left):
    send(served)
    served.stop()
    path = served.data / "prjobs.sqlite3"
    path.unlink()
    if left == "empty":
        path.write_bytes(b"")
    done = served.run("serve", "--port", "0")
    assert done.returncode == 1 and "missing or empty" in done.stderr


@pytest.mark.slow
def test_the_store_of_another_appliance_is_refused(served, tmp_path):
    served.stop()
    other = Program(tmp_path / "other")
    other.token()
    shutil.copy(other.data / "prjobs.sqlite3", served.data / "prjobs.sqlite3")
    done = served.run("serve", "--port", "0")
    assert done.returncode == 1 and "another appliance" in done.stderr


@pytest.mark.slow
def test_a_file_of_a_newer_version_is_refused(served):
    served.stop()
    with sqlite3.connect(served.data / "prjobs.sqlite3") as connection:
        connection.execute("INSERT INTO schema_migration (name, applied) VALUES ('0999_later', '2030-01-01')")
    connection.close()
    done = served.run("serve", "--port", "0")
    assert done.returncode == 1 and "newer prjobs" in done.stderr and done.stderr.count("\n") == 1


def without_roots_powers():
    """A command prefix under which permissions count for root too; none for everybody else."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("as root this needs setpriv (Debian: apt install util-linux)")
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


@pytest.mark.slow
@posix
@pytest.mark.parametrize(("name", "mode"), [(".", 0o500), ("prjobs.sqlite3", 0o400)])
def test_what_may_not_be_written_is_refused_in_one_line(served, name, mode):
    served.stop()
    path = served.data / name
    before = path.stat().st_mode
    path.chmod(mode)
    command = [*without_roots_powers(), sys.executable, "-m", "prjobs", "serve", "--port", "0", "--data", served.data]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    path.chmod(before)
    assert done.returncode == 1 and str(path) in done.stderr and "writ" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
@posix
def test_a_file_that_may_not_grow(program):
    """RLIMIT_FSIZE stands for a full disk: writes are refused, polls answer, and nothing that was answered is lost."""
    code = (
        "import resource, sys, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY));"
        "from prjobs.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    program.token()
    process = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "--port", "0", "--data", str(program.data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    program.process = process
    program.url = process.stdout.readline().split()[-1].rstrip("/")
    program.bearer = program.token()
    sent = []
    for _ in range(400):
        answer = send(program, required_params={"filling": "x" * 20_000})
        if answer.status_code != 200:
            break
        sent.append(answer.json()["ulid"])
    assert answer.status_code in (503, 507) and answer.headers["Retry-After"]
    assert poll(program.url)[1] == []
    # A write of a single page may still fit where a job did not: the store is well again until the next job.
    wait_for(lambda: send(program).status_code != 200 and not healthy(program))
    program.kill()
    program.serve()
    stored = {job["ulid"] for job in program.post("getrecentjobs", {"site": "saf"}).json()}
    assert set(sent) <= stored


@pytest.mark.slow
def test_slow_idle_and_half_open_connections_do_not_keep_others_out(served):
    port = int(served.url.rpartition(":")[2])
    connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
    for connection in connections[:100]:
        connection.sendall(b"POST /getnewjobs HTTP/1.1\r\nHost: localhost\r\nContent-Le")
    assert poll(served.url)[:2] == (200, [])
    assert send(served).status_code == 200
    for connection in connections:
        connection.close()


def test_a_slow_sender_is_cut(make_server, monkeypatch):
    monkeypatch.setattr("prjobs.web.channel.SLOW_S", 0.5)
    server = make_server()
    with socket.create_connection(("127.0.0.1", server.listener.port), timeout=60) as connection:
        connection.sendall(b"POST /getnewjobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        assert connection.recv(100) == b""


@pytest.mark.slow
def test_an_idle_connection_is_closed(make_server, monkeypatch):
    monkeypatch.setattr("prjobs.web.channel.IDLE_S", 0.5)
    server = make_server()
    with socket.create_connection(("127.0.0.1", server.listener.port), timeout=60) as connection:
        assert connection.recv(100) == b""


@pytest.mark.slow
@needs_gcc
def test_a_slow_disk(program, tmp_path):
    """Each fsync takes 200 ms: new jobs share a commit, none is lost or comes twice."""
    syncs = tmp_path / "syncs"
    counted = f'int s=open("{syncs}",O_WRONLY|O_APPEND|O_CREAT,0600);write(s,"x",1);close(s)'
    program.token()
    program.serve(env=with_fsync(tmp_path, f"{counted};usleep(200000)"))
    program.bearer = program.token()
    sent, got = [], []
    before = syncs.stat().st_size
    senders = [
        threading.Thread(target=lambda: sent.extend(send(program).json()["ulid"] for _ in range(3))) for _ in range(10)
    ]
    for thread in senders:
        thread.start()
    while any(thread.is_alive() for thread in senders):
        got += [job["ulid"] for job in poll(program.url)[1]]
    assert syncs.stat().st_size - before < 30
    got += program.fetch(30 - len(got))
    assert sorted(got) == sorted(sent) and len(sent) == 30


def test_the_clock_steps_of_a_running_server(make_server):
    clock = ManualClock()
    server = make_server(clock)
    token = make_token(server.appliance, "auth0|alice", days=1000)
    headers = {"Authorization": f"Bearer {token}"}
    ulids = []
    for step in (0, -3600, 366 * 86_400, -366 * 86_400):
        clock.step(step)
        clock.advance(2)
        job = requests.post(f"{server.url}/newjob", json=JOB, headers=headers).json()
        ulids.append(job["ulid"])
        assert job["timestamp_ms"] > 0
        if step:
            wait_for(lambda: "clock" in [one["code"] for one in notices(server)])
    assert ulids == sorted(ulids)
    assert [job["ulid"] for job in poll(server.url)[1]] == ulids
