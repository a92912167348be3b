"""The screen Site: health with what to do, reservations, tokens, settings, the ways out."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.page.conftest import Call
from tests.page.samples import HOUR, MINUTE, NOW, site
from tests.page.watching import Observatory, log_in, wait_text
from tests.program import Program

OpenPage = Callable[..., Any]


@pytest.fixture
def reserved(browser: Any, program: Program) -> Iterator[Program]:
    """A program that knows reservations; asked for after the browser."""
    program.serve("--reservations", "local", "--stations", "wema=saf")
    Observatory(program).fetch()
    yield program


@pytest.fixture
def page(reserved: Program, open_page: OpenPage) -> Any:
    """The screen Site in the hands of an administrator."""
    page = open_page(reserved.url)
    log_in(page, reserved.url, reserved.token("staff", "--role", "admin"))
    page.locator("[data-stop] [data-part=stop]").wait_for()
    page.keyboard.press("s")
    wait_text(page.locator(".card"), "asks")
    return page


def test_health_and_settings(page: Any) -> None:
    wait_text(page.locator(".card", has_text="Enclosure station"), "wema")
    wait_text(page.locator(".settings > div", has_text="stations"), "wema=saf")
    assert "/night?site=saf&date=" in page.locator("a[data-part=night]").get_attribute("href")
    assert page.evaluate("location.hash") == "#/site"
    with page.expect_download() as saved:
        page.click("text=CSV")
    assert re.fullmatch(r"saf-\d{4}-\d\d-\d\d\.csv", saved.value.suggested_filename)
    assert page.complaints == []


def test_who_is_no_admin_sees_no_tokens(reserved: Program, open_page: OpenPage) -> None:
    page = open_page(f"{reserved.url}/#/site/saf")
    wait_text(page.locator(".card"), "asks")
    assert page.locator("[data-tokens]").is_hidden()
    assert page.locator("[data-reservations] form").is_hidden()
    assert page.locator("#settings-title").is_hidden()


def test_a_reservation_is_added_shown_and_removed(page: Any) -> None:
    form = page.locator("[data-reservations] form")
    form.locator("text=Reserve").click()
    wait_text(form.locator(".problem"), "whose it is (a user id) is missing, the length must be hours")
    form.get_by_label("user id").fill("auth0|ann")
    form.get_by_label("name").fill("Ann K.")
    form.get_by_label("hours").fill("1.5")
    form.locator("text=Reserve").click()
    wait_text(
        page.locator("[data-reservations] [data-part=words]"), re.compile(r"Reserved: Ann K\. until \d\d:\d\d UTC")
    )
    assert form.get_by_label("user id").input_value() == ""
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    wait_text(page.locator(".site-holders"), re.compile(r"Reserved: Ann K\. until \d\d:\d\d UTC \(1h29m\)"))
    page.keyboard.press("s")
    remove = page.locator("[data-reservations] li button")
    remove.click()
    page.wait_for_timeout(500)
    remove.click()
    wait_text(page.locator("[data-reservations] [data-part=words]"), "Reserved by nobody")


def test_a_token_is_made_shown_once_and_revoked(page: Any, reserved: Program) -> None:
    form = page.locator("[data-tokens] form")
    form.get_by_label("user id").fill("auth0|tim")
    form.get_by_label("role").fill("astronaut")
    form.locator("button").click()
    wait_text(form.locator(".problem"), re.compile("role"))
    assert form.get_by_label("user id").input_value() == "auth0|tim"
    form.get_by_label("role").fill("viewer")
    form.locator("button").click()
    wait_text(page.locator(".made"), "It is shown this once")
    assert page.locator(".made .json").inner_text().startswith("ey")
    row = page.locator("[data-tokens] li", has_text="auth0|tim")
    wait_text(row, "viewer")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("s")
    assert page.locator(".made").is_hidden() and page.locator(".made .json").text_content() == ""
    row.locator("button").click()
    page.wait_for_timeout(500)
    row.locator("button").click()
    row.wait_for(state="detached")


# ---- words


def cards(call: Call, which: dict[str, Any], **more: Any) -> dict[str, Any]:
    model = {"open": {}, "health": {"ok": True}, "around": {"settings": None}, **more}
    script = """async ([model, site, now]) => (await import("/site_cards.js"))
        .siteCards({ ...model, open: new Map() }, site, now, 0)"""
    return {card["key"]: card for card in call.page.evaluate(script, [model, which, NOW])}


def test_every_bad_card_says_what_to_do(call: Call) -> None:
    found = cards(call, site(last_poll_ms=NOW - 5 * MINUTE))
    assert (found["polls"]["kind"], found["polls"]["word"]) == ("bad", "silent 5m00s")
    assert "network" in found["polls"]["todo"]
    assert cards(call, site(last_poll_ms=None))["polls"]["word"] == "never"
    assert cards(call, site())["polls"]["kind"] == "good"
    unwell = cards(call, site(), health={"problems": [{"code": "disk_low", "sentence": "Free some disk."}]})
    assert (unwell["bad/disk_low"]["kind"], unwell["bad/disk_low"]["why"]) == ("bad", "Free some disk.")
    assert cards(call, site(), stations=["wema=saf"])["station"]["word"] == "wema"


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-11-24 06:30", NOW + 30 * MINUTE),
        ("2026-11-25T00:00", NOW + 18 * HOUR),
        ("06:30", NOW + 30 * MINUTE),
        ("05:30", NOW - 30 * MINUTE),
        ("04:00", NOW + 22 * HOUR),
        ("2026-02-31 06:00", None),
        ("24:00", None),
        ("soon", None),
    ],
)
def test_a_moment_that_was_typed(call: Call, text: str, ms: int | None) -> None:
    script = "async ([text, now]) => (await import('/reserve.js')).momentOf(text, now)"
    found = call.page.evaluate(script, [text, NOW])
    assert found == ms if ms else found != found


def test_who_has_it_and_who_is_next(call: Call) -> None:
    own = {"creator": "Ann K.", "creator_id": "ann", "start_ms": NOW - HOUR, "end_ms": NOW + 47 * MINUTE}
    after = {"creator": "", "creator_id": "tim", "start_ms": NOW + HOUR, "end_ms": NOW + 2 * HOUR}
    local = {"mode": "local"}
    words = [
        call("reserve.js", "reservationWords", local, {"now": [own], "next": after}, NOW),
        call("reserve.js", "reservationWords", local, {"now": [], "next": None}, NOW),
        call("reserve.js", "reservationWords", {"mode": "none"}, {"now": [], "next": None}, NOW),
    ]
    assert words == [["Reserved: Ann K. until 06:47 UTC (47m00s)", "next: tim 07:00 UTC"], ["Reserved by nobody"], []]


def test_a_spreadsheet_runs_nothing_of_a_job(call: Call) -> None:
    evil = {"created_ms": NOW, "changed_ms": NOW, "label": '=cmd|"x"', "user_name": "a, b", "status": "-1"}
    text = call("csv.js", "toCsv", [evil])
    quoted = '"\'=cmd|""x"""'
    assert text.splitlines()[1] == f'2026-11-24 06:00:00,2026-11-24 06:00:00,,,,,,{quoted},,"a, b",\'-1,'


def test_the_strip_shows_the_sky_of_a_site_that_has_one(
    served: Program, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    page = open_page(f"{served.url}/favicon.ico", width=1600)
    hour = 3_600_000

    def answer(route: Any) -> None:
        now_ms = round(time.time() * 1000)
        sky = {"site": "saf", "time_ms": now_ms, "lst_h": 5.5, "dawn_ms": now_ms + hour, "sunset_ms": now_ms - hour}
        route.fulfill(json={**sky, "zone": "America/Denver"})

    page.route("**/api/sky?*", answer)
    page.goto(served.url)
    wait_text(page.locator("[data-part=lst]"), re.compile(r"05:(29|30|31)"))
    wait_text(page.locator("[data-part=turnBox]"), re.compile(r"dawn \d\d:\d\d"))
