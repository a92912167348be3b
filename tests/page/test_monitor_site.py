"""The screen Site: health with what to do, reservations, tokens, settings, the ways out."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import segno

from prjobs.base.sockets import is_own_host
from tests.page.calling import Call
from tests.page.here import Here
from tests.page.png import scanlines, unfiltered
from tests.page.samples import HOUR, MINUTE, NOW, site
from tests.page.watching import Observatory, click_twice, log_in, wait_text, wait_until
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
    wait_text(page.locator(".settings > div", has_text="stations"), re.compile("wema=saf +set here"))
    wait_text(page.locator(".settings > div", has_text="log_level"), re.compile("info +by default"))
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
    form.get_by_role("button").click()
    wait_text(form.locator(".problem"), "whose it is (a user id) is missing, the length must be hours")
    form.get_by_label("user id").fill("auth0|ann")
    form.get_by_label("name").fill("Ann K.")
    form.get_by_label("start").fill("Now")
    form.get_by_label("hours").fill("1.5")
    form.get_by_role("button").click()
    wait_text(form.locator(".problem"), re.compile(r"^creator_id: no token, .+ names this user\. "))
    form.get_by_label("user id").fill("auth0|an")
    assert form.get_by_role("button").inner_text() == "Reserve"
    form.get_by_role("button").click()
    wait_text(form.get_by_role("button"), "Reserve anyway")
    form.get_by_role("button").click()
    wait_text(
        page.locator("[data-reservations] [data-part=words]"), re.compile(r"Reserved: Ann K\. until \d\d:\d\d UTC")
    )
    wait_until(page, lambda: form.get_by_label("user id").input_value() == "")
    assert form.get_by_role("button").inner_text() == "Reserve"
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    wait_text(page.locator(".site-holders"), re.compile(r"Reserved: Ann K\. until \d\d:\d\d UTC \(1h2\dm\)"))
    page.keyboard.press("s")
    remove = page.locator("[data-reservations] li button")
    click_twice(remove)
    wait_text(page.locator("[data-reservations] [data-part=words]"), "Reserved by nobody")


def test_a_reservation_of_an_observatory_shows_at_its_station_too(reserved: Program, page: Any) -> None:
    Observatory(reserved, "wema").poll()
    made = ("reserve", "add", "saf", "--user", "ann", "--name", "Ann K.", "--start", "now", "--end", "+2h", "--force")
    assert reserved.run(*made).returncode == 0
    page.goto(f"{reserved.url}/")
    for name in ("saf", "wema"):
        wait_text(page.locator(".site", has_text=name).locator("[data-part=holders]"), "Reserved: Ann K. until")


def test_reservations_that_do_not_count_are_not_shown_as_if_they_did(program: Program, open_page: OpenPage) -> None:
    program.serve("--reservations", "none")
    program.fetch(0)
    for name in ("Ann K.", "Bo"):
        made = ("reserve", "add", "saf", "--user", "ann", "--name", name, "--start", "now", "--end", "+2h", "--force")
        assert program.run(*made).returncode == 0
    page = open_page(f"{program.url}/#/site/saf")
    words = "Reservations do not count now (2 entered) · Reservations are not used here"
    wait_text(page.locator("[data-reservations] [data-part=words]"), words)
    wait_text(page.locator("[data-reservations] li").first, "does not count now")
    page.keyboard.press("n")
    wait_text(page.locator(".site-holders"), "Reservations do not count now (2 entered)")
    assert page.get_by_text("Reserved").count() == 0


def test_reservations_that_cannot_be_asked_for_again_are_not_shown_as_fresh(page: Any) -> None:
    words = page.locator("[data-reservations] [data-part=words]")
    wait_text(words, re.compile("^Reserved by nobody$"))
    page.route("**/api/reservations", lambda route: route.fulfill(status=500, json={"error": "Internal error."}))
    old = re.compile(r"^Reserved by nobody · Reservations as of \d\d:\d\d:\d\d UTC: Internal error\.$")
    wait_text(words, old)
    page.keyboard.press("n")
    wait_text(page.locator(".site-holders"), old)
    page.unroute("**/api/reservations")
    wait_text(page.locator(".site-holders"), re.compile("^Reserved by nobody$"))
    assert page.complaints == []


def test_reservations_that_were_never_told_are_not_known(reserved: Program, open_page: OpenPage) -> None:
    page = open_page(f"{reserved.url}/favicon.ico")
    page.route("**/api/reservations", lambda route: route.fulfill(status=500, json={"error": "Internal error."}))
    page.goto(f"{reserved.url}/#/site")
    words = re.compile(r"^Reservations are not known: Internal error\.$")
    wait_text(page.locator("[data-reservations] [data-part=words]"), words)
    page.keyboard.press("n")
    wait_text(page.locator(".site-holders"), words)
    assert page.get_by_text("Reserved by nobody").count() == 0


def test_whether_one_may_stop_is_not_known_when_it_cannot_be_asked(reserved: Program, open_page: OpenPage) -> None:
    page = open_page(reserved.url)
    page.route("**/api/may?*", lambda route: route.fulfill(status=500, json={"error": "Internal error."}))
    log_in(page, reserved.url, reserved.token("auth0|ann"))
    wait_text(
        page.locator("[data-stop]"),
        "the server may refuse. Whether you may command could not be asked: Internal error.",
    )
    page.unroute("**/api/may?*")
    page.locator("[data-stop]", has_text="the server may refuse").wait_for(state="detached")
    assert page.locator("[data-stop] [data-part=stop]").is_visible()


def test_a_token_is_made_shown_once_and_revoked(page: Any, reserved: Program) -> None:
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/api/tokens", hold)
    page.reload()
    wait_until(page, lambda: held)
    form = page.locator("[data-tokens] form")
    form.get_by_text("Make a token").click()
    wait_text(form.locator(".problem"), "whose it is (a user id) is missing")
    # The list of tokens that comes later does not wipe the sentence away.
    held[0].continue_()
    page.unroute("**/api/tokens")
    wait_text(page.locator("[data-tokens] li"), "staff")
    wait_text(form.locator(".problem"), "whose it is (a user id) is missing")
    form.get_by_label("user id").fill("auth0|tim")
    form.get_by_label("days").fill("4000")
    form.get_by_text("Make a token").click()
    wait_text(form.locator(".problem"), "the days must be a number up to 3650")
    form.get_by_label("days").fill("2")
    form.get_by_label(re.compile("^owner")).check()
    form.get_by_label(re.compile("^observatory")).check()
    form.get_by_label(re.compile("^owner")).uncheck()
    form.get_by_label(re.compile("^viewer")).check()
    form.get_by_label(re.compile("^saf")).check()
    form.get_by_label("other sites").fill("mrc1, mrc2")
    form.get_by_text("Make a token").click()
    made = page.locator("[data-tokens] .made")
    wait_text(made, "It is shown this once")
    assert made.locator(".json").inner_text().startswith("ey")
    assert form.get_by_label(re.compile("^viewer")).is_checked() is False
    row = page.locator("[data-tokens] li", has_text="auth0|tim")
    wait_text(row, "observatory, viewer · for saf, mrc1, mrc2")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("s")
    assert made.is_hidden() and made.locator(".json").text_content() == ""
    click_twice(row.locator("button"))
    row.wait_for(state="detached")


def test_a_token_goes_to_the_clipboard(page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    form = page.locator("[data-tokens] form")
    form.get_by_label("user id").fill("auth0|tim")
    form.get_by_text("Make a token").click()
    made = page.locator("[data-tokens] .made")
    made.get_by_text("Copy the token").click()
    # The button says so for a moment only.
    wait_text(page.locator("[data-announce]"), "Copied")
    assert page.evaluate("navigator.clipboard.readText()") == made.locator(".json").inner_text()
    made.get_by_text("I have it").click()
    assert made.is_hidden() and made.locator(".json").text_content() == ""


def test_ticks_stay_while_a_site_becomes_known(page: Any, reserved: Program) -> None:
    form = page.locator("[data-tokens] form")
    form.get_by_label(re.compile("^saf")).check()
    Observatory(reserved, "mrc1").fetch()
    form.get_by_label(re.compile("^mrc1")).wait_for()
    assert form.get_by_label(re.compile("^saf")).is_checked()

    # So does what is typed while the form is on its way.
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/api/tokens", hold)
    form.get_by_label("user id").fill("auth0|tim")
    form.get_by_text("Make a token").click()
    wait_until(page, lambda: held)
    form.get_by_label("user id").fill("auth0|kim")
    held[0].continue_()
    wait_text(page.locator("[data-tokens] .made"), "The token for auth0|tim")
    assert form.get_by_label("user id").input_value() == "auth0|kim"
    assert form.get_by_label(re.compile("^saf")).is_checked()


# ---- the wall display


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_wall_display_is_a_link_that_only_looks(page: Any, reserved: Program, open_page: OpenPage) -> None:
    form = page.locator("[data-wall-link] form")
    form.get_by_label("which display").fill("control room")
    form.get_by_label(re.compile("^saf")).check()
    form.get_by_text("Make a link").click()
    made = page.locator("[data-wall-link] .made")
    wait_text(made, "Open this link on the display")
    link = made.locator(".json").inner_text()
    assert re.fullmatch(re.escape(reserved.url) + r"/login#token=ey[\w.-]+&wall=1", link)
    row = page.locator("[data-tokens] li", has_text="wall display, control room")
    wait_text(row, "viewer · for saf")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    assert made.locator(".json").text_content() == ""

    wall = open_page(f"{reserved.url}/favicon.ico", width=1920, height=1080)
    asked: list[str] = []
    wall.on("request", lambda request: asked.append(request.url))
    wall.goto(link)
    wall.wait_for_url(f"{reserved.url}/?wall=1")
    wait_text(wall.locator(".state"), "IDLE")
    assert wall.evaluate("document.documentElement.dataset.wall") == "yes"
    token = link.partition("token=")[2].partition("&")[0]
    assert [url for url in asked if token in url.partition("#")[0]] == []
    # Back leads past the link, which is in no entry of the history any more.
    wall.go_back()
    assert wall.url == f"{reserved.url}/favicon.ico"
    written = [*map(str, reserved.stop()), *(path.read_text("latin-1") for path in files_of(reserved.data))]
    assert any("wall display, control room" in text for text in written)
    assert [text for text in written if token in text] == []


def test_a_display_shows_no_acts(reserved: Program, open_page: OpenPage) -> None:
    sent = reserved.new_job(reserved.token("boss", "--role", "admin"), user_id="boss")
    viewer = reserved.token("wall", "--role", "viewer", "--site", "saf")
    page = open_page(f"{reserved.url}/login#token={viewer}&wall=1")
    page.wait_for_url(f"{reserved.url}/?wall=1")
    wait_text(page.locator(".work-row"), "waiting")
    assert page.locator("[data-stop]").is_hidden()
    assert page.locator('[data-tab="send"]').is_hidden()
    page.evaluate(f"location.hash = '#/jobs/{sent['ulid']}'")
    page.locator(".job-head h1").wait_for()
    for act in ("cancel", "again", "close"):
        assert page.locator(f".job-acts [data-part={act}]").is_hidden(), act
    page.evaluate("location.hash = '#/send'")
    wait_text(page.locator("[data-part=looksOnly]"), "may look, not command")
    page.evaluate("location.hash = '#/site'")
    wait_text(page.locator(".card"), "asks")
    assert page.locator("main form >> visible=true").count() == 0


def test_a_link_that_was_revoked_says_so(reserved: Program, open_page: OpenPage) -> None:
    page = open_page(f"{reserved.url}/login#token=eyJ.not.good&wall=1")
    wait_text(page.locator(".problem"), "This link does not log in.")
    assert page.url == f"{reserved.url}/login"
    assert page.locator("#token").is_visible()


# ---- requests for jobs


def test_the_gaps_between_requests_are_drawn_and_said(
    served: Program, observatory: Observatory, open_page: OpenPage
) -> None:
    for _ in range(4):
        observatory.fetch()
        time.sleep(0.3)
    observatory.fetch(alternateQueue=True)
    page = open_page(f"{served.url}/#/site")
    card = page.locator(".card", has_text="Requests for jobs")
    strip = card.locator("svg.gaps")
    strip.wait_for()
    assert strip.locator("rect").count() == 3
    assert re.fullmatch(
        r"Gaps between the last requests, oldest first: ([\d.]+ s, ){2}[\d.]+ s", strip.get_attribute("aria-label")
    )
    assert re.search(r"last 3 gaps: [\d.]+ s", card.inner_text())


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
    assert found["polls"]["manual"] == "manual/trouble#the-site-is-silent"
    assert cards(call, site(last_poll_ms=None))["polls"]["word"] == "never"
    assert cards(call, site())["polls"]["kind"] == "good"
    unwell = cards(call, site(), health={"problems": [{"code": "disk_low", "sentence": "Free some disk."}]})
    assert (unwell["bad/disk_low"]["kind"], unwell["bad/disk_low"]["why"]) == ("bad", "Free some disk.")
    call("rules.js", "takeRules", {"stations": {"saf": "wema"}})
    assert cards(call, site())["station"]["word"] == "wema"
    call("rules.js", "takeRules", {"stations": {}})


def test_refused_polls_stand_on_the_screen_of_their_site(call: Call) -> None:
    """Those of a site that the page does not know, and of an unknown one, stand on every site's screen."""
    refused = [
        {"code": "poll_refused", "site": name, "sentence": f"About {name}."} for name in ("saf", "mrc1", "sfa", "")
    ]
    script = """async ([site, now, health]) => (await import("/site_cards.js")).siteCards(
        { open: new Map(), sites: new Map([["saf", site], ["mrc1", site]]), health, around: { settings: null } },
        site, now, 0)"""
    found = [
        (card["kind"], card["word"], card["why"])
        for card in call.page.evaluate(script, [site(), NOW, {"ok": True, "problems": [], "notices": refused}])
        if card["name"] == "Refused polls"
    ]
    assert found == [("bad", "saf", "About saf."), ("bad", "sfa", "About sfa."), ("bad", "unknown site", "About .")]
    silent = cards(call, site(last_poll_ms=NOW - 5 * MINUTE), health={"ok": True, "notices": refused})
    assert "is refused, see “Refused polls”" in silent["polls"]["todo"]


