"""Hand-outs that were committed too late for their poll: what still leaves, with which poll, and what never does."""

import random
import sqlite3
import threading
from contextlib import suppress

import pytest

from prjobs.access import audit
from prjobs.base.errors import Conflict, Refused, Unavailable
from prjobs.base.settings import Settings
from prjobs.jobs import expiry, handouts, log, lookup, redelivery, submission, withdrawals
from prjobs.monitor import alarms
from prjobs.monitor.watching import Watch
from prjobs.opening import close_appliance, open_appliance
from tests.conftest import USER
from tests.test_queue import poll, report, take

ONE, TWO = "127.0.0.1:5000", "127.0.0.1:6000"
CANCEL_ALL = {"device": "all", "action": "cancel_all_commands"}


def settle(appliance):
    """What was given to the writer before is done now."""
    appliance.database.write(lambda transaction: None)


def status(appliance, job):
    return lookup.find_job(appliance, job.ulid).status


def ulids(*rows):
    return [row.ulid for row in rows]


def taken(appliance, peer=TWO, **poll):
    return ulids(*take(appliance, peer, **poll))


def miss(appliance, monkeypatch, peer=ONE, **poll):
    """A poll whose hand-out is committed after it was answered with an error."""
    answered = threading.Event()
    real = handouts._take

    def slow(transaction, *arguments):
        given = real(transaction, *arguments)
        answered.wait(10)
        return given

    with monkeypatch.context() as patched:
        patched.setattr(handouts, "_take", slow)
        patched.setattr(handouts, "TAKE_PATIENCE_S", 0.15)
        with pytest.raises(Unavailable):
            take(appliance, peer, **poll)
        answered.set()
    settle(appliance)


@pytest.fixture
def too_late(appliance, submit, monkeypatch):
    """A job whose hand-out is committed too late for its poll. Returns the job."""

    def too_late(job=None, peer=ONE, **poll):
        row = submit(**(job or {}))
        miss(appliance, monkeypatch, peer, **poll)
        assert status(appliance, row) == "RECEIVED"
        return row

    return too_late


def test_it_leaves_with_the_next_poll_once(appliance, too_late):
    job = too_late({"action": "stop"})
    assert taken(appliance) == [job.ulid]
    assert taken(appliance) == []


def test_what_waits_leaves_by_the_same_answer(appliance, submit, too_late):
    job = too_late()
    stop = submit(action="stop")
    assert taken(appliance) == [job.ulid, stop.ulid]
    assert taken(appliance) == []


def test_it_leaves_when_every_take_is_late(appliance, submit, too_late, monkeypatch):
    first, second = too_late(), submit()
    answered = threading.Event()
    real = handouts._take

    def slow(transaction, *arguments):
        given = real(transaction, *arguments)
        answered.wait(10)
        return given

    with monkeypatch.context() as patched:
        patched.setattr(handouts, "_take", slow)
        patched.setattr(handouts, "TAKE_PATIENCE_S", 0.15)
        assert taken(appliance) == [first.ulid]
        answered.set()
    settle(appliance)
    assert taken(appliance) == [second.ulid]
    assert taken(appliance) == []


def test_what_expired_meanwhile_never_leaves(appliance, too_late, clock):
    job = too_late()
    clock.advance(6 * 3600)
    expiry.expire_once(appliance)
    assert taken(appliance) == []
    settle(appliance)
    assert status(appliance, job) == "EXPIRED" and taken(appliance) == []


def test_cancel_all_withdraws_it(appliance, submit, too_late):
    job = too_late()
    stop = submit(**CANCEL_ALL)
    assert status(appliance, job) == "CANCELLED"
    assert taken(appliance) == [stop.ulid]


def test_cancel_all_in_the_same_commit_withdraws_it(appliance, submit, monkeypatch):
    """Its withdrawal runs before the hand-out is known to be late."""
    job, sent, answered = submit(), [], threading.Event()
    free, holds = threading.Event(), threading.Event()

    def hold(transaction):
        holds.set()
        free.wait(10)

    def poll():
        with pytest.raises(Unavailable):
            take(appliance)
        answered.set()

    queued = threading.Event()
    real = handouts._take

    def passing(transaction, *arguments):
        given = real(transaction, *arguments)
        queued.set()
        return given

    monkeypatch.setattr(handouts, "_take", passing)
    monkeypatch.setattr(handouts, "TAKE_PATIENCE_S", 0.3)
    appliance.database.post(hold)
    holds.wait(10)
    threads = [threading.Thread(target=poll), threading.Thread(target=lambda: sent.append(submit(**CANCEL_ALL)))]
    for thread in threads:
        thread.start()
        # The poll comes first into the writer's queue.
        while appliance.database._waiting.qsize() < 1 + threads.index(thread):
            assert thread.is_alive()
    # The commit of them both takes longer than the poll waits.
    appliance.database.post(lambda transaction: answered.wait(10))
    free.set()
    for thread in threads:
        thread.join(10)
    assert queued.is_set() and status(appliance, job) == "RECEIVED"
    assert taken(appliance) == ulids(*sent)
    settle(appliance)
    assert status(appliance, job) == "CANCELLED" and taken(appliance) == []


