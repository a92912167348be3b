"""How the monitor looks: strict red, every theme, every width."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.page.calling import STATIC
from tests.page.here import Here
from tests.page.png import assert_red, is_only_red, pixels
from tests.page.tour import House, tour
from tests.page.watching import Observatory, assert_live, log_in, wait_text
from tests.program import Program
from tests.waiting import wait_for

OpenPage = Callable[..., Any]


# ---- colours


def test_the_decoder_of_the_next_test_sees_colours(served: Program, open_page: OpenPage) -> None:
    page = open_page(served.url, theme="dark", width=400, height=300)
    page.locator(".empty").wait_for()
    colours = set(pixels(page.screenshot()))
    assert (11, 14, 19) in colours
    assert any(green > 200 for _, green, _ in colours)


def test_the_quick_look_for_red_sees_what_the_decoder_sees(served: Program, open_page: OpenPage) -> None:
    page = open_page(served.url, theme="red", width=200, height=200)
    page.locator(".empty").wait_for()
    assert is_only_red(page.screenshot())
    for colour in ("#000100", "#000001"):
        page.locator(".strip").evaluate("(strip, colour) => { strip.style.borderTop = `1px solid ${colour}`; }", colour)
        assert not is_only_red(page.screenshot())


@pytest.mark.parametrize("theme", ["red", "red2", "red3"])
def test_red_is_strict_everywhere(house: House, open_page: OpenPage, theme: str) -> None:
    page = open_page(f"{house.url}/favicon.ico", theme=theme, width=1100, height=700)
    seen = []
    for name in tour(page, house):
        for whole in (False, True):
            assert is_only_red(page.screenshot(full_page=whole)), name
        seen.append(name)
    assert len(seen) > 15


@pytest.mark.parametrize("theme", ["red", "red2", "red3"])
def test_red_is_strict_on_a_phone(house: House, open_page: OpenPage, theme: str) -> None:
    page = open_page(f"{house.url}/favicon.ico", theme=theme, width=390, height=844, has_touch=True, is_mobile=True)
    for name in tour(page, house):
        assert is_only_red(page.screenshot()), name


def test_the_brightness_of_red_falls(house: House, open_page: OpenPage) -> None:
    brightest = []
    for theme in ("red", "red2", "red3"):
        page = open_page(house.url, theme=theme, width=400, height=300)
        wait_text(page.locator(".link-state"), "live")
        brightest.append(max(red for red, _, _ in pixels(page.screenshot())))
    assert brightest == [255, 168, 107]


def test_a_stop_in_red(served: Program, observatory: Observatory, open_page: OpenPage) -> None:
    observatory.fetch()
    page = open_page(served.url, theme="red", width=900, height=700)
    log_in(page, served.url, served.token("staff", "--role", "admin"))
    page.click("text=Stop and make safe")
    page.locator("[data-part=stop]").focus()
    page.keyboard.down(" ")
    page.wait_for_timeout(300)
    assert_red(page)
    wait_text(page.locator(".stop-proof"), "STOP sent")
    page.keyboard.up(" ")
    assert_red(page)


# ---- the first frame

PAGES = ("", "login", "?wall=1", "night", "weeks", "manual", "nothing-there")
GROUNDS = {"red": (0, 0, 0), "red3": (0, 0, 0), "dark": (11, 14, 19)}
BRIGHT = {"red": 80, "red3": 80, "dark": 60}


def is_bright(pixel: tuple[int, int, int], theme: str) -> bool:
    return max(pixel) > BRIGHT[theme]


def first_frame(page: Any) -> bytes:
    """As soon as there is one: until then the browser has nothing to take."""
    from playwright.sync_api import Error

    def take() -> bytes | None:
        try:
            return page.screenshot()
        except Error as error:
            if "Unable to capture" not in str(error):
                raise
            return None

    found = wait_for(take)
    assert found is not None
    return found


def first_frames(page: Any, address: str) -> list[bytes]:
    """What is painted before any sheet or script has come, and just after."""
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route(re.compile(r"\.(css|js)$"), hold)
    page.goto(address, wait_until="commit")
    frames = [first_frame(page)]
    page.wait_for_timeout(300)
    frames.append(page.screenshot())
    page.unroute_all(behavior="ignoreErrors")
    return frames


@pytest.mark.parametrize("theme", sorted(GROUNDS))
@pytest.mark.parametrize("path", PAGES)
def test_no_frame_is_bright(served: Program, open_page: OpenPage, theme: str, path: str) -> None:
    page = open_page(f"{served.url}/favicon.ico", theme=theme, width=300, height=200)
    for frame in first_frames(page, f"{served.url}/{path}"):
        found = Counter(pixels(frame))
        assert found.most_common(1)[0][0] == GROUNDS[theme]
        bright = sum(count for pixel, count in found.items() if is_bright(pixel, theme))
        # The sentence of an error needs no sheet: it is there at once.
        assert bright <= (found.total() * 0.05 if path == "nothing-there" else 0)
        assert theme == "dark" or is_only_red(frame)


def test_the_first_frame_by_day_is_light(served: Program, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/favicon.ico", theme="day", width=300, height=200)
    for frame in first_frames(page, served.url):
        assert set(pixels(frame)) == {(242, 243, 245)}


def test_red_is_strict_when_nothing_answers(served: Program, open_page: OpenPage) -> None:
    page = open_page(served.url, theme="red", width=900, height=500)
    wait_text(page.locator(".link-state"), "live")
    served.kill()
    wait_text(page.locator(".not-live-word"), "NOT LIVE")
    page.wait_for_timeout(400)
    assert_red(page)


def test_the_theme_is_chosen_and_kept(served: Program, open_page: OpenPage) -> None:
    page = open_page(served.url, theme="dark")
    theme = "document.documentElement.dataset.theme"
    level = "document.documentElement.dataset.level"
    cycle = (("red", ""), ("red", "2"), ("red", "3"), ("day", ""), ("dark", ""), ("red", ""), ("red", "2"))
    for chosen in cycle:
        page.click("[data-theme-button]")
        assert (page.evaluate(theme), page.evaluate(level)) == chosen
    assert [cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "prjobs_theme"] == ["red2"]
    assert "favicon-red.svg" in page.locator("link[rel=icon]").get_attribute("href")
    page.reload()
    assert (page.evaluate(theme), page.evaluate(level)) == ("red", "2")
    page.context.clear_cookies()
    for scheme, expected in (("light", "day"), ("dark", "dark")):
        page.emulate_media(color_scheme=scheme)
        page.reload()
        assert page.evaluate(theme) == expected


# ---- every width


@pytest.mark.parametrize("width", [360, 390, 768, 1024, 1280, 1920])
def test_nothing_sticks_out(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage, width: int
) -> None:
    long = "Maximiliana Bartholomea von und zu Hohenstein " * 2
    sent = served.new_job(alice, user_name=long, instance="x" * 64, action="y" * 64)
    observatory.fetch()
    page = open_page(served.url, width=width)
    wait_text(page.locator(".work-row"), "picked up")
    for address in ("#/now", "#/jobs", f"#/jobs/{sent['ulid']}"):
        page.goto(f"{served.url}/{address}")
        page.locator("main section:not([hidden])").locator(":text('picked up') >> visible=true").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
    log_in(page, served.url, served.token("staff" * 12, "--role", "admin"))
    for address, there in (("#/send", ".command"), ("#/site", ".card"), ("#/now", ".stop-button")):
        page.goto(f"{served.url}/{address}")
        page.locator(f"{there} >> visible=true").first.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


@pytest.mark.parametrize("zoom", [2, 4])
def test_zoomed_in_nothing_is_lost(served: Program, observatory: Observatory, open_page: OpenPage, zoom: int) -> None:
    """What a browser does at 200 and 400 %: fewer pixels of the page, each larger."""
    admin = served.token("staff", "--role", "admin")
    sent = served.new_job(admin)
    observatory.fetch()
    page = open_page(served.url, width=1280 // zoom, height=1024 // zoom, device_scale_factor=zoom)
    log_in(page, served.url, admin)
    for address in ("#/now", "#/jobs", f"#/jobs/{sent['ulid']}", "#/send", "#/site"):
        page.goto(f"{served.url}/{address}")
        page.locator("main section:not([hidden]) h1").wait_for(state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280 // zoom, address
        stop = page.locator(".stop-button >> visible=true").bounding_box()
        assert stop and stop["x"] >= 0 and stop["x"] + stop["width"] <= 1280 // zoom, address
        assert stop["y"] >= 0 and stop["y"] + stop["height"] <= 1024 // zoom, address


@pytest.mark.parametrize("night", ["2026-09-15", "2026-11-30", "2026-12-31"])
def test_the_longest_name_of_a_night_fits_on_a_narrow_page(served: Program, open_page: OpenPage, night: str) -> None:
    page = open_page(f"{served.url}/#/jobs?night={night}", width=320)
    wait_text(page.locator(".night-name"), night[:4])
    page.evaluate("document.querySelector('.night-tag').hidden = false")
    wait_text(page.locator(".night-name"), "tonight")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_phone_has_large_targets(served: Program, alice: str, open_page: OpenPage) -> None:
    sent = served.new_job(alice)
    page = open_page(served.url, width=390, height=844, has_touch=True, is_mobile=True)
    log_in(page, served.url, alice)
    here = {"#/now": "waiting", "#/jobs": "waiting", f"#/jobs/{sent['ulid']}": "waiting"}
    for address, word in {**here, "#/send": "Expose", "#/site": "Waiting jobs"}.items():
        page.goto(f"{served.url}/{address}")
        page.locator("main section:not([hidden])").locator(f":text('{word}') >> visible=true").first.wait_for()
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, .tabs a, .tool, .jobs tr[data-phase], .work-row")]
                .filter((element) => element.offsetParent && element.getBoundingClientRect().height < 44)
                .map((element) => element.className || element.dataset.part)"""
        )
        assert small == [], address


