"""The queue's verbs on real SQLite."""

import itertools

import pytest

from prjobs.base.errors import Conflict, NotFound
from prjobs.jobs import log, lookup, reports, withdrawals
from prjobs.jobs.requests import StatusUpdate
from tests.stores import written
from tests.verbs import USER, report, take


def test_it_works(appliance, submit):
    job = submit()
    assert [row.ulid for row in take(appliance)] == [job.ulid]
    assert take(appliance) == []
    report(appliance, job, "COMPLETE")
    assert lookup.find_job(appliance.queue.database, job.ulid).status == "COMPLETE"


def test_jobs_come_oldest_first_and_once(appliance, submit):
    sent = [submit().ulid for _ in range(30)]
    assert [row.ulid for row in take(appliance)] == sent
    assert take(appliance) == []


def test_the_queues_do_not_affect_each_other(appliance, submit):
    job = submit()
    assert take(appliance)
    assert [row.ulid for row in take(appliance, alternate=True)] == [job.ulid]
    report(appliance, job, "COMPLETE", alternate=True)
    row = lookup.find_job(appliance.queue.database, job.ulid)
    assert (row.status, row.alternate_status) == ("RECEIVED", "COMPLETE")
    assert (row.estimate_s, row.alternate_estimate_s) == (None, -1)


def test_sites_do_not_affect_each_other(appliance, submit):
    submit("saf")
    other = submit("SAF")
    assert [row.ulid for row in take(appliance, site="SAF")] == [other.ulid]


def test_filters_leave_the_other_devices_waiting(appliance, submit):
    submit(device="mount")
    camera = submit(device="camera")
    assert [row.ulid for row in take(appliance, device="camera")] == [camera.ulid]
    assert [row.device for row in take(appliance)] == ["mount"]


def test_an_empty_poll_writes_nothing(appliance):
    before = written(appliance)
    assert take(appliance) == []
    assert written(appliance) == before


def test_every_change_is_in_the_log(appliance, submit):
    job = submit()
    take(appliance)
    report(appliance, job, "STARTED", 30)
    report(appliance, job, "COMPLETE")
    past = log.timeline(appliance.queue.database, job.seq)
    assert [(row[1], row[2], row[3]) for row in past] == [
        ("both", "UNREAD", None),
        ("primary", "RECEIVED", None),
        ("primary", "STARTED", 30),
        ("primary", "COMPLETE", -1),
    ]


def test_ids_increase_within_a_millisecond_and_when_the_clock_steps_back(appliance, submit, clock):
    ulids = [submit().ulid for _ in range(50)]
    clock.step(-3600)
    ulids += [submit().ulid for _ in range(50)]
    clock.step(366 * 86_400)
    ulids += [submit().ulid for _ in range(5)]
    clock.step(-366 * 86_400)
    ulids += [submit().ulid for _ in range(50)]
    assert all(one < other for one, other in itertools.pairwise(ulids))


def test_ids_do_not_freeze_after_a_clock_that_was_ahead(appliance, submit, clock):
    clock.step(366 * 86_400)
    ahead = submit()
    clock.step(-366 * 86_400)
    clock.advance(90)
    assert submit().created_ms - ahead.created_ms == 90_000


def test_an_update_for_an_unknown_job_or_another_site_is_not_found(appliance, submit):
    job = submit()
    for site, ulid in (("saf", "01DZVY846T52P6P3JWAJNJMJ1Z"), ("mrc1", job.ulid)):
        with pytest.raises(NotFound):
            reports.update_status(appliance.queue, StatusUpdate(site, ulid, "STARTED", -1, False), "tests")
    assert log.last_seq(appliance.queue.database) == 1


@pytest.mark.parametrize("final", ["COMPLETE", "FAILED", "ABORTED", "CANCELLED", "complete"])
def test_a_finished_job_never_becomes_unread(appliance, submit, final):
    job = submit()
    take(appliance)
    report(appliance, job, final)
    with pytest.raises(Conflict):
        report(appliance, job, "UNREAD")
    assert take(appliance) == []