def test_a_cancel_all_that_is_refused_loses_nothing(appliance, submit, too_late, monkeypatch):
    job = too_late()

    def full(*arguments, **named):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(audit, "record_job", full)
        with pytest.raises(Refused):
            submit(**CANCEL_ALL)
    assert taken(appliance) == [job.ulid]


def test_staff_can_cancel_or_close_it(appliance, submit, too_late):
    cancelled, closed = submit(), too_late()
    assert withdrawals.cancel_job(appliance, cancelled.ulid, USER).status == "CANCELLED"
    assert withdrawals.close_job(appliance, closed.ulid, USER, "").status == "ABORTED"
    assert taken(appliance) == []


def test_once_it_left_it_cannot_be_cancelled(appliance, too_late):
    job = too_late()
    assert taken(appliance) == [job.ulid]
    with pytest.raises(Refused):
        withdrawals.cancel_job(appliance, job.ulid, USER)


def test_what_was_withdrawn_while_it_left_counts_as_handed_out(appliance, submit, too_late, monkeypatch):
    """The cancel is not on disk yet when the poll looks: the log says what really happened."""
    job = too_late()
    looked, cancelled = threading.Event(), threading.Event()
    real = withdrawals._cancel_job

    def slow(transaction, *arguments):
        row = real(transaction, *arguments)
        cancelled.set()
        looked.wait(10)
        return row

    monkeypatch.setattr(withdrawals, "_cancel_job", slow)
    staff = threading.Thread(target=lambda: withdrawals.cancel_job(appliance, job.ulid, USER))
    staff.start()
    cancelled.wait(10)
    assert taken(appliance) == [job.ulid]
    looked.set()
    staff.join(10)
    settle(appliance)
    assert status(appliance, job) == "RECEIVED"
    words = [row[2] for row in log.timeline(appliance.database, job.seq)]
    assert words == ["UNREAD", "RECEIVED", "CANCELLED", "RECEIVED"]
    assert taken(appliance) == []


def test_a_report_means_that_somebody_has_it(appliance, too_late):
    job = too_late()
    report(appliance, job, "STARTED")
    assert taken(appliance) == []


def test_what_waits_again_and_is_late_again_still_leaves(appliance, too_late):
    job = too_late()
    report(appliance, job, "UNREAD")
    appliance.handouts.keep_unsent(appliance.database.write(handouts._take, appliance, poll(), "primary", ONE, None))
    assert taken(appliance) == [job.ulid]
    assert taken(appliance) == []


def test_its_lease_begins_when_it_leaves(appliance, too_late, clock):
    job = too_late(lease_s=5)
    clock.advance(6)
    assert expiry.return_leased_once(appliance) == 0
    clock.advance(6)
    assert expiry.return_leased_once(appliance) == 0
    assert taken(appliance, lease_s=5) == [job.ulid]
    assert taken(appliance, lease_s=5) == []
    clock.advance(4)
    assert expiry.return_leased_once(appliance) == 0
    clock.advance(2)
    assert expiry.return_leased_once(appliance) == 1
    assert taken(appliance, lease_s=5) == [job.ulid]


def test_only_a_poll_that_asks_for_its_device_gets_it(appliance, too_late):
    job = too_late({"device": "camera"}, device="camera")
    assert taken(appliance, device="mount") == []
    assert taken(appliance, device="camera", instance="camera2") == []
    assert taken(appliance, device="camera", instance="camera1") == [job.ulid]
    assert taken(appliance, device="camera") == []


def test_a_hand_out_can_leave_in_parts(appliance, submit, monkeypatch):
    camera, mount = submit(device="camera"), submit(device="mount")
    miss(appliance, monkeypatch, poll_id="a")
    assert taken(appliance, device="camera", poll_id="b") == [camera.ulid]
    assert taken(appliance, device="mount", poll_id="c") == [mount.ulid]
    assert taken(appliance, device="camera", poll_id="b") == [camera.ulid]
    assert taken(appliance, device="mount", poll_id="c") == [mount.ulid]
    settle(appliance)
    assert taken(appliance, poll_id="a") == taken(appliance) == []


