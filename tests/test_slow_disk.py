"""Commits that take their time: a poll waits for its own, and what it gave up on goes back before anything else."""

import itertools
import json
import random
import sqlite3
import threading
import time
from collections import Counter
from contextlib import suppress

import pytest
import requests

from prjobs.base.errors import Refused, Unavailable
from prjobs.base.settings import Settings
from prjobs.jobs import handouts, lookup
from prjobs.opening import close_appliance, open_appliance
from tests.program import JOB, Program
from tests.slow import slow_down
from tests.verbs import poll, take
from tests.waiting import wait_for

ONE, TWO = "127.0.0.1:5000", "127.0.0.1:6000"
CANCEL_ALL = {"device": "all", "action": "cancel_all_commands"}


@pytest.fixture
def disk(monkeypatch):
    return slow_down(monkeypatch)


@pytest.fixture
def appliance(disk, folder, clock):
    opened, _ = open_appliance(folder, Settings(), clock)
    yield opened
    disk.delay_s = lambda: 0.0
    close_appliance(opened, folder)


def settle(appliance):
    """Everything that was given to the writer before is done now."""
    appliance.queue.database.write(lambda transaction: None)


def status(appliance, job):
    return lookup.find_job(appliance.queue.database, job.ulid).status


def states(appliance):
    return [state for (state,) in appliance.queue.database.fetch("SELECT state FROM handout ORDER BY id")]


def taken(appliance, peer=TWO, **parts):
    """The jobs of a poll that is asked again while the writer is busy."""
    while True:
        with suppress(Unavailable):
            return [row.ulid for row in take(appliance, peer, **parts)]


@pytest.fixture
def too_late(appliance, disk, monkeypatch):
    """A poll that gives up before its commit comes."""

    def too_late(**parts):
        monkeypatch.setattr(handouts, "COMMIT_S", 0.1)
        disk.delay_s = lambda: 0.5
        with pytest.raises(Unavailable, match="it is taken back"):
            take(appliance, ONE, **parts)
        disk.delay_s = lambda: 0.0
        monkeypatch.setattr(handouts, "COMMIT_S", 5.0)

    return too_late


def test_a_poll_waits_for_its_own_commit(appliance, disk, submit):
    job = submit()
    disk.delay_s = lambda: 0.6
    assert taken(appliance) == [job.ulid]
    assert states(appliance) == ["OPEN"]


def test_an_empty_poll_writes_nothing(appliance, disk):
    before = disk.commits
    assert taken(appliance) == [] and disk.commits == before


def test_what_a_poll_gave_up_on_goes_back_by_itself(appliance, submit, too_late):
    job = submit()
    too_late()
    while states(appliance) != ["RETURNED"]:
        time.sleep(0.01)
    assert status(appliance, job) == "UNREAD"
    assert taken(appliance) == [job.ulid] and taken(appliance) == []


@pytest.mark.parametrize("poll_id", ["a", "b"])
def test_a_repeat_does_not_overtake_it(appliance, submit, too_late, poll_id):
    job = submit()
    too_late(poll_id="a")
    assert taken(appliance, ONE, poll_id=poll_id) == [job.ulid]
    assert taken(appliance, TWO, poll_id="c") == []


def test_a_repeat_that_is_too_late_itself_leaves_the_first_answer_alone(appliance, submit, too_late):
    job = submit()
    assert taken(appliance, ONE, poll_id="a") == [job.ulid]
    too_late(poll_id="a")
    settle(appliance)
    assert status(appliance, job) == "RECEIVED" and taken(appliance, TWO) == []
    assert taken(appliance, ONE, poll_id="a") == [job.ulid]


def test_a_cancel_all_after_it_withdraws_it(appliance, submit, too_late):
    job = submit()
    too_late()
    stop = submit(**CANCEL_ALL)
    assert status(appliance, job) == "CANCELLED"
    assert taken(appliance) == [stop.ulid]


