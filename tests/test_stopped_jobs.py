"""A job that a stop ended says so, until a report says otherwise."""

from collections.abc import Callable

import pytest

from prjobs.appliance import Appliance
from prjobs.base.clock import moment
from prjobs.jobs.lookup import find_job
from prjobs.jobs.reports import update_status
from prjobs.jobs.requests import StatusUpdate
from prjobs.store.models import JobRow
from tests.clocks import ManualClock
from tests.verbs import report, take
from tests.verbs import submit as submit_to

Submit = Callable[..., JobRow]


def note_of(appliance: Appliance, row: JobRow) -> str:
    return find_job(appliance.queue.database, row.ulid).note


def stopped(appliance: Appliance, clock: ManualClock, submit: Submit, name: str = "Ann", action: str = "stop") -> str:
    """Stop the site, which asks for the stop 4 s later; return the note of the jobs that the stop ends."""
    stop = submit(device="all", action=action, user_name=name)
    clock.advance(4)
    assert [row.ulid for row in take(appliance)] == [stop.ulid]
    clock.advance(4)
    return f"stopped by {name}'s stop, {moment(stop.created_ms):%H:%M:%S} UTC"


def test_a_job_that_a_stop_ended_says_so(appliance: Appliance, clock: ManualClock, submit: Submit) -> None:
    running, picked_up, done = (submit(action=f"act{number}") for number in range(3))
    elsewhere = submit(site="tan")
    take(appliance)
    take(appliance, site="tan")
    report(appliance, running, "EXPOSING")
    report(appliance, done, "COMPLETE")
    note = stopped(appliance, clock, submit)
    assert [note_of(appliance, row) for row in (running, picked_up, done, elsewhere)] == [note, note, "", ""]
    # The first stop ended them; what was handed out since is ended by the second one.
    later = submit()
    assert [row.ulid for row in take(appliance)] == [later.ulid]
    other = stopped(appliance, clock, submit, "Kim", "cancel_all_commands")
    assert [note_of(appliance, row) for row in (running, picked_up, later)] == [note, note, other]


def test_the_alternate_queue_ends_nothing_in_the_primary(
    appliance: Appliance, clock: ManualClock, submit: Submit
) -> None:
    row = submit()
    take(appliance)
    submit(device="all", action="stop")
    assert [one.action for one in take(appliance, alternate=True)] == ["stop"]
    assert note_of(appliance, row) == ""


def test_a_job_picked_up_long_ago_is_history(appliance: Appliance, clock: ManualClock, submit: Submit) -> None:
    row = submit()
    take(appliance)
    clock.advance(1801)
    stopped(appliance, clock, submit)
    assert note_of(appliance, row) == ""


@pytest.mark.parametrize("action", ["stop", "cancel"])
def test_only_what_stops_the_site_ends_its_jobs(
    make_appliance: Callable[..., Appliance], clock: ManualClock, action: str
) -> None:
    appliance = make_appliance(stop_scope="cancel_all")
    row = submit_to(appliance)
    take(appliance)
    stopped(appliance, clock, lambda **parts: submit_to(appliance, **parts), action=action)
    assert note_of(appliance, row) == ""


@pytest.mark.parametrize(
    ("status", "message", "is_kept"),
    [
        ("FAILED", "", True),
        ("FAILED", "guide star lost", False),
        ("COMPLETE", "", False),
        ("EXPOSING", "", False),
        ("STOPPING", "", True),
    ],
)
def test_a_report_says_otherwise_unless_it_is_of_a_failure_without_a_reason(
    appliance: Appliance, clock: ManualClock, submit: Submit, status: str, message: str, is_kept: bool
) -> None:
    row = submit()
    take(appliance)
    note = stopped(appliance, clock, submit)
    # A note is no report: the hand-out of the job is as proved or doubted as before.
    sql = "SELECT status FROM change WHERE job_seq = ? AND queue <> 'alternate' ORDER BY seq"
    assert appliance.queue.database.fetch(sql, (row.seq,)) == [("UNREAD",), ("RECEIVED",)]
    update_status(appliance.queue, StatusUpdate(row.site, row.ulid, status, -1, False, message), "tests")
    assert note_of(appliance, row) == (note if is_kept else message)
