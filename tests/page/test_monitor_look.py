"""How the monitor looks: strict red, every theme, every width."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.page.png import pixels
from tests.page.watching import Observatory, log_in, wait_text
from tests.program import Program

OpenPage = Callable[..., Any]


# ---- colours
def assert_red(page: Any) -> None:
    colours = set(pixels(page.screenshot()))
    assert max(red for red, _, _ in colours) > 200
    assert [colour for colour in colours if colour[1] or colour[2]] == []


def test_the_decoder_of_the_next_test_sees_colours(served: Program, open_page: OpenPage) -> None:
    page = open_page(served.url, theme="dark", width=400, height=300)
    page.locator(".empty").wait_for()
    colours = set(pixels(page.screenshot()))
    assert (11, 14, 19) in colours
    assert any(green > 200 for _, green, _ in colours)


def test_red_is_strict(served: Program, alice: str, observatory: Observatory, open_page: OpenPage) -> None:
    for number in range(60):
        served.new_job(alice, action=f"act{number}")
    observatory.fetch()
    last = served.new_job(alice)
    page = open_page(served.url, theme="red", width=900, height=500)
    wait_text(page.locator(".work-row"), "picked up")
    assert_red(page)
    page.mouse.move(300, 300)
    page.keyboard.press("?")
    page.locator("dialog >> text=Keys").wait_for()
    assert_red(page)
    page.keyboard.press("Escape")

    page.keyboard.press("j")
    page.locator("table.jobs tbody tr[data-phase]").nth(20).wait_for()
    page.fill("#filter", "colour:red status:waiting")
    page.locator("#filter").select_text()
    wait_text(page.locator("#filter-problem"), "is no filter")
    assert_red(page)
    page.hover(".chip[data-phase=waiting]")
    page.locator(".tip >> visible=true").wait_for()
    assert_red(page)

    page.goto(f"{served.url}/#/jobs/{last['ulid']}")
    page.locator(".job-head h1").wait_for()
    page.keyboard.press("Tab")
    assert_red(page)
    page.goto(f"{served.url}/login#once=wrong")
    wait_text(page.locator(".problem"), "This link does not log in.")
    page.fill("#token", "something")
    assert_red(page)


def test_red_is_strict_where_staff_act(served: Program, observatory: Observatory, open_page: OpenPage) -> None:
    observatory.fetch()
    admin = served.token("staff", "--role", "admin")
    page = open_page(served.url, theme="red", width=900, height=700)
    log_in(page, served.url, admin)
    page.click("text=Stop and make safe")
    page.locator("[data-part=stop]").focus()
    page.keyboard.down(" ")
    page.wait_for_timeout(300)
    assert_red(page)
    page.wait_for_timeout(700)
    page.keyboard.up(" ")
    wait_text(page.locator(".stop-proof"), "STOP sent")
    assert_red(page)
    page.keyboard.press("e")
    page.locator(".command").first.click()
    page.click("summary")
    page.fill(".send-form input >> nth=0", "60")
    page.locator(".send-form input >> nth=0").select_text()
    assert_red(page)
    page.locator(".command").first.hover()
    page.goto(f"{served.url}/#/site")
    wait_text(page.locator(".card"), "asks")
    assert_red(page)
    page.locator("[data-tokens] input").first.fill("x")
    page.click("text=Make a token >> visible=true")
    wait_text(page.locator(".made"), "It is shown this once")
    assert_red(page)
    page.route("**/newjob", lambda route: route.abort())
    page.locator("[data-part=stop]").focus()
    page.keyboard.down(" ")
    wait_text(page.locator(".stop-trouble"), "use the hardware stop")
    page.click("[data-theme-button]")
    assert {green + blue for _, green, blue in pixels(page.screenshot())} == {0}


def test_red_is_strict_when_nothing_answers(served: Program, open_page: OpenPage) -> None:
    page = open_page(served.url, theme="red", width=900, height=500)
    wait_text(page.locator(".link-state"), "live")
    served.kill()
    wait_text(page.locator(".not-live-word"), "NOT LIVE", timeout=20_000)
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


# ---- the wall


def test_a_wall_is_larger_and_never_slows_down(served: Program, observatory: Observatory, open_page: OpenPage) -> None:
    observatory.fetch()
    page = open_page(f"{served.url}/?wall=1", width=1920, height=1080)
    wait_text(page.locator(".link-state"), "live")
    assert float(page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)")) > 20
    assert page.evaluate("document.documentElement.scrollWidth") <= 1920
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate(
        """() => { Object.defineProperty(document, "hidden", { get: () => true });
        document.dispatchEvent(new Event("visibilitychange")); }"""
    )
    page.wait_for_timeout(5000)
    assert any("wait=3" in url for url in asked)
