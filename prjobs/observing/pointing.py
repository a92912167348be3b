"""Positions on the sky: from a job's parameters to the coordinates that a mount takes.

"Of date" is the apparent position at a time: with precession, nutation and aberration, without refraction. Right
ascensions and hour angles are in hours, all other angles in degrees. PyEphem calculates.
"""

import math
import re
from typing import Any, NamedTuple

from prjobs.base.errors import Unusable
from prjobs.base.parameters import shown
from prjobs.base.places import Place
from prjobs.observing.values import BadParameter, Params, is_missing, text, within

# The names of frames in use, without spaces and marks.
J2000 = frozenset({"", "icrs", "j2000", "j20000", "fk5", "mean", "catalog"})
OF_DATE = frozenset({"apparent", "ofdate", "date", "eod", "jnow", "now", "topocentric", "local", "observed"})
WAYS = (("ra", "dec"), ("ha", "dec"), ("az", "alt"))


class Position(NamedTuple):
    """A direction of date: right ascension in hours, declination in degrees."""

    ra_h: float
    dec_deg: float


def load_ephem() -> Any:
    """Return the module PyEphem. Raise Unusable without it."""
    try:
        import ephem
    except ImportError:
        raise Unusable('Positions need the package ephem: `pip install "prjobs[sky]"`.') from None
    return ephem


def target(params: Params, place: Place, time_s: float) -> Position:
    """Return the position of date that a job names by ra and dec, ha and dec, or az and alt. Raise BadParameter."""
    given = [way for way in WAYS if not any(is_missing(params, name) for name in way)]
    if not given:
        raise BadParameter("A position is missing: ra and dec, ha and dec, or az and alt are needed.")
    if len(given) > 1:
        raise BadParameter("The job names two positions: ra and dec, ha and dec, or az and alt, but one of them.")
    if given[0] == ("az", "alt"):
        return from_horizon(within(params, "az", -360, 360, "degrees"), _degrees(params, "alt"), place, time_s)
    if given[0] == ("ha", "dec"):
        hour_angle_h = within(params, "ha", -24, 24, "hours")
        return Position((sidereal_h(place, time_s) - hour_angle_h) % 24, _degrees(params, "dec"))
    position = Position(within(params, "ra", 0, 24, "hours") % 24, _degrees(params, "dec"))
    return position if _is_of_date(text(params, "frame")) else of_date(position, time_s)


def _degrees(params: Params, name: str) -> float:
    return within(params, name, -90, 90, "degrees")


def _is_of_date(frame: str) -> bool:
    word = re.sub(r"[^a-z0-9]", "", frame.lower())
    if word not in J2000 | OF_DATE:
        raise BadParameter(f"The parameter frame is {shown(frame)}: ICRS, J2000 or apparent is needed.")
    return word in OF_DATE


def of_date(position: Position, time_s: float) -> Position:
    """Return the position of date of a J2000 position."""
    ephem = load_ephem()
    body = ephem.FixedBody()
    body._ra, body._dec = math.radians(position.ra_h * 15), math.radians(position.dec_deg)
    body._epoch = ephem.J2000
    body.compute(_date(time_s))
    return Position(math.degrees(body.g_ra) / 15, math.degrees(body.g_dec))


def to_j2000(position: Position, time_s: float) -> Position:
    """Return the J2000 position of a position of date: the inverse of `of_date`."""
    guess = _vector(position)
    for _ in range(4):
        missed = zip(_vector(position), _vector(of_date(_position(guess), time_s)), strict=True)
        guess = tuple(one + wanted - got for one, (wanted, got) in zip(guess, missed, strict=True))
    return _position(guess)


def _vector(position: Position) -> tuple[float, ...]:
    ra, dec = math.radians(position.ra_h * 15), math.radians(position.dec_deg)
    return math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)


def _position(vector: tuple[float, ...]) -> Position:
    x, y, z = vector
    return Position(math.degrees(math.atan2(y, x)) / 15 % 24, math.degrees(math.atan2(z, math.hypot(x, y))))


def sidereal_h(place: Place, time_s: float) -> float:
    """Return the local apparent sidereal time, in hours."""
    return math.degrees(_observer(place, time_s).sidereal_time()) / 15


def hour_angle_h(position: Position, place: Place, time_s: float) -> float:
    """Return the hours since the position's way through the meridian, from -12 to 12."""
    return (sidereal_h(place, time_s) - position.ra_h + 12) % 24 - 12


def altitude_deg(position: Position, place: Place, time_s: float) -> float:
    """Return the altitude above the horizon, without refraction."""
    hour_angle = math.radians(hour_angle_h(position, place, time_s) * 15)
    dec, lat = math.radians(position.dec_deg), math.radians(place.latitude_deg)
    sine = math.sin(dec) * math.sin(lat) + math.cos(dec) * math.cos(lat) * math.cos(hour_angle)
    return math.degrees(math.asin(max(-1.0, min(1.0, sine))))


def from_horizon(az_deg: float, alt_deg: float, place: Place, time_s: float) -> Position:
    """Return the position at an azimuth (from north over east) and altitude."""
    az, alt, lat = (math.radians(angle) for angle in (az_deg, alt_deg, place.latitude_deg))
    sine = math.sin(alt) * math.sin(lat) + math.cos(alt) * math.cos(lat) * math.cos(az)
    dec = math.asin(max(-1.0, min(1.0, sine)))
    south = math.sin(alt) * math.cos(lat) - math.cos(alt) * math.sin(lat) * math.cos(az)
    hour_angle = math.atan2(-math.sin(az) * math.cos(alt), south)
    return Position((sidereal_h(place, time_s) - math.degrees(hour_angle) / 15) % 24, math.degrees(dec))


def sun(time_s: float) -> Position:
    """Return the Sun's position of date."""
    body = load_ephem().Sun()
    body.compute(_date(time_s))
    return Position(math.degrees(body.g_ra) / 15, math.degrees(body.g_dec))


def distance_deg(one: Position, other: Position) -> float:
    """Return the angle between two positions."""
    return math.degrees(2 * math.asin(min(1.0, math.dist(_vector(one), _vector(other)) / 2)))


def _observer(place: Place, time_s: float) -> Any:
    observer = load_ephem().Observer()
    observer.lat, observer.lon = math.radians(place.latitude_deg), math.radians(place.longitude_deg)
    observer.elevation, observer.pressure = place.elevation_m, 0
    observer.date = _date(time_s)
    return observer


def _date(time_s: float) -> float:
    return time_s / 86_400 + 25_567.5
