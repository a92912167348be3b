"""Stops for all devices at a site with several programs: each program gets each stop, also after a lost answer."""

from collections.abc import Callable

import pytest

from prjobs.appliance import Appliance
from prjobs.base.errors import Conflict
from prjobs.jobs import handouts, proofs, shared_stops
from prjobs.jobs.lookup import find_job
from prjobs.jobs.states import RECEIVED
from prjobs.monitor.alarms import list_alarms
from prjobs.monitor.watching import Watch
from prjobs.store.models import JobRow
from tests.clocks import ManualClock
from tests.verbs import poll, report, submit, take
from tests.waiting import wait_for

# What each program asks for; the program `main` asks for all jobs.
FILTERS: dict[str, dict[str, str]] = {"main": {}, "mount": {"device": "mount"}, "camera": {"device": "camera"}}


class Programs:
    """Programs of one site, each with a lasting connection."""

    def __init__(self, appliance: Appliance, clock: ManualClock) -> None:
        self.appliance, self.clock = appliance, clock

    def poll(self, *names: str, gap_s: float = 5) -> list[list[str]]:
        """Let the programs poll one after another; return the actions that each got."""
        got = []
        for name in names:
            self.clock.advance(gap_s)
            got.append([row.action for row in take(self.appliance, f"127.0.0.1:{name}", **FILTERS[name])])
        return got

    def lose(self, name: str) -> None:
        """Let the program poll, and lose the answer."""
        peer = f"127.0.0.1:{name}"
        self.clock.advance(2)
        assert take(self.appliance, peer, **FILTERS[name])
        proofs.connection_ended(self.appliance.queue, peer)
        self.appliance.queue.database.write(lambda _: None)

    def stop(self, device: str = "all", action: str = "stop") -> JobRow:
        return submit(self.appliance, device=device, action=action)

    def alarms(self, watch: Watch) -> list[str]:
        watch.once()
        return [one.sentence for one in list_alarms(self.appliance.board, lambda _site: True)]


@pytest.fixture
def programs(appliance: Appliance, clock: ManualClock) -> Programs:
    return Programs(appliance, clock)


@pytest.mark.parametrize(
    ("device", "action"), [("all", "stop"), ("All", "cancel"), ("obs", "cancel_all_commands"), ("all", "halt")]
)
def test_each_program_gets_a_stop_for_all_devices_once(programs: Programs, device: str, action: str) -> None:
    names = ("mount", "camera", "main")
    programs.poll(*names)
    wanted = [[action]] * 3 if action != "halt" else [[], [], [action]]
    for _ in range(2):
        programs.stop(device, action)
        assert programs.poll(*names) == wanted
        assert programs.poll(*names) == [[], [], []]


def test_the_program_that_asks_for_all_jobs_gets_a_stop_that_another_fetched_first(programs: Programs) -> None:
    programs.stop(action="cancel_all_commands")
    assert programs.poll("camera", "main", "camera", "main") == [["cancel_all_commands"]] * 2 + [[], []]


def test_after_a_lost_answer_the_program_gets_the_stop_although_another_fetched_it_first(programs: Programs) -> None:
    programs.poll("mount", "camera")
    programs.stop()
    programs.lose("mount")
    assert programs.poll("camera", "mount", "camera", "mount") == [["stop"], ["stop"], [], []]


def test_after_a_lost_answer_the_program_gets_the_stop_although_another_got_it_before(programs: Programs) -> None:
    programs.poll("mount", "camera")
    programs.stop()
    assert programs.poll("camera") == [["stop"]]
    programs.lose("mount")
    assert programs.poll("camera", "mount", "camera", "mount") == [[], ["stop"], [], []]


def test_a_program_that_polls_while_the_stop_is_back_in_the_queue_gets_it(programs: Programs) -> None:
    programs.poll("main", "camera")
    programs.stop()
    programs.lose("main")
    got = programs.poll("camera", "main", "camera", "main")
    assert got == [["stop"], ["stop"], [], []]


