"""The rivals of the bench do the work: 20 jobs each, in the store after `kill -9` and a new start."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench.processes import scratch
from tests.bench.rivals.all_rivals import RIVALS
from tests.bench.rivals.clients import Clients
from tests.bench.rivals.fastapi_sqlite import FastSQLite
from tests.bench.rivals.prjobs_itself import Itself
from tests.bench.rivals.programs import PYTHON_VARIABLE, REQUIREMENTS
from tests.bench.rivals.rival import Rival, check


@pytest.mark.long
@pytest.mark.parametrize("kind", [Itself, *RIVALS])
def test_it_does_the_work(kind):
    rival = if_installed(kind)
    with scratch() as folder:
        done = work(rival, folder)
        try:
            if not rival.durable:
                assert check(rival, done) is None
            else:
                rival.kill()
                rival.start(folder)
                assert check(rival, done) is None
        finally:
            rival.stop()


@pytest.mark.long
@pytest.mark.parametrize("kind", [kind for kind in (Itself, *RIVALS) if kind.durable])
def test_each_step_is_synced(kind, tmp_path):
    """No answer comes before its sync: with one client there are as many syncs as requests, or more."""
    rival = if_installed(kind)
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    with scratch() as folder:
        try:
            rival.start(folder)
            clients = Clients(rival, 1)
            clients.run(cycles=2)
            with traced(rival.programs.pids(), tmp_path / "calls") as calls:
                answered = clients.run(cycles=5).answered
            clients.close()
        finally:
            rival.stop()
    assert answered == 20
    assert len(re.findall(r"\bf(?:data)?sync\(", calls.read_text())) >= answered


@contextmanager
def traced(pids: list[int], calls: Path) -> Iterator[Path]:
    """Record the syncs of the processes while the block runs."""
    command = ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", str(calls)]
    tracer = subprocess.Popen([*command, *(f"--attach={pid}" for pid in pids)], stderr=subprocess.PIPE, text=True)
    for _ in pids:
        assert "attached" in tracer.stderr.readline()
    yield calls
    tracer.terminate()
    tracer.communicate()


def if_installed(kind) -> Rival:
    rival = kind()
    if missing := rival.missing():
        pytest.skip(f"{rival.name} is not installed: {missing}")
    return rival


def work(rival, folder) -> set[str]:
    rival.start(folder)
    clients = Clients(rival, 4)
    clients.run(cycles=5)
    clients.close()
    assert len(clients.done) == 20
    return clients.done


class Remembering(Rival):
    """A rival whose store is a dictionary."""

    def __init__(self, **jobs: str) -> None:
        super().__init__()
        self.jobs = {name: words.split() for name, words in jobs.items()}

    def stored(self) -> dict[str, list[str]]:
        return self.jobs


WHOLE = "UNREAD RECEIVED STARTED COMPLETE"


@pytest.mark.parametrize(
    ("stored", "fault"),
    [
        ({"a": WHOLE, "b": WHOLE}, None),
        ({"a": WHOLE}, "1 of 2 jobs"),
        ({"a": WHOLE, "b": "UNREAD RECEIVED COMPLETE"}, "1 of 2 jobs"),
        ({"a": WHOLE, "b": "UNREAD RECEIVED RECEIVED STARTED COMPLETE"}, "1 of 2 jobs"),
        ({"a": WHOLE, "b": WHOLE, "c": "UNREAD"}, "3 jobs are stored, 2 were done"),
    ],
)
def test_the_check_finds_what_is_lost_or_doubled(stored, fault):
    found = check(Remembering(**stored), {"a", "b"})
    assert found is None if fault is None else fault in found


def test_a_missing_rival_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv(PYTHON_VARIABLE, str(tmp_path / "python"))
    assert FastSQLite().missing().endswith(f"pip install -r {REQUIREMENTS}, see its first lines")
    monkeypatch.setattr(Remembering, "debian", {"no-such-server": "no-such-package"})
    assert Remembering().missing() == "apt install no-such-package"


def test_the_rivals_python_may_lack_packages(monkeypatch):
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    monkeypatch.setattr(Remembering, "packages", ("bottle", "no-such-package"))
    assert Remembering().missing().startswith("no-such-package: pip install")
