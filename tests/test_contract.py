"""The five endpoints as deployed programs call them, over real HTTP."""

import base64
import json
import threading

import pytest
import requests

from prjobs.web.contract import ENDPOINTS, paths_of
from tests.program import DOCUMENT, JOB
from tests.verbs import make_token

UI = "https://ui.example"


@pytest.fixture
def call(server, http, token):
    """The observatory's own way: data=json.dumps(…), no content type, keep-alive."""

    def call(name, body, bearer=None, **headers):
        if bearer is not None or name == "newjob":
            headers["Authorization"] = f"Bearer {bearer or token}"
        return http.post(f"{server.url}/{name}", data=json.dumps(body), headers=headers, timeout=60)

    return call


def test_it_works(call):
    stored = call("newjob", JOB)
    assert stored.status_code == 200
    polled = call("getnewjobs", {"site": "saf"})
    assert polled.json() == [stored.json()]
    ulid = stored.json()["ulid"]
    report = {"site": "saf", "ulid": ulid, "newStatus": "EXPOSING", "secondsUntilComplete": 12.2}
    assert call("updatejobstatus", report).json() == {
        "ulid": ulid,
        "statusId": f"EXPOSING#{ulid}",
        "secondsUntilComplete": 13,
        "ResponseMetadata": {"HTTPStatusCode": 200},
    }
    (recent,) = call("getrecentjobs", {"site": "saf", "timeRange": 60_000}).json()
    assert recent == {**stored.json(), "statusId": f"EXPOSING#{ulid}", "secondsUntilComplete": 13}


def test_a_document_has_all_keys_with_their_types(call):
    document = call("newjob", JOB).json()
    assert {key: type(value) for key, value in document.items()} == DOCUMENT
    assert document["statusId"] == document["replicaStatusId"] == f"UNREAD#{document['ulid']}"


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_path_answers_the_same_and_never_redirects(server, http, token, name):
    headers = {"Authorization": f"Bearer {token}"}
    for path in [*paths_of(name), f"/{name}?site=saf", f"/jobs/{name}/?site=saf"]:
        body = json.dumps(JOB if name == "newjob" else {"site": "saf"})
        answer = http.post(server.url + path, data=body, headers=headers, allow_redirects=False)
        assert answer.status_code == (400 if name in ("updatejobstatus", "startjob") else 200), path


def test_params_pass_through_unchanged(call):
    params = {
        "flag": True,
        "off": False,
        "nothing": None,
        "text": "",
        "ra": 10.1234,
        "big": 12345678901234567890123,
        "list": [[1, [2.5, "a"]], {}],
        "name": 'Čerenkov 星 \U0001f52d <b>\\"',
    }
    call("newjob", {**JOB, "required_params": params, "optional_params": params})
    (job,) = call("getnewjobs", {"site": "saf"}).json()
    assert job["required_params"] == job["optional_params"] == params


def test_the_web_page_of_photon_ranch(make_server):
    """axios: a preflight, its content type, extra keys; every answer, errors too, can be read by the page."""
    server = make_server(allowed_origins=[UI])
    token = make_token(server.appliance, "auth0|alice")
    preflight = requests.options(
        f"{server.url}/jobs/newjob?site=saf",
        headers={
            "Origin": UI,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
            "Access-Control-Request-Private-Network": "true",
        },
    )
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == UI
    assert preflight.headers["Access-Control-Allow-Private-Network"] == "true"
    allowed = preflight.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"authorization", "content-type", "x-amz-date", "x-api-key", "x-amz-security-token"} <= set(allowed)
    extra = {"mount": "mount1", "timestamp": 1700000000, "user_roles": ["admin"], "button_name": "x", "url": "y"}
    headers = {
        "Origin": UI,
        "Sec-Fetch-Site": "cross-site",
        "Content-Type": "application/json;charset=UTF-8",
        "Authorization": f"Bearer {token}",
    }
    answer = requests.post(f"{server.url}/jobs/newjob?site=saf", json={**JOB, **extra}, headers=headers)
    assert (answer.status_code, answer.json()["user_roles"]) == (200, [])
    assert answer.headers["Access-Control-Allow-Origin"] == UI
    for path, bearer, status in (
        ("/jobs/newjob", "undefined", 401),
        ("/nope", token, 404),
        ("/jobs/newjob", token, 400),
    ):
        answer = requests.post(server.url + path, data="{", headers={**headers, "Authorization": f"Bearer {bearer}"})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, UI)


def test_getnewjobs_never_answers_to_get(server, http, call):
    call("newjob", JOB)
    answer = http.get(f"{server.url}/getnewjobs?site=saf")
    assert (answer.status_code, answer.json(), answer.headers["Allow"]) == (405, [], "OPTIONS,POST")
    assert len(call("getnewjobs", {"site": "saf"}).json()) == 1


def test_a_body_with_a_byte_order_mark(server, http):
    answer = http.post(f"{server.url}/getnewjobs", data=b'\xef\xbb\xbf{"site": "saf"}')
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(
    ("given", "stored"), [("60", 60), (12.2, 13), ("", -1), (None, -1), (-5, -1), (0, 0), ("0.1", 1), (59.0, 59)]
)
def test_estimates(call, given, stored):
    ulid = call("newjob", JOB).json()["ulid"]
    call("getnewjobs", {"site": "saf"})
    body = {"site": "saf", "ulid": ulid, "secondsUntilComplete": given}
    assert call("startjob", body).json()["secondsUntilComplete"] == stored
    (job,) = call("getrecentjobs", {"site": "saf"}).json()
    assert (job["statusId"], job["secondsUntilComplete"]) == (f"STARTED#{ulid}", stored)


