"""Requests to the queue, in the package's own words: a command, a poll, a report."""

from dataclasses import dataclass

import msgspec

from prjobs.base import catalogue
from prjobs.jobs.states import ALTERNATE, PRIMARY

# Site, queue, and the filters of its polls.
Program = tuple[str, str, str | None, str | None]


@dataclass(frozen=True)
class Command:
    """A command to be queued. The params and roles are JSON texts; `values` are the required params, decoded."""

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

    @property
    def command_class(self) -> str:
        """The command's class in the catalogue."""
        return catalogue.command_class(self.device, self.action, self.values)

    @property
    def makes_safe(self) -> bool:
        """True if the command makes a telescope safe, so that it gets through where others are refused."""
        return self.cancels_all or self.command_class in catalogue.MAKES_SAFE

    @property
    def cancels_all(self) -> bool:
        """True if the command withdraws every waiting job of its site."""
        return is_cancel_all(self.action)


def is_cancel_all(action: str) -> bool:
    """Return True if the action, in any letter case, withdraws every waiting job of its site."""
    return action.lower() == "cancel_all_commands"


class PollRequest(msgspec.Struct, frozen=True):
    """A request for new jobs. `wait_s` is 0 when the poll is not to be held; `lease_s` None without lease."""

    site: str
    alternate: bool
    wait_s: float
    poll_id: str | None
    lease_s: int | None
    device: str | None
    instance: str | None

    @property
    def queue(self) -> str:
        """The queue that is asked: primary or alternate."""
        return ALTERNATE if self.alternate else PRIMARY

    @property
    def is_plain(self) -> bool:
        """True if the poll has neither wait, poll_id nor lease."""
        return not (self.poll_id or self.lease_s or self.wait_s)

    @property
    def program(self) -> Program:
        """The polling program, as far as can be told: polls with other filters are another program's."""
        return (self.site, self.queue, self.device, self.instance)


class StatusUpdate(msgspec.Struct, frozen=True):
    """A report on a job. `estimate_s` is -1 for no estimate."""

    site: str
    ulid: str
    status: str
    estimate_s: int
    alternate: bool

    @property
    def queue(self) -> str:
        """The queue that the report is about: primary or alternate."""
        return ALTERNATE if self.alternate else PRIMARY
