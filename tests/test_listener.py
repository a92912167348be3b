"""The listening sockets: nobody else has their port, and whoever does not read is cut."""

import json
import os
import socket
from contextlib import ExitStack

import msgspec
import pytest
import requests

from prjobs.base import sockets
from prjobs.base.settings import Settings
from prjobs.base.sockets import bind_sockets
from prjobs.web import listener
from tests.verbs import fill
from tests.waiting import wait_for


def listening(host: str, port: int = 0):
    bound = bind_sockets(host, port)
    for one in bound:
        one.listen()
    return bound


def test_a_port_is_given_once():
    with ExitStack() as opened:
        first, *_ = [opened.enter_context(one) for one in listening("127.0.0.1")]
        with pytest.raises(OSError):
            listening("127.0.0.1", first.getsockname()[1])


def test_where_exclusive_use_is_refused_for_now_a_plain_bind_is_tried(monkeypatch):
    """As on Windows, while a connection of the server before lingers. No system knows this option."""
    monkeypatch.setattr(sockets, "OPTIONS", (99_999, None))
    with ExitStack() as opened:
        first, *_ = [opened.enter_context(one) for one in listening("127.0.0.1")]
        with pytest.raises(OSError):
            listening("127.0.0.1", first.getsockname()[1])


@pytest.mark.skipif(os.name != "nt", reason="elsewhere SO_REUSEADDR takes no port from another process")
def test_on_windows_a_program_that_asks_for_reuse_does_not_get_the_port_of_a_server(make_server):
    server = make_server()
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError):
            thief.bind(("127.0.0.1", server.listener.port))


def test_a_server_that_was_stopped_gets_its_port_again_at_once(make_server):
    server = make_server()
    port = server.listener.port
    with requests.Session() as session:
        # Its connection lingers in the pool, and in the system after the stop.
        assert session.get(f"{server.url}/healthz").status_code == 200
        server.stop()
        wait_for(lambda: may_be_bound(port))


def may_be_bound(port: int) -> bool:
    try:
        for one in bind_sockets("127.0.0.1", port):
            one.close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_a_name_with_several_addresses_is_bound_on_all_of_them_or_on_none():
    both = bind_sockets("*", 0)
    assert {one.family for one in both} == {socket.AF_INET, socket.AF_INET6}
    for one in both:
        one.close()
    with socket.socket(socket.AF_INET6) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind(("::", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(OSError):
            bind_sockets("*", port)
        (v4,) = bind_sockets("0.0.0.0", port)
        v4.close()


def ask_and_never_read(server) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", server.listener.port))
    body = b'{"site":"saf"}'
    head = b"POST /getrecentjobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    connection.sendall(head % len(body) + body)
    return connection


def test_clients_that_do_not_read_do_not_hold_the_threads_for_ever(make_server, monkeypatch):
    monkeypatch.setattr("prjobs.web.channel.SLOW_S", 1.0)
    server = make_server(threads=4)
    fill(server.appliance, 600)
    readers = [ask_and_never_read(server) for _ in range(4)]
    answer = requests.post(f"{server.url}/getnewjobs", data='{"site": "mrc1"}', timeout=60)
    assert answer.json() == []
    for reader in readers:
        reader.close()


@pytest.mark.slow
def test_a_client_that_reads_slowly_gets_all_of_it(make_server, monkeypatch):
    """It takes longer than the limit, but something moves all the time."""
    monkeypatch.setattr("prjobs.web.channel.SLOW_S", 1.5)
    server = make_server()
    fill(server.appliance, 100)
    answer = requests.post(f"{server.url}/getrecentjobs", data='{"site": "saf"}', stream=True, timeout=60)
    got = bytearray()
    for _ in range(6):
        got += answer.raw.read(600_000)
        server.appliance.queue.stopping.wait(0.5)
    got += answer.raw.read()
    assert len(json.loads(got)) == 100


@pytest.mark.skipif(os.name != "nt", reason="only select() of Windows has the limit of 512 sockets")
def test_as_many_connections_as_windows_can_wait_for(make_server):
    with pytest.raises(msgspec.ValidationError, match="480"):
        msgspec.convert({"connections": 481}, Settings)
    server = make_server(connections=480)
    callers = []
    try:
        for _ in range(600):
            callers.append(socket.create_connection(("127.0.0.1", server.listener.port)))
    finally:
        for caller in callers:
            caller.close()
    wait_for(lambda: requests.get(f"{server.url}/healthz", timeout=30).status_code == 200)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit of open files")
def test_the_limit_of_open_files_is_raised_or_said(monkeypatch, caplog):
    import resource

    limits, said = [(256, 1024)], {}

    def raised(_, limit):
        limits.append(limit)

    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", raised)
    for connections in (480, 5000):
        caplog.clear()
        said[connections] = listener.allowed(Settings(connections=connections)), caplog.text
    assert limits == [(256, 1024), (640, 1024), (1024, 1024)]
    assert said[480] == (480, "")
    assert said[5000][0] == 864 and "prjobs keeps 864 connections instead of 5000" in said[5000][1]
