"""The real program over TCP: fake cloud, fault proxy, kill -9 by chance and at named points."""

import contextlib
import json
import os
import socket
import subprocess
import threading
import time

import pytest
import requests

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.failpoints import NAMES, planned
from prjobs.base.settings import Settings
from prjobs.cloud import transport as transport_module
from prjobs.cloud.network import AMBIGUOUS, UNSENT, Failure, TooLong, require_usable
from prjobs.cloud.transport import Transport, open_transport, token_source
from prjobs.cloud.wire import read_listing
from tests.cloud.campaign import Campaign
from tests.cloud.cloud_model import SITE
from tests.program import KILLED
from tests.proxy import Proxy
from tests.waiting import wait_for

# The points that the link comes by; tests/test_failpoints.py has the others.
OF_THE_LINK = ("push_after_answer", "handout_after_commit", "import_before_commit")


@pytest.fixture
def campaign(tmp_path):
    campaign = Campaign(tmp_path / "data")
    yield campaign
    campaign.close()


def clean(report):
    return {name: report[name] for name in ("lost", "twice", "wrong status", "getnewjobs asked of the cloud")} == {
        "lost": 0,
        "twice": 0,
        "wrong status": 0,
        "getnewjobs asked of the cloud": 0,
    }


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "faults"), [(60, 8), pytest.param(500, 50, marks=pytest.mark.long(about_s=40))])
def test_through_faults_on_the_way(campaign, jobs, faults):
    campaign.start()
    campaign.proxy.share, campaign.proxy.left = 0.3, faults
    campaign.send(jobs, rate=30)
    wait_for(lambda: campaign.proxy.left == 0)
    campaign.settle()
    report = campaign.report()
    assert clean(report), report
    assert (report["jobs"], report["faults"]) == (jobs, faults)


@pytest.mark.slow
@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.long(about_s=70))])
def test_through_kills(campaign, kills):
    campaign.start()
    campaign.proxy.share, campaign.proxy.left = 0.1, 40
    for _ in range(kills):
        campaign.send(5)
        time.sleep(campaign.cloud.chance.random() / 2)
        campaign.kill()
    campaign.settle()
    report = campaign.report()
    assert clean(report), report
    assert report["crashes"] == kills


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [OF_THE_LINK[0], *(pytest.param(name, marks=pytest.mark.long) for name in OF_THE_LINK[1:])]
)
def test_a_power_cut_at_a_named_point(campaign, name):
    campaign.program.serve(env={**os.environ, "PRJOBS_FAIL": f"{name}:2"})
    campaign.observatory.start()
    process = campaign.program.process
    wait_for(lambda: campaign.send(1, rate=2) or process.poll() is not None)
    assert process.returncode == KILLED
    campaign.program.kill()
    campaign.program.serve()
    campaign.send(3)
    campaign.settle()
    report = campaign.report()
    assert clean(report), report


def test_each_named_point_is_come_by():
    # The points of a move have their tests in hub/test_move.py, those of a restore in hub/test_hub_backup.py.
    of_a_move = {"move_filled", "move_committed", "move_named", "move_finished"}
    of_a_restore = {"restore_copied", "restore_noted", "restore_committed"}
    assert {*OF_THE_LINK, "backup_after_rename", "migrate_middle", *of_a_move, *of_a_restore} == set(NAMES)


def test_failpoints_are_for_this_machine_alone():
    assert planned({}, "0.0.0.0")
    with pytest.raises(Unusable):
        planned({"PRJOBS_FAIL": "push_after_answer:1"}, "0.0.0.0")
    for plan in ("nonsense:1", "push_after_answer", "push_after_answer:0"):
        with pytest.raises(Unusable):
            planned({"PRJOBS_FAIL": plan}, "127.0.0.1")


