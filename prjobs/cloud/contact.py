"""What is known of the cloud in memory: when it answered last, since when it does not, how far its clock is."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Contact:
    """Times are this machine's Unix milliseconds; `offset_ms` is the cloud's clock minus ours.

    `reader_ms` is when another program was seen reading the queue, of the job `reader_of`; `doubled` are the ids of
    jobs that it took although they had been handed out here; `refused` says of jobs, by
    id, why the cloud did not take their status the last time; `reset_ms` when a job was UNREAD again. `again`
    holds the ids of jobs whose status a person wants to be sent again. `forward` hands a job of the site to the
    cloud; None when that is not asked for. `late` are jobs, by id, that the cloud is to be told of; `older` is what a
    person asked for of the time before the first look. `unread` says of sites since when their jobs cannot be read,
    and why; `untaken` the same of statuses in general.
    """

    last_ms: int | None = None
    down_since_ms: int | None = None
    failures: int = 0
    reason: str = ""
    offset_ms: int | None = None
    ghosts: int = 0
    unsent: int = 0
    oldest_unsent: str | None = None
    reader_ms: int = 0
    reader_of: str = ""
    doubled: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    unread: dict[str, tuple[int, str]] = field(default_factory=dict)
    untaken: tuple[int, str] | None = None
    reset_ms: int = 0
    late: dict[str, Any] = field(default_factory=dict)
    older: Any = None
    again: deque[str] = field(default_factory=deque)
    forward: Callable[..., Any] | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def answered(self, now_ms: int, offset_ms: int) -> None:
        """The cloud gave a usable answer."""
        self.last_ms, self.offset_ms = now_ms, offset_ms
        self.down_since_ms, self.failures, self.reason = None, 0, ""

    def failed(self, now_ms: int, reason: str) -> None:
        """A request got no usable answer."""
        self.failures += 1
        self.reason = reason
        if self.down_since_ms is None:
            self.down_since_ms = now_ms
