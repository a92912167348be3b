"""The source of time and of random bytes: the only module to read time and chance, so tests can set both."""

import logging
import secrets
import threading
import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

# An answer of a database that came later says little of the time: it may be that of the question or of the answer.
EXACT_MS = 500
# Two exact measurements differ by less than this while the database's clock goes on.
STEP_MS = 1000

logger = logging.getLogger(__name__)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


def moment(time_ms: int, zone: tzinfo = UTC) -> datetime:
    """Return Unix milliseconds as a date and time of day in the zone.

    datetime.fromtimestamp would fail on Windows for times before 1970 and after the year 3000.
    """
    return (_EPOCH + timedelta(milliseconds=time_ms)).astimezone(zone)


def utc(time_ms: int) -> str:
    """Return a time for a sentence, to the minute."""
    return moment(time_ms).strftime("%Y-%m-%d %H:%M")


class Clock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """Return the wall clock's time in Unix milliseconds, UTC. The clock may step back or forward at any time."""
        return time.time_ns() // 1_000_000

    def elapsed_s(self) -> float:
        """Return seconds that only ever grow, with the time in standby where the system can tell.

        Linux stops the monotonic clock in standby: a job from before standby would look fresh afterwards.
        """
        if _BOOT_CLOCK is not None:
            return time.clock_gettime(_BOOT_CLOCK)
        return time.monotonic()

    def random_bytes(self, count: int) -> bytes:
        """Return `count` bytes from the system's source of secrets."""
        return secrets.token_bytes(count)

    def random_text(self) -> str:
        """Return 32 random bytes as URL-safe text, for keys."""
        return secrets.token_urlsafe(32)


class ClockStep(NamedTuple):
    """A step of a database's clock: forward if `ms` is above 0. `noticed_s` is of `elapsed_s`."""

    ms: int
    noticed_s: float


class StoreClock(Clock):
    """The clock of a hub's database, as this process knows it: the machine's own clock may be wrong by any amount.

    The time is that of the last look at the database and the seconds since; it never goes back within a process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset_ms = super().now_ms() - self.own_ms()
        self._is_exact = False
        self._last_ms = 0
        # The last step of the database's clock against the time that passed here.
        self.step: ClockStep | None = None

    def own_ms(self) -> int:
        """Return milliseconds of the machine that only ever grow."""
        return int(self.elapsed_s() * 1000)

    @property
    def offset_ms(self) -> int:
        """Return by how much the database's clock is ahead of the machine's wall clock."""
        return self.own_ms() + self._offset_ms - super().now_ms()

    def measure(self, now_ms: int, asked_ms: int) -> None:
        """Take over the time of the database from the answer to a question of this moment of `own_ms`."""
        answered_ms = self.own_ms()
        is_exact = answered_ms - asked_ms <= EXACT_MS
        if self._is_exact and not is_exact:
            return
        offset_ms = now_ms - (asked_ms + answered_ms) // 2
        step_ms = offset_ms - self._offset_ms
        if self._is_exact and abs(step_ms) > STEP_MS:
            self.step = ClockStep(step_ms, self.elapsed_s())
            logger.warning("the clock of the database moved by %+.1f s", step_ms / 1000)
        self._offset_ms, self._is_exact = offset_ms, is_exact

    def now_ms(self) -> int:
        """Return the database's time in Unix milliseconds, UTC."""
        with self._lock:
            self._last_ms = max(self._last_ms, self.own_ms() + self._offset_ms)
            return self._last_ms
