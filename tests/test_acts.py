"""What staff do to jobs through the appliance's own API, and what the audit says of it."""

import pytest
import requests

from prjobs.access import audit
from prjobs.base.catalogue import command_class
from prjobs.cloud import tables
from prjobs.jobs import lookup
from prjobs.monitor.board import Alarm
from prjobs.web import jobs_api
from tests.program import JOB
from tests.verbs import make_token


@pytest.fixture
def ask(server):
    """One request in somebody's name."""
    tokens = {}

    def ask(method, path, body=None, user="auth0|alice", roles=()):
        key = (user, *roles)
        tokens[key] = tokens.get(key) or make_token(server.appliance, user, *roles)
        headers = {"Authorization": f"Bearer {tokens[key]}"}
        return requests.request(method, server.url + path, json=body, headers=headers, timeout=60)

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
    assert set(query) == set(jobs_api.JobsQuery.__struct_fields__)
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
    server.appliance.queue.database.write(lambda transaction: None)
    rows = [(row.who, row.what) for row in audit.list_rows(server.appliance.queue.database.fetch)]
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


# ---- the cloud link, by staff of some sites


def park(server, ask, site):
    """A job of the site whose status the cloud did not take."""
    ulid = ask("POST", "/newjob", {**JOB, "site": site}).json()["ulid"]
    seq = lookup.find_job(server.appliance.queue.database, ulid).seq

    def store_parked(transaction):
        tables.remember(transaction, ulid, site, seq, "known")
        tables.park(transaction, ulid, "no", 1)

    server.appliance.queue.database.write(store_parked)
    return ulid


@pytest.fixture
def linked(make_server):
    return make_server(cloud_mode="primary", cloud_base_url="http://127.0.0.1:9", cloud_sites=["saf", "mrc1"])


@pytest.fixture
def ask_linked(linked):
    """One request to a site with a link, in the name of staff for these sites."""

    def ask(method, path, body=None, sites=(), roles=("owner",)):
        token = make_token(linked.appliance, "auth0|alice", *roles, sites=sites)
        headers = {"Authorization": f"Bearer {token}"}
        return requests.request(method, linked.url + path, json=body, headers=headers, timeout=60)

    return ask


@pytest.mark.parametrize("verb", ["retry", "giveup"])
def test_parked_statuses_are_decided_by_staff_of_their_site(linked, ask_linked, verb):
    ours, theirs = (park(linked, ask_linked, site) for site in ("saf", "mrc1"))
    refused = ask_linked("POST", f"/api/cloud/parked/{theirs}/{verb}", {}, sites=("saf",))
    assert refused.status_code == 403, refused.text
    assert {row[0] for row in tables.parked_rows(linked.appliance.queue.database)} == {ours, theirs}
    done = ask_linked("POST", f"/api/cloud/parked/{ours}/{verb}", {}, sites=("saf",))
    assert (done.status_code, done.json()["cloud"]["parked"]) == (200, [])
    assert {row[0] for row in tables.parked_rows(linked.appliance.queue.database)} == {theirs}
    assert ask_linked("POST", f"/api/cloud/parked/{ours}/{verb}", {}).status_code == 404
    assert ask_linked("POST", f"/api/cloud/parked/{theirs}/{verb}", {}).status_code == 200


@pytest.mark.parametrize("path", ["/api/cloud", "/api/now"])
def test_the_link_is_shown_for_the_sites_of_the_token(linked, ask_linked, path):
    for site in ("saf", "mrc1"):
        park(linked, ask_linked, site)
    for sites, seen in (((), {"saf", "mrc1"}), (("saf",), {"saf"}), (("dpo",), set())):
        said = ask_linked("GET", path, sites=sites).json()["cloud"]
        assert {one["site"] for one in said["sites"]} == {one["site"] for one in said["parked"]} == seen, sites


@pytest.mark.parametrize("take", [False, True])
@pytest.mark.parametrize(
    ("own", "named", "read"),
    [
        ((), [], ["saf", "mrc1"]),
        ((), ["mrc1"], ["mrc1"]),
        (("saf",), [], ["saf"]),
        (("saf",), ["saf"], ["saf"]),
        (("saf",), ["mrc1"], None),
        (("saf",), ["saf", "mrc1"], None),
        (("dpo",), [], None),
    ],
)
def test_older_jobs_are_asked_for_the_sites_of_the_token(linked, ask_linked, take, own, named, read):
    asked = ask_linked("POST", "/api/cloud/import", {"since_ms": 0, "sites": named, "take": take}, sites=own)
    assert asked.status_code == (200 if read else 403), asked.text
    backlog = linked.appliance.cloud.memory.backlog
    assert (backlog.sites if backlog else None) == read
    for sites in (("saf",), ("mrc1",), ()):
        seen = ask_linked("GET", "/api/cloud/import", sites=sites).json()["import"]
        assert (seen is not None) == bool(read and (not sites or set(read) <= set(sites))), sites


# ---- what a token for one site does at another


def test_staff_of_one_site_does_nothing_at_another(make_server):
    server = make_server(reservations="local")
    send = lambda token, method, path, body=None: requests.request(  # noqa: E731
        method, server.url + path, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60
    )
    everywhere = make_token(server.appliance, "auth0|alice", "admin")
    ulid = send(everywhere, "POST", "/newjob", {**JOB, "site": "mrc1"}).json()["ulid"]
    reservation = {"site": "mrc1", "creator_id": "auth0|alice", "start_ms": 0, "end_ms": 2**45, "force": True}
    number = send(everywhere, "POST", "/api/reservations", reservation).json()["id"]
    server.appliance.board.alarms.add(
        Alarm(key="stuck/x", kind="stuck", site="mrc1", ulid=ulid, sentence="x", since_ms=1, raised_ms=1)
    )
    wishes = [
        ("POST", f"/api/jobs/{ulid}/cancel", {"reason": "x"}),
        ("POST", f"/api/jobs/{ulid}/close", {"reason": "x"}),
        ("POST", f"/api/jobs/{ulid}/again", {}),
        ("GET", f"/api/jobs/{ulid}", None),
        ("GET", "/api/jobs?site=mrc1", None),
        ("GET", "/api/changes?since=0&site=mrc1", None),
        ("POST", "/api/alarms/ack", {"key": "stuck/x"}),
        ("DELETE", "/api/alarms/ack", {"key": "stuck/x"}),
        ("POST", "/api/reservations", reservation),
        ("DELETE", f"/api/reservations/{number}", None),
        ("GET", "/api/night?site=mrc1", None),
        ("GET", "/night?site=mrc1", None),
        ("GET", "/api/sky?site=mrc1", None),
        ("POST", "/newjob", {**JOB, "site": "mrc1"}),
        ("POST", "/getrecentjobs", {"site": "mrc1"}),
    ]
    for role in ("admin", "owner"):
        token = make_token(server.appliance, "auth0|alice", role, sites=("saf",))
        for wish in wishes:
            assert send(token, *wish).status_code in (403, 404), (role, wish)
        now = send(token, "GET", "/api/now").json()
        assert now["sites"] == [] and not [one for one in now["alarms"] if one["site"] == "mrc1"]
        assert send(token, "GET", "/api/jobs").json()["jobs"] == []
        assert send(token, "GET", "/api/changes?since=0").json()["changes"] == []
        assert send(token, "GET", "/api/reservations").json()["reservations"] == []
        assert send(token, "GET", "/api/may?site=mrc1").json()["holders"] == []
    job = send(everywhere, "GET", f"/api/jobs/{ulid}").json()
    assert (job["status"], len(job["timeline"])) == ("UNREAD", 1)
