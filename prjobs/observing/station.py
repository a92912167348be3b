"""The devices of a site with place and settings, and the stop of all devices."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from prjobs.base.places import Place
from prjobs.observing.configuration import Configuration
from prjobs.observing.devices import Camera, Device, Dome, FilterWheel, Focuser, Guard, Mount, Rotator
from prjobs.observing.faults import DeviceFault

logger = logging.getLogger(__name__)
# The wait between attempts to reach a device that a stop did not reach.
AGAIN_S = 1.0


@dataclass(frozen=True)
class Devices:
    """The devices of the site; None for a missing device.

    Cameras and filter wheels by the instance of jobs in small letters; "" for the only one, whatever the instance.
    """

    mount: Mount | None = None
    focuser: Focuser | None = None
    rotator: Rotator | None = None
    enclosure: Dome | None = None
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    filter_wheels: Mapping[str, FilterWheel] = field(default_factory=dict)

    def all(self) -> list[Device]:
        """Return the devices that are there."""
        single = (self.mount, self.focuser, self.rotator, self.enclosure)
        return [*filter(None, single), *self.cameras.values(), *self.filter_wheels.values()]


def devices_of(names: Mapping[str, str], make: Callable[[str, str], Any]) -> Devices:
    """Return the devices with the names of `configuration.Named.as_dict`, each made from kind and name."""
    found: dict[str, Any] = {"cameras": {}, "filter_wheels": {}}
    for key, name in names.items():
        kind, _, instance = key.partition(".")
        if f"{kind}s" in found:
            found[f"{kind}s"][instance] = make(kind, name)
        else:
            found[kind] = make(kind, name)
    return Devices(**found)


@dataclass(frozen=True)
class Station:
    """Devices, place and settings, and a guard for each device."""

    devices: Devices
    place: Place
    configuration: Configuration
    guards: Mapping[Device, Guard] = field(init=False)
    _late: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        object.__setattr__(self, "guards", {device: Guard(device) for device in self.devices.all()})

    def abort(self) -> None:
        """End all motion and exposures, of all devices at once. Raise DeviceFault with each device that may go on."""
        faults: list[str] = []

        def end(guard: Guard) -> None:
            try:
                guard.abort()
            except DeviceFault as error:
                faults.append(str(error))
            except Exception as error:
                logger.exception("the abort of %s failed", guard.device.name)
                faults.append(str(error) or type(error).__name__)

        threads = [threading.Thread(target=end, args=(guard,), daemon=True) for guard in self.guards.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if faults:
            threading.Thread(target=self._abort_late, name="late aborts", daemon=True).start()
            raise DeviceFault(" ".join(dict.fromkeys(faults)))

    def _abort_late(self) -> None:
        """Send the aborts that did not reach their devices until they do."""
        # One thread, however often a stop is pressed.
        while self._owed() and self._late.acquire(blocking=False):
            try:
                while owed := self._owed():
                    time.sleep(AGAIN_S)
                    for guard in owed:
                        with suppress(DeviceFault):
                            guard.abort_late()
            finally:
                self._late.release()

    @property
    def owes_abort(self) -> bool:
        """Return True while a stop has not reached every device."""
        return bool(self._owed())

    def _owed(self) -> list[Guard]:
        return [guard for guard in self.guards.values() if guard.owes_abort]
