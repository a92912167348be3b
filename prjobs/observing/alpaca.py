"""The devices of an Alpaca server, by the interfaces of ASCOM: https://ascom-standards.org/api/"""

import time
from collections.abc import Callable
from typing import Any

from prjobs.observing.alpaca_image import fits_of
from prjobs.observing.alpaca_link import NOT_IMPLEMENTED, PARKED, AlpacaError, AlpacaLink
from prjobs.observing.devices import EXPOSES, HasEnded
from prjobs.observing.faults import DeviceFault
from prjobs.observing.fits import Card
from prjobs.observing.limits import RoofState
from prjobs.observing.pointing import Position, distance_deg, of_date, to_j2000
from prjobs.observing.values import Exposure

ABORT_S, LOOK_S = 5.0, 0.05
# A motion begins within this time after its command.
BEGIN_S = 5.0
POINTING_DEG = 0.5
# EquatorialCoordinateType, ShutterState and CameraStates of the standard.
J2000 = 2
OPEN, CLOSED, OPENING, CLOSING = range(4)
ROOF: dict[int, RoofState] = {OPEN: "open", CLOSED: "closed", OPENING: "moving", CLOSING: "moving"}
IDLE, FAILED = 0, 5


class AlpacaDevice:
    """A device; `kind` is the type in addresses, `abort_call` the method that ends all motion."""

    kind = ""
    abort_call = ""

    def __init__(self, link: AlpacaLink, name: str) -> None:
        self.link = link
        self.name = name

    def get(self, what: str) -> Any:
        """Return a property."""
        return self.link.get(self.kind, self.name, what)

    def put(self, what: str, **values: object) -> None:
        """Call a method, or set a property."""
        self.link.put(self.kind, self.name, what, **values)

    def abort(self) -> None:
        """End all motion and wait for the end. Raise DeviceFault without a sure end."""
        try:
            self.put(self.abort_call)
        except AlpacaError as error:
            # Nothing moves in a parked mount; a device without the method may stand still.
            if error.number not in (NOT_IMPLEMENTED, PARKED):
                raise
        until_s = time.monotonic() + ABORT_S
        while self.is_moving():
            if time.monotonic() > until_s:
                raise DeviceFault(f"{self.name} still moves after the abort.")
            time.sleep(LOOK_S)

    def is_moving(self) -> bool:
        """Return True while the device moves."""
        return bool(self.get("ismoving"))

    def ended(self, is_moving: Callable[[], bool], has_reached: Callable[[], bool]) -> HasEnded:
        """Return the function that says whether a motion has ended, from its command on.

        The function raises DeviceFault for a motion that ended elsewhere than at the goal.
        """
        since_s, was_moving = time.monotonic(), False

        def has_ended() -> bool:
            nonlocal was_moving
            if is_moving():
                was_moving = True
                return False
            if has_reached():
                return True
            if was_moving or time.monotonic() - since_s > BEGIN_S:
                raise DeviceFault(f"{self.name} stopped before its goal.")
            return False

        return has_ended

    def lacks(self, what: str) -> DeviceFault:
        """Return the fault of a device without an ability. Raise DeviceFault without the device."""
        self.link.number_of(self.kind, self.name)
        return DeviceFault(f"{self.name} has no {what}.")


class AlpacaMount(AlpacaDevice):
    """A telescope's mount."""

    kind, abort_call = "telescope", "abortslew"

    def is_moving(self) -> bool:
        """Return True while the mount slews."""
        return bool(self.get("slewing"))

    def abort(self) -> None:
        """End slewing and tracking."""
        super().abort()
        if self.get("tracking"):
            self.put("tracking", Tracking=False)

    def _is_j2000(self) -> bool:
        return bool(self.get("equatorialsystem") == J2000)

    def position(self, time_s: float) -> Position:
        """Return the position of date."""
        found = Position(float(self.get("rightascension")), float(self.get("declination")))
        return of_date(found, time_s) if self._is_j2000() else found

    def is_parked(self) -> bool:
        """Return True while the mount is parked."""
        return bool(self.get("atpark"))

    def is_tracking(self) -> bool:
        """Return True while the mount tracks."""
        return bool(self.get("tracking")) and not self.is_moving()

    def slew(self, position: Position, time_s: float) -> HasEnded:
        """Slew to the position of date, and track."""
        sent = to_j2000(position, time_s) if self._is_j2000() else position
        if not self.get("tracking"):
            self.put("tracking", Tracking=True)
        self.put("slewtocoordinatesasync", RightAscension=sent.ra_h, Declination=sent.dec_deg)
        return self.ended(self.is_moving, lambda: distance_deg(self.position(time.time()), position) < POINTING_DEG)

    def park(self) -> HasEnded:
        """Park the mount."""
        self.put("park")
        return self.ended(self.is_moving, self.is_parked)

    def unpark(self) -> HasEnded:
        """Unpark the mount."""
        self.put("unpark")
        return self.ended(self.is_moving, lambda: not self.is_parked())

    def home(self) -> HasEnded:
        """Send the mount home."""
        if not self.get("canfindhome"):
            raise self.lacks("home position")
        self.put("findhome")
        return self.ended(self.is_moving, lambda: bool(self.get("athome")))

    def track(self, is_on: bool) -> HasEnded:
        """Switch tracking on or off."""
        self.put("tracking", Tracking=is_on)
        return lambda: bool(self.get("tracking")) == is_on


