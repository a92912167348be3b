"""The metrics of a hub, and where a process says which part it has."""

import pytest
import requests

from prjobs.web.metrics_of_hub import HUB_METRICS, ROLES
from tests.hub.processes import Hub
from tests.scraping import scrape, value, values


@pytest.mark.slow
def test_members_waits_and_the_part_of_each_process(tmp_path, postgres_url):
    hub = Hub(tmp_path, postgres_url)
    try:
        first, second = hub.add(), hub.add()
        for _ in range(5):
            first.post("getnewjobs", {"site": "saf"})
        before = scrape(first.url)
        token = hub.token(first)
        for _ in range(5):
            first.new_job(token)
        found = scrape(first.url)
        said = requests.get(f"{first.url}/healthz", timeout=30).json()["hub"]
        waiting = requests.get(f"{second.url}/healthz", timeout=30).json()["hub"]
    finally:
        hub.end()
    assert said["role"] == "active" and len(said["member"]) == 16
    assert waiting == {"role": "standby", "member": ""}
    counted = {role: value(found, "prjobs_hub_members", role=role) for role in ROLES}
    assert counted == {"active": 1, "ready": 1, "silent": 0}
    offsets = found["prjobs_hub_clock_offset_seconds"].samples
    assert {one.labels["member"] for one in offsets} == {first.url, second.url}
    assert all(abs(one.value) < 5 for one in offsets)
    (info,) = [dict(labels) for name, labels in values(found) if name == "prjobs_hub_info"]
    assert info["member"] == said["member"] and info["postgresql"][0].isdigit()
    waits = [value(one, "prjobs_hub_door_wait_seconds_count") for one in (before, found)]
    commits = [value(one, "prjobs_commit_seconds_count") for one in (before, found)]
    # Every commit had the row first.
    assert waits[1] - waits[0] >= commits[1] - commits[0] >= 5
    assert value(found, "prjobs_hub_door_wait_seconds_bucket", le="+Inf") == waits[1]
    # The database of the tests has no standby, and the store is no file.
    assert not [name for name, _ in values(found) if name.startswith(("prjobs_hub_standby", "prjobs_store_"))]
    for one in HUB_METRICS:
        series = [dict(labels) for name, labels in values(found) if name.startswith(one.name)]
        assert all(labels.keys() - {"le"} == set(one.labels) for labels in series)
