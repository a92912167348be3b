"""What doctor and health say beforehand: each thing made for real, told, and ended once it is mended."""

import datetime
import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
import requests
from bottle import Bottle, response

from prjobs.base.clock import Clock
from prjobs.base.folder import Folder
from prjobs.base.manual import section_of
from prjobs.base.notices import QUIET, Code
from prjobs.base.settings import Settings
from prjobs.upkeep import doctor, surroundings
from prjobs.upkeep.chores import Chores
from prjobs.upkeep.kept_folders import scanner_of, synchroniser_of
from tests.provider import AUDIENCE, ISSUER, Keys
from tests.proxy import Proxy
from tests.serving import Serving
from tests.verbs import make_token
from tests.waiting import wait_for

DAY_S = 86_400
SOON = [
    Code.KEYS_UNFETCHED,
    Code.PROVIDER_CLOCK,
    Code.UNNAMED_HOSTS,
    Code.PROXY_UNUSED,
    Code.IPV4_ONLY,
    Code.SYNC_FOLDER,
    Code.SCANNED_FOLDER,
]


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """No proxy, and no port that something else may use."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("PRJOBS_PORT", "0")


def findings(program, **named):
    """Return the findings of the doctor by code, those without a code left out, and its exit code."""
    done = program.run("doctor", "--json", **named)
    assert done.stderr == ""
    found = json.loads(done.stdout)["findings"]
    return {one["code"]: one for one in found if one["code"]}, done.returncode


def notices(url):
    return {one["code"]: one for one in requests.get(f"{url}/healthz", timeout=30).json()["notices"]}


def test_each_has_a_section_of_the_manual_and_plays_no_sound():
    for code in SOON:
        assert section_of(code).startswith("manual/trouble#") and code in QUIET


# ---- tokens


@pytest.mark.slow
def test_tokens_that_end_are_named_with_and_without_a_server(program):
    program.token("auth0|ann", "--days", "13", "--name", "Ann")
    program.token("obs", "--role", "observatory", "--site", "saf", "--days", "13")
    program.token("auth0|bob", "--days", "15")
    for is_served in (False, True):
        if is_served:
            program.serve()
        done = program.run("doctor", "--json")
        said = [one for one in json.loads(done.stdout)["findings"] if one["check"] == "tokens"]
        assert done.returncode == 0
        assert {one["code"] for one in said} == {"token_ends"}
        assert {one["manual"] for one in said} == {"manual/trouble#a-token-ends"}
        text = " ".join(one["sentence"] for one in said)
        assert "of Ann on" in text and "of obs for saf ends on" in text and "bob" not in text
        assert text.count("“prjobs token create”") == 2
    wait_for(lambda: "token_ends" in notices(program.url))


def test_a_token_of_a_user_is_told_by_health_when_it_lasted_longer_and_not_once_revoked(appliance, folder, clock):
    make_token(appliance, "auth0|ann", days=30)
    chores = Chores(appliance, folder)
    chores.once()
    assert Code.TOKEN_ENDS not in appliance.queue.notices
    clock.advance(17 * DAY_S)
    chores.once()
    said = appliance.queue.notices.sentence(Code.TOKEN_ENDS)
    assert said.startswith("1 token ends within 14 days, on 20") and "ann" not in said
    clock.advance(14 * DAY_S)
    chores.once()
    assert Code.TOKEN_ENDS not in appliance.queue.notices


# ---- the provider


@pytest.fixture
def provider():
    """A provider whose answers and clock a test sets: yields (its address, its answers, what its clock says)."""
    answers, off = {}, {"s": 0.0, "age": ""}
    app = Bottle()

    @app.get("/jwks.json")
    def keys():
        sent = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=off["s"])
        response.set_header("Date", sent.strftime("%a, %d %b %Y %H:%M:%S GMT"))
        response.content_type = "application/json"
        if off["age"]:
            response.set_header("Age", off["age"])
        return json.dumps(answers) if answers else "<html>"

    with Serving(app) as serving:
        yield f"{serving.url}/jwks.json", answers, off


def with_provider(address):
    return {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks_url": address}


@pytest.mark.long
def test_keys_that_were_not_fetched(program, provider):
    address, answers, _ = provider
    flags = [word for name, value in with_provider(address).items() for word in (f"--{name.replace('_', '-')}", value)]
    program.data.mkdir(mode=0o700)
    lines = [f"{name} = '{value}'" for name, value in with_provider(address).items()]
    (program.data / "prjobs.toml").write_text("\n".join(lines))
    found, code = findings(program)
    assert code == 0 and "a server fetches them when it starts" in found["keys_unfetched"]["sentence"]
    program.serve(*flags)
    wait_for(lambda: "keys_unfetched" in notices(program.url))
    assert "did not answer with JSON" in notices(program.url)["keys_unfetched"]["sentence"]
    found, code = findings(program)
    assert code == 0 and found["keys_unfetched"]["sentence"].startswith("The server says: The keys of the login")
    answers["keys"] = [Keys().jwk]
    wait_for(lambda: "keys_unfetched" not in notices(program.url))
    program.stop()
    found, _ = findings(program)
    assert "keys_unfetched" not in found


def test_keys_that_are_known_are_told_after_a_day_without_a_fetch(make_server, provider, clock):
    address, answers, _ = provider
    answers["keys"] = [Keys().jwk]
    server = make_server(clock, **with_provider(address))
    known = server.appliance.desk.provider
    wait_for(lambda: known.has_keys)
    del answers["keys"]
    clock.advance(7 * 3600)
    # The server's own fetch may have its last steps to go: another one begins only after it.
    wait_for(lambda: not known.refresh_if_due() and known._failures)
    assert known.unfetched() == ""
    clock.advance(DAY_S)
    assert known.unfetched().startswith("The keys of the login provider were not fetched for a day")


class WrongClock(Clock):
    """The clock of a machine that is seconds off; elapsed time is right."""

    off_s = 0.0

    def now_ms(self):
        return super().now_ms() + round(self.off_s * 1000)


@pytest.mark.slow
@pytest.mark.parametrize(("off_s", "words"), [(90, "90 s behind"), (-90, "90 s ahead of")])
def test_a_clock_that_is_off_against_the_provider(make_server, provider, off_s, words):
    address, answers, _ = provider
    answers["keys"] = [Keys().jwk]
    clock = WrongClock()
    clock.off_s = off_s
    server = make_server(clock, **with_provider(address))
    wait_for(lambda: "provider_clock" in notices(server.url))
    said = notices(server.url)["provider_clock"]["sentence"].replace("89 s", "90 s").replace("91 s", "90 s")
    assert f"is {words} this machine's: set this machine's clock" in said
    clock.off_s = 0.0
    wait_for(lambda: "provider_clock" not in notices(server.url))


def test_an_answer_of_a_cache_is_as_old_as_it_says(make_server, provider):
    address, answers, off = provider
    answers["keys"], off["s"], off["age"] = [Keys().jwk], -600, "600"
    provider = make_server(**with_provider(address)).appliance.desk.provider
    wait_for(lambda: provider.has_keys)
    assert provider.clock_off() == ""


def test_nothing_is_asked_for_the_sake_of_the_clock(program, provider):
    address, answers, off = provider
    answers["keys"], off["s"] = [Keys().jwk], 90
    program.data.mkdir(mode=0o700)
    lines = [f"{name} = '{value}'" for name, value in with_provider(address).items()]
    (program.data / "prjobs.toml").write_text("\n".join(lines))
    found, _ = findings(program)
    assert "keys_unfetched" in found and "provider_clock" not in found


# ---- names


def test_a_name_of_the_file_of_hosts_that_would_be_refused(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "127.0.0.1 localhost ads.example.net\n127.0.1.1 Obs.Example.org  # ours\n192.0.2.1 other.example.org\n"
    )
    listening = Settings(host="0.0.0.0")
    (found,) = surroundings.unnamed_hosts(listening, hosts)
    assert found.code == Code.UNNAMED_HOSTS and "under the name obs.example.org are refused" in found.sentence
    assert list(surroundings.unnamed_hosts(Settings(), hosts)) == []
    assert list(surroundings.unnamed_hosts(Settings(host="0.0.0.0", allowed_hosts=["OBS.example.org"]), hosts)) == []
    # The machine's own name is known without the setting.
    hosts.write_text(f"127.0.1.1 {socket.gethostname()}\n")
    assert list(surroundings.unnamed_hosts(listening, hosts)) == []


def can_mount():
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0


def served_with_hosts(program, hosts, *flags):
    """Serve on a machine with this file of hosts: in a mount namespace of its own."""
    words = "unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)
    command = [*words, sys.executable, "-m", "prjobs", "serve", "--port", "0", "--data", str(program.data), *flags]
    program.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    program.url = program.process.stdout.readline().split()[-1].rstrip("/")
    return [*words, sys.executable, "-m", "prjobs", "doctor", "--json", "--data", str(program.data)]


@pytest.mark.slow
@pytest.mark.skipif(not can_mount(), reason="a file of hosts of its own needs the right to mount")
def test_a_server_on_a_machine_with_another_name_and_ipv6_first(program, tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("::1 localhost\n127.0.0.1 localhost\n127.0.1.1 obs.example.org\n")
    doctor_there = served_with_hosts(program, hosts, "--host", "0.0.0.0")
    refused = requests.get(f"{program.url}/healthz", headers={"Host": "obs.example.org"}, timeout=30)
    assert refused.status_code == 421
    wait_for(lambda: {"unnamed_hosts", "ipv4_only"} <= notices(program.url).keys())
    said = notices(program.url)
    assert (
        "obs.example.org" in said["unnamed_hosts"]["sentence"] and "allowed_hosts" in said["unnamed_hosts"]["sentence"]
    )
    assert "set host to *" in said["ipv4_only"]["sentence"]
    beside = json.loads(subprocess.run(doctor_there, capture_output=True, check=True).stdout)["findings"]
    assert {"unnamed_hosts", "ipv4_only"} <= {one["code"] for one in beside}
    program.stop()
    served_with_hosts(program, hosts, "--host", "*", "--allowed-hosts", "obs.example.org")
    program.stop()
    (program.data / "prjobs.toml").write_text("host = '0.0.0.0'\n")
    alone = json.loads(subprocess.run(doctor_there, capture_output=True, check=True).stdout)["findings"]
    assert {"unnamed_hosts", "ipv4_only"} <= {one["code"] for one in alone}
    (program.data / "prjobs.toml").write_text("host = '*'\nallowed_hosts = ['obs.example.org']\n")
    mended = json.loads(subprocess.run(doctor_there, capture_output=True, check=True).stdout)["findings"]
    assert not {"unnamed_hosts", "ipv4_only"} & {one["code"] for one in mended}


@pytest.mark.parametrize(
    ("addresses", "is_said"),
    [
        (["0.0.0.0"], True),
        (["127.0.0.1"], True),
        (["127.0.0.1", "::1"], False),
        (["0.0.0.0", "::"], False),
        ([], False),
    ],
)
def test_ipv4_alone(monkeypatch, addresses, is_said):
    monkeypatch.setattr(surroundings, "prefers_ipv6", lambda: True)
    assert bool(list(surroundings.ipv4_only(addresses))) is is_said


# ---- proxies


CLOUD = {"cloud_mode": "standby", "cloud_sites": ["saf"], "cloud_base_url": "https://cloud.invalid/jobs"}


@pytest.mark.parametrize(
    ("environment", "changes", "said", "is_wish"),
    [
        ({}, {}, None, None),
        ({"HTTPS_PROXY": "http://proxy.invalid:3128"}, {}, None, None),
        ({"HTTPS_PROXY": "http://proxy.invalid:3128"}, {"proxies": "none"}, "the setting proxies is none", True),
        ({"HTTPS_PROXY": "http://proxy.invalid:3128", "NO_PROXY": "cloud.invalid"}, {}, "NO_PROXY", True),
        ({"HTTP_PROXY": "http://proxy.invalid:3128"}, {}, "HTTPS_PROXY is not set", False),
        ({"ALL_PROXY": "socks5://proxy.invalid:1080"}, {}, "is no HTTP proxy", False),
        ({"HTTP_PROXY": "http://proxy.invalid:3128"}, {"cloud_mode": "off"}, None, None),
    ],
)
def test_a_proxy_that_the_link_does_not_use(monkeypatch, environment, changes, said, is_wish):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = list(surroundings.proxy_unused(Settings(**{**CLOUD, **changes})))
    assert [(one.code, one.is_wish) for one in found] == ([] if said is None else [(Code.PROXY_UNUSED, is_wish)])
    assert not found or said in found[0].sentence


@pytest.mark.long
def test_a_proxy_that_the_terminal_has_and_the_running_server_has_not(program):
    proxy = Proxy()
    program.data.mkdir(mode=0o700)
    (program.data / "prjobs.toml").write_text(
        "cloud_mode = 'standby'\ncloud_sites = ['saf']\ncloud_base_url = 'http://cloud.invalid/jobs'\n"
    )
    try:
        with_proxy = {"env": {**os.environ, "HTTP_PROXY": proxy.url}}
        program.serve()
        found, code = findings(program, **with_proxy)
        assert code == 0 and "and the running server does not" in found["proxy_unused"]["sentence"]
        assert "proxy_unused" not in findings(program)[0]
        program.stop()
        program.serve(**with_proxy)
        assert "proxy_unused" not in findings(program, **with_proxy)[0]
        program.stop()
        (program.data / "prjobs.toml").open("a").write("proxies = 'none'\n")
        found, code = findings(program, **with_proxy)
        assert code == 0 and "the setting proxies is none" in found["proxy_unused"]["sentence"]
        # What a person set is a notice only once the cloud does not answer.
        program.serve(**with_proxy)
        assert "proxy_unused" not in notices(program.url)
    finally:
        proxy.close()


# ---- other programs


@pytest.mark.parametrize(
    ("place", "marks", "name"),
    [
        ("OneDrive/Documents", [], "OneDrive"),
        ("OneDrive - Photon Ranch", [], "OneDrive"),
        ("Dropbox (Personal)/obs", [], "Dropbox"),
        ("files", [".dropbox"], "Dropbox"),
        ("GoogleDrive-ann@example.org/My Drive", [], "Google Drive"),
        ("iCloudDrive", [], "iCloud"),
        ("cloud", [".sync_0a1b.db"], "Nextcloud"),
        ("shared", [".stfolder/"], "Syncthing"),
        ("observatory", [], ""),
        ("my OneDriver", [], ""),
    ],
)
def test_a_folder_that_another_program_synchronises(tmp_path, clock, place, marks, name):
    top = tmp_path / place.partition("/")[0]
    (tmp_path / place).mkdir(parents=True)
    for mark in marks:
        (top / mark.rstrip("/")).mkdir() if mark.endswith("/") else (top / mark).touch()
    folder = Folder(tmp_path / place / "data")
    folder.create()
    assert synchroniser_of(folder.path) == name
    found = [one for one in doctor.examine(folder, clock) if one.code]
    assert [one.code for one in found] == ([Code.SYNC_FOLDER] if name else [])
    assert not name or (
        found[0].level == "note" and found[0].sentence.startswith(f"{name} synchronises the data folder")
    )


def test_a_folder_behind_a_link_and_those_that_variables_and_lists_name(tmp_path, monkeypatch):
    real = tmp_path / "Dropbox" / "data"
    real.mkdir(parents=True)
    (tmp_path / "data").symlink_to(real)
    assert synchroniser_of(tmp_path / "data") == "Dropbox"
    (tmp_path / "work" / "data").mkdir(parents=True)
    assert synchroniser_of(tmp_path / "work" / "data") == ""
    monkeypatch.setenv("OneDriveCommercial", str(tmp_path / "work"))
    assert synchroniser_of(tmp_path / "work" / "data") == "OneDrive"
    monkeypatch.delenv("OneDriveCommercial")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".dropbox").mkdir()
    (tmp_path / ".dropbox" / "info.json").write_text(json.dumps({"personal": {"path": str(tmp_path / "work")}}))
    assert synchroniser_of(tmp_path / "work" / "data") == "Dropbox"
    # Dropbox keeps its settings in the home folder, which it does not synchronise.
    (tmp_path / "elsewhere").mkdir()
    assert synchroniser_of(tmp_path / "elsewhere") == ""


@pytest.mark.slow
def test_a_server_in_a_synchronised_folder_says_so_by_a_notice(program, tmp_path):
    program.data = tmp_path / "OneDrive" / "prjobs"
    program.serve()
    wait_for(lambda: "sync_folder" in notices(program.url))
    one = notices(program.url)["sync_folder"]
    assert "name the new place by --data" in one["sentence"] and one["manual"].startswith("manual/trouble#a-program")
    found, code = findings(program)
    assert code == 0 and found["sync_folder"]["manual"] == one["manual"]
    assert requests.get(f"{program.url}/healthz", timeout=30).status_code == 200


def test_a_scanner_that_watches_the_folder(tmp_path):
    file = tmp_path / "clamd.conf"
    assert scanner_of(tmp_path, (file,)) == ""
    file.write_text(f"LogSyslog yes\nOnAccessIncludePath {tmp_path.parent}\n")
    assert scanner_of(tmp_path, (file,)) == "ClamAV"
    file.write_text(f"OnAccessMountPath /\nOnAccessExcludePath {tmp_path}\n")
    assert scanner_of(tmp_path, (file,)) == ""
    file.write_text(f"# OnAccessIncludePath {tmp_path.parent}\nOnAccessIncludePath /srv\n")
    assert scanner_of(tmp_path, (file,)) == ""


def test_a_scanner_is_a_finding(tmp_path, monkeypatch):
    monkeypatch.setattr(surroundings, "scanner_of", lambda folder: "ClamAV")
    (found,) = surroundings.kept_folder(tmp_path)
    assert found.code == Code.SCANNED_FOLDER and "exempt the folder" in found.sentence


# ---- the exit code


@pytest.mark.slow
def test_the_exit_code_is_1_for_what_is_wrong_and_0_for_notes(program, tmp_path):
    program.data = tmp_path / "Dropbox" / "prjobs"
    program.token()
    assert program.run("doctor").returncode == 0
    (program.data / "secret").unlink()
    assert program.run("doctor").returncode == 1
    assert program.run("doctor", "--depe").returncode == 2
