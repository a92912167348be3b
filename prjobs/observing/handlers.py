"""The jobs of mount, enclosure, focuser, filter wheel and rotator."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prjobs.base.catalogue import ENCLOSURES, usual_seconds
from prjobs.observatory import Job, Observatory
from prjobs.observatory.handler import Run
from prjobs.observing.devices import Dome, FilterWheel, Focuser, Mount, Rotator
from prjobs.observing.faults import DeviceFault
from prjobs.observing.limits import OutsideLimits, RoofState, require_roof, require_target
from prjobs.observing.pointing import target
from prjobs.observing.station import Station
from prjobs.observing.tracking import Tracking
from prjobs.observing.values import BadParameter, number, text

# The longest motions: a device that takes longer is stuck.
SLEW_S, ROOF_S, MOVE_S = 300.0, 300.0, 180.0


class MountJobs:
    """The jobs of the mount. `tracking`: the watch over its tracking, if there is one."""

    def __init__(self, station: Station, mount: Mount, tracking: Tracking | None) -> None:
        self.station, self.mount, self.tracking = station, mount, tracking
        self.guard = station.guards[mount]
        self.limits = station.configuration.limits

    def register(self, site: Observatory) -> None:
        """Give the handlers to the program."""
        jobs = {
            "go": self.go,
            "park": self.park,
            "unpark": self.unpark,
            "home": self.home,
            "set_tracking_on": self.track,
            "set_tracking_off": self.stop_tracking,
        }
        for action, run in jobs.items():
            # A park does not wait for a roof that closes: the roof would refuse the motion then.
            after = () if action in ("park", "set_tracking_off") else ENCLOSURES
            site.on("mount", action, seconds=usual_s, after=after)(run)

    def go(self, job: Job) -> None:
        """Slew to the job's position."""
        with self._moving(job):
            now_s = time.time()
            position = target(job.required, self.station.place, now_s)
            require_target(self.limits, position, self.station.place, now_s)
            self._require_unparked()
            self.guard.follow(job, lambda: self.mount.slew(position, now_s), SLEW_S)
            self._watch(job)

    def park(self, job: Job) -> None:
        """Park the mount; a parked mount does not move."""
        with self.guard.taken(job):
            if not self.mount.is_parked():
                self._require_roof()
                self.guard.follow(job, self.mount.park, SLEW_S)

    def unpark(self, job: Job) -> None:
        """Unpark the mount."""
        with self._moving(job):
            if self.mount.is_parked():
                self.guard.follow(job, self.mount.unpark, SLEW_S)

    def home(self, job: Job) -> None:
        """Send the mount home."""
        with self._moving(job):
            self._require_unparked()
            self.guard.follow(job, self.mount.home, SLEW_S)

    def track(self, job: Job) -> None:
        """Switch tracking on."""
        with self._moving(job):
            self._require_unparked()
            now_s = time.time()
            require_target(self.limits, self.mount.position(now_s), self.station.place, now_s)
            self.guard.follow(job, lambda: self.mount.track(True), MOVE_S)
            self._watch(job)

    def stop_tracking(self, job: Job) -> None:
        """Switch tracking off."""
        with self.guard.taken(job):
            self.guard.follow(job, lambda: self.mount.track(False), MOVE_S)

    def _watch(self, job: Job | None) -> None:
        """Note the job that pointed the mount."""
        if self.tracking:
            self.tracking.job = job

    @contextmanager
    def _moving(self, job: Job) -> Iterator[None]:
        with self.guard.taken(job):
            self._require_roof()
            self._watch(None)
            yield

    def _require_roof(self) -> None:
        dome = self.station.devices.enclosure
        require_roof(self.limits, dome.roof() if dome else None)

    def _require_unparked(self) -> None:
        if self.mount.is_parked():
            raise OutsideLimits("The mount is parked: send unpark before a motion.")


class RoofJobs:
    """The jobs of the dome or another enclosure."""

    def __init__(self, station: Station, dome: Dome) -> None:
        self.station, self.dome = station, dome
        self.guard = station.guards[dome]

    def register(self, site: Observatory) -> None:
        """Give the handlers to the program."""
        for device in ENCLOSURES:
            for action, run in {"open": self.open, "close": self.close, "park": self.park}.items():
                site.on(device, action, seconds=usual_s)(run)
            site.on(device, "home_dome", seconds=usual_s)(self.home)

    def open(self, job: Job) -> None:
        """Open the roof."""
        with self.guard.taken(job):
            if self.dome.is_parked():
                self.guard.follow(job, self.dome.unpark, ROOF_S)
            if self.dome.roof() != "open":
                self.guard.follow(job, self.dome.open, ROOF_S)

    def close(self, job: Job) -> None:
        """Close the roof, after the mount is parked."""
        with self.guard.taken(job):
            if self.dome.roof() != "closed":
                with self._mount_parked(job):
                    self.guard.follow(job, self.dome.close, ROOF_S)

    def park(self, job: Job) -> None:
        """Park the dome, after the mount is parked: many domes close for it."""
        with self.guard.taken(job):
            if not self.dome.is_parked():
                with self._mount_parked(job):
                    self.guard.follow(job, self.dome.park, ROOF_S)

    def home(self, job: Job) -> None:
        """Send the dome home."""
        with self.guard.taken(job):
            self.guard.follow(job, self.dome.home, ROOF_S)

    @contextmanager
    def _mount_parked(self, job: Job) -> Iterator[None]:
        """Park the mount if the settings say so, and keep the mount parked; without, the roof stays open."""
        mount = self.station.devices.mount
        if mount is None or not self.station.configuration.limits.park_before_close:
            yield
            return
        guard = self.station.guards[mount]
        with guard.taken(job):
            try:
                if not mount.is_parked():
                    require_roof(self.station.configuration.limits, self._roof_for_parking())
                    guard.follow(job, mount.park, SLEW_S)
            except (DeviceFault, OutsideLimits) as error:
                raise DeviceFault(f"The roof was not closed, because the mount is not parked: {error}") from error
            yield

    def _roof_for_parking(self) -> RoofState | None:
        # A roof that a stop left half open must be closed again, and the mount be parked for that.
        return "closed" if self.dome.roof() == "closed" else None


