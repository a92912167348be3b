"""`redeliver = once`: what nothing confirmed is handed out once more, and never what must not come back."""

import logging

import pytest

from prjobs.base.settings import Settings
from prjobs.jobs import lookup, proofs, stops, submission, withdrawals
from prjobs.jobs.requests import Command
from prjobs.opening import close_appliance
from tests.cloud.model import run_plain_world
from tests.stores import open_appliance
from tests.verbs import USER, report, take

ONE, TWO = "127.0.0.1:5000", "127.0.0.1:6000"


@pytest.fixture
def opened(folder, clock, patient):
    """Opens the appliance, again and again."""
    opened = []

    def again(redeliver="once"):
        while opened:
            close_appliance(opened.pop(), folder)
        opened.append(open_appliance(folder, Settings(redeliver=redeliver), clock)[0])
        return opened[0]

    yield again
    while opened:
        close_appliance(opened.pop(), folder)


@pytest.fixture
def appliance(opened):
    return opened()


def send(appliance, action="go", device="mount"):
    return submission.submit_job(
        appliance.queue, Command("saf", device, "m", action, "u", "U", "[]", "{}", "{}", {}), USER
    )


def lose(appliance, peer=ONE, **poll):
    """The hand-out's connection ends; the ids that were in it."""
    rows = take(appliance, peer, **poll)
    proofs.connection_ended(appliance.queue, peer)
    appliance.queue.database.write(lambda _: None)
    return [row.ulid for row in rows]


def taken(appliance, peer=TWO, **poll):
    return [row.ulid for row in take(appliance, peer, **poll)]


def status(appliance, job):
    return lookup.find_job(appliance.queue.database, job.ulid).status


def test_it_is_handed_out_once_more_and_then_never(appliance):
    job = send(appliance)
    assert lose(appliance) == [job.ulid]
    assert lose(appliance) == [job.ulid]
    assert taken(appliance) == [] and status(appliance, job) == "RECEIVED"
    notes = appliance.queue.database.fetch("SELECT note FROM change WHERE status = 'UNREAD' AND queue = 'primary'")
    assert notes == [("nothing confirmed its hand-out: it is handed out once more",)]


def test_by_default_it_never_is(opened):
    appliance = opened("never")
    send(appliance)
    lose(appliance)
    assert taken(appliance) == []


def test_another_poller_gets_it_with_the_poll_after(appliance):
    job = send(appliance)
    assert taken(appliance, ONE) == [job.ulid]
    taken(appliance, TWO)
    appliance.queue.database.write(lambda _: None)
    if status(appliance, job) == "UNREAD":
        # It came back after that poll had looked.
        assert taken(appliance, TWO) == [job.ulid]
    assert appliance.queue.database.fetch("SELECT count(*) FROM handout") == [(2,)]


def test_the_poll_that_raises_the_doubt_gets_the_stop(opened):
    """A program with a connection for each poll, each of which stays open: the stop leaves with the next poll."""
    appliance = opened("never")
    for number in range(20):
        stop = send(appliance, "stop")
        peers = [f"127.0.0.1:{5000 + 3 * number + index}" for index in range(3)]
        assert [taken(appliance, peer) for peer in peers] == [[stop.ulid], [stop.ulid], []]


def test_a_poll_that_raises_no_doubt_writes_nothing(appliance):
    send(appliance)
    assert len(taken(appliance, ONE)) == 1
    proofs.heard(appliance.queue, ONE)
    appliance.queue.database.write(lambda _: None)
    seen = appliance.queue.database.fetch("SELECT count(*) FROM change")
    assert taken(appliance, TWO) == [] and appliance.queue.returning == set()
    assert appliance.queue.database.fetch("SELECT count(*) FROM change") == seen


def test_a_restart_hands_out_what_was_open(opened):
    appliance = opened()
    job = send(appliance)
    assert taken(appliance, ONE) == [job.ulid]
    appliance = opened()
    assert taken(appliance, ONE) == [job.ulid]
    appliance = opened()
    assert taken(appliance, ONE) == []


def test_what_was_in_doubt_before_the_setting_stays_so(opened):
    appliance = opened("never")
    send(appliance)
    lose(appliance)
    assert taken(opened("once")) == []


def test_a_confirmed_or_reported_job_does_not_come_back(appliance):
    confirmed, reported = send(appliance), None
    taken(appliance, ONE)
    proofs.heard(appliance.queue, ONE)
    reported = send(appliance)
    taken(appliance, ONE)
    report(appliance, reported, "STARTED")
    proofs.connection_ended(appliance.queue, ONE)
    appliance.queue.database.write(lambda _: None)
    assert taken(appliance) == [] and status(appliance, confirmed) == "RECEIVED"


