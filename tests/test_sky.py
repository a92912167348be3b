"""Sidereal time and the Sun, against published values; and what the settings say of sites."""

import subprocess
import sys
from datetime import UTC, datetime

import pytest
import requests

from prjobs.base.errors import Unusable
from prjobs.base.places import Place
from prjobs.base.settings_sources import load_settings
from prjobs.night.sky import sidereal_h, sky_around, sky_between, sun_altitude_deg
from tests.clocks import ManualClock
from tests.verbs import make_token

HOUR_MS = 3_600_000
GREENWICH = Place(51.4779, 0, 46)
SANTA_FE = "saf=35.55,-105.87,2187"


def ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("when", "hours"),
    [
        # J. Meeus, Astronomical Algorithms, 2nd edition, example 12.a: apparent sidereal time at Greenwich.
        ("1987-04-10T00:00", 13 + 10 / 60 + 46.1351 / 3600),
        # Example 12.b: the mean one; the apparent one is 0.23 s less.
        ("1987-04-10T19:21", 8 + 34 / 60 + 57.0896 / 3600),
    ],
)
def test_sidereal_time(when, hours):
    assert sidereal_h(GREENWICH, ms(when)) == pytest.approx(hours, abs=0.5 / 3600)
    assert sidereal_h(Place(0, -105, 0), ms(when)) == pytest.approx((hours - 7) % 24, abs=0.5 / 3600)


@pytest.mark.parametrize(
    ("date", "rise", "sets"),
    [
        # U. S. Naval Observatory, Rise and Set for the Sun for 2007, Atlanta, Georgia (W 84 25, N 33 46), EST; the
        # table stands in PyEphem's own tests as tests/usno/riset_sun.txt.
        ("2007-01-01", "07:43", "17:40"),
        ("2007-06-01", "05:28", "19:43"),
        ("2007-06-21", "05:27", "19:51"),
        ("2007-10-01", "06:32", "18:22"),
        ("2007-12-21", "07:38", "17:33"),
    ],
)
def test_sunrise_and_sunset_are_those_of_the_naval_observatory(date, rise, sets):
    midnight = ms(f"{date}T00:00-05:00")
    sky = sky_between(Place(33 + 46 / 60, -84 - 25 / 60, 0), midnight, midnight + 24 * HOUR_MS)
    assert sky.sunrise_ms == pytest.approx(ms(f"{date}T{rise}-05:00"), abs=40_000)
    assert sky.sunset_ms == pytest.approx(ms(f"{date}T{sets}-05:00"), abs=40_000)


@pytest.mark.parametrize(
    ("place", "date", "dusk", "dawn"),
    [
        # astral 3.2 (another implementation, from NOAA's formulas): dusk() and dawn() with depression=18.
        (Place(35.55, -105.87, 2187), "2026-11-23", "2026-11-24T01:21:52", "2026-11-24T12:18:33"),
        (Place(-30.24, -70.74, 2200), "2026-06-20", "2026-06-20T23:16:30", "2026-06-21T10:13:09"),
    ],
)
def test_dusk_and_dawn_are_those_of_another_library(place, date, dusk, dawn):
    noon = ms(f"{date}T18:00")
    sky = sky_between(place, noon, noon + 24 * HOUR_MS)
    assert sky.dusk_ms == pytest.approx(ms(dusk), abs=60_000)
    assert sky.dawn_ms == pytest.approx(ms(dawn), abs=60_000)
    assert sun_altitude_deg(place, sky.dusk_ms) == pytest.approx(-18, abs=0.01)
    assert sky.sunset_ms < sky.dusk_ms < sky.dawn_ms < sky.sunrise_ms


def test_what_comes_later_is_left_out():
    sky = sky_between(Place(35.55, -105.87, 2187), ms("2026-11-23T20:00"), ms("2026-11-24T00:30"))
    assert sky.sunset_ms is not None and (sky.dusk_ms, sky.dawn_ms, sky.sunrise_ms) == (None, None, None)


def test_a_night_is_found_from_any_moment_of_it():
    place = Place(35.55, -105.87, 2187)
    evening, morning = sky_around(place, ms("2026-11-23T20:00")), sky_around(place, ms("2026-11-24T18:00"))
    assert evening.dusk_ms == pytest.approx(morning.dusk_ms, abs=2000)
    assert sky_around(place, ms("2026-11-24T20:00")).dusk_ms > evening.dusk_ms + 23 * HOUR_MS


@pytest.mark.parametrize(
    ("latitude", "when", "known"),
    [
        (70, "2026-06-21T20:00", set()),
        (70, "2026-12-21T20:00", {"dusk_ms", "dawn_ms"}),
        (55, "2026-06-21T20:00", {"sunset_ms", "sunrise_ms"}),
        (-90, "2026-06-21T20:00", set()),
        (90, "2026-06-21T20:00", set()),
    ],
)
def test_near_the_poles_some_of_it_does_not_happen(latitude, when, known):
    sky = sky_around(Place(latitude, 20, 0), ms(when))
    names = {"sunset_ms", "dusk_ms", "dawn_ms", "sunrise_ms"}
    assert {name for name in names if getattr(sky, name) is not None} == known


# ---- the settings


