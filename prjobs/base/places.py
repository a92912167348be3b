"""The places and time zones of the sites, read from the settings site_places and site_zones."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_SITE = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_NUMBER = re.compile(r"[+-]?\d{1,6}(\.\d{1,12})?\Z")
Value = TypeVar("Value")


class Place(NamedTuple):
    """A place on the Earth: degrees north and east, metres above the sea."""

    latitude_deg: float
    longitude_deg: float
    elevation_m: float


def parse_places(entries: Sequence[str]) -> dict[str, Place]:
    """Return the place of each site, from entries such as `saf=35.55,-105.87,2187` (degrees north and east, metres).

    Raises ValueError with a sentence that names the wrong entry.
    """
    return _by_site(entries, _place)


def parse_zones(entries: Sequence[str]) -> dict[str, "ZoneInfo"]:
    """Return the time zone of each site, from entries such as `saf=America/Denver` (names of the IANA list).

    Raises ValueError with a sentence that names the wrong entry.
    """
    return _by_site(entries, _zone)


def _by_site(entries: Sequence[str], parse: Callable[[str], Value]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for entry in entries:
        site, _, text = (part.strip() for part in entry.partition("="))
        if not _SITE.match(site):
            raise ValueError(f"the entry {entry!r} must begin with a site code and =, such as saf=")
        if site in found:
            raise ValueError(f"the entry {entry!r} is the second one for {site}: one is the limit")
        try:
            found[site] = parse(text)
        except ValueError as wrong:
            raise ValueError(f"the entry {entry!r} {wrong}") from None
    return found


def _place(text: str) -> Place:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(_NUMBER.match(part) for part in parts):
        raise ValueError("must give latitude, longitude and elevation in numbers, such as saf=35.55,-105.87,2187")
    place = Place(*map(float, parts))
    if not -90 <= place.latitude_deg <= 90:
        raise ValueError("has a latitude outside -90 to 90 degrees north")
    if not -180 <= place.longitude_deg <= 360:
        raise ValueError("has a longitude outside -180 to 360 degrees east")
    if not -500 <= place.elevation_m <= 9000:
        raise ValueError("has an elevation outside -500 to 9000 metres")
    return place


def _zone(text: str) -> "ZoneInfo":
    # Imported late: most sites set no time zone.
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(text)
    except (OSError, ValueError, KeyError):
        # ZoneInfoNotFoundError is a KeyError; the name of a folder or of a file without a zone raises the others.
        raise ValueError("must name a time zone of the IANA list, such as saf=America/Denver") from None
