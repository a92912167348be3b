"""A model of the queue, driven by hypothesis, against the real one: both queues, several sites."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from prjobs.base.errors import Conflict
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.jobs import expiry, log, reports, submission, withdrawals
from prjobs.jobs.requests import Command, StatusUpdate
from prjobs.jobs.states import is_finished
from prjobs.opening import close_appliance
from tests import stores
from tests.clocks import ManualClock
from tests.stores import open_appliance
from tests.verbs import USER, take

SITES = ("saf", "mrc1")
QUEUES = ("primary", "alternate")
STATUSES = ("UNREAD", "RECEIVED", "STARTED", "EXPOSING", "COMPLETE", "FAILED")
ACTIONS = {"go": 600, "stop": 0, "expose": 1800, "cancel_all_commands": 0, "park": 0}
STOPS = ("stop", "cancel_all_commands")


class QueueModel(RuleBasedStateMachine):
    """`self.model` is site -> ulid -> {queue: status, "born": elapsed, "action": …}."""

    ulids = Bundle("ulids")

    def __init__(self):
        super().__init__()
        self.temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.folder = Folder(Path(self.temporary.name))
        self.folder.create()
        self.clock = ManualClock()
        self.appliance, _ = open_appliance(self.folder, Settings(), self.clock)
        self.model = {site: {} for site in SITES}
        self.delivered = {queue: [] for queue in QUEUES}
        self.requeued = set()
        self.finished = set()

    def teardown(self):
        close_appliance(self.appliance, self.folder)
        stores.give_back(self.folder.path)
        self.temporary.cleanup()

    @rule(target=ulids, site=st.sampled_from(SITES), action=st.sampled_from(list(ACTIONS)))
    def submit(self, site, action):
        if action in STOPS:
            for job in self.model[site].values():
                if job["action"] != "park":
                    job.update({queue: "CANCELLED" for queue in QUEUES if job[queue] == "UNREAD"})
        device = "camera" if action == "expose" else "mount"
        row = submission.submit_job(
            self.appliance.queue, Command(site, device, "x", action, "u", "U", "[]", "{}", "{}", {}), USER
        )
        assert all(row.ulid > other for site_jobs in self.model.values() for other in site_jobs)
        self.model[site][row.ulid] = {"primary": "UNREAD", "alternate": "UNREAD", "action": action}
        self.model[site][row.ulid]["born"] = self.clock.elapsed
        return site, row.ulid

    def note_finished(self):
        for site_jobs in self.model.values():
            for ulid, job in site_jobs.items():
                self.finished |= {(ulid, queue) for queue in QUEUES if is_finished(job[queue])}

    def is_stale(self, job):
        limit = ACTIONS[job["action"]]
        return bool(limit) and self.clock.elapsed - job["born"] >= limit

    def is_withdrawn(self, site, ulid):
        """Return True if a stop came after the job."""
        jobs = self.model[site]
        return jobs[ulid]["action"] != "park" and any(
            job["action"] in STOPS and other > ulid for other, job in jobs.items()
        )

    def stored(self, ulid, queue):
        column = "status" if queue == "primary" else "alternate_status"
        return self.appliance.queue.database.fetch(f"SELECT {column} FROM job WHERE ulid = ?", (ulid,))[0][0]

    @rule(site=st.sampled_from(SITES), queue=st.sampled_from(QUEUES))
    def take(self, site, queue):
        got = [row.ulid for row in take(self.appliance, site=site, alternate=queue == "alternate")]
        waiting = {ulid: job for ulid, job in self.model[site].items() if job[queue] == "UNREAD"}
        fresh = [ulid for ulid, job in waiting.items() if not self.is_stale(job)]
        stops = [ulid for ulid in fresh if waiting[ulid]["action"] in STOPS]
        # A stop that nothing proved, or that the other of two programs got, may be given again; nothing else may.
        again = [ulid for ulid in got if ulid not in waiting]
        assert all(self.model[site][ulid]["action"] in STOPS for ulid in again)
        # Stops go alone: the other jobs, stale ones too, wait for the next poll.
        alone = stops or ([] if again else fresh)
        got = [ulid for ulid in got if ulid in waiting]
        assert got == sorted(alone)
        for ulid, job in waiting.items():
            if ulid in alone:
                job[queue] = "RECEIVED"
            elif ulid not in fresh:
                job[queue] = self.stored(ulid, queue) if stops or again else "EXPIRED"
                assert job[queue] in ("UNREAD", "EXPIRED")
        for ulid in got:
            is_stop = self.model[site][ulid]["action"] in STOPS
            assert is_stop or ulid not in self.delivered[queue] or (ulid, queue) in self.requeued
        self.delivered[queue] += got

    @rule(known=ulids, queue=st.sampled_from(QUEUES), status=st.sampled_from(STATUSES))
    def update(self, known, queue, status):
        self.note_finished()
        site, ulid = known
        job = self.model[site][ulid]
        report = StatusUpdate(site, ulid, status, 5, queue == "alternate")
        if status == "UNREAD" and ((ulid, queue) in self.finished or self.is_withdrawn(site, ulid)):
            try:
                reports.update_status(self.appliance.queue, report, "model")
            except Conflict:
                return
            raise AssertionError("a finished job, or one that a stop came after, became UNREAD")
        reports.update_status(self.appliance.queue, report, "model")
        job[queue] = status
        self.note_finished()
        if status == "UNREAD":
            self.requeued.add((ulid, queue))

    @rule(known=ulids)
    def cancel(self, known):
        site, ulid = known
        job = self.model[site][ulid]
        if job["primary"] == "UNREAD":
            try:
                withdrawals.cancel_job(self.appliance.queue, ulid, USER)
            except Conflict:
                # Another stop gave way to this stop, and only to a stop.
                assert job["action"] in STOPS
                return
            job.update({queue: "CANCELLED" for queue in QUEUES if job[queue] == "UNREAD"})
        else:
            try:
                withdrawals.cancel_job(self.appliance.queue, ulid, USER)
            except Conflict:
                return
            raise AssertionError("a job that was picked up was cancelled")

    @rule(seconds=st.sampled_from([1, 120, 700]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    @rule(seconds=st.sampled_from([-3600, 90_000]))
    def clock_steps(self, seconds):
        self.clock.step(seconds)

    @rule()
    def sweep(self):
        expiry.expire_once(self.appliance.queue)
        for job in [job for site_jobs in self.model.values() for job in site_jobs.values() if self.is_stale(job)]:
            job.update({queue: "EXPIRED" for queue in QUEUES if job[queue] == "UNREAD"})

    @precondition(lambda self: not self.requeued)
    @rule()
    def restart(self):
        """Nothing is lost; the clock is right again before, as after a reboot with a time server."""
        self.clock.wall_ms = max(self.clock.wall_ms, 1_700_000_000_000 + round(self.clock.elapsed * 1000))
        unread = [job for site_jobs in self.model.values() for job in site_jobs.values() if "UNREAD" in job.values()]
        if unread:
            return
        close_appliance(self.appliance, self.folder)
        self.appliance, _ = open_appliance(self.folder, Settings(), self.clock)
        for site_jobs in self.model.values():
            for ulid, job in site_jobs.items():
                for queue in QUEUES:
                    # A stop whose hand-out nothing proved is given once more.
                    if job["action"] in STOPS and job[queue] == "RECEIVED":
                        job[queue] = self.stored(ulid, queue)
                        assert job[queue] in ("RECEIVED", "UNREAD")

    @invariant()
    def the_store_says_the_same(self):
        rows = self.appliance.queue.database.fetch("SELECT site, ulid, status, alternate_status FROM job")
        stored = {(site, ulid): (status, alternate) for site, ulid, status, alternate in rows}
        assert stored == {
            (site, ulid): (job["primary"], job["alternate"])
            for site, site_jobs in self.model.items()
            for ulid, job in site_jobs.items()
        }

    @invariant()
    def the_log_ends_with_the_present_state(self):
        for site, site_jobs in self.model.items():
            for change in log.list_changes(self.appliance.queue.database, 0, [site], limit=10_000):
                site_jobs[change.job.ulid].setdefault("log", {})
                for queue in QUEUES if change.queue == "both" else [change.queue]:
                    site_jobs[change.job.ulid]["log"][queue] = change.status
            for job in site_jobs.values():
                assert job.pop("log") == {queue: job[queue] for queue in QUEUES}


TestQueueModel = QueueModel.TestCase
TestQueueModel.settings = settings(max_examples=60, stateful_step_count=30)
