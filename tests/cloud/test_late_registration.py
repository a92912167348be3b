"""Jobs made while the cloud could not be reached, told to it afterwards: they run once, here."""

import jwt
import pytest

from prjobs.cloud import requesting
from prjobs.jobs import lookup, withdrawals
from prjobs.jobs.requests import Command
from tests.cloud.model import SITE
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import forwarder, report, take
from tests.verbs import USER


@pytest.fixture
def link_settings():
    return {"cloud_newjob": "forward", "cloud_late_register": "on"}


def down_for(world, seconds):
    world.outage_until_ms = world.clock.true_ms + seconds * 1000
    world.pass_time(20)


def forward(world, action="expose", token="a token", key=None):
    command = Command(SITE, "camera", "c1", action, "u", "U", "[]", "{}", "{}", {}, idempotency_key=key)
    return forwarder(world).submit(command, token, USER).row


def token_until(world, seconds):
    return jwt.encode({"exp": world.clock.now_ms() // 1000 + seconds}, "k" * 32)


def copies(world, row):
    return [one for one in world.cloud.records.values() if one["optional_params"].get("prjobs_ulid") == row.ulid]


def status_there(world, row):
    (record,) = copies(world, row)
    return record["statusId"].partition("#")[0]


@pytest.mark.parametrize("reported", ["RECEIVED", "STARTED", "COMPLETE"])
def test_the_cloud_shows_its_present_status_and_nobody_runs_it_again(world, reported):
    down_for(world, 120)
    row = forward(world)
    assert take(world) == [row.ulid]
    if reported != "RECEIVED":
        report(world, row.ulid, reported)
    world.pass_time(200)
    assert status_there(world, row) == reported and take(world) == []
    assert lookup.find_job(world.appliance.queue.database, row.ulid).status == reported
    memory = world.appliance.cloud.memory
    assert memory.unregistered == {} and memory.counts["registered late"] == 1
    world.pass_time(300)
    assert status_there(world, row) == reported and memory.counts["repaired"] == 0


def test_one_that_still_waits_runs_here_once(world):
    down_for(world, 120)
    row = forward(world)
    world.pass_time(200)
    assert status_there(world, row) == "FORWARDED"
    assert take(world) == [row.ulid]
    report(world, row.ulid, "COMPLETE")
    world.pass_time(100)
    assert take(world) == [] and len(copies(world, row)) == 1


def test_a_copy_that_somebody_sets_back_is_corrected(world):
    down_for(world, 120)
    row = forward(world)
    take(world)
    world.pass_time(200)
    (record,) = copies(world, row)
    world.cloud.update({"site": SITE, "ulid": record["ulid"], "newStatus": "UNREAD", "secondsUntilComplete": -1})
    world.pass_time(60)
    assert status_there(world, row) == "RECEIVED" and take(world) == []


@pytest.mark.parametrize("fault", ["lost answer", "lost request", "5xx", "portal", "cut off"])
def test_it_is_told_once_whatever_becomes_of_the_request(world, fault):
    down_for(world, 120)
    row = forward(world)
    assert take(world) == [row.ulid]
    original = world.network.call

    def call(name, body, token=None):
        if name == "newjob":
            world.plan = [fault]
        return original(name, body, token)

    world.network.call = call
    world.pass_time(300)
    assert len(copies(world, row)) == (1 if fault in ("lost answer", "cut off") else 0)
    assert take(world) == [] and world.appliance.cloud.memory.unregistered == {}
    if fault in ("lost answer", "cut off"):
        assert status_there(world, row) == "FORWARDED"


def test_a_power_cut_forgets_the_token_and_the_copy_is_not_run(world):
    down_for(world, 120)
    row = forward(world)
    original = world.network.call

    def call(name, body, token=None):
        answer = original(name, body, token)
        if name == "newjob":
            # The cloud stored it, and the process dies before it knows.
            world.network.call = original
            raise KeyboardInterrupt
        return answer

    world.network.call = call
    with pytest.raises(KeyboardInterrupt):
        world.pass_time(200)
    world.stop()
    world.pass_time(100)
    assert status_there(world, row) == "FORWARDED" and take(world) == [row.ulid]


def test_a_token_is_kept_for_ten_minutes_at_most(world):
    down_for(world, 3600)
    forward(world)
    assert len(world.appliance.cloud.memory.unregistered) == 1
    world.pass_time(580)
    assert len(world.appliance.cloud.memory.unregistered) == 1
    world.pass_time(20)
    assert world.appliance.cloud.memory.unregistered == {}


def test_and_no_longer_than_it_is_valid(world):
    down_for(world, 3600)
    forward(world, token=token_until(world, 100))
    world.pass_time(98)
    assert len(world.appliance.cloud.memory.unregistered) == 1
    world.pass_time(4)
    assert world.appliance.cloud.memory.unregistered == {}


def test_a_refusal_is_the_end_of_it(world):
    down_for(world, 120)
    row = forward(world)
    original = world.network.call
    world.network.call = lambda name, body, token=None: (
        world.cloud.answer(b"Someone else has a reservation right now.", 401)
        if name == "newjob"
        else original(name, body, token)
    )
    world.pass_time(200)
    assert copies(world, row) == [] and world.appliance.cloud.memory.unregistered == {} and take(world) == [row.ulid]
    assert world.appliance.cloud.memory.down_since_ms is None


@pytest.mark.parametrize("action", ["cancel_all_commands", "stop"])
def test_a_stop_is_not_told_late(world, action):
    """A late cancel_all would delete what was asked for since."""
    down_for(world, 120)
    forward(world, action)
    assert world.appliance.cloud.memory.unregistered == {}


def test_neither_is_what_was_withdrawn_meanwhile(world):
    down_for(world, 120)
    row = forward(world)
    withdrawals.cancel_job(world.appliance.queue, row.ulid, USER)
    world.pass_time(200)
    assert copies(world, row) == [] and world.appliance.cloud.memory.unregistered == {}


def test_the_same_key_twice_is_told_once(world):
    down_for(world, 120)
    row = forward(world, key="k")
    forward(world, key="k")
    world.pass_time(200)
    assert len(copies(world, row)) == 1


def test_a_request_that_did_not_leave_is_told_late_too(world):
    world.plan = ["tls"]
    row = forward(world)
    assert take(world) == [row.ulid]
    world.pass_time(60)
    assert status_there(world, row) == "RECEIVED"


def test_it_is_off_unless_asked_for(world):
    world.close()
    world.__init__(0, PLAIN, cloud_newjob="forward")
    world.faultiness, world.observing = 0.0, False
    world.pass_time()
    down_for(world, 120)
    forward(world)
    assert world.appliance.cloud.memory.unregistered == {}


def test_a_token_is_in_no_text(world):
    down_for(world, 120)
    row = forward(world, token="secret-token")
    assert "secret-token" not in repr(world.appliance.cloud.memory.unregistered[row.ulid])
    stored = b"".join(path.read_bytes() for path in world.folder.path.iterdir() if path.is_file())
    assert b"secret-token" not in stored


def test_what_is_no_token_of_ours_is_kept_for_the_ten_minutes(world):
    assert requesting.valid_s("opaque", world.clock.now_ms()) == requesting.LATE_S
