"""The link's memory: what is known of the cloud while the process lives, and what people asked of the link."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from prjobs.cloud.backlog import Backlog
from prjobs.jobs.requests import Command


@dataclass(frozen=True)
class Unregistered:
    """A job without a record in the cloud, which gets one until `until_s`, by elapsed time, with its user's token."""

    command: Command
    until_s: float
    token: str = field(repr=False)


@dataclass
class Memory:
    """Times are this machine's Unix milliseconds; `offset_ms` is the cloud's clock minus this machine's."""

    # The connection: its last usable answer, and the failures in a row since then.
    last_ms: int | None = None
    offset_ms: int | None = None
    down_since_ms: int | None = None
    failures: int = 0
    reason: str = ""
    # Reading: sites whose jobs the cloud does not list, with the time since then and the reason; records that are no
    # jobs, in the last list; when another program was seen reading a queue and by which job, and the jobs, by id,
    # that both programs took; when a job was set back to UNREAD in the cloud.
    unread: dict[str, tuple[int, str]] = field(default_factory=dict)
    ghosts: int = 0
    reader_ms: int = 0
    reader_of: str = ""
    doubled: list[str] = field(default_factory=list)
    reset_ms: int = 0
    # Sending: how many statuses wait and the oldest one's job; since when the cloud takes none, and why; the reasons
    # why it did not take single ones, by the job's id.
    unsent: int = 0
    oldest_unsent: str | None = None
    untaken: tuple[int, str] | None = None
    refused: dict[str, str] = field(default_factory=dict)
    # Requests of people: jobs, by id, whose parked status is to be sent again; the backlog that is looked for.
    retries: deque[str] = field(default_factory=deque)
    backlog: Backlog | None = None
    # Forwarding: hands a job of the site to the cloud, None when that is off; jobs, by id, to be registered there.
    forward: Callable[..., Any] | None = None
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
        """Note that the cloud did not list the site's jobs; return the reason that was noted before, if any."""
        since_ms, before = self.unread.get(site, (now_ms, ""))
        self.unread[site] = since_ms, reason
        return before

    def sending_failed(self, now_ms: int, reason: str) -> str:
        """Note that the cloud takes no statuses; return the reason that was noted before, if any."""
        since_ms, before = self.untaken or (now_ms, "")
        self.untaken = since_ms, reason
        return before
