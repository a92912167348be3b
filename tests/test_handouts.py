"""What becomes of an answer that gave jobs away: proved, in doubt, flushed, repeated."""

import threading

import pytest

from prjobs import handouts, jobs, lookup
from prjobs.errors import Unavailable
from prjobs.opening import close_appliance, open_appliance
from prjobs.settings import Settings
from tests.conftest import USER
from tests.test_queue import report, take

ONE, TWO = "127.0.0.1:5000", "127.0.0.1:6000"


def hand_outs(appliance):
    appliance.database.write(lambda transaction: None)  # what was posted before is done now
    return appliance.database.fetch("SELECT state, maybe_flushed, gap_ms, peer FROM handout ORDER BY id")


def states(appliance):
    return [row[0] for row in hand_outs(appliance)]


def test_the_next_request_on_the_connection_proves_the_answer(appliance, submit):
    submit()
    take(appliance, ONE)
    assert states(appliance) == ["OPEN"]
    handouts.heard(appliance, ONE)
    assert states(appliance) == ["CONFIRMED"]


def test_the_end_of_the_connection_leaves_it_in_doubt_until_a_report_comes(appliance, submit):
    job = submit()
    take(appliance, ONE)
    handouts.connection_ended(appliance, ONE)
    assert states(appliance) == ["UNCONFIRMED"]
    report(appliance, job, "STARTED")
    assert states(appliance) == ["CONFIRMED"]


def test_another_poller_leaves_it_in_doubt(appliance, submit):
    submit()
    take(appliance, ONE)
    take(appliance, TWO)
    handouts.heard(appliance, ONE)
    assert states(appliance) == ["UNCONFIRMED"]


def test_a_restart_leaves_it_in_doubt(folder, clock):
    first, _ = open_appliance(folder, Settings(), clock)
    jobs.submit_job(first, jobs.Command("saf", "mount", "m", "go", "u", "U", "[]", "{}", "{}", {}), USER)
    take(first, ONE)
    close_appliance(first, folder)
    second, start = open_appliance(folder, Settings(), clock)
    assert states(second) == ["UNCONFIRMED"] and start.unconfirmed == 1 and start.clean
    assert handouts.unconfirmed(second, 0) == 1
    close_appliance(second, folder)


def test_two_polls_too_close_together_mark_the_first_ones_jobs(appliance, submit, clock):
    submit()
    take(appliance, ONE)
    clock.advance(2.4)
    take(appliance, ONE)
    assert [row[1] for row in hand_outs(appliance)] == [1]


@pytest.mark.parametrize("early", [True, False])
def test_what_is_reported_on_was_not_thrown_away(appliance, submit, clock, early):
    job, other = submit(), submit(device="mount")
    take(appliance, ONE)
    if early:
        report(appliance, job, "STARTED")
    clock.advance(1)
    take(appliance, ONE)
    assert [row[1] for row in hand_outs(appliance)] == [0 if early else 1]
    report(appliance, other, "STARTED")
    assert [row[:2] for row in hand_outs(appliance)] == [("CONFIRMED", 0)]


def test_a_poll_loop_and_a_long_poll_are_no_flush(appliance, submit, clock):
    submit()
    take(appliance, ONE)
    clock.advance(3)
    take(appliance, ONE)
    submit()
    take(appliance, ONE, wait_s=20)
    take(appliance, ONE, wait_s=20)
    assert [row[1] for row in hand_outs(appliance)] == [0, 0]


def test_each_hand_out_keeps_its_peer_and_the_gap_to_the_poll_before(appliance, submit, clock):
    take(appliance, ONE)
    clock.advance(12)
    submit()
    take(appliance, TWO)
    assert hand_outs(appliance)[0][2:] == (12_000, TWO)


def test_a_repeated_poll_id_gives_the_same_jobs_for_ten_minutes(appliance, submit, clock):
    first, second = submit(action="park"), submit(action="stop")
    assert [row.ulid for row in take(appliance, poll_id="a")] == [first.ulid, second.ulid]
    third = submit(action="stop")
    assert [row.ulid for row in take(appliance, TWO, poll_id="a")] == [first.ulid, second.ulid]
    assert [row.ulid for row in take(appliance, poll_id="b")] == [third.ulid]
    assert take(appliance, poll_id="a", alternate=True) != []
    assert take(appliance, site="mrc1", poll_id="a") == []
    clock.advance(601)
    assert take(appliance, poll_id="a") == []


def test_the_next_poll_id_proves_the_one_before_also_on_another_connection(appliance, submit):
    submit()
    take(appliance, ONE, poll_id="a")
    take(appliance, TWO, poll_id="b")
    assert states(appliance) == ["CONFIRMED"]


def test_a_poll_that_never_started_changes_nothing(appliance, submit, monkeypatch):
    job = submit(action="stop")
    monkeypatch.setattr(handouts, "TAKE_PATIENCE_S", 0.15)
    free, holds = threading.Event(), threading.Event()

    def hold(transaction):
        holds.set()
        free.wait(10)

    appliance.database.post(hold)
    holds.wait(10)
    with pytest.raises(Unavailable):
        take(appliance)
    free.set()
    assert [row.ulid for row in take(appliance)] == [job.ulid]


@pytest.fixture
def too_late(appliance, submit, monkeypatch):
    """A hand-out of one job that is committed after its poll was answered with nothing. Returns the job."""

    def too_late(**job):
        row = submit(**job)
        answered = threading.Event()
        real = handouts._take

        def slow(transaction, *arguments):
            handed = real(transaction, *arguments)
            answered.wait(10)
            return handed

        with monkeypatch.context() as patched:
            patched.setattr(handouts, "_take", slow)
            patched.setattr(handouts, "TAKE_PATIENCE_S", 0.15)
            with pytest.raises(Unavailable):
                take(appliance)
            answered.set()
        return row

    return too_late


def test_a_hand_out_that_was_committed_too_late_leaves_with_the_next_poll(appliance, too_late):
    job = too_late(action="stop")
    appliance.database.write(lambda transaction: None)
    assert [row.ulid for row in take(appliance)] == [job.ulid]
    assert take(appliance) == []


def test_a_hand_out_that_never_left_is_withdrawn_by_cancel_all(appliance, submit, too_late):
    job = too_late()
    stop = submit(device="all", action="cancel_all_commands")
    assert lookup.find_job(appliance, job.ulid).status == "CANCELLED"
    assert [row.ulid for row in take(appliance)] == [stop.ulid]
