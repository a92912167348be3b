"""The end of a connection proves or refutes that the answer arrived; who has ended before gets no jobs."""

import ctypes
import json
import os
import select
import signal
import socket
import struct
import threading
from contextlib import closing

import pytest
import requests

from prjobs.base import sockets
from prjobs.base.failpoints import Failpoints
from prjobs.base.settings import Settings
from tests.plain_http import POLL, read_answer, request
from tests.program import JOB
from tests.verbs import make_token, submit
from tests.waiting import wait_for

# Wine takes the error from the socket of a reset connection, and reads an orderly end; Windows gives the error.
sees_resets = pytest.mark.skipif(
    os.name == "nt" and hasattr(ctypes.windll.ntdll, "wine_get_version"), reason="Wine shows no resets"
)
BIG = json.dumps({"text": "x" * 60_000})


def connect(server, data=POLL):
    opened = socket.create_connection(("127.0.0.1", server.listener.port), timeout=60)
    opened.sendall(data)
    return opened


def read_all(opened):
    got = b""
    while more := opened.recv(65536):
        got += more
    return got


def states(server):
    return [state for (state,) in server.appliance.queue.database.fetch("SELECT state FROM handout ORDER BY id")]


def decided(server):
    """The states of the hand-outs, once none is open."""
    return wait_for(lambda: (found := states(server)) and "OPEN" not in found and found)


def statuses(server):
    return [status for (status,) in server.appliance.queue.database.fetch("SELECT status FROM job ORDER BY seq")]


# ---- after the answer


def test_a_program_with_a_connection_for_each_poll(server):
    for _ in range(3):
        submit(server.appliance)
        assert len(requests.post(f"{server.url}/jobs/getnewjobs", json={"site": "saf"}).json()) == 1
        assert set(decided(server)) == {"CONFIRMED"}


@pytest.mark.parametrize(
    "poll",
    [
        POLL,
        request("/jobs/getnewjobs", '{"site": "saf"}', "Connection: close"),
        request("/jobs/getnewjobs", '{"site": "saf"}', version="1.0"),
    ],
    ids=["keep-alive", "close", "HTTP/1.0"],
)
@pytest.mark.parametrize("tells", [True, False], ids=["the system tells", "the system does not tell"])
class TestAnswers:
    @pytest.fixture(autouse=True)
    def _as_on_windows(self, monkeypatch, tells):
        if not tells:
            monkeypatch.setattr(sockets, "fcntl", None)

    @pytest.mark.parametrize("size", ["{}", BIG], ids=["small", "big"])
    def test_that_were_read_end_in_order(self, server, poll, size):
        for _ in range(1 if size == "{}" else 10):
            submit(server.appliance, required_params=size)
        with closing(connect(server, poll)) as client:
            assert read_answer(client)[1].startswith(b'[{"')
        assert decided(server) == ["CONFIRMED"]

    def test_that_were_read_to_the_end_of_the_connection(self, server, poll):
        if poll == POLL:
            pytest.skip("the server keeps the connection open")
        submit(server.appliance)
        with closing(connect(server, poll)) as client:
            assert b"UNREAD" in read_all(client)
        assert decided(server) == ["CONFIRMED"]

    @sees_resets
    @pytest.mark.parametrize("read", [0, 50])
    def test_that_were_not_read_or_in_part_are_in_doubt(self, server, poll, read):
        submit(server.appliance)
        with closing(connect(server, poll)) as client:
            select.select([client], [], [], 60)
            client.recv(read) if read else None
        assert decided(server) == ["UNCONFIRMED"]

    @sees_resets
    def test_that_were_read_before_a_reset_are_in_doubt(self, server, poll):
        submit(server.appliance)
        with closing(connect(server, poll)) as client:
            read_answer(client)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert decided(server) == ["UNCONFIRMED"]


def test_where_the_system_does_not_tell_a_late_end_proves_nothing(server, monkeypatch):
    monkeypatch.setattr(sockets, "fcntl", None)
    monkeypatch.setattr("prjobs.web.ending.PROMPT_END_S", -60.0)
    submit(server.appliance)
    with closing(connect(server)) as client:
        read_answer(client)
    assert decided(server) == ["UNCONFIRMED"]


@pytest.mark.skipif(sockets.fcntl is None, reason="the system does not tell what was acknowledged")
def test_an_end_before_the_answer_was_acknowledged_proves_nothing(server):
    for _ in range(3):
        submit(server.appliance, required_params=BIG)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.listener.port))
        client.sendall(POLL)
        select.select([client], [], [], 60)
        client.shutdown(socket.SHUT_WR)
        assert decided(server) == ["UNCONFIRMED"]


@pytest.mark.slow
def test_a_client_that_waits_for_the_end_for_ever_is_cut(server, monkeypatch):
    monkeypatch.setattr("prjobs.web.channel.SLOW_S", 0.5)
    submit(server.appliance)
    with closing(connect(server, request("/jobs/getnewjobs", '{"site": "saf"}', "Connection: close"))) as client:
        read_all(client)
        client.sendall(POLL)
        assert decided(server) == ["UNCONFIRMED"]


