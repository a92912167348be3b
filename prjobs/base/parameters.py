"""The units and ranges of parameters, from the catalogue: in words for a form, and as notes on a value.

The observatory's program decides what it accepts: a value out of range is worth a note, never a refusal.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

import msgspec

SHOWN_CHARS = 40


class Limit(msgspec.Struct, frozen=True):
    """The range of a parameter, in `unit`; no range applies where another parameter has the value in `unless`.

    `of_site`: the site's own earlier values are the known ones, such as the names of its filters.
    """

    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    unless: dict[str, str] = {}
    of_site: bool = False


def limits_of(entries: Mapping[str, Any]) -> dict[str, Limit]:
    """Return the limits of a command from its entry in the catalogue."""
    return msgspec.convert(entries, dict[str, Limit])


def range_words(limit: Limit) -> str:
    """Return the range with its unit: `from 0 to 24 h`, `more than 0 s`; empty without a range."""
    if limit.above is not None:
        return f"more than {_with_unit(limit.above, limit)}"
    if limit.at_least is not None and limit.at_most is not None:
        high = f"{limit.at_most:+g}" if limit.at_least < 0 else f"{limit.at_most:g}"
        return f"from {limit.at_least:g} to {_with_unit(high, limit)}"
    return f"{_with_unit(limit.at_least, limit)} or more" if limit.at_least is not None else limit.unit


def note_on(name: str, value: object, limit: Limit, params: Mapping[str, Any]) -> str:
    """Return a note on a value that is no number or out of range; empty for a value that fits."""
    if limit.of_site or any(str(params.get(other)) == word for other, word in limit.unless.items()):
        return ""
    words = range_words(limit)
    number = _number(value)
    if number is None:
        return f"“{name}” is {shown(value)}, which is not a number. Usual: {words or 'a number'}."
    if _is_within(number, limit):
        return ""
    return f"“{name}” is {_with_unit(shown(value), limit)}. Usual: {words}."


def shown(value: object) -> str:
    """Return a value of a parameter for a sentence, cut."""
    text = value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"


def _number(value: object) -> float | None:
    """Return a number, or a number in a text as the web page sends numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _is_within(number: float, limit: Limit) -> bool:
    return (
        (limit.above is None or number > limit.above)
        and (limit.at_least is None or number >= limit.at_least)
        and (limit.at_most is None or number <= limit.at_most)
    )


def _with_unit(number: float | str, limit: Limit) -> str:
    text = number if isinstance(number, str) else f"{number:g}"
    return text + (limit.unit if limit.unit in ("", "°") else f" {limit.unit}")
