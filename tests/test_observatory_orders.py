"""A stop, and other events, in the moments between two steps of a program of `prjobs.observatory`."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from prjobs.appliance import Appliance
from prjobs.client import Refused
from prjobs.jobs import log, lookup
from prjobs.observatory import Job, Stopped, observatory
from prjobs.observatory.outbox import TRIES, Outbox
from prjobs.observatory.work import Work
from tests import verbs
from tests.stepped import Direct, Stepped


class Calls(Direct):
    """Before the service takes a renewal of a lease, `meanwhile` is called; `made` are the words of the calls."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)
    # How often the service still answers reports with 500.
    defects = 0

    def __init__(self, appliance: Appliance) -> None:
        super().__init__(appliance)
        self.made: list[str] = []

    def get_new_jobs(self, *args: Any, **named: Any) -> Any:
        self.made.append("poll")
        return super().get_new_jobs(*args, **named)

    def update_job_status(self, site: str, ulid: str, new_status: str, *args: Any, **named: Any) -> Any:
        self.made.append(new_status)
        if self.defects:
            self.defects -= 1
            raise Refused(500, "Internal error", "internal")
        if new_status == "RECEIVED":
            self.meanwhile()
        return super().update_job_status(site, ulid, new_status, *args, **named)


class Site:
    """A program at saf whose steps the test takes, and a user there."""

    def __init__(self, appliance: Appliance) -> None:
        self.appliance, self.calls = appliance, Calls(appliance)
        self.program = Stepped("", "saf", client=self.calls)
        self.work = self.program.work

    def send(self, action: str = "go", device: str = "mount") -> str:
        return verbs.submit(self.appliance, device=device, action=action).ulid

    def stop(self) -> str:
        """Send a stop, which a held poll brings at once."""
        stop = self.send("cancel_all_commands", "all")
        self.program.poll_once(0)
        return stop

    def begin(self) -> Job | None:
        """Let the mount's lane begin its next job, as far as it may."""
        job = self.work.begin(("mount", "mount1"))
        self.report()
        return job if job and self.work.may_run(job) else None

    def report(self) -> None:
        while len(self.program.outbox):
            self.program.report_once(0)

    def carry_out_stops(self) -> None:
        while not self.program._stops.empty():
            given = self.program._stops.get()
            assert given
            self.program.carry_out_stop(*given)
        self.report()

    def told(self, ulid: str) -> list[tuple[str, str]]:
        """The reports on a job, oldest first."""
        changes = log.list_changes(self.appliance.queue.database, 0, ["saf"], limit=1000)
        return [(one.status, one.note) for one in changes if one.job.ulid == ulid and one.who == "program"]

    def status(self, ulid: str) -> str:
        rows = [row for page in lookup.list_since(self.appliance.queue.database, "saf", 0) for row in page]
        return next(row.status for row in rows if row.ulid == ulid)


@pytest.fixture
def site(appliance: Appliance) -> Site:
    site = Site(appliance)
    site.program.on("mount")(lambda job: None)
    return site


STOPPED = ("ABORTED", "stopped by Alice A.")


def test_a_stop_while_the_start_is_prepared_is_the_last_word(site: Site):
    def estimate(job: Job) -> float:
        site.stop()
        return 30.0

    site.program.on("mount", "go", seconds=estimate)(lambda job: None)
    ulid = site.send()
    site.program.poll_once(0)
    assert site.begin() is None
    site.carry_out_stops()
    assert site.told(ulid) == [STOPPED]


def test_a_stop_beside_the_report_of_the_start_is_the_last_word(site: Site):
    ulid = site.send()
    site.program.poll_once(0)
    assert site.work.begin(("mount", "mount1"))
    site.stop()
    site.carry_out_stops()
    assert site.told(ulid) == [("STARTED", ""), STOPPED]


@pytest.mark.parametrize("ending", ["return", "error", "stopped"])
def test_whatever_a_stopped_function_does_in_its_last_step_the_job_stays_stopped(site: Site, ending: str):
    def go(job: Job) -> None:
        stop.append(site.stop())
        if ending == "error":
            raise OSError("the mount was stopped")
        if ending == "stopped":
            job.check()

    stop: list[str] = []
    site.program.on("mount", "go")(go)
    ulid = site.send()
    site.program.poll_once(0)
    job = site.begin()
    assert job
    site.program.carry_out(job)
    site.carry_out_stops()
    assert site.told(ulid) == [("STARTED", ""), STOPPED]
    assert site.told(stop[0]) == [("COMPLETE", "ended 1 running and 0 waiting jobs")]


def test_a_job_that_was_complete_before_the_stop_stays_complete_also_before_its_report(site: Site):
    ulid = site.send()
    site.program.poll_once(0)
    job = site.begin()
    assert job
    site.program.carry_out(job)
    stop = site.stop()
    site.carry_out_stops()
    assert site.told(ulid) == [("STARTED", ""), ("COMPLETE", "")]
    assert site.told(stop) == [("COMPLETE", "ended 0 running and 0 waiting jobs")]


