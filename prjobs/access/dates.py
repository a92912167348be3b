"""The dates of answers from outside services: their clocks, at no request more."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

# The header has whole seconds.
HALF_SECOND_MS = 500


class HeardDate(NamedTuple):
    """The clock of a service in Unix milliseconds, at an elapsed time of this machine."""

    date_ms: int
    elapsed_s: float

    def now_ms(self, elapsed_s: float) -> int:
        """Return the clock of the service at a later elapsed time."""
        return self.date_ms + round((elapsed_s - self.elapsed_s) * 1000)


class DatedAnswer(NamedTuple):
    """The JSON of an answer, and the service's clock; None if the answer has no readable Date header."""

    value: Any
    date: HeardDate | None


def heard_date(headers: Mapping[str, str], elapsed_s: float) -> HeardDate | None:
    """Return the clock of the service that sent these headers. A cache keeps the first date, and adds an age."""
    # Imported late, as the client is: many sites have no outside service.
    import email.utils

    with suppress(ValueError, TypeError, OverflowError):
        sent_s = email.utils.parsedate_to_datetime(headers.get("Date", "")).timestamp()
        age = headers.get("Age", "0").strip()
        age_s = int(age) if age.isascii() and age.isdigit() else 0
        return HeardDate(round((sent_s + age_s) * 1000) + HALF_SECOND_MS, elapsed_s)
    return None
