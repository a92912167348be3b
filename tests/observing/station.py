"""The program of a site with the simulators, the jobs of a user there, and what became of each."""

import contextlib
import time
from pathlib import Path
from typing import Any

from prjobs.base.places import Place
from prjobs.client import Client
from prjobs.observatory import Observatory
from prjobs.observing import program
from prjobs.observing.alpaca_site import AlpacaSite
from prjobs.observing.configuration import Configuration
from prjobs.observing.faults import DeviceFault
from prjobs.observing.indi_site import IndiSite
from prjobs.observing.pointing import Position
from prjobs.observing.station import Station
from tests.observing.indi import MOUNT
from tests.waiting import wait_for

PLACE = Place(34.459, -119.681, 317.0)
# A property that an INDI device has once it is connected.
PRESENT = {"mount": "TELESCOPE_ABORT_MOTION", "camera": "CCD1", "enclosure": "DOME_ABORT_MOTION"}
PRESENT |= {"focuser": "ABS_FOCUS_POSITION", "filter_wheel": "FILTER_SLOT", "rotator": "ROTATOR_ABORT_MOTION"}
OVER = ("COMPLETE", "FAILED", "ABORTED", "CANCELLED")


class Users:
    """A user of the site: sends jobs, and looks what became of them."""

    def __init__(self, url: str, token: str) -> None:
        self.client = Client(url, token)

    def send(
        self, device: str, action: str, optional: dict[str, Any] | None = None, *, instance: str = "", **required: Any
    ) -> str:
        sent = self.client.new_job(
            "saf",
            device,
            instance or f"{device}1",
            action,
            required,
            optional or {},
            user_id="auth0|alice",
            user_name="Zoë O'Hara",
        )
        return str(sent["ulid"])

    def stop(self) -> str:
        return self.send("all", "cancel_all_commands")

    def look(self, ulid: str) -> tuple[str, str]:
        """The status and message of a job."""
        job = self.client.api("GET", f"jobs/{ulid}")
        return job["status"], job["note"]

    def outcome(self, ulid: str) -> tuple[str, str]:
        """Wait for the end of a job; return its status and message."""
        try:
            wait_for(lambda: self.look(ulid)[0] in OVER)
        except AssertionError:
            raise AssertionError(f"{ulid} does not end: {self.client.api('GET', f'jobs/{ulid}')}") from None
        return self.look(ulid)

    def await_status(self, ulid: str, status: str) -> None:
        wait_for(lambda: self.look(ulid)[0] == status)


class Site(Users):
    """The program, in this process."""

    def __init__(self, url: str, token: str, devices: IndiSite | AlpacaSite, images: Path, **changes: Any) -> None:
        super().__init__(url, token)
        self.images = images
        self.devices = devices
        configuration = Configuration(filters={"R": "Red"}, **changes)
        self.station = Station(devices.devices(), PLACE, configuration)
        self.program = Observatory(url, "saf")
        self.tracking = program.register(self.program, self.station, images)

    def __enter__(self) -> "Site":
        self.devices.__enter__()
        wait_for(self.is_ready)
        if isinstance(self.devices, IndiSite) and "mount" in self.devices.names:
            # The simulator's own park position is 90 degrees away: half a minute.
            self.devices.link.send(MOUNT, "TELESCOPE_PARK_POSITION", PARK_HA=-6, PARK_DEC=84)
        self.program.__enter__()
        return self

    def target(self, hours: float = 0.5, dec_deg: float = 82.0) -> Position:
        """Return a position near the pole, where no limit forbids any, so many hours from the mount's own."""
        return Position((self.station.devices.mount.position(time.time()).ra_h + hours) % 24, dec_deg)

    def go(self, target: Position | None = None) -> str:
        """Send the mount to a position of date."""
        ra_h, dec_deg = target or self.target()
        return self.send("mount", "go", ra=f"{ra_h:.5f}", dec=f"{dec_deg:.4f}", frame="apparent")

    def is_ready(self) -> bool:
        if not isinstance(self.devices, IndiSite):
            return True
        names = [(key.partition(".")[0], name) for key, name in self.devices.names.items()]
        with contextlib.suppress(DeviceFault):
            return all(self.devices.link.find(name, PRESENT[kind]) is not None for kind, name in names)
        return False

    def __exit__(self, *exception: object) -> None:
        self.program.close(wait_s=1)
        self.devices.__exit__()
