"""Sidereal time, sunset and sunrise, calculated by PyEphem on this machine.

Times are Unix milliseconds (UTC). Sunset and sunrise as the United States Naval Observatory defines: the upper
limb at 34' below a flat horizon, without weather and height. Dusk and dawn: the Sun's centre at -18 degrees.
PyEphem: https://rhodesmill.org/pyephem/rise-set.html
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from prjobs.base.places import Place, parse_places
from prjobs.base.settings import Settings

MISSING = (
    "site_places has no effect: the package ephem is not installed. Sunset, dusk and sidereal time are not shown. "
    'Install ephem: `pipx inject prjobs ephem`, or `pip install "prjobs[sky]"`.'
)

DAY_MS = 86_400_000
HORIZON = "-0:34"
DARK = "-18"
# PyEphem counts days from noon of 1899-12-31.
_EPOCH_DAYS = 25567.5


class Sky(msgspec.Struct, frozen=True):
    """Sunset, dusk, dawn and sunrise; None for an event that does not happen, as near the poles."""

    sunset_ms: int | None
    dusk_ms: int | None
    dawn_ms: int | None
    sunrise_ms: int | None


def place_of(settings: Settings, site: str | None) -> Place | None:
    """Return the place of a site. None without the place, and without PyEphem."""
    place = parse_places(settings.site_places).get(site or "")
    return place if place is not None and _ephem() is not None else None


def lacks_ephem(settings: Settings) -> bool:
    """Return True if places are set but PyEphem is not installed."""
    return bool(settings.site_places) and _ephem() is None


@cache
def _ephem() -> Any:
    """Import PyEphem; return None without it: some Pythons have no ready-made package, and the rest works without."""
    try:
        import ephem
    except ImportError:
        return None
    return ephem


def sidereal_h(place: Place, time_ms: int) -> float:
    """Return the local apparent sidereal time in hours, 0 <= h < 24; within a second, since UTC stands for UT1."""
    return math.degrees(_observer(place, time_ms).sidereal_time()) / 15 % 24


def sun_altitude_deg(place: Place, time_ms: int) -> float:
    """Return the height of the Sun's centre over the horizon in degrees, without refraction."""
    return math.degrees(_ephem().Sun(_observer(place, time_ms)).alt)


def sky_between(place: Place, since_ms: int, until_ms: int) -> Sky:
    """Return the first sunset, dusk, dawn and sunrise between two times about a day apart."""

    ephem = _ephem()

    def first(find: Callable[[Any], Callable[..., float]], horizon: str) -> int | None:
        observer = _observer(place, since_ms)
        observer.horizon = horizon
        try:
            found_ms = _ms(find(observer)(ephem.Sun(), use_center=horizon == DARK))
        except ephem.CircumpolarError:
            return None
        return found_ms if found_ms < until_ms else None

    return Sky(
        sunset_ms=first(lambda observer: observer.next_setting, HORIZON),
        dusk_ms=first(lambda observer: observer.next_setting, DARK),
        dawn_ms=first(lambda observer: observer.next_rising, DARK),
        sunrise_ms=first(lambda observer: observer.next_rising, HORIZON),
    )


def sky_around(place: Place, time_ms: int) -> Sky:
    """Return the events of the night of a moment: from the Sun's highest point before to the next one."""
    observer, sun = _observer(place, time_ms), _ephem().Sun()
    return sky_between(place, _ms(observer.previous_transit(sun)), _ms(observer.next_transit(sun)))


def _observer(place: Place, time_ms: int) -> Any:
    observer = _ephem().Observer()
    # PyEphem takes texts for degrees and numbers for radians.
    observer.lat, observer.lon = str(place.latitude_deg), str(place.longitude_deg)
    observer.elevation = place.elevation_m
    observer.pressure = 0
    observer.date = time_ms / DAY_MS + _EPOCH_DAYS
    return observer


def _ms(date: float) -> int:
    return round((float(date) - _EPOCH_DAYS) * DAY_MS)
