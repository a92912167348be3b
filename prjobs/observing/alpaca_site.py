"""The devices of an Alpaca server by the names in observe.toml."""

from collections.abc import Mapping
from typing import Any, Self

from prjobs.observing.alpaca import (
    AlpacaCamera,
    AlpacaDome,
    AlpacaFilterWheel,
    AlpacaFocuser,
    AlpacaMount,
    AlpacaRotator,
)
from prjobs.observing.alpaca_link import AlpacaLink
from prjobs.observing.station import Devices, devices_of

TYPES: dict[str, Any] = {
    "mount": AlpacaMount,
    "camera": AlpacaCamera,
    "focuser": AlpacaFocuser,
    "filter_wheel": AlpacaFilterWheel,
    "rotator": AlpacaRotator,
    "enclosure": AlpacaDome,
}


class AlpacaSite:
    """A server, and the names of the devices by kind and instance."""

    def __init__(self, host: str, port: int, names: Mapping[str, str]) -> None:
        self.names = names
        self.link = AlpacaLink(host, port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Do nothing: each call is a request of its own."""

    def devices(self) -> Devices:
        """Return the devices with the names."""
        return devices_of(self.names, lambda kind, name: TYPES[kind](self.link, name))

    def offered(self) -> dict[str, list[str]]:
        """Return the names of the server's devices, by kind. Raise DeviceFault without a server."""
        there = self.link.devices()
        return {
            kind: [str(one["DeviceName"]) for one in there if str(one["DeviceType"]).lower() == device.kind]
            for kind, device in TYPES.items()
        }
