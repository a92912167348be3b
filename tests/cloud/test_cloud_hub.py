"""Another appliance as the cloud: a site and its hub as real processes."""

import time

import pytest
import requests

from tests.cloud.campaign import STEPS, Observatory, QuickProgram
from tests.program import Program
from tests.waiting import wait_for

SITE = "saf"


@pytest.fixture
def hub(tmp_path):
    hub = Program(tmp_path / "hub")
    hub.serve()
    yield hub
    hub.kill()


@pytest.fixture
def site(tmp_path, hub):
    site = QuickProgram(tmp_path / "site", hub.url)
    # The hub hands nothing out: the site reads its jobs, and only a token makes the site's reports count.
    token = tmp_path / "token"
    token.write_text(hub.token("saf", "--role", "observatory", "--site", SITE))
    site.flags += ["--cloud-token-file", str(token)]
    site.serve()
    yield site
    site.kill()


def statuses(hub):
    listed = hub.post("getrecentjobs", {"site": SITE, "timeRange": 86_400_000}).json()
    return {job["ulid"]: job["statusId"].rpartition("#")[0] for job in listed}


@pytest.mark.slow
def test_jobs_go_down_and_statuses_come_up(hub, site):
    token = hub.token()
    observatory = Observatory(site)
    observatory.start()
    sent = [hub.new_job(token, site=SITE, optional_params={"n": number})["ulid"] for number in range(30)]
    wait_for(lambda: statuses(hub) == dict.fromkeys(sent, STEPS[-1]))
    observatory.ending.set()
    assert observatory.received == dict.fromkeys(sent, 1)
    job = site.post("getrecentjobs", {"site": SITE, "timeRange": 86_400_000}).json()[0]
    original = hub.post("getrecentjobs", {"site": SITE, "timeRange": 86_400_000}).json()[0]
    assert job == original


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [2, pytest.param(6, marks=pytest.mark.long)])
def test_a_hub_that_is_restarted_and_a_site_that_is_killed(hub, site, rounds):
    token = hub.token()
    observatory = Observatory(site)
    observatory.start()
    port = hub.url.rpartition(":")[2]
    sent = []
    for number in range(rounds):
        sent += [hub.new_job(token, site=SITE)["ulid"] for _ in range(3)]
        if number % 2:
            site.kill()
            site.serve()
        else:
            hub.kill()
            time.sleep(0.3)
            hub.serve("--port", port)
    wait_for(lambda: statuses(hub) == dict.fromkeys(sent, STEPS[-1]))
    observatory.ending.set()
    assert all(count == 1 for count in observatory.received.values())
    assert set(observatory.received) == set(sent)


@pytest.mark.slow
def test_what_is_cancelled_at_the_hub_is_not_run_at_the_site(hub, site):
    token = hub.token()
    jobs = [hub.new_job(token, site=SITE)["ulid"] for _ in range(3)]
    wait_for(lambda: len(_known(site)) == 3)
    stop = hub.new_job(token, site=SITE, action="cancel_all_commands")["ulid"]
    wait_for(lambda: _known(site).get(stop) == "UNREAD" and _known(site)[jobs[0]] == "CANCELLED")
    assert [job["ulid"] for job in site.post("getnewjobs", {"site": SITE}).json()] == [stop]
    time.sleep(2)
    # Nothing proved that the stop arrived, so it may come once more; the jobs before it may not.
    later = [job["ulid"] for _ in range(3) for job in site.post("getnewjobs", {"site": SITE}).json()]
    assert later in ([], [stop])
    notices = [one["code"] for one in _health(site)["notices"]]
    assert "cloud_reader" not in notices
    # The hub handed nothing out: a stop that nobody read raises an alarm, the stop of the linked site none.
    wait_for(lambda: statuses(hub)[stop] == "RECEIVED")
    unread = hub.new_job(token, site="other", action="stop")["ulid"]
    body = {"site": "other", "ulid": unread, "newStatus": "RECEIVED", "secondsUntilComplete": -1}
    assert hub.post("updatejobstatus", body, hub.token("other", "--role", "observatory")).status_code == 200
    keys = wait_for(lambda: [key for key in _alarms(hub) if "-reported/" in key])
    assert keys == [f"stop-reported/{unread}"]


def _known(site):
    return statuses(site)


def _health(site):
    return requests.get(f"{site.url}/healthz", timeout=60).json()


def _alarms(hub):
    return [alarm["key"] for alarm in requests.get(f"{hub.url}/api/now", timeout=60).json()["alarms"]]
