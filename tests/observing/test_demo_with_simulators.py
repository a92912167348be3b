"""`prjobs serve --demo --indi`: a FITS file for a newcomer, with one command."""

import subprocess

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
    left = subprocess.run(["pgrep", "-f", str(program.data / "indi")], capture_output=True, check=False)
    assert left.stdout == b""


def test_simulators_need_the_demo(program):
    refused = program.run("serve", "--indi")
    assert refused.returncode == 1
    assert "--demo" in refused.stderr
