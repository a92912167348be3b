"""What starts the appliance with the machine: it is what the operating system reads, and it starts the program."""

import os
import shlex
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from prjobs.cli import service
from tests.program import Program

TASKS = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
ODD = 'a "b" %h $HOME; é\\'


@pytest.mark.skipif(os.name == "nt", reason="systemd's quotes are a shell's, not those of Windows")
def test_the_unit_starts_the_program(program: Program) -> None:
    shown = program.run("service", "show", "--for", "systemd", "--user", "alice")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert "User=alice" in lines and "Restart=always" in lines
    (line,) = [line for line in lines if line.startswith("ExecStart=")]
    words = shlex.split(line.removeprefix("ExecStart="))
    process = subprocess.Popen([*words, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "http://127.0.0.1:" in process.stdout.readline()
        assert (program.data / "prjobs.sqlite3").is_file()
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    path = tmp_path / "prjobs-test.service"
    path.write_text(service.unit("root", [sys.executable, "-P", ODD, "it's"]), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, check=False)
    assert "prjobs-test" not in done.stderr and done.returncode == 0, done.stderr


def test_words_reach_systemd_as_they_are() -> None:
    assert (
        service.unit("u", ["/bin/x", 'a b"c\\d%e$f', "plain"]).count('ExecStart=/bin/x "a b\\"c\\\\d%%e$$f" plain\n')
        == 1
    )


def test_the_task_is_whole_and_ascii() -> None:
    text = service.task("SITE\\o<bs>", ["C:\\Program Files\\python.exe", "-P", "--data", "D:\\é & co"])
    assert text.isascii()
    root = ElementTree.fromstring(text)
    found = {element.tag.removeprefix(TASKS): element.text for element in root.iter()}
    assert (found["UserId"], found["LogonType"]) == ("SITE\\o<bs>", "S4U")
    assert found["Command"] == "C:\\Program Files\\python.exe"
    assert found["Arguments"] == '-P --data "D:\\é & co"'
    # 0: for ever.
    assert found["ExecutionTimeLimit"] == "PT0S" and 1 <= int(found["Count"] or 0) <= 255


def test_the_task_has_normal_priority_and_starts_again_within_a_minute_after_a_crash() -> None:
    root = ElementTree.fromstring(service.task("u", ["python.exe"]))
    found = {element.tag.removeprefix(TASKS): element for element in root.iter()}
    # The scale goes from 0 to 10; 7 is the default, below normal.
    assert int(found["Priority"].text or 7) in (4, 5, 6) and found["MultipleInstancesPolicy"].text == "IgnoreNew"
    again = found["TimeTrigger"]
    assert [element.text for element in again.iter() if element.tag == f"{TASKS}Interval"] == ["PT1M"]
    # Without a duration the repetition has no end, and with a start in the past it goes on after a boot.
    assert again.find(f".//{TASKS}Duration") is None
    start = datetime.fromisoformat(again.findtext(f"{TASKS}StartBoundary") or "")
    assert start.year < 2026 and found["BootTrigger"] is not None


def test_a_name_that_cannot_be_written_down(program: Program) -> None:
    refused = program.run("service", "show", "--user", "a\nExecStartPre=b")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1 and "line break" in refused.stderr
