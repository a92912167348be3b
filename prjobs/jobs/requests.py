"""Requests to the queue, with this package's names: a command, a poll, a report."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import msgspec

from prjobs.base import catalogue
from prjobs.base.errors import TooLarge
from prjobs.base.settings import Settings
from prjobs.jobs.states import ALTERNATE, PRIMARY, Program
from prjobs.store.models import JobRow, params_bytes

# The class of the commands that stop a site, in the catalogue.
STOP_CLASS = "stop"


@dataclass(frozen=True)
class Command:
    """A command to be queued. The params and roles are JSON texts; `values` are the required params, decoded.

    `is_repeat`: the user sent more than the pace, so that a waiting command that does the same may stand for this one.
    """

    site: str
    device: str
    instance: str
    action: str
    user_id: str
    user_name: str
    user_roles: str
    required_params: str
    optional_params: str
    values: dict[str, object]
    again_of: str | None = None
    idempotency_key: str | None = None
    is_repeat: bool = False

    @cached_property
    def command_class(self) -> str:
        """Return the command's class in the catalogue."""
        return catalogue.command_class(self.device, self.action, self.values)

    @property
    def makes_safe(self) -> bool:
        """Return True if the command makes a telescope safe, and is accepted where other commands are refused."""
        return self.command_class in catalogue.MAKES_SAFE


_CARRIED = [field.name for field in fields(Command) if field.name in JobRow._fields]


def carried(holder: Command | JobRow) -> dict[str, Any]:
    """Return the fields that a command and a job share, as arguments for the other."""
    return {name: getattr(holder, name) for name in _CARRIED}


def is_stop(settings: Settings, command: Command | JobRow) -> bool:
    """Return True if the job withdraws older jobs of the site; the setting `stop_scope` decides."""
    return command.command_class == STOP_CLASS and (settings.stop_scope == "site" or is_cancel_all(command.action))


def require_size(settings: Settings, command: Command) -> None:
    """Raise TooLarge for a command with too large params: the jobs of a site must fit into memory and answers."""
    size, most_kb = params_bytes(command), settings.max_params_kb
    if not command.makes_safe:
        # A long list of roles must not keep a stop out.
        size += len(command.user_roles.encode())
    if size > most_kb * 1024:
        raise TooLarge(
            f"required_params and optional_params must have at most {most_kb} kB together; {-(-size // 1024)} kB came."
        )


def is_cancel_all(action: str) -> bool:
    """Return True if the action is `cancel_all_commands`, in any letter case."""
    return action.lower() == "cancel_all_commands"


def is_for_all_devices(job: JobRow) -> bool:
    """Return True for a stop without a device of its own: programs for one device must get such a stop too."""
    return job.command_class == STOP_CLASS and (job.device.lower() == "all" or is_cancel_all(job.action))


class PollRequest(msgspec.Struct, frozen=True):
    """A request for new jobs. `wait_s` is 0 for an immediate answer; `lease_s` is None without a lease.

    `is_flush`: the program is going to throw the answer away.
    """

    site: str
    alternate: bool
    wait_s: float
    poll_id: str | None
    lease_s: int | None
    device: str | None
    instance: str | None
    is_flush: bool = False

    @property
    def queue(self) -> str:
        """Return the polled queue: primary or alternate."""
        return ALTERNATE if self.alternate else PRIMARY

    @property
    def is_plain(self) -> bool:
        """Return True if the poll has no wait, no poll_id and no lease."""
        return not (self.poll_id or self.lease_s or self.wait_s)

    @property
    def is_filtered(self) -> bool:
        """Return True if the poll asks for the jobs of one device or instance only."""
        return self.device is not None or self.instance is not None

    @property
    def program(self) -> Program:
        """Return the polling program, as known from the request: different filters mean a different program."""
        return (self.site, self.queue, self.device, self.instance)


class StatusUpdate(msgspec.Struct, frozen=True):
    """A report on a job. `estimate_s` is -1 for no estimate; `message` says why, in the observatory's words."""

    site: str
    ulid: str
    status: str
    estimate_s: int
    alternate: bool
    message: str = ""

    @property
    def queue(self) -> str:
        """Return the queue of the report: primary or alternate."""
        return ALTERNATE if self.alternate else PRIMARY