def test_a_phone_tells_who_is_logged_in_and_logs_out(served: Program, alice: str, open_page: OpenPage) -> None:
    page = open_page(served.url, width=390)
    log_in(page, served.url, alice)
    account = page.locator(".account")
    wait_text(account, "Alice A.")
    page.set_viewport_size({"width": 1280, "height": 800})
    account.wait_for(state="hidden")
    page.set_viewport_size({"width": 390, "height": 844})
    account.get_by_role("button", name="Log out").click()
    account.wait_for(state="hidden")
    page.locator(".strip").get_by_role("link", name="Log in").wait_for()
    assert [cookie for cookie in page.context.cookies() if cookie["name"].startswith("prjobs_login")] == []


def test_a_phone_shows_the_whole_device_at_rest_and_the_end_of_a_very_long_job(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    done, long = (served.new_job(alice, instance=name) for name in ("camera_of_the_wide_field", "camera2"))
    observatory.fetch()
    observatory.report(done["ulid"], "COMPLETE")
    observatory.report(long["ulid"], "EXPOSING", 10**9)
    cut = "(element) => element.scrollWidth > element.clientWidth || element.getBoundingClientRect().right > innerWidth"
    page = open_page(served.url, width=390)
    wait_text(page.locator(".lane-device"), "camera / camera_of_the_wide_field")
    wait_text(page.locator(".work-row"), re.compile(r"until about 20[56]\d-\d\d-\d\d \d\d:\d\d:\d\d"))
    for part in (".lane-device", ".work-left", ".work-about [data-part=since]"):
        assert page.locator(part).evaluate(cut) is False, part
    page.goto(f"{served.url}/#/jobs/{long['ulid']}")
    expected = page.locator(".step-mark[data-next] .step-time")
    wait_text(expected, re.compile(r"20[56]\d-\d\d-\d\d"))
    assert expected.evaluate(cut) is False
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_long_status_breaks_itself_and_no_other_word(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    sent = served.new_job(alice)
    observatory.fetch()
    observatory.report(sent["ulid"], "EXPOSING" * 8)
    page = open_page(f"{served.url}/#/jobs/{sent['ulid']}")
    wait_text(page.locator(".changes"), "EXPOSING")
    lines = """(cells) => cells.map((cell) => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return [cell.textContent, new Set([...range.getClientRects()].map((box) => box.top)).size];
    })"""
    names = page.locator(".changes th, .changes [data-part=queue], .changes [data-part=status]")
    counted = dict(names.evaluate_all(lines))
    assert counted.pop("EXPOSING" * 8) > 1
    assert {"Queue", "primary", "picked up"} <= counted.keys() and {*counted.values()} <= {0, 1}
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


# ---- the wall


def test_a_wall_is_larger_and_never_slows_down(served: Program, observatory: Observatory, open_page: OpenPage) -> None:
    observatory.fetch()
    page = open_page(f"{served.url}/?wall=1", width=1920, height=1080)
    wait_text(page.locator(".link-state"), "live")
    assert float(page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")) > 20
    assert page.evaluate("document.documentElement.scrollWidth") <= 1920
    page.evaluate(
        """() => { Object.defineProperty(document, "hidden", { get: () => true });
        document.dispatchEvent(new Event("visibilitychange")); }"""
    )
    assert_live(page)


@pytest.mark.parametrize("width", [1920, 1280])
def test_a_wall_has_columns_and_the_alarms_come_first(
    served: Here, admin: str, open_page: OpenPage, width: int
) -> None:
    for site in ("saf", "mrc1", "dpo"):
        Observatory(served, site).poll()
    served.new_job(admin, user_id="staff")
    served.after(300)
    page = open_page(f"{served.url}/?wall=1", width=width, height=1080)
    alarm, events = page.locator(".alarm-group").first, page.locator("[data-screen=now] .events")
    wait_text(page.locator(".alarm-group"), "silent")
    panels = page.locator(".site")
    wait_text(panels, "SITE SILENT")
    boxes = [panels.nth(at).bounding_box() for at in range(3)]
    first, last = alarm.bounding_box(), events.bounding_box()
    assert first["x"] + first["width"] <= min(box["x"] for box in boxes)
    assert first["y"] + first["height"] <= last["y"]
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    words = page.locator(".alarm-words >> visible=true").first.bounding_box()
    assert words["width"] > first["width"] / 2
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_paper_has_page_numbers() -> None:
    for sheet in ("night.css", "manual.css"):
        rule = (STATIC / sheet).read_text(encoding="utf-8").partition("@page {")[2]
        assert 'content: counter(page) " / " counter(pages)' in rule.partition("}")[0]
