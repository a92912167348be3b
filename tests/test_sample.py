"""The sample program of the README, run as shown: against an appliance that is killed and started again."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from prjobs.base.catalogue import is_stop as is_stop_here
from prjobs.client import is_stop
from prjobs.upkeep.inspection import open_read_only
from tests.lengths import TIMES
from tests.program import Program
from tests.readme import sample
from tests.waiting import wait_for

FAILS = "exposure of doom"


class Sample:
    """The sample program in a process of its own."""

    def __init__(self, folder: Path, program: Program) -> None:
        self.program = program
        self.printed = folder / "printed.txt"
        self._script = folder / "sample.py"
        text = sample().replace("http://127.0.0.1:8642", program.url)
        # One kind of job fails, as an observatory's part may.
        part = f"    if job['action'] == {FAILS!r}: raise OSError('no telescope')\n    yield"
        assert text.count("    yield") == 1
        self._script.write_text(text.replace("    yield", part), encoding="utf-8")

    @contextmanager
    def running(self) -> Iterator[None]:
        with self.printed.open("w", encoding="utf-8") as out:
            process = subprocess.Popen([sys.executable, "-u", str(self._script)], stdout=out, stderr=subprocess.STDOUT)
            try:
                yield
                assert process.poll() is None, self.printed.read_text("utf-8")
            finally:
                process.kill()
                process.wait(60)

    def carried_out(self) -> Counter[str]:
        """How often each job was begun, by its number."""
        lines = self.printed.read_text("utf-8").splitlines()
        return Counter(line.partition("'n': ")[2].rstrip("}") for line in lines if line.startswith("camera "))


class Night:
    """Jobs for the sample program, and kills of the appliance."""

    def __init__(self, program: Program) -> None:
        self.program, self.token = program, program.token("auth0|alice")
        self.ulids: list[str] = []

    def send(self, action: str = "expose", device: str = "camera") -> str:
        number = {"n": len(self.ulids)}
        job = self.program.new_job(self.token, device=device, action=action, required_params=number)
        self.ulids.append(job["ulid"])
        return str(job["ulid"])

    def statuses(self, ulid: str) -> list[str]:
        """The statuses of a job in the primary queue, in their order."""
        sql = (
            "SELECT c.status FROM change c JOIN job j ON j.seq = c.job_seq WHERE j.ulid = ? AND c.queue <> 'alternate'"
        )
        with closing(open_read_only(self.program.data / "prjobs.sqlite3")) as connection:
            return [status for (status,) in connection.execute(f"{sql} ORDER BY c.seq", (ulid,))]

    def wait_until(self, ulid: str, status: str) -> None:
        wait_for(lambda: self.statuses(ulid)[-1] == status)

    def kill(self) -> None:
        self.program.kill()

    def start(self, **named: object) -> None:
        self.program.serve("--port", self.program.url.rpartition(":")[2], **named)


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, pytest.param(6 * TIMES, marks=pytest.mark.long(about_s=45))])
def test_the_sample_program_outlives_kills_and_loses_and_doubles_nothing(
    program: Program, tmp_path: Path, rounds: int
) -> None:
    program.serve()
    night, sample = Night(program), Sample(tmp_path, program)
    with sample.running():
        for _ in range(rounds):
            running, *_, last = (night.send() for _ in range(4))
            night.wait_until(running, "STARTED")
            night.kill()
            night.start()
            night.wait_until(last, "COMPLETE")
            # The next kill meets a poll that waits for a job.
            night.kill()
            night.start()
        failed = night.send(FAILS)
        night.wait_until(failed, "FAILED")
    assert set(sample.carried_out().values()) == {1}
    assert len(sample.carried_out()) == len(night.ulids)
    for ulid in night.ulids:
        statuses = night.statuses(ulid)
        end = "FAILED" if ulid == failed else "COMPLETE"
        # Only a report whose answer was lost may stand there twice.
        assert list(dict.fromkeys(statuses)) == ["UNREAD", "RECEIVED", "STARTED", end], statuses
        assert Counter(statuses)["RECEIVED"] == 1
    assert "no telescope" in program.run("jobs", "--site", "saf", "--json").stdout


@pytest.mark.slow
def test_an_answer_that_was_lost_in_a_crash_is_fetched_again(program: Program, tmp_path: Path) -> None:
    program.serve()
    port, night = program.url.rpartition(":")[2], Night(program)
    program.stop()
    program.serve("--port", port, env={**os.environ, "PRJOBS_FAIL": "handout_after_commit:1"})
    sample = Sample(tmp_path, program)
    with sample.running():
        ulid = night.send()
        wait_for(lambda: program.process is None or program.process.poll() is not None)
        assert night.statuses(ulid)[-1] == "RECEIVED"
        night.kill()
        night.start()
        night.wait_until(ulid, "COMPLETE")
    assert sample.carried_out() == {"0": 1}


@pytest.mark.slow
def test_a_stop_ends_the_running_job_and_the_waiting_ones(program: Program, tmp_path: Path) -> None:
    program.serve()
    night, sample = Night(program), Sample(tmp_path, program)
    jobs = [night.send() for _ in range(20)]
    with sample.running():
        night.wait_until(jobs[0], "COMPLETE")
        stop = night.send("cancel_all_commands", "all")
        night.wait_until(stop, "COMPLETE")
        night.wait_until(jobs[-1], "CANCELLED")
        after = night.send()
        night.wait_until(after, "COMPLETE")
    ends = [night.statuses(ulid)[-1] for ulid in jobs]
    assert ends == sorted(ends, reverse=True) and {"COMPLETE", "CANCELLED"} == set(ends)


@pytest.mark.parametrize("action", ["stop", "STOP", "cancel", "Cancel_All_Commands", "run", "RUN", "expose", ""])
@pytest.mark.parametrize("script", [None, "stopScript", "StopScript", "focusAuto", 7])
def test_a_stop_for_a_program_is_a_stop_for_the_appliance(action: str, script: object) -> None:
    required = {} if script is None else {"script": script}
    assert is_stop({"action": action, "required_params": required}) == is_stop_here(action, required)
