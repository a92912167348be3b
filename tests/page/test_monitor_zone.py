"""The time at the site, for people in another time zone: its clock, its nights."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from prjobs.base.settings import Settings
from prjobs.night.nights import night_at
from tests.page.here import Here
from tests.page.watching import Observatory, wait_text

OpenPage = Callable[..., Any]
DENVER = ZoneInfo("America/Denver")
ZONES = Settings(site_zones=["saf=America/Denver"])


@pytest.fixture
def in_denver(here: Here) -> Here:
    """A site in Denver at 05:00 UTC: 22:00 or 23:00 there, in Tokyo the afternoon of the day after."""
    # In the two hours before noon the clock is ahead from the start.
    now = datetime.fromtimestamp(here.clock.now_ms() / 1000, UTC)
    here.set_clock((now.replace(hour=5, minute=0) + timedelta(days=1) - now).total_seconds())
    here.serve(site_zones=ZONES.site_zones)
    Observatory(here).fetch()
    return here


def test_the_second_clock_is_that_of_the_site(in_denver: Here, open_page: OpenPage) -> None:
    page = open_page(in_denver.url, timezone_id="Asia/Tokyo")
    clock = page.locator(".clock-local")
    wait_text(clock, re.compile(r"^M[SD]T 2[23]:0\d:\d\d$"))
    assert "(at saf, America/Denver)" in clock.get_attribute("data-tip")


def test_without_a_zone_of_the_site_it_is_that_of_the_browser(served: Here, open_page: OpenPage) -> None:
    Observatory(served).fetch()
    page = open_page(served.url, timezone_id="Asia/Tokyo")
    wait_text(page.locator(".site"), "saf")
    wait_text(page.locator(".clock-local"), re.compile(r"^GMT\+9 \d\d:\d\d:\d\d$"))
    assert "(this browser's zone)" in page.locator(".clock-local").get_attribute("data-tip")


def test_one_clock_is_enough_for_utc(served: Here, alice: str, open_page: OpenPage) -> None:
    sent = served.new_job(alice)
    page = open_page(f"{served.url}/#/jobs/{sent['ulid']}", timezone_id="UTC")
    wait_text(page.locator(".facts"), re.compile(r"\d UTC"))
    assert page.locator(".clock-local").is_hidden()
    assert "\N{MIDDLE DOT}" not in page.locator(".job .facts").inner_text()
    assert page.locator(".change-local >> visible=true").count() == 0


def test_a_job_tells_the_time_at_its_site(in_denver: Here, open_page: OpenPage) -> None:
    sent = in_denver.new_job(in_denver.token())
    page = open_page(f"{in_denver.url}/#/jobs/{sent['ulid']}", timezone_id="Asia/Tokyo")
    wait_text(page.locator(".facts"), re.compile(r"\d UTC . \w{3} \d.* 2[23]:0\d:\d\d M[SD]T"))
    wait_text(page.locator(".changes thead"), "At the site")
    wait_text(page.locator(".changes tbody"), re.compile(r"2[23]:0\d:\d\d M[SD]T"))
    assert not re.search(r"JST|GMT\+9", page.locator("[data-screen=job]").inner_text())


def test_the_tips_of_the_now_screen_tell_it_too(in_denver: Here, open_page: OpenPage) -> None:
    in_denver.new_job(in_denver.token())
    page = open_page(in_denver.url, timezone_id="Asia/Tokyo")
    page.locator(".event").first.wait_for()
    page.locator(".clock-local", has_text=re.compile("M[SD]T")).wait_for()
    for part in ("asked", "since", "time"):
        tips = page.locator(f".site [data-part={part}][data-tip], .event [data-part={part}][data-tip]")
        found = [tip for tip in (one.get_attribute("data-tip") for one in tips.all()) if "UTC" in tip]
        assert found and all(re.search(r"2[23]:0\d:\d\d M[SD]T$", tip) for tip in found), (part, found)


def test_the_nights_are_those_of_the_site(in_denver: Here, open_page: OpenPage) -> None:
    night = night_at(ZONES, "saf", in_denver.clock.now_ms())
    page = open_page(f"{in_denver.url}/#/site", timezone_id="Asia/Tokyo")
    link = page.locator(f"a[data-part=night][href$='/night?site=saf&date={night.date}']")
    link.wait_for()
    assert night.title in page.context.request.get(link.evaluate("(link) => link.href")).text()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/jobs?" in request.url else None)
    page.keyboard.press("j")
    wait_text(page.locator(".night-name"), night.title)
    wait_text(page.locator(".foot >> visible=true"), "No jobs in this night")
    query = parse_qs(urlsplit(asked[-1]).query)
    assert (query["since_ms"], query["until_ms"]) == ([str(night.since_ms)], [str(night.until_ms)])


def test_a_list_that_began_before_the_zone_was_known_becomes_that_of_the_night(
    in_denver: Here, open_page: OpenPage
) -> None:
    night = night_at(ZONES, "saf", in_denver.clock.now_ms())
    page = open_page(f"{in_denver.url}/#/jobs", timezone_id="Asia/Tokyo")
    wait_text(page.locator(".night-name"), night.title)
    assert "America/Denver (saf)" in page.locator(".night-name [data-part=night]").get_attribute("data-tip")
