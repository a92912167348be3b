"""A simulated observatory: a program whose devices take as long as real ones, and fail at times.

Devices move side by side, but camera and sequencer need the whole telescope: such a job waits for all earlier jobs, and
all later jobs wait for such a job.
"""

import random
from collections.abc import Collection
from dataclasses import dataclass

from prjobs.base import catalogue
from prjobs.client import Client
from prjobs.observatory import Job, Observatory

UNKNOWN_S = 10.0
LONGEST_S = 3600.0
FRAMES_REPORTED = 10

NEEDS_TELESCOPE = frozenset({"camera", "sequencer"})
APART = frozenset({"obs", "all", "enclosure", "screen"})


class DeviceFault(Exception):
    """The simulated device failed."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """The behaviour of a simulated observatory. `pace` divides every duration.

    `devices`: the device types present (None: all; an enclosure station has only "enclosure").
    `failure_probability`: of each job.
    """

    pace: float = 1.0
    devices: Collection[str] | None = None
    failure_probability: float = 0.03


def simulated(
    client: Client, site: str, behaviour: Behaviour | None = None, chance: random.Random | None = None
) -> Observatory:
    """Return the program of a simulated site, ready to run."""
    devices = Devices(behaviour or Behaviour(), chance or random.Random())
    program = Observatory("", site, client=client)
    known = {command.device for command in catalogue.commands()}
    for device in known if devices.behaviour.devices is None else known.intersection(devices.behaviour.devices):
        uses = known - APART if device in NEEDS_TELESCOPE else ()
        program.on(device, seconds=devices.expected_s, uses=uses)(devices.work)
    return program


@dataclass(frozen=True)
class Devices:
    """All devices of a simulated site."""

    behaviour: Behaviour
    chance: random.Random

    def expected_s(self, job: Job) -> float:
        """Return the usual seconds of a job."""
        usual_s = catalogue.usual_seconds(job.device, job.action, job.required, job.optional)
        return min(UNKNOWN_S if usual_s is None else usual_s, LONGEST_S) / self.behaviour.pace

    def work(self, job: Job) -> None:
        """Carry out a job: wait about as long as usual, and tell of each frame of an exposure."""
        if catalogue.find(job.device, job.action, job.required) is None:
            raise DeviceFault(f"the simulated {job.device} knows no {job.action}")
        expected_s = self.expected_s(job)
        fails = self.chance.random() < self.behaviour.failure_probability
        lasts_s = expected_s * (self.chance.uniform(0.1, 0.9) if fails else self.chance.uniform(0.9, 1.1))
        frames = _frames(job)
        for frame in range(frames):
            if (job.device, job.action) == ("camera", "expose"):
                share = frame / frames
                job.progress(share, f"frame {frame + 1} of {frames}", expected_s * (1 - share), "EXPOSING")
            job.wait(lasts_s / frames)
        if fails:
            raise DeviceFault(f"a simulated fault of the {job.device}")


def _frames(job: Job) -> int:
    """Return the number of frames of an exposure with a report each; 1 for other jobs."""
    try:
        count = int(job.optional.get("count", 1))
    except (TypeError, ValueError, OverflowError):
        count = 1
    return min(max(count, 1), FRAMES_REPORTED)