@sees_resets
def test_by_site_what_nothing_confirmed_is_handed_out_once_more(make_server):
    server = make_server(redeliver_sites=["wema=once", "dpo=never"], redeliver="never")
    for site in ("wema", "dpo", "saf"):
        submit(server.appliance, site=site)
        for _ in range(2):
            with closing(connect(server, request("/jobs/getnewjobs", json.dumps({"site": site})))) as client:
                select.select([client], [], [], 60)
            decided(server)
    assert statuses(server) == ["RECEIVED"] * 3 and states(server) == ["UNCONFIRMED"] * 4


def test_the_setting_by_site_rules_over_the_setting_for_all():
    settings = Settings(redeliver="once", redeliver_sites=["saf=never"])
    assert (settings.redeliver_at("saf"), settings.redeliver_at("wema")) == ("never", "once")


# ---- before the answer


def test_a_client_that_has_ended_its_side_gets_an_answer(server):
    token = make_token(server.appliance, "u1")
    command = {"site": "saf", "device": "mount", "instance": "m", "action": "go", "user_name": "", "user_id": "u1"}
    newjob = json.dumps({**command, "required_params": {}, "optional_params": {}})
    asked = [
        request("/healthz", method="GET"),
        request("/jobs/newjob", newjob, f"Authorization: Bearer {token}"),
        request("/jobs/getrecentjobs", '{"site": "saf", "timeRange": 1}', f"Authorization: Bearer {token}"),
    ]
    for data in (*asked, b"".join(asked)):
        for _ in range(20):
            with closing(connect(server, data)) as client:
                client.shutdown(socket.SHUT_WR)
                assert read_all(client).count(b"200 OK") == data.count(b"HTTP/1.1")
    assert len(statuses(server)) == 40


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("Connection: close",)])
def test_a_client_that_has_ended_its_side_gets_no_jobs(server, more):
    """The poll before is held, so that the end comes before the answer to the second poll for sure."""
    job = submit(server.appliance)
    held = request("/jobs/getnewjobs", '{"site": "wema", "wait": 25}')
    with closing(connect(server, held + request("/jobs/getnewjobs", '{"site": "saf"}', *more))) as client:
        wait_for(lambda: server.appliance.queue.waiters.held)
        client.shutdown(socket.SHUT_WR)
        answers = read_all(client)
    assert answers.count(b"\r\n\r\n[]") == answers.count(b"X-Prjobs-Error: The program has ended its side") == 2
    assert statuses(server) == ["UNREAD"] and states(server) == []
    with closing(connect(server)) as client:
        assert job.ulid.encode() in read_answer(client)[1]


def test_jobs_go_back_when_the_client_ends_during_the_commit(server, monkeypatch):
    committed, may_go = threading.Event(), threading.Event()

    def passing(_, name):
        if name == "handout_after_commit":
            committed.set()
            may_go.wait(60)

    monkeypatch.setattr(Failpoints, "passing", passing)
    submit(server.appliance)
    stop = submit(server.appliance, device="all", action="stop")
    with closing(connect(server)) as client:
        committed.wait(60)
        assert statuses(server) == ["CANCELLED", "RECEIVED"]
        client.shutdown(socket.SHUT_WR)
        # The end may take a while to arrive, as on Windows.
        wait_for(lambda: all(channel.check_client_disconnected() for channel in server.listener.channels()))
        may_go.set()
        assert b"X-Prjobs-Error: The program has ended its side" in read_all(client)
    wait_for(lambda: statuses(server) == ["CANCELLED", "UNREAD"])
    assert states(server) == ["RETURNED"]
    with closing(connect(server)) as client:
        assert stop.ulid.encode() in read_answer(client)[1]
    assert wait_for(lambda: states(server) == ["RETURNED", "CONFIRMED"])


def test_a_held_poll_ends_when_its_client_ends_its_side(server):
    with closing(connect(server, request("/jobs/getnewjobs", '{"site": "saf", "wait": 25}'))) as client:
        wait_for(lambda: server.appliance.queue.waiters.held)
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert answer.endswith(b"[]") and b"X-Prjobs-Error: The program has ended its side" in answer


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="the system cannot pause a process")
@pytest.mark.parametrize("end", ["closed", "closed half", "reset"])
def test_after_a_pause_of_the_process_no_job_goes_to_a_dead_connection(program, end):
    """The polls, each given up during the pause, came before the one that is alive."""
    program.serve()
    token = program.run("token", "create", "--user", "boss", "--role", "admin").stdout.strip()
    stop = {**JOB, "device": "all", "action": "cancel_all_commands", "user_id": "boss"}
    bearer = {"Authorization": f"Bearer {token}"}
    ulid = requests.post(f"{program.url}/jobs/newjob", json=stop, headers=bearer).json()["ulid"]
    address = ("127.0.0.1", int(program.url.rpartition(":")[2]))
    program.process.send_signal(signal.SIGSTOP)
    dead = []
    try:
        for _ in range(12):
            dead.append(socket.create_connection(address, timeout=60))
            dead[-1].sendall(POLL)
            if end == "closed half":
                dead[-1].shutdown(socket.SHUT_WR)
                continue
            if end == "reset":
                dead[-1].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            dead[-1].close()
        alive = socket.create_connection(address, timeout=60)
        alive.sendall(POLL)
    finally:
        program.process.send_signal(signal.SIGCONT)
    with closing(alive):
        assert ulid.encode() in read_answer(alive)[1]
    for one in dead if end == "closed half" else ():
        assert b"UNREAD" not in read_all(one)
    for one in dead:
        one.close()
