"""The package for observatory programs against a real server."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ulid import ULID

from prjobs.client import Client
from prjobs.observatory import Job, Observatory
from prjobs.observatory.work import INTERRUPTED
from prjobs.server import Server
from tests import verbs
from tests.program import Program
from tests.waiting import wait_for


class Site:
    """A program at saf, the jobs of a user there, and what became of each."""

    def __init__(self, url: str, token: str) -> None:
        self.program = Observatory(url, "saf")
        self._users = Client(url, token)
        self.ran: list[str] = []
        self.go_on = threading.Event()

    def send(self, device: str = "mount", action: str = "go", **required: Any) -> str:
        sent = self._users.new_job(
            "saf", device, f"{device}1", action, required, {}, user_id="auth0|alice", user_name="Alice A."
        )
        return str(sent["ulid"])

    def look(self, ulid: str) -> tuple[str, str]:
        """The status and message of a job."""
        job = self._users.api("GET", f"jobs/{ulid}")
        return job["status"], job["note"]

    def timeline(self, ulid: str) -> list[Any]:
        """The changes of a job, oldest first."""
        return list(self._users.api("GET", f"jobs/{ulid}")["timeline"])

    def await_status(self, ulid: str, status: str) -> str:
        """Wait for the status; return the message."""
        wait_for(lambda: self.look(ulid)[0] == status)
        return self.look(ulid)[1]


@pytest.fixture
def site(server: Server) -> Iterator[Site]:
    site = Site(server.url, verbs.make_token(server.appliance, "auth0|alice", "admin"))
    yield site
    site.go_on.set()
    site.program.close()


def test_a_return_is_complete_and_an_exception_is_failed_with_its_words(site: Site):
    @site.program.on("mount", "go", seconds=30)
    def go(job: Job) -> None:
        job.progress(0.5, "half way")
        if job.required.get("ra") == "99":
            raise ValueError("ra 99 h is not in the sky")

    with site.program:
        good, bad, unknown = site.send(ra="10"), site.send(ra="99"), site.send("camera", "expose")
        assert site.await_status(good, "COMPLETE") == ""
        assert site.await_status(bad, "FAILED") == "ra 99 h is not in the sky"
        assert site.await_status(unknown, "FAILED") == "this program knows no expose for a camera"


def test_jobs_of_one_device_run_one_after_another_and_devices_side_by_side(site: Site):
    together = threading.Barrier(2, timeout=20)

    @site.program.on("mount")
    @site.program.on("camera")
    def work(job: Job) -> None:
        site.ran.append(f"{job.device} {job.required['n']}")
        together.wait()

    with site.program:
        ulids = [site.send(device, "go", n=str(n)) for n in range(3) for device in ("mount", "camera")]
        for ulid in ulids:
            site.await_status(ulid, "COMPLETE")
    for device in ("mount", "camera"):
        assert [one for one in site.ran if one.startswith(device)] == [f"{device} {n}" for n in range(3)]


def test_a_stop_reaches_a_handler_that_blocks_and_ends_all_that_waits_but_closings(site: Site):
    stopped = []

    @site.program.on("mount", "go")
    def go(job: Job) -> None:
        site.ran.append(job.ulid)
        site.go_on.wait(60)
        stopped.append(job.stopped)
        job.progress(0.9)

    @site.program.on("enclosure", "close")
    @site.program.on("enclosure", "open")
    def roof(job: Job) -> None:
        site.ran.append(job.action)
        job.wait(20)

    @site.program.on_stop
    def stop(job: Job) -> None:
        site.ran.append(f"stop by {job.user_name}")

    with site.program:
        first, second, opening = site.send(), site.send(), site.send("enclosure", "open")
        site.send("enclosure", "close")
        wait_for(lambda: first in site.ran and "open" in site.ran)
        stop_ulid = site.send("all", "cancel_all_commands")
        assert site.await_status(stop_ulid, "COMPLETE") == "ended 2 running and 1 waiting jobs"
        for ulid in (first, second, opening):
            assert site.await_status(ulid, "ABORTED") == "stopped by Alice A."
        wait_for(lambda: "close" in site.ran)
        assert site.ran.index("stop by Alice A.") < site.ran.index("close")
        site.go_on.set()
        wait_for(lambda: stopped == [True])
        assert second not in site.ran
        # The lane is free again.
        third = site.send()
        assert site.await_status(third, "COMPLETE") == ""


def test_a_closing_is_kept_also_by_a_function_for_every_action(site: Site):
    @site.program.on("enclosure")
    def roof(job: Job) -> None:
        site.ran.append(job.action)
        if job.action == "open":
            job.wait(60)

    with site.program:
        opening, closing = site.send("enclosure", "open"), site.send("enclosure", "close")
        wait_for(lambda: site.ran == ["open"])
        stop = site.send("all", "cancel_all_commands")
        assert site.await_status(stop, "COMPLETE") == "ended 1 running and 0 waiting jobs"
        assert site.await_status(opening, "ABORTED") == "stopped by Alice A."
        assert site.await_status(closing, "COMPLETE") == ""


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), "soon", 10**400])
def test_an_estimate_that_is_none_holds_nothing_up(site: Site, seconds: Any):
    @site.program.on("mount", "go", seconds=seconds)
    def go(job: Job) -> None:
        job.progress(0.5, seconds_left=seconds)
        sys.exit(3)

    with site.program:
        for _ in range(2):
            assert site.await_status(site.send(), "FAILED") == "3"


@pytest.mark.slow
def test_reports_wait_through_an_outage_and_come_in_order(program: Program):
    program.serve()
    site = Site(program.url, program.token("auth0|alice", "--role", "admin"))

    @site.program.on("mount", "go")
    def go(job: Job) -> None:
        site.ran.append(job.ulid)
        site.go_on.wait(60)
        for step in range(3):
            job.progress(step / 3, f"step {step}")

    with site.program:
        ulid = site.send()
        wait_for(lambda: ulid in site.ran)
        program.kill()
        wait_for(lambda: not site.program.work.is_in_touch)
        site.go_on.set()
        wait_for(lambda: len(site.program.outbox) > 1)
        program.serve("--port", program.url.rpartition(":")[2])
        assert site.await_status(ulid, "COMPLETE") == ""
        said = [(one["status"], one["note"]) for one in site.timeline(ulid)]
        # The service takes reports of progress at a certain pace: some may be missing.
        assert said[-1] == ("COMPLETE", "") and said.index(("STARTED", "")) < len(said) - 1
        assert [status for status, _ in said].count("COMPLETE") == 1
        assert site.ran == [ulid]
    site.program.close()


PROGRAM = """
import sys, time
from prjobs.observatory import Observatory

