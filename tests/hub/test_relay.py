"""Connections to a standby of a hub: passed on to the active process, whose answers come back unchanged."""

import json
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from prjobs.access.relayed import HEAD_BYTES, MAGIC, HeadReader, HeadWriter
from prjobs.base.clock import StoreClock
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.serving import reach
from prjobs.serving.running import listen
from prjobs.web.relay_pair import Target
from prjobs.web.standby import StandbyApp
from tests.clocks import ManualClock
from tests.hub.processes import Hub, health_of, is_active, is_relaying
from tests.plain_http import POLL, read_answer, request
from tests.postgres import driver
from tests.program import JOB, Program
from tests.waiting import wait_for

psycopg = driver()


def pair(hub: Hub, **environment: str) -> tuple[Program, Program]:
    """Start an active process, and a standby that reaches it."""
    first, second = hub.add(**environment), hub.add(**environment)
    wait_for(lambda: is_relaying(second))
    return first, second


def connect(program: Program) -> socket.socket:
    parts = urlsplit(program.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def states(hub: Hub) -> list[str]:
    with psycopg.connect(hub.url) as connection:
        return [state for (state,) in connection.execute("SELECT state FROM handout ORDER BY id")]


def messages(program: Program) -> str:
    """Return what the process has written on stderr, which a thread of its own writes a little later."""
    return Path(f"{program.data}.err").read_text()


@pytest.mark.slow
def test_a_standby_passes_everything_on(hub):
    first, second = pair(hub)
    token = hub.token(first)
    sent = second.new_job(token)["ulid"]
    poll = {"site": "saf", "poll_id": "first"}
    assert [job["ulid"] for job in second.post("getnewjobs", poll).json()] == [sent]
    # The end of a relayed connection proves nothing, as behind a proxy; the next poll_id does.
    assert states(hub) == ["OPEN"]
    assert second.post("getnewjobs", poll | {"poll_id": "second"}).json() == []
    wait_for(lambda: states(hub) == ["CONFIRMED"])
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(second.post, "getnewjobs", {"site": "saf", "wait": 20})
        wait_for(lambda: requests.get(f"{first.url}/api/now", timeout=30).json()["sites"])
        newest = first.new_job(token)["ulid"]
        assert [job["ulid"] for job in held.result().json()] == [newest]
    page = requests.get(f"{second.url}/", timeout=30)
    assert page.status_code == 200
    assert page.content == requests.get(f"{first.url}/", timeout=30).content
    # A long answer, and a long request that the active process refuses.
    for _ in range(6):
        first.new_job(token, optional_params={"note": "x" * 60_000})
    listed = second.post("getrecentjobs", {"site": "saf", "n": 10})
    assert len(listed.content) > 300_000
    assert listed.json() == first.post("getrecentjobs", {"site": "saf", "n": 10}).json()
    refused = second.post("newjob", JOB | {"optional_params": {"note": "x" * 2_000_000}}, token)
    assert refused.status_code == 413
    # Its health is its own.
    said = requests.get(f"{second.url}/healthz", timeout=30)
    assert (said.status_code, said.json()["hub"]["role"], said.json()["active"]) == (200, "standby", first.url)
    assert requests.get(f"{second.url}/metrics", timeout=30).status_code == 503
    # The sites are those of the active process.
    asked = requests.get(f"{second.url}/healthz?for=watchdog", timeout=30)
    assert asked.json()["hub"]["role"] == "active"


@pytest.mark.slow
def test_a_relayed_connection_keeps_several_requests_and_an_end_of_the_clients_side(hub):
    _, second = pair(hub)
    with connect(second) as opened:
        for _ in range(3):
            opened.sendall(POLL)
            assert read_answer(opened)[1] == b"[]"
        # The client ends its side first, as `nc` does.
        opened.sendall(POLL)
        opened.shutdown(socket.SHUT_WR)
        assert read_answer(opened)[1] == b"[]"
        assert opened.recv(1) == b""


@pytest.mark.slow
def test_another_process_answers_soon_after_the_active_one_was_killed(hub):
    first, second, third = hub.add(), hub.add(), hub.add()
    token = hub.token(first)
    wait_for(lambda: is_relaying(second) and is_relaying(third))
    waiting = second.new_job(token)["ulid"]
    first.kill()
    # No client asks which process is active.
    wait_for(lambda: third.post("newjob", JOB | {"action": "cancel_all_commands"}, token).status_code == 200)
    assert waiting not in [job["ulid"] for job in second.post("getnewjobs", {"site": "saf"}).json()]
    active = hub.active([second, third])
    # It was not the ten seconds without a sign that ended the wait.
    wait_for(lambda: "has ended: this process takes over" in messages(active))
    assert "gives no sign of life" not in messages(active)


class Looks(reach.Reach):
    """The way to the active process, with a count of the looks in place of the looks."""

    count = 0

    def _look(self, _active):
        self.count += 1


def test_a_client_that_cannot_be_passed_on_brings_the_next_look_at_the_active_process_forward(monkeypatch):
    monkeypatch.setattr(reach, "LOOK_S", 3600.0)
    clock, settings, stop = StoreClock(), Settings(port=0), threading.Event()
    listener = listen(StandbyApp(settings), settings)
    relay = listener.open_relay(clock)
    writer = HeadWriter(b"secret", clock, [])
    relay.arm(writer, HeadReader(b"secret", clock, lambda: "alpha"))
    way = Looks(relay, writer, b"secret", clock)
    with ExitStack() as stack:
        closed = stack.enter_context(socket.socket())
        # Bound, and not listening: the address refuses connections, and no other program takes it.
        closed.bind(("127.0.0.1", 0))
        place = closed.getsockname()
        url = f"http://127.0.0.1:{place[1]}"
        relay.aim(Target("beta", url, (socket.AF_INET, socket.SOCK_STREAM, 0, place)))
        serving = threading.Thread(target=listener.run, args=(lambda: None,))
        serving.start()
        stack.callback(serving.join)
        stack.callback(listener.stop)
        stack.callback(relay.has_failed.set)
        stack.callback(stop.set)
        way.follow(reach.Process("beta", url), stop)
        wait_for(lambda: way.count == 1)
        assert requests.get(f"http://127.0.0.1:{listener.port}/api/now", timeout=30).status_code == 503
        wait_for(lambda: way.count == 2)
    assert way.count == 2


@pytest.mark.slow
def test_a_session_that_asked_for_the_health_is_passed_on_next(hub):
    first, second = pair(hub)
    headers = {"Authorization": f"Bearer {hub.token(first)}"}
    with requests.Session() as session:
        assert session.get(f"{second.url}/healthz", timeout=30).json()["hub"]["role"] == "standby"
        assert session.post(f"{second.url}/newjob", json=JOB, headers=headers, timeout=30).status_code == 200


@pytest.mark.slow
def test_clients_that_never_close_do_not_keep_others_out(hub):
    first, second = pair(hub, PRJOBS_CONNECTIONS="64")
    token = hub.token(first)
    with ExitStack() as stack:
        # A process with 64 connections passes on 24.
        for _ in range(24):
            opened = stack.enter_context(connect(second))
            opened.sendall(request("/jobs/getnewjobs", '{"site": "saf"}', "Connection: close"))
            assert read_answer(opened)[1] == b"[]"
        # The active process has closed; these clients have not.
        wait_for(lambda: second.post("newjob", JOB, token).status_code == 200)


@pytest.mark.slow
def test_the_stop_of_a_standby_cuts_no_answer_off(hub):
    first, second = pair(hub)
    token = hub.token(first)
    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(second.post, "getnewjobs", {"site": "wema", "wait": 20})
        wait_for(lambda: polled(first, "wema"))
        assert second.stop()[0] == 0
        # For the active process the poll ended early: no jobs, and a list as in every answer to a poll.
        assert held.result().json() == []
    sent = first.new_job(token)["ulid"]
    assert first.fetch() == [sent]


def polled(program: Program, site: str) -> bool:
    """Return True if a poll of the site is known."""
    return any(one["site"] == site for one in requests.get(f"{program.url}/api/now", timeout=30).json()["sites"])


stops_processes = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="this system stops no process for a time")