@pytest.mark.slow
def test_a_cancel_all_in_the_same_transaction_withdraws_it(appliance, submit, disk, monkeypatch):
    """The cancel_all finds the job taken; the look at newer stops when it is given back finds the cancel_all."""
    job = submit()
    monkeypatch.setattr(handouts, "COMMIT_S", 0.1)
    busy, go = threading.Event(), threading.Event()
    appliance.queue.database.post(lambda _: (busy.set(), go.wait(10)))
    busy.wait(10)
    disk.delay_s = lambda: 0.7
    polling = threading.Thread(target=lambda: suppress_refusals(lambda: take(appliance, ONE)))
    polling.start()
    waiting = appliance.queue.database._writer._waiting
    while waiting.qsize() < 1:
        time.sleep(0.001)
    stopping = threading.Thread(target=lambda: submit(**CANCEL_ALL))
    stopping.start()
    while waiting.qsize() < 2:
        time.sleep(0.001)
    go.set()
    polling.join(10)
    stopping.join(10)
    disk.delay_s = lambda: 0.0
    settle(appliance)
    assert status(appliance, job) == "CANCELLED"
    notes = appliance.queue.database.fetch("SELECT status, note FROM change WHERE job_seq = ? ORDER BY seq", (job.seq,))
    assert notes[-1][0] == "CANCELLED" and notes[-1][1].startswith("withdrawn by the stop of Alice A., ")


def suppress_refusals(act):
    with suppress(Refused):
        act()


def test_its_lease_ends(appliance, submit, too_late, clock):
    job = submit()
    too_late(lease_s=30)
    settle(appliance)
    assert appliance.queue.database.fetch("SELECT * FROM lease") == []
    assert (job.seq, "primary") not in appliance.queue.leases
    assert taken(appliance, lease_s=60) == [job.ulid]


def test_it_is_given_back_before_a_clean_stop(appliance, folder, clock, submit, too_late):
    job = submit()
    too_late()
    close_appliance(appliance, folder)
    again, start = open_appliance(folder, Settings(), clock)
    assert start.clean and start.unconfirmed == 0
    assert taken(again) == [job.ulid]
    close_appliance(again, folder)


def test_it_goes_back_although_the_disk_refuses_it_for_a_while(appliance, submit, disk, too_late, monkeypatch):
    job = submit()
    real = handouts.give_back

    def full(*arguments):
        real(*arguments)
        disk.full = 3 if failed == [] else 0
        failed.append(1)

    failed = []
    monkeypatch.setattr(handouts, "give_back", full)
    too_late()
    while states(appliance) != ["RETURNED"]:
        time.sleep(0.01)
    assert len(failed) == 2 and status(appliance, job) == "UNREAD"


def test_a_kill_before_it_goes_back_leaves_it_in_doubt(
    appliance, folder, clock, submit, too_late, monkeypatch, tmp_path
):
    """What the file holds at that moment, as a kill leaves it."""
    job = submit()
    copied = tmp_path / "killed"

    def copy(transaction, queue, given):
        with sqlite3.connect(folder.database) as source:
            source.execute("VACUUM INTO ?", (str(copied),))

    monkeypatch.setattr(handouts, "give_back", copy)
    too_late()
    settle(appliance)
    close_appliance(appliance, folder)
    for path in folder.path.glob("prjobs.sqlite3*"):
        path.unlink()
    copied.rename(folder.database)
    again, start = open_appliance(folder, Settings(), clock)
    assert not start.clean and start.unconfirmed == 1
    assert status(again, job) == "RECEIVED" and taken(again) == []
    close_appliance(again, folder)


# ---- by chance


