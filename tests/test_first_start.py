"""The first start: three next steps to copy, once; and no start opens a browser or asks anything."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from prjobs.cli.commands import build_parser
from tests.program import Program

PACKAGE = Path(__file__).parent.parent / "prjobs"


def commands(output: str) -> list[list[str]]:
    """Return the commands of an output, as words."""
    return [shlex.split(line.rpartition(":  ")[2]) for line in output.splitlines() if ":  " in line]


@pytest.mark.skipif(os.name == "nt", reason="the words are quoted for a POSIX shell")
def test_the_first_start_says_three_next_steps_that_work_and_later_starts_say_none(tmp_path):
    program = Program(tmp_path / "a folder")
    try:
        program.serve()
        link, *lines = [program.process.stdout.readline().rstrip("\n") for _ in range(6)]
        assert link.startswith("Open this link once to log a browser in: ")
        assert lines[0] == "Next:" and [line[2:4] for line in lines[1:]] == ["1.", "2.", "  ", "3."]
        assert f"  2. Point the observatory's program at {program.url}/jobs" in lines
        assert requests.post(f"{program.url}/jobs/getnewjobs", data='{"site": "saf"}', timeout=30).json() == []
        token, simulate, service = commands("\n".join(lines))
        for words in (token, simulate, service):
            build_parser().parse_args(words[1:])
            assert words[-2:] == ["--data", str(program.data)]
        made = subprocess.run([sys.executable, "-m", *token], capture_output=True, text=True, check=True)
        assert made.stdout.count(".") == 2
        program.stop()
        program.serve()
        code, rest, errors = program.stop()
        assert (code, rest, errors) == (0, "", "")
    finally:
        program.kill()


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