class AlpacaCamera(AlpacaDevice):
    """A camera."""

    kind, abort_call = "camera", "abortexposure"

    def is_moving(self) -> bool:
        """Return True while an exposure or its readout is under way."""
        return self.get("camerastate") not in (IDLE, FAILED)

    def set_up(self, exposure: Exposure) -> HasEnded:
        """Set binning and area."""
        if self.is_moving():
            # The image of that exposure would be taken for the job's.
            raise DeviceFault(f"{self.name} {EXPOSES}")
        for axis, bins in zip("xy", exposure.bins, strict=True):
            self.put(f"bin{axis}", **{f"Bin{axis.upper()}": bins})
        for axis, bins in zip("xy", exposure.bins, strict=True):
            # In binned pixels.
            full = int(self.get(f"camera{axis}size")) // bins
            part = max(1, int(full * exposure.area))
            self.put(f"start{axis}", **{f"Start{axis.upper()}": (full - part) // 2})
            self.put(f"num{axis}", **{f"Num{axis.upper()}": part})
        return lambda: True

    def expose(self, exposure: Exposure) -> HasEnded:
        """Begin an exposure, which ends with the image."""
        seconds = max(exposure.seconds, float(self.get("exposuremin")))
        self.put("startexposure", Duration=seconds, Light=exposure.image_type in ("light", "flat"))
        return self.ended(self.is_moving, lambda: bool(self.get("imageready")))

    def image(self, cards: list[Card]) -> bytes:
        """Return the last exposure as a FITS file with the cards."""
        size = [Card("XBINNING", int(self.get("binx"))), Card("YBINNING", int(self.get("biny")))]
        taken = [
            Card("DATE-OBS", str(self.get("lastexposurestarttime")), "UTC, begin of the exposure"),
            Card("EXPTIME", float(self.get("lastexposureduration")), "seconds"),
            Card("INSTRUME", self.name),
        ]
        return fits_of(self.link.image(self.kind, self.name), [*size, *taken, *cards])


class AlpacaFocuser(AlpacaDevice):
    """A focuser with absolute positions."""

    kind, abort_call = "focuser", "halt"

    def position(self) -> float:
        """Return the position in steps."""
        return float(self.get("position"))

    def move(self, position: float) -> HasEnded:
        """Move to a position in steps."""
        if position > (limit := float(self.get("maxstep"))):
            raise DeviceFault(f"{self.name} moves from 0 to {limit:g}.")
        self.put("move", Position=int(position))
        return self.ended(self.is_moving, lambda: abs(self.position() - position) < 2)

    def home(self) -> HasEnded:
        """Send the focuser home."""
        raise self.lacks("home position")


class AlpacaFilterWheel(AlpacaDevice):
    """A filter wheel. ASCOM has no abort for a wheel: the wheel ends at the next filter."""

    kind = "filterwheel"

    def abort(self) -> None:
        """Make sure that the wheel is there."""
        self.get("position")

    def names(self) -> list[str]:
        """Return the names of the filters, from the first slot on."""
        return [str(name).strip() for name in self.get("names")]

    def select(self, slot: int) -> HasEnded:
        """Turn the wheel to a slot, from 0."""
        self.put("position", Position=slot)
        return self.ended(lambda: self.get("position") == -1, lambda: self.get("position") == slot)


class AlpacaRotator(AlpacaDevice):
    """A rotator."""

    kind, abort_call = "rotator", "halt"

    def angle(self) -> float:
        """Return the angle in degrees."""
        return float(self.get("position"))

    def move(self, angle: float) -> HasEnded:
        """Turn to an angle in degrees."""
        self.put("moveabsolute", Position=angle)
        return self.ended(self.is_moving, lambda: abs((self.angle() - angle + 180) % 360 - 180) < 1)

    def home(self) -> HasEnded:
        """Send the rotator home."""
        raise self.lacks("home position")


class AlpacaDome(AlpacaDevice):
    """A dome or roof with a shutter."""

    kind, abort_call = "dome", "abortslew"

    def is_moving(self) -> bool:
        """Return True while dome or shutter moves."""
        return bool(self.get("slewing")) or self.get("shutterstatus") in (OPENING, CLOSING)

    def roof(self) -> RoofState:
        """Return the state of the shutter."""
        return ROOF.get(self.get("shutterstatus"), "unknown")

    def open(self) -> HasEnded:
        """Open the shutter."""
        self.put("openshutter")
        return self.ended(self.is_moving, lambda: self.roof() == "open")

    def close(self) -> HasEnded:
        """Close the shutter."""
        self.put("closeshutter")
        return self.ended(self.is_moving, lambda: self.roof() == "closed")

    def is_parked(self) -> bool:
        """Return True while the dome is parked."""
        return bool(self.get("atpark"))

    def park(self) -> HasEnded:
        """Park the dome."""
        self.put("park")
        return self.ended(self.is_moving, self.is_parked)

    def unpark(self) -> HasEnded:
        """Return at once: a dome of ASCOM leaves the park position with the next motion."""
        return lambda: True

    def home(self) -> HasEnded:
        """Send the dome home."""
        if not self.get("canfindhome"):
            raise self.lacks("home position")
        self.put("findhome")
        return self.ended(self.is_moving, lambda: bool(self.get("athome")))
