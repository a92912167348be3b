"""hypothesis tells stories to the model; a failing one shrinks to something a person can read."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.cloud.model import CRASHES, DAY_MS, Crash, World
from tests.cloud.watching import Watch
from tests.lengths import TIMES


class Sync(RuleBasedStateMachine):
    """Users, the cloud, the network, the power and the clock, one step after the other."""

    world: World | None = None

    @initialize(seed=st.integers(0, 99))
    def start(self, seed):
        self.world = World(seed)
        self.world.faultiness = 0.0
        self.fault, self.crash_at = None, None
        self.world.next_fault = self._next_fault
        self.world.cut = self._cut
        self.watch = Watch(self.world)
        # The first look takes in one day; what is older is a person's decision.
        self.world.step(1000)

    def _next_fault(self):
        fault, self.fault = self.fault, None
        return fault

    def _cut(self, where):
        if where == self.crash_at:
            self.crash_at = None
            raise Crash(where)

    @rule(count=st.integers(1, 60), gap_ms=st.integers(25, 400))
    def users_send(self, count, gap_ms):
        for _ in range(count):
            self.world.cloud.newjob()
            self.world.clock.true_ms += gap_ms

    @rule()
    def users_cancel_all(self):
        self.world.cloud.newjob("cancel_all_commands")

    @rule(ms=st.sampled_from([1000, 7000, 40_000, 900_000]))
    def time_passes(self, ms):
        self.world.step(ms)

    @rule(fault=st.sampled_from(["lost request", "lost answer", "late effect", "portal", "5xx", "cut off", "429"]))
    def network_fails_once(self, fault):
        self.fault = fault

    @rule(where=st.sampled_from(CRASHES))
    def power_is_cut(self, where):
        self.crash_at = where

    @rule(ms=st.sampled_from([60_000, 3_600_000, 3 * DAY_MS]))
    def link_is_down(self, ms):
        self.world.outage_until_ms = self.world.clock.true_ms + ms
        self.world.step(ms + 1000)

    @rule(skew_ms=st.sampled_from([0, -3_600_000, DAY_MS, -400 * DAY_MS]))
    def clock_steps(self, skew_ms):
        self.world.clock.skew_ms = skew_ms

    @invariant()
    def holds(self):
        if self.world is not None:
            self.watch.check()

    def teardown(self):
        if self.world is None:
            return
        try:
            self.fault, self.crash_at, self.world.outage_until_ms = None, None, 0
            quiet = 0
            for count in range(400):
                self.world.step(40_000 if count % 20 == 0 else 1500)
                # A report of this very step is seen by the link in the next one.
                quiet = quiet + 1 if self.world.is_quiet() else 0
                if count > 60 and quiet > 2:
                    break
            self.watch.check()
            report = self.world.report()
            assert (report["lost"], report["twice"], report["wrong"], report["unsent"]) == (0, 0, 0, 0), report
        finally:
            self.world.close()


class TestSync(Sync.TestCase):
    settings = settings(max_examples=15, stateful_step_count=25)


@pytest.mark.long(about_s=40)
class TestSyncAtLength(Sync.TestCase):
    settings = settings(max_examples=100 * TIMES, stateful_step_count=25)