site = Observatory(sys.argv[1], "saf")

@site.on("mount", "go", after_restart=sys.argv[2])
@site.on("mount", "home")
def work(job):
    print("ran", job.action, job.resumed, flush=True)
    if not job.resumed:
        time.sleep(600)

@site.on_stop
def stop(job):
    print("stopped", flush=True)
    time.sleep(600 if sys.argv[2] == "hang" else 0)

site.run()
"""


@pytest.fixture
def run_program(server: Server) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Run the program of `PROGRAM` as a process; all are killed at the end."""
    running: list[subprocess.Popen[str]] = []

    def run(after_restart: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PROGRAM, server.url, after_restart]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


def test_a_killed_program_finds_its_jobs_again(site: Site, run_program: Callable[[str], subprocess.Popen[str]]):
    killed = run_program("resume")
    going = site.send()
    assert killed.stdout is not None and killed.stdout.readline() == "ran go False\n"
    # The second one waits behind the first, and begins after the first one's end alone.
    waiting = site.send(action="home")
    wait_for(lambda: site.look(waiting)[0] == "RECEIVED")
    killed.kill()
    killed.wait()
    again = run_program("resume")
    assert again.stdout is not None and again.stdout.readline() == "ran go True\n"
    assert site.await_status(going, "COMPLETE") == ""


def test_a_job_of_a_killed_program_fails_unless_its_handler_says_otherwise(
    site: Site, run_program: Callable[[str], subprocess.Popen[str]]
):
    killed = run_program("fail")
    going = site.send()
    assert killed.stdout is not None and killed.stdout.readline() == "ran go False\n"
    killed.kill()
    killed.wait()
    run_program("fail")
    assert site.await_status(going, "FAILED") == INTERRUPTED


