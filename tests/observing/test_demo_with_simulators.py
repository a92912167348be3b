"""`prjobs serve --demo --indi`: a FITS file for a newcomer, with one command."""

import contextlib
from pathlib import Path

import pytest

from tests.observing.headers import header_of
from tests.observing.indi import require_indi
from tests.waiting import wait_for


@pytest.mark.long
def test_one_command_makes_an_image(program):
    require_indi()
    program.serve("--demo", "--indi")
    sent = program.run("send", "saf", "camera", "camera1", "expose", "-r", "time=0.2", "-o", "filter=R")
    assert sent.returncode == 0, sent.stderr
    images = program.data / "images"
    (image,) = wait_for(lambda: list(images.glob("*.fits")))
    assert header_of(image)["FILTER"] == "R"
    assert program.stop()[0] == 0
    assert simulators_of(program) == []


def simulators_of(program):
    """The numbers of the processes with the home folder of the program's simulators, the drivers too."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdecimal() and f"HOME={program.data / 'indi'}".encode() in (
                process / "environ"
            ).read_bytes().split(b"\0"):
                found.append(process.name)
    return found


@pytest.mark.long
def test_the_simulators_end_with_a_killed_server(program):
    require_indi()
    program.serve("--demo", "--indi")
    # The shell, the server, six drivers.
    wait_for(lambda: len(simulators_of(program)) == 8)
    program.kill()
    assert wait_for(lambda: simulators_of(program) == [])


def test_simulators_need_the_demo(program):
    refused = program.run("serve", "--indi")
    assert refused.returncode == 1
    assert "--demo" in refused.stderr
