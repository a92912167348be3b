"""A stop goes first and alone: filtered polls, repeated polls, leases, and reports from nobody."""

from collections.abc import Callable

import pytest

from prjobs.appliance import Appliance
from prjobs.base import catalogue
from prjobs.base.errors import Conflict
from prjobs.jobs import leases, proofs, two_programs
from prjobs.jobs.handouts import begin_poll
from prjobs.jobs.lookup import find_job
from prjobs.jobs.reports import update_status
from prjobs.jobs.requests import StatusUpdate
from prjobs.monitor.alarms import list_alarms
from prjobs.monitor.watching import Watch
from prjobs.store.models import JobRow
from tests.clocks import ManualClock
from tests.verbs import poll, report, take
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


# ---- programs that ask for one device each


@pytest.mark.parametrize(("device", "action"), [("all", "stop"), ("All", "cancel"), ("obs", "cancel_all_commands")])
def test_each_program_of_one_device_gets_a_stop_for_all_devices(
    appliance: Appliance, submit: Submit, clock: ManualClock, device: str, action: str
) -> None:
    names = ("mount", "camera", "dome")

    def polls() -> list[list[str]]:
        clock.advance(5)
        return [ids(take(appliance, f"127.0.0.1:{name}", device=name)) for name in names]

    for _ in range(2):
        stop = submit(device=device, action=action)
        assert polls() == [[stop.ulid]] * 3
        assert polls() == [[]] * 3
    job = submit(device="camera", action="expose")
    assert ids(take(appliance, "127.0.0.1:mount", device="mount")) == []
    assert ids(take(appliance, "127.0.0.1:camera", device="camera")) == [job.ulid]


def test_a_program_that_asks_for_every_job_gets_the_stop_first(
    appliance: Appliance, submit: Submit, clock: ManualClock
) -> None:
    """While that program hangs, the stop waits and is an alarm."""
    take(appliance, "127.0.0.1:1")
    stop = submit(device="all", action="cancel_all_commands")
    assert take(appliance, "127.0.0.1:2", device="mount") == []
    assert ids(take(appliance, "127.0.0.1:1")) == [stop.ulid]
    assert ids(take(appliance, "127.0.0.1:2", device="mount")) == [stop.ulid]
    hanging = submit(device="all", action="stop")
    clock.advance(121)
    assert ids(take(appliance, "127.0.0.1:2", device="mount")) == [hanging.ulid]
    assert ids(take(appliance, "127.0.0.1:1")) == [hanging.ulid]


@pytest.mark.parametrize("event", ["two minutes passed", "something newer was handed out", "a report came"])
def test_a_program_of_one_device_does_not_get_the_stop_when(
    appliance: Appliance, submit: Submit, clock: ManualClock, event: str
) -> None:
    stop = submit(device="all", action="stop")
    assert ids(take(appliance, "127.0.0.1:1", device="mount")) == [stop.ulid]
    if event == "two minutes passed":
        clock.advance(121)
    elif event == "a report came":
        report(appliance, stop, "COMPLETE")
    else:
        clock.advance(5)
        newer = submit()
        assert ids(take(appliance, "127.0.0.1:1", device="mount")) == [newer.ulid]
    assert take(appliance, "127.0.0.1:2", device="camera") == []


def test_a_stop_for_one_device_waits_for_its_program_as_an_alarm(
    appliance: Appliance, submit: Submit, clock: ManualClock
) -> None:
    submit(device="camera", action="stop")
    watch = Watch(appliance.board)
    for _ in range(16):
        assert take(appliance, "127.0.0.1:1", device="mount") == []
        watch.once()
        clock.advance(1)
    watch.once()
    assert "is not picked up" in list_alarms(appliance.board, lambda _site: True)[0].sentence


def test_a_stop_that_is_not_due_costs_one_look(appliance: Appliance, submit: Submit) -> None:
    stop = submit(device="camera", action="stop")
    assert ids(take(appliance, "127.0.0.1:1")) == [stop.ulid]
    assert take(appliance, "127.0.0.1:2", device="mount") == []
    queue = appliance.queue
    asked = poll(device="mount")
    assert two_programs.owed_stops(queue, asked.program, begin_poll(queue, asked, "127.0.0.1:2")) == []


def test_invented_filters_do_not_get_a_stop_for_ever(appliance: Appliance, submit: Submit) -> None:
    submit(device="all", action="stop")
    got = [len(take(appliance, f"127.0.0.1:{number}", device=f"d{number}")) for number in range(20)]
    assert got == [1] * two_programs.MOST_PROGRAMS + [0] * (20 - two_programs.MOST_PROGRAMS)
