"""Behind a reverse proxy: what it forwards is believed only when the setting names it; the manual's recipe works."""

import json
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
import requests

from prjobs.base.notices import Code
from tests.program import JOB
from tests.provider import Keys
from tests.verbs import make_token
from tests.waiting import wait_for

PAGE = Path(__file__).parent.parent / "static" / "manual" / "secure.md"
FAR = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}


def poll(server, **headers):
    return requests.post(f"{server.url}/getnewjobs", data='{"site": "saf"}', headers=headers)


def accepts(port):
    """Return True if somebody listens there."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("trusted", ["", "192.0.2.9"])
@pytest.mark.parametrize(
    "headers",
    [FAR, {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-Host": "x"}, {"Forwarded": "for=x"}, {"X-Real-IP": "x"}],
)
def test_callers_through_an_unknown_proxy_are_not_local_and_staff_learn_of_the_proxy(make_server, trusted, headers):
    server = make_server(trusted_proxy=trusted)
    notices = server.appliance.queue.notices
    assert poll(server).status_code == 200 and Code.UNKNOWN_PROXY not in notices
    assert poll(server, **headers).status_code == 401
    assert "trusted_proxy" in notices.sentence(Code.UNKNOWN_PROXY)
    assert requests.get(f"{server.url}/api/now", headers=headers).status_code == 401
    key = make_token(server.appliance, "saf", "observatory")
    assert poll(server, **headers, Authorization=f"Bearer {key}").status_code == 200
    assert poll(server).status_code == 200


def test_a_caller_from_afar_needs_a_token_when_the_proxy_is_trusted(make_server):
    server = make_server(trusted_proxy="127.0.0.1")
    assert poll(server, **FAR).status_code == 401
    assert poll(server).status_code == 200
    key = make_token(server.appliance, "saf", "observatory")
    answer = poll(server, **FAR, Authorization=f"Bearer {key}")
    assert answer.status_code == 200


def test_only_the_last_hop_counts(make_server):
    server = make_server(trusted_proxy="127.0.0.1")
    assert poll(server, **{"X-Forwarded-For": "127.0.0.1, 203.0.113.7"}).status_code == 401


def test_an_answer_through_a_proxy_is_not_proved_by_its_connection(make_server):
    server = make_server(trusted_proxy="127.0.0.1")
    headers = {"Authorization": f"Bearer {make_token(server.appliance, 'auth0|alice', 'owner')}", **FAR}
    with requests.Session() as session:
        ulid = session.post(f"{server.url}/newjob", data=json.dumps(JOB), headers=headers).json()["ulid"]
        for _ in range(2):
            session.post(f"{server.url}/getnewjobs", data='{"site": "saf"}', headers=headers)

        def settled():
            timeline = session.get(f"{server.url}/api/jobs/{ulid}", headers=headers).json()["timeline"]
            return timeline[-1]["handout"] if timeline[-1]["handout"]["state"] != "OPEN" else None

        assert wait_for(settled)["state"] == "UNCONFIRMED"


@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx (Debian: apt install nginx-light)")
def test_the_recipe_of_the_manual(make_server, tmp_path):
    """TLS outside, plain HTTP inside; the login cookie is Secure; the page's own origin is its own."""
    server = make_server(trusted_proxy="127.0.0.1", allowed_hosts=["localhost"])
    keys = Keys()
    (tmp_path / "site.crt").write_text(keys.certificate)
    from cryptography.hazmat.primitives import serialization as s

    private = keys.private.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    (tmp_path / "site.key").write_bytes(private)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (recipe,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    recipe = recipe.replace("/etc/ssl/", f"{tmp_path}/").replace("listen 443", f"listen 127.0.0.1:{port}")
    recipe = recipe.replace("127.0.0.1:8642", f"127.0.0.1:{server.listener.port}").replace(
        "jobs.observatory.example", "localhost"
    )
    config = (
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/log; events {{}} http {{ access_log off; {recipe} }}"
    )
    (tmp_path / "nginx.conf").write_text(config)
    nginx = subprocess.Popen(["nginx", "-c", tmp_path / "nginx.conf", "-e", tmp_path / "log"])
    try:
        url = f"https://localhost:{port}"
        wait_for(lambda: accepts(port))
        page = requests.get(url, verify=False)
        assert page.status_code == 200 and "<html" in page.text
        token = make_token(server.appliance, "staff", "admin")
        own = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
        login = requests.post(f"{url}/api/login", json={"token": token}, headers=own, verify=False)
        assert login.status_code == 200 and "Secure" in login.headers["Set-Cookie"]
        foreign = requests.post(
            f"{url}/getnewjobs", data="{}", headers={"Origin": "https://evil.example"}, verify=False
        )
        assert (foreign.status_code, foreign.json()) == (403, [])
    finally:
        nginx.terminate()
        nginx.wait(timeout=60)


@pytest.mark.parametrize("named", ["unknown", "_hidden", "[2001:db8::1]:443", "203.0.113.7:5678", "fe80::1%eth0"])
def test_a_caller_without_a_readable_address_is_not_local(make_server, named):
    server = make_server(trusted_proxy="127.0.0.1")
    answer = poll(server, **{"X-Forwarded-For": named})
    assert (answer.status_code, answer.json()) == (401, [])
    key = make_token(server.appliance, "saf", "observatory")
    assert poll(server, **{"X-Forwarded-For": named, "Authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"X-Forwarded-Proto": "ftp"}, {"X-Forwarded-For": '"'}, {"X-Forwarded-Proto": "http, https"}]
)
def test_malformed_headers_of_the_proxy_are_a_list_for_a_poll(make_server, headers):
    server = make_server(trusted_proxy="127.0.0.1")
    refused = poll(server, **headers)
    assert (refused.status_code, refused.content) == (400, b"[]")
    assert "of the proxy is malformed" in refused.headers["X-Prjobs-Error"]
    told = requests.get(f"{server.url}/api/now", headers=headers)
    assert told.status_code == 400 and "malformed" in told.json()["error"]
