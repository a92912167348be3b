"""The progress of long works: a line on a terminal that is removed at the end, and nothing in a pipe."""

import os
import re

import pytest

from prjobs.base import progress
from tests.terminal import on_a_terminal
from tests.waiting import wait_for


@pytest.fixture
def stored(program):
    """A data folder with a job, a backup and an audit, without a server."""
    program.serve()
    program.new_job(program.token())
    program.stop()
    assert program.run("backup", str(program.data / "first.sqlite3")).returncode == 0
    return program


def works(data):
    """Words of each long work -> the steps that it shows. `import` needs a cloud: see tests/cloud/test_backlog.py.

    `move` needs PostgreSQL: see tests/hub/test_move.py.
    """
    return {
        ("backup", str(data / "second.sqlite3")): ["Copying the store", "Checking the file for damage"],
        ("doctor", "--deep"): ["Checking the file for damage", "Checking each job", "Checking the jobs of the cloud"],
        ("audit", "verify"): ["Checking the audit"],
        ("restore", str(data / "first.sqlite3")): ["Copying the store", "Cancelling the jobs that wait in the backup"],
    }


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no pty")
def test_each_long_work_shows_its_steps_on_a_terminal_and_removes_the_line(stored):
    for words, steps in works(stored.data).items():
        code, output, shown = on_a_terminal(stored, words)
        assert code == 0, (words, output, shown)
        for step in steps:
            assert re.search(rf"{step}: (\d+ %, )?\d+ s", shown), (words, shown)
            assert step not in output
        # The last line written over the others is empty.
        assert shown.rstrip("\r\n").rpartition("\r")[2].strip() == "" and "\n" not in shown


@pytest.mark.slow
def test_nothing_is_shown_in_a_pipe(stored):
    for words, steps in works(stored.data).items():
        done = stored.run(*words)
        assert done.returncode == 0, done.stderr
        assert not [step for step in steps if step in done.stdout + done.stderr] and "\r" not in done.stdout
        assert done.stderr == ""


class Terminal:
    """A stream that says it is a terminal; closed after some writes, if so wished."""

    def __init__(self, closed_after=10**9):
        self.texts, self._left = [], closed_after

    def isatty(self):
        return True

    def write(self, text):
        self._left -= 1
        if self._left < 0:
            raise OSError("closed")
        self.texts.append(text)

    def flush(self):
        pass


def test_a_share_is_shown_as_it_grows():
    counter, terminal = progress.Counter(4), Terminal()
    with progress.shown_on(terminal), progress.step("Counting", counter.share):
        for percent in (25, 50, 75, 100):
            counter.done += 1
            wait_for(lambda percent=percent: f"Counting: {percent} %, " in terminal.texts[-1])
    assert terminal.texts[-1].strip() == ""


def test_a_closed_terminal_does_not_end_the_work():
    done = []
    with progress.shown_on(Terminal(closed_after=1)):
        for number in range(3):
            with progress.step("Working"):
                done.append(number)
    assert done == [0, 1, 2]


def test_a_step_outside_a_command_shows_nothing(capfd):
    with progress.step("Working"):
        pass
    assert capfd.readouterr() == ("", "")
