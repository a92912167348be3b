"""127.0.0.1 and ::1 are the machine itself: both are listened on, and both count as one caller."""

import contextlib
import errno
import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
import requests

from prjobs.base import sockets
from prjobs.base.notices import Code
from prjobs.base.sockets import bind_sockets
from tests.program import JOB
from tests.verbs import make_token
from tests.waiting import wait_for

HOSTS = ("127.0.0.1", "[::1]", "localhost")


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def poll(server, host="[::1]", **headers):
    return requests.post(f"http://{host}:{server.listener.port}/getnewjobs", data='{"site": "saf"}', headers=headers)


@needs_ipv6
@pytest.mark.parametrize("host", HOSTS)
def test_an_observatory_on_this_machine_needs_no_token_at_either(server, host):
    assert poll(server, host).status_code == 200
    assert requests.get(f"http://{host}:{server.listener.port}/healthz").status_code == 200


@needs_ipv6
@pytest.mark.parametrize("asked", ["127.0.0.1", "localhost"])
def test_both_have_one_port(asked):
    bound = bind_sockets(asked, 0)
    try:
        assert [one.getsockname()[0] for one in bound] == ["127.0.0.1", "::1"]
        assert len({one.getsockname()[1] for one in bound}) == 1
    finally:
        for one in bound:
            one.close()


@pytest.mark.slow
@needs_ipv6
@pytest.mark.parametrize("taken", ["127.0.0.1", "::1"])
def test_a_port_that_is_taken_at_one_is_taken(program, taken):
    with socket.socket(socket.AF_INET6 if ":" in taken else socket.AF_INET) as other:
        other.bind((taken, 0))
        other.listen()
        port = str(other.getsockname()[1])
        refused = program.run("serve", "--port", port)
        assert refused.returncode == 1 and taken in refused.stderr and port in refused.stderr
        assert refused.stderr.count("\n") == 1
        assert f"WRONG  {taken} port {port} cannot be used" in program.run("doctor", env=with_port(port)).stdout


def with_port(port):
    return {**os.environ, "PRJOBS_PORT": port}


@needs_ipv6
@pytest.mark.parametrize("trusted", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("host", HOSTS)
def test_a_trusted_proxy_may_come_from_either(make_server, trusted, host):
    server = make_server(trusted_proxy=trusted)
    assert poll(server, host, **{"X-Forwarded-For": "203.0.113.7"}).status_code == 401
    assert poll(server, host).status_code == 200
    assert Code.UNKNOWN_PROXY not in server.appliance.queue.notices


@needs_ipv6
def test_wrong_tokens_are_counted_together(make_server):
    server = make_server(login_failures=2)
    wrong, port = {"Authorization": "Bearer nonsense"}, server.listener.port
    answers = [requests.post(f"http://{host}:{port}/newjob", data="{}", headers=wrong) for host in (*HOSTS, *HOSTS)]
    assert [answer.status_code for answer in answers] == [401, 401, 429, 429, 429, 429]


@needs_ipv6
def test_the_next_request_proves_an_answer_at_either_on_its_own_connection(server):
    headers = {"Authorization": f"Bearer {make_token(server.appliance, 'auth0|alice', 'owner')}"}
    with requests.Session() as session:
        base = f"http://[::1]:{server.listener.port}"
        assert session.post(f"{base}/getnewjobs", data='{"site": "saf"}').json() == []
        sent = session.post(f"{base}/newjob", data=json.dumps(JOB), headers=headers)
        assert sent.status_code == 200, sent.text
        assert len(session.post(f"{base}/getnewjobs", data='{"site": "saf"}').json()) == 1
        assert session.post(f"{base}/getnewjobs", data='{"site": "saf"}').json() == []
        url = f"{base}/api/jobs/{sent.json()['ulid']}"
        wait_for(lambda: session.get(url, headers=headers).json()["timeline"][-1]["handout"]["state"] == "CONFIRMED")


@pytest.mark.parametrize("code", sockets.NO_IPV6)
def test_without_ipv6_the_other_address_serves_and_the_log_says_so(make_server, caplog, monkeypatch, code):
    caplog.set_level("INFO")
    bind = sockets._bind

    def refuse(address, port):
        if address[0] == socket.AF_INET6:
            raise OSError(code, "no such family")
        return bind(address, port)

    monkeypatch.setattr(sockets, "_bind", refuse)
    server = make_server()
    assert poll(server, "127.0.0.1").status_code == 200
    assert "no IPv6 on this machine: prjobs does not listen on ::1" in caplog.text


def may_switch_ipv6_off() -> bool:
    return shutil.which("unshare") is not None and subprocess.run([*WITHOUT, "true"], check=False).returncode == 0


WITHOUT = ["unshare", "--net", "sh", "-c", 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && exec "$@"', "sh"]


@pytest.mark.skipif(sys.platform != "linux" or not may_switch_ipv6_off(), reason="only root may take IPv6 away")
def test_a_real_machine_without_ipv6(tmp_path):
    """The loopback device is down there too: nobody needs to call."""
    command = [*WITHOUT, sys.executable, "-m", "prjobs", "serve", "--port", "0", "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "http://127.0.0.1:" in process.stdout.readline()
        process.terminate()
    assert "does not listen on ::1" in (tmp_path / "data" / "logs" / "prjobs.log").read_text(encoding="utf-8")


def test_another_reason_is_no_missing_ipv6(monkeypatch):
    def refuse(address, port):
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(sockets, "_bind", refuse)
    with pytest.raises(OSError, match="too many"):
        bind_sockets("127.0.0.1", 0)
