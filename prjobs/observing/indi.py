"""The devices of an INDI server, by the standard properties of INDI: https://docs.indilib.org/drivers/basic.html"""

import time
from collections.abc import Callable

from prjobs.observing.devices import EXPOSES, HasEnded
from prjobs.observing.faults import DeviceFault
from prjobs.observing.fits import Card, with_cards
from prjobs.observing.indi_link import CONFIRM_S, IndiLink, Property
from prjobs.observing.limits import RoofState
from prjobs.observing.pointing import Position, distance_deg, of_date, to_j2000
from prjobs.observing.values import Exposure

ABORT_S = 5.0
# A mount that stands further from its target did not reach it.
POINTING_DEG = 0.5
FRAME_TYPES = {"light": "FRAME_LIGHT", "dark": "FRAME_DARK", "bias": "FRAME_BIAS", "flat": "FRAME_FLAT"}
HasReached = Callable[[Property], bool]


class IndiDevice:
    """A device; `abort_property` ends the motion, the properties in `moving` are busy during a motion."""

    abort_property = ""
    moving: tuple[str, ...] = ()

    def __init__(self, link: IndiLink, name: str) -> None:
        self.link = link
        self.name = name

    def abort(self) -> None:
        """End all motion and wait for the end. Raise DeviceFault without a sure end."""
        if not self.has(self.abort_property):
            if not any(self.has(name) for name in self.moving):
                # Also right after a start of the server: the device has not said yet what moves.
                raise self.lacks("motion to end")
            if not self.is_moving():
                return
        before = self.link.send(self.name, self.abort_property, ABORT="On")
        self.link.confirm(self.name, self.abort_property, before)
        until_s = time.monotonic() + ABORT_S
        with self.link.changed:
            while self.is_moving():
                self.link.changed.wait(0.1)
                if time.monotonic() > until_s:
                    raise DeviceFault(f"{self.name} still moves after the abort.")

    def is_moving(self) -> bool:
        """Return True while a property of the device is busy."""
        found = (self.link.find(self.name, name) for name in self.moving)
        return any(one is not None and one.state == "Busy" for one in found)

    def has(self, name: str, member: str = "") -> bool:
        """Return True if the device has the property, with the member."""
        found = self.link.find(self.name, name)
        return found is not None and (not member or member in found.values)

    def change(self, name: str, has_reached: HasReached, **values: str | float) -> HasEnded:
        """Send new values of a property; return a function: True once the values are reached.

        A driver may send the property in the old state while the command is on the way: the end counts after the
        property was busy, or when the goal is reached. The function raises DeviceFault for a refusal or a failure.
        """
        old_state = self.link.require(self.name, name).state
        before = self.link.send(self.name, name, **values)
        sent_s, was_busy = time.monotonic(), False

        def has_ended() -> bool:
            nonlocal was_busy
            found = self.link.require(self.name, name)
            is_late = time.monotonic() - sent_s > CONFIRM_S
            if found.count <= before:
                if is_late:
                    raise DeviceFault(f"{self.name} does not answer: nobody knows what it does.")
                return False
            if found.state == "Busy":
                was_busy = True
                return False
            if found.state != "Alert" and has_reached(found):
                return True
            if was_busy or is_late or (found.state == "Alert" and old_state != "Alert"):
                raise self._fault("refused or failed" if found.state == "Alert" else "stopped before its goal")
            return False

        return has_ended

    def switch(self, name: str, member: str) -> HasEnded:
        """Switch a member of a property on."""
        return self.change(name, lambda found: found.values.get(member) == "On", **{member: "On"})

    def _fault(self, what: str) -> DeviceFault:
        said = self.link.said(self.name)
        return DeviceFault(f"{self.name} {what}" + (f": {said}" if said else "."))

    def lacks(self, what: str) -> DeviceFault:
        """Return the fault of a device without an ability. Raise DeviceFault without the device."""
        known = self.link.require(self.name, "CONNECTION")
        is_on = known.values.get("CONNECT") == "On"
        return DeviceFault(f"{self.name} has no {what}." if is_on else f"{self.name} is not connected to its hardware.")


