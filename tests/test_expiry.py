"""Stale commands never run; leased jobs nobody reports on come back."""

import pytest

from prjobs.base.clock import Clock
from prjobs.base.settings import Settings
from prjobs.jobs import expiry, leases, log, lookup, submission
from prjobs.jobs.requests import Command
from prjobs.opening import close_appliance
from tests.stores import open_appliance
from tests.verbs import USER, report, take


def notes(appliance, job):
    return [(row[1], row[2], row[6]) for row in log.timeline(appliance.queue.database, job.seq)[1:]]


def test_a_motion_command_expires_and_a_stop_never_does(appliance, submit, clock):
    stop, motion = submit(action="stop"), submit()
    park, close = submit(action="park"), submit(device="enclosure", action="close")
    clock.advance(599)
    assert expiry.expire_once(appliance.queue) == 0
    clock.advance(30 * 86_400)
    assert [row.ulid for row in take(appliance)] == [stop.ulid]
    clock.advance(5)
    assert [row.ulid for row in take(appliance)] == [park.ulid, close.ulid]
    assert notes(appliance, motion) == [("primary", "EXPIRED", "720 h old")]


def test_the_sweep_expires_both_queues_and_says_the_age(appliance, submit, clock):
    job = submit()
    clock.advance(22 * 60)
    assert expiry.expire_once(appliance.queue) == 2
    assert notes(appliance, job) == [("primary", "EXPIRED", "22 min old"), ("alternate", "EXPIRED", "22 min old")]
    assert take(appliance) == take(appliance, alternate=True) == []
    assert expiry.expire_once(appliance.queue) == 0


def test_expiry_runs_on_elapsed_time_not_on_the_clock(appliance, submit, clock):
    submit()
    clock.step(366 * 86_400)
    clock.advance(60)
    assert expiry.expire_once(appliance.queue) == 0
    clock.step(-400 * 86_400)
    clock.advance(500)
    assert expiry.expire_once(appliance.queue) == 0
    clock.advance(60)
    assert expiry.expire_once(appliance.queue) == 2


@pytest.mark.parametrize(("down_s", "stale"), [(60, False), (3600, True), (-7200, True)])
def test_what_waited_through_a_restart_is_judged_by_the_clock(folder, clock, down_s, stale):
    """After the clock went back nobody knows how old a job is: it does not run."""
    first, _ = open_appliance(folder, Settings(), clock)
    job = submission.submit_job(first.queue, Command("saf", "mount", "m", "go", "u", "U", "[]", "{}", "{}", {}), USER)
    close_appliance(first, folder)
    clock.advance(1)
    clock.step(down_s)
    second, start = open_appliance(folder, Settings(), clock)
    assert start.waiting == 1
    assert take(second) == [] if stale else [row.ulid for row in take(second)] == [job.ulid]
    assert (lookup.find_job(second.queue.database, job.ulid).status == "EXPIRED") == stale
    close_appliance(second, folder)


def test_ids_that_run_ahead_make_no_job_old_at_a_restart(folder, clock):
    """The clock was a year ahead once; ids go on from there."""
    first, _ = open_appliance(folder, Settings(), clock)
    command = Command("saf", "mount", "m", "go", "u", "U", "[]", "{}", "{}", {})
    clock.step(366 * 86_400)
    submission.submit_job(first.queue, command, USER)
    take(first)
    clock.step(-366 * 86_400)
    job = submission.submit_job(first.queue, command, USER)
    late = submission.submit_job(first.queue, command, USER)
    close_appliance(first, folder)
    clock.advance(2)
    second, _ = open_appliance(folder, Settings(), clock)
    assert expiry.expire_once(second.queue) == 1  # the first job in the alternate queue
    assert [row.ulid for row in take(second)] == [job.ulid, late.ulid]
    clock.step(-86_400)
    clock.advance(597)
    assert [row.ulid for row in take(second, alternate=True)] == [job.ulid, late.ulid]
    close_appliance(second, folder)


