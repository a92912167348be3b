"""The only place that reads the time or chance, so that tests can set both."""

import secrets
import time
from datetime import UTC, datetime, timedelta, tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


def moment(time_ms: int, zone: tzinfo = UTC) -> datetime:
    """Unix milliseconds as a date and time of day.

    Not by datetime.fromtimestamp, which on Windows knows neither the time before 1970 nor that after the year 3000.
    """
    return (_EPOCH + timedelta(milliseconds=time_ms)).astimezone(zone)


class Clock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """Wall clock: Unix milliseconds, UTC. May step back or forward at any time."""
        return time.time_ns() // 1_000_000

    def elapsed_s(self) -> float:
        """Seconds that only ever grow, time spent in standby included where the system can tell.

        Linux stops its monotonic clock in standby; a job from before standby must not look fresh after it.
        """
        if _BOOT_CLOCK is not None:
            return time.clock_gettime(_BOOT_CLOCK)
        return time.monotonic()

    def random_bytes(self, count: int) -> bytes:
        """`count` bytes that nobody can guess."""
        return secrets.token_bytes(count)

    def random_text(self) -> str:
        """32 random bytes as URL-safe text, for keys."""
        return secrets.token_urlsafe(32)
