"""The sign of life for a dead man's switch outside: asked every minute while everything is well."""

import logging
import threading

from prjobs.access.http import Limits, Outside, touch
from prjobs.base.logs import SECRET_THREADS
from prjobs.base.notices import Code
from prjobs.base.settings import Settings
from prjobs.monitor import health, watchdog
from prjobs.monitor.board import Board

logger = logging.getLogger(__name__)
EVERY_S = 60.0
LIMITS = Limits(connect_s=10, first_byte_s=20, total_s=30, body_bytes=1_000_000)


def is_well(board: Board) -> bool:
    """Return True if everything is well: no problem, no alarm with a sound to acknowledge, and messages get through."""
    if board.alarms.searched_s is None or watchdog.stands_still(board):
        return False
    if any(alarm.loud and alarm.seen_by is None for alarm in board.alarms.raised()):
        return False
    return health.examine(board.queue).ok and Code.NOTIFY not in board.queue.notices


class Heartbeat:
    """The heartbeat; `once` is called every second, and never waits."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._due_s = board.queue.clock.elapsed_s()
        self._asking: threading.Thread | None = None
        self._reason = ""

    def once(self) -> None:
        """Ask the address when due, except in trouble and while the last request is under way."""
        now_s = self._board.queue.clock.elapsed_s()
        if now_s < self._due_s or (self._asking and self._asking.is_alive()) or not is_well(self._board):
            return
        self._due_s = now_s + EVERY_S
        self._asking = threading.Thread(target=self._ask, name=f"{SECRET_THREADS} heartbeat", daemon=True)
        self._asking.start()

    def _ask(self) -> None:
        reason = failure(self._board.queue.settings)
        if reason and reason != self._reason:
            logger.warning("the heartbeat was not taken: %s", reason)
        elif self._reason and not reason:
            logger.info("the heartbeat is taken again")
        self._reason = reason


def failure(settings: Settings) -> str:
    """Ask the address; return the reason of a failure, without secrets, or an empty text."""
    try:
        touch(settings.heartbeat_url, LIMITS, settings.proxies)
    except Outside as outside:
        return str(outside)
    except Exception as error:
        # The text of the error may have the address in it.
        return f"the request failed ({type(error).__name__})"
    return ""
