"""Any order of jobs, stops, outages, lost answers and kills, in virtual time, on the real queue.

Each job begins at most once, nothing begins after a stop that came before it, and every outcome is reported once.
"""

import random
from collections import Counter

import pytest

from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.jobs import expiry, leases, log, lookup
from prjobs.jobs.states import is_finished
from prjobs.observatory.work import ENDED, NOT_BEGUN
from prjobs.opening import close_appliance
from tests import verbs
from tests.clocks import ManualClock
from tests.stepped import Direct, Stepped
from tests.stores import open_appliance

COMMANDS = {
    "go": "mount",
    "expose": "camera",
    "open": "enclosure",
    "close": "enclosure",
    "park": "mount",
    "flip": "moon",
}
KEPT = {"close", "park"}
NETS = ("up", "up", "away", "lost")
# How often a step comes, by its weight.
STEPS = {"send": 5, "send_stop": 2, "set_net": 3, "time_passes": 1, "poll": 1, "renew": 1, "go_on": 8, "end": 3}
STEPS |= {"stop_in_an_outage": 1, "carry_out_stop": 3, "kill": 0.5}
counts: Counter[str] = Counter()


class Story:
    """`begun`: how often each job began. `last_stop`: the newest stop's id. `starting`, `running`: jobs in lanes."""

    def __init__(self, folder, chance):
        self.folder, self.chance, self.clock = folder, chance, ManualClock()
        self.appliance, _ = open_appliance(self.folder, Settings(), self.clock)
        self.client = Direct(self.appliance)
        self.begun = Counter()
        self.last_stop = ""
        self.start_program()

    def start_program(self):
        self.program = Stepped("", "saf", client=self.client)
        for action, device in COMMANDS.items():
            if device != "moon":
                self.program.on(device, action)(lambda job: None)
        self.starting, self.running = [], []

    def tell(self, steps):
        """Take steps by chance, then let everything end."""
        for step in self.chance.choices(list(STEPS), list(STEPS.values()), k=steps):
            getattr(self, step)()
        self.settle()

    @property
    def work(self):
        return self.program.work

    def held_poll(self):
        """A poll that is held answers at once; without an answer the program is out of touch."""
        if self.work.is_in_touch:
            self.program.poll_once(0)

    # ---- what users and time do

    def send(self):
        action = self.chance.choice(list(COMMANDS))
        verbs.submit(self.appliance, device=COMMANDS[action], action=action)
        counts["jobs"] += 1
        self.held_poll()

    def send_stop(self):
        row = verbs.submit(self.appliance, device="all", action="cancel_all_commands")
        self.last_stop = row.ulid
        counts["stops"] += 1
        self.held_poll()

    def stop_in_an_outage(self):
        self.client.net = self.chance.choice(["away", "lost"])
        self.send_stop()

    def set_net(self):
        self.client.net = self.chance.choice(NETS)
        self.held_poll()
        counts["outages"] += self.client.net != "up"

    def time_passes(self):
        self.clock.advance(self.chance.choice([1, 30, 90]))
        leases.return_once(self.appliance.queue)
        expiry.expire_once(self.appliance.queue)
        self.held_poll()

    # ---- what the program's threads do

    def poll(self):
        self.program.poll_once(0)

    def report(self, reports=1):
        for _ in range(reports):
            self.program.report_once(0)

    def renew(self):
        if self.program.poll_once(0):
            self.program.renew_once()

    def go_on(self, reports=None, starts=None):
        """The lanes begin jobs, some reports are sent, and some handlers are called."""
        reports = self.chance.randint(0, 5) if reports is None else reports
        starts = self.chance.randint(0, 2) if starts is None else starts
        for lane in list(self.work._lanes):
            if job := self.work.begin(lane):
                self.starting.append(job)
        self.report(reports)
        for job in self.starting[:starts]:
            self.start(job)

    def start(self, job):
        if self.work.may_run(job):
            self.begun[job.ulid] += 1
            counts["begun"] += 1
            assert self.begun[job.ulid] == 1
            assert job.ulid > self.last_stop or job.action in KEPT
            assert self.program._stops.empty(), "a job began before a stop was carried out"
            self.starting.remove(job)
            assert not [other for other in self.running if other.lane == job.lane]
            self.running.append(job)
        elif job.is_over:
            self.starting.remove(job)

    def end(self):
        if self.running:
            job = self.running.pop(self.chance.randrange(len(self.running)))
            self.work.end(job, self.chance.choice(["COMPLETE", "FAILED"]), "as tested")

    def carry_out_stop(self):
        if self.program._stops.empty():
            return
        self.program.carry_out_stop(*self.program._stops.get())

    def kill(self):
        """The program is killed, and begins anew; handlers end with the process."""
        counts["kills"] += 1
        self.client.port += 1
        self.start_program()

    # ---- the end

    def settle(self):
        """With everything up again, all that was taken ends, and was told once."""
        self.client.net = "up"
        for _ in range(4):
            self.clock.advance(61)
            leases.return_once(self.appliance.queue)
            for _ in range(20):
                self.poll()
                while len(self.program.outbox):
                    self.report()
                while not self.program._stops.empty():
                    self.carry_out_stop()
                self.go_on(50, 50)
                for job in self.running:
                    self.work.end(job, "COMPLETE")
                self.running = []
        outcomes = {}
        for change in log.list_changes(self.appliance.queue.database, 0, ["saf"], limit=100_000):
            if change.who == "program" and is_finished(change.status):
                outcomes.setdefault(change.job.ulid, set()).add((change.status, change.note))
        assert {ulid: said for ulid, said in outcomes.items() if len(said) > 1} == {}
        for page in lookup.list_since(self.appliance.queue.database, "saf", 0):
            for row in page:
                assert is_finished(row.status), (row.status, row.action)
        counts["outcomes"] += len(outcomes)
        counts["stories"] += 1


@pytest.fixture
def tell(tmp_path):
    """Tell stories by number: the same number tells the same story."""

    def tell(numbers, steps=60):
        counts.clear()
        for number in numbers:
            folder = Folder(tmp_path / str(number))
            folder.create()
            story = Story(folder, random.Random(number))
            try:
                story.tell(steps)
            except BaseException:
                print("story", number)
                raise
            finally:
                close_appliance(story.appliance, folder)
        print(dict(counts))
        return counts

    return tell


@pytest.mark.slow
def test_in_any_order_each_job_begins_once_never_after_a_stop_and_is_reported_once(tell):
    told = tell(range(25))
    assert min(told[name] for name in ("begun", "stops", "kills", "outages", "outcomes")) > 10


@pytest.mark.long
def test_in_very_many_orders(tell):
    assert tell(range(1000, 1100), steps=100)["stories"] == 100


def test_the_words_of_the_package_are_those_of_the_queue():
    """The package stands alone, and so holds the words once more."""
    from prjobs.jobs.states import OPEN_PHASES, WORDS, phase_of

    assert {word for word in WORDS if is_finished(word)} - {"FORWARDED"} == ENDED
    assert {word for word in WORDS if phase_of(word) in OPEN_PHASES - {"running"}} | {"FORWARDED"} == NOT_BEGUN
