"""What staff do to jobs through the appliance's own API, and what the audit says of it."""

import pytest
import requests

from prjobs import audit
from prjobs.catalogue import command_class
from prjobs.web import api
from tests.conftest import make_token
from tests.program import JOB


@pytest.fixture
def ask(server):
    """One request in somebody's name."""
    tokens = {}

    def ask(method, path, body=None, user="auth0|alice", roles=()):
        key = (user, *roles)
        tokens[key] = tokens.get(key) or make_token(server.appliance, user, *roles)
        headers = {"Authorization": f"Bearer {tokens[key]}"}
        return requests.request(method, server.url + path, json=body, headers=headers, timeout=20)

    return ask


OWNER = {"user": "auth0|otto", "roles": ("owner",)}


def test_staff_closes_a_stuck_job_with_a_reason(server, ask):
    ulid = ask("POST", "/newjob", JOB).json()["ulid"]
    assert ask("POST", f"/api/jobs/{ulid}/close", {"reason": "x"}, **OWNER).status_code == 409
    requests.post(f"{server.url}/getnewjobs", json={"site": "saf"})
    assert ask("POST", f"/api/jobs/{ulid}/close", {"reason": "x"}).status_code == 403
    assert ask("POST", f"/api/jobs/{ulid}/close", {"reason": " "}, **OWNER).status_code == 400
    closed = ask("POST", f"/api/jobs/{ulid}/close", {"reason": "camera hangs"}, **OWNER).json()
    assert (closed["status"], closed["phase"]) == ("ABORTED", "failed")
    last = ask("GET", f"/api/jobs/{ulid}").json()["timeline"][-1]
    assert (last["who"], last["note"]) == ("auth0|otto", "camera hangs")
    assert ask("POST", f"/api/jobs/{ulid}/close", {"reason": "x"}, **OWNER).status_code == 409


def test_cancel_by_its_user_by_staff_and_by_nobody_else(ask):
    mine, theirs = (ask("POST", "/newjob", JOB).json()["ulid"] for _ in range(2))
    assert ask("POST", f"/api/jobs/{mine}/cancel", {}, user="auth0|bob").status_code == 403
    assert ask("POST", f"/api/jobs/{mine}/cancel", {}).json()["status"] == "CANCELLED"
    assert ask("POST", f"/api/jobs/{theirs}/cancel", {"reason": "clouds"}, **OWNER).json()["phase"] == "gone"


def test_send_again_names_the_old_job(ask):
    old = ask("POST", "/newjob", JOB).json()["ulid"]
    new = ask("POST", f"/api/jobs/{old}/again", {}, user="auth0|bob")
    assert (new.json()["again_of"], new.json()["user_id"]) == (old, "auth0|bob")
    assert new.headers["X-Prjobs-Reservations"] == "none"


def test_the_counts_are_those_of_the_filter_without_its_phases(server, ask):
    for site in ("saf", "saf", "mrc1"):
        ask("POST", "/newjob", {**JOB, "site": site})
    ulid = requests.post(f"{server.url}/getnewjobs", json={"site": "mrc1"}).json()[0]["ulid"]
    requests.post(f"{server.url}/updatejobstatus", json={"site": "mrc1", "ulid": ulid, "newStatus": "complete"})
    found = requests.get(f"{server.url}/api/jobs?phase=done").json()
    assert [job["ulid"] for job in found["jobs"]] == [ulid]
    assert (found["counts"]["done"], found["counts"]["waiting"], found["counts"]["running"]) == (1, 2, 0)
    assert requests.get(f"{server.url}/api/jobs?phase=running").json()["jobs"] == []


@pytest.mark.parametrize("query", ["phases=done", "Phase=done", "since=1", "limit=0", "limit=-5", "limit=x", "=1"])
def test_a_query_that_says_nothing_is_refused(server, query):
    answer = requests.get(f"{server.url}/api/jobs?{query}")
    assert answer.status_code == 400 and answer.json()["code"] == "bad_request"
    assert answer.json()["error"].startswith("limit must" if query.startswith("limit") else "The query may hold site, ")