class FocuserJobs:
    """The jobs of the focuser."""

    def __init__(self, station: Station, focuser: Focuser) -> None:
        self.focuser, self.guard = focuser, station.guards[focuser]

    def register(self, site: Observatory) -> None:
        """Give the handlers to the program."""
        jobs = {"move_absolute": self.move_absolute, "move_relative": self.move_relative, "home": self.home}
        for action, run in jobs.items():
            site.on("focuser", action, seconds=usual_s)(run)

    def move_absolute(self, job: Job) -> None:
        """Move to a position in steps."""
        self._move(job, number(job.required, "position"), is_relative=False)

    def move_relative(self, job: Job) -> None:
        """Move by steps, outwards or, below 0, inwards."""
        self._move(job, number(job.required, "position"), is_relative=True)

    def _move(self, job: Job, steps: float, is_relative: bool) -> None:
        with self.guard.taken(job):
            position = round(steps + (self.focuser.position() if is_relative else 0))
            if position < 0:
                raise BadParameter(f"The focuser would move to {position}: the lowest position is 0.")
            self.guard.follow(job, lambda: self.focuser.move(position), MOVE_S)

    def home(self, job: Job) -> None:
        """Send the focuser home."""
        with self.guard.taken(job):
            self.guard.follow(job, self.focuser.home, MOVE_S)


class RotatorJobs:
    """The jobs of the rotator."""

    def __init__(self, station: Station, rotator: Rotator) -> None:
        self.rotator, self.guard = rotator, station.guards[rotator]

    def register(self, site: Observatory) -> None:
        """Give the handlers to the program."""
        jobs = {"move_absolute": self.move_absolute, "move_relative": self.move_relative, "home": self.home}
        for action, run in jobs.items():
            site.on("rotator", action, seconds=usual_s)(run)

    def move_absolute(self, job: Job) -> None:
        """Turn to an angle."""
        angle = number(job.required, "position")
        with self.guard.taken(job):
            self.guard.follow(job, lambda: self.rotator.move(angle % 360), MOVE_S)

    def move_relative(self, job: Job) -> None:
        """Turn by an angle."""
        angle = number(job.required, "position")
        with self.guard.taken(job):
            to = (self.rotator.angle() + angle) % 360
            self.guard.follow(job, lambda: self.rotator.move(to), MOVE_S)

    def home(self, job: Job) -> None:
        """Send the rotator home."""
        with self.guard.taken(job):
            self.guard.follow(job, self.rotator.home, MOVE_S)


class FilterJobs:
    """The jobs of a filter wheel."""

    def __init__(self, station: Station, wheel: FilterWheel) -> None:
        self.wheel, self.guard = wheel, station.guards[wheel]
        self.known = station.configuration.filters

    def set_name(self, job: Job) -> None:
        """Bring a filter into the beam."""
        name = text(job.required, "filter_name")
        if not name:
            raise BadParameter("The parameter filter_name is missing.")
        with self.guard.taken(job):
            self.select(job, name)

    def home(self, job: Job) -> None:
        """Bring the first filter into the beam."""
        with self.guard.taken(job):
            self.guard.follow(job, lambda: self.wheel.select(0), MOVE_S)

    def select(self, job: Job, name: str) -> None:
        """Bring the filter with the name of the site or of the wheel into the beam; the caller holds the wheel."""
        names = self.wheel.names()
        wanted = self.known.get(name, name).casefold()
        slots = [slot for slot, one in enumerate(names) if one.casefold() == wanted]
        if not slots:
            raise BadParameter(f"The filter wheel has no filter {name}. Its filters: {', '.join(names)}.")
        self.guard.follow(job, lambda: self.wheel.select(slots[0]), MOVE_S)


def by_instance(handlers: Mapping[str, Run]) -> Run:
    """Return a handler that gives a job to the handler of its instance; "" is the handler of any instance."""

    def run(job: Job) -> object:
        found = handlers.get("") or handlers.get(job.lane[1])
        if found is None:
            raise BadParameter(f"The site has no {job.device} {job.instance}, but {', '.join(handlers)}.")
        return found(job)

    return run


def usual_s(job: Job) -> float:
    """Return the usual seconds of a job, from the catalogue."""
    return usual_seconds(job.device, job.action, job.required, job.optional) or 60.0
