"""Named points at which a test makes the process die: `PRJOBS_FAIL=name:n` is the n-th pass of the point."""

import os
import signal
from collections.abc import Mapping

from prjobs.base.errors import Unusable

VARIABLE = "PRJOBS_FAIL"
NAMES = (
    "handout_after_commit",
    "import_before_commit",
    "push_after_answer",
    "backup_after_rename",
    "migrate_middle",
)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Failpoints:
    """Counts passes. Without a plan nothing ever happens."""

    def __init__(self, name: str = "", passes: int = 0) -> None:
        self._name = name
        self._passes = passes

    def passing(self, name: str) -> None:
        """The process comes by the point."""
        if name != self._name:
            return
        self._passes -= 1
        if self._passes == 0:
            die()


def die() -> None:
    """End as a power cut ends a process: nothing is cleaned up."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def planned(environment: Mapping[str, str], host: str) -> Failpoints:
    """What the environment asks for. Unusable when the plan is not understood, or others can reach the server."""
    plan = environment.get(VARIABLE, "")
    if not plan:
        return Failpoints()
    name, _, passes = plan.partition(":")
    if host not in _LOOPBACK:
        raise Unusable(f"{VARIABLE} is for tests: it is refused while host is not 127.0.0.1.")
    if name not in NAMES or not passes.isdigit() or int(passes) < 1:
        raise Unusable(f"{VARIABLE} must be NAME:N with a name of {', '.join(NAMES)}.")
    return Failpoints(name, int(passes))
