"""The devices of an INDI server by the names in observe.toml."""

import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

from prjobs.observing.configuration import KINDS
from prjobs.observing.faults import DeviceFault
from prjobs.observing.indi import IndiDome, IndiFilterWheel, IndiFocuser, IndiMount, IndiRotator
from prjobs.observing.indi_camera import IndiCamera
from prjobs.observing.indi_link import CONNECTION, IndiLink
from prjobs.observing.station import Devices, devices_of

TYPES: dict[str, Any] = {
    "mount": IndiMount,
    "camera": IndiCamera,
    "focuser": IndiFocuser,
    "filter_wheel": IndiFilterWheel,
    "rotator": IndiRotator,
    "enclosure": IndiDome,
}
# The bits of DRIVER_INTERFACE, by the standard of INDI.
INTERFACES = {"mount": 1, "camera": 2, "focuser": 8, "filter_wheel": 16, "rotator": 4096, "enclosure": 32}
# A server presents its devices within this time, each driver at a time of its own.
PRESENT_S, QUIET_S = 5.0, 1.0


class IndiSite:
    """A server, and the names of the devices by kind and instance; connected from `with` on."""

    def __init__(self, host: str, port: int, names: Mapping[str, str]) -> None:
        self.names = names
        self.link = IndiLink(host, port, tuple(names.values()))

    def __enter__(self) -> Self:
        self.link.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.link.__exit__()

    def devices(self) -> Devices:
        """Return the devices with the names."""
        return devices_of(self.names, lambda kind, name: TYPES[kind](self.link, name))

    def offered(self) -> dict[str, list[str]]:
        """Return the names of the server's devices, by kind. Raise DeviceFault without a server."""
        self._await_devices()
        bits = {name: self._interfaces(name) for name in self.link.names()}
        # A driver of a single kind comes before a driver of many.
        by_kinds = sorted(bits, key=lambda name: bits[name].bit_count())
        return {kind: [name for name in by_kinds if bits[name] & INTERFACES[kind]] for kind in KINDS}

    def _await_devices(self) -> None:
        before: list[str] = []
        until_s = time.monotonic() + PRESENT_S
        while time.monotonic() < until_s and (not before or before != self.link.names()):
            before = self.link.names()
            if self.names and all(self._is_connected(name) for name in self.names.values()):
                return
            time.sleep(QUIET_S)
        self.link.find("", CONNECTION)

    def _is_connected(self, name: str) -> bool:
        """Return True if a device is connected to the hardware; False too without the server."""
        with suppress(DeviceFault):
            found = self.link.find(name, CONNECTION)
            return found is not None and found.values.get("CONNECT") == "On"
        return False

    def _interfaces(self, name: str) -> int:
        found = self.link.find(name, "DRIVER_INFO")
        word = str(found.values.get("DRIVER_INTERFACE", "")) if found else ""
        return int(word) if word.isdecimal() else 0
