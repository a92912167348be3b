"""Lockout in random orders of jobs, locks, polls, repeats, leases, restarts: only stops leave while locked.

The orders run against a real store. Beside each order stands a plain account of the open locks.
"""

from random import Random

import pytest

from prjobs.access.audit import Actor
from prjobs.access.identity import Identity
from prjobs.base.errors import LockedOut
from prjobs.base.settings import Settings
from prjobs.jobs import expiry, leases, locking, making_safe, proofs, submission
from prjobs.jobs.locking import Asked
from prjobs.jobs.requests import Command
from prjobs.opening import close_appliance
from tests.stores import open_appliance
from tests.verbs import report, submit, take

ANN = Actor("auth0|ann", "tests", is_staff=True)
JOBS = [("mount", "go"), ("mount", "park"), ("enclosure", "close"), ("camera", "expose")]
# A lock of saf or of the station wema holds both.
SET = Settings(stations=["wema=saf"], redeliver="once", stop_settle_s=0)
STEPS = 400


class Walk:
    """A random walk: `locks` has the end of each open lock, `keys` the jobs that a repeated newjob must give."""

    def __init__(self, folder, clock, seed):
        self.folder, self.clock, self.chance = folder, clock, Random(seed)
        self.appliance, _ = open_appliance(folder, SET, clock)
        self.locks, self.keys, self.port = {}, {}, 1000
        self.asked, self.left, self.counts = {}, [], {"locked": 0, "open": 0}

    def site(self):
        return self.chance.choices(["saf", "wema"], [4, 1])[0]

    # ---- users

    def newjob(self):
        device, action = self.chance.choice(JOBS)
        site, key = self.site(), self.chance.choice([None, "a", "b"])
        named = f"{site} {device} {action} {key}" if key else None
        try:
            row = submit(self.appliance, site=site, device=device, action=action, idempotency_key=named)
        except LockedOut:
            assert self.locks and named not in self.keys
            return
        assert not self.locks or self.keys[named] == row.ulid
        if named:
            self.keys[named] = row.ulid

    def stop(self):
        row = submit(self.appliance, site=self.site(), device="all", instance="all", action="cancel_all_commands")
        assert row.status == "UNREAD"

    def cloud_import(self):
        queue, (device, action) = self.appliance.queue, self.chance.choice(JOBS)
        command = Command(self.site(), device, "i", action, "u", "U", "[]", "{}", "{}", {})
        row = submission.new_row(queue, command, *queue.ulids.next(), origin="cloud")
        queue.database.write(submission.insert_row, queue, row, "cloud")

    def make_safe(self):
        making_safe.begin(self.appliance.queue, "saf", "wema", Identity("auth0|ann", "Ann"), ANN)

    def lock(self):
        seconds = self.chance.choice([None, 5, 60])
        until_ms = None if seconds is None else self.clock.now_ms() + seconds * 1000
        asked = Asked(site=self.site(), user_id="auth0|ann", user_name="Ann", reason="r", until_ms=until_ms)
        self.locks[locking.lock(self.appliance.queue, asked, ANN).lock.id] = until_ms

    def unlock(self):
        if self.locks:
            number = self.chance.choice(sorted(self.locks))
            locking.unlock(self.appliance.queue, number, ANN)
            del self.locks[number]

    # ---- programs

    def poll(self):
        self.asked = {
            "site": self.site(),
            "poll_id": self.chance.choice([None, "one", f"{self.port}"]),
            "alternate": self.chance.random() < 0.2,
            "device": self.chance.choice([None, None, "mount"]),
            "lease_s": self.chance.choice([None, None, 3]),
        }
        self.poll_again()

    def poll_again(self):
        """Ask as before: the answer was lost, or the program always asks so."""
        if not self.asked:
            return
        self.port += self.chance.random() < 0.5
        rows = take(self.appliance, peer=f"127.0.0.1:{self.port}", **self.asked)
        assert not self.locks or {row.command_class for row in rows} <= {"stop"}
        self.counts["locked" if self.locks else "open"] += len(rows)
        if not self.asked["alternate"]:
            self.left = [*self.left, *rows][-20:]

    def report(self):
        if self.left:
            report(self.appliance, self.chance.choice(self.left), self.chance.choice(["STARTED", "COMPLETE", "FAILED"]))

    def connection_ends(self):
        proofs.connection_ended(self.appliance.queue, f"127.0.0.1:{self.port}")

    # ---- the appliance

    def time_passes(self):
        self.clock.advance(self.chance.choice([1, 1, 4, 20, 700]))
        for once in (locking.end_over_once, leases.return_once, expiry.expire_once, making_safe.advance_once):
            once(self.appliance.queue)
        now_ms = self.clock.now_ms()
        self.locks = {one: until for one, until in self.locks.items() if until is None or until > now_ms}

    def restart(self):
        if self.chance.random() < 0.5:
            close_appliance(self.appliance, self.folder)
        else:
            self.appliance.queue.database.close()
        self.appliance, _ = open_appliance(self.folder, SET, self.clock)

    def step(self):
        weights = {
            self.newjob: 8,
            self.cloud_import: 3,
            self.poll: 6,
            self.poll_again: 8,
            self.lock: 3,
            self.unlock: 5,
            self.time_passes: 3,
            self.report: 2,
            self.connection_ends: 2,
            self.stop: 1,
            self.make_safe: 0.3,
            self.restart: 0.3,
        }
        self.chance.choices(list(weights), list(weights.values()))[0]()
        held = {"saf", "wema"} if self.locks else set()
        assert self.appliance.queue.lockouts.held == held
        assert {one.id for one in self.appliance.queue.lockouts.open} == set(self.locks)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))])
def test_only_stops_leave_while_locked_in_any_order(folder, clock, patient, seed):
    walk = Walk(folder, clock, seed)
    try:
        for _ in range(STEPS):
            walk.step()
    finally:
        close_appliance(walk.appliance, folder)
    # Jobs left while the sites were unlocked, and stops while they were locked: the order had both.
    assert walk.counts["open"] > 20 and walk.counts["locked"] > 0
