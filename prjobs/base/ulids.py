"""The ids of jobs: ULIDs that strictly increase, also when the clock steps back.

Format: 48 bits of Unix milliseconds and 80 random bits in Crockford's base 32 (https://github.com/ulid/spec).
"""

import re
from typing import TYPE_CHECKING

from prjobs.base.clock import Clock

if TYPE_CHECKING:
    from ulid import ULID

ULID_PATTERN = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


class Ulids:
    """The source of ids. Not thread-safe: only the writer of the store asks for ids.

    An id is max(last + 1, now). While the wall clock is behind the last id, the time in the ids advances by elapsed
    time: a clock that was years ahead for a moment would otherwise freeze the time in all later ids.
    """

    def __init__(self, clock: Clock, last: str | None = None) -> None:
        self._clock = clock
        self._last = int(_library().from_str(last)) if last else 0
        self._last_elapsed_s = clock.elapsed_s()

    def next(self) -> tuple[str, int]:
        """Return the next id and the time in the id, in Unix milliseconds."""
        elapsed_s = self._clock.elapsed_s()
        flowing_ms = (self._last >> _RANDOM_BITS) + int((elapsed_s - self._last_elapsed_s) * 1000)
        time_ms = max(self._clock.now_ms(), flowing_ms)
        fresh = (time_ms << _RANDOM_BITS) | int.from_bytes(self._clock.random_bytes(10))
        self._last = max(self._last + 1, fresh)
        self._last_elapsed_s = elapsed_s
        return str(_library().from_int(self._last)), self._last >> _RANDOM_BITS


def _library() -> "type[ULID]":
    """Return the class of ids, imported late: most commands make no id, and the import is slow."""
    from ulid import ULID

    return ULID


def is_ulid(text: str) -> bool:
    """Return True if the text is a ULID in canonical spelling (upper case)."""
    return ULID_PATTERN.match(text) is not None


def floor_ulid(time_ms: int) -> str:
    """Return the smallest ULID of the millisecond; times before 1970 and after 10889 are moved into the range."""
    value = min(max(time_ms, 0), (1 << 48) - 1)
    return "".join(_DIGITS[value >> bits & 31] for bits in range(45, -1, -5)) + "0" * 16


def ulid_ms(ulid: str) -> int:
    """Return the time part of a ULID, in Unix milliseconds."""
    value = 0
    for char in ulid[:10]:
        value = value * 32 + _DIGITS.index(char)
    return value