def test_the_cards_of_both_queues(call: Call) -> None:
    gaps = {"last_ms": NOW - 3000, "usual_gap_ms": 3000, "gaps_ms": [3000, 14_000]}
    assert "alternate" not in cards(call, site(polls={"primary": gaps}))
    never = {"last_ms": None, "usual_gap_ms": None, "gaps_ms": []}
    assert "alternate" not in cards(call, site(polls={"primary": gaps, "alternate": never}))
    found = cards(call, site(polls={"primary": gaps, "alternate": {**gaps, "last_ms": NOW - HOUR}}))
    assert found["polls"]["polls"] == gaps
    assert (found["alternate"]["kind"], found["alternate"]["word"]) == ("note", "quiet")
    assert "1 h 00 min ago, usually every 3.0 s" in found["alternate"]["why"]


def test_the_strip_of_gaps(call: Call) -> None:
    bars = call("gaps.js", "gapBars", [9] * 5 + [3000] * 19 + [12_000], 3000)
    assert len(bars) == 20
    assert [bar["long"] for bar in bars] == [False] * 19 + [True]
    assert bars[-1] == {"x": 152, "y": 0, "height": 24, "long": True}
    assert bars[0]["height"] == 6
    assert call("gaps.js", "gapRange", [2900, 14_000]) == "last 2 gaps: 2.9 s to 14 s"
    assert call("gaps.js", "gapRange", [2900]) == "the last gap: 2.9 s"
    assert call("gaps.js", "gapRange", []) == ""


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-11-24 06:30", NOW + 30 * MINUTE),
        ("2026-11-25T00:00", NOW + 18 * HOUR),
        ("now", NOW),
        (" NOW ", NOW),
        (" 2026-11-24   06:30 ", NOW + 30 * MINUTE),
        ("2026-11-25t00:00", NOW + 18 * HOUR),
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
        call("reserve.js", "reservationWords", {"mode": "none"}, {"now": [], "next": None, "uncounted": 2}, NOW),
    ]
    assert words == [
        ["Reserved: Ann K. until 06:47 UTC (47m00s)", "next: tim 07:00 UTC"],
        ["Reserved by nobody"],
        [],
        ["Reservations do not count now (2 entered)"],
    ]