def test_every_name_of_the_query_at_once(server, ask):
    ulid = ask("POST", "/newjob", JOB).json()["ulid"]
    query = {
        "site": "saf",
        "since_ms": 1,
        "until_ms": 2**45,
        "phase": "waiting",
        "status": "unread",
        "device": "camera",
    }
    query |= {"action": "expose", "user": "alice", "text": "light", "before": "7" + ulid[1:], "limit": 1}
    assert set(query) == set(api.JOBS_QUERY)
    for asked in (query, {**query, "limit": 5000}, {**query, "text": ""}):
        found = requests.get(f"{server.url}/api/jobs", params=asked).json()
        assert [job["ulid"] for job in found["jobs"]] == [ulid], asked


def test_a_token_for_two_sites_sees_both_and_no_third(server, ask):
    for site in ("saf", "mrc1", "dpo"):
        ask("POST", "/newjob", {**JOB, "site": site})
    token = make_token(server.appliance, "wall", "viewer", sites=("saf", "mrc1"))
    headers = {"Authorization": f"Bearer {token}"}
    jobs = requests.get(f"{server.url}/api/jobs", headers=headers).json()["jobs"]
    changes = requests.get(f"{server.url}/api/changes?since=0", headers=headers).json()["changes"]
    assert {job["site"] for job in jobs} == {change["job"]["site"] for change in changes} == {"saf", "mrc1"}


def test_the_audit_has_what_staff_did_and_what_was_refused(server, ask):
    ulid = ask("POST", "/newjob", {**JOB, "user_id": "auth0|otto"}, **OWNER).json()["ulid"]
    ask("POST", f"/api/jobs/{ulid}/cancel", {}, **OWNER)
    roof = {**JOB, "device": "enclosure", "action": "open"}
    assert ask("POST", "/newjob", roof).status_code == 403
    assert ask("POST", "/newjob", {**roof, "user_id": "auth0|otto"}, **OWNER).status_code == 200
    server.appliance.database.write(lambda transaction: None)
    rows = [(row.who, row.what) for row in audit.list_rows(server.appliance.database.fetch)]
    assert [row for row in rows if row[0] != "tests"] == [
        ("auth0|otto", "newjob"),
        ("auth0|otto", "cancel"),
        ("auth0|alice", "refused"),
        ("auth0|otto", "newjob"),
    ]


@pytest.mark.parametrize(
    ("device", "action"),
    [
        ("enclosure", "OPEN"),
        ("Enclosure", "open"),
        ("ENCLOSURE", "lift_off"),
        ("enclosure ", "open"),
        ("\uff45nclosure", "open"),
        ("dome", "open"),
    ],
)
def test_no_spelling_is_a_way_around_the_roofs_rights(ask, device, action):
    assert command_class(device, action, {}) == "roof"
    assert ask("POST", "/newjob", {**JOB, "device": device, "action": action}).status_code == 403


def test_the_catalogue_and_the_settings_for_the_page(ask):
    commands = ask("GET", "/api/commands").json()["commands"]
    assert {"device", "action", "required", "label"} <= set(commands[0]) and len(commands) > 70
    assert ask("GET", "/api/settings", **OWNER).status_code == 403
    said = ask("GET", "/api/settings", user="staff", roles=("admin",)).json()["settings"]
    assert said["port"] == {"value": 0, "source": "set"} and said["threads"]["source"] == "default"


def test_a_program_that_runs_wild_is_held_back_and_its_stop_is_not(make_server):
    server = make_server(newjob_rate=5)
    headers = {"Authorization": f"Bearer {make_token(server.appliance, 'auth0|alice')}"}
    send = lambda **changes: requests.post(f"{server.url}/newjob", json={**JOB, **changes}, headers=headers)  # noqa: E731
    assert [send().status_code for _ in range(7)] == [200] * 5 + [429] * 2
    assert send(action="stop").status_code == 200