class Night:
    """Programs that poll, users who send and stop, on a disk whose commits take what chance says."""

    def __init__(self, appliance, submit, seed):
        self.appliance, self.submit = appliance, submit
        self.chance = random.Random(seed)
        self.lock = threading.Lock()
        self.arrived, self.stops, self.late_answers, self.sent = [], [], 0, []

    def program(self, name, polls):
        for number in range(polls):
            repeat = True
            while repeat:
                repeat = self.ask(f"{name}-{number}", f"127.0.0.{name}:5000")

    def ask(self, poll_id, peer):
        """One poll; True when its answer was an error, so that the program asks again with the same poll_id."""
        asked = poll(poll_id=poll_id)
        begun = len(self.stops)
        try:
            rows = handouts.take_jobs(self.appliance.queue, asked, peer, None)
        except Unavailable:
            return self.chance.random() < 0.7
        with self.lock:
            # Stops that were answered before this poll began cover everything older.
            self.arrived += [(row.seq, begun) for row in rows]
        return False

    def users(self, jobs):
        for _ in range(jobs):
            if self.chance.random() < 0.2:
                stop = self.submit(**CANCEL_ALL)
                self.stops.append(stop.seq)
            else:
                self.sent.append(self.submit().seq)

    def check(self):
        seqs = [seq for seq, _ in self.arrived]
        assert len(seqs) == len(set(seqs)), "a job came twice"
        for seq, begun in self.arrived:
            assert not any(seq < stop for stop in self.stops[:begun]), "a job came after a cancel_all that covers it"
        found = self.appliance.queue.database.fetch("SELECT seq, status FROM job")
        silent = [seq for seq, status in found if status == "RECEIVED" and seq not in seqs]
        assert silent == [], "jobs are picked up, and nobody has them"


