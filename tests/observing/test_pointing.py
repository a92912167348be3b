"""Positions and the limits of motion, beside PyEphem's own and the almanac."""

import math

import ephem
import pytest

from prjobs.base.places import Place
from prjobs.observing.limits import Limits, OutsideLimits, require_roof, require_target
from prjobs.observing.pointing import (
    Position,
    altitude_deg,
    distance_deg,
    from_horizon,
    hour_angle_h,
    of_date,
    sidereal_h,
    sun,
    target,
    to_j2000,
)
from prjobs.observing.values import BadParameter

PLACE = Place(34.459, -119.681, 317.0)
# 2026-11-30 06:00 UTC, night at the place.
NIGHT_S = 1_796_018_400.0
VEGA = Position(18.61565, 38.78369)


def test_a_position_of_date_and_back():
    # The Astronomical Almanac's precession: about 20" a year in right ascension there, and aberration up to 20".
    moved = of_date(VEGA, NIGHT_S)
    assert 0.0 < (moved.ra_h - VEGA.ra_h) * 15 < 0.35
    for position in (VEGA, Position(2.5, 89.3), Position(0.001, -60), Position(23.999, 10)):
        assert distance_deg(to_j2000(of_date(position, NIGHT_S), NIGHT_S), position) * 3600 < 0.01


@pytest.mark.parametrize("frame", ["ICRS", "icrs", "J2000", "", None, "FK5"])
def test_j2000_is_brought_to_date(frame):
    params = {"ra": "18.61565", "dec": "38.78369", "frame": frame}
    assert distance_deg(target(params, PLACE, NIGHT_S), of_date(VEGA, NIGHT_S)) < 1e-6


@pytest.mark.parametrize("frame", ["apparent", "of date", "JNow", "EOD", "topocentric"])
def test_of_date_is_taken_as_it_is(frame):
    assert target({"ra": 18.5, "dec": -5, "frame": frame}, PLACE, NIGHT_S) == Position(18.5, -5)


def test_hour_angle_and_horizon():
    position = target({"ha": "-1.5", "dec": "20", "frame": "HADec"}, PLACE, NIGHT_S)
    assert hour_angle_h(position, PLACE, NIGHT_S) == pytest.approx(-1.5)
    position = target({"az": "120", "alt": "45", "frame": "AzAlt"}, PLACE, NIGHT_S)
    assert altitude_deg(position, PLACE, NIGHT_S) == pytest.approx(45)
    # The east is before the meridian.
    assert hour_angle_h(position, PLACE, NIGHT_S) < 0


def test_altitude_is_that_of_pyephem():
    observer = ephem.Observer()
    observer.lat, observer.lon, observer.pressure = math.radians(34.459), math.radians(-119.681), 0
    observer.date = ephem.Date("2026/11/30 06:00")
    star = ephem.FixedBody()
    star._ra, star._dec = math.radians(VEGA.ra_h * 15), math.radians(VEGA.dec_deg)
    star.compute(observer)
    ours = altitude_deg(of_date(VEGA, NIGHT_S), PLACE, NIGHT_S)
    assert ours == pytest.approx(math.degrees(star.alt), abs=0.01)
    there = from_horizon(math.degrees(star.az), math.degrees(star.alt), PLACE, NIGHT_S)
    assert distance_deg(there, of_date(VEGA, NIGHT_S)) < 0.01


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "position is missing"),
        ({"ra": "10"}, "position is missing"),
        ({"ra": "10", "dec": ""}, "position is missing"),
        ({"ra": "250", "dec": "10"}, "hours"),
        ({"ra": "10", "dec": "95"}, "degrees"),
        ({"ra": "10", "dec": "5", "az": 1, "alt": 2}, "two positions"),
        ({"ra": "10", "dec": "5", "frame": "galactic"}, "frame"),
        ({"ra": "10", "dec": "north"}, "not a number"),
    ],
)
def test_a_position_that_is_none_is_refused(params, words):
    with pytest.raises(BadParameter, match=words):
        target(params, PLACE, NIGHT_S)


def refusal(limits: Limits, position: Position) -> str:
    try:
        require_target(limits, position, PLACE, NIGHT_S)
    except OutsideLimits as refused:
        return str(refused)
    return ""


def test_each_limit_refuses_with_its_words():
    lst = sidereal_h(PLACE, NIGHT_S)
    assert refusal(Limits(), Position(lst, 34)) == ""
    assert "altitude of 10.0°; the lower limit is 20°" in refusal(Limits(), from_horizon(10, 10, PLACE, NIGHT_S))
    assert "upper limit is 85°" in refusal(Limits(altitude_max_deg=85), Position(lst, 34))
    near = Position(sun(NIGHT_S).ra_h, sun(NIGHT_S).dec_deg + 5)
    assert "5.0° from the Sun; the limit is 30°" in refusal(Limits(altitude_min_deg=-90), near)
    assert "1.00 h past the meridian; the limit is 0.5 h" in refusal(
        Limits(past_meridian_max_h=0.5), Position(lst - 1, 34)
    )
    assert refusal(Limits(past_meridian_max_h=0.5), Position(lst + 1, 34)) == ""


def test_the_roof_must_be_open_unless_the_settings_say_so():
    require_roof(Limits(), "open")
    require_roof(Limits(), None)
    for roof in ("closed", "moving", "unknown"):
        with pytest.raises(OutsideLimits, match="roof"):
            require_roof(Limits(), roof)
        require_roof(Limits(motion_under_closed_roof=True), roof)
