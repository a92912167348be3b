"""`prjobs observe --list`: an observe.toml for the devices that are there, which the command takes."""

from pathlib import Path

import pytest

from prjobs.base.settings_sources import FILE_NAME
from prjobs.observing.configuration import Site, read
from prjobs.observing.limits import Limits
from prjobs.observing.proposing import proposal
from tests.observing.alpaca import ALPACA_NAMES
from tests.observing.headers import header_of
from tests.observing.indi import NAMES
from tests.observing.observer import Observer
from tests.observing.station import Users
from tests.program import Program

KINDS = {"indi": NAMES, "alpaca": ALPACA_NAMES}


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_the_proposal_names_every_device_and_is_taken(
    kind: str, request: pytest.FixtureRequest, program: Program, tmp_path: Path
):
    server = f"--{kind}", f"127.0.0.1:{request.getfixturevalue(kind).port}"
    program.data.mkdir()
    (program.data / FILE_NAME).write_text('site_places = ["saf=34.459,-119.681,317"]\n', encoding="utf-8")
    listed = program.run("observe", *server, "--list", "--site", "saf")
    assert (listed.returncode, listed.stderr) == (0, "")
    (tmp_path / "proposed.toml").write_text(listed.stdout, encoding="utf-8")
    found = read(tmp_path / "proposed.toml")
    assert found.devices.as_dict() == KINDS[kind]
    assert (found.site, found.limits) == (Site(34.459, -119.681, 317), Limits())

    observer = Observer(tmp_path, program.serve(), server, listed.stdout)
    users = Users(program.url, program.token("auth0|alice", "--role", "admin"))
    frame = users.send("camera", "expose", {"object_name": "M31"}, time="0.1", image_type="dark")
    try:
        assert users.outcome(frame)[0] == "COMPLETE"
        assert observer.stop() == 0
    finally:
        observer.kill()
    assert "the server has no" not in (tmp_path / "observe.log").read_text(encoding="utf-8")
    (image,) = observer.images.iterdir()
    assert header_of(image)["OBJECT"] == "M31"


def test_what_is_not_known_is_a_comment(tmp_path: Path):
    offered = {kind: ["First", 'Se"cond'] if kind == "camera" else [] for kind in NAMES}
    text = proposal(offered, None)
    assert '# camera = "Se\\"cond"\n' in text
    assert "# mount: none is there\n" in text
    assert "# latitude_deg =\n# longitude_deg =\n" in text
    (tmp_path / "observe.toml").write_text(text, encoding="utf-8")
    found = read(tmp_path / "observe.toml")
    assert (found.devices.as_dict(), found.site) == ({"camera": "First"}, None)
