"""Stop and make safe: an act of the server with steps, which neither a closed browser nor a killed process ends."""

import pytest
import requests

from tests.verbs import make_token
from tests.waiting import wait_for


def acts(url, token):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{url}/api/now", headers=headers, timeout=60).json()["make_safe"]


def begin(url, token, site="saf"):
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{url}/api/make_safe", json={"site": site}, headers=headers, timeout=60)


def states(making):
    return [(step["word"], step["state"]) for step in making["steps"]]


def fetch(url, site):
    return requests.post(f"{url}/getnewjobs", json={"site": site}, timeout=60).json()


def test_a_kill_in_the_middle_ends_nothing(program):
    program.serve()
    token = program.token("auth0|ann", "--name", "Ann")
    begun = begin(program.url, token).json()
    assert (begun["user_id"], begun["site"]) == ("auth0|ann", "saf")
    assert states(begun) == [("STOP", "sent"), ("PARK", "next")]
    assert program.fetch() == [begun["steps"][0]["ulid"]]
    program.kill()
    program.serve()
    assert acts(program.url, token)[0]["id"] == begun["id"]
    taken = []

    def parked():
        taken.extend(job["action"] for job in fetch(program.url, "saf"))
        return "park" in taken

    wait_for(parked)
    wait_for(lambda: acts(program.url, token)[0]["ended_ms"])
    assert states(acts(program.url, token)[0]) == [("STOP", "picked_up"), ("PARK", "picked_up")]


def test_a_second_act_replaces_the_first_and_is_in_the_audit(make_server):
    server = make_server(stations=["wema=saf"])
    token = make_token(server.appliance, "auth0|ann")
    first, second = begin(server.url, token).json(), begin(server.url, token).json()
    assert [step["site"] for step in second["steps"]] == ["saf", "saf", "wema"]
    found = {one["id"]: one for one in acts(server.url, token)}
    assert found[first["id"]]["replaced"] and found[first["id"]]["ended_ms"]
    assert not found[second["id"]]["replaced"] and found[second["id"]]["ended_ms"] is None
    rows = server.appliance.queue.database.fetch("SELECT who, target FROM audit WHERE what = 'make safe'")
    assert rows == [("auth0|ann", "saf")] * 2


@pytest.mark.parametrize("role", ["viewer", "observatory"])
def test_who_may_not_stop_may_not_make_safe(server, role):
    refused = begin(server.url, make_token(server.appliance, "auth0|bob", role))
    assert refused.status_code == 403 and refused.json()["code"] == "forbidden"
    assert requests.post(f"{server.url}/api/make_safe", json={"site": "saf"}, timeout=60).status_code == 401
