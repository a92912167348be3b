"""The watch over a mount that tracks on, for hours, from a target within the limits to a place outside."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from prjobs.base.places import Place
from prjobs.observatory.job import Job
from prjobs.observing.devices import LOOK_S, Guard, Mount
from prjobs.observing.faults import DeviceFault
from prjobs.observing.limits import Limits, OutsideLimits, require_target

logger = logging.getLogger(__name__)
# The sky turns by 1.25' in this time.
EVERY_S = 5.0
# The end of tracking takes no motion.
END_S = 10.0


@dataclass(eq=False)
class Tracking:
    """The watch over one mount. `ends` counts how often the watch ended the tracking, `reason` says why the last time.

    `job` is the job that pointed the mount, and gets the reason as a message.
    """

    mount: Mount
    guard: Guard
    limits: Limits
    place: Place
    job: Job | None = None
    ends: int = 0
    reason: str = ""
    _fault: str = ""

    def run(self, ending: threading.Event, tell: Callable[[Job, str], object]) -> None:
        """Look until the event; `tell` gets each message with its job."""
        while not ending.wait(EVERY_S):
            self.look_once(time.time(), tell)

    def look_once(self, time_s: float, tell: Callable[[Job, str], object]) -> None:
        """End the tracking of a mount outside the limits at the time, unless a job uses the mount."""
        try:
            with self.guard.idle() as is_idle:
                reason = self._reason(time_s) if is_idle else ""
                if reason:
                    self._end(reason)
        except DeviceFault as fault:
            # Once, and not with every look at a server that is away.
            if str(fault) != self._fault:
                logger.warning("the watch over the tracking failed: %s", fault)
            self._fault = str(fault)
            return
        self._fault = ""
        if reason and self.job:
            tell(self.job, self.reason)

    def _reason(self, time_s: float) -> str:
        """Return the reason to end the tracking; empty without a reason."""
        if not self.mount.is_tracking():
            return ""
        try:
            require_target(self.limits, self.mount.position(time_s), self.place, time_s, what="The mount")
        except OutsideLimits as outside:
            return str(outside)
        return ""

    def _end(self, reason: str) -> None:
        has_ended = self.guard.command_idle(lambda: self.mount.track(False))
        until_s = time.monotonic() + END_S
        while not has_ended():
            if time.monotonic() > until_s:
                raise DeviceFault(f"{reason} {self.mount.name} still tracks: watch the mount.")
            time.sleep(LOOK_S)
        self.reason = f"The tracking was ended. {reason}"
        self.ends += 1
        logger.warning("%s: %s", self.mount.name, self.reason)
