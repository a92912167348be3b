"""A night of real processes: the appliance, `prjobs observe`, simulators, two users; each program is killed once."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prjobs.client import CallFailed
from prjobs.observatory.work import INTERRUPTED
from tests.observing.alpaca import ALPACA_NAMES, AlpacaServer, AlpacaWitness, require_alpaca
from tests.observing.headers import header_of
from tests.observing.indi import LONG_SLEW_H, NAMES, IndiServer, Witness, require_indi
from tests.observing.observer import Observer, with_devices
from tests.observing.station import OVER, Users
from tests.program import Program
from tests.waiting import wait_for

pytestmark = pytest.mark.long
DARK = {"time": "0.3", "image_type": "dark"}
LONG = {"time": "100", "image_type": "dark"}


class Night:
    """The processes of the night."""

    def __init__(self, home: Path, program: Program, devices: IndiServer | AlpacaServer, flag: str) -> None:
        self.program, self.devices = program, devices
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = str(free.getsockname()[1])
        self.serve()
        self.users = Users(program.url, program.token("auth0|alice", "--role", "admin"))
        self.watch()
        names = NAMES if flag == "--indi" else ALPACA_NAMES
        self.observer = Observer(home, program.url, (flag, f"127.0.0.1:{devices.port}"), with_devices(names))
        self.witness.bring_park_nearer()

    def serve(self) -> None:
        self.program.serve("--port", self._port)

    def watch(self) -> None:
        """Begin with a new witness: the former one went with its server."""
        port = self.devices.port
        self.witness: Any = Witness(port) if isinstance(self.devices, IndiServer) else AlpacaWitness(port)

    def go(self, hours: float) -> str:
        ra_h = (self.witness.ra_h() + hours) % 24
        return self.users.send("mount", "go", ra=f"{ra_h:.5f}", dec="82", frame="apparent")

    def expose(self, count: int = 1, **required: Any) -> str:
        optional = {"object_name": f"M{count}", "count": str(count)}
        return self.users.send("camera", "expose", optional, **(required or DARK))

    def assert_stop_ends_all(self) -> None:
        """Stop, and look that nothing moves afterwards."""
        assert self.users.outcome(self.users.stop())[0] == "COMPLETE"
        stopped_s = self.witness.now_s()
        wait_for(lambda: len(self.witness.since(stopped_s)) > 8)
        assert self.witness.moved_since(stopped_s) == []


class Bob(threading.Thread):
    """A second user, who turns rotator and filter wheel all night."""

    def __init__(self, users: Users) -> None:
        super().__init__(daemon=True)
        self.users, self.sent, self.ending = users, [], threading.Event()

    def run(self) -> None:
        turn = 0
        # A turn of the simulated rotator takes a second: no jobs pile up.
        while not self.ending.wait(2.5):
            turn += 1
            # The appliance is away at times.
            with contextlib.suppress(CallFailed):
                self.sent.append(self.users.send("rotator", "move_absolute", position=str(turn % 2)))
                self.sent.append(self.users.send("filter_wheel", "set_name", filter_name=("Red", "Green")[turn % 2]))


@pytest.fixture
def night(request: pytest.FixtureRequest, tmp_path: Path, program: Program) -> Iterator[Night]:
    flag = request.param
    require_indi() if flag == "--indi" else require_alpaca()
    devices = IndiServer(tmp_path) if flag == "--indi" else AlpacaServer(tmp_path)
    night = None
    try:
        night = Night(tmp_path, program, devices, flag)
        yield night
    finally:
        if night:
            night.observer.kill()
            night.witness.close()
        devices.kill()


@pytest.mark.parametrize("night", ["--indi", "--alpaca"], indirect=True)
def test_a_night_with_stops_and_kills_leaves_every_outcome_and_every_image(night: Night):
    users, witness = night.users, night.witness
    bob = Bob(users)
    bob.start()
    expected: dict[str, str] = {}

    # Into the night: a roof opens, while a camera takes its darks.
    opening, darks = users.send("enclosure", "open"), night.expose(2)
    assert users.outcome(opening)[0] == users.outcome(users.send("mount", "unpark"))[0] == "COMPLETE"
    expected[darks] = expected[night.expose(1)] = "COMPLETE"

    # A stop in the middle of a slew and an exposure.
    assert users.outcome(night.go(0.5))[0] == "COMPLETE"
    for ulid in expected:
        assert users.outcome(ulid)[0] == "COMPLETE"
    slew, frame = night.go(LONG_SLEW_H), night.expose(3, **LONG)
    wait_for(lambda: witness.moves("mount") and witness.moves("camera"))
    night.assert_stop_ends_all()
    expected[slew] = expected[frame] = "ABORTED"

    # The appliance is killed during an exposure, which is reported later.
    frame = night.expose(4, time="0.5", image_type="dark")
    users.await_status(frame, "STARTED")
    night.program.kill()
    night.serve()
    expected[frame] = "COMPLETE"
    assert users.outcome(frame)[0] == "COMPLETE"

    # The observer is killed during an exposure, which goes on without a job until a stop.
    frame = night.expose(5, **LONG)
    wait_for(lambda: witness.moves("camera"))
    night.observer.kill()
    night.observer.start()
    assert users.outcome(frame) == ("FAILED", INTERRUPTED)
    expected[frame] = "FAILED"
    refused = night.expose(6)
    assert "already exposes" in users.outcome(refused)[1]
    expected[refused] = "FAILED"
    night.assert_stop_ends_all()

    # The devices' server is killed during an exposure; a stop without it fails, and says so.
    frame = night.expose(7, **LONG)
    wait_for(lambda: witness.moves("camera"))
    night.devices.kill()
    witness.close()
    status, message = users.outcome(users.stop())
    assert status == "FAILED"
    assert "nobody knows what its devices do" in message
    expected[frame] = users.outcome(frame)[0]
    assert expected[frame] in ("FAILED", "ABORTED")
    night.devices.start()
    night.watch()
    # The observer connects the devices again.
    wait_for(lambda: users.outcome(users.send("rotator", "move_relative", position="0.5"))[0] == "COMPLETE")
    night.witness.bring_park_nearer()
    last = night.expose(8)
    expected[last] = "COMPLETE"

    # Into the day: the simulators began anew, with a closed roof.
    assert users.outcome(users.send("enclosure", "close"))[0] == "COMPLETE"
    assert users.outcome(last)[0] == "COMPLETE"
    bob.ending.set()
    bob.join()
    for ulid in bob.sent:
        assert users.outcome(ulid)[0] in OVER
    assert night.observer.stop() == 0
    assert {ulid: users.look(ulid)[0] for ulid in expected} == expected
    assert_images(night, [ulid for ulid in expected if expected[ulid] == "COMPLETE"])


def assert_images(night: Night, complete: list[str]) -> None:
    """Check that every frame of a job that came to its end is there, whole and with its job, and no other."""
    jobs = {ulid: night.users.client.api("GET", f"jobs/{ulid}") for ulid in complete}
    wanted = {
        f"{ulid}-{frame:03d}.fits"
        for ulid, job in jobs.items()
        for frame in range(1, int(job["optional_params"]["count"]) + 1)
    }
    files = sorted(night.observer.images.iterdir())
    assert {path.name for path in files} == wanted
    for path in files:
        header, job = header_of(path), jobs[path.name[:26]]
        assert header["JOBID"] == job["ulid"]
        assert header["OBJECT"] == job["optional_params"]["object_name"]
        assert (header["OBSERVER"], header["USERID"]) == ("Zoe O'Hara", "auth0|alice")
        assert path.stat().st_size > header["NAXIS1"] * header["NAXIS2"] * 2
