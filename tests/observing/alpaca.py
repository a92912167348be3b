"""The Alpaca simulators of PyPI, and a witness that asks them by the library alpyca."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError

import pytest

from tests.waiting import PATIENCE_S, wait_for

ALPACA_NAMES = {
    "mount": "Simulator Telescope",
    "camera": "Simulator Camera",
    "focuser": "Simulator Focuser",
    "filter_wheel": "Simulator Filter Wheel",
    "rotator": "Simulator Rotator",
    "enclosure": "Simulator Dome",
}
# The first answers take most of a second of CPU: on a busy machine more than the 10 s that a program waits.
FIRST = ("management/v1/configureddevices", "api/v1/dome/0/name", "api/v1/telescope/0/slewing")
FIRST += ("api/v1/camera/0/camerastate", "api/v1/dome/0/shutterstatus")


def command() -> str | None:
    """Return the simulators' command, beside this Python or on the path."""
    return shutil.which("alpaca-simulators", path=str(Path(sys.executable).parent)) or shutil.which("alpaca-simulators")


def require_alpaca() -> None:
    """Skip where the simulators are not installed; never in CI, which installs them."""
    if command() is None or importlib.util.find_spec("alpaca") is None:
        assert os.environ.get("TEST_PRJOBS_ALPACA") != "required", "alpaca-simulators or alpyca is missing"
        pytest.skip("alpaca-simulators and alpyca are not installed")


class AlpacaServer:
    """The simulators, on this machine alone."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.start()

    def start(self) -> None:
        with (self.home / "alpaca.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(command()), "--host", "127.0.0.1", "--port", str(self.port)],
                stdout=log,
                stderr=log,
                cwd=self.home,
            )
        wait_for(self._answers)

    def _answers(self) -> bool:
        return all(self._answers_at(path) for path in FIRST)

    def _answers_at(self, path: str) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=PATIENCE_S).close()
        except HTTPError:
            # These simulators have no list of their devices.
            return True
        except OSError:
            return False
        return True

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class _Between(BaseHTTPRequestHandler):
    """Passes a request on, unless its path is among those that hang."""

    server: "Between"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))) or None
        if self.server.hangs and self.server.hangs in self.path:
            self.server.released.wait()
            return
        headers = {name: self.headers[name] for name in ("Accept", "Content-Type") if name in self.headers}
        asked = urllib.request.Request(self.server.to + self.path, body, headers, method=self.command)
        try:
            answer = urllib.request.urlopen(asked)
        except HTTPError as error:
            answer = error
        with answer:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.end_headers()
            self.wfile.write(answer.read())

    do_PUT = do_GET

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class Between(ThreadingHTTPServer):
    """A server before the simulators. Paths with the text `hangs` are accepted, and never answered."""

    daemon_threads, block_on_close = True, False

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Between)
        self.to, self.hangs, self.released = f"http://127.0.0.1:{port}", "", threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()


class Look(NamedTuple):
    """What moves at one moment."""

    time_s: float
    slewing: bool
    exposing: bool
    shutter: int


class AlpacaWitness:
    """Asks the simulators all the time what moves, by alpyca."""

    def __init__(self, port: int) -> None:
        from alpaca.camera import Camera
        from alpaca.dome import Dome
        from alpaca.telescope import Telescope

        address = f"127.0.0.1:{port}"
        self.mount: Any = Telescope(address, 0)
        self.camera: Any = Camera(address, 0)
        self.dome: Any = Dome(address, 0)
        self.looks: list[Look] = []
        self._ending = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._ending.wait(0.02):
            with suppress(Exception):
                self.looks.append(self.look())

    def look(self) -> Look:
        states = bool(self.mount.Slewing), int(self.camera.CameraState) == 2, int(self.dome.ShutterStatus)
        return Look(time.monotonic(), *states)

    def sees(self, **moving: bool) -> bool:
        """Return True if the newest look shows this."""
        last = self.looks[-1:]
        return bool(last) and all(getattr(last[0], name) == value for name, value in moving.items())

    def now_s(self) -> float:
        """The present time, as the looks have it."""
        return time.monotonic()

    def since(self, time_s: float) -> list[Look]:
        """The looks after a time."""
        return [one for one in self.looks if one.time_s > time_s]

    def moved_since(self, time_s: float) -> list[Look]:
        """The looks after a time at which mount, camera or dome move; the first may have begun before the time."""
        return [one for one in self.since(time_s)[1:] if one.slewing or one.exposing or one.shutter in (2, 3)]

    def moves(self, what: str) -> bool:
        """Return True while the mount slews or the camera exposes."""
        return self.sees(**{{"mount": "slewing", "camera": "exposing"}[what]: True})

    def ra_h(self) -> float:
        """Where the mount points to, in hours."""
        return float(self.mount.RightAscension)

    def bring_park_nearer(self) -> None:
        """Do nothing: the simulator is fast."""

    def close(self) -> None:
        self._ending.set()
