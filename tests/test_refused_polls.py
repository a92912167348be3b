"""Refused polls are seen: by a notice with site, address and reason, in the silence that follows, in doctor."""

import json
import socket

import pytest
import requests

from prjobs.access import tokens
from prjobs.base import sockets
from prjobs.base.notices import Code
from prjobs.jobs.refusals import MIXED_S, SHOWN_S
from prjobs.monitor.watching import Watch
from prjobs.upkeep.chores import Chores
from tests.clocks import ManualClock
from tests.verbs import make_token, take
from tests.waiting import wait_for

DAY_S = 86_400
WRONG_HOST = {"Host": "jobs.elsewhere.example:8642"}


def poll(server, site="saf", body=None, **headers):
    body = json.dumps({"site": site}) if body is None else body
    return requests.post(f"{server.url}/jobs/getnewjobs", data=body, headers=headers)


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def notices(server, code=Code.POLL_REFUSED):
    found = requests.get(f"{server.url}/healthz").json()["notices"]
    return {one["site"]: one["sentence"] for one in found if one["code"] == code}


def alarms(server):
    Watch(server.appliance.board).once()
    found = requests.get(f"{server.url}/api/now", headers=bearer(make_token(server.appliance, "ann", "admin")))
    return {one["key"]: one for one in found.json()["alarms"]}


def test_it_works(make_server):
    server = make_server(ManualClock())
    assert notices(server) == {}
    assert poll(server, **WRONG_HOST).status_code == 421
    said = notices(server)["saf"]
    assert said.startswith("A program at 127.0.0.1 asks for jobs of saf and was refused at 22:13:20 UTC (421). ")
    assert "allowed_hosts" in said and said.endswith("The program asks for jobs.elsewhere.example:8642.")
    alarm = alarms(server)["notice/poll_refused/saf"]
    assert (alarm["sentence"], alarm["site"], alarm["loud"]) == (said, "saf", True)
    assert alarm["manual"] == "manual/trouble#the-polls-of-a-program-are-refused"


def test_the_alarm_tells_the_last_refusal(make_server):
    clock = ManualClock()
    server = make_server(clock, observatory_access="token")
    poll(server, **WRONG_HOST)
    first = alarms(server)["notice/poll_refused/saf"]
    clock.advance(12)
    assert poll(server).status_code == 401
    last = alarms(server)["notice/poll_refused/saf"]
    assert "(421)" in first["sentence"] and "last at 22:13:32 UTC (401)" in last["sentence"]
    assert {**last, "sentence": first["sentence"]} == first


def test_an_accepted_poll_from_the_address_ends_it(server):
    poll(server, **WRONG_HOST)
    poll(server, site="wema", **WRONG_HOST)
    assert poll(server).status_code == 200
    assert list(notices(server)) == ["wema"]


def test_two_programs_at_one_address_are_one_lasting_alarm(make_server):
    """The second program is refused every time, the first one never."""
    clock = ManualClock()
    server = make_server(clock)
    chores = Chores(server.appliance, server.folder)
    poll(server, **WRONG_HOST)
    poll(server)
    assert notices(server) == {}
    for _ in range(10):
        clock.advance(6)
        poll(server, **WRONG_HOST)
        clock.advance(6)
        assert poll(server).status_code == 200
        chores.once()
        assert "saf" in notices(server)
    assert len({one["raised_ms"] for one in [alarms(server)["notice/poll_refused/saf"] for _ in range(2)]}) == 1
    clock.advance(MIXED_S)
    poll(server)
    assert notices(server) == {}


def test_it_ends_some_time_after_the_last_one(make_server):
    clock = ManualClock()
    server = make_server(clock)
    chores = Chores(server.appliance, server.folder)
    poll(server, **WRONG_HOST)
    clock.advance(SHOWN_S)
    poll(server, **WRONG_HOST)
    clock.advance(SHOWN_S)
    chores.once()
    assert "since 22:13:20 UTC, last at 22:23:20 UTC" in notices(server)["saf"]
    clock.advance(1)
    chores.once()
    assert notices(server) == {}


