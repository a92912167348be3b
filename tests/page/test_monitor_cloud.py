"""The cloud link in the monitor: a real link to a fake cloud, through in step, behind and down, and what it refuses."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cloud.cloud_model import SITE
from tests.page.calling import Call
from tests.page.linked import Link
from tests.page.samples import HOUR, NOW
from tests.page.watching import Observatory, click_twice, log_in, wait_text
from tests.program import Program

OpenPage = Callable[..., Any]
# Over midnight with the day.
DOWN = r"down since (\d\d-\d\d )?\d\d:\d\d$"


@pytest.fixture
def link(browser: Any, tmp_path: Path) -> Iterator[Link]:
    """A real link; asked for after the browser."""
    link = Link(tmp_path / "linked")
    yield link
    link.close()


@pytest.fixture
def page(link: Link, open_page: OpenPage) -> Any:
    """The monitor in the hands of staff, when the link has settled."""
    link.observatory.fetch()
    page = open_page(link.program.url)
    log_in(page, link.program.url, link.program.token("staff", "--role", "owner"))
    wait_text(page.locator(".site-cloud"), "cloud in step")
    return page


def fact(page: Any, name: str) -> Any:
    return page.locator("[data-cloud] .facts > div", has=page.locator("dt", has_text=re.compile(f"^{name}$")))


def test_a_cloud_in_step(page: Any, link: Link) -> None:
    page.keyboard.press("s")
    wait_text(page.locator("[data-cloud] .card-word"), "in step")
    wait_text(fact(page, SITE), re.compile(r"jobs read until \d\d:\d\d:\d\d UTC"))
    wait_text(fact(page, "Unsent statuses"), "none")
    wait_text(fact(page, "Last contact"), re.compile(r"UTC, (just now|\d+ s ago)"))
    wait_text(fact(page, "Clocks"), "agree")
    assert page.locator("[data-part=parkedBox]").is_hidden()
    assert page.complaints == []


def test_a_cloud_that_lags_and_goes_away_and_comes_back(page: Any, link: Link) -> None:
    taken = link.take(2)
    link.answers = dict.fromkeys(taken, 503)
    for ulid in taken:
        link.observatory.report(ulid, "STARTED", 30)
    wait_text(page.locator(".site-cloud"), re.compile(r"^cloud 2 behind$"))
    assert page.locator(".site-cloud[data-bad]").count() == 0
    page.keyboard.press("s")
    wait_text(page.locator("[data-cloud] .card-word"), "2 behind")
    wait_text(fact(page, "Unsent statuses"), "2")
    wait_text(fact(page, "Oldest of them"), re.compile(r"of a job sent \d\d:\d\d UTC"))

    link.way.down = True
    wait_text(page.locator("[data-cloud] .card[data-kind=bad] .card-word"), re.compile(f"^{DOWN}"))
    wait_text(page.locator("[data-cloud] .card-todo"), "whether this machine reaches the Internet")
    page.keyboard.press("n")
    wait_text(page.locator(".site-cloud[data-bad]"), re.compile(f"^cloud {DOWN}"))

    link.answers, link.way.down = {}, False
    wait_text(page.locator(".site-cloud"), "cloud in step")
    assert {link.cloud.statuses()[ulid] for ulid in taken} == {"STARTED"}
    assert page.complaints == []


def test_a_status_that_the_cloud_refuses_is_tried_again_or_given_up(page: Any, link: Link) -> None:
    taken = link.take(2)
    link.answers = dict.fromkeys(taken, 400)
    for ulid in taken:
        link.observatory.report(ulid, "ODD")
    wait_text(page.locator(".site-cloud[data-bad]"), "cloud in step, 2 refused")
    page.keyboard.press("s")
    rows = page.locator(".parked")
    wait_text(rows, f"{SITE}: ODD")
    assert rows.count() == 2 and "400" in rows.first.inner_text()
    assert taken[0] in rows.first.locator("a").get_attribute("href")

    link.answers.pop(taken[0])
    rows.first.get_by_text("Try again").click()
    rows.nth(1).wait_for(state="detached")
    wait_text(page.locator("[data-cloud] .card-word"), "1 refused")
    giveup = rows.first.locator("[data-part=giveup]")
    click_twice(giveup)
    rows.first.wait_for(state="detached")
    wait_text(page.locator("[data-cloud] .card-word"), re.compile("^in step$"))
    link.wait_for(taken[0], "ODD")
    assert link.cloud.statuses()[taken[1]] == "RECEIVED"


@pytest.mark.parametrize("width", [360, 1280])
def test_the_phrase_leaves_room_for_the_site(link: Link, open_page: OpenPage, width: int) -> None:
    link.observatory.fetch()
    link.way.down = True
    page = open_page(link.program.url, width=width)
    wait_text(page.locator(".site-cloud"), "cloud down since")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".site-name a").bounding_box()["height"] < 30


def test_only_staff_decide(link: Link, open_page: OpenPage) -> None:
    (taken,) = link.take()
    link.answers = {taken: 400}
    link.observatory.report(taken, "ODD")
    page = open_page(f"{link.program.url}/#/site")
    wait_text(page.locator(".parked"), "ODD")
    assert page.locator(".parked button >> visible=true").count() == 0


def test_nothing_is_said_of_a_link_that_is_off(served: Program, observatory: Observatory, open_page: OpenPage) -> None:
    observatory.fetch()
    page = open_page(served.url)
    wait_text(page.locator(".site-asked"), "asked")
    assert page.locator(".site-cloud").inner_text() == ""
    page.keyboard.press("s")
    wait_text(page.locator(".card"), "asks")
    assert page.locator("[data-cloud]").is_hidden()


# ---- words


def cloud(**parts: Any) -> dict[str, Any]:
    return {
        "mode": "primary",
        "state": "in step",
        "sentence": "In step with the cloud.",
        "sites": [{"site": "saf", "read_until_ms": NOW, "judging": False}],
        "unsent": 0,
        "oldest_unsent_ms": None,
        "last_contact_ms": NOW - 3000,
        "down_since_ms": None,
        "reason": "",
        "offset_ms": 0,
        "ghosts": 0,
        "parked": [],
        "counts": {},
        **parts,
    }


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({}, "cloud in step"),
        ({"state": "starting"}, "cloud not asked yet"),
        ({"state": "behind", "unsent": 12}, "cloud 12 behind"),
        ({"state": "down", "down_since_ms": NOW - HOUR}, "cloud down since 05:00"),
        ({"state": "down", "down_since_ms": NOW - 30 * HOUR}, "cloud down since 11-23 00:00"),
        ({"parked": [{}, {}]}, "cloud in step, 2 refused"),
        ({"sites": []}, ""),
    ],
)
def test_the_phrase_on_now(call: Call, parts: dict[str, Any], words: str) -> None:
    assert call("cloud.js", "cloudPhrase", cloud(**parts), "saf", NOW) == words


@pytest.mark.parametrize(
    ("offset_ms", "words"),
    [
        (None, "not known yet"),
        (1900, "the cloud's and ours agree"),
        (-3000, "the cloud's is 3.0 s behind ours"),
        (61_000, "the cloud's is 1:01 ahead of ours: set this machine's clock"),
    ],
)
def test_the_clock_of_the_cloud(call: Call, offset_ms: int | None, words: str) -> None:
    facts = call("cloud.js", "cloudFacts", cloud(offset_ms=offset_ms), NOW)
    assert [fact["value"] for fact in facts if fact["name"] == "Clocks"] == [words]


@pytest.mark.parametrize(("ago_ms", "words"), [(HOUR, "05:00:00"), (48 * HOUR, "11-22 06:00")])
def test_until_when_jobs_of_the_cloud_were_read(call: Call, ago_ms: int, words: str) -> None:
    read = call("cloud.js", "cloudSiteWords", {"site": "saf", "read_until_ms": NOW - ago_ms, "judging": False}, NOW)
    assert read == f"jobs read until {words} UTC"


def test_a_cancel_all_that_is_looked_into_is_said(call: Call) -> None:
    words = call("cloud.js", "cloudSiteWords", {"site": "saf", "read_until_ms": None, "judging": True}, NOW)
    assert words == "no job was read yet · looking into what a “cancel all” removed"
