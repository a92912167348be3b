"""The first start: three next steps to copy, once; and no start opens a browser or asks anything."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from prjobs.access.login import remember_welcome
from prjobs.base.folder import Folder, default_folder
from prjobs.base.settings import Settings
from prjobs.cli.commands import build_parser
from prjobs.opening import close_appliance, open_appliance
from prjobs.upkeep.first_steps import command_to_install
from tests.program import Program

PACKAGE = Path(__file__).parent.parent / "prjobs"


def commands(output: str) -> list[list[str]]:
    """Return the commands of an output, as words."""
    return [shlex.split(line.rpartition(":  ")[2]) for line in output.splitlines() if ":  " in line]


def run_as_printed(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a printed line in a shell whose user alone has prjobs in the PATH, as pipx leaves it.

    The stand-in for sudo does what sudo does to the command: another PATH and no variables of the user.
    """
    folder.mkdir()
    (folder / "prjobs").write_text(f'#!/bin/sh\ncd "{PACKAGE.parent}" && exec "{sys.executable}" -m prjobs "$@"\n')
    (folder / "sudo").write_text('#!/bin/sh\nexec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$HOME" "$@"\n')
    for path in folder.iterdir():
        path.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:/usr/bin:/bin"}
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the words are quoted for a POSIX shell")
def test_the_first_start_says_three_next_steps_that_work_and_later_starts_say_none(tmp_path):
    program = Program(tmp_path / "a folder")
    try:
        program.serve()
        link, *lines = [program.process.stdout.readline().rstrip("\n") for _ in range(7)]
        assert link.startswith("Open this link once to log a browser in: ")
        assert lines[0] == "Next:" and [line[2:4] for line in lines[1:]] == ["1.", "2.", "  ", "3.", "  "]
        assert f"  2. Point the observatory's program at {program.url}/jobs" in lines
        assert requests.post(f"{program.url}/jobs/getnewjobs", data='{"site": "saf"}', timeout=30).json() == []
        token, simulate, service = commands("\n".join(lines))
        assert "stop this server by Ctrl-C, then run" in lines[4]
        for words in (token, simulate, service):
            build_parser().parse_args(words[2 if words is service else 1 :])
            assert words[-2:] == ["--data", str(program.data)]
        made = subprocess.run([sys.executable, "-m", *token], capture_output=True, text=True, check=True)
        assert made.stdout.count(".") == 2
        program.stop()
        if not Path("/run/systemd/system").is_dir():
            # The line reaches the act itself, and ends where systemd would be asked.
            done = run_as_printed(lines[5].rpartition(":  ")[2], tmp_path / "bin")
            assert done.returncode == 1 and done.stderr.startswith(
                "prjobs: systemd does not run on this machine" if os.geteuid() == 0 else "prjobs: Only root may do that"
            )
        program.serve()
        code, rest, errors = program.stop()
        assert (code, rest, errors) == (0, "", "")
    finally:
        program.kill()


@pytest.mark.skipif(os.name == "nt", reason="the words are those of sudo")
def test_the_step_for_the_service_names_the_folder_that_sudo_would_not_find(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert command_to_install(Folder(default_folder())) == 'sudo "$(command -v prjobs)" service install'
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "my data"))
    line = command_to_install(Folder(default_folder()))
    assert line == f"sudo \"$(command -v prjobs)\" service install --data '{tmp_path}/my data/prjobs'"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the programs in the way are scripts of a POSIX shell")
def test_a_start_opens_nothing_and_asks_nothing(program, tmp_path):
    """Programs that open pages leave a mark here; on stdin nothing ever comes."""
    folder, mark = tmp_path / "programs", tmp_path / "opened"
    folder.mkdir()
    for name in ("xdg-open", "sensible-browser", "www-browser", "open", "gio", "firefox", "chromium", "google-chrome"):
        (folder / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (folder / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "BROWSER": str(folder / "firefox"),
        "DISPLAY": ":0",
    }
    silent, _never_written = os.pipe()
    program.serve(env=environment, stdin=silent)
    assert requests.get(f"{program.url}/healthz", timeout=30).status_code == 200
    assert program.stop()[0] == 0
    assert not mark.exists()


def test_no_code_can_open_a_browser_or_ask_a_question():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not [word for word in ("webbrowser", "startfile", " input(", "getpass(") if word in text], path


def test_a_start_counts_as_the_first_one_until_the_link_was_shown(folder, clock):
    firsts = []
    for _ in range(3):
        appliance, start = open_appliance(folder, Settings(), clock)
        firsts.append(start.first)
        if len(firsts) == 2:
            remember_welcome(appliance.desk)
        close_appliance(appliance, folder)
    assert firsts == [True, True, False]