def test_the_alternate_queue_is_reported_on_separately(call):
    ulid = call("newjob", JOB).json()["ulid"]
    call("getnewjobs", {"site": "saf", "alternateQueue": True})
    body = {"site": "saf", "ulid": ulid, "newStatus": "DONE", "secondsUntilComplete": 7, "alternateQueue": True}
    assert call("updatejobstatus", body).json()["replicaStatusId"] == f"DONE#{ulid}"
    (job,) = call("getnewjobs", {"site": "saf"}).json()
    assert (job["replicaStatusId"], job["replicaSecondsUntilComplete"]) == (f"DONE#{ulid}", 7)
    assert "secondsUntilComplete" not in job


def test_a_deeply_nested_job_is_refused(call):
    params = value = {}
    for _ in range(70):
        value["a"] = value = {}
    answer = call("newjob", {**JOB, "required_params": params})
    assert (answer.status_code, "deep" in answer.text) == (400, True)


def test_many_recent_jobs_are_all_there(call, server, submit_many):
    ulids = submit_many(server.appliance, 1203)
    assert [job["ulid"] for job in call("getrecentjobs", {"site": "saf"}).json()] == ulids


def test_user_id_must_be_the_tokens_subject_but_for_an_admin(call, server):
    answer = call("newjob", {**JOB, "user_id": "auth0|bob"})
    assert (answer.status_code, "user_id" in answer.text) == (401, True)
    admin = make_token(server.appliance, "auth0|admin", "admin")
    answer = call("newjob", {**JOB, "user_id": "auth0|bob"}, admin)
    assert (answer.status_code, answer.json()["user_roles"]) == (200, ["admin"])


@pytest.mark.parametrize(("role", "status"), [("observatory", 403), ("viewer", 403), ("owner", 200), ("admin", 200)])
def test_observatories_and_viewers_do_not_command(call, server, role, status):
    assert call("newjob", JOB, make_token(server.appliance, "auth0|alice", role)).status_code == status


def test_a_token_for_one_site_is_not_for_another(call, server):
    bearer = make_token(server.appliance, "auth0|alice", sites=("mrc1",))
    assert call("newjob", JOB, bearer).status_code == 403
    assert call("newjob", {**JOB, "site": "mrc1"}, bearer).status_code == 200


def test_the_observatory_endpoints_take_a_key_in_the_base_url_when_a_token_is_demanded(make_server):
    server = make_server(observatory_access="token")
    body = json.dumps({"site": "saf"})
    refused = requests.post(f"{server.url}/getnewjobs", data=body)
    assert (refused.status_code, refused.json()) == (401, [])
    key = make_token(server.appliance, "saf", "observatory", sites=("saf",))
    base = server.url.replace("http://", f"http://saf:{key}@")
    assert requests.post(f"{base}/jobs/getnewjobs", data=body).status_code == 200
    assert requests.post(f"{base}/jobs/getnewjobs", data='{"site": "mrc1"}').status_code == 403
    user = make_token(server.appliance, "auth0|alice")
    assert (
        requests.post(f"{server.url}/getnewjobs", data=body, headers={"Authorization": f"Bearer {user}"}).status_code
        == 403
    )
    basic = base64.b64encode(f"saf:{key}".encode()).decode()
    assert (
        requests.post(f"{server.url}/newjob", data=body, headers={"Authorization": f"Basic {basic}"}).status_code == 401
    )


def test_an_idempotency_key_over_http(call):
    first = call("newjob", JOB, **{"Idempotency-Key": "k1"})
    assert call("newjob", JOB, **{"Idempotency-Key": "k1"}).json()["ulid"] == first.json()["ulid"]
    assert call("newjob", {**JOB, "action": "stop"}, **{"Idempotency-Key": "k1"}).status_code == 409
    assert call("newjob", JOB, **{"Idempotency-Key": "x" * 129}).status_code == 400


@pytest.mark.slow
@pytest.mark.parametrize("each", [40, pytest.param(200, marks=pytest.mark.long)])
def test_eight_pollers_and_five_senders_at_once(server, token, each):
    """Each job is delivered once, in order for whoever got it, none is missing."""
    sent, got, done = [], [], threading.Event()

    def send():
        with requests.Session() as session:
            for _ in range(each):
                headers = {"Authorization": f"Bearer {token}"}
                answer = session.post(f"{server.url}/newjob", data=json.dumps(JOB), headers=headers)
                sent.append(answer.json()["ulid"])

    def poll():
        with requests.Session() as session:
            last_round = False
            while not last_round:
                last_round = done.is_set()
                batch = session.post(f"{server.url}/getnewjobs", data='{"site": "saf"}').json()
                got.append([job["ulid"] for job in batch])

    senders = [threading.Thread(target=send) for _ in range(5)]
    pollers = [threading.Thread(target=poll) for _ in range(8)]
    for thread in senders + pollers:
        thread.start()
    for thread in senders:
        thread.join()
    done.set()
    for thread in pollers:
        thread.join()
    delivered = [ulid for batch in got for ulid in batch]
    assert len(sent) == 5 * each and sorted(delivered) == sorted(sent)
    assert all(batch == sorted(batch) for batch in got)