def test_a_reservation_of_days_says_the_day_of_its_end(call: Call) -> None:
    start, days = (
        NOW + 16 * HOUR,
        {"creator": "Ann K.", "creator_id": "ann", "start_ms": NOW, "end_ms": NOW + 76 * HOUR},
    )
    said = [
        call("reserve.js", "lengthWords", {"start_ms": start, "end_ms": start + length * HOUR})
        for length in (4, 24, 72)
    ]
    assert said == [
        "2026-11-24 22:00\N{EN DASH}02:00 UTC",
        "2026-11-24 22:00 \N{EN DASH} 2026-11-25 22:00 UTC",
        "2026-11-24 22:00 \N{EN DASH} 2026-11-27 22:00 UTC",
    ]
    words = call("reserve.js", "reservationWords", {"mode": "local"}, {"now": [days], "next": None}, NOW)
    assert words == ["Reserved: Ann K. until 11-27 10:00 UTC (3d04h)"]


def test_a_spreadsheet_runs_nothing_of_a_job(call: Call) -> None:
    evil = {"created_ms": NOW, "changed_ms": NOW, "label": '=cmd|"x"', "user_name": "a, b", "status": "-1"}
    text = call("csv.js", "toCsv", [evil])
    quoted = '"\'=cmd|""x"""'
    assert text.splitlines()[1] == f'2026-11-24 06:00:00,2026-11-24 06:00:00,,,,,,{quoted},,"a, b",\'-1,,'


