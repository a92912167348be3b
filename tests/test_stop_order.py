"""A stop goes first and alone: filtered polls, repeated polls, leases, and reports from nobody."""

from collections.abc import Callable

import pytest

from prjobs.appliance import Appliance
from prjobs.base import catalogue
from prjobs.base.errors import Conflict
from prjobs.jobs import leases, proofs
from prjobs.jobs.lookup import find_job
from prjobs.jobs.reports import update_status
from prjobs.jobs.requests import StatusUpdate
from prjobs.store.models import JobRow
from tests.clocks import ManualClock
from tests.verbs import report, take
from tests.verbs import submit as submit_to

Submit = Callable[..., JobRow]


def ids(rows: list[JobRow]) -> list[str]:
    return [row.ulid for row in rows]


@pytest.mark.parametrize("action", ["stop", "cancel"])
def test_a_filtered_poll_gets_only_closes_and_parks_while_a_stop_waits(
    appliance: Appliance, submit: Submit, action: str
) -> None:
    stop = submit(device="camera", action=action)
    go, park = submit(), submit(action="park")
    assert ids(take(appliance, device="mount")) == [park.ulid]
    assert ids(take(appliance)) == [stop.ulid]
    assert ids(take(appliance, device="mount")) == [go.ulid]


def test_a_stop_does_not_wait_for_the_repeat_of_a_poll(appliance: Appliance, submit: Submit) -> None:
    """Also where a program sends the same poll_id for ever."""
    go, park = submit(), submit(action="park")
    assert ids(take(appliance, poll_id="a")) == [go.ulid, park.ulid]
    stop = submit(device="camera", action="stop")
    assert ids(take(appliance, poll_id="a")) == [stop.ulid]
    assert ids(take(appliance, poll_id="a")) == [stop.ulid]
    assert ids(take(appliance, poll_id="b")) == [park.ulid]
    assert find_job(appliance.queue.database, go.ulid).status == "CANCELLED"


def test_a_repeated_poll_gives_no_park_while_the_site_settles(
    make_appliance: Callable[..., Appliance], clock: ManualClock
) -> None:
    appliance = make_appliance(stop_settle_s=35)
    park = submit_to(appliance, action="park")
    assert ids(take(appliance, poll_id="a")) == [park.ulid]
    stop = submit_to(appliance, action="stop")
    assert ids(take(appliance, poll_id="b")) == [stop.ulid]
    assert take(appliance, poll_id="a") == []
    clock.advance(36)
    assert ids(take(appliance, poll_id="a")) == [park.ulid]


@pytest.mark.parametrize("later", ["go", "park"])
def test_a_lease_does_not_bring_a_stop_back_after_other_jobs(
    appliance: Appliance, submit: Submit, clock: ManualClock, later: str
) -> None:
    stop = submit(action="stop")
    assert ids(take(appliance, lease_s=30)) == [stop.ulid]
    clock.advance(31)
    assert leases.return_once(appliance.queue) == 1
    assert ids(take(appliance, lease_s=30)) == [stop.ulid]
    other = submit(action=later)
    assert ids(take(appliance)) == [other.ulid]
    clock.advance(31)
    assert leases.return_once(appliance.queue) == 0
    assert take(appliance) == []


def test_a_stop_does_not_come_back_after_an_older_park(
    appliance: Appliance, submit: Submit, clock: ManualClock
) -> None:
    park, stop = submit(action="park"), submit(device="camera", action="stop")
    assert ids(take(appliance, "127.0.0.1:1")) == [stop.ulid]
    clock.advance(5)
    assert ids(take(appliance, "127.0.0.1:2", device="mount")) == [park.ulid]
    proofs.connection_ended(appliance.queue, "127.0.0.1:1")
    appliance.queue.database.write(lambda _: None)  # waits for the verb of the line above
    clock.advance(5)
    assert take(appliance, "127.0.0.1:3") == []


@pytest.mark.parametrize("word", ["RECEIVED", "STARTED", "COMPLETE"])
def test_a_report_without_a_token_takes_no_waiting_job_away(appliance: Appliance, submit: Submit, word: str) -> None:
    stop = submit(action="stop")
    for alternate in (False, True):
        with pytest.raises(Conflict):
            update_status(appliance.queue, StatusUpdate("saf", stop.ulid, word, -1, alternate), "127.0.0.1:1", False)
    assert ids(take(appliance)) == [stop.ulid]
    update_status(appliance.queue, StatusUpdate("saf", stop.ulid, word, -1, False), "127.0.0.1:1", False)
    with pytest.raises(Conflict):
        update_status(appliance.queue, StatusUpdate("saf", stop.ulid, word, -1, True), "127.0.0.1:1", False)
    report(appliance, stop, "COMPLETE", alternate=True)
    assert find_job(appliance.queue.database, stop.ulid).alternate_status == "COMPLETE"


@pytest.mark.parametrize(
    ("device", "action", "params", "wanted"),
    [
        ("camera", " Stop", {}, "stop"),
        ("anything", "CANCEL_ALL_COMMANDS ", {}, "stop"),
        ("sequencer", "run ", {"script": " StopScript"}, "stop"),
        ("camera", "\uff53\uff54\uff4f\uff50", {}, "stop"),
        ("dome", "close", {}, "close"),
        ("roof", "Close ", {}, "close"),
        ("wema", "close", {}, "close"),
        ("enclosure ", "close", {}, "close"),
        ("telescope", "park", {}, "park"),
        ("mount ", "PARK", {}, "park"),
        ("enclosure", "park", {}, "roof"),
        ("dome", "open", {}, "roof"),
        ("camera", "close", {}, "other"),
        ("sequencer", "run", {"script": 7}, "script"),
    ],
)
def test_the_class_does_not_depend_on_spelling(
    device: str, action: str, params: dict[str, object], wanted: str
) -> None:
    assert catalogue.command_class(device, action, params) == wanted