@pytest.mark.parametrize("seed", range(4))
def test_by_chance_nothing_is_lost_doubled_or_run_after_a_cancel_all(appliance, disk, submit, monkeypatch, seed):
    monkeypatch.setattr(handouts, "COMMIT_S", 0.03)
    night, chance = Night(appliance, submit, seed), random.Random(seed)
    disk.delay_s = lambda: chance.choice([0.0, 0.0, 0.01, 0.02, 0.05, 0.12])
    threads = [threading.Thread(target=night.program, args=(name, 25)) for name in (1, 2, 3)]
    threads.append(threading.Thread(target=night.users, args=(25,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    disk.delay_s = lambda: 0.0
    settle(appliance)
    night.check()


# ---- the program itself, with commits of 0.2, 2 and 8 s, and kills in between

SLOW_PROGRAM = """
import random, sys, time
from prjobs.cli import main
from prjobs.store.sqlite import SqliteEngine

DELAYS_S, real = [float(word) for word in sys.argv[1].split(",")], SqliteEngine.connect

class Slow:
    def __init__(self, connection):
        self._connection = connection

    def execute(self, sql, *parameters):
        if sql == "COMMIT":
            time.sleep(random.choice(DELAYS_S))
        return self._connection.execute(sql, *parameters)

    def __getattr__(self, name):
        return getattr(self._connection, name)

SqliteEngine.connect = lambda self: Slow(real(self))
sys.exit(main(sys.argv[2:]))
"""


class Campaign:
    """Two programs that repeat their polls until an answer comes, and a user who sends and stops."""

    def __init__(self, program, token, seed):
        self.program, self.token = program, token
        self.chance = random.Random(seed)
        self.over = threading.Event()
        self.arrived, self.sent, self.stops = [], [], []
        self.lock, self.numbers = threading.Lock(), itertools.count()

    def poll(self, name):
        with requests.Session() as session:
            while True:
                begun, number = len(self.stops), next(self.numbers)
                while (jobs := self.ask(session, f"{name}-{number}")) is None:
                    time.sleep(0.02)
                    if self.over.is_set():
                        return
                with self.lock:
                    self.arrived += [(job["ulid"], begun) for job in jobs]
                if self.over.is_set():
                    return
                time.sleep(0.02)

    def ask(self, session, poll_id):
        """The jobs of one poll; None when the answer is an error, or none came."""
        body = json.dumps({"site": "saf", "poll_id": poll_id})
        try:
            answer = session.post(f"{self.program.url}/getnewjobs", data=body, timeout=20)
        except requests.RequestException:
            return None
        return answer.json() if answer.status_code == 200 else None

    def send(self):
        while not self.over.is_set():
            stops = self.chance.random() < 0.15
            changes = {"device": "all", "action": "cancel_all_commands"} if stops else {}
            with suppress(requests.RequestException):
                answer = self.program.post("newjob", {**JOB, **changes}, self.token)
                if answer.status_code == 200:
                    (self.stops if stops else self.sent).append(answer.json()["ulid"])
            time.sleep(0.05)

    def run(self, seconds, *, until_sent):
        """Everything at once for a while, then a kill; `until_sent`: not before a new job was answered."""
        self.over.clear()
        work = [(self.poll, ("one",)), (self.poll, ("two",)), (self.send, ())]
        threads = [threading.Thread(target=act, args=words) for act, words in work]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        if until_sent:
            wait_for(lambda: self.sent)
        self.program.kill()
        self.over.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()

    def fetch_the_rest(self):
        """On a disk that is quick again, everything that waits arrives."""
        while jobs := self.program.post("getnewjobs", {"site": "saf", "poll_id": f"rest-{len(self.arrived)}"}).json():
            self.arrived += [(job["ulid"], len(self.stops)) for job in jobs]

    def check(self):
        ulids = [ulid for ulid, _ in self.arrived]
        # A stop that nothing proved is handed out once more.
        twice = {ulid for ulid, times in Counter(ulids).items() if times > (2 if ulid in self.stops else 1)}
        assert not twice, "a job came twice"
        for ulid, begun in self.arrived:
            assert not any(ulid < stop for stop in self.stops[:begun]), "a job came after a cancel_all that covers it"
        with sqlite3.connect(self.program.data / "prjobs.sqlite3") as connection:
            stored = dict(connection.execute("SELECT ulid, status FROM job"))
            in_doubt = {
                ulid
                for (ulid,) in connection.execute(
                    "SELECT j.ulid FROM handout h JOIN change c ON c.handout_id = h.id JOIN job j ON j.seq = c.job_seq "
                    "WHERE h.state = 'UNCONFIRMED'"
                )
            }
        for ulid in [*self.sent, *self.stops]:
            assert ulid in {*ulids, *in_doubt} or stored[ulid] == "CANCELLED", "a job is lost in silence"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("delays_s", "rounds"),
    [("0.2", 1), *(pytest.param(*size, marks=pytest.mark.long) for size in (("0.2", 3), ("0.2,2", 3), ("8", 2)))],
)
def test_kills_on_a_slow_disk(tmp_path, delays_s, rounds):
    program = Program(tmp_path / "program")
    program.serve()
    campaign = Campaign(program, program.token(), rounds)
    program.kill()
    program.launcher = ("-c", SLOW_PROGRAM, delays_s)
    for number in range(1, rounds + 1):
        program.serve()
        campaign.run(4 + 8 * campaign.chance.random() if delays_s == "8" else 4, until_sent=number == rounds)
    program.launcher = ("-m", "prjobs")
    program.serve()
    campaign.fetch_the_rest()
    program.kill()
    campaign.check()
    assert campaign.sent and (campaign.arrived or campaign.stops)


@pytest.mark.slow
def test_an_empty_poll_does_not_wait_for_a_slow_disk(tmp_path):
    program = Program(tmp_path / "program", ("-c", SLOW_PROGRAM, "1"))
    program.serve()
    token, answered = program.token(), []
    sending = threading.Thread(target=lambda: answered.append(program.new_job(token)))
    sending.start()
    while not answered:
        assert program.post("getnewjobs", {"site": "mrc"}).json() == []
        assert sending.is_alive() or answered
    sending.join()
    asked = program.post("getnewjobs", {"site": "saf"})
    assert [job["ulid"] for job in asked.json()] == [answered[0]["ulid"]]
    program.kill()