def test_places_and_zones_may_be_named_in_every_source(tmp_path):
    (tmp_path / "prjobs.toml").write_text(f'site_places = ["{SANTA_FE}"]\nsite_zones = ["saf=America/Denver"]\n')
    settings, _ = load_settings(tmp_path, {})
    assert (settings.site_places, settings.site_zones) == ([SANTA_FE], ["saf=America/Denver"])
    both = f"{SANTA_FE}, mrc1=34.459,-119.681,317"
    settings, _ = load_settings(tmp_path, {"PRJOBS_SITE_PLACES": both}, {"site_zones": "saf=UTC,mrc1=US/Pacific"})
    assert settings.site_places == [SANTA_FE, "mrc1=34.459,-119.681,317"]
    assert settings.site_zones == ["saf=UTC", "mrc1=US/Pacific"]


@pytest.mark.parametrize(
    ("name", "entry", "said"),
    [
        ("site_places", "saf", "latitude"),
        ("site_places", "saf=1,2", "latitude, longitude and elevation"),
        ("site_places", "saf=1,2,x", "numbers"),
        ("site_places", "saf=nan,2,3", "numbers"),
        ("site_places", "saf=91,2,3", "latitude"),
        ("site_places", "saf=1,-181,3", "longitude"),
        ("site_places", "saf=1,2,9999", "elevation"),
        ("site_places", "s f=1,2,3", "site code"),
        ("site_zones", "saf=Mars/Olympus", "IANA"),
        ("site_zones", "saf=../../etc/passwd", "IANA"),
        ("site_zones", "saf=America", "IANA"),
        ("site_zones", "saf=", "IANA"),
        ("site_zones", "=UTC", "site code"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, name, entry, said):
    (tmp_path / "prjobs.toml").write_text(f'{name} = ["ok={"1,2,3" if name == "site_places" else "UTC"}", "{entry}"]\n')
    with pytest.raises(Unusable, match=said) as refused:
        load_settings(tmp_path, {})
    assert name in str(refused.value) and repr(entry) in str(refused.value)


def test_a_second_entry_for_a_site_is_refused(tmp_path):
    with pytest.raises(Unusable, match="second one for saf"):
        load_settings(tmp_path, {"PRJOBS_SITE_ZONES": "saf=UTC,saf=US/Pacific"})


# ---- over HTTP


@pytest.fixture
def routed(monkeypatch):
    from prjobs.web import app, night_api

    monkeypatch.setattr(app, "ROUTES", list({route[:2]: route for route in [*app.ROUTES, *night_api.ROUTES]}.values()))


def test_the_sky_over_a_site(make_server, routed):
    clock = ManualClock()
    clock.wall_ms = ms("2026-11-24T06:00")
    server = make_server(clock, site_places=[SANTA_FE], site_zones=["saf=America/Denver"])
    sky = requests.get(f"{server.url}/api/sky", params={"site": "saf"}).json()
    assert sky["zone"] == "America/Denver" and sky["time_ms"] == clock.wall_ms
    assert sky["lst_h"] == pytest.approx(sidereal_h(Place(35.55, -105.87, 2187), clock.wall_ms))
    assert sky["sunset_ms"] < sky["dusk_ms"] < clock.wall_ms < sky["dawn_ms"] < sky["sunrise_ms"]
    unknown = requests.get(f"{server.url}/api/sky?site=mrc1").json()
    assert {unknown[name] for name in ("lst_h", "zone", "sunset_ms", "dusk_ms", "dawn_ms", "sunrise_ms")} == {None}
    for query in ("", "?site=", "?site=a%20b", "?site=%ff"):
        assert requests.get(f"{server.url}/api/sky{query}").status_code == 400


def test_the_sky_is_for_readers(make_server, routed):
    server = make_server(observatory_access="token", site_places=[SANTA_FE])
    assert requests.get(f"{server.url}/api/sky?site=saf").status_code == 401
    headers = {"Authorization": f"Bearer {make_token(server.appliance, 'auth0|alice', sites=('mrc1',))}"}
    assert requests.get(f"{server.url}/api/sky?site=saf", headers=headers).status_code == 403
    assert requests.get(f"{server.url}/api/sky?site=mrc1", headers=headers).status_code == 200


def without_ephem(program, *arguments):
    """Run the program as where PyEphem is not installed: a module of None cannot be imported."""
    code = "import sys; sys.modules['ephem'] = None; from prjobs.cli import main; sys.exit(main(sys.argv[1:]))"
    program.launcher = ("-c", code)
    return program


@pytest.mark.slow
def test_without_ephem_everything_but_the_sky_works(program):
    program.data.mkdir(parents=True)
    (program.data / "prjobs.toml").write_text('site_places = ["saf=35.55,-105.87,2187"]\n', encoding="utf-8")
    without_ephem(program).serve()
    assert program.new_job(program.token())["statusId"].startswith("UNREAD")
    sky = requests.get(f"{program.url}/api/sky?site=saf", timeout=30)
    assert sky.status_code == 200 and (sky.json()["lst_h"], sky.json()["sunset_ms"]) == (None, None)
    page = requests.get(f"{program.url}/night?site=saf", timeout=30)
    assert page.status_code == 200, page.text
    found = program.run("doctor", launcher=program.launcher)
    assert "prjobs[sky]" in found.stdout and found.returncode == 0
    assert "prjobs[sky]" not in program.run("doctor").stdout
    _, _, errors = program.stop()
    assert errors.count("prjobs[sky]") == 1


def test_ephem_is_imported_with_the_first_place_only():
    code = (
        "import sys, prjobs.server; from prjobs.base.settings import Settings; from prjobs.night.sky import place_of\n"
        "assert place_of(Settings(), 'saf') is None and 'ephem' not in sys.modules\n"
        "assert place_of(Settings(site_places=['saf=1,2,3']), 'saf') and 'ephem' in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