@pytest.mark.slow
def test_the_queue_does_not_wait_for_a_cloud_that_hangs(campaign):
    token_of = campaign.program.token
    campaign.program.serve()
    token = token_of()
    campaign.proxy.plan = ["delay:3"] * 1000
    wait_for(lambda: campaign.proxy.faults["delay:3"])
    asked = campaign.proxy.faults.total()
    for _ in range(20):
        job = campaign.program.new_job(token, site=SITE)
        assert [one["ulid"] for one in campaign.program.post("getnewjobs", {"site": SITE}).json()] == [job["ulid"]]
    assert campaign.proxy.faults.total() - asked < 10


@pytest.mark.slow
def test_status_command_and_api_say_how_it_is(campaign):
    program = campaign.program
    program.serve()
    wanted = sorted(campaign.cloud.add(3))
    now = wait_for(lambda: _in_step(program))
    assert now["mode"] == "primary" and now["sites"][0]["site"] == SITE and abs(now["offset_ms"]) < 3000
    said = program.run("cloud", "status")
    assert said.returncode == 0 and "In step with the cloud" in said.stdout
    taken = wait_for(lambda: program.post("getnewjobs", {"site": SITE}).json())
    assert [job["ulid"] for job in taken] == wanted
    wait_for(lambda: set(campaign.cloud.statuses().values()) == {"RECEIVED"})
    program.stop()
    stopped = program.run("cloud", "status", "--json")
    assert json.loads(stopped.stdout) is None  # the flags of the server are not the settings of the folder


def _in_step(program):
    now = program_api(program)
    return now if now and now["state"] == "in step" and now["sites"][0]["read_until_ms"] else None


def program_api(program):
    return requests.get(f"{program.url}/api/cloud", timeout=60).json()["cloud"]


@pytest.mark.slow
def test_once_without_a_server(campaign, tmp_path):
    program = campaign.program
    program.data.mkdir()
    settings = f'[cloud]\nmode = "primary"\nbase_url = "{campaign.cloud.url}"\nsites = ["{SITE}"]\n'
    (program.data / "prjobs.toml").write_text(settings)
    campaign.cloud.add(2)
    done = program.run("cloud", "once", "--json", launcher=program.launcher)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["counts"] == {"new": 2}
    assert done.stderr.splitlines() == [f"prjobs: asking {campaign.cloud.url}"]
    campaign.cloud.plan = ["401"] * 10
    refused = program.run("cloud", "once", launcher=program.launcher)
    assert refused.returncode == 1 and "credentials" in refused.stderr
    report = program.run("cloud", "shadow-report", "--json")
    assert report.returncode == 0 and json.loads(report.stdout)["jobs"] == 0


@pytest.mark.slow
def test_the_token_file_is_sent_and_read_again_when_refused(campaign, tmp_path):
    token = tmp_path / "token"
    token.write_text("first\n")
    campaign.program.serve("--cloud-token-file", str(token), "--cloud-base-url", campaign.cloud.url)
    wait_for(lambda: "Bearer first" in campaign.cloud.tokens)
    token.write_text("second\n")
    campaign.cloud.plan = ["401"]
    wait_for(lambda: "Bearer second" in campaign.cloud.tokens)
    assert token_source("")(False) is None


# ---- the way there


def transport(url):
    return Transport(url, "", Clock())


def test_a_redirect_is_not_followed(campaign):
    campaign.cloud.plan = ["redirect"]
    assert transport(campaign.cloud.url).call("getrecentjobs", {"site": SITE, "timeRange": 1}).status == 302


