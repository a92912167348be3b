"""Several stops at once, at the site and in the cloud: at least one is handed out, the newest that counts."""

import msgspec
import pytest

from prjobs.cloud.wire import MARKER
from prjobs.jobs import handouts, leases, lookup, proofs, submission, withdrawals
from prjobs.jobs.requests import Command, PollRequest
from prjobs.monitor.alarms import list_alarms
from prjobs.monitor.watching import Watch
from tests.cloud.model import SITE
from tests.cloud.mutants import PLAIN
from tests.cloud.stories import take, told
from tests.verbs import USER


@pytest.fixture
def link_settings():
    """A program's first poll counts as a flush once the next one comes: the stop itself would leave a second time."""
    return {"redeliver_stop": False}


def send(world, action="stop"):
    command = Command(SITE, "all", "all", action, "u", "U", "[]", "{}", "{}", {})
    return submission.submit_job(world.appliance.queue, command, USER).ulid


def status_of(world, ulid):
    row = lookup.find_job(world.appliance.queue.database, ulid)
    return row.status, row.alternate_status


def mark_in_cloud(world, ulid, **statuses):
    world.cloud.settle()
    record = world.cloud.records[ulid]
    record.update({name: f"{status}#{ulid}" for name, status in statuses.items()})
    world.cloud.texts[ulid] = msgspec.json.encode(record)


@pytest.mark.parametrize("action", ["stop", "cancel_all_commands"])
@pytest.mark.parametrize(("gap_s", "outage_s"), [(1, 0), (3, 0), (10, 0), (29, 0), (40, 0), (20, 60)])
def test_of_a_stop_in_the_cloud_and_a_later_one_at_the_site_the_later_is_handed_out(world, action, gap_s, outage_s):
    world.outage_until_ms = world.clock.true_ms + outage_s * 1000
    there = world.cloud.newjob(action, delay_ms=0)
    world.clock.true_ms += gap_s * 1000
    here = send(world, action)
    world.pass_time(outage_s + 20)
    # Within the doubt about the cloud's time both are handed out.
    assert take(world) == ([here, there] if gap_s < 5 else [here])
    world.pass_time(20)
    assert take(world) == []


def test_a_stop_that_gives_way_leaves_alone_what_came_after_the_newer_one(world):
    there = world.cloud.newjob("stop", delay_ms=0)
    world.clock.true_ms += 10_000
    here = send(world)
    after = send(world, "expose")
    world.pass_time(20)
    assert status_of(world, there) == ("CANCELLED", "CANCELLED") and status_of(world, after) == ("UNREAD", "UNREAD")
    assert take(world) == [here]


def test_two_stops_of_the_cloud_around_one_at_the_site(world):
    world.outage_until_ms = world.clock.true_ms + 60_000
    stops = [world.cloud.newjob("stop", delay_ms=0)]
    world.clock.true_ms += 10_000
    stops.append(send(world))
    world.clock.true_ms += 10_000
    stops.append(world.cloud.newjob("stop", delay_ms=0))
    world.pass_time(120)
    assert take(world) == stops[2:]


@pytest.mark.parametrize("taken", ["statusId", "replicaStatusId"])
def test_a_stop_that_another_program_took_withdraws_no_stop_in_that_queue(world, taken):
    here = send(world)
    world.clock.true_ms += 1000
    there = world.cloud.newjob("stop", delay_ms=0)
    mark_in_cloud(world, there, **{taken: "RECEIVED"})
    world.pass_time()
    waits, gave_way = status_of(world, here) if taken == "statusId" else status_of(world, here)[::-1]
    assert waits == "UNREAD" and (taken == "statusId" or gave_way == "CANCELLED")


def test_a_stop_that_a_standby_holds_withdraws_no_stop_of_the_site():
    world = told(PLAIN, mode="standby")
    world.observing = False
    world.pass_time()
    here = send(world)
    world.clock.true_ms += 1000
    there = world.cloud.newjob("stop", delay_ms=0)
    world.pass_time()
    assert status_of(world, there) == ("HELD", "HELD") and take(world) == [here]
    world.close()


def test_the_copy_of_a_stop_withdraws_no_stop_that_came_after_it(world):
    here = send(world)
    assert take(world) == [here]
    there = world.cloud.newjob("stop", delay_ms=0)
    world.clock.true_ms += 500
    world.cloud.newjob("stop", delay_ms=0, optional_params={MARKER: here})
    world.pass_time(20)
    assert take(world) == [there]


def test_a_stop_that_a_person_withdrew_withdraws_jobs_and_no_stop(world):
    world.outage_until_ms = world.clock.true_ms + 60_000
    before = world.cloud.newjob("expose", delay_ms=0)
    there = world.cloud.newjob("stop", delay_ms=0)
    world.clock.true_ms += 10_000
    withdrawals.cancel_job(world.appliance.queue, send(world), USER)
    world.pass_time(120)
    assert take(world) == [there]
    assert status_of(world, before) == ("CANCELLED", "CANCELLED")


# ---- a stop in doubt, and an older one of the cloud that is seen only afterwards


