"""The devices of a site with place and settings, and the stop of all devices."""

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from prjobs.base.places import Place
from prjobs.observing.configuration import Configuration
from prjobs.observing.devices import Camera, Device, Dome, FilterWheel, Focuser, Guard, Mount, Rotator
from prjobs.observing.faults import DeviceFault

logger = logging.getLogger(__name__)
# The wait between attempts to reach a device that a stop did not reach.
AGAIN_S = 1.0


@dataclass(frozen=True)
class Devices:
    """The devices of the site; None for a missing device."""

    mount: Mount | None = None
    camera: Camera | None = None
    focuser: Focuser | None = None
    filter_wheel: FilterWheel | None = None
    rotator: Rotator | None = None
    enclosure: Dome | None = None


@dataclass(frozen=True)
class Station:
    """Devices, place and settings, and a guard for each device."""

    devices: Devices
    place: Place
    configuration: Configuration
    guards: Mapping[Device, Guard] = field(init=False)
    _late: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        present = [device for device in vars(self.devices).values() if device is not None]
        object.__setattr__(self, "guards", {device: Guard(device) for device in present})

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

    def _owed(self) -> list[Guard]:
        return [guard for guard in self.guards.values() if guard.owes_abort]