def test_the_strip_shows_the_sky_of_a_site_that_has_one(
    served: Here, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    page = open_page(f"{served.url}/favicon.ico", width=1600)
    hour = 3_600_000

    def answer(route: Any) -> None:
        now_ms = served.clock.now_ms()
        sky = {"site": "saf", "time_ms": now_ms, "lst_h": 5.5, "dawn_ms": now_ms + hour, "sunset_ms": now_ms - hour}
        route.fulfill(json={**sky, "zone": "America/Denver"})

    page.route("**/api/sky?*", answer)
    page.goto(served.url)
    wait_text(page.locator("[data-part=lst]"), re.compile(r"05:(29|3\d)"))
    wait_text(page.locator("[data-part=turnBox]"), re.compile(r"dawn \d\d:\d\d"))
    assert "dawn at saf" in page.locator("[data-part=turnBox]").get_attribute("data-tip")


def make_wall_link(here: Here, open_page: OpenPage, **look: Any) -> tuple[Any, Any]:
    """Make a link for a wall display; return the page, and the part with the link and the code."""
    here.serve(host="0.0.0.0")
    Observatory(here).fetch()
    page = open_page(here.url, **look)
    log_in(page, here.url, here.token("staff", "--role", "admin"))
    page.goto(f"{here.url}/#/site")
    # The cards that come would move the code.
    wait_text(page.locator(".card"), "asks")
    page.locator("[data-wall-link] form").get_by_text("Make a link").click()
    made = page.locator("[data-wall-link] .made")
    wait_text(made, "let its camera read the code")
    return page, made


@pytest.mark.skipif(not shutil.which("zbarimg"), reason="no zbarimg (Debian: zbar-tools), the decoder of the code")
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["day", "dark", "red"])
def test_a_camera_reads_the_code(here: Here, open_page: OpenPage, tmp_path: Path, theme: str, width: int) -> None:
    """A picture of the whole window, as a camera in front of it sees it."""
    page, made = make_wall_link(here, open_page, theme=theme, width=width)
    picture = tmp_path / "window.png"
    page.screenshot(path=picture)
    decode = ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(picture)]
    found = subprocess.run(decode, capture_output=True, text=True, timeout=60, check=False)
    assert found.stdout.splitlines() == [made.locator(".json").inner_text()], found.stderr


