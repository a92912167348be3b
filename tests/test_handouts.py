"""What becomes of an answer that gave jobs away: proved, in doubt, flushed, repeated."""

import threading

import pytest

from prjobs.base.errors import Unavailable
from prjobs.base.settings import Settings
from prjobs.jobs import handouts, leases, lookup, proofs, submission, withdrawals
from prjobs.jobs.requests import Command
from prjobs.monitor import health
from prjobs.opening import close_appliance
from tests.stores import disk_full, open_appliance
from tests.verbs import USER, report, take

ONE, TWO = "127.0.0.1:5000", "127.0.0.1:6000"


def hand_outs(appliance):
    appliance.queue.database.write(lambda transaction: None)  # what was posted before is done now
    return appliance.queue.database.fetch("SELECT state, maybe_flushed, gap_ms, peer FROM handout ORDER BY id")


def states(appliance):
    return [row[0] for row in hand_outs(appliance)]


def test_the_next_request_on_the_connection_proves_the_answer(appliance, submit):
    submit()
    take(appliance, ONE)
    assert states(appliance) == ["OPEN"]
    proofs.heard(appliance.queue, ONE)
    assert states(appliance) == ["CONFIRMED"]


def test_the_end_of_the_connection_leaves_it_in_doubt_until_a_report_comes(appliance, submit):
    job = submit()
    take(appliance, ONE)
    proofs.connection_ended(appliance.queue, ONE)
    assert states(appliance) == ["UNCONFIRMED"]
    report(appliance, job, "STARTED")
    assert states(appliance) == ["CONFIRMED"]


def test_another_poller_leaves_it_in_doubt(appliance, submit):
    submit()
    take(appliance, ONE)
    take(appliance, TWO)
    proofs.heard(appliance.queue, ONE)
    assert states(appliance) == ["UNCONFIRMED"]


def test_a_restart_leaves_it_in_doubt(folder, clock):
    first, _ = open_appliance(folder, Settings(), clock)
    submission.submit_job(first.queue, Command("saf", "mount", "m", "go", "u", "U", "[]", "{}", "{}", {}), USER)
    take(first, ONE)
    close_appliance(first, folder)
    second, start = open_appliance(folder, Settings(), clock)
    assert states(second) == ["UNCONFIRMED"] and start.unconfirmed == 1 and start.clean
    assert proofs.count_unconfirmed(second.queue, 0) == 1
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
    first, second = submit(action="park"), submit(action="close")
    assert [row.ulid for row in take(appliance, poll_id="a")] == [first.ulid, second.ulid]
    third = submit(action="park")
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

    appliance.queue.database.post(hold)
    holds.wait(10)
    with pytest.raises(Unavailable):
        take(appliance)
    free.set()
    assert [row.ulid for row in take(appliance)] == [job.ulid]


# ---- what a repeated poll_id gives


def taken(appliance, peer=ONE, **poll):
    return [row.ulid for row in take(appliance, peer, **poll)]


def test_what_came_back_from_its_lease_goes_to_one_poll(appliance, submit, clock):
    job = submit()
    assert taken(appliance, poll_id="a", lease_s=10) == [job.ulid]
    clock.advance(11)
    assert leases.return_once(appliance.queue) == 1
    assert taken(appliance, TWO, poll_id="b", lease_s=10) == [job.ulid]
    assert taken(appliance, poll_id="a", lease_s=10) == []
    assert taken(appliance, TWO, poll_id="b", lease_s=10) == [job.ulid]


def test_what_staff_withdrew_or_closed_is_not_given_again(appliance, submit, clock):
    withdrawn, closed = submit(), submit()
    assert taken(appliance, poll_id="a", lease_s=10) == [withdrawn.ulid, closed.ulid]
    withdrawals.close_job(appliance.queue, closed.ulid, USER, "")
    clock.advance(11)
    leases.return_once(appliance.queue)
    withdrawals.cancel_job(appliance.queue, withdrawn.ulid, USER)
    assert taken(appliance, poll_id="a") == []


def test_what_a_cancel_all_came_after_is_not_given_again(appliance, submit):
    job = submit()
    assert taken(appliance, poll_id="a") == [job.ulid]
    stop = submit(device="all", action="cancel_all_commands")
    assert taken(appliance, poll_id="a") == [stop.ulid]
    hand_outs(appliance)
    assert lookup.find_job(appliance.queue.database, job.ulid).status == "CANCELLED"
    assert taken(appliance, poll_id="a") == [stop.ulid]


def test_what_expired_is_not_given_again(appliance, submit, clock):
    job = submit()
    clock.advance(500)
    assert taken(appliance, poll_id="a") == [job.ulid]
    clock.advance(120)
    assert taken(appliance, poll_id="a") == []
    hand_outs(appliance)
    assert lookup.find_job(appliance.queue.database, job.ulid).status == "EXPIRED"


