"""The devices of an observatory for handlers, behind any server.

A method for a motion returns at once, with a function: True once the motion has ended. Every method
raises DeviceFault when the device or its server refuses, fails or does not answer.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from prjobs.observatory.job import Job
from prjobs.observing.faults import DeviceFault
from prjobs.observing.fits import Card
from prjobs.observing.limits import RoofState
from prjobs.observing.pointing import Position
from prjobs.observing.values import Exposure

logger = logging.getLogger(__name__)
HasEnded = Callable[[], bool]
Result = TypeVar("Result")
LOOK_S = 0.1
# A command to a server that hangs: the stop's report waits so long for its end.
COMMAND_S = 10.0
EXPOSES = "already exposes, for no job of this program: wait for the end, or send a stop."


class Device(Protocol):
    """Any device. `abort` ends all motion, waits for the end, and raises DeviceFault without a sure end."""

    name: str

    def abort(self) -> None: ...


class Mount(Device, Protocol):
    """A mount; positions are of date. A mount that slews does not count as tracking."""

    def position(self, time_s: float) -> Position: ...
    def is_parked(self) -> bool: ...
    def is_tracking(self) -> bool: ...
    def slew(self, position: Position, time_s: float) -> HasEnded: ...
    def park(self) -> HasEnded: ...
    def unpark(self) -> HasEnded: ...
    def home(self) -> HasEnded: ...
    def track(self, is_on: bool) -> HasEnded: ...


class Camera(Device, Protocol):
    """A camera; `set_up` exposes no frame, `image` returns the FITS file of the last exposure."""

    def set_up(self, exposure: Exposure) -> HasEnded: ...
    def expose(self, exposure: Exposure) -> HasEnded: ...
    def image(self, cards: list[Card]) -> bytes: ...


class Focuser(Device, Protocol):
    """A focuser; positions in steps."""

    def position(self) -> float: ...
    def move(self, position: float) -> HasEnded: ...
    def home(self) -> HasEnded: ...


class FilterWheel(Device, Protocol):
    """A filter wheel; `names` from the first slot on, slots from 0."""

    def names(self) -> list[str]: ...
    def select(self, slot: int) -> HasEnded: ...


class Rotator(Device, Protocol):
    """A rotator; angles in degrees."""

    def angle(self) -> float: ...
    def move(self, angle: float) -> HasEnded: ...
    def home(self) -> HasEnded: ...


class Dome(Device, Protocol):
    """A dome or another enclosure."""

    def roof(self) -> RoofState: ...
    def open(self) -> HasEnded: ...
    def close(self) -> HasEnded: ...
    def is_parked(self) -> bool: ...
    def park(self) -> HasEnded: ...
    def unpark(self) -> HasEnded: ...
    def home(self) -> HasEnded: ...


@dataclass(eq=False)
class Guard:
    """Keeps a device's commands apart: one job at a time, and no command after a stop."""

    device: Device
    # The last stop did not reach the device: the abort comes before any other command.
    owes_abort: bool = False
    _job: threading.Lock = field(default_factory=threading.Lock)
    _command: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def taken(self, job: Job) -> Iterator[None]:
        """Wait until no other job uses the device. Raise Stopped once a stop ends the job."""
        while not self._job.acquire(timeout=LOOK_S):
            job.check()
        try:
            job.check()
            yield
        finally:
            self._job.release()

    @contextmanager
    def idle(self) -> Iterator[bool]:
        """Yield True if no job uses the device; a new job then waits for the end of the block."""
        is_free = self._job.acquire(blocking=False)
        try:
            yield is_free
        finally:
            if is_free:
                self._job.release()

    def command_idle(self, act: Callable[[], Result]) -> Result:
        """Give an idle device a command without a job, to end a motion."""
        with self._command:
            return act()

    def command(self, job: Job, act: Callable[[], Result]) -> Result:
        """Give the device a command. Raise Stopped once a stop has ended the job, without the command.

        A stop marks its jobs before it calls `abort`: a command is refused here, or is sent before the abort.
        """
        with self._command:
            job.check()
            if self.owes_abort:
                self._abort()
                job.check()
            return act()

    def follow(self, job: Job, act: Callable[[], HasEnded], seconds: float) -> None:
        """Give the device a command and wait for the end of its motion. Raise DeviceFault after so many seconds."""
        has_ended = self.command(job, act)
        looks = int(seconds / LOOK_S)
        while not has_ended():
            job.wait(LOOK_S)
            looks -= 1
            if looks < 0:
                raise DeviceFault(f"{self.device.name} has not ended its motion after {seconds:g} s.")

    def abort(self) -> None:
        """End all motion, also of a command under way in a second thread."""
        self.owes_abort = True
        is_free = self._command.acquire(blocking=False)
        try:
            self._abort()
        finally:
            if is_free:
                self._command.release()
        if is_free:
            return
        self.owes_abort = True
        if not self._command.acquire(timeout=COMMAND_S):
            raise DeviceFault(f"A command to {self.device.name} hangs: watch the device.")
        self._command.release()
        self._abort()

    def abort_late(self) -> None:
        """Send the abort of a stop that did not reach the device, unless a command was given since."""
        with self._command:
            if self.owes_abort:
                self._abort()
                logger.warning("%s: the abort of a stop that had not arrived is carried out", self.device.name)

    def _abort(self) -> None:
        self.device.abort()
        self.owes_abort = False
