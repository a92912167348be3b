"""`prjobs serve --demo --indi`: a site with the simulated devices of INDI, which take images of their own."""

import atexit
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from prjobs.base.errors import Unusable
from prjobs.base.places import Place
from prjobs.client import Client
from prjobs.observatory import Observatory
from prjobs.observing import program
from prjobs.observing.configuration import Configuration, Named
from prjobs.observing.faults import DeviceFault
from prjobs.observing.indi_site import IndiSite
from prjobs.observing.limits import Limits
from prjobs.observing.pointing import load_ephem
from prjobs.observing.station import Station

SITE = "saf"
PLACE = Place(35.55, -105.87, 2187.0)
SERVER = "indiserver"
# Runs the command after it until the standard input ends, as that of a killed parent process does.
TIED = ("sh", "-c", '"$@" & read -r _; kill $! 2>/dev/null; wait', "sh")
DRIVERS = ("telescope", "ccd", "focus", "wheel", "rotator", "dome")
NAMES = {
    "mount": "Telescope Simulator",
    "camera": "CCD Simulator",
    "focuser": "Focuser Simulator",
    "filter_wheel": "Filter Simulator",
    "rotator": "Rotator Simulator",
    "enclosure": "Dome Simulator",
}


def require_simulators() -> None:
    """Raise Unusable unless the simulators and the packages for them are installed."""
    if shutil.which(SERVER) is None:
        raise Unusable("--indi needs the simulators of INDI: install Debian's package indi-bin.")
    load_ephem()
    IndiSite("127.0.0.1", 1, {})


def start_simulators(server: Any, data: Path, say: Callable[[str], object]) -> None:
    """Start the simulators and the program of their site in a thread, which ends both with the server."""
    stopping: threading.Event = server.appliance.queue.stopping
    thread = threading.Thread(target=_run, args=(server.url, data, stopping), name="demo INDI", daemon=True)
    thread.start()
    say(f"site {SITE} has simulators of INDI, with images in {data / 'images'}; for one, in another terminal:")
    say(f'prjobs send {SITE} camera camera1 expose -r time=2 --data "{data}"')


def _run(url: str, data: Path, stopping: threading.Event) -> None:
    # A roof that is closed at the start would refuse the first slew of a newcomer.
    configuration = Configuration(
        Named(**NAMES), limits=Limits(motion_under_closed_roof=True), filters={"R": "Red", "G": "Green", "B": "Blue"}
    )
    port = _free_port()
    process = _start(data / "indi", port)
    # The server's process may end before this thread.
    atexit.register(_end, process)
    _await_server(port, stopping)
    with IndiSite("127.0.0.1", port, NAMES) as devices:
        # No job before the devices are there.
        with suppress(DeviceFault):
            devices.offered()
        site = Observatory(url, SITE, client=Client(url))
        station = Station(devices.devices(), PLACE, configuration)
        tracking = program.register(site, station, data / "images")
        program.run(site, station, tracking, stopping)


def _end(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def _start(home: Path, port: int) -> "subprocess.Popen[bytes]":
    """Start the server in a home folder of its own: drivers keep settings there. The server ends with this process."""
    home.mkdir(exist_ok=True)
    words = [
        *TIED,
        SERVER,
        "-p",
        str(port),
        "-u",
        str(home / "socket"),
        *(f"indi_simulator_{kind}" for kind in DRIVERS),
    ]
    with (home / "indi.log").open("ab") as log:
        environment = {**os.environ, "HOME": str(home)}
        # A session of its own: Ctrl-C would end the shell, and leave the server.
        return subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True
        )


def _await_server(port: int, stopping: threading.Event) -> None:
    """Wait until the server takes connections: a refused first one would be tried again after 5 s."""
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if stopping.wait(0.1):
            return


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
