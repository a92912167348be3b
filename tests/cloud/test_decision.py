"""A user's job on its way to a slow cloud: the answer, the sentence on the job, and everybody else's requests."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from bottle import request

from tests import provider
from tests.cloud.cloud_model import SITE
from tests.cloud.fake_cloud import FakeCloud
from tests.program import JOB
from tests.waiting import wait_for

STOP = {**JOB, "site": SITE, "action": "cancel_all_commands", "required_params": {}, "optional_params": {}}


class SlowCloud(FakeCloud):
    """A cloud whose newjob waits for `released`."""

    def __init__(self):
        self.released = threading.Event()
        self.asked: list[dict] = []
        super().__init__()

    def endpoint(self, name):
        if name == "newjob":
            self.asked.append(json.loads(request.body.read()))
            request.body.seek(0)
            self.released.wait(60)
        return super().endpoint(name)

    def stop(self):
        self.released.set()
        super().stop()


@pytest.fixture
def cloud():
    cloud = SlowCloud()
    yield cloud
    cloud.stop()


@pytest.fixture
def keys():
    return provider.Keys()


@pytest.fixture
def server(make_server, cloud, keys):
    """A linked appliance whose users' requests wait very long for a decision; two of them at a time."""
    server = make_server(
        cloud_mode="primary",
        cloud_base_url=cloud.url,
        cloud_sites=[SITE],
        cloud_newjob="forward",
        oidc_issuer=provider.ISSUER,
        oidc_audience=provider.AUDIENCE,
        oidc_certificate=keys.certificate,
        threads=8,
    )
    wait_for(lambda: server.appliance.cloud.memory.is_reachable)
    server.appliance.cloud.memory.forward._patience_s = 600.0
    return server


@pytest.fixture
def post(server, keys):
    headers = {"Authorization": f"Bearer {keys.token()}"}

    def post(path, body, **more):
        return requests.post(f"{server.url}/{path}", json=body, headers={**headers, **more}, timeout=60)

    return post


def test_a_slow_cloud_holds_up_no_poll_and_no_stop(server, cloud, post):
    job = {**JOB, "site": SITE}
    with ThreadPoolExecutor(12) as pool:
        sent = [pool.submit(post, "newjob", job) for _ in range(12)]
        wait_for(lambda: sum(one.done() for one in sent) == 10)
        assert post("getnewjobs", {"site": SITE}).json() == []
        stopped = post("newjob", STOP).json()
        assert [one["ulid"] for one in post("getnewjobs", {"site": SITE}).json()] == [stopped["ulid"]]
        assert sum(one.done() for one in sent) == 10
        early = [one.result() for one in sent if one.done()]
        # The stop withdrew what was on its way: the two that waited learn of it.
        late = [one.result() for one in sent]
    assert {answer.status_code for answer in late} == {200}
    for answer in early:
        assert answer.json()["statusId"].startswith("UNREAD#")
        assert answer.headers["X-Prjobs-Note"].startswith(f"Job {answer.json()['ulid']}: on its way to the cloud")
    assert sum(answer.json()["statusId"].startswith("CANCELLED#") for answer in late) == 2
    assert not cloud.released.is_set() and len(cloud.asked) == 4 + 1


def test_a_decision_within_the_patience_is_the_answer(server, cloud, post):
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(post, "newjob", {**JOB, "site": SITE})
        wait_for(lambda: cloud.asked)
        cloud.released.set()
        answer = sent.result()
    assert answer.json()["ulid"] in cloud.model.records
    assert "on its way" not in answer.headers.get("X-Prjobs-Note", "")


@pytest.mark.long
def test_a_lost_answer_is_found_while_the_user_waits(server, cloud, post):
    cloud.released.set()
    cloud.add()
    wait_for(lambda: server.appliance.cloud.memory.counts["new"])
    cloud.plan = []
    original = cloud.model.call
    cloud.model.call = lambda name, body: (original(name, body), cloud.model.answer(b"", 504))[name == "newjob"]
    answer = post("newjob", {**JOB, "site": SITE})
    (copy,) = [ulid for ulid, one in cloud.model.records.items() if "prjobs_ulid" in one["optional_params"]]
    assert answer.status_code == 200 and answer.json()["statusId"].startswith("UNREAD#")
    assert f"Job {answer.json()['ulid']}: runs as {copy}" in answer.headers["X-Prjobs-Note"]


def test_a_refusal_within_the_patience_is_the_answer(server, cloud, post):
    cloud.released.set()
    original = cloud.model.call
    cloud.model.call = lambda name, body: (
        cloud.model.answer(b"Not now.", 401) if name == "newjob" else original(name, body)
    )
    answer = post("newjob", {**JOB, "site": SITE})
    assert (answer.status_code, answer.text) == (401, "The cloud refused the job: Not now.")


@pytest.mark.slow
def test_a_job_that_no_thread_took_in_time_runs_at_the_site(server, cloud, post):
    forward = server.appliance.cloud.memory.forward
    forward._patience_s = 0.1
    answers = [post("newjob", {**JOB, "site": SITE}) for _ in range(6)]
    notes = [answer.headers["X-Prjobs-Note"] for answer in answers]
    assert [("the job was not sent there" in note) for note in notes] == [False] * 4 + [True] * 2
    assert [one["ulid"] for one in post("getnewjobs", {"site": SITE}).json()] == [
        answer.json()["ulid"] for answer in answers[4:]
    ]


def test_a_stop_of_the_appliance_ends_the_wait(server, cloud, post):
    with ThreadPoolExecutor(2) as pool:
        sent = [pool.submit(post, "newjob", {**JOB, "site": SITE}) for _ in range(2)]
        wait_for(lambda: len(cloud.asked) == 2)
        server.stop()
        assert {one.result().status_code for one in sent} == {200}
    assert not cloud.released.is_set()


def test_every_way_to_stop_a_site_sends_the_cloud_a_copy(server, cloud, post):
    cloud.released.set()
    first = post("newjob", STOP).json()["ulid"]
    made = post("api/make_safe", {"site": SITE}).json()["steps"][0]["ulid"]
    again = post(f"api/jobs/{first}/again", {}).json()["ulid"]
    wait_for(lambda: len(cloud.asked) == 3)
    assert [one["optional_params"]["prjobs_ulid"] for one in cloud.asked] == [first, made, again]
    assert {(one["action"], one["user_id"]) for one in cloud.asked} == {("cancel_all_commands", "auth0|alice")}


def test_an_answer_that_comes_after_the_stop_is_a_warning_and_no_defect(server, cloud, post, caplog):
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(post, "newjob", {**JOB, "site": SITE})
        wait_for(lambda: cloud.asked)
        server.stop()
        row = sent.result().json()
    wait_for(lambda: not (server.folder.path / "server.json").exists())
    cloud.released.set()
    wait_for(lambda: "could not be stored" in caplog.text)
    assert "Traceback" not in caplog.text
    marked = [one for one in cloud.model.records.values() if one["optional_params"].get("prjobs_ulid") == row["ulid"]]
    assert len(marked) == 1
