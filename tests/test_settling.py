"""The time after a stop in which nothing but stops leaves: how long it lasts, for whom, and what is late meanwhile."""

import os
import threading
from collections.abc import Callable

import pytest
import requests

from prjobs.appliance import Appliance
from prjobs.jobs import proofs, settling
from prjobs.monitor import alarms
from prjobs.monitor.watching import Watch
from tests.clocks import ManualClock
from tests.program import Program
from tests.verbs import submit, take
from tests.waiting import wait_for

PEER = "127.0.0.1:5000"
SAFE = pytest.mark.parametrize(("device", "action"), [("enclosure", "close"), ("mount", "park")])


@pytest.fixture
def sites(make_appliance: Callable[..., Appliance], clock: ManualClock, patient: None) -> Appliance:
    """An appliance with a site whose program polls: the first answer to a program may be thrown away."""
    appliance = make_appliance(stop_settle_s=20)
    for _ in range(3):
        taken(appliance)
        clock.advance(5)
    return appliance


def taken(appliance: Appliance, **parts: str) -> list[str]:
    """What a poll on the same connection gets: the request proves that the answer before arrived."""
    proofs.heard(appliance.queue, PEER)
    appliance.queue.database.write(lambda transaction: None)
    return [job.action for job in take(appliance, PEER, **parts)]


def stop(appliance: Appliance) -> None:
    submit(appliance, device="all", action="stop")


def test_after_a_stop_nothing_else_leaves_for_a_time(sites: Appliance, clock: ManualClock) -> None:
    stop(sites)
    submit(sites)
    assert taken(sites) == ["stop"]
    clock.advance(19.9)
    assert taken(sites) == []
    clock.advance(0.1)
    assert taken(sites) == ["go"]


@SAFE
def test_stops_that_keep_coming_keep_no_roof_open(
    sites: Appliance, clock: ManualClock, device: str, action: str
) -> None:
    submit(sites, device=device, action=action)
    found = []
    for second in range(0, 60, 5):
        if second % 15 == 0:
            stop(sites)
            submit(sites)
        found += [(second, one) for one in taken(sites)]
        settling.wake_settled(sites.queue)
        clock.advance(5)
    assert found == [(0, "stop"), (15, "stop"), (20, action), (30, "stop"), (45, "stop")]


@SAFE
def test_what_is_sent_while_a_site_settles_waits_for_that_time_alone(
    sites: Appliance, clock: ManualClock, device: str, action: str
) -> None:
    stop(sites)
    take(sites)
    clock.advance(5)
    submit(sites, device=device, action=action)
    for _ in range(2):
        clock.advance(5)
        stop(sites)
        assert taken(sites) == ["stop"]
    clock.advance(4.9)
    assert taken(sites) == []
    clock.advance(0.1)
    assert taken(sites) == [action]


def test_a_restart_keeps_the_time(make_appliance: Callable[..., Appliance], clock: ManualClock, patient: None) -> None:
    appliance = make_appliance(stop_settle_s=20)
    submit(appliance, device="enclosure", action="close")
    stop(appliance)
    take(appliance)
    clock.advance(10)
    appliance = make_appliance(stop_settle_s=20)
    stop(appliance)
    assert taken(appliance) == ["stop"]
    clock.advance(9)
    assert taken(appliance) == []
    clock.advance(1)
    assert taken(appliance) == ["close"]


@SAFE
def test_closing_and_parking_are_late_from_the_end_of_the_time(
    sites: Appliance, clock: ManualClock, device: str, action: str
) -> None:
    watch = Watch(sites.board)

    def look() -> list[str]:
        for _ in range(10):
            clock.advance(0.5)
            watch.once()
            settling.wake_settled(sites.queue)
        return [alarm.key for alarm in alarms.list_alarms(sites.board)]

    stop(sites)
    take(sites)
    job = submit(sites, device=device, action=action)
    key = f"{action}/{job.ulid}"
    for _ in range(6):
        assert key not in look()
    assert key in look()


@pytest.mark.slow
def test_a_held_poll_gets_the_closing_while_stops_extend_the_time(program: Program) -> None:
    program.serve(env={**os.environ, "PRJOBS_STOP_SETTLE_S": "3"})
    token = program.token("auth0|alice")
    found: list[str] = []

    def hold() -> None:
        while "close" not in found:
            answer = requests.post(f"{program.url}/getnewjobs", json={"site": "saf", "wait": 20}, timeout=60)
            found.extend(one["action"] for one in answer.json())

    program.new_job(token, device="enclosure", action="close", required_params={}, optional_params={})
    program.new_job(token, device="all", action="stop", required_params={}, optional_params={})
    thread = threading.Thread(target=hold)
    thread.start()
    wait_for(lambda: "stop" in found)
    program.new_job(token, device="all", action="stop", required_params={}, optional_params={})
    wait_for(lambda: "close" in found)
    thread.join()
    assert found[0] == "stop"
