"""The reporter for the deployed loop: a stand-in of its shape polls a real server, and the reports are read there."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from prjobs.base import catalogue
from prjobs.client import Client
from prjobs.observatory import report, reporter, seen_polls
from prjobs.observatory.reporter import INTERRUPTED, LOST, NOT_TAKEN
from prjobs.observatory.watched import Scan, wrap
from prjobs.server import Server
from tests import photon_ranch, verbs
from tests.program import Program
from tests.waiting import wait_for

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "static/manual/photon-ranch.md"


class Night:
    """A user of the site, and the program there with a reporter."""

    def __init__(self, url: str, token: str) -> None:
        self.url, self.site = url, "saf"
        self.users = Client(url, token)
        self.program: Any = None
        self.programs: list[Any] = []
        self.watcher: Any = None
        self.thread: threading.Thread | None = None
        self.crash: list[BaseException] = []

    def make(
        self,
        base: Any = photon_ranch.Observatory,
        with_class: bool = True,
        reports_to: str | None = None,
        **config: Any,
    ) -> Any:
        """Make the program, with the lines of the manual before the object is made, or after."""
        made = type("Observatory", (base,), {})
        settings = {"jobs": f"{self.url}/jobs/getnewjobs", "every_s": 0.03, **config}
        if with_class:
            self.watcher = report(made, reports_to)
        self.use(made(self.site, settings))
        if not with_class:
            self.watcher = report(self.program)
        return self.program

    def use(self, program: Any) -> None:
        """Take this program from now on; `end` ends all."""
        self.program = program
        self.programs.append(program)

    def begin(self) -> None:
        self.thread = threading.Thread(target=self._run, name="main loop", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.program.run()
        except BaseException as error:
            self.crash.append(error)

    def end(self) -> None:
        for program in self.programs:
            program.end()
        if self.program:
            if self.thread:
                self.thread.join(30)
            self.watcher.close()
            # A server that ends waits a moment for the connection of a program that has jobs.
            photon_ranch.reqs.close()

    def send(self, device: str = "mount", action: str = "go", instance: str | None = None, **required: Any) -> str:
        where = f"{device}1" if instance is None else instance
        whose = {"user_id": "auth0|alice", "user_name": "Alice A."}
        return str(self.users.new_job(self.site, device, where, action, required, **whose)["ulid"])

    def look(self, ulid: str) -> tuple[str, str]:
        """The status and message of a job."""
        job = self.users.api("GET", f"jobs/{ulid}")
        return job["status"], job["note"]

    def await_end(self, ulid: str, status: str) -> str:
        """Wait for the status; return the message."""
        wait_for(lambda: self.look(ulid)[0] == status)
        return self.look(ulid)[1]

    def words(self, ulid: str) -> list[str]:
        return [one["status"] for one in self.users.api("GET", f"jobs/{ulid}")["timeline"]]


@pytest.fixture
def night(server: Server) -> Iterator[Night]:
    night = Night(server.url, verbs.make_token(server.appliance, "auth0|alice", "admin"))
    yield night
    night.end()


@pytest.fixture
def running(night: Night) -> Night:
    night.make()
    night.begin()
    return night


def test_a_job_is_started_with_the_catalogues_estimate_and_complete(running: Night):
    ulid = running.send(ra="10.1", dec="41.2")
    assert running.await_end(ulid, "COMPLETE") == ""
    assert running.words(ulid) == ["UNREAD", "RECEIVED", "STARTED", "COMPLETE"]
    started = running.users.api("GET", f"jobs/{ulid}")["timeline"][2]
    assert started["estimate_s"] == catalogue.usual_seconds("mount", "go", {}, {}) > 0
    assert running.program.did == [("go", "main loop")]


def test_an_exception_is_failed_with_its_words_and_the_program_sees_it(running: Night):
    failed, after = running.send(fails="the mount lost its limits"), running.send()
    assert running.await_end(failed, "FAILED") == "the mount lost its limits"
    running.await_end(after, "COMPLETE")
    assert "failed: the mount lost its limits" in running.program.told


def test_what_the_program_says_of_a_job_is_its_message(running: Night):
    for required, status, message in (
        ({"tells": "Slewing to M31."}, "COMPLETE", "Slewing to M31."),
        ({"tells": "Refusing exposure request: not enabled."}, "FAILED", "Refusing exposure request: not enabled."),
        ({"answers": "refused"}, "FAILED", "refused"),
        ({"answers": "refused", "tells": "The sun is up."}, "FAILED", "The sun is up."),
        ({"answers": "done"}, "COMPLETE", ""),
        # A command that the program gives itself is no job.
        ({"own": 1}, "COMPLETE", ""),
    ):
        assert running.await_end(running.send("camera", "expose", **required), status) == message


def test_jobs_that_the_program_does_not_take_are_failed_with_its_words(running: Night):
    assert running.await_end(running.send("rotator", "move"), "FAILED") == "Request rejected as site has no rotator."
    safety = running.send("obs", "configure_sun_safety", "obs", mode="on")
    assert running.await_end(safety, "COMPLETE") == "Sun Safety on"
    assert running.await_end(running.send("obs", "make_coffee", "obs"), "FAILED") == NOT_TAKEN
    # The program reads no further than the command that has no mode.
    lost = [running.send("obs", "configure_sun_safety", "obs")]
    assert running.await_end(lost[0], "FAILED") == NOT_TAKEN
    assert running.await_end(running.send("enclosure", "open"), "FAILED") == reporter.NOT_BEGUN_BY_IT
    running.program.owners_only = True
    assert "owners alone" in running.await_end(running.send(), "FAILED")
    assert running.program.did == []


def test_a_job_that_ends_the_program_is_failed_with_the_reason(running: Night):
    ulid = running.send(instance="mount9")
    assert running.await_end(ulid, "FAILED") == "KeyError: 'mount9'"
    wait_for(lambda: running.crash)
    assert repr(running.crash[0]) == "KeyError('mount9')"


def test_sys_exit_in_a_device_is_reported_and_goes_on(running: Night):
    assert running.await_end(running.send(exits="no license"), "FAILED") == "no license"
    wait_for(lambda: running.crash)
    assert isinstance(running.crash[0], SystemExit)


def test_a_stop_is_reported_once_it_was_carried_out_with_what_it_ended(running: Night):
    going = running.send("camera", "expose", time=60)
    running.await_end(going, "STARTED")
    waiting = [running.send() for _ in range(2)]
    wait_for(lambda: running.program.cmd_queue.qsize() == 2)
    stop = running.send("all", "cancel_all_commands", "")
    assert running.await_end(stop, "COMPLETE") == "ended 1 running and 2 waiting jobs"
    for ulid in (going, *waiting):
        assert running.await_end(ulid, "ABORTED") == "stopped by Alice A."
    assert [action for action, _ in running.program.did] == ["expose"]
    running.await_end(running.send(), "COMPLETE")


def test_a_stop_that_is_handed_out_twice_keeps_what_it_ended():
    document = {"deviceType": "all", "deviceInstance": "", "required_params": {}, "optional_params": {}}
    document["user_name"] = "Ann"
    stop = document | {"ulid": "2", "action": "stop"}
    kept = reporter.Reporter()
    (going,) = kept.taken([document | {"ulid": "1", "action": "go", "deviceType": "mount"}])
    assert kept.begin(going)
    for _ in range(2):
        (found,) = kept.taken([stop])
        running = kept.cancelling(found)
        kept.cancelled(found, set(), len(running), None)
        for job in running:
            kept.end(job)
    said = []
    while one := kept.outbox.first():
        kept.outbox.done(one, True)
        said.append((one.ulid, one.status, one.message))
    done = ("2", "COMPLETE", "ended 1 running and 0 waiting jobs")
    assert said[1:] == [done, ("1", "ABORTED", "stopped by Ann"), done]


def test_a_stop_that_fails_and_one_that_is_refused_are_failed(night: Night):
    night.make(stop_fails="the camera does not answer")
    night.begin()
    said = night.await_end(night.send("all", "cancel_all_commands", ""), "FAILED")
    assert said == "the camera does not answer (ended 0 running and 0 waiting jobs)"
    night.program.owners_only = True
    assert "owners alone" in night.await_end(night.send("camera", "stop"), "FAILED")


def test_a_stop_that_a_running_job_reads_itself(night: Night):
    """A script reads new jobs between its frames, to be stopped by them."""
    program = night.make(by_hand=True)
    script = night.send("sequencer", "run", reads=1, time=60)
    program.scan_requests()
    stop = night.send("all", "cancel_all_commands", "")
    program.core_command_and_sequencer_loop()
    assert night.await_end(stop, "COMPLETE") == "ended 1 running and 0 waiting jobs"
    assert night.await_end(script, "ABORTED") == "stopped by Alice A."


def test_activity_that_the_program_cancels_by_itself_is_aborted(running: Night):
    going = running.send("camera", "expose", time=60)
    running.await_end(going, "STARTED")
    running.program.cancel_all_activity()
    assert running.await_end(going, "ABORTED") == reporter.CANCELLED_BY_IT


def test_the_first_flush_is_marked_and_nothing_in_it_is_taken_for_executed(night: Night):
    eaten, stop = night.send(), night.send("all", "cancel_all_commands", "")
    late = night.send("camera", "expose")
    park = night.send(action="park")
    night.make()
    night.begin()
    # The stop withdrew the older job; the flush leaves what makes safe, and so all before the stop is carried out.
    assert night.await_end(stop, "COMPLETE") == "ended 0 running and 0 waiting jobs"
    night.await_end(park, "COMPLETE")
    night.await_end(late, "COMPLETE")
    assert night.look(eaten)[0] == "CANCELLED"


def test_a_flush_withdraws_the_jobs_at_the_service(night: Night):
    eaten = [night.send(), night.send("camera", "expose")]
    night.make()
    night.begin()
    assert {night.look(one) for one in eaten} == {("CANCELLED", night.look(eaten[0])[1])}
    assert "threw it away" in night.look(eaten[0])[1] and night.words(eaten[0]) == ["UNREAD", "CANCELLED"]
    later = night.send()
    night.await_end(later, "COMPLETE")
    assert [action for action, _ in night.program.did] == ["go"]


def test_a_flush_in_a_sequence_is_marked_too(night: Night):
    program = night.make(by_hand=True)
    script = night.send("sequencer", "run", flushes=1)
    program.scan_requests()
    eaten = night.send()
    program.core_command_and_sequencer_loop()
    night.await_end(script, "COMPLETE")
    assert night.words(eaten) == ["UNREAD", "CANCELLED"]
    script = night.send("sequencer", "run", flushes=1)
    program.scan_requests()
    stop = night.send("all", "cancel_all_commands", "")
    program.core_command_and_sequencer_loop()
    program.scan_requests()
    assert night.await_end(stop, "COMPLETE") == "ended 0 running and 0 waiting jobs"


def test_an_answer_that_an_older_service_gave_to_a_flush_is_reported():
    document = {"ulid": "a", "deviceType": "mount", "deviceInstance": "mount1", "action": "go"}
    document |= {"required_params": {}, "optional_params": {}}
    told = reporter.Reporter()
    told.thrown_away([document, document | {"ulid": "b", "action": "stop"}, 7, {"ulid": 3}])
    assert [(one.ulid, one.status) for one in told.outbox._waiting] == [("a", "CANCELLED")]


def test_the_object_may_be_given_after_its_first_flush(night: Night):
    """The answer to that flush is seen as what it is: jobs that an earlier run took."""
    eaten, stop = night.send(), night.send("tan")
    program = night.make(with_class=False, by_hand=True)
    queued = night.send("camera", "expose")
    program.currently_scan_requesting = False
    night.begin()
    assert night.await_end(eaten, "FAILED") == LOST
    night.await_end(queued, "COMPLETE")
    # The program has no such device: another program may be at work on the job.
    assert night.look(stop)[0] == "RECEIVED"


def test_an_older_program_reads_stops_and_carries_out_in_one_function(night: Night):
    program = night.make(photon_ranch.OlderObservatory, by_hand=True)
    going, failed = night.send(), night.send("camera", "expose", fails="no light")
    program.scan_requests()
    assert night.await_end(failed, "FAILED") == "no light"
    night.await_end(going, "COMPLETE")
    script = night.send("sequencer", "run", reads=1)
    waiting = night.send()
    loop = threading.Thread(target=program.scan_requests, daemon=True)
    loop.start()
    night.await_end(script, "STARTED")
    stop = night.send("all", "cancel_all_commands", "")
    assert night.await_end(stop, "COMPLETE") == "ended 1 running and 1 waiting jobs"
    for ulid in (script, waiting):
        assert night.await_end(ulid, "ABORTED") == "stopped by Alice A."
    loop.join(60)
    script = night.send("sequencer", "run", flushes=1)
    program.scan_requests(cancel_check=True)
    eaten = night.send()
    program.carry_out()
    night.await_end(script, "COMPLETE")
    assert night.look(eaten)[0] == "CANCELLED"


def test_jobs_that_wait_in_the_programs_queue_are_adopted(night: Night):
    program = photon_ranch.Observatory("saf", {"jobs": f"{night.url}/getnewjobs", "every_s": 0.03, "by_hand": True})
    night.use(program)
    ulid = night.send()
    program.scan_requests()
    night.watcher = report(program)
    program.currently_scan_requesting = False
    night.begin()
    night.await_end(ulid, "COMPLETE")
    assert night.words(ulid).count("FAILED") == 0


START = """
import logging, sys
from types import SimpleNamespace
from tests.photon_ranch import Observatory
logging.basicConfig()
ptr_config = SimpleNamespace(obs_id="saf", site_config={"jobs": sys.argv[1], "every_s": 0.03})
"""


def test_the_lines_of_the_manual_report_and_a_killed_program_leaves_no_job_open(night: Night):
    page = PAGE.read_text(encoding="utf-8")
    lines = page.partition("<!-- start -->\n```python\n")[2].partition("```")[0]
    assert len([line for line in lines.splitlines() if "# added" in line]) <= 3
    command = [sys.executable, "-c", START + lines, f"{night.url}/jobs/getnewjobs"]
    first = subprocess.Popen(command, cwd=ROOT)
    done = night.send()
    try:
        wait_for(lambda: night.look(done)[0] in ("COMPLETE", "CANCELLED"))
        going = night.send("camera", "expose", time=600)
        night.await_end(going, "STARTED")
        waiting = night.send()
        wait_for(lambda: night.look(waiting)[0] == "RECEIVED")
    finally:
        first.kill()
        first.wait()
    last = subprocess.Popen(command, cwd=ROOT)
    try:
        assert night.await_end(going, "FAILED") == INTERRUPTED
        assert night.await_end(waiting, "FAILED") == LOST
        ending = night.send("camera", "expose", exits="bye")
        assert night.await_end(ending, "FAILED") == "bye"
        assert last.wait(60) == 1
    finally:
        last.kill()
        last.wait()


# ---- whatever goes wrong, the observatory goes on


@pytest.mark.slow
def test_reports_wait_for_a_service_that_is_away_and_keep_their_order(program: Program):
    url = program.serve()
    night = Night(url, program.token("auth0|alice", "--role", "admin"))
    try:
        night.make()
        night.begin()
        jobs = [night.send(time=0.2 if number == 0 else 0) for number in range(3)]
        night.await_end(jobs[0], "STARTED")
        wait_for(lambda: len(night.program.did) + night.program.cmd_queue.qsize() == 3)
        program.kill()
        wait_for(lambda: len(night.program.did) == 3)
        program.serve("--port", url.rpartition(":")[2])
        for ulid in jobs:
            night.await_end(ulid, "COMPLETE")
            # A report whose answer was lost in the kill is sent again.
            assert list(dict.fromkeys(night.words(ulid))) == ["UNREAD", "RECEIVED", "STARTED", "COMPLETE"]
        night.await_end(night.send(), "COMPLETE")
    finally:
        night.end()


class Broken:
    """Fails at whatever is asked."""

    def __getattr__(self, name: str) -> Any:
        raise OSError(f"no {name}")


@pytest.mark.slow
def test_a_defect_of_the_reporter_changes_nothing_at_the_observatory(night: Night, monkeypatch):
    def broken(*_: Any) -> Any:
        raise RuntimeError("a defect")

    for part in ("start", "taken", "find", "begin", "end", "queued", "leaving", "cancelling", "cancelled"):
        night.site = part
        program = night.make(by_hand=True)
        with monkeypatch.context() as patch:
            patch.setattr(reporter.Reporter, part, broken)
            night.send(), night.send("camera", "expose", fails="no light")
            program.scan_requests()
            program.core_command_and_sequencer_loop()
            night.send("all", "cancel_all_commands", "")
            program.scan_requests()
        assert [action for action, _ in program.did] == ["go", "expose"]
        assert program.told == ["failed: no light", "Cancel received."] and program.stop_all_activity
        night.watcher.close()


def test_a_service_that_takes_no_reports_does_not_hold_the_program_up(night: Night, monkeypatch):
    monkeypatch.setattr(reporter, "LAST_REPORTS_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        night.make(reports_to=f"http://127.0.0.1:{deaf.getsockname()[1]}", every_s=0.01)
        night.begin()
        for _ in range(3):
            night.send()
        assert wait_for(lambda: len(night.program.did) == 3 and len(night.watcher.reporter.outbox) == 6)


def test_a_program_of_an_unknown_shape_is_left_alone():
    for program in (None, 3, object(), Broken(), {"cmd_queue": 1}, int, Broken):
        report(program).close()
    assert requests.Session.request.__name__ == "request" and not hasattr(requests.Session.request, "__wrapped__")


def test_a_function_that_cannot_be_watched_is_left_as_it_is():
    class Fixed:
        __slots__ = ()

        def parse_command(self, command: Any) -> Any:
            return command

    assert not wrap(object(), Fixed(), "parse_command", lambda *_: None)
    assert not wrap(object(), Fixed(), "missing", lambda *_: None)


class Sent:
    """Stands for a session; keeps what is sent."""

    def __init__(self, answer: Any) -> None:
        self.calls: list[Any] = []
        self.answer = answer

    def json(self) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


JOBS = "http://localhost/jobs/getnewjobs"


@pytest.mark.parametrize(
    ("args", "named", "poll"),
    [
        (("POST", JOBS), {"data": '{"site": "saf"}'}, "http://localhost/jobs"),
        (("POST", JOBS, None, b'{"site": "saf"}'), {}, "http://localhost/jobs"),
        ((), {"method": "post", "url": "http://h/jobsgetnewjobs?site=saf", "json": {"site": "saf"}}, "http://h/jobs"),
        (("POST", "http://h/jobs//getnewjobs/"), {"data": '{"site": "saf"}'}, "http://h/jobs"),
        (("POST", "http://h/jobs/updatejobstatus"), {"data": '{"site": "saf"}'}, None),
        (("POST", JOBS), {}, None),
        (("POST", JOBS), {"data": "[]"}, None),
        (("POST", JOBS), {"data": {"site": "saf"}}, None),
        (("POST", JOBS), {"json": {"site": 3}}, None),
        (("POST", "getnewjobs"), {"json": {"site": "saf"}}, None),
        ((), {}, None),
    ],
)
def test_polls_are_told_from_other_requests(args, named, poll):
    found = seen_polls.read_poll(args, named)
    assert (found and found.url) == poll
    if found:
        marked = seen_polls.read_poll(*seen_polls.mark_flush(found, args, named))
        assert marked == seen_polls.Poll(found.url, "saf", {"site": "saf", "flush": True})


def test_a_request_that_is_not_understood_is_sent_as_it_is(monkeypatch):
    sent = []

    def original(self: Any, *args: Any, **named: Any) -> Any:
        sent.append((args, named))
        return "an answer without json"

    monkeypatch.setattr(requests.Session, "request", original)
    end = seen_polls.watch(lambda _: 1 / 0 > 0, lambda *_: None)
    assert end is not None
    for data in ('{"site": "saf"}', "no json", None):
        answer = requests.Session().request("POST", JOBS, data=data, timeout=3)
        assert answer == "an answer without json"
    end()
    assert sent == [(("POST", JOBS), {"data": data, "timeout": 3}) for data in ('{"site": "saf"}', "no json", None)]
    assert requests.Session.request is original


def test_what_was_said_of_a_job_stands_between_its_neighbours():
    jobs = [reporter.Followed({"ulid": ulid}) for ulid in "abcd"]
    scan = Scan(jobs, [("x", False), ("a", True), ("y", False), ("z", False), ("c", True), ("w", False)])
    assert [scan.said_of(job) for job in jobs] == ["x", "y; z", "y; z", "w"]


def test_the_package_stands_alone(tmp_path: Path):
    """Copied without the rest of prjobs it imports urllib3 only; there is no catalogue then, and no estimate."""
    for name in ("observatory", "client.py", "__init__.py"):
        copy = shutil.copytree if name == "observatory" else shutil.copy
        (tmp_path / "prjobs").mkdir(exist_ok=True)
        copy(ROOT / "prjobs" / name, tmp_path / "prjobs" / name)
    code = """
import sys
# An editable install would find the rest of prjobs all the same.
sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in finder.__module__]
from prjobs.observatory import report
from prjobs.observatory.reporter import estimate_s
print(estimate_s({"deviceType": "mount", "action": "go", "required_params": {}, "optional_params": {}}))
print(*{name.partition(".")[0] for name in sys.modules} & {"peewee", "msgspec", "bottle", "requests", "urllib3"})
"""
    command, environment = [sys.executable, "-c", code], {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, env=os.environ | environment
    )
    assert done.stdout.split() == ["None", "urllib3"]


def test_in_an_observatorys_python_without_the_other_packages_there_are_estimates():
    """The Python of the observatory has urllib3, and the folder `prjobs` of the install."""
    code = """
import sys
for name in ("bottle", "filelock", "msgspec", "peewee", "platformdirs", "ulid", "waitress"):
    sys.modules[name] = None
from prjobs.observatory.reporter import estimate_s
print(estimate_s({"deviceType": "camera", "action": "expose", "required_params": {"time": 60}, "optional_params": {}}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) > 60