@pytest.mark.parametrize("theme", ["day", "dark", "red"])
def test_a_wall_display_gets_an_address_in_the_network_and_a_code(here: Here, open_page: OpenPage, theme: str) -> None:
    page, made = make_wall_link(here, open_page, theme=theme)
    link = made.locator(".json").inner_text()
    assert is_own_host(urlsplit(link).hostname) and "127.0.0.1" not in link
    code = made.locator("svg.qr")
    raw, stride, size = scanlines(code.screenshot())
    lines = [list(zip(*(line[at::size] for at in range(3)), strict=True)) for line in unfiltered(raw, stride, size)]
    rows = segno.make(link, error="l", micro=False).matrix
    step = len(lines) / (len(rows) + 8)
    looks: dict[bool, set[int]] = {True: set(), False: set()}
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            looks[bool(dark)].add(sum(lines[int((y + 4.5) * step)][int((x + 4.5) * step)]))
    assert max(looks[True]) + 100 < min(looks[False])
    page.keyboard.press("n")
    assert (made.locator(".json").text_content(), code.locator("path").get_attribute("d")) == ("", None)


def test_a_wall_display_of_this_machine_alone_says_which_setting_to_change(page: Any) -> None:
    page.locator("[data-wall-link] form").get_by_text("Make a link").click()
    made = page.locator("[data-wall-link] .made")
    wait_text(made, "Only this machine reaches the link: prjobs listens on 127.0.0.1. For a tablet set host to 0.0.0.0")
    assert made.locator("svg.qr").is_hidden()
