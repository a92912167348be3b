"""The devices of an INDI server but the camera, by the standard properties: https://docs.indilib.org/drivers/basic.html"""

from prjobs.observing.devices import HasEnded
from prjobs.observing.faults import DeviceFault
from prjobs.observing.indi_device import IndiDevice
from prjobs.observing.indi_link import Property
from prjobs.observing.limits import RoofState
from prjobs.observing.pointing import Position, distance_deg, of_date, to_j2000

# A mount that stands further from its target did not reach it.
POINTING_DEG = 0.5


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

    def is_tracking(self) -> bool:
        """Return True while the mount tracks; a mount whose tracking cannot be switched never does."""
        found = self.link.find(self.name, "TELESCOPE_TRACK_STATE")
        return found is not None and found.values.get("TRACK_ON") == "On" and not self.is_moving()

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