def test_a_repeated_poll_gets_what_it_got_whoever_took_it(appliance, submit, too_late):
    job = too_late(poll_id="a")
    fresh = submit()
    assert taken(appliance, ONE, poll_id="b") == [job.ulid, fresh.ulid]
    assert taken(appliance, TWO, poll_id="b") == [job.ulid, fresh.ulid]
    assert taken(appliance, poll_id="a") == taken(appliance, poll_id="c") == taken(appliance) == []


def test_a_repeated_poll_gets_it_after_a_restart_too(folder, clock, appliance, submit, too_late):
    job = too_late(poll_id="a")
    assert taken(appliance, poll_id="b") == [job.ulid]
    close_appliance(appliance, folder)
    second, _ = open_appliance(folder, Settings(), clock)
    assert taken(second, poll_id="a") == []
    assert taken(second, poll_id="b") == [job.ulid]
    close_appliance(second, folder)


def test_parts_do_not_come_twice_after_a_restart(folder, clock, appliance, submit, monkeypatch):
    camera, mount = submit(device="camera"), submit(device="mount")
    miss(appliance, monkeypatch, poll_id="a")
    assert taken(appliance, device="camera", poll_id="b") == [camera.ulid]
    assert taken(appliance, device="mount", poll_id="c") == [mount.ulid]
    close_appliance(appliance, folder)
    second, _ = open_appliance(folder, Settings(), clock)
    assert [taken(second, poll_id=name) for name in "abc"] == [[], [], []]
    close_appliance(second, folder)


def test_the_poll_that_missed_it_gets_it_by_its_poll_id(appliance, submit, too_late):
    job = too_late(poll_id="a")
    assert taken(appliance, poll_id="a") == taken(appliance, poll_id="a") == [job.ulid]
    assert taken(appliance) == []