def test_a_stop_is_lost_for_a_program_no_more_than_once(programs: Programs) -> None:
    programs.stop()
    programs.poll("camera")
    programs.lose("mount")
    programs.lose("mount")
    assert programs.poll("mount", "mount", "camera") == [[], [], []]


def test_a_job_for_another_program_does_not_end_what_is_owed(programs: Programs) -> None:
    programs.poll("mount", "camera")
    programs.stop()
    assert programs.poll("mount") == [["stop"]]
    submit(programs.appliance, action="park")
    assert programs.poll("mount", "camera") == [["park"], ["stop"]]


def test_a_stop_does_not_end_what_the_program_got_after_a_lost_answer(programs: Programs) -> None:
    programs.poll("mount", "camera")
    programs.stop()
    assert programs.poll("camera") == [["stop"]]
    programs.lose("mount")
    programs.appliance.queue.database.write(
        lambda transaction: transaction.execute(
            "INSERT INTO handout (id, site, queue, time_ms, peer, state, maybe_flushed, asked_for) "
            "SELECT max(id) + 1, 'saf', 'primary', 0, '', 'CONFIRMED', 0, ? FROM handout",
            (shared_stops.asked_for(("saf", "primary", "mount", None)),),
        )
    )
    assert programs.poll("mount") == [[]]


def test_without_redelivery_a_lost_stop_stays_lost(
    make_appliance: Callable[..., Appliance], clock: ManualClock
) -> None:
    programs = Programs(make_appliance(redeliver_stop=False), clock)
    programs.stop()
    assert programs.poll("camera") == [["stop"]]
    programs.lose("mount")
    assert programs.poll("mount", "main") == [[], ["stop"]]


def test_a_report_of_one_program_keeps_the_stop_from_no_other(programs: Programs) -> None:
    stop = programs.stop()
    assert programs.poll("mount") == [["stop"]]
    report(programs.appliance, stop, "COMPLETE")
    assert programs.poll("camera") == [["stop"]]
    assert find_job(programs.appliance.queue.database, stop.ulid).status == "COMPLETE"
    assert programs.poll("camera", "mount") == [[], []]


def test_a_reported_stop_stays_done_when_a_poll_for_it_is_repeated_after_a_later_stop(programs: Programs) -> None:
    queue = programs.appliance.queue
    stop = programs.stop()
    assert programs.poll("mount") == [["stop"]]
    report(programs.appliance, stop, "COMPLETE")
    asked = {"device": "camera", "poll_id": "one"}
    assert [row.ulid for row in take(programs.appliance, "127.0.0.1:camera", **asked)] == [stop.ulid]
    later = programs.stop()
    assert [row.ulid for row in take(programs.appliance, "127.0.0.1:camera", **asked)] == [later.ulid]
    found = find_job(queue.database, stop.ulid)
    assert (found.status, found.alternate_status) == ("COMPLETE", "CANCELLED")


def test_a_stop_that_did_not_leave_to_the_second_program_does_not_go_to_the_first_again(programs: Programs) -> None:
    queue = programs.appliance.queue
    stop = programs.stop()
    assert programs.poll("main") == [["stop"]]
    newer = submit(programs.appliance)
    assert programs.poll("main") == [["go"]]
    asked = poll(device="camera")
    noted = handouts.begin_poll(queue, asked, "127.0.0.1:camera")
    ends = iter([False, True])
    noted.has_ended = lambda: next(ends)
    with pytest.raises(Conflict):
        handouts.take_jobs(queue, asked, "127.0.0.1:camera", noted)
    queue.database.write(lambda _: None)
    assert programs.poll("main", "camera", "main") == [[], ["stop"], []]
    assert [find_job(queue.database, one.ulid).status for one in (stop, newer)] == [RECEIVED, RECEIVED]


