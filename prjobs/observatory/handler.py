"""A function for jobs, as the program registers it."""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from prjobs.observatory.job import Job

logger = logging.getLogger(__name__)

AfterRestart = Literal["fail", "redo", "resume"]
Run = Callable[[Job], object]
Seconds = float | Callable[[Job], float] | None
# Device types, or a function that names them for a job.
Types = Collection[str] | Callable[[Job], Collection[str]]
# A stop must not hold back what makes the telescope safe: a roof that stays open is worse than one that closes late.
MAKES_SAFE = frozenset({"close", "park"})


@dataclass(frozen=True)
class Handler:
    """A function for the jobs of a device and action, and what the program is to know about such jobs."""

    run: Run
    seconds: Seconds = None
    after_restart: AfterRestart = "fail"
    makes_safe: bool | None = None
    uses: Types = ()
    after: Types = ()

    def is_for_safety(self, job: Job) -> bool:
        """Return True for a job that waits while a stop is carried out, instead of being ended by the stop."""
        return job.action.strip().lower() in MAKES_SAFE if self.makes_safe is None else self.makes_safe

    def estimate_s(self, job: Job) -> float | None:
        """Return the usual seconds of a job; None for an unknown duration."""
        try:
            return self.seconds(job) if callable(self.seconds) else self.seconds
        except Exception as error:
            logger.warning("no estimate for %s: %s", job, error)
            return None

    def used_by(self, job: Job) -> frozenset[str]:
        """Return the types of the devices whose later jobs wait for the job."""
        return _named(self.uses, job)

    def awaited_by(self, job: Job) -> frozenset[str]:
        """Return the types of the devices whose earlier jobs the job waits for."""
        return self.used_by(job) | _named(self.after, job)


def _named(types: Types, job: Job) -> frozenset[str]:
    try:
        return frozenset(one.strip().lower() for one in (types(job) if callable(types) else types))
    except Exception as error:
        # The job itself fails with the reason, if there is one.
        logger.warning("%s waits for no other device: %s", job, error)
        return frozenset()
