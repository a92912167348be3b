"""Failpoints: named points at which a test kills the process. `PRJOBS_FAIL=name:n` kills at the n-th pass.

`PRJOBS_FAIL=name:n:stop` stops the process there, as a machine in standby does, until it gets SIGCONT.
"""

import os
import signal
import threading
from collections.abc import Mapping

from prjobs.base.errors import Unusable

VARIABLE = "PRJOBS_FAIL"
NAMES = (
    "handout_after_commit",
    "import_before_commit",
    "push_after_answer",
    "backup_after_rename",
    "migrate_middle",
    "move_filled",
    "move_committed",
    "move_named",
    "move_finished",
    "restore_copied",
    "restore_noted",
    "restore_committed",
)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Failpoints:
    """The count of passes until the planned death; without a plan, passing has no effect."""

    def __init__(self, name: str = "", passes: int = 0, act: str = "") -> None:
        self._act = die if not act else stop
        self._name = name
        self._passes = passes

    def passing(self, name: str) -> None:
        """Count a pass of the point; kill the process at the planned pass."""
        if name != self._name:
            return
        self._passes -= 1
        if self._passes == 0:
            self._act()


def die() -> None:
    """Kill this process without any clean-up, as a power cut would."""
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def stop() -> None:
    """Stop this process until SIGCONT; on Windows, without such signals, kill the process."""
    if not hasattr(signal, "SIGSTOP"):
        die()
    # A signal for the whole process may reach another thread first: this one would go on meanwhile.
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def planned(environment: Mapping[str, str], host: str) -> Failpoints:
    """Return the failpoints that the environment plans.

    Raises Unusable if the plan is malformed, or if other machines can reach the server.
    """
    plan = environment.get(VARIABLE, "")
    if not plan:
        return Failpoints()
    name, passes, act = (*plan.split(":", 2), "", "")[:3]
    if host not in _LOOPBACK:
        raise Unusable(f"{VARIABLE} is for tests: unset the variable, or set host to 127.0.0.1.")
    if name not in NAMES or not passes.isdigit() or int(passes) < 1 or act not in ("", "stop"):
        raise Unusable(f"{VARIABLE} must be NAME:N or NAME:N:stop with a name of {', '.join(NAMES)}.")
    return Failpoints(name, int(passes), act)
