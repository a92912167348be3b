"""Reading in lanes: nobody waits for a long look back, for a slow cloud or for another site."""

from itertools import pairwise

import msgspec
import pytest

from prjobs.cloud import status
from prjobs.cloud.network import AMBIGUOUS, UNSENT, Failure, TooLong
from prjobs.cloud.transport import TOO_LONG
from tests.cloud.model import DAY_MS, SITE, World
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import report, take, take_all, told, verdict

# As in the product: half a minute between the pages of a long walk.
PAUSED = msgspec.structs.replace(PLAIN, walk_pause_s=30.0)


def problems(world):
    return [notice for notice in world.appliance.queue.notices.all() if notice.is_problem]


def quiet_world(timings=PAUSED):
    world = told(timings)
    world.observing = False
    return world


def after_an_outage(world, jobs=600):
    """Three days without a link, in which more jobs came than a few pages hold."""
    world.step(1000)
    world.outage_until_ms = world.clock.true_ms + 3 * DAY_MS + 1000
    for _ in range(jobs):
        world.cloud.newjob(delay_ms=0)
        world.step(3 * DAY_MS // jobs)
    world.clock.true_ms += 700_000
    world.cloud.settle()


def pages_read(world):
    """Wraps the network: the ranges that were asked for."""
    asked = []
    original = world.network.call

    def call(name, body, token=None):
        if name == "getrecentjobs":
            asked.append(body["timeRange"])
        return original(name, body, token)

    world.network.call = call
    return asked


@pytest.mark.slow
def test_new_jobs_do_not_wait_for_the_walk_after_an_outage():
    world = quiet_world()
    after_an_outage(world)
    for _ in range(4):
        world.step(1000)
    assert world.link.sites[0].reading._main.walk is not None
    fresh = world.cloud.newjob(delay_ms=0)
    for _ in range(7):
        world.step(1000)
    assert world.link.sites[0].reading._main.walk is not None
    assert fresh in take(world)
    world.observing = True
    world.calm(900)
    assert verdict(world) is None


def test_between_the_pages_the_last_ten_minutes_are_read_every_few_seconds():
    world = quiet_world()
    after_an_outage(world)
    asked = pages_read(world)
    for _ in range(62):
        world.step(1000)
    short = [range_ms for range_ms in asked if range_ms < 700_000]
    # The walk: a page at the start and one every half minute.
    assert len(asked) - len(short) == 3 and 11 <= len(short) <= 14
    world.close()


@pytest.mark.slow
def test_no_status_is_pushed_before_everything_was_seen():
    """A cancel_all in the gap may have deleted the job, and a status would make a ghost of it."""
    world = quiet_world()
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert take(world) == [ulid]
    after_an_outage(world)
    report(world, ulid, "COMPLETE")
    for _ in range(8):
        world.step(1000)
    assert world.cloud.status_of(ulid) == "RECEIVED"
    world.observing = True
    world.calm(900)
    assert world.cloud.status_of(ulid) == "COMPLETE"
    world.close()


@pytest.mark.slow
def test_the_daily_look_back_delays_neither_new_jobs_nor_statuses():
    world = quiet_world(msgspec.structs.replace(PAUSED, deep_first_s=4000.0))
    for _ in range(500):
        world.cloud.newjob(delay_ms=0)
        world.step(7000)
    take_all(world)
    while world.link.sites[0].reading._deep.walk is None:
        world.step(1000)
    fresh = world.cloud.newjob(delay_ms=0)
    for _ in range(6):
        world.step(1000)
    assert take(world) == [fresh]
    for _ in range(5):
        world.step(1000)
    assert world.link.sites[0].reading._deep.walk is not None and world.cloud.status_of(fresh) == "RECEIVED"
    world.close()


@pytest.mark.slow
def test_an_outage_in_the_middle_of_a_page_does_not_hide_what_is_new():
    world = quiet_world()
    for _ in range(400):
        world.cloud.newjob(delay_ms=0)
        world.step(5000)
    world.outage_until_ms = world.clock.true_ms + DAY_MS
    for _ in range(400):
        world.cloud.newjob(delay_ms=0)
        world.step(216_000)
    world.outage_until_ms = 0
    fresh = world.cloud.newjob(delay_ms=0)
    world.pass_time(6)
    assert fresh in take_all(world)
    world.close()


# ---- a list that is too long


def too_long_from(world, range_ms):
    """A hub whose lists of more than so much time are larger than what is taken."""
    original = world.network.call

    def call(name, body, token=None):
        if name == "getrecentjobs" and body["timeRange"] > range_ms:
            raise TooLong(AMBIGUOUS, TOO_LONG)
        return original(name, body, token)

    world.network.call = call


def test_a_list_that_is_too_long_is_said_and_nothing_is_skipped():
    world = quiet_world()
    after_an_outage(world, jobs=50)
    plain = world.network.call
    too_long_from(world, 2 * DAY_MS)
    low_ms = world.appliance.queue.database.fetch("SELECT low_ms FROM cloud_site")[0][0]
    fresh = world.cloud.newjob(delay_ms=0)
    world.pass_time(40)
    problem = world.appliance.queue.notices.sentence("cloud_overflow", SITE)
    assert "larger than 8 MB" in problem and "nothing is skipped" in problem
    assert world.appliance.queue.database.fetch("SELECT low_ms FROM cloud_site") == [(low_ms,)]
    # People are served all the same, and the link does not count as down.
    assert fresh in take(world) and status.describe(world.appliance.cloud).state != "down"
    world.network.call = plain
    world.observing = True
    world.calm(900)
    assert problems(world) == [] and verdict(world) is None


def test_a_look_after_a_cancel_all_that_cannot_be_read_is_said():
    world = quiet_world()
    for _ in range(3):
        world.cloud.newjob(delay_ms=0)
        world.step(3_000_000)
    world.pass_time()
    plain = world.network.call
    too_long_from(world, 2_000_000)
    stop = world.cloud.newjob("cancel_all_commands", delay_ms=0)
    world.pass_time(20)
    assert take(world) == [stop]
    assert "jobs are held" in world.appliance.queue.notices.sentence("cloud_judging", SITE)
    world.network.call = plain
    world.pass_time(400)
    assert problems(world) == [] and take(world) == []
    world.close()


# ---- a slow cloud


def test_statuses_of_a_slow_cloud_delay_a_sweep_by_one_request():
    world = quiet_world()
    ulids = [world.cloud.newjob(delay_ms=0) for _ in range(20)]
    world.pass_time()
    assert len(take(world)) == len(ulids)
    calls = []
    original = world.network.call

    def slow(name, body, token=None):
        calls.append((name, world.clock.elapsed_s()))
        if name == "updatejobstatus":
            world.clock.true_ms += 10_000
        return original(name, body, token)

    world.network.call = slow
    for _ in range(60):
        world.step(500)
    sweeps = [at_s for name, at_s in calls if name == "getrecentjobs"]
    assert max(later - sooner for sooner, later in pairwise(sweeps)) < 20
    assert len(calls) - len(sweeps) >= 20
    world.close()


@pytest.mark.parametrize("kind", [UNSENT, AMBIGUOUS])
def test_a_site_that_always_fails_does_not_keep_the_others_waiting(kind):
    world = World(0, PAUSED, cloud_sites=["bad", SITE])
    world.faultiness, world.observing = 0.0, False
    original = world.network.call

    def call(name, body, token=None):
        if body["site"] == "bad":
            raise Failure(kind, "this site only")
        return original(name, body, token)

    world.network.call = call
    world.step(1000)
    ulid = world.cloud.newjob(delay_ms=0)
    for _ in range(300):
        world.step(1000)
    assert take(world) == [ulid]
    world.close()


def test_only_the_main_lane_raises_the_mark():
    """What the last ten minutes show is not all that came since the mark: a start in between would miss the rest."""
    world = quiet_world()
    for _ in range(305):
        world.cloud.newjob(delay_ms=0)
        world.step(2000)
    world.outage_until_ms = world.clock.true_ms + 480_000
    for _ in range(9):
        world.step(60_000)
    low = world.appliance.queue.database.fetch("SELECT low_ms FROM cloud_site")
    fresh = world.cloud.newjob(delay_ms=0)
    while not world.appliance.queue.database.fetch("SELECT 1 FROM job WHERE ulid = ?", (fresh,)):
        world.step(250)
    assert world.link.sites[0].reading._main.walk is not None
    assert world.appliance.queue.database.fetch("SELECT low_ms FROM cloud_site") == low
    world.close()