def test_nobody_there_is_certain_and_a_reset_is_not(campaign):
    with pytest.raises(Failure) as nobody:
        transport("http://127.0.0.1:1").call("getrecentjobs", {})
    assert nobody.value.kind == UNSENT
    for fault in ("reset", "rubbish", "cut:20", "cut:60"):
        campaign.proxy.plan = [fault]
        with pytest.raises(Failure) as failure:
            answer = transport(campaign.proxy.url).call("getrecentjobs", {"site": SITE, "timeRange": 1})
            read_listing(answer.body, SITE, require_usable(answer))
        assert failure.value.kind == AMBIGUOUS


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=site "
        f"-addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}".split(),
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("no openssl here")
    url, stop = serve_tls(key, certificate)
    with pytest.raises(Failure) as failure:
        transport(url).call("getrecentjobs", {})
    assert failure.value.kind == UNSENT and "certificate is not accepted: self-signed" in str(failure.value)
    assert "cloud_ca_file" in str(failure.value)
    assert Transport(url, str(certificate), Clock()).call("getrecentjobs", {}).body == b"[]"
    through = Proxy(int(url.rpartition(":")[2]))
    monkeypatch.setenv("HTTPS_PROXY", through.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    proxied = Transport(url, str(certificate), Clock(), "environment")
    assert proxied.call("getrecentjobs", {}).body == b"[]" and through.heads[0].startswith("CONNECT 127.0.0.1:")
    through.close()
    elsewhere = url.replace("127.0.0.1", "localhost")
    with pytest.raises(Failure, match=r"not accepted: Hostname mismatch.*localhost"):
        Transport(elsewhere, str(certificate), Clock()).call("getrecentjobs", {})
    stop()


def serve_tls(key, certificate):
    import ssl
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Empty(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Empty)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"https://127.0.0.1:{server.server_address[1]}", server.shutdown


def serve_bytes(pieces, pause_s):
    """A server that answers one request with these pieces of a body, and a pause before each."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            client.recv(65_536)
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
            for piece in pieces:
                time.sleep(pause_s)
                client.sendall(piece)

    threading.Thread(target=answer, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_trickle_does_not_last_for_hours(monkeypatch):
    monkeypatch.setattr(transport_module, "WHOLE_S", 1.0)
    with pytest.raises(Failure, match="takes longer than") as failure:
        transport(serve_bytes([b" "] * 100, 0.1)).call("getrecentjobs", {})
    assert failure.value.kind == AMBIGUOUS


def test_a_list_of_more_than_8_mb_is_told_apart():
    with pytest.raises(TooLong, match="larger than 8 MB"):
        transport(serve_bytes([b" " * 1_000_000] * 20, 0)).call("getrecentjobs", {})


@pytest.mark.parametrize("url", ["", "jobs.photonranch.org", "ftp://x", "http://", "http://x/?a=1"])
def test_an_address_that_cannot_be_used_is_refused(url):
    with pytest.raises(Unusable):
        open_transport(Settings(cloud_mode="primary", cloud_base_url=url, cloud_sites=[SITE]), Clock())


def test_sites_and_certificates_must_be_there():
    good = {"cloud_mode": "primary", "cloud_base_url": "http://127.0.0.1:1"}
    with pytest.raises(Unusable):
        open_transport(Settings(**good), Clock())
    for name in ("cloud_ca_file", "cloud_token_file"):
        with pytest.raises(Unusable, match=rf"{name}: .*nowhere is not a file"):
            open_transport(Settings(**good, cloud_sites=[SITE], **{name: "nowhere"}), Clock())
    with pytest.raises(Unusable, match="holds no certificate in PEM form"):
        open_transport(Settings(**good, cloud_sites=[SITE], cloud_ca_file=__file__), Clock())


@pytest.mark.slow
def test_a_late_effect_of_the_proxy_comes_after_its_client_was_cut_off(campaign):
    """What the campaigns count on: the caller knows nothing, and the request arrives later."""
    (ulid,) = campaign.cloud.add(1)
    campaign.proxy.plan = ["late:3"]
    with pytest.raises(Failure) as failure:
        transport(campaign.proxy.url).call("updatejobstatus", {"site": SITE, "ulid": ulid, "newStatus": "STARTED"})
    assert failure.value.kind == AMBIGUOUS
    assert campaign.cloud.statuses()[ulid] == "UNREAD"
    wait_for(lambda: campaign.cloud.statuses()[ulid] == "STARTED")