@stops_processes
@pytest.mark.long
def test_a_standby_that_slept_passes_no_old_answer_on(hub):
    first, second = pair(hub)
    token = hub.token(first)
    with connect(second) as opened:
        opened.sendall(request("/jobs/getnewjobs", '{"site": "saf", "wait": 25}'))
        wait_for(lambda: polled(first, "saf"))
        os.kill(second.process.pid, signal.SIGSTOP)
        try:
            first.new_job(token)
            wait_for(lambda: states(hub))
            threading.Event().wait(3.5)
        finally:
            os.kill(second.process.pid, signal.SIGCONT)
        assert opened.makefile("rb").read() == b""


@stops_processes
@pytest.mark.long
def test_a_process_that_hangs_is_relayed_to_no_more(hub):
    first, second = pair(hub)
    token = hub.token(first)
    with connect(second) as opened:
        opened.sendall(POLL)
        assert read_answer(opened)[1] == b"[]"
        os.kill(first.process.pid, signal.SIGSTOP)
        opened.sendall(POLL)
        # The relayed connection is cut, long before its client would give up.
        assert opened.recv(1) == b""
    wait_for(lambda: is_active(second))
    sent = second.new_job(token)["ulid"]
    os.kill(first.process.pid, signal.SIGCONT)
    # The process that slept passes on as well now.
    wait_for(lambda: is_relaying(first))
    assert first.fetch() == [sent]


