"""The service as known to the operating system, and the control of services."""

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from prjobs.base.settings import Settings
from prjobs.service.units import Launch

NAME = "prjobs"
# The PATH of root lacks the folder where pipx puts commands: the shell of the user finds the command.
PRIVILEGED = NAME if os.name == "nt" else f'sudo "$(command -v {NAME})"'


class State(StrEnum):
    """The state of a service. FAILED: the last start failed; the system may try again."""

    RUNNING = "runs"
    STARTING = "starts"
    STOPPING = "stops"
    STOPPED = "does not run"
    FAILED = "failed to start"


class Installed(msgspec.Struct, frozen=True):
    """An installed service. The folder is None for a service not installed by prjobs."""

    where: str
    folder: Path | None
    account: str
    state: State
    pid: int
    # The reasons, each with a remedy, why the service would not start with the machine.
    faults: list[str] = msgspec.field(default_factory=list)


class Control(Protocol):
    """The services of an operating system. Each act raises Unusable with a sentence when the system refuses."""

    @property
    def program(self) -> str:
        """The words of a terminal for prjobs, with root's right where the service needs it."""

    @property
    def behind(self) -> str:
        """The words of a terminal behind a command: ` --user` for the services of a user."""

    @property
    def journal(self) -> str:
        """The name of the system's own log, for a reason missing in the log of prjobs."""

    def require_right(self) -> None:
        """Raise Unusable without the right, or on a system without services."""

    def installed(self) -> Installed | None:
        """Return the installed service; None without a service."""

    def check(self, launch: Launch) -> None:
        """Raise Unusable if the account of the launch cannot run prjobs on the folder. Make the folder if missing."""

    def is_same(self, launch: Launch, settings: Settings) -> bool:
        """Return True if an install would change nothing."""

    def put(self, launch: Launch, settings: Settings) -> Callable[[], None]:
        """Install or replace the service, to start with the machine. Return an act to undo the change."""

    def start(self) -> None:
        """Ask the system to start the service."""

    def stop(self) -> None:
        """Stop the service, and wait for the end."""

    def remove(self) -> None:
        """Remove the stopped service."""
