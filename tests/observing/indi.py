"""An INDI server with Debian's simulators, and a witness: a client of its own that writes down all that they do."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.waiting import wait_for

KINDS = ("telescope", "ccd", "focus", "wheel", "rotator", "dome")
# A slew of so many hours takes the simulator a quarter of a minute, also on a busy machine. For 11 hours the mount goes
# over the pole, and is there in 3 s: before a slow stop.
LONG_SLEW_H = 6
MOUNT, CAMERA, DOME = "Telescope Simulator", "CCD Simulator", "Dome Simulator"
NAMES = {
    "mount": MOUNT,
    "camera": CAMERA,
    "focuser": "Focuser Simulator",
    "filter_wheel": "Filter Simulator",
    "rotator": "Rotator Simulator",
    "enclosure": DOME,
}


def require_indi() -> None:
    """Skip where the simulators are not installed; never in CI, which installs them."""
    if shutil.which("indiserver") is None:
        assert os.environ.get("TEST_PRJOBS_INDI") != "required", "indiserver is missing: .ci/run installs indi-bin"
        pytest.skip("indiserver is not installed (Debian: indi-bin)")


class IndiServer:
    """The server and its simulators, in a home folder of their own. A killed server starts again on its port."""

    def __init__(self, home: Path, kinds: tuple[str, ...] = KINDS) -> None:
        self.home, self.kinds = home, kinds
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.start()

    def start(self) -> None:
        drivers = [f"indi_simulator_{kind}" for kind in self.kinds]
        with (self.home / "indi.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["indiserver", "-p", str(self.port), "-u", str(self.home / "socket"), *drivers],
                stdout=log,
                stderr=log,
                cwd=self.home,
                env={**os.environ, "HOME": str(self.home)},
                start_new_session=True,
            )
        wait_for(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def signal(self, number: int) -> None:
        """Send a signal to the server, not to its simulators."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the server and its simulators."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Seen(NamedTuple):
    """A message of the server about a property."""

    time_s: float
    device: str
    name: str
    state: str
    values: dict[str, str]


class Witness:
    """Writes down every message of the server, on a connection of its own."""

    def __init__(self, port: int) -> None:
        self.seen: list[Seen] = []
        self._socket = socket.create_connection(("127.0.0.1", port), 5)
        self._socket.settimeout(None)
        self._socket.sendall(b"<getProperties version='1.7'/>")
        self._values: dict[tuple[str, str], dict[str, str]] = {}
        threading.Thread(target=self._read, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self) -> None:
        parser = ET.XMLPullParser(("start", "end"))
        parser.feed(b"<all>")
        depth = 0
        with contextlib.suppress(OSError):
            while data := self._socket.recv(65_536):
                parser.feed(data)
                for event, element in parser.read_events():
                    depth += 1 if event == "start" else -1
                    if event == "end" and depth == 1:
                        self._keep(element)

    def _keep(self, element: Any) -> None:
        device, name = element.get("device", ""), element.get("name", "")
        if not element.tag.endswith("Vector"):
            return
        values = self._values.setdefault((device, name), {})
        values |= {one.get("name"): (one.text or "").strip() for one in element}
        self.seen.append(Seen(time.monotonic(), device, name, element.get("state", ""), dict(values)))

    def last(self, device: str, name: str) -> Seen | None:
        """The newest message about a property."""
        return next((one for one in reversed(self.seen) if (one.device, one.name) == (device, name)), None)

    def state(self, device: str, name: str) -> str:
        found = self.last(device, name)
        return found.state if found else ""

    def now_s(self) -> float:
        """The present time, as the messages have it."""
        return time.monotonic()

    def since(self, time_s: float) -> list[Seen]:
        """The messages after a time."""
        return [one for one in self.seen if one.time_s > time_s]

    def is_slewing(self) -> bool:
        return self.state(MOUNT, "EQUATORIAL_EOD_COORD") == "Busy"

    def moved_since(self, time_s: float) -> list[Seen]:
        """The messages after a time in which mount, camera or dome move."""
        moving = {"EQUATORIAL_EOD_COORD", "CCD_EXPOSURE", "DOME_SHUTTER", "ABS_DOME_POSITION"}
        return [one for one in self.since(time_s) if one.name in moving and one.state == "Busy"]

    def moves(self, what: str) -> bool:
        """Return True while the mount slews, the camera exposes or the roof moves."""
        names = {"mount": (MOUNT, "EQUATORIAL_EOD_COORD"), "camera": (CAMERA, "CCD_EXPOSURE")}
        return self.state(*names.get(what, (DOME, "DOME_SHUTTER"))) == "Busy"

    def ra_h(self) -> float:
        """Where the mount points to, in hours."""
        return float(wait_for(lambda: self.last(MOUNT, "EQUATORIAL_EOD_COORD")).values["RA"])

    def bring_park_nearer(self) -> None:
        """The simulator's own park position is 90 degrees away: half a minute."""
        wait_for(lambda: self.last(MOUNT, "TELESCOPE_PARK_POSITION"))
        self._socket.sendall(
            f"<newNumberVector device='{MOUNT}' name='TELESCOPE_PARK_POSITION'><oneNumber name='PARK_HA'>-6</oneNumber>"
            "<oneNumber name='PARK_DEC'>84</oneNumber></newNumberVector>".encode()
        )

    def was_slewing(self) -> bool:
        """Return True if the mount ever slewed."""
        return any(one.name == "EQUATORIAL_EOD_COORD" and one.state == "Busy" for one in self.seen)