def test_what_runs_is_given_again_and_what_is_finished_is_not(appliance, submit):
    runs, finished = submit(), submit()
    taken(appliance, poll_id="a")
    report(appliance, runs, "STARTED")
    report(appliance, finished, "COMPLETE")
    assert taken(appliance, poll_id="a") == [runs.ulid]


def test_the_ten_minutes_are_elapsed_time(appliance, submit, clock):
    job = submit(action="park")
    assert taken(appliance, poll_id="a") == [job.ulid]
    clock.step(3600)
    assert taken(appliance, TWO, poll_id="a") == [job.ulid]
    clock.step(-7200)
    clock.advance(601)
    assert taken(appliance, poll_id="a") == []


def test_a_repeated_poll_gives_the_same_after_a_restart(folder, clock, appliance, submit):
    job = submit()
    assert taken(appliance, poll_id="a") == [job.ulid]
    close_appliance(appliance, folder)
    second, _ = open_appliance(folder, Settings(), clock)
    assert taken(second, TWO, poll_id="a") == [job.ulid]
    assert taken(second, TWO, poll_id="a") == [job.ulid]
    close_appliance(second, folder)


def test_a_repeat_that_overtakes_the_commit_gets_the_same(appliance, submit):
    job, free, holds, got = submit(), threading.Event(), threading.Event(), []

    def hold(transaction):
        holds.set()
        free.wait(10)

    appliance.queue.database.post(hold)
    holds.wait(10)
    threads = [
        threading.Thread(target=lambda peer=peer: got.append(taken(appliance, peer, poll_id="a")))
        for peer in (ONE, TWO)
    ]
    for count, thread in enumerate(threads, 1):
        thread.start()
        while appliance.queue.database._writer._waiting.qsize() < count:
            assert thread.is_alive()
    free.set()
    for thread in threads:
        thread.join(10)
    assert got == [[job.ulid], [job.ulid]]
    assert len(states(appliance)) == 1


# ---- one store, many faults


def test_a_late_report_of_received_leases_the_job_again(appliance, submit, clock):
    """Without the lease the job would never come back from a program that dies after the report."""
    job = submit()
    assert taken(appliance, lease_s=10) == [job.ulid]
    for _ in range(2):
        clock.advance(11)
        assert leases.return_once(appliance.queue) == 1
        report(appliance, job, "RECEIVED")
        assert taken(appliance, TWO) == []
    clock.advance(11)
    assert leases.return_once(appliance.queue) == 1
    assert taken(appliance, TWO) == [job.ulid]


def test_a_lease_whose_commit_failed_leaves_nothing_behind(appliance, submit, monkeypatch):
    job = submit()
    real = handouts._take

    def full(*arguments):
        real(*arguments)
        raise disk_full()

    with monkeypatch.context() as patched:
        patched.setattr(handouts, "_take", full)
        with pytest.raises(Unavailable):
            take(appliance, lease_s=30)
    assert taken(appliance) == [job.ulid]
    report(appliance, job, "RECEIVED")
    assert lookup.find_job(appliance.queue.database, job.ulid).status == "RECEIVED"


@pytest.mark.parametrize(
    "damage",
    ["required_params = '{\"a\"'", "action = 'open'", "instance = x'ff'", "required_params = CAST(x'7bff' AS TEXT)"],
)
def test_a_damaged_job_is_set_aside_and_shown_and_the_others_leave(appliance, submit, damage):
    job, sound = submit(), submit(action="park")
    appliance.queue.database.write(lambda t: t.execute(f"UPDATE job SET {damage} WHERE seq = ?", (job.seq,)))
    assert taken(appliance) == [sound.ulid]
    assert taken(appliance, alternate=True) == [sound.ulid]
    log = appliance.queue.database.fetch(
        "SELECT queue, status, note FROM change WHERE job_seq = ? AND seq > 2", (job.seq,)
    )
    note = "it is damaged: it is not what was sent"
    assert log == [("both", "CANCELLED", note)]
    (notice,) = health.examine(appliance.queue).notices
    assert notice.code == "damaged_job" and job.ulid in notice.sentence


def test_programs_with_other_filters_do_not_doubt_each_other(appliance, submit, clock):
    camera = submit(device="camera")
    assert taken(appliance, ONE, device="camera") == [camera.ulid]
    assert taken(appliance, TWO, device="mount") == []
    assert states(appliance) == ["OPEN"]
    proofs.heard(appliance.queue, ONE)
    assert hand_outs(appliance)[0][:2] == ("CONFIRMED", 0)
    taken(appliance, ONE, device="camera")
    submit(device="camera")
    taken(appliance, ONE, device="camera")
    taken(appliance, TWO, device="camera")
    assert states(appliance) == ["CONFIRMED", "UNCONFIRMED"]
