"""A stop at the site covers what was asked for in the cloud before it, also what is seen only afterwards."""

import msgspec
import pytest

from prjobs.access.audit import Actor
from prjobs.cloud import tables
from prjobs.cloud.wire import MARKER
from prjobs.jobs import handouts, lookup, submission
from prjobs.jobs.requests import Command, PollRequest
from tests.cloud.model import SITE
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import take, told, verdict

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


@pytest.mark.parametrize("skew_ms", [(-300_000, 0), (3_600_000, 0), (0, -300_000)])
def test_a_clock_that_is_corrected_and_a_restart_hide_no_stop(skew_ms):
    world = told(PLAIN)
    world.clock.skew_ms, corrected_ms = skew_ms
    world.pass_time()
    world.outage_until_ms = world.clock.true_ms + 100_000
    before = world.cloud.newjob(delay_ms=0)
    passing(world, 60)
    stop(world)
    passing(world, 10)
    world.stop()
    world.clock.skew_ms = corrected_ms
    after = world.cloud.newjob(delay_ms=0)
    passing(world, 200)
    assert (world.received[before], world.received[after]) == (0, 1)
    world.close()


# ---- jobs that are not compared with a stop on arrival


def quiet(**settings):
    """A world whose observatory does only what a test tells it."""
    world = told(PLAIN, redeliver_stop=False, **settings)
    world.observing = False
    world.pass_time()
    return world


@pytest.mark.parametrize("is_cloud_stop", [False, True])
def test_a_marker_of_an_unknown_job_does_not_exempt_from_a_stop(is_cloud_stop):
    world = quiet()
    marker = {"optional_params": {MARKER: "01HF7YAT00ABCDEFGHJKMNPQRS"}}
    before = world.cloud.newjob("goto", delay_ms=25_000, **marker)
    passing(world, 10)
    stopped = world.cloud.newjob("stop", delay_ms=0) if is_cloud_stop else stop(world).ulid
    passing(world, 10)
    after = world.cloud.newjob("goto", delay_ms=0, **marker)
    passing(world, 60)
    assert take(world) == [stopped] and take(world) == [after]
    assert status_of(world, before) == "CANCELLED"
    world.close()


def alternate_of(world, ulid):
    return lookup.find_job(world.appliance.queue.database, ulid).alternate_status


def test_a_job_that_waits_in_the_alternate_queue_alone_is_withdrawn_there():
    world = quiet()
    world.outage_until_ms = world.clock.true_ms + 60_000
    before = world.cloud.newjob("goto", delay_ms=0)
    world.cloud.settle()
    world.cloud.records[before]["statusId"] = f"RECEIVED#{before}"
    world.cloud.texts[before] = msgspec.json.encode(world.cloud.records[before])
    passing(world, 10)
    stopped = stop(world)
    passing(world, 100)
    poll = PollRequest(SITE, True, 0.0, None, None, None, None)
    assert [row.ulid for row in handouts.take_jobs(world.appliance.queue, poll, world.peer, None)] == [stopped.ulid]
    assert (status_of(world, before), alternate_of(world, before)) == ("RECEIVED", "CANCELLED")
    world.close()


@pytest.mark.parametrize("word", ["CANCELLED", "FORWARDED"])
def test_a_job_withdrawn_in_the_cloud_waits_in_no_queue(word):
    world = quiet()
    ulid = world.cloud.newjob("goto", delay_ms=0, statusId="")
    world.cloud.settle()
    world.cloud.records[ulid]["statusId"] = f"{word}#{ulid}"
    world.cloud.texts[ulid] = msgspec.json.encode(world.cloud.records[ulid])
    passing(world, 20)
    assert (status_of(world, ulid), alternate_of(world, ulid)) == (word, word)
    world.close()


def as_primary(world):
    world.stop()
    world.settings = msgspec.structs.replace(world.settings, cloud_mode="primary")
    passing(world, 60)


def test_a_job_from_before_a_stop_that_a_standby_held_does_not_run_when_it_turns_primary():
    world = quiet(mode="standby")
    world.outage_until_ms = world.clock.true_ms + 60_000
    before = world.cloud.newjob("goto", delay_ms=0)
    passing(world, 20)
    stopped = stop(world)
    passing(world, 120)
    after = world.cloud.newjob("goto", delay_ms=0)
    passing(world, 20)
    assert (status_of(world, before), status_of(world, after)) == ("HELD", "HELD")
    as_primary(world)
    assert take(world) == [stopped.ulid] and take(world) == [after]
    assert status_of(world, before) == "CANCELLED" and world.cloud.status_of(before) == "CANCELLED"
    world.close()


# ---- closing and parking, deleted by a cancel_all of the cloud


def test_a_standby_keeps_a_close_and_a_park_and_hands_them_out_as_primary():
    world = quiet(mode="standby")
    safe = [world.cloud.newjob("close", delay_ms=0, deviceType="enclosure")]
    passing(world, 10)
    safe.append(world.cloud.newjob("park", delay_ms=0, deviceType="mount"))
    other = world.cloud.newjob("goto", delay_ms=0, deviceType="mount")
    passing(world, 10)
    stopped = world.cloud.newjob("cancel_all_commands", delay_ms=0)
    passing(world, 60)
    assert [status_of(world, ulid) for ulid in (*safe, other)] == ["HELD", "HELD", "CANCELLED"]
    as_primary(world)
    assert take(world) == [stopped] and sorted(take(world)) == sorted(safe)
    passing(world, 20)
    assert world.cloud.ghosts == 0
    world.close()


def test_a_close_that_waits_here_and_is_deleted_in_the_cloud_makes_no_ghost_there():
    world = quiet()
    close = world.cloud.newjob("close", delay_ms=0, deviceType="enclosure")
    passing(world, 10)
    stopped = world.cloud.newjob("cancel_all_commands", delay_ms=0)
    passing(world, 60)
    assert take(world) == [stopped] and take(world) == [close]
    passing(world, 20)
    assert world.cloud.ghosts == 0 and close not in world.cloud.records
    world.close()


def test_the_time_of_a_stop_noted_in_an_outage_is_corrected_by_the_first_answer(monkeypatch):
    """The elapsed time misses the ten minutes in which the machine slept."""
    world = ready()
    slept_s = []
    monkeypatch.setattr(world.clock, "elapsed_s", lambda: world.clock.true_ms / 1000 - sum(slept_s))
    world.outage_until_ms = world.clock.true_ms + 700_000
    world.clock.true_ms += 600_000
    slept_s.append(600)
    stopped = stop(world)
    stopped_ms = world.clock.true_ms
    passing(world, 10)
    database = world.appliance.queue.database
    seq, noted_ms = tables.noted_stop(database, SITE)
    assert seq == stopped.seq and stopped_ms - noted_ms > 500_000
    passing(world, 300)
    seq, noted_ms = tables.noted_stop(database, SITE)
    assert seq == stopped.seq and abs(stopped_ms - noted_ms) < 5_000
    world.close()
