"""A device of an INDI server: commands followed to their end, and the abort."""

import time
from collections.abc import Callable

from prjobs.observing.devices import HasEnded
from prjobs.observing.faults import DeviceFault
from prjobs.observing.indi_link import CONFIRM_S, IndiLink, Property

ABORT_S = 5.0
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
        # After a loss of the server the property may be still to come, and what moves too.
        self.link.await_presented(self.name, self.abort_property)
        if not self.has(self.abort_property):
            if not any(self.has(name) for name in self.moving):
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
                raise self.fault("refused or failed" if found.state == "Alert" else "stopped before its goal")
            return False

        return has_ended

    def switch(self, name: str, member: str) -> HasEnded:
        """Switch a member of a property on."""
        return self.change(name, lambda found: found.values.get(member) == "On", **{member: "On"})

    def fault(self, what: str) -> DeviceFault:
        """Return the fault of a device that did not do the command, with the last words of the device."""
        said = self.link.said(self.name)
        return DeviceFault(f"{self.name} {what}" + (f": {said}" if said else "."))

    def lacks(self, what: str) -> DeviceFault:
        """Return the fault of a device without an ability. Raise DeviceFault without the device."""
        known = self.link.require(self.name, "CONNECTION")
        is_on = known.values.get("CONNECT") == "On"
        return DeviceFault(f"{self.name} has no {what}." if is_on else f"{self.name} is not connected to its hardware.")
