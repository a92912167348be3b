"""A stop at the site covers what was asked for in the cloud before it, also what is seen only afterwards."""

import pytest

from prjobs.access.audit import Actor
from prjobs.jobs import lookup, submission
from prjobs.jobs.requests import Command
from tests.cloud.model import SITE
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import told, verdict

ACTOR = Actor("auth0|staff", "tests")


def stop(world):
    command = Command(SITE, "all", "all", "cancel_all_commands", "u", "U", "[]", "{}", "{}", {})
    return submission.submit_job(world.appliance.queue, command, ACTOR)


def ready():
    world = told(PLAIN)
    world.pass_time()
    return world


def passing(world, seconds):
    for _ in range(seconds // 2):
        world.step(2000)


def status_of(world, ulid):
    return lookup.find_job(world.appliance.queue.database, ulid).status


@pytest.mark.parametrize("restart", [False, True])
def test_a_job_from_before_a_stop_does_not_run_when_the_link_comes_back(restart):
    world = ready()
    world.outage_until_ms = world.clock.true_ms + 120_000
    before = world.cloud.newjob(delay_ms=0)
    passing(world, 10)
    stopped = stop(world)
    passing(world, 10)
    if restart:
        world.stop()
    after = world.cloud.newjob(delay_ms=0)
    passing(world, 200)
    assert (world.received[before], world.received[after], world.received[stopped.ulid]) == (0, 1, 1)
    assert status_of(world, before) == "CANCELLED"
    note = world.appliance.queue.database.fetch(
        "SELECT c.note FROM change c JOIN job j ON j.seq = c.job_seq WHERE j.ulid = ?", (before,)
    )
    assert len(note) == 1 and note[0][0].startswith("withdrawn by the stop of U, ")
    assert world.cloud.status_of(before) == "CANCELLED"
    world.calm(600)
    world.close()


def test_a_job_that_becomes_visible_after_a_stop_does_not_run():
    world = ready()
    before = world.cloud.newjob(delay_ms=25_000)
    passing(world, 6)
    stop(world)
    passing(world, 60)
    assert world.received[before] == 0 and status_of(world, before) == "CANCELLED"
    world.close()


@pytest.mark.parametrize(("action", "runs"), [("expose", False), ("stop", True)])
def test_in_doubt_the_stop_wins_except_over_what_makes_safe(action, runs):
    world = ready()
    stop(world)
    passing(world, 2)
    soon = world.cloud.newjob(action, delay_ms=0)
    passing(world, 60)
    assert world.received[soon] == int(runs)
    world.close()


def test_a_clock_that_went_back_since_the_stop_hides_it_only_after_a_restart():
    world = ready()
    world.outage_until_ms = world.clock.true_ms + 60_000
    before = world.cloud.newjob(delay_ms=0)
    passing(world, 10)
    stop(world)
    world.clock.skew_ms = -3_600_000
    passing(world, 120)
    assert world.received[before] == 0 and status_of(world, before) == "CANCELLED"
    world.close()


def test_a_clock_that_was_ahead_stops_nothing_for_ever():
    world = ready()
    world.clock.skew_ms = 86_400_000
    stop(world)
    world.stop()
    world.clock.skew_ms = 0
    passing(world, 20)
    after = world.cloud.newjob(delay_ms=0)
    passing(world, 60)
    assert world.received[after] == 1
    world.calm(600)
    assert verdict(world) is None
