"""Short stories in which one safeguard decides. Each takes timings, plays, and returns what went wrong, or None."""

from collections.abc import Callable
from typing import Any

from prjobs.access.audit import Actor
from prjobs.cloud import backlog
from prjobs.cloud.forwarding import Forwarder
from prjobs.cloud.network import Failure
from prjobs.cloud.timings import Timings
from prjobs.cloud.wire import status_body
from prjobs.jobs import reports, submission
from prjobs.jobs.requests import Command, StatusUpdate
from tests.cloud.model import SITE, Crash, LateEffect, World, _report, _take
from tests.cloud.model import PollRequest as Poll


def told(timings: Timings, **settings: Any) -> World:
    """A world without chance faults."""
    world = World(0, timings, **settings)
    world.faultiness = 0.0
    world.plan = []
    world.next_fault = lambda: world.plan.pop(0) if world.plan else None
    return world


def verdict(world: World) -> str | None:
    """What the end shows."""
    report = world.report()
    world.close()
    bad = {name: report[name] for name in ("lost", "twice", "wrong", "unsent", "ran though cancelled") if report[name]}
    return str(bad) if bad else None


def take(world: World) -> list[str]:
    """One poll of the observatory; the ids it got."""
    rows = _take(world.appliance, Poll(SITE, False, 0.0, None, None, None, None), world.peer)
    world.received.update(row.ulid for row in rows)
    return [row.ulid for row in rows]


def take_all(world: World) -> list[str]:
    """Polls of the observatory until nothing waits; the ids it got."""
    got: list[str] = []
    while some := take(world):
        got += some
    return got


def report(world: World, ulid: str, status: str) -> None:
    """The observatory reports."""
    _report(world.appliance, StatusUpdate(SITE, ulid, status, -1, False), world.peer)


class AtOnce:
    """Sends a user's request in the thread that asks for it."""

    def add(self, work: Callable[[], None]) -> bool:
        work()
        return True


def forwarder(world: World) -> Forwarder:
    """The way to the cloud of a user's new job, without a wait for the decision."""
    return Forwarder(world.appliance.cloud, world.network, AtOnce(), patience_s=0.0)


def begin_backlog(world: World, since_ms: int, sites: list[str], take_in: bool) -> None:
    """A person asks for the jobs that waited in the cloud since then."""
    memory = world.appliance.cloud.memory
    memory.backlog = backlog.begin(world.settings, memory.backlog, since_ms, sites, take_in)


def first_contact(world: World) -> None:
    """The outage ends, and the link notices it when its pause is over."""
    world.outage_until_ms = 0
    for _ in range(4000):
        world.step(100)
        if world.appliance.cloud.memory.down_since_ms is None:
            return


def running(timings: Timings) -> tuple[World, str]:
    """A world whose observatory has one job, and does only what a test tells it; the world and the job."""
    world = told(timings)
    world.observing = False
    ulid = world.cloud.newjob(delay_ms=0)
    world.pass_time()
    assert take(world) == [ulid]
    return world, ulid


def verdict_on_ghosts(world: World) -> str | None:
    """What the end shows, and whether a report made a record of its own in the cloud."""
    ghosts = world.cloud.ghosts
    world.observing = True
    world.calm(600)
    return verdict(world) or (f"ghosts {ghosts}" if ghosts else None)


def late_effect(timings: Timings) -> str | None:
    """A status whose answer never came arrives 25 s later, after the job went on."""
    world, ulid = running(timings)
    world.pass_time(6)
    report(world, ulid, "STARTED")
    world.cloud.chance.seed(5)
    world.link.pusher.look()
    world.plan = ["late effect"]
    try:
        world.link.pusher.push_once({SITE})
    except Failure as failure:
        world.link.connection.failed(failure)
    report(world, ulid, "COMPLETE")
    world.pass_time(80)
    repaired = world.appliance.cloud.memory.counts["repaired"]
    return verdict(world) or (f"repaired {repaired}" if repaired else None)


def power_cut_in_flight(timings: Timings) -> str | None:
    """The power is cut while a status is on its way; it arrives after the start, when the job went on."""
    world, ulid = running(timings)
    world.pass_time(6)
    report(world, ulid, "STARTED")
    late = LateEffect(world.cloud, "updatejobstatus", status_body(SITE, ulid, "STARTED", -1))
    world.cloud.late.append((world.clock.true_ms + 28_000, late))
    world.stop()
    world.start()
    report(world, ulid, "COMPLETE")
    world.pass_time(120)
    repaired = world.appliance.cloud.memory.counts["repaired"]
    return verdict(world) or (f"repaired {repaired}" if repaired else None)