def test_a_program_gets_the_stop_after_a_restart(make_appliance: Callable[..., Appliance], clock: ManualClock) -> None:
    programs = Programs(make_appliance(), clock)
    programs.poll("mount", "camera")
    programs.stop()
    assert programs.poll("mount") == [["stop"]]
    proofs.heard(programs.appliance.queue, "127.0.0.1:mount")
    programs.appliance = make_appliance()
    assert programs.poll("camera", "camera", "mount") == [["stop"], [], []]


@pytest.mark.parametrize("event", ["two minutes passed", "a later stop came"])
def test_the_stop_is_not_owed_when(programs: Programs, event: str) -> None:
    programs.stop()
    assert programs.poll("mount") == [["stop"]]
    if event == "two minutes passed":
        programs.clock.advance(121)
    else:
        programs.stop(action="cancel_all_commands")
    wanted = ["cancel_all_commands"] if event == "a later stop came" else []
    assert programs.poll("camera") == [wanted]


def test_held_polls_know_of_the_hand_out_before_they_are_woken(programs: Programs) -> None:
    """A held poll that looks again at the bell must find the stop that another program just took."""
    queue, owed = programs.appliance.queue, []
    asked, stop = poll(device="camera"), programs.stop()
    waiter = queue.waiters.enter("saf")
    waiter.park(lambda: owed.extend(shared_stops.find_owed(queue.database, queue, asked.program)))
    assert programs.poll("mount") == [["stop"]]
    wait_for(lambda: [row.ulid for row in owed] == [stop.ulid])


def test_invented_filters_do_not_get_a_stop_for_ever_and_keep_it_from_no_program(programs: Programs) -> None:
    programs.poll("mount", "main")
    programs.stop()
    got = [
        len(take(programs.appliance, f"127.0.0.1:{number}", device=f"d{number}"))
        for number in range(shared_stops.MOST_NEW + 5)
    ]
    assert got == [1] * shared_stops.MOST_NEW + [0] * 5
    assert programs.poll("mount", "main") == [["stop"], ["stop"]]


# ---- what staff are told


def test_a_program_at_work_that_did_not_get_the_stop_is_an_alarm(programs: Programs) -> None:
    watch = Watch(programs.appliance.board)
    programs.poll("main", "main", "mount", "camera")
    programs.stop()
    assert programs.poll("camera", "mount") == [["stop"], ["stop"]]
    assert programs.alarms(watch) == []
    programs.clock.advance(15)
    [said] = programs.alarms(watch)
    assert "was picked up, but not by the program that asks for all jobs, which polled before" in said
    assert programs.poll("main") == [["stop"]]
    assert not [one for one in programs.alarms(watch) if "but not by" in one]


@pytest.mark.parametrize(("polls", "quiet_s"), [(2, 121), (1, 5)])
def test_a_program_that_ended_before_the_stop_is_no_alarm(programs: Programs, polls: int, quiet_s: float) -> None:
    watch = Watch(programs.appliance.board)
    programs.poll("mount", *["main"] * polls)
    programs.clock.advance(quiet_s)
    programs.poll("mount")
    programs.stop()
    assert programs.poll("mount") == [["stop"]]
    programs.clock.advance(20)
    assert programs.alarms(watch) == []


def test_a_stop_for_one_device_waits_for_its_program_as_an_alarm(programs: Programs) -> None:
    watch = Watch(programs.appliance.board)
    programs.stop(device="camera")
    for _ in range(16):
        assert programs.poll("mount", gap_s=1) == [[]]
        watch.once()
    assert "is not picked up" in programs.alarms(watch)[0]


def test_a_hand_out_knows_what_the_program_asked_for(programs: Programs) -> None:
    stop = programs.stop()
    programs.poll("main", "mount", "camera")
    found = programs.appliance.queue.database.fetch(
        "SELECT h.asked_for FROM change c JOIN handout h ON h.id = c.handout_id WHERE c.job_seq = ? AND c.status = ? "
        "ORDER BY h.id",
        (stop.seq, RECEIVED),
    )
    assert found == [("",), ('["mount", null]',), ('["camera", null]',)]