class IndiMount(IndiDevice):
    """A telescope's mount."""

    abort_property = "TELESCOPE_ABORT_MOTION"
    moving = ("EQUATORIAL_EOD_COORD", "EQUATORIAL_COORD", "TELESCOPE_PARK", "TELESCOPE_HOME", "HORIZONTAL_COORD")

    def _coordinates(self) -> str:
        return "EQUATORIAL_EOD_COORD" if self.has("EQUATORIAL_EOD_COORD") else "EQUATORIAL_COORD"

    def position(self, time_s: float) -> Position:
        """Return the position of date."""
        name = self._coordinates()
        values = self.link.require(self.name, name).values
        found = Position(values["RA"], values["DEC"])
        return found if name == "EQUATORIAL_EOD_COORD" else of_date(found, time_s)

    def is_parked(self) -> bool:
        """Return True while the mount is parked; a mount that cannot park never is."""
        found = self.link.find(self.name, "TELESCOPE_PARK")
        if found is None:
            self.link.require(self.name, self._coordinates())
        return found is not None and found.values["PARK"] == "On" and found.state != "Busy"

    def slew(self, position: Position, time_s: float) -> HasEnded:
        """Slew to the position of date, and track."""
        name = self._coordinates()
        sent = position if name == "EQUATORIAL_EOD_COORD" else to_j2000(position, time_s)
        self.link.send(self.name, "ON_COORD_SET", TRACK="On")

        def has_reached(found: Property) -> bool:
            return distance_deg(Position(found.values["RA"], found.values["DEC"]), sent) < POINTING_DEG

        return self.change(name, has_reached, RA=sent.ra_h, DEC=sent.dec_deg)

    def park(self) -> HasEnded:
        """Park the mount."""
        return self.switch("TELESCOPE_PARK", "PARK")

    def unpark(self) -> HasEnded:
        """Unpark the mount."""
        return self.switch("TELESCOPE_PARK", "UNPARK")

    def home(self) -> HasEnded:
        """Send the mount home."""
        for member in ("GO", "FIND"):
            if self.has("TELESCOPE_HOME", member):
                return self.change("TELESCOPE_HOME", lambda _found: True, **{member: "On"})
        raise self.lacks("home position")

    def track(self, is_on: bool) -> HasEnded:
        """Switch tracking on or off."""
        member = "TRACK_ON" if is_on else "TRACK_OFF"
        self.link.confirm(
            self.name, "TELESCOPE_TRACK_STATE", self.link.send(self.name, "TELESCOPE_TRACK_STATE", **{member: "On"})
        )
        # The property is busy as long as the mount tracks.
        return lambda: self.link.require(self.name, "TELESCOPE_TRACK_STATE").values[member] == "On"