def test_a_message_about_a_stopped_job_does_not_make_it_complete(site: Site):
    ulid = site.send()
    site.program.poll_once(0)
    job = site.begin()
    assert job
    site.stop()
    site.program.add_message(job, "The tracking was ended.")
    site.work.end(job, "COMPLETE")
    site.carry_out_stops()
    assert site.told(ulid) == [("STARTED", ""), STOPPED]


def test_a_message_about_a_job_in_its_last_step_goes_with_the_outcome(site: Site):
    ulid = site.send()
    site.program.poll_once(0)
    job = site.begin()
    assert job
    site.program.add_message(job, "first")
    site.work.end(job, "COMPLETE")
    site.program.add_message(job, "second")
    site.report()
    assert site.told(ulid) == [("STARTED", ""), ("COMPLETE", "first"), ("COMPLETE", "second")]


@pytest.mark.parametrize("how_far", ["begun", "ended"])
def test_a_renewal_of_a_lease_is_never_the_last_word_on_a_begun_job(site: Site, how_far: str):
    """The lanes go on while a renewal is on the way."""

    def go_on() -> None:
        if (job := site.begin()) and how_far == "ended":
            site.work.end(job, "COMPLETE")
            site.report()

    ulids = [site.send(), site.send("home")]
    site.program.poll_once(0)
    site.calls.meanwhile = go_on
    site.program.renew_once()
    assert {word for ulid in ulids for word, _ in site.told(ulid)[1:]}.isdisjoint({"RECEIVED"})
    assert [site.status(ulid) for ulid in ulids] == {
        "begun": ["STARTED", "RECEIVED"],
        "ended": ["COMPLETE", "RECEIVED"],
    }[how_far]
    site.calls.meanwhile = lambda: None
    go_on()
    assert site.status(ulids[how_far == "ended"]) == {"begun": "STARTED", "ended": "COMPLETE"}[how_far]


def test_polls_come_between_renewals_of_many_leases_and_do_not_wait(site: Site):
    many = 2 * observatory.RENEWED_AT_ONCE + 1
    for _ in range(many):
        site.send()
    site.program.poll_once(0)
    site.calls.made.clear()
    site.program.renew_once()
    # A held poll would wait for a job, which nobody sends.
    while site.program._to_renew:
        assert site.program.poll_once(600)
    words = " ".join(site.calls.made).split("poll")
    assert [part.split().count("RECEIVED") for part in words] == [observatory.RENEWED_AT_ONCE] * 2 + [1]


def test_a_function_for_stops_that_ends_its_thread_fails_that_stop_alone(site: Site):
    @site.program.on_stop
    def end(_job: Job) -> None:
        raise SystemExit("no device answers")

    stop = site.stop()
    site.carry_out_stops()
    assert site.told(stop) == [("FAILED", "no device answers (ended 0 running and 0 waiting jobs)")]
    ulid = site.send()
    site.program.poll_once(0)
    assert site.begin()
    assert site.told(ulid) == [("STARTED", "")]


def document(ulid: str, action: str) -> dict[str, Any]:
    parts = {"deviceType": "mount", "deviceInstance": "mount1", "action": action}
    return {"ulid": ulid, **parts, "required_params": {}, "optional_params": {}, "user_name": "Ann"}


@pytest.mark.parametrize("is_running", [True, False])
def test_a_job_from_before_the_stop_ends_also_when_its_id_is_of_a_clock_ahead(is_running: bool):
    work, lane = Work(Outbox()), ("mount", "mount1")
    program = Stepped("http://127.0.0.1:8642", "saf")
    program.work = work
    program.on("mount")(lambda job: None)
    work.set_in_touch(True)
    work.take_in([document("9", "go")])
    job = work.begin(lane) if is_running else None
    if job:
        work._accepted(job, True)
        assert work.may_run(job)
    _, (stop,) = work.take_in([document("5", "stop")])
    assert [one.ulid for one in work.stop(stop)] == ["9"]
    work.stopped()
    if job:
        with pytest.raises(Stopped):
            job.check()
        work.end(job, "COMPLETE")
    work.take_in([document("6", "home")])
    following = work.begin(lane)
    assert following and following.ulid == "6"


@pytest.mark.parametrize(("defects", "told"), [(TRIES - 1, ["STARTED", "COMPLETE"]), (TRIES, ["STARTED"])])
def test_a_report_outlives_a_defect_of_the_service_and_holds_nothing_up_for_ever(
    site: Site, defects: int, told: list[str]
):
    first, second = site.send(), site.send()
    site.program.poll_once(0)
    job = site.begin()
    assert job
    site.calls.defects = defects
    site.work.end(job, "COMPLETE")
    site.report()
    assert [status for status, _ in site.told(first)] == told
    assert site.begin()
    assert [status for status, _ in site.told(second)] == ["STARTED"]


def test_the_end_of_the_program_waits_for_a_stop_under_way(site: Site):
    ended, reached = threading.Event(), threading.Event()

    def stop(_job: Job) -> None:
        reached.set()
        site.program._ending.wait(60)
        # The end of the program has begun, and the motions end only now.
        site.program.poll_once(0)
        ended.set()

    site.program.on_stop(stop)
    with site.program:
        ulid = site.send("cancel_all_commands", "all")
        assert reached.wait(60)
    assert ended.is_set()
    assert site.told(ulid) == [("COMPLETE", "ended 0 running and 0 waiting jobs")]