def test_a_late_report_ends_it_and_proves_the_hand_out(appliance):
    job = send(appliance)
    lose(appliance)
    assert status(appliance, job) == "UNREAD"
    report(appliance, job, "STARTED")
    assert taken(appliance) == [] and proofs.count_unconfirmed(appliance.queue, 0) == 0


@pytest.mark.parametrize(("device", "action"), [("all", "cancel_all_commands"), ("mount", "stop"), ("camera", "STOP")])
@pytest.mark.parametrize("first", ["the stop", "the doubt"])
def test_what_a_stop_came_after_never_returns(appliance, device, action, first):
    job = send(appliance)
    assert taken(appliance, ONE) == [job.ulid]
    if first == "the stop":
        stop = send(appliance, action, device)
        proofs.connection_ended(appliance.queue, ONE)
        appliance.queue.database.write(lambda _: None)
        assert taken(appliance) == [stop.ulid]
    elif action == "cancel_all_commands":
        proofs.connection_ended(appliance.queue, ONE)
        appliance.queue.database.write(lambda _: None)
        stop = send(appliance, action, device)
        assert taken(appliance) == [stop.ulid] and status(appliance, job) == "CANCELLED"


def test_a_cancelled_one_never_returns(appliance):
    job = send(appliance)
    lose(appliance)
    withdrawals.cancel_job(appliance.queue, job.ulid, USER)
    assert taken(appliance) == [] and status(appliance, job) == "CANCELLED"


def test_a_stop_returns_unless_something_went_on_since(appliance, clock):
    stop = send(appliance, "stop")
    assert lose(appliance) == [stop.ulid]
    assert taken(appliance, ONE) == [stop.ulid]
    proofs.heard(appliance.queue, ONE)
    late = send(appliance, "stop")
    taken(appliance, ONE)
    clock.advance(5)
    newer = send(appliance)
    assert taken(appliance, ONE) == [newer.ulid]
    proofs.connection_ended(appliance.queue, ONE)
    appliance.queue.database.write(lambda _: None)
    assert late.ulid not in taken(appliance)


def test_it_expires_while_it_waits_again(appliance, clock):
    job = send(appliance)
    lose(appliance)
    clock.advance(601)
    assert taken(appliance) == [] and status(appliance, job) == "EXPIRED"


def test_the_alternate_queue_poll_ids_and_leases_are_left_alone(appliance):
    send(appliance, "park")
    lose(appliance, alternate=True)
    assert taken(appliance, alternate=True) == []
    assert len(lose(appliance, poll_id="a")) == 1
    assert taken(appliance, poll_id="b") == []
    send(appliance, "park")
    assert len(lose(appliance, lease_s=30)) == 1
    assert taken(appliance) == []


def test_the_alternate_queue_does_not_use_the_repetition_up(appliance):
    job = send(appliance, "park")
    assert taken(appliance, alternate=True) == [job.ulid]
    assert lose(appliance, TWO) == [job.ulid]
    assert taken(appliance) == [job.ulid]


@pytest.mark.sqlite("asks for the plans")
def test_it_does_not_walk_through_the_history(appliance, submit_many):
    row = lookup.find_job(appliance.queue.database, submit_many(appliance, 300)[0])
    plans = []

    class Explained:
        @staticmethod
        def fetch(sql, parameters):
            plans.extend(row[3] for row in appliance.queue.database.fetch(f"EXPLAIN QUERY PLAN {sql}", parameters))
            return appliance.queue.database.fetch(sql, parameters)

    for one in (row, row._replace(origin="cloud")):
        assert stops.covering_stop(Explained(), Settings(), one) is None
    assert plans and not [plan for plan in plans if plan.startswith("SCAN")]
    searched = [plan for plan in plans if plan.startswith("SEARCH")]
    assert all(any(index in plan for index in ("job_stop", "change_job_seq", "_fact_")) for plan in searched), plans


@pytest.fixture
def quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.sqlite("thousands of steps")
@pytest.mark.parametrize("seeds", [range(2, 5), pytest.param(range(20), marks=pytest.mark.long(about_s=60))])
def test_through_faults_less_is_missed_and_nothing_cancelled_runs(quiet, seeds):
    runs = {mode: [run_plain_world(400, seed, mode) for seed in seeds] for mode in ("never", "once")}
    for run in [*runs["never"], *runs["once"]]:
        assert (run["lost"], run["wrong"], run["ran though cancelled"]) == (0, 0, 0), run
    # Answers are counted: one answer after an outage has more jobs than all others, and one write more or less changes
    # which answers are lost.
    missed = {mode: sum(run["missed answers"] for run in found) for mode, found in runs.items()}
    assert missed["once"] < missed["never"] / 2
    # More than once for a job that is no stop, more than twice for a stop.
    assert {run["twice"] for run in runs["never"]} == {0}
