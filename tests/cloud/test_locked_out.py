"""A site that is locked out, and the cloud: its jobs are taken over and wait, nothing is cancelled in silence."""

import pytest

from prjobs.access.audit import Actor
from prjobs.base.errors import LockedOut
from prjobs.jobs import expiry, locking, lookup
from prjobs.jobs.locking import Asked
from prjobs.jobs.requests import Command
from tests.cloud.cloud_model import SITE
from tests.cloud.stories import forwarder, take
from tests.verbs import USER

ANN = Actor("auth0|ann", "tests", is_staff=True)


def lock(world):
    asked = Asked(site=SITE, user_id="auth0|ann", user_name="Ann", reason="mirror cleaning")
    return locking.lock(world.appliance.queue, asked, ANN).lock


def status_of(world, ulid):
    return lookup.find_job(world.appliance.queue.database, ulid).status


def forward(world, device="camera", action="expose"):
    command = Command(SITE, device, "c1", action, "u", "U", "[]", '{"time":0.5}', '{"bin":"1,1"}', {})
    return forwarder(world).submit(command, "a token", USER).row


def test_a_job_of_the_cloud_waits_here_and_leaves_after_the_unlocking(world):
    locked = lock(world)
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time(20)
    assert take(world) == [] and status_of(world, ulid) == world.cloud.status_of(ulid) == "UNREAD"
    locking.unlock(world.appliance.queue, locked.id, ANN)
    assert take(world) == [ulid]


def test_a_job_of_the_cloud_expires_by_its_class_and_the_cloud_is_told(world):
    lock(world)
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time(20)
    row = lookup.find_job(world.appliance.queue.database, ulid)
    left_s = (row.expires_ms - row.created_ms) // 1000 if row.expires_ms else 0
    world.pass_time(left_s + 60)
    expiry.expire_once(world.appliance.queue)
    world.pass_time(60)
    assert take(world) == []
    expected = "EXPIRED" if left_s else "UNREAD"
    assert status_of(world, ulid) == world.cloud.status_of(ulid) == expected


def test_a_command_for_the_cloud_is_refused_before_the_cloud_is_asked(world):
    lock(world)
    with pytest.raises(LockedOut):
        forward(world)
    assert world.cloud.records == {}


def test_a_job_on_its_way_to_the_cloud_waits_wherever_it_ends_up(world):
    world.plan = ["lost answer"]
    row = forward(world)
    locked = lock(world)
    world.pass_time(200)
    assert take(world) == []
    (record,) = [one for one in world.cloud.records.values() if one["optional_params"].get("prjobs_ulid") == row.ulid]
    assert status_of(world, row.ulid) == "FORWARDED"
    locking.unlock(world.appliance.queue, locked.id, ANN)
    assert take(world) == [record["ulid"]]
