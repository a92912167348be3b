"""The reports of the program: kept in order, and sent again until the service has taken them."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from prjobs.client import CallFailed, Client, Refused

logger = logging.getLogger(__name__)

# The waits after failed calls: the first, and the longest.
AGAIN_S, LONGEST_S = 0.2, 5.0
# Answers that say: later.
LATER = (429, 503, 507)
TOO_MANY = 429
# A defect of the service may pass, or concern one report alone, which must not hold back the others for ever: sent so
# often in some 16 s.
INTERNAL_ERROR, TRIES = 500, 8
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
    # How often the service answered that it has a defect.
    defects: int = 0

    def goes_again(self, status: int) -> bool:
        """Tell whether to send the report again after an answer of HTTP with this status."""
        if status == INTERNAL_ERROR:
            self.defects += 1
            return not self.may_go and self.defects < TRIES
        return status in LATER and not (self.may_go and status == TOO_MANY)


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

    def keep_sending(self, client: Client, site: str) -> None:
        """Send the reports for ever: a thread's function."""
        pause_s = AGAIN_S
        while True:
            if self.send_first(client, site, 1.0):
                pause_s = AGAIN_S
            else:
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_S)

    def send_first(self, client: Client, site: str, wait_s: float) -> bool:
        """Send the oldest report, if one comes within the time; return False when the service did not take it yet."""
        report = self.first(wait_s)
        if report is None:
            return True
        try:
            client.update_job_status(site, report.ulid, report.status, report.seconds, message=report.message)
        except Refused as refused:
            if report.goes_again(refused.status):
                return False
            if not report.may_go:
                logger.error("%s: %s of %s was refused: %s", site, report.status, report.ulid, refused)
            self.done(report, is_taken=False)
        except CallFailed:
            return False
        except Exception:
            # A report that cannot be sent must not hold back all others.
            logger.exception("%s: %s of %s cannot be sent", site, report.status, report.ulid)
            self.done(report, is_taken=False)
        else:
            self.done(report, is_taken=True)
        return True

    def drain(self, wait_s: float) -> None:
        """Wait so long at most until all reports are sent."""
        until_s = time.monotonic() + wait_s
        while len(self) and time.monotonic() < until_s:
            time.sleep(0.05)


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
