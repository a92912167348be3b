"""What the link says of itself: never better than it is."""

import logging
import re

import pytest

from prjobs.base.errors import Conflict
from prjobs.cloud import status
from prjobs.jobs import lookup, reports
from prjobs.jobs.requests import StatusUpdate
from tests.cloud.model import World
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import take


def test_a_status_that_is_refused_is_said_at_once(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.step(6000)
    refusing, original = [True], world.network.call

    def call(name, body, token=None):
        if name == "updatejobstatus" and refusing:
            return world.cloud.answer(b"no", 400)
        return original(name, body, token)

    world.network.call = call
    assert take(world) == [ulid]
    world.step(2000)
    found = status.describe(world.appliance.cloud)
    assert (
        found.state == "behind"
        and found.sentence.startswith("1 status is refused by the cloud")
        and "400" in found.sentence
    )
    status.note(world.appliance.cloud)
    assert "refused" in world.appliance.queue.notices.sentence("cloud_refused")
    refusing.clear()
    world.pass_time(120)
    assert (
        status.state_of(world.appliance.cloud)[0] == "in step" and "cloud_refused" not in world.appliance.queue.notices
    )


def test_a_link_that_is_dead_is_not_in_step(world):
    assert status.state_of(world.appliance.cloud)[0] == "in step"
    world.outage_until_ms = world.clock.true_ms + 40_000
    world.step(6000)
    state, sentence = status.state_of(world.appliance.cloud)
    assert state == "behind" and sentence.startswith("The cloud has given no usable answer since")
    world.clock.true_ms += 61_000
    assert status.state_of(world.appliance.cloud)[0] == "down"


def test_the_log_says_when_it_answers_again(world, caplog):
    caplog.set_level(logging.INFO, "prjobs.cloud.connection")
    world.outage_until_ms = world.clock.true_ms + 40_000
    world.pass_time(120)
    said = [record.getMessage() for record in caplog.records if "answers again" in record.getMessage()]
    assert len(said) == 1 and re.fullmatch(r"cloud: answers again after \d\d s", said[0])


@pytest.mark.parametrize(("status_code", "words"), [(404, "cloud_base_url"), (403, "cloud_base_url and cloud_token")])
def test_an_address_that_is_none_of_the_cloud(world, status_code, words):
    world.network.call = lambda *_: world.cloud.answer(b'{"message": "Missing Authentication Token"}', status_code)
    world.pass_time()
    assert words in status.state_of(world.appliance.cloud)[1]


@pytest.mark.parametrize("mode", ["shadow", "standby"])
def test_who_only_looks_has_nothing_on_the_way(mode):
    world = World(0, PLAIN, mode=mode)
    world.faultiness, world.observing = 0.0, False
    world.step(1000)
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    world.cloud.call(
        "updatejobstatus", {"site": "saf", "ulid": ulid, "newStatus": "STARTED", "secondsUntilComplete": 1}
    )
    world.pass_time()
    assert status.describe(world.appliance.cloud).unsent == 0
    assert status.describe_store(world.appliance.cloud).unsent == 0
    world.close()


def test_a_hub_takes_the_word_for_a_job_that_runs_under_another_id(world, appliance, submit):
    job = submit()
    reports.update_status(appliance.queue, StatusUpdate("saf", job.ulid, "FORWARDED", -1, False), "site")
    assert lookup.find_job(appliance.queue.database, job.ulid).status == "FORWARDED"
    with pytest.raises(Conflict):
        reports.update_status(appliance.queue, StatusUpdate("saf", job.ulid, "HELD", -1, False), "site")


@pytest.mark.parametrize(("offset_s", "words"), [(3, "3 s ahead of"), (-90.4, "90 s behind"), (-7201, "2.0 h behind")])
def test_whose_clock_is_ahead(offset_s, words):
    assert status.clock_words(offset_s) == words


def test_while_it_is_down_what_waits_is_counted(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    world.outage_until_ms = world.clock.true_ms + 600_000
    assert take(world) == [ulid]
    world.pass_time(90)
    assert status.state_of(world.appliance.cloud)[1].endswith("The site goes on without the cloud. 1 status waits.")


def test_the_notice_stands_as_soon_as_the_state_does(world):
    world.outage_until_ms = world.clock.true_ms + 200_000
    seen = set()
    for _ in range(600):
        world.step(500)
        state = status.state_of(world.appliance.cloud)[0]
        seen.add((state == "down", "cloud_down" in world.appliance.queue.notices))
    assert seen == {(False, False), (True, True)}


def test_the_file_alone_says_that_nobody_serves_it(world):
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    world.outage_until_ms = world.clock.true_ms + 600_000
    assert take(world) == [ulid]
    world.stop()
    world.start()
    found = status.describe_store(world.appliance.cloud)
    assert (found.state, found.sentence) == (
        "not running",
        "No server runs here: nothing is read or sent. 1 status waits.",
    )


def test_credentials_that_were_refused_once_are_tried_again_at_once(world):
    """A gateway may say 401 for a moment: a stop must not wait five minutes for it."""
    refusals = ["401"] * 2
    original = world.network.call

    def call(name, body, token=None):
        return world.cloud.answer(b"", int(refusals.pop())) if refusals else original(name, body, token)

    world.network.call = call
    world.pass_time(8)
    ulid = world.cloud.newjob("stop", delay_ms=0)
    world.pass_time(20)
    assert not refusals and take(world) == [ulid]
