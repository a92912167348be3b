"""A link that is switched off, a site that leaves it, a primary that becomes the standby: nothing waits in silence."""

import threading

import pytest

from prjobs.base.settings import Settings
from prjobs.cloud import status, switched_off
from prjobs.jobs import handouts, lookup, withdrawals
from prjobs.jobs.requests import Command
from tests.cloud.model import SITE, World
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import forwarder, report, take
from tests.verbs import USER


def again(world, **settings):
    """Stop, and start with other settings."""
    world.stop()
    before = {name: getattr(world.settings, name) for name in Settings.__struct_fields__}
    world.settings = Settings(**{**before, **settings})
    world.clock.true_ms += 1000
    appliance = world.start()
    switched_off.hold_and_give_back(appliance.cloud)
    if world.settings.cloud_mode == "off":
        world.link = None
    return appliance


def forwarded_without_an_answer(world, action="expose"):
    command = Command(SITE, "camera", "c1", action, "u", "U", "[]", "{}", "{}", {})
    row = forwarder(world).submit(command, "a token", USER).row
    assert lookup.find_job(world.appliance.queue.database, row.ulid).status == "FORWARDING"
    return row


AWAY = [{"cloud_mode": "off"}, {"cloud_sites": ["other"]}]


@pytest.mark.parametrize("away", AWAY, ids=["off", "site left"])
def test_a_job_on_its_way_goes_back_to_its_site(world, away):
    world.plan = ["lost request"]
    row = forwarded_without_an_answer(world)
    appliance = again(world, **away)
    assert take(world) == [row.ulid]
    changes = appliance.queue.database.fetch("SELECT note FROM change WHERE status = 'UNREAD'")
    assert changes == [(switched_off.GIVEN_BACK,)]


@pytest.mark.parametrize("away", [*AWAY, {"cloud_mode": "standby"}], ids=["off", "site left", "standby"])
def test_a_waiting_stop_goes_on_waiting(world, away):
    world.cloud.newjob("stop", delay_ms=0)
    stop = world.cloud.newjob("stop", delay_ms=0)
    world.pass_time(20)
    again(world, **away)
    assert take(world) == [stop]


def test_one_that_arrived_all_the_same_is_not_run_when_the_link_is_on_again(world):
    world.plan = ["lost answer"]
    row = forwarded_without_an_answer(world)
    again(world, cloud_mode="off")
    assert take(world) == [row.ulid]
    again(world, cloud_mode="primary")
    world.pass_time(60)
    assert take(world) == []
    (copy,) = world.cloud.records
    assert world.cloud.status_of(copy) == "FORWARDED"


def test_one_that_is_too_old_by_then_expires():
    world = World(0, PLAIN, expire_exposure_s=1800)
    world.faultiness, world.observing = 0.0, False
    world.pass_time()
    world.next_fault = lambda: "lost request"
    row = forwarded_without_an_answer(world)
    world.clock.true_ms += 7_200_000
    appliance = again(world, cloud_mode="off")
    assert take(world) == [] and lookup.find_job(appliance.queue.database, row.ulid).status == "EXPIRED"
    world.close()


def test_a_standby_finds_out_too(world):
    """It went to the cloud before the appliances changed places: the other one runs it."""
    world.plan = ["lost answer", "lost request"]
    arrived, lost = forwarded_without_an_answer(world), forwarded_without_an_answer(world)
    again(world, cloud_mode="standby")
    world.pass_time(200)
    assert lookup.find_job(world.appliance.queue.database, arrived.ulid).status == "FORWARDED"
    assert take(world) == [lost.ulid]


@pytest.mark.parametrize("away", [*AWAY, {"cloud_mode": "standby"}, {"cloud_mode": "shadow"}])
def test_only_a_primary_hands_out_what_waits(world, away):
    waiting, handed = world.cloud.newjob(delay_ms=0), None
    world.pass_time()
    handed, waiting = take(world)[0], world.cloud.newjob(delay_ms=0)
    world.pass_time()
    again(world, **away)
    assert take(world) == []
    alternate = handouts.PollRequest(SITE, True, 0.0, None, None, None, None)
    assert [row.ulid for row in handouts.take_jobs(world.appliance.queue, alternate, "p:1", None)] == []
    assert lookup.find_job(world.appliance.queue.database, waiting).status == "HELD"
    assert world.cloud.status_of(waiting) == "UNREAD"
    # What was reported meanwhile is in the log, and the rest is decided by a complete look.
    report(world, handed, "COMPLETE")
    again(world, cloud_mode="primary", cloud_sites=[SITE])
    world.pass_time(60)
    assert take(world) == [waiting] and world.cloud.status_of(handed) == "COMPLETE"


def test_what_is_held_without_a_link_is_said_until_it_is_decided(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    appliance = again(world, cloud_mode="off")
    sentence = appliance.queue.notices.sentence("cloud_held")
    assert "held: 1." in sentence and ulid in sentence and SITE in sentence
    withdrawals.cancel_job(appliance.queue, ulid, USER)
    stop = threading.Event()
    stop.wait = lambda _seconds: False
    switched_off.watch(appliance.cloud, stop)
    assert "cloud_held" not in appliance.queue.notices


def test_what_was_being_judged_stays_held_and_is_said(world):
    world.cloud.newjob(delay_ms=0)
    world.pass_time()
    world.timings = PLAIN
    stop = world.cloud.newjob("cancel_all_commands", delay_ms=0)
    while not world.appliance.queue.database.fetch("SELECT 1 FROM job WHERE status = 'HELD'"):
        world.step(100)
    appliance = again(world, cloud_mode="off")
    assert take(world) == [stop] and "held: 1." in appliance.queue.notices.sentence("cloud_held")


def test_the_statuses_of_a_site_that_left_are_not_sent_but_said(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    take(world)
    world.outage_until_ms = world.clock.true_ms + 10_000
    world.pass_time(4)
    report(world, ulid, "COMPLETE")
    before = world.cloud.status_of(ulid)
    appliance = again(world, cloud_sites=["other"])
    assert appliance.queue.notices.sentence("cloud_unsent").endswith(
        f"{SITE}: 1. Switch the link on again to send them."
    )
    world.pass_time(60)
    assert world.cloud.status_of(ulid) == before and world.link.pusher.count == 0
    assert status.describe_store(appliance.cloud).unsent == 0
    appliance = again(world, cloud_sites=[SITE])
    assert "cloud_unsent" not in appliance.queue.notices
    world.pass_time(60)
    assert world.cloud.status_of(ulid) == "COMPLETE"


def test_an_appliance_that_was_never_linked_says_nothing(appliance):
    switched_off.hold_and_give_back(appliance.cloud)
    assert appliance.queue.notices.all() == []
    switched_off.watch(appliance.cloud, threading.Event())


def test_a_primary_that_becomes_the_standby_says_which_statuses_the_cloud_lacks(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    world.outage_until_ms = world.clock.true_ms + 600_000
    assert take(world) == [ulid]
    world.pass_time(20)
    appliance = again(world, cloud_mode="standby")
    assert "1. The program that reads that queue now may run these jobs again" in appliance.queue.notices.sentence(
        "cloud_unsent"
    )
    world.outage_until_ms = 0
    world.pass_time(60)
    assert world.cloud.status_of(ulid) == "UNREAD"
    appliance = again(world, cloud_mode="primary")
    assert "cloud_unsent" not in appliance.queue.notices
    world.pass_time(120)
    assert world.cloud.status_of(ulid) == "RECEIVED" and take(world) == []