def test_a_job_that_was_ever_finished_never_becomes_unread(appliance, submit):
    withdrawn, done = submit(), submit(action="park")
    withdrawals.cancel_job(appliance.queue, withdrawn.ulid, USER)
    take(appliance)
    report(appliance, done, "COMPLETE")
    for job in (withdrawn, done):
        report(appliance, job, "STARTED")
        with pytest.raises(Conflict):
            report(appliance, job, "UNREAD")
    assert take(appliance) == []


def test_cancel_all_withdraws_what_waits_in_both_queues_and_keeps_the_history(appliance, submit):
    delivered = submit()
    take(appliance)
    waiting = submit()
    elsewhere = submit("mrc1")
    stop = submit(device="all", action="cancel_all_commands")
    rows = {row.ulid: row for page in lookup.list_since(appliance.queue.database, "saf", 0) for row in page}
    assert (rows[delivered.ulid].status, rows[delivered.ulid].alternate_status) == ("RECEIVED", "CANCELLED")
    assert (rows[waiting.ulid].status, rows[waiting.ulid].alternate_status) == ("CANCELLED", "CANCELLED")
    assert [row.ulid for row in take(appliance)] == [stop.ulid]
    assert [row.ulid for row in take(appliance, alternate=True)] == [stop.ulid]
    assert [row.ulid for row in take(appliance, site="mrc1")] == [elsewhere.ulid]


def test_one_job_can_be_withdrawn_while_it_waits(appliance, submit):
    job, other = submit(), submit()
    assert withdrawals.cancel_job(appliance.queue, job.ulid, USER, "typo").status == "CANCELLED"
    assert [row.ulid for row in take(appliance)] == [other.ulid]
    for ulid, error in ((job.ulid, Conflict), (other.ulid, Conflict), ("01DZVY846T52P6P3JWAJNJMJ1Z", NotFound)):
        with pytest.raises(error):
            withdrawals.cancel_job(appliance.queue, ulid, USER)


def test_the_same_idempotency_key_gives_the_same_job_within_a_day(appliance, submit, clock):
    first = submit(idempotency_key="a")
    assert submit(idempotency_key="a").ulid == first.ulid
    assert submit(idempotency_key="a", user_id="auth0|bob").ulid != first.ulid
    with pytest.raises(Conflict):
        submit(idempotency_key="a", action="stop")
    clock.advance(86_401)
    assert submit(idempotency_key="a").ulid != first.ulid


def test_recent_jobs_come_in_pages_without_a_gap(appliance, submit, clock):
    old = submit()
    clock.advance(10)
    sent = [submit().ulid for _ in range(lookup.PAGE + 3)]
    pages = list(lookup.list_since(appliance.queue.database, "saf", appliance.queue.clock.now_ms() - 5000))
    assert [len(page) for page in pages] == [lookup.PAGE, 3]
    assert [row.ulid for page in pages for row in page] == sent
    everything = lookup.list_since(appliance.queue.database, "saf", -(10**15))
    assert next(everything)[0].ulid == old.ulid


@pytest.mark.sqlite("asks for the plans")
@pytest.mark.parametrize(("queue", "index"), [("primary", "job_unread"), ("alternate", "job_alternate_unread")])
def test_a_look_at_a_queue_reads_only_what_waits(appliance, queue, index):
    """Whatever the size of the history: the plan uses the small index of waiting jobs, not the site's whole history."""
    for sql in (lookup._LOOK[queue], f"SELECT {lookup._WAITING} FROM job WHERE {lookup._WAITS[queue]} ORDER BY seq"):
        plan = appliance.queue.database.fetch(f"EXPLAIN QUERY PLAN {sql}", ("saf",))
        assert f"USING INDEX {index} " in plan[0][3] or f"USING COVERING INDEX {index} " in plan[0][3], plan


@pytest.mark.sqlite("asks for the plans")
def test_recent_jobs_are_found_by_their_age(appliance):
    sql = "SELECT seq FROM job WHERE site = ? AND ulid >= ? ORDER BY ulid LIMIT 500"
    plan = appliance.queue.database.fetch(f"EXPLAIN QUERY PLAN {sql}", ("saf", "0"))
    assert len(plan) == 1 and "job_site_ulid (site=? AND ulid>?)" in plan[0][3]


def test_the_stored_job_is_the_returned_one(appliance, submit):
    job = submit(action="stop")
    assert lookup.find_job(appliance.queue.database, job.ulid) == job