def test_a_stop_of_a_killed_program_is_carried_out_by_the_next(
    site: Site, run_program: Callable[[str], subprocess.Popen[str]]
):
    killed = run_program("hang")
    stop = site.send("all", "cancel_all_commands")
    assert killed.stdout is not None and killed.stdout.readline() == "stopped\n"
    killed.kill()
    killed.wait()
    again = run_program("fail")
    assert again.stdout is not None and again.stdout.readline() == "stopped\n"
    assert site.await_status(stop, "COMPLETE") == "ended 0 running and 0 waiting jobs"


@pytest.mark.parametrize(
    ("action", "after_stop_ms", "goes_on"),
    [
        ("go", -1, False),
        # By the clock of the cloud, which made the id: the stop may have come after the job.
        ("go", 60_000, False),
        ("go", 60_001, True),
        ("park", -1, False),
        ("park", 1, True),
    ],
)
def test_a_job_of_a_former_run_that_may_be_older_than_a_stop_fails(
    server: Server, action: str, after_stop_ms: int, goes_on: bool
):
    program = Observatory(server.url, "saf")
    for name in ("go", "park"):
        program.on("mount", name, after_restart="resume")(lambda job: None)
    stop, job = (
        {
            "ulid": str(ULID.from_timestamp(sent_ms / 1000)),
            "timestamp_ms": sent_ms,
            "deviceType": device,
            "deviceInstance": f"{device}1",
            "action": name,
            "statusId": f"{word}#saf",
            "required_params": {},
            "optional_params": {},
        }
        for device, name, word, sent_ms in (
            ("all", "cancel_all_commands", "COMPLETE", 1_796_000_000_000),
            ("mount", action, "STARTED", 1_796_000_000_000 + after_stop_ms),
        )
    )
    lanes, stops = program.work.find_interrupted([stop, job])
    assert (lanes, stops) == ([("mount", "mount1")] if goes_on else [], [])
    report = program.outbox.first()
    assert (report is None) == goes_on
    assert report is None or (report.ulid, report.status, report.message) == (job["ulid"], "FAILED", INTERRUPTED)
    assert program.work.find_interrupted([job]) == ([], [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"ulid": "01HF7YAT000000000000000001"},
        {"ulid": "01HF7YAT000000000000000002", "deviceType": "mount", "action": "go", "required_params": []},
        {"ulid": 3},
        "text",
        None,
    ],
)
def test_what_is_no_job_is_reported_and_harms_no_other(server: Server, wrong: Any):
    program = Observatory(server.url, "saf")
    program.on("mount")(lambda job: None)
    good = {
        "ulid": "01HF7YAT000000000000000009",
        "deviceType": "mount",
        "deviceInstance": "mount1",
        "action": "go",
        "required_params": {},
        "optional_params": {},
    }
    lanes, stops = program.work.take_in([wrong, good])
    assert (lanes, stops) == ([("mount", "mount1")], [])
    report = program.outbox.first()
    assert (report is None) == (not isinstance(wrong, dict) or wrong["ulid"] == 3)
    assert (
        report is None
        or (report.status, report.message) == ("FAILED", "the job has no deviceType")
        or (report.message == "the job has no deviceInstance")
    )


def test_a_job_that_uses_other_devices_waits_for_their_earlier_jobs_and_later_ones_wait_for_it(site: Site):
    began: list[str] = []

    def work(job: Job) -> None:
        began.append(job.action)
        site.go_on.wait(60)

    site.program.on("mount")(work)
    site.program.on("dome")(work)
    site.program.on("camera", uses=("Mount ", "focuser"))(work)
    sent = [site.send(*one) for one in (("mount", "go"), ("camera", "expose"), ("mount", "park"), ("dome", "open"))]
    with site.program:
        wait_for(lambda: len(began) == 2)
        for ulid, status in zip(sent, ("STARTED", "RECEIVED", "RECEIVED", "STARTED"), strict=True):
            site.await_status(ulid, status)
        site.go_on.set()
        for ulid in sent:
            site.await_status(ulid, "COMPLETE")
    assert sorted(began[:2]) == ["go", "open"] and began[2:] == ["expose", "park"]


