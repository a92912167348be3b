"""The file observe.toml and the command."""

import subprocess
import sys

import pytest

from prjobs.base.errors import Unusable
from prjobs.observing.configuration import KINDS, Configuration, read
from prjobs.observing.limits import Limits
from tests.readme import MANUAL, blocks

PAGE = (MANUAL / "observe-with-indi.md").read_text(encoding="utf-8")
MOUNT = "[devices]\nmount = 'M'\n"


def test_the_file_in_the_manual_is_taken(tmp_path):
    for page in (PAGE, (MANUAL / "observe-with-alpaca.md").read_text(encoding="utf-8")):
        (sample,) = blocks(page, "toml")
        (tmp_path / "observe.toml").write_text(sample, encoding="utf-8")
        found = read(tmp_path / "observe.toml")
        assert tuple(found.devices.as_dict()) == KINDS
        assert found.site.latitude_deg == 34.459


def test_cameras_and_filter_wheels_may_be_several(tmp_path):
    tables = "[devices.camera]\nCamera1 = 'A'\ncamera2 = 'B'\n[devices.filter_wheel]\nfilter_wheel2 = 'W'\n"
    (tmp_path / "observe.toml").write_text(MOUNT + tables, encoding="utf-8")
    found = read(tmp_path / "observe.toml").devices.as_dict()
    assert found == {"mount": "M", "camera.camera1": "A", "camera.camera2": "B", "filter_wheel.filter_wheel2": "W"}


def test_the_manual_has_every_setting_with_its_default():
    for name in (*Limits.__struct_fields__, *Configuration().camera.__struct_fields__):
        assert f"`{name}`" in PAGE, name
    for name in ("altitude_min_deg", "sun_distance_min_deg", "past_meridian_max_h"):
        row = next(line for line in PAGE.splitlines() if line.startswith("|") and f"`{name}`" in line)
        assert f"{getattr(Limits(), name):g}" in row


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no device"),
        ("[devices]\nmonut = 'M'", "monut is unknown"),
        (MOUNT + "[limits]\naltitude_min_deg = 95", "altitude"),
        (MOUNT + "[limits]\naltitude_min = 5", "altitude_min is unknown"),
        (MOUNT + "[limits]\npark_before_close = 'yes'", "park_before_close must be"),
        ("[devices.mount]\nmount1 = 'M'", "mount"),
        (MOUNT + "[site]\nlatitude_deg = 5", "longitude_deg"),
        (MOUNT + "[camera]\noptimal_bin = 0", "optimal_bin"),
        (MOUNT + "[filters]\nR = 1", "filters"),
        ("limits = 3\n" + MOUNT, "must be a table"),
        ("image = 'x'\n" + MOUNT, "Did you mean images"),
        ("[devices", "no TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_name(tmp_path, text, words):
    (tmp_path / "observe.toml").write_text(text, encoding="utf-8")
    with pytest.raises(Unusable, match=words):
        read(tmp_path / "observe.toml")


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "prjobs", "observe", *words], capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_what_the_command_needs_is_said(tmp_path):
    indi = ("--indi", "127.0.0.1:1", "--data", str(tmp_path))
    assert "is missing" in run(*indi, "--site", "saf").stderr
    assert "--site SITE" in run(*indi).stderr
    (tmp_path / "observe.toml").write_text(MOUNT, encoding="utf-8")
    assert "latitude_deg" in run(*indi, "--site", "saf").stderr
    assert "no address" in run("--indi", "a:b:c").stderr
    assert run("--indi", "host:70000").returncode == 2
