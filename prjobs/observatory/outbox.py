"""The reports of the program: kept in order, and sent again until the service has taken them."""

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

# While the service is away, reports of progress make room for the newest; ends and starts are all kept.
MESSAGE_CHARS = 500


@dataclass(eq=False, slots=True)
class Report:
    """A status of one job. `may_go`: a later report says more. `taken(True or False)` tells what the service said."""

    ulid: str
    status: str
    seconds: float | None = None
    message: str | None = None
    may_go: bool = False
    taken: Callable[[bool], object] | None = None


class Outbox:
    """The reports that wait to be sent, oldest first."""

    def __init__(self) -> None:
        self._waiting: deque[Report] = deque()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, report: Report) -> None:
        """Add a report; an unsent report of progress of the same job makes room."""
        report.message, report.seconds = _line(report.message), _finite(report.seconds)
        with self._changed:
            # The first one may be on the way.
            for other in list(self._waiting)[1:]:
                if other.may_go and other.ulid == report.ulid:
                    self._waiting.remove(other)
            self._waiting.append(report)
            self._changed.notify_all()

    def first(self, wait_s: float = 0.0) -> Report | None:
        """Return the report to send next, which stays in its place; None when none came within the time."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, wait_s)
            return self._waiting[0] if self._waiting else None

    def done(self, report: Report, is_taken: bool) -> None:
        """Remove a report: the service took it, or refused it for good."""
        with self._changed:
            if report in self._waiting:
                self._waiting.remove(report)
        if report.taken:
            report.taken(is_taken)


def _finite(seconds: float | None) -> float | None:
    """Return an estimate that JSON can hold; None for any other."""
    try:
        return seconds if seconds is not None and math.isfinite(seconds) else None
    except (TypeError, OverflowError):
        return None


def _line(message: str | None) -> str | None:
    """Return a message that the service takes: without control characters, and short enough."""
    if message is None:
        return None
    shown = "".join(sign if sign.isprintable() else " " for sign in message)
    return " ".join(shown.split())[:MESSAGE_CHARS] or None