def store_fails_for_a_quarter_of_an_hour(timings: Timings) -> str | None:
    """New jobs cannot be stored for longer than the overlap, over several starts; then they can."""
    world = told(timings)
    world.cloud.newjob(delay_ms=0)
    world.pass_time()
    failing = True
    original = world.cut

    def cut(where: str) -> None:
        if failing and where == "import_before_commit":
            raise RuntimeError("the disk is full")
        original(where)

    world.cut = cut
    world.guarded(lambda appliance: object.__setattr__(appliance.queue.failpoints, "_cut", cut))
    world.cloud.newjob(delay_ms=0)
    for number in range(60):
        if number % 10 == 0:
            world.stop()
        try:
            world.step(15_000)
        except RuntimeError:
            continue
    failing = False
    world.stop()
    world.calm(300)
    return verdict(world)


def many_at_once(timings: Timings) -> str | None:
    """More jobs than a page holds come within the margin of a page."""
    world = told(timings)
    world.pass_time(6)
    for _ in range(150):
        world.cloud.newjob(delay_ms=0)
        world.clock.true_ms += 30
    world.calm(300)
    return verdict(world)


def cancel_over_pages(timings: Timings) -> str | None:
    """A cancel_all comes while more jobs wait than its page shows, and the cloud spares the newest of them."""
    world = told(timings)
    world.observing = False
    for _ in range(300):
        world.cloud.newjob(delay_ms=0)
        world.step(6000)
    world.cloud.newjob("cancel_all_commands", delay_ms=0)
    world.pass_time()
    world.observing = True
    world.calm(600)
    return verdict(world)


def cancel_before_they_run(timings: Timings) -> str | None:
    """A cancel_all comes while jobs wait."""
    world = told(timings)
    world.observing = False
    for _ in range(20):
        world.cloud.newjob(delay_ms=0)
        world.step(2000)
    world.cloud.newjob("cancel_all_commands", delay_ms=0)
    world.pass_time(8)
    for _ in range(30):
        world.poll()
        world.step(2000)
    world.observing = True
    world.calm(300)
    return verdict(world)


def reported_after_a_cancel(timings: Timings) -> str | None:
    """A job that runs is deleted by a cancel_all, and reported on afterwards."""
    world, ulid = running(timings)
    world.pass_time()
    world.cloud.newjob("cancel_all_commands", delay_ms=0)
    world.pass_time(20)
    report(world, ulid, "COMPLETE")
    world.pass_time(20)
    return verdict_on_ghosts(world)


def reported_during_an_outage_with_a_cancel(timings: Timings) -> str | None:
    """The same, while nobody could see the cancel_all; many jobs came since."""
    world, ulid = running(timings)
    world.pass_time()
    world.outage_until_ms = world.clock.true_ms + 86_400_000
    for number in range(400):
        # Neither the first page of the day nor the last ten minutes show it.
        world.cloud.newjob("cancel_all_commands" if number == 300 else "expose", delay_ms=0)
        world.step(20_000)
    report(world, ulid, "COMPLETE")
    first_contact(world)
    for _ in range(4):
        world.step(100)
    return verdict_on_ghosts(world)


def power_cut_after_a_report(timings: Timings) -> str | None:
    """The power is cut just after the first commit of a report; the observatory does not repeat it."""
    world, ulid = running(timings)
    report(world, ulid, "STARTED")
    world.pass_time()

    def cut(where: str) -> None:
        if where == "after the commit":
            world.cut = lambda _: None
            raise Crash(where)

    world.cut = cut
    update = StatusUpdate(SITE, ulid, "COMPLETE", -1, False)
    world.guarded(lambda appliance: reports.update_status(appliance.queue, update, world.peer))
    world.pass_time(120)
    return verdict(world)


def told_and_run_twice(timings: Timings) -> str | None:
    """A job of the site runs here, and its copy stands in the cloud with its marker."""
    world = told(timings)
    world.pass_time()
    command = Command(SITE, "camera", "c1", "expose", "u", "U", "[]", "{}", "{}", {})
    row = submission.submit_job(world.appliance.queue, command, Actor("u", "tests"))
    copy = world.cloud.newjob(delay_ms=0, optional_params={"prjobs_ulid": row.ulid})
    world.pass_time(120)
    ran, status = dict(world.received), world.cloud.status_of(copy)
    world.close()
    return None if (ran, status) == ({row.ulid: 1}, "FORWARDED") else f"ran {ran}, the copy is {status}"


def restart_in_the_middle_of_a_walk(timings: Timings) -> str | None:
    """After a day's outage a process has read the last ten minutes and a page of the day; the next one goes on."""
    world = told(timings)
    world.observing = False
    world.pass_time(6)
    world.outage_until_ms = world.clock.true_ms + 86_400_000
    for _ in range(400):
        world.cloud.newjob(delay_ms=0)
        world.step(200_000)
    first_contact(world)
    world.stop()
    world.observing = True
    world.calm(900)
    return verdict(world)


STORIES = (
    late_effect,
    power_cut_in_flight,
    store_fails_for_a_quarter_of_an_hour,
    many_at_once,
    cancel_over_pages,
    cancel_before_they_run,
    reported_after_a_cancel,
    reported_during_an_outage_with_a_cancel,
    power_cut_after_a_report,
    told_and_run_twice,
    restart_in_the_middle_of_a_walk,
)