# ---- heads


def member_of(program: Program) -> str:
    return str(health_of(program)["hub"]["member"])


def relayed(hub: Hub, program: Program, head: bytes) -> bytes:
    """Send a head and a poll, in two pieces; return what comes back."""
    with connect(program) as opened:
        opened.sendall(head[:20])
        opened.sendall(head[20:] + request("/jobs/getnewjobs", '{"site": "saf"}', "Connection: close"))
        got = b""
        try:
            while more := opened.recv(65536):
                got += more
        except ConnectionResetError:
            pass
        return got


@pytest.mark.slow
def test_only_a_process_of_the_hub_may_relay(hub):
    first, second = pair(hub)
    secret, clock = Folder(first.data).known_secret(), StoreClock()
    good = HeadWriter(secret, clock, []).head("127.0.0.1", member_of(first), "192.0.2.1")
    assert b"200 OK" in relayed(hub, first, good)
    # A copy of the head is no proof.
    assert relayed(hub, first, good) == b""
    other_secret = HeadWriter(b"x" * 32, clock, []).head("127.0.0.1", member_of(first), "127.0.0.1")
    assert relayed(hub, first, other_secret) == b""
    with psycopg.connect(hub.url) as connection:
        ((other,),) = connection.execute("SELECT id FROM member WHERE id <> %s", (member_of(first),)).fetchall()
    other_process = HeadWriter(secret, clock, []).head("127.0.0.1", other, "127.0.0.1")
    assert relayed(hub, first, other_process) == b""
    assert relayed(hub, first, MAGIC + b"x" * HEAD_BYTES) == b""
    # What was relayed to a process that is a standby by now is not passed on again.
    assert b" 503 " in relayed(hub, second, other_process)
    wait_for(lambda: "relays a connection without a good proof" in messages(first))


@pytest.mark.slow
def test_a_relayed_caller_has_the_rights_of_its_own_address(hub):
    first, _ = pair(hub, PRJOBS_HOST="127.0.0.1")
    secret, clock = Folder(first.data).known_secret(), StoreClock()

    def ask(client: str, host: str) -> bytes:
        head = HeadWriter(secret, clock, ["beta"]).head(client, member_of(first), "192.0.2.1")
        with connect(first) as opened:
            opened.sendall(head + f"GET /api/now HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return opened.makefile("rb").read()

    assert b"200 OK" in ask("127.0.0.1", "localhost")
    away = ask("192.0.2.7", "localhost")
    assert b" 401 " in away
    assert b'"sites"' not in away
    # The names of the standby's machine are good, and for its connections only.
    for host in ("beta:8642", "192.0.2.1"):
        assert b"200 OK" in ask("127.0.0.1", host)
        assert requests.get(f"{first.url}/api/now", headers={"Host": host}, timeout=30).status_code == 421
    assert b" 421 " in ask("127.0.0.1", "attacker.example")


def test_a_head_is_good_for_a_short_time():
    clock = ManualClock()
    writer, reader = HeadWriter(b"secret", clock, ["beta"]), HeadReader(b"secret", clock, lambda: "alpha")

    def read(head: bytes) -> object:
        return reader.read(head.rstrip(b"\n"))

    head = writer.head("::1", "alpha", "fe80::1%eth0")
    found = read(head)
    assert (found.client, found.names) == ("::1", ("beta", "[fe80::1]"))
    assert read(head) is None
    late = writer.head("::1", "alpha", "::1")
    clock.advance(31)
    assert read(late) is None
    assert read(writer.head("::1", "alpha", "::1")) is not None
    # Also a copy that comes back when its first use is long forgotten.
    clock.advance(100)
    assert read(head) is None
    body = json.dumps({"client": 5}).encode()
    for line in (b"", b"\0", MAGIC, MAGIC + b"00 {}", MAGIC + b"\xff " + body, head[: len(head) // 2]):
        assert reader.read(line) is None
