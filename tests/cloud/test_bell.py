"""The alternate queue as a bell: new jobs are seen sooner, and nothing depends on it."""

import pytest

from prjobs.base.settings import Settings
from prjobs.jobs import handouts
from tests.cloud.model import SITE, World
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import take
from tests.cloud.watching import Watch


def quiet(**settings):
    world = World(0, PLAIN, **settings)
    world.faultiness, world.observing = 0.0, False
    return world


def seconds_until_seen(world):
    for _ in range(40):
        world.step(250)
    ulid = world.cloud.newjob(delay_ms=0)
    for count in range(40):
        world.step(250)
        if take(world) == [ulid]:
            return (count + 1) / 4
    raise AssertionError("it was not seen")


@pytest.mark.parametrize(("bell", "least", "most"), [("off", 0, 5.5), ("alternate", 0, 2.5)])
def test_it_is_seen_sooner(bell, least, most):
    world = quiet(cloud_bell=bell)
    waits = [seconds_until_seen(world) for _ in range(5)]
    assert least <= max(waits) <= most and world.appliance.cloud.memory.counts["new"] == 5
    if bell == "off":
        assert max(waits) > 2.5
    world.close()


def test_the_primary_queue_there_stays_and_the_alternate_queue_here_gets_its_jobs():
    world = quiet(cloud_bell="alternate")
    world.step(1000)
    ulid = world.cloud.newjob(delay_ms=0)
    for _ in range(4):
        world.step(1000)
    assert world.cloud.status_of(ulid) == "UNREAD"
    assert world.cloud.records[ulid]["replicaStatusId"] == f"RECEIVED#{ulid}"
    alternate = handouts.PollRequest(SITE, True, 0.0, None, None, None, None)
    assert [row.ulid for row in handouts.take_jobs(world.appliance.queue, alternate, "p:1", None)] == [ulid]
    world.close()


def test_a_bell_that_fails_changes_nothing():
    world = quiet(cloud_bell="alternate")
    original, rung = world.network.call, []

    def call(name, body, token=None):
        if name == "getnewjobs":
            rung.append(world.clock.elapsed_s())
            return world.cloud.answer(b"", 502)
        return original(name, body, token)

    world.network.call = call
    assert seconds_until_seen(world) <= 5.5
    world.pass_time(140)
    # It is left alone for a minute, and the link does not count as down.
    assert len(rung) == 3 and world.appliance.cloud.memory.down_since_ms is None
    world.close()


@pytest.mark.parametrize("mode", ["standby", "shadow"])
def test_only_a_primary_rings(mode):
    world = quiet(cloud_bell="alternate", mode=mode)
    world.step(1000)
    ulid = world.cloud.newjob(delay_ms=0)
    for _ in range(4):
        world.step(1000)
    assert world.cloud.records[ulid]["replicaStatusId"] == f"UNREAD#{ulid}"
    world.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 10))])
def test_nothing_is_lost_doubled_or_wrong_with_it(seed):
    world = World(seed, cloud_bell="alternate")
    watch = Watch(world)
    try:
        report = world.live(800).report()
        watch.check()
        watch.check_accounted()
    finally:
        world.close()
    assert (report["lost"], report["twice"], report["wrong"], report["unsent"]) == (0, 0, 0, 0), report


def test_it_is_off_unless_asked_for():
    assert Settings().cloud_bell == "off"