def test_after_a_restart_ages_go_on_by_elapsed_time(folder, clock):
    first, _ = open_appliance(folder, Settings(), clock)
    job = submission.submit_job(first.queue, Command("saf", "mount", "m", "go", "u", "U", "[]", "{}", "{}", {}), USER)
    close_appliance(first, folder)
    clock.advance(500)
    second, _ = open_appliance(folder, Settings(), clock)
    assert expiry.expire_once(second.queue) == 0
    clock.step(86_400)
    clock.advance(90)
    assert expiry.expire_once(second.queue) == 0
    clock.step(-2 * 86_400)
    clock.advance(20)
    assert expiry.expire_once(second.queue) == 2
    assert lookup.find_job(second.queue.database, job.ulid).status == "EXPIRED"
    close_appliance(second, folder)


def test_a_class_that_never_expires_by_setting(folder, clock):
    appliance, _ = open_appliance(folder, Settings(expire_motion_s=0), clock)
    submission.submit_job(appliance.queue, Command("saf", "mount", "m", "go", "u", "U", "[]", "{}", "{}", {}), USER)
    clock.advance(86_400)
    assert len(take(appliance)) == 1
    close_appliance(appliance, folder)


def test_elapsed_time_grows():
    clock = Clock()
    assert clock.elapsed_s() <= clock.elapsed_s()


def test_a_leased_job_without_a_report_comes_back_and_counts_its_attempts(appliance, submit, clock):
    job = submit(action="park")
    assert take(appliance, lease_s=30)
    clock.advance(29)
    assert leases.return_once(appliance.queue) == 0
    clock.advance(2)
    assert leases.return_once(appliance.queue) == 1
    again = take(appliance, lease_s=30)
    assert [row.ulid for row in again] == [job.ulid]
    assert lookup.find_job(appliance.queue.database, job.ulid).attempts == 2


def test_a_report_ends_a_lease_and_received_renews_it(appliance, submit, clock):
    reported, renewed = submit(action="park"), submit(action="home")
    take(appliance, lease_s=30)
    clock.advance(20)
    report(appliance, reported, "STARTED")
    report(appliance, renewed, "RECEIVED")
    clock.advance(20)
    assert leases.return_once(appliance.queue) == 0
    clock.advance(15)
    assert leases.return_once(appliance.queue) == 1
    assert lookup.find_job(appliance.queue.database, reported.ulid).status == "STARTED"
    assert lookup.find_job(appliance.queue.database, renewed.ulid).status == "UNREAD"


def test_without_a_lease_nothing_comes_back(appliance, submit, clock):
    submit(action="park")
    take(appliance)
    clock.advance(86_400)
    assert leases.return_once(appliance.queue) == 0


def test_a_leased_job_does_not_come_back_after_cancel_all(appliance, submit, clock):
    moving, parking = submit(), submit(action="park")
    take(appliance, lease_s=30)
    submit(device="all", action="cancel_all_commands")
    clock.advance(60)
    assert leases.return_once(appliance.queue) == 1
    statuses = [lookup.find_job(appliance.queue.database, job.ulid).status for job in (moving, parking)]
    assert statuses == ["CANCELLED", "UNREAD"]


def test_a_lease_survives_a_restart_and_gets_its_whole_time(folder, clock):
    first, _ = open_appliance(folder, Settings(), clock)
    submission.submit_job(first.queue, Command("saf", "mount", "m", "park", "u", "U", "[]", "{}", "{}", {}), USER)
    take(first, lease_s=30)
    close_appliance(first, folder)
    clock.advance(3600)
    second, _ = open_appliance(folder, Settings(), clock)
    clock.advance(29)
    assert leases.return_once(second.queue) == 0
    clock.advance(2)
    assert leases.return_once(second.queue) == 1
    close_appliance(second, folder)
