"""Stop and make safe: an act of the server with steps, which neither a closed browser nor a killed process ends."""

from collections.abc import Callable

import pytest
import requests

from prjobs.access.audit import Actor
from prjobs.access.identity import Identity
from prjobs.appliance import Appliance
from prjobs.jobs import making_safe, withdrawals
from prjobs.monitor import makings
from prjobs.monitor.makings import MakingView
from prjobs.store.models import JobRow
from tests.clocks import ManualClock
from tests.verbs import USER, make_token, take
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


@pytest.mark.slow
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


# ---- stops of others in between


def begin_here(appliance: Appliance, station: str = "wema") -> None:
    making_safe.begin(appliance.queue, "saf", station, Identity("auth0|ann", "Ann"), USER)


def look(appliance: Appliance, clock: ManualClock, seconds: int) -> MakingView:
    """Let the seconds pass, with a look every second."""
    for _ in range(seconds):
        clock.advance(1)
        making_safe.advance_once(appliance.queue)
    return makings.list_makings(appliance.queue)[0]


def test_the_park_waits_for_every_stop_and_the_close_for_the_park(
    appliance: Appliance, clock: ManualClock, submit: Callable[..., JobRow]
) -> None:
    begin_here(appliance)
    take(appliance)
    look(appliance, clock, 3)
    submit(device="all", action="cancel_all_commands")
    assert [step.state for step in look(appliance, clock, 4).steps] == ["picked_up", "next", "next"]
    take(appliance)
    assert [step.state for step in look(appliance, clock, 4).steps] == ["picked_up", "next", "next"]
    assert [step.state for step in look(appliance, clock, 1).steps] == ["picked_up", "sent", "next"]
    assert [row.action for row in take(appliance)] == ["park"]
    assert [step.state for step in look(appliance, clock, 6).steps] == ["picked_up", "picked_up", "sent"]
    take(appliance, site="wema")
    act = look(appliance, clock, 6)
    assert act.ended_ms is not None and not act.replaced


def test_a_stop_that_is_held_again_and_again_does_not_keep_the_roof_open(
    appliance: Appliance, clock: ManualClock, submit: Callable[..., JobRow]
) -> None:
    begin_here(appliance)
    for _ in range(16):
        submit(device="all", action="stop", user_name="Kim")
        act = look(appliance, clock, 4)
    assert [(step.state, step.gave_way_to) for step in act.steps] == [("sent", "Kim"), ("late", ""), ("sent", "")]
    assert [row.action for row in take(appliance)] == ["stop"]
    clock.advance(4)
    assert [row.action for row in take(appliance)] == ["park"]


def test_a_park_of_the_act_before_that_still_waits_is_not_doubled(appliance: Appliance, clock: ManualClock) -> None:
    begin_here(appliance)
    take(appliance)
    first = look(appliance, clock, 6)
    begin_here(appliance)
    take(appliance)
    second = look(appliance, clock, 6)
    assert second.id > first.id and second.steps[1] == first.steps[1] and first.steps[1].ulid
    assert [row.action for row in take(appliance)] == ["park"]


def test_a_park_that_somebody_withdraws_is_not_sent_again(appliance: Appliance, clock: ManualClock) -> None:
    begin_here(appliance, station="")
    take(appliance)
    act = look(appliance, clock, 6)
    withdrawals.cancel_job(appliance.queue, act.steps[1].ulid, USER)
    act = look(appliance, clock, 30)
    assert [step.state for step in act.steps] == ["picked_up", "gone"] and act.ended_ms is not None


def test_an_act_of_a_user_who_does_not_reach_the_station_still_closes_for_the_first_user(
    appliance: Appliance, clock: ManualClock
) -> None:
    bob = Identity("auth0|bob", "Bob", sites=("saf",))
    begin_here(appliance)
    for _ in range(2):
        take(appliance)
        look(appliance, clock, 3)
        making_safe.begin(appliance.queue, "saf", "wema", bob, Actor("auth0|bob", "tests"))
    act = look(appliance, clock, 1)
    assert [(step.word, step.state) for step in act.steps] == [("STOP", "sent"), ("PARK", "next"), ("CLOSE", "next")]
    assert act.left_out == ""
    look(appliance, clock, 45)
    (close,) = take(appliance, site="wema")
    assert (close.action, close.user_id, close.user_name) == ("close", USER.who, "Ann")
    (stop,) = take(appliance)
    assert (stop.command_class, stop.user_id) == ("stop", "auth0|bob")


def test_the_answer_names_the_station_that_is_left_out(make_server):
    server = make_server(stations=["wema=saf"])
    bob = make_token(server.appliance, "auth0|bob", sites=("saf",))
    begun = begin(server.url, bob).json()
    assert (states(begun), begun["left_out"]) == ([("STOP", "sent"), ("PARK", "next")], "wema")
    assert acts(server.url, bob)[0]["left_out"] == "wema"
    assert begin(server.url, make_token(server.appliance, "auth0|ann")).json()["left_out"] == ""
    begun = begin(server.url, bob).json()
    assert [step["site"] for step in begun["steps"]] == ["saf", "saf", "wema"] and begun["left_out"] == ""


@pytest.mark.parametrize("role", ["viewer", "observatory"])
def test_who_may_not_stop_may_not_make_safe(server, role):
    refused = begin(server.url, make_token(server.appliance, "auth0|bob", role))
    assert refused.status_code == 403 and refused.json()["code"] == "forbidden"
    assert requests.post(f"{server.url}/api/make_safe", json={"site": "saf"}, timeout=60).status_code == 401


def test_a_damaged_act_keeps_no_stop_back(appliance: Appliance, caplog: pytest.LogCaptureFixture) -> None:
    begin_here(appliance)
    appliance.queue.database.write(lambda transaction: transaction.execute("UPDATE make_safe SET act = '{\"who\": 1'"))
    assert makings.list_makings(appliance.queue) == []
    making_safe.advance_once(appliance.queue)
    making_safe.advance_once(appliance.queue)
    assert len([one for one in caplog.messages if "is damaged in the store" in one]) == 1
    begin_here(appliance)
    appliance.queue.database.write(
        lambda transaction: transaction.execute("UPDATE make_safe SET act = 'x' WHERE ended_ms IS NULL")
    )
    begin_here(appliance)
    (making,) = makings.list_makings(appliance.queue)
    assert [step.state for step in making.steps] == ["sent", "next", "next"]


def test_acts_above_the_pace_end_only_one_another(appliance: Appliance) -> None:
    """An act within the pace, and any act at a site for which a program polls, still parks and closes."""
    ann = Identity("auth0|ann", "Ann")
    who = Actor(ann.user_id, "tests")
    take(appliance, site="polled")
    for site, is_repeat in [("first", False), ("polled", True)]:
        making_safe.begin(appliance.queue, site, "", ann, who, is_repeat=is_repeat)
    for number in range(2 * making_safe.MOST_ACTS):
        making_safe.begin(appliance.queue, f"nobody{number}", "", ann, who, is_repeat=True)
    going_on = [
        site
        for (site,) in appliance.queue.database.fetch("SELECT site FROM make_safe WHERE ended_ms IS NULL ORDER BY id")
    ]
    assert going_on[:2] == ["first", "polled"]
    assert len(going_on) <= making_safe.MOST_ACTS + 3
