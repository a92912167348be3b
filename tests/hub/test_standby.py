"""Step A of a hub: one process is active, others are ready to take over."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from prjobs.web.contract import paths_of
from tests.hub.processes import Hub, health_of, is_active
from tests.program import JOB
from tests.waiting import wait_for


@pytest.fixture
def hub(tmp_path: Path, postgres_url: str) -> Iterator[Hub]:
    made = Hub(tmp_path, postgres_url)
    yield made
    made.end()


def test_a_second_process_waits_and_names_the_active_one(hub):
    first = hub.add()
    second = hub.add()
    assert is_active(first)
    assert first.first_lines[0].startswith("prjobs ")
    assert f"{first.url} is active" in second.first_lines[0]
    health = requests.get(f"{second.url}/healthz", timeout=30)
    assert health.status_code == 503
    assert health.headers["Content-Type"] == "application/json"
    said = health.json()
    assert (said["ok"], said["code"], said["active"]) == (False, "standby", first.url)
    assert first.url in said["error"]
    for path in paths_of("getnewjobs"):
        polled = requests.post(f"{second.url}{path}", data='{"site": "saf"}', timeout=30)
        assert (polled.status_code, polled.json()) == (503, [])
    refused = second.post("newjob", JOB, "no token")
    assert refused.status_code == 503
    assert first.url in refused.text
    assert int(refused.headers["Retry-After"]) > 0
    listed = requests.get(f"{second.url}/api/now", timeout=30)
    assert (listed.status_code, listed.json()["code"]) == (503, "standby")
    assert requests.head(f"{second.url}/healthz", timeout=30).content == b""


@pytest.mark.long
def test_another_process_takes_over_from_a_killed_one(hub):
    first, second, third = hub.add(), hub.add(), hub.add()
    token = hub.token(first)
    sent = [first.new_job(token)["ulid"] for _ in range(5)]
    taken = first.fetch(5)
    waiting = [first.new_job(token)["ulid"] for _ in range(5)]
    first.kill()
    active = hub.active([second, third])
    other = third if active is second else second
    assert taken == sent
    assert active.fetch(5) == waiting
    wait_for(lambda: active.url in health_of(other)["error"])
    # The hand-out that a later poll proved is confirmed, and stays so.
    newest = active.new_job(token)["ulid"]
    assert newest > max(waiting)
    assert active.fetch(1) == [newest]


def test_a_clean_stop_lets_another_process_take_over_at_once(hub):
    first, second = hub.add(), hub.add()
    token = hub.token(first)
    sent = first.new_job(token)["ulid"]
    port = second.url
    assert first.stop()[0] == 0
    # Without a clean end the other process would wait for ten seconds from the last sign of life.
    wait_for(lambda: is_active(second))
    assert second.url == port
    assert second.fetch() == [sent]
    assert second.stop()[0] == 0