class IndiCamera(IndiDevice):
    """A camera's main chip."""

    abort_property = "CCD_ABORT_EXPOSURE"
    moving = ("CCD_EXPOSURE",)
    blob = "CCD1"

    def set_up(self, exposure: Exposure) -> HasEnded:
        """Set frame type, binning and area, and have FITS files sent to this program."""
        if self.is_moving():
            # The image of that exposure would be taken for the job's.
            raise DeviceFault(f"{self.name} {EXPOSES}")
        steps = [
            self.switch("CCD_FRAME_TYPE", FRAME_TYPES[exposure.image_type]),
            *self._if_there("UPLOAD_MODE", "UPLOAD_CLIENT"),
            *self._if_there("CCD_TRANSFER_FORMAT", "FORMAT_FITS"),
            *self._if_there("CCD_COMPRESSION", "INDI_DISABLED"),
            *self._bins(exposure),
            *self._area(exposure),
        ]
        return lambda: all(has_ended() for has_ended in steps)

    def _if_there(self, name: str, member: str) -> list[HasEnded]:
        return [self.switch(name, member)] if self.has(name, member) else []

    def _bins(self, exposure: Exposure) -> list[HasEnded]:
        across, down = exposure.bins
        if not self.has("CCD_BINNING"):
            if exposure.bins != (1, 1):
                raise self.lacks("binning")
            return []

        def has_reached(found: Property) -> bool:
            return bool((found.values["HOR_BIN"], found.values["VER_BIN"]) == (across, down))

        return [self.change("CCD_BINNING", has_reached, HOR_BIN=across, VER_BIN=down)]

    def _area(self, exposure: Exposure) -> list[HasEnded]:
        if not self.has("CCD_FRAME"):
            if exposure.area < 1:
                raise self.lacks("area")
            return []
        chip = self.link.require(self.name, "CCD_INFO").values
        full = int(chip["CCD_MAX_X"]), int(chip["CCD_MAX_Y"])
        # Whole bins, else a driver moves the borders by itself.
        width, height = (
            max(one, int(size * exposure.area) // one * one) for size, one in zip(full, exposure.bins, strict=True)
        )
        x, y = (full[0] - width) // 2, (full[1] - height) // 2
        return [self.change("CCD_FRAME", lambda _found: True, X=x, Y=y, WIDTH=width, HEIGHT=height)]

    def expose(self, exposure: Exposure) -> HasEnded:
        """Begin an exposure, which ends with the image."""
        images, was_busy = self._images(), False
        # A driver takes no exposure of 0 s.
        before = self.link.send(self.name, "CCD_EXPOSURE", CCD_EXPOSURE_VALUE=max(exposure.seconds, 0.001))
        sent_s = time.monotonic()

        def has_ended() -> bool:
            nonlocal was_busy
            if self._images() > images:
                return True
            found = self.link.require(self.name, "CCD_EXPOSURE")
            if found.count <= before:
                if time.monotonic() - sent_s > CONFIRM_S:
                    raise DeviceFault(f"{self.name} does not answer: nobody knows what it does.")
                return False
            # After the state Ok the image may still be on the way.
            if found.state == "Alert" or (was_busy and found.state == "Idle"):
                raise self._fault("refused the exposure or failed" if found.state == "Alert" else "was stopped")
            was_busy = was_busy or found.state == "Busy"
            return False

        return has_ended

    def _images(self) -> int:
        return self.link.require(self.name, self.blob).count

    def image(self, cards: list[Card]) -> bytes:
        """Return the FITS file of the last exposure, with the cards in the header."""
        content = self.link.require(self.name, self.blob).values[self.blob]
        if not isinstance(content, bytes):
            raise DeviceFault(f"{self.name} sent no image.")
        return with_cards(content, cards)


class IndiFocuser(IndiDevice):
    """A focuser with absolute positions."""

    abort_property = "FOCUS_ABORT_MOTION"
    moving = ("ABS_FOCUS_POSITION", "REL_FOCUS_POSITION", "FOCUS_HOME")

    def position(self) -> float:
        """Return the position in steps."""
        return float(self.link.require(self.name, "ABS_FOCUS_POSITION").values["FOCUS_ABSOLUTE_POSITION"])

    def move(self, position: float) -> HasEnded:
        """Move to a position in steps."""
        limit = self.link.find(self.name, "FOCUS_MAX")
        if limit is not None and position > limit.values["FOCUS_MAX_VALUE"]:
            raise DeviceFault(f"{self.name} moves from 0 to {limit.values['FOCUS_MAX_VALUE']:g}.")

        def has_reached(found: Property) -> bool:
            return bool(abs(found.values["FOCUS_ABSOLUTE_POSITION"] - position) < 2)

        return self.change("ABS_FOCUS_POSITION", has_reached, FOCUS_ABSOLUTE_POSITION=position)

    def home(self) -> HasEnded:
        """Send the focuser home."""
        raise self.lacks("home position")


class IndiFilterWheel(IndiDevice):
    """A filter wheel. INDI has no abort for a wheel: the wheel ends at the next filter."""

    def names(self) -> list[str]:
        """Return the names of the filters, from the first slot on."""
        return [str(name).strip() for name in self.link.require(self.name, "FILTER_NAME").values.values()]

    def select(self, slot: int) -> HasEnded:
        """Turn the wheel to a slot, from 0."""

        def has_reached(found: Property) -> bool:
            return int(found.values["FILTER_SLOT_VALUE"]) == slot + 1

        return self.change("FILTER_SLOT", has_reached, FILTER_SLOT_VALUE=slot + 1)

    def abort(self) -> None:
        """Make sure that the wheel is there."""
        self.link.require(self.name, "FILTER_SLOT")


class IndiRotator(IndiDevice):
    """A rotator."""

    abort_property = "ROTATOR_ABORT_MOTION"
    moving = ("ABS_ROTATOR_ANGLE", "ROTATOR_HOME")

    def angle(self) -> float:
        """Return the angle in degrees."""
        return float(self.link.require(self.name, "ABS_ROTATOR_ANGLE").values["ANGLE"])

    def move(self, angle: float) -> HasEnded:
        """Turn to an angle in degrees."""

        def has_reached(found: Property) -> bool:
            return bool(abs((found.values["ANGLE"] - angle + 180) % 360 - 180) < 1)

        return self.change("ABS_ROTATOR_ANGLE", has_reached, ANGLE=angle)

    def home(self) -> HasEnded:
        """Send the rotator home."""
        if not self.has("ROTATOR_HOME", "HOME"):
            raise self.lacks("home position")
        return self.change("ROTATOR_HOME", lambda _found: True, HOME="On")


class IndiDome(IndiDevice):
    """A dome with a shutter; without a shutter, a roof: parked is closed."""

    abort_property = "DOME_ABORT_MOTION"
    moving = ("DOME_SHUTTER", "DOME_MOTION", "ABS_DOME_POSITION", "DOME_PARK", "DOME_HOME")

    def roof(self) -> RoofState:
        """Return the state of the shutter or roof."""
        name, is_open, is_closed = ("DOME_SHUTTER", "SHUTTER_OPEN", "SHUTTER_CLOSE")
        if not self.has(name):
            name, is_open, is_closed = ("DOME_PARK", "UNPARK", "PARK")
        found = self.link.require(self.name, name)
        if found.state == "Busy":
            return "moving"
        on = [member for member in (is_open, is_closed) if found.values.get(member) == "On"]
        if found.state == "Alert" or len(on) != 1:
            return "unknown"
        return "open" if on == [is_open] else "closed"

    def open(self) -> HasEnded:
        """Open the shutter or roof; a parked dome is to be unparked before."""
        return self.switch("DOME_SHUTTER", "SHUTTER_OPEN") if self.has("DOME_SHUTTER") else self.unpark()

    def close(self) -> HasEnded:
        """Close the shutter or roof."""
        return self.switch("DOME_SHUTTER", "SHUTTER_CLOSE") if self.has("DOME_SHUTTER") else self.park()

    def park(self) -> HasEnded:
        """Park the dome."""
        return self.switch("DOME_PARK", "PARK")

    def is_parked(self) -> bool:
        """Return True while the dome is parked."""
        found = self.link.find(self.name, "DOME_PARK")
        return found is not None and found.values["PARK"] == "On" and found.state != "Busy"

    def unpark(self) -> HasEnded:
        """Unpark the dome."""
        return self.switch("DOME_PARK", "UNPARK")

    def home(self) -> HasEnded:
        """Send the dome home."""
        if not self.has("DOME_HOME", "DH_FIND"):
            raise self.lacks("home position")
        return self.change("DOME_HOME", lambda _found: True, DH_FIND="On")