def test_two_polls_at_once_do_not_both_get_it(appliance, too_late, monkeypatch):
    job = too_late()
    both, got = threading.Barrier(2), []
    real = appliance.failpoints.passing
    monkeypatch.setattr(type(appliance.failpoints), "passing", lambda _, name: (both.wait(10), real(name)))
    threads = [threading.Thread(target=lambda peer=peer: got.append(taken(appliance, peer))) for peer in (ONE, TWO)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(got) == [[], [job.ulid]]


def test_after_a_clean_stop_it_waits_again(folder, clock, appliance, too_late):
    job = too_late(lease_s=30)
    close_appliance(appliance, folder)
    second, start = open_appliance(folder, Settings(), clock)
    assert (start.waiting, start.picked_up) == (1, 0)
    last = log.timeline(second.database, job.seq)[-1]
    assert (last[2], last[6]) == ("UNREAD", "it was stored too late for its poll and never left: it waits again")
    assert second.database.fetch("SELECT * FROM lease") == []
    assert second.database.fetch("SELECT state FROM handout") == [("RETURNED",)]
    assert taken(second) == [job.ulid] and taken(second) == []
    close_appliance(second, folder)


def test_a_clean_stop_gives_nothing_back_that_left_or_was_withdrawn(folder, clock, appliance, submit, too_late):
    left, withdrawn = submit(), too_late()
    withdrawals.cancel_job(appliance, withdrawn.ulid, USER)
    assert taken(appliance) == [left.ulid]
    close_appliance(appliance, folder)
    second, _ = open_appliance(folder, Settings(), clock)
    assert taken(second) == [] and status(second, withdrawn) == "CANCELLED"
    close_appliance(second, folder)


def test_a_stop_that_never_left_raises_the_alarm_of_one_that_waits(appliance, submit, too_late, clock):
    watch = Watch(appliance)
    stop = too_late({"action": "stop"})
    key = f"stop/{stop.ulid}"

    def raised():
        watch.once()
        return [alarm.key for alarm in alarms.list_alarms(appliance)]

    clock.advance(14)
    assert raised() == []
    clock.advance(2)
    assert raised() == [key]
    assert taken(appliance, ONE) == [stop.ulid]
    assert raised() == []


def test_a_stop_that_becomes_late_and_unsent_keeps_its_alarm(appliance, submit, clock, monkeypatch):
    watch = Watch(appliance)
    submit(action="stop")
    clock.advance(16)
    watch.once()
    miss(appliance, monkeypatch)
    watch.once()
    assert len(alarms.list_alarms(appliance)) == 1
    assert appliance.database.fetch("SELECT count(*) FROM alarm") == [(1,)]


def test_an_empty_poll_asks_nothing_more(appliance, monkeypatch):
    asked = []
    real = appliance.database.fetch
    monkeypatch.setattr(appliance.database, "fetch", lambda *query: asked.append(query) or real(*query))
    assert taken(appliance) == []
    assert len(asked) == 1


def test_it_is_no_hand_out_to_repeat(folder, clock, patient, monkeypatch):
    """`redeliver = once` looks at what left and was not confirmed."""
    appliance, _ = open_appliance(folder, Settings(redeliver="once"), clock)
    job = submission.submit_job(
        appliance, submission.Command("saf", "mount", "m", "go", "u", "U", "[]", "{}", "{}", {}), USER
    )
    miss(appliance, monkeypatch)
    handouts.connection_ended(appliance, ONE)
    settle(appliance)
    assert status(appliance, job) == "RECEIVED"
    assert taken(appliance, TWO) == [job.ulid]
    handouts.connection_ended(appliance, TWO)
    settle(appliance)
    notes = [row[6] for row in log.timeline(appliance.database, job.seq)]
    assert notes[-1] == redelivery.NOTE
    close_appliance(appliance, folder)


class Night:
    """A slow disk by chance: most hand-outs are late; programs with filters and poll_ids; cancels and repeats."""

    def __init__(self, appliance, submit, clock, seed):
        self.appliance, self.submit, self.clock = appliance, submit, clock
        self.chance = random.Random(seed)
        self.sent, self.withdrawn, self.number = [], set(), 0
        # Job -> the polls by which it left.
        self.left_by = {}
        self.lost = []

    def send(self):
        kind = self.chance.choice([{"device": "camera"}, {"device": "mount"}, {"action": "stop"}, CANCEL_ALL])
        if kind is CANCEL_ALL and self.chance.random() < 0.7:
            return
        if kind is CANCEL_ALL:
            self.withdrawn |= {ulid for ulid in self.sent if ulid not in self.left_by}
        self.sent.append(self.submit(**kind).ulid)

    def poll(self):
        self.number += 1
        name = f"poll-{self.number}" if self.chance.random() < 0.5 else None
        asked = poll(poll_id=name, device=self.chance.choice([None, "camera", "mount"]))
        if self.chance.random() < 0.6:
            # Committed, but its poll was answered with an error before.
            given = self.appliance.database.write(handouts._take, self.appliance, asked, "primary", ONE, None)
            self.appliance.handouts.keep_unsent(given)
        elif name and self.chance.random() < 0.5:
            handouts.take_jobs(self.appliance, asked, ONE, None)
            self.lost.append(asked)
        else:
            self.arrives(asked, name or self.number)

    def arrives(self, asked, name):
        rows = handouts.take_jobs(self.appliance, asked, self.chance.choice([ONE, TWO]), None)
        assert all(asked.device in (None, row.device) for row in rows)
        for row in rows:
            assert row.ulid not in self.withdrawn
            self.left_by.setdefault(row.ulid, set()).add(name)

    def repeat(self):
        if self.lost:
            asked = self.lost.pop(self.chance.randrange(len(self.lost)))
            self.arrives(asked, asked.poll_id)

    def cancel(self):
        waiting = [ulid for ulid in self.sent if ulid not in self.left_by and ulid not in self.withdrawn]
        if waiting:
            ulid = self.chance.choice(waiting)
            # What left by an answer that was lost is not to be cancelled.
            with suppress(Conflict):
                withdrawals.cancel_job(self.appliance, ulid, USER)
                self.withdrawn.add(ulid)

    def end(self):
        while self.lost:
            self.repeat()
        self.arrives(poll(), "last")
        settle(self.appliance)
        return {ulid: lookup.find_job(self.appliance, ulid).status for ulid in self.sent}


@pytest.mark.parametrize("seed", range(12))
def test_by_chance_nothing_is_lost_doubled_or_run_though_withdrawn(appliance, submit, clock, seed):
    night = Night(appliance, submit, clock, seed)
    steps = [night.send, night.send, night.poll, night.poll, night.repeat, night.cancel]
    for _ in range(250):
        night.chance.choice(steps)()
        clock.advance(0.5)
    words = night.end()
    assert {ulid for ulid, word in words.items() if word == "RECEIVED"} == set(night.left_by)
    assert {ulid for ulid, word in words.items() if word == "CANCELLED"} == night.withdrawn
    assert set(words.values()) == {"RECEIVED", "CANCELLED"}
    assert all(len(polls) == 1 for polls in night.left_by.values())
