"""The link's memory: knowledge of the cloud and requests of people, for the life of the process."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Protocol

from prjobs.access.audit import Actor
from prjobs.cloud.backlog import Backlog
from prjobs.jobs.requests import Command
from prjobs.store.models import JobRow


@dataclass(frozen=True)
class Unregistered:
    """A job without a record in the cloud, and the token to register it with until `until_s`, by elapsed time."""

    command: Command
    until_s: float
    token: str = field(repr=False)


class Forwarding(Protocol):
    """The way to the cloud of the jobs that users make here."""

    def submit(self, command: Command, token: str, actor: Actor) -> tuple[JobRow, str]:
        """Store a job and hand it to the cloud; return the job, and a sentence on where the job is. Refused."""
        ...

    def copy(self, row: JobRow, token: str) -> None:
        """Send the cloud a copy of a stop, close or park made at the site, without waiting."""
        ...


@dataclass
class Memory:
    """Times are the machine's Unix milliseconds; `offset_ms` is the cloud's clock minus the machine's."""

    # The connection: the last usable answer, and the failures in a row since then.
    last_ms: int | None = None
    offset_ms: int | None = None
    down_since_ms: int | None = None
    failures: int = 0
    reason: str = ""
    # Reading: sites without a list of their jobs, with the start of the failures and the last reason; the number of
    # records in the last list that are no jobs; the last sight of another program that reads a queue, with its job,
    # and the ids of jobs taken by both programs; the last time that a job was set back to UNREAD in the cloud.
    unread: dict[str, tuple[int, str]] = field(default_factory=dict)
    ghosts: int = 0
    reader_ms: int = 0
    reader_of: str = ""
    doubled: list[str] = field(default_factory=list)
    reset_ms: int = 0
    # Sending: the number of statuses that wait, and the job of the oldest; the start and the last reason while the
    # cloud takes no status; the reasons of refusals of single statuses, by the job's id.
    unsent: int = 0
    oldest_unsent: str | None = None
    untaken: tuple[int, str] | None = None
    refused: dict[str, str] = field(default_factory=dict)
    # Requests of people: the ids of jobs with a parked status to send again; the backlog to read.
    retries: deque[str] = field(default_factory=deque)
    backlog: Backlog | None = None
    # Forwarding: the way of the site's jobs to the cloud, None while off; the sites of jobs whose marker a user waits
    # for; jobs to register, by id.
    forward: Forwarding | None = None
    awaited: set[str] = field(default_factory=set)
    unregistered: dict[str, Unregistered] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def is_reachable(self) -> bool:
        """True if the last request got a usable answer."""
        return self.last_ms is not None and self.down_since_ms is None

    def answered(self, now_ms: int, offset_ms: int) -> None:
        """Note a usable answer."""
        self.last_ms, self.offset_ms = now_ms, offset_ms
        self.down_since_ms, self.failures, self.reason = None, 0, ""

    def failed(self, now_ms: int, reason: str) -> None:
        """Note a request without a usable answer."""
        self.failures += 1
        self.reason = reason
        if self.down_since_ms is None:
            self.down_since_ms = now_ms

    def site_failed(self, site: str, now_ms: int, reason: str) -> str:
        """Note a failed list of a site's jobs; return the reason noted before, or an empty text."""
        since_ms, before = self.unread.get(site, (now_ms, ""))
        self.unread[site] = since_ms, reason
        return before

    def sending_failed(self, now_ms: int, reason: str) -> str:
        """Note a failure to send statuses; return the reason noted before, or an empty text."""
        since_ms, before = self.untaken or (now_ms, "")
        self.untaken = since_ms, reason
        return before