@pytest.mark.parametrize("asked", [{}, {"poll_id": "p1"}, {"lease_s": 90}], ids=["reset", "poll_id", "lease"])
@pytest.mark.parametrize("link_settings", [{"redeliver_stop": True}])
def test_an_older_stop_seen_late_keeps_no_stop_from_a_second_hand_out(world, asked):
    queue = world.appliance.queue
    poll = PollRequest(SITE, False, 0.0, asked.get("poll_id"), asked.get("lease_s"), None, None)

    def polled(peer):
        noted = handouts.begin_poll(queue, poll, peer)
        rows = handouts.take_jobs(queue, poll, peer, noted)
        return [row.ulid for row in rows] if handouts.may_leave(queue, poll, noted) else []

    world.outage_until_ms = world.clock.true_ms + 120_000
    there = world.cloud.newjob("stop", delay_ms=0)
    world.pass_time(60)
    here = send(world)
    assert polled("127.0.0.1:5000") == [here]
    world.pass_time(100)
    assert status_of(world, there) == ("CANCELLED", "CANCELLED")
    proofs.connection_ended(queue, "127.0.0.1:5000")
    leases.return_once(queue)
    assert polled("127.0.0.1:5001") == [here]


@pytest.mark.parametrize("gap_s", [-40, 0, 20, 40])
@pytest.mark.parametrize("restart", [False, True])
def test_a_stop_of_the_cloud_seen_late_withdraws_the_same_waiting_and_leased_jobs(world, gap_s, restart):
    """A job sent long after the stop is none of its older jobs, wherever the job is when the stop is seen."""
    queue = world.appliance.queue

    def send_two():
        leased = send(world, "expose")
        poll = PollRequest(SITE, False, 0.0, None, 30, None, None)
        assert [row.ulid for row in handouts.take_jobs(queue, poll, world.peer, None)] == [leased]
        return leased, send(world, "expose")

    world.outage_until_ms = world.clock.true_ms + 120_000
    jobs = send_two() if gap_s < 0 else ()
    world.clock.true_ms += max(0, -gap_s) * 1000
    there = world.cloud.newjob("stop", delay_ms=0)
    world.clock.true_ms += max(0, gap_s) * 1000
    jobs = jobs or send_two()
    world.pass_time(10)
    if restart:
        world.stop()
        world.pass_time(2)
        queue = world.appliance.queue
    world.pass_time(260)
    leases.return_once(queue)
    withdrawn = gap_s < 30
    assert [status_of(world, ulid)[0] for ulid in jobs] == ["CANCELLED" if withdrawn else "UNREAD"] * 2
    assert take(world) == [there] and sorted(take(world)) == ([] if withdrawn else sorted(jobs))


def test_a_withdrawn_stop_of_the_cloud_still_withdraws_what_a_lease_brings_back(world):
    queue = world.appliance.queue
    leased = send(world, "expose")
    poll = PollRequest(SITE, False, 0.0, None, 30, None, None)
    assert [row.ulid for row in handouts.take_jobs(queue, poll, world.peer, None)] == [leased]
    there = world.cloud.newjob("stop", delay_ms=0)
    world.pass_time()
    withdrawals.cancel_job(queue, there, USER)
    world.clock.true_ms += 60_000
    leases.return_once(queue)
    assert status_of(world, leased)[0] == "CANCELLED"


# ---- a waiting stop stays


@pytest.mark.parametrize("word", ["RECEIVED", "STARTED", "COMPLETE", "CANCELLED", "EXPIRED"])
@pytest.mark.parametrize("action", ["stop", "cancel_all_commands"])
def test_the_cloud_takes_no_waiting_stop_away(world, action, word):
    """Another program took it there, or somebody withdrew it: it is handed out here all the same."""
    stop = world.cloud.newjob(action, delay_ms=0)
    world.pass_time(20)
    assert status_of(world, stop) == ("UNREAD", "UNREAD")
    mark_in_cloud(world, stop, statusId=word, replicaStatusId=word)
    world.pass_time(60)
    assert status_of(world, stop)[0] == "UNREAD"
    assert take(world) == [stop]


def test_a_stop_that_the_cloud_does_not_list_any_more_stays(world):
    stop = world.cloud.newjob("stop", delay_ms=0)
    world.pass_time(20)
    world.cloud.records.pop(stop), world.cloud.texts.pop(stop)
    world.pass_time(60)
    assert take(world) == [stop]


def test_a_newer_stop_of_the_cloud_takes_the_place_of_one_that_waits(world):
    older = world.cloud.newjob("stop", delay_ms=0)
    world.pass_time(20)
    newer = world.cloud.newjob("stop", delay_ms=0)
    mark_in_cloud(world, older, statusId="CANCELLED", replicaStatusId="CANCELLED")
    world.pass_time(20)
    assert status_of(world, older)[0] == "CANCELLED" and take(world) == [newer]


def test_a_waiting_stop_of_the_cloud_that_nobody_fetches_is_an_alarm(world):
    stop = world.cloud.newjob("stop", delay_ms=0)
    world.pass_time(10)
    mark_in_cloud(world, stop, statusId="CANCELLED", replicaStatusId="CANCELLED")
    watch = Watch(world.appliance.board)
    watch.once()
    world.pass_time(20)
    watch.once()
    found = [alarm.sentence for alarm in list_alarms(world.appliance.board, lambda _site: True) if alarm.ulid == stop]
    assert len(found) == 1 and "is not picked up" in found[0]