@pytest.mark.parametrize(
    ("roles", "sites", "status", "reason"),
    [
        ((), (), 403, "needs an observatory token"),
        (("observatory",), ("wema",), 403, "not for this site"),
        (None, (), 401, "needs an observatory token"),
    ],
)
def test_a_wrong_token(make_server, roles, sites, status, reason):
    server = make_server(observatory_access="token")
    sent = {} if roles is None else bearer(make_token(server.appliance, "obs", *roles, sites=sites))
    assert poll(server, **sent).status_code == status
    assert f"({status})" in notices(server)["saf"] and reason in notices(server)["saf"]


def test_a_token_that_ended_is_named_in_the_silence(make_server):
    clock = ManualClock()
    server = make_server(clock, observatory_access="token")
    token = bearer(make_token(server.appliance, "obs", "observatory", sites=("saf",), days=1))
    for gap_s in (DAY_S - 30, 12):
        clock.advance(gap_s)
        assert poll(server, **token).status_code == 200
    clock.advance(20)
    assert poll(server, **token).status_code == 401
    clock.advance(60)
    silent = next(one for key, one in alarms(server).items() if key.startswith("silent/saf"))["sentence"]
    assert silent.startswith("saf has been silent since 22:13:02 UTC. A program at 127.0.0.1 asks for jobs of saf")
    assert "the token has expired" in silent and "of obs ended at 22:13:20 UTC" in silent


def test_a_token_that_ends_is_said_before(make_server):
    clock = ManualClock()
    server = make_server(clock)
    chores = Chores(server.appliance, server.folder)
    make_token(server.appliance, "obs", "observatory", sites=("saf",), days=15)
    make_token(server.appliance, "auth0|alice", days=1)
    chores.once()
    assert notices(server, Code.TOKEN_ENDS) == {}
    clock.advance(DAY_S)
    chores.once()
    said = notices(server, Code.TOKEN_ENDS)
    assert list(said) == ["saf"] and said["saf"] == (
        "1 token of programs of saf ends within 14 days, on 2023-11-29 22:13 UTC: “prjobs doctor” names each, and says "
        "what to do."
    )
    assert alarms(server)["notice/token_ends/saf"]["loud"] is False
    clock.advance(14 * DAY_S)
    chores.once()
    assert notices(server, Code.TOKEN_ENDS) == {}


@pytest.mark.parametrize("body", ["", "nonsense", '{"site": "a b"}', '{"site": 5}', "[" * 5000])
def test_a_request_that_names_no_site(server, body):
    assert poll(server, body=body, **WRONG_HOST).status_code == 421
    assert "asks for jobs of an unknown site and was refused at" in notices(server)[""]


def test_names_can_be_invented(server):
    """Only so many sites are remembered; a site that is in use has its place all the same."""
    for number in range(40):
        poll(server, site=f"name{number}", **WRONG_HOST)
    assert len(notices(server)) == 21 and "" in notices(server)
    take(server.appliance, site="saf")
    poll(server, site="saf", **WRONG_HOST)
    assert "saf" in notices(server) and len(notices(server)) <= 21


