"""Restarts: connections wait in the sockets of systemd, and a stop answers and proves what it can."""

import os
import signal
import socket
import sqlite3
import threading

import pytest
import requests

from prjobs.base import passed_sockets as passing
from prjobs.base.errors import Unusable
from prjobs.base.settings import Settings
from prjobs.service.units import socket_unit
from tests.plain_http import POLL, read_answer
from tests.program import Program
from tests.waiting import wait_for

posix = pytest.mark.skipif(os.name == "nt", reason="systemd and POSIX signals")
# What systemd does between fork and exec: sockets from number 3 on, and the number of the process.
LAUNCH = """
import fcntl, os, sys
numbers = [int(number) for number in sys.argv[1].split(",")]
kept = [fcntl.fcntl(number, fcntl.F_DUPFD, 100) for number in numbers]
for place, number in enumerate(kept, 3):
    os.dup2(number, place)
os.environ |= {"LISTEN_FDS": str(len(kept)), "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "prjobs.socket"}
os.execv(sys.executable, [sys.executable, "-m", "prjobs", *sys.argv[2:]])
"""


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


@pytest.fixture
def start(program, listening):
    """Start the program as systemd does, with the listening socket; the same port after each start."""
    port = listening.getsockname()[1]
    passed = Program(program.data, ("-c", LAUNCH, str(listening.fileno())))

    def start(*flags):
        passed.serve("--port", str(port), *flags, pass_fds=[listening.fileno()])
        return passed

    yield start
    passed.kill()


def some_more(answered):
    seen = len(answered)
    return lambda: len(answered) > seen + 20


def states(program):
    with sqlite3.connect(program.data / "prjobs.sqlite3") as connection:
        return [state for (state,) in connection.execute("SELECT state FROM handout ORDER BY id")]


@posix
@pytest.mark.long
def test_no_poll_is_refused_while_the_service_restarts(program, start, listening):
    """The real loop polls on a new connection each time, and its flush does not outlive an error."""
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    answered, failed, over = [], [], threading.Event()

    def poll():
        while not over.is_set():
            try:
                answer = requests.post(f"{url}/getnewjobs", json={"site": "saf"}, timeout=60)
                answered.append(answer.status_code)
            except requests.RequestException as error:
                failed.append(error)

    polling = [threading.Thread(target=poll) for _ in range(4)]
    served = start()
    assert served.url == url
    for one in polling:
        one.start()
    for _ in range(2):
        wait_for(some_more(answered))
        served.process.send_signal(signal.SIGTERM)
        assert served._wait()[0] == 0
        served = start()
    wait_for(some_more(answered))
    over.set()
    for one in polling:
        one.join(60)
    assert failed == [] and set(answered) == {200}
    code, _, errors = served.stop()
    assert code == 0 and "systemd listens" not in errors


@pytest.mark.slow
@posix
def test_a_poll_while_nothing_runs_is_answered_after_the_start(program, start, listening):
    with socket.create_connection(listening.getsockname(), timeout=60) as waiting:
        waiting.sendall(POLL)
        start()
        assert read_answer(waiting)[1] == b"[]"


@pytest.mark.slow
@posix
def test_another_port_than_that_of_the_settings_is_told(program, start, listening):
    served = start("--port", "1")
    assert served.url.endswith(f":{listening.getsockname()[1]}")
    assert "systemd listens on 127.0.0.1 port" in served.stop()[2]


@posix
@pytest.mark.parametrize("kind", ["not listening", "datagram", "both families"])
def test_a_socket_that_is_none_of_ours_is_refused(program, kind):
    if kind == "both families" and not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    made = {
        "not listening": socket.socket,
        "datagram": lambda: socket.socket(type=socket.SOCK_DGRAM),
        "both families": lambda: socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True),
    }
    with made[kind]() as wrong:
        refused = Program(program.data, ("-c", LAUNCH, str(wrong.fileno())))
        with pytest.raises(AssertionError, match="systemd") as said:
            refused.serve(pass_fds=[wrong.fileno()])
    assert "Traceback" not in str(said.value)


def test_sockets_for_another_process_are_left_alone(monkeypatch):
    for pid, count in (("1", "1"), ("", "1"), (str(os.getpid()), "x"), (str(os.getpid()), "0")):
        monkeypatch.setenv("LISTEN_PID", pid)
        monkeypatch.setenv("LISTEN_FDS", count)
        assert passing.passed_sockets("127.0.0.1", 1) == []
        assert "LISTEN_PID" not in os.environ and "LISTEN_FDS" not in os.environ


def test_the_socket_unit_names_every_address():
    lines = socket_unit(Settings(host="127.0.0.1", port=9000)).splitlines()
    assert "ListenStream=127.0.0.1:9000" in lines and "BindIPv6Only=ipv6-only" in lines
    assert "ListenStream=0.0.0.0:9000" in socket_unit(Settings(host="0.0.0.0", port=9000)).splitlines()
    with pytest.raises(Unusable, match="port is 0"):
        socket_unit(Settings(port=0))
    with pytest.raises(Unusable, match="host"):
        socket_unit(Settings(host="no.such.host.invalid"))


def test_the_socket_unit_is_printed_from_the_settings_of_the_folder(program):
    program.data.mkdir(parents=True, exist_ok=True)
    (program.data / "prjobs.toml").write_text("port = 9001\n", encoding="utf-8")
    shown = program.run("service", "show", "--socket")
    assert (shown.returncode, shown.stderr) == (0, "") and "ListenStream=127.0.0.1:9001" in shown.stdout


# ---- a clean stop


def picked_up(program):
    """A connection whose program has read an answer with a job and has not ended yet."""
    program.new_job(program.token())
    host, _, port = program.url.rpartition("/")[2].partition(":")
    opened = socket.create_connection((host, int(port)), timeout=60)
    opened.sendall(POLL)
    assert b"ulid" in read_answer(opened)[1]
    return opened


@pytest.mark.slow
@posix
def test_an_end_that_comes_during_the_stop_proves_the_answer(program):
    program.serve()
    with picked_up(program) as opened:
        assert states(program) == ["OPEN"]
        program.process.terminate()
        # The appliance ends its side first, and waits for the program's end.
        assert opened.recv(1) == b""
    assert program._wait()[0] == 0 and states(program) == ["CONFIRMED"]


@pytest.mark.slow
@posix
def test_an_end_just_before_the_stop_proves_the_answer(program):
    program.serve()
    opened = picked_up(program)
    # The loop gets the end and the signal at once.
    program.process.send_signal(signal.SIGSTOP)
    opened.close()
    program.process.terminate()
    program.process.send_signal(signal.SIGCONT)
    assert program._wait()[0] == 0 and states(program) == ["CONFIRMED"]


@posix
@pytest.mark.long
def test_a_program_that_ends_nothing_is_not_waited_for_long_and_proves_nothing(program):
    program.serve()
    with picked_up(program):
        assert program.stop()[0] == 0
    assert states(program) == ["UNCONFIRMED"]


@posix
def test_what_was_asked_before_the_stop_is_answered(program):
    program.serve()
    host, _, port = program.url.rpartition("/")[2].partition(":")
    program.process.send_signal(signal.SIGSTOP)
    asked = [socket.create_connection((host, int(port)), timeout=60) for _ in range(5)]
    for one in asked:
        one.sendall(POLL)
    program.process.terminate()
    program.process.send_signal(signal.SIGCONT)
    assert [read_answer(one)[1] for one in asked] == [b"[]"] * 5
    assert program._wait()[0] == 0
    for one in asked:
        one.close()
