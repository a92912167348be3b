"""The parameters of jobs as web page and scripts send them: numbers as text, `"1,1"`, `"optimal"`, `"50%"`."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prjobs.base.parameters import shown

Params = Mapping[str, Any]
ImageType = Literal["light", "dark", "bias", "flat"]
# The spellings in use, without spaces and marks.
IMAGE_TYPES: dict[str, ImageType] = {
    "light": "light",
    "expose": "light",
    "object": "light",
    "autofocus": "light",
    "dark": "dark",
    "bias": "bias",
    "flat": "flat",
    "skyflat": "flat",
    "screenflat": "flat",
    "domeflat": "flat",
}
WHOLE = frozenset({"", "full", "chip", "100%", "1x1", "1x"})
LONGEST_S = 24 * 3600.0
MOST_FRAMES = 10_000
LARGEST_BIN = 16
_SEXAGESIMAL = re.compile(r"([+-]?)(\d+)[:\s](\d+)(?:[:\s](\d+(?:\.\d*)?))?\Z")
_PAIR = re.compile(r"(\d+)\s*[,xX\s]\s*(\d+)\Z")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%\Z")


class BadParameter(Exception):
    """A parameter is missing, or has a value that the program cannot use."""


@dataclass(frozen=True)
class Exposure:
    """The frames that a job asks for; `area` is the middle part of the chip, by the share of width and height."""

    seconds: float
    count: int
    image_type: ImageType
    bins: tuple[int, int]
    area: float
    filter_name: str
    object_name: str


def is_missing(params: Params, name: str) -> bool:
    """Return True for a parameter that is not there, null or empty."""
    value = params.get(name)
    return value is None or (isinstance(value, str) and not value.strip())


def number(params: Params, name: str, default: float | None = None) -> float:
    """Return a number, also from a text, also with minutes and seconds. Raise BadParameter for any other value."""
    if is_missing(params, name):
        if default is None:
            raise BadParameter(f"The parameter {name} is missing.")
        return default
    found = _number(params[name])
    if found is None:
        raise BadParameter(f"The parameter {name} is {shown(params[name])}, which is not a number.")
    return found


def within(params: Params, name: str, low: float, high: float, unit: str) -> float:
    """Return a number of the range; raise BadParameter for one outside."""
    found = number(params, name)
    if not low <= found <= high:
        raise BadParameter(f"The parameter {name} is {found:g}: it is in {unit}, from {low:g} to {high:g}.")
    return found


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        if isinstance(value, str) and (parts := _SEXAGESIMAL.match(value.strip())):
            return _sexagesimal(parts)
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _sexagesimal(parts: re.Match[str]) -> float | None:
    minutes, seconds = int(parts[3]), float(parts[4] or 0)
    if minutes >= 60 or seconds >= 60:
        return None
    size = int(parts[2]) + minutes / 60 + seconds / 3600
    return -size if parts[1] == "-" else size


def text(params: Params, name: str) -> str:
    """Return a text; empty for a parameter that is not there. Raise BadParameter for a list or an object."""
    value = params.get(name)
    if isinstance(value, dict | list):
        raise BadParameter(f"The parameter {name} is {shown(value)}: a text is needed.")
    return "" if value is None else str(value).strip().strip('"').strip()


def exposure(required: Params, optional: Params, optimal_bin: int = 1) -> Exposure:
    """Return the exposure of a job. Raise BadParameter for an unusable value."""
    image_type = _image_type(text(required, "image_type"))
    seconds = number(required, "time", 0.0 if image_type == "bias" else None)
    if not 0 <= seconds <= LONGEST_S:
        raise BadParameter(f"The parameter time is {seconds:g}: it is in seconds, from 0 to {LONGEST_S:g}.")
    count = number(optional, "count", 1)
    if count != int(count) or not 1 <= count <= MOST_FRAMES:
        raise BadParameter(f"The parameter count is {count:g}: a whole number from 1 to {MOST_FRAMES} is needed.")
    return Exposure(
        seconds=0.0 if image_type == "bias" else seconds,
        count=int(count),
        image_type=image_type,
        bins=bins(optional.get("bin"), optimal_bin),
        area=area(optional.get("area")),
        filter_name=text(optional, "filter"),
        object_name=text(optional, "object_name") or text(optional, "object"),
    )


def _image_type(word: str) -> ImageType:
    found = IMAGE_TYPES.get(re.sub(r"[^a-z]", "", word.lower()) or "light")
    if found is None:
        raise BadParameter(f"The parameter image_type is {shown(word)}: light, dark, bias or flat is needed.")
    return found


def has_light(required: Params) -> bool:
    """Return True for an exposure with an open shutter. Raise BadParameter for an unknown type."""
    return _image_type(text(required, "image_type")) in ("light", "flat")


def bins(value: object, optimal: int = 1) -> tuple[int, int]:
    """Return the binning, across and down, from `1`, `"2"`, `"1,1"`, `"2x2"`, `[2, 2]`, or `"optimal"`."""
    given = json.dumps(value) if isinstance(value, list) else str("" if value is None else value)
    word = given.strip().strip('"[]').strip().lower()
    if word in ("", "optimal", "default", "none"):
        return optimal, optimal
    pair = _PAIR.match(word)
    found = (int(pair[1]), int(pair[2])) if pair else (int(word), int(word)) if word.isdecimal() else (0, 0)
    if isinstance(value, bool) or not all(1 <= one <= LARGEST_BIN for one in found):
        raise BadParameter(f'The parameter bin is {shown(value)}: a number such as 2, "2,2" or "optimal" is needed.')
    return found


def area(value: object) -> float:
    """Return the share of the chip's width and height: 1 for `"Full"`, 0.5 for `"50%"`."""
    word = str("" if value is None else value).strip().strip('"').lower()
    if word in WHOLE:
        return 1.0
    percent = _PERCENT.match(word)
    if percent is None or not 0 < float(percent[1]) <= 100:
        raise BadParameter(f'The parameter area is {shown(value)}: "Full" or a percentage such as "50%" is needed.')
    return float(percent[1]) / 100