def test_a_job_after_those_of_other_devices_does_not_hold_their_later_jobs(site: Site):
    began: list[str] = []

    def work(job: Job) -> None:
        began.append(job.action)
        site.go_on.wait(60)

    def roofs(job: Job) -> tuple[str, ...]:
        return ("dome",) if job.action == "go" else ()

    site.program.on("dome")(work)
    site.program.on("mount", after=roofs)(work)
    site.program.on("camera", after=lambda _job: [1])(work)
    with site.program:
        together = [site.send("mount", "go"), site.send("dome", "close"), site.send("camera", "expose")]
        for ulid in together:
            site.await_status(ulid, "STARTED")
        wait_for(lambda: len(began) == 3)
        behind = [site.send("dome", "open"), site.send("mount", "go")]
        site.go_on.set()
        for ulid in [*together, *behind]:
            site.await_status(ulid, "COMPLETE")
    assert began[3:] == ["open", "go"]


def test_a_stop_frees_the_devices_that_a_job_used(site: Site):
    site.program.on("camera", uses=["mount"])(lambda job: job.wait(600))
    site.program.on("mount")(lambda job: site.ran.append(job.action))
    with site.program:
        exposing, waiting = site.send("camera", "expose"), site.send()
        site.await_status(exposing, "STARTED")
        stop = site.send("all", "cancel_all_commands")
        after = site.send(action="home")
        site.await_status(after, "COMPLETE")
        for ulid, status in ((exposing, "ABORTED"), (stop, "COMPLETE")):
            site.await_status(ulid, status)
        assert site.look(waiting)[0] in ("ABORTED", "CANCELLED")
    assert site.ran == ["home"]


def test_progress_may_have_another_word(site: Site):
    @site.program.on("camera", "expose")
    def expose(job: Job) -> None:
        job.progress(0.5, "frame 2 of 2", 30, "EXPOSING")
        site.go_on.wait(60)

    with site.program:
        ulid = site.send("camera", "expose")
        assert site.await_status(ulid, "EXPOSING") == "50%: frame 2 of 2"


def test_a_service_that_holds_no_poll_is_not_asked_without_a_pause():
    class Quick(Client):
        """The original service: answers at once, whatever `wait` says."""

        polls = 0

        def get_new_jobs(self, *_: Any, **__: Any) -> list[Any]:
            self.polls += 1
            return []

        def get_recent_jobs(self, *_: Any, **__: Any) -> list[Any]:
            return []

    client = Quick("http://localhost")
    program = Observatory("", "saf", client=client)
    with program:
        wait_for(lambda: client.polls >= 2)
        thread_began = client.polls
        # A loop without a pause makes thousands of polls in this time.
        time.sleep(0.3)
        assert client.polls - thread_began <= 1


@contextmanager
def run_sample(name: str, url: str) -> Iterator[Callable[[], list[str]]]:
    """Run a program of the manual; the function kills the program and returns the printed lines."""
    page = (Path(__file__).parent.parent / "static/manual/observatory.md").read_text(encoding="utf-8")
    code = page.partition(f"<!-- {name} -->\n```python\n")[2].partition("```")[0]
    code = code.replace("http://127.0.0.1:8642", url)
    with subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True) as process:

        def end() -> list[str]:
            process.kill()
            assert process.stdout is not None
            return process.stdout.read().splitlines()

        try:
            yield end
        finally:
            process.kill()


def test_the_five_lines_of_the_manual_run(site: Site, server: Server):
    with run_sample("five", server.url) as end:
        assert site.await_status(site.send(ra="10.1", dec="41.3"), "COMPLETE") == ""
        unknown = site.await_status(site.send("camera", "expose"), "FAILED")
        assert unknown == "this program knows no expose for a camera"
        assert end() == ["slewing to 10.1 41.3"]


def test_the_whole_program_of_the_manual_runs(site: Site, server: Server):
    with run_sample("functions", server.url) as end:
        exposing = site.send("camera", "expose", time="0.2")
        for ulid in (site.send(ra="10.1", dec="41.3"), exposing, site.send("enclosure", "close")):
            assert site.await_status(ulid, "COMPLETE") == ""
        assert "EXPOSING" in [one["status"] for one in site.timeline(exposing)]
        assert site.await_status(site.send(action="spin"), "FAILED") == "this mount cannot spin"
        stop = site.send("all", "cancel_all_commands")
        assert site.await_status(stop, "COMPLETE") == "ended 0 running and 0 waiting jobs"
        lines = ["all motion ends, by Alice A.", "exposed 1", "slewing to 10.1 41.3", "the roof closes"]
        assert sorted(end()) == lines