@pytest.mark.parametrize("header", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_a_page_of_the_web_raises_no_alarm(server, header):
    assert poll(server, **header).status_code == 403
    assert poll(server, **header, **WRONG_HOST).status_code == 421
    assert notices(server) == {}


def test_other_requests_are_no_polls(server):
    assert requests.get(f"{server.url}/jobs/getnewjobs", headers=WRONG_HOST).status_code == 421
    assert requests.post(f"{server.url}/jobs/newjob", data='{"site": "saf"}', headers=WRONG_HOST).status_code == 421
    assert poll(server, body="nonsense").status_code == 400
    assert notices(server) == {}


@pytest.mark.slow
def test_doctor_says_it(program):
    url = program.serve()
    requests.post(f"{url}/getnewjobs", data='{"site": "saf"}', headers=WRONG_HOST)
    said = program.run("doctor").stdout
    assert "A program at 127.0.0.1 asks for jobs of saf and was refused at" in said


def seen(program, token):
    """What the alarms of a real server say of refused polls, by site."""

    def found():
        headers = bearer(token)
        answer = requests.get(f"{program.url}/api/now", headers=headers).json()
        return {one["site"]: one for one in answer["alarms"] if one["key"].startswith("notice/poll_refused")}

    return found


@pytest.mark.slow
def test_a_real_server_and_real_refusals(program):
    """A wrong Host, a token of another site, a revoked token: each is an alarm, in doctor and told to a watchdog."""
    url = program.serve("--observatory-access", "token")
    admin = program.token("staff", "--role", "admin")
    obs, wema = (program.token(site, "--role", "observatory", "--site", site) for site in ("saf", "wema"))
    found = seen(program, admin)

    def ask(site, token, **headers):
        body = json.dumps({"site": site})
        return requests.post(f"{url}/jobs/getnewjobs", data=body, headers={**bearer(token), **headers})

    assert ask("saf", obs).status_code == 200
    assert ask("saf", obs, **WRONG_HOST).status_code == 421
    assert "The program asks for jobs.elsewhere.example:8642." in wait_for(lambda: found().get("saf"))["sentence"]
    assert ask("saf", obs).status_code == 200
    assert wait_for(lambda: not found())
    assert ask("mrc1", wema).status_code == 403
    assert "(403). This token is not for this site." in wait_for(lambda: found().get("mrc1"))["sentence"]
    tokens = [line.split() for line in program.run("token", "list").stdout.splitlines()]
    (number,) = [words[0] for words in tokens if "saf" in words]
    assert program.run("token", "revoke", number).returncode == 0
    answer = ask("saf", obs)
    assert (answer.status_code, answer.json()) == (401, [])
    alarm = wait_for(lambda: found().get("saf"))
    assert alarm["loud"] and "(401)" in alarm["sentence"] and "revoked" in alarm["sentence"]
    assert alarm["todo"].startswith("Correct the address, the site or the token")
    assert requests.post(f"{url}/getnewjobs", data="nonsense", headers=WRONG_HOST).status_code == 421
    assert wait_for(lambda: found().get(""))["sentence"].startswith(
        "A program at 127.0.0.1 asks for jobs of an unknown"
    )
    said = program.run("doctor").stdout
    assert all(f"asks for jobs of {site}" in said for site in ("saf", "mrc1", "an unknown site"))
    watchdog = requests.get(f"{url}/healthz?for=watchdog")
    assert watchdog.status_code == 503
    assert {one["site"] for one in watchdog.json()["reasons"]} == {"saf", "mrc1", ""}


def test_a_revoked_token_is_named_in_the_silence(make_server):
    clock = ManualClock()
    server = make_server(clock, observatory_access="token")
    token = make_token(server.appliance, "obs", "observatory", sites=("saf",))
    for _ in range(2):
        clock.advance(12)
        assert poll(server, **bearer(token)).status_code == 200
    (info,) = [one for one in tokens.list_tokens(server.appliance.desk) if "observatory" in one.roles]
    admin = bearer(make_token(server.appliance, "ann", "admin"))
    clock.advance(5)
    assert requests.delete(f"{server.url}/api/tokens/{info.id}", headers=admin).ok
    clock.advance(7)
    assert poll(server, **bearer(token)).status_code == 401
    clock.advance(60)
    silent = next(one for key, one in alarms(server).items() if key.startswith("silent/saf"))["sentence"]
    assert f"The observatory token {info.id} of obs was revoked at 22:13:49 UTC: give the program another." in silent


# ---- the machine's own names and addresses


def outward():
    """An address of this machine besides loopback; None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


def own_names():
    own = socket.gethostname()
    return [name for name in (outward(), own, own.partition(".")[0] + ".local", "127.0.0.1") if name]


def test_the_own_names_are_known_when_others_may_ask(make_server):
    server = make_server(host="0.0.0.0")
    assert [poll(server, Host=f"{name}:8642").status_code for name in own_names()] == [200] * len(own_names())
    for name in ("0.0.0.0", "[::]", "192.0.2.1", "224.0.0.1", "evil.example", f"{socket.gethostname()}.evil.example"):
        assert poll(server, Host=f"{name}:8642").status_code == 421, name


def test_no_other_name_is_known_on_loopback(server):
    named = [name for name in own_names() if name not in ("localhost", "127.0.0.1")]
    assert named and [poll(server, Host=name).status_code for name in named] == [421] * len(named)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False), ("obs-pc", False)],
)
def test_loopback(host, expected):
    assert sockets.is_loopback(host) is expected


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/jobs/getnewjobs", '{"site": "saf", "wait": "long"}', 400), ("/wrong/getnewjobs", '{"site": "saf"}', 404)],
)
def test_a_poll_that_can_never_work_is_seen(server, path, body, status):
    assert requests.post(server.url + path, data=body).status_code == status
    assert f"({status})" in notices(server)["saf"]
