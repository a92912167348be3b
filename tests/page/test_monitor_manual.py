"""The manual in a browser: every page at every width, by keyboard, without scripts, on paper."""

from collections.abc import Callable
from typing import Any

import pytest

from prjobs.web.manual import pages
from tests.page.here import Here
from tests.page.png import is_only_red, pixels
from tests.page.watching import wait_text, wait_until
from tests.program import Program

OpenPage = Callable[..., Any]


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_sticks_out_of_any_page(served: Program, open_page: OpenPage, width: int) -> None:
    page = open_page(f"{served.url}/favicon.ico", width=width)
    for one in pages().values():
        page.goto(f"{served.url}{one.address}")
        page.locator("h1").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, one.name
    assert page.complaints == []


def test_a_phone_has_large_targets(served: Program, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/manual/operate", width=390, height=844, has_touch=True, is_mobile=True)
    page.locator(".contents summary").click()
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, input, summary, .contents a, .pages > ol > li > a, .around a")]
            .filter((element) => element.offsetParent && element.getBoundingClientRect().height < 44)
            .map((element) => element.textContent)"""
    )
    assert small == []


def test_a_heading_that_was_asked_for_is_not_under_the_strip(served: Program, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/manual/operate", height=500)
    page.locator(".pages").get_by_role("link", name="Backups").click()
    heading = page.get_by_role("heading", name="Backups", exact=True)
    strip = page.locator(".strip").bounding_box()
    assert wait_until(page, lambda: strip["y"] + strip["height"] <= heading.bounding_box()["y"] < 500)


def test_the_search_by_keyboard(served: Program, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/manual")
    for _ in range(5):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("redeliver")
    page.keyboard.press("Enter")
    wait_text(page.locator("h1"), "Search: redeliver")
    page.get_by_role("link", name="Operate: Hand out unconfirmed jobs once more").click()
    wait_text(page.locator("h1"), "Operate")
    assert page.url.endswith("/manual/operate#hand-out-unconfirmed-jobs-once-more")


def test_the_skip_link_leads_to_the_text(served: Program, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/manual/install")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_theme_is_changed_and_kept(served: Program, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/manual", theme="dark")
    page.get_by_role("button", name="Theme: dark").click()
    page.goto(f"{served.url}/manual/secure")
    assert page.evaluate("document.documentElement.dataset.theme") == "red"


@pytest.mark.parametrize("theme", ["red", "red2", "red3"])
def test_it_needs_no_script(served: Program, open_page: OpenPage, theme: str) -> None:
    page = open_page(f"{served.url}/manual", theme=theme, java_script_enabled=False)
    page.get_by_label("Search the manual").fill("backup")
    page.get_by_role("button", name="Search").click()
    page.locator("mark").first.wait_for()
    assert page.locator("[data-theme-button]").is_hidden()
    assert is_only_red(page.screenshot())
    page.locator(".pages").get_by_role("link", name="How it works").click()
    page.get_by_role("heading", name="One process").wait_for()
    assert is_only_red(page.screenshot(full_page=True))


def test_paper_is_white_whatever_the_screen_wears(served: Program, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/manual/operate", theme="red", width=800)
    page.emulate_media(media="print")
    colours = list(pixels(page.screenshot()))
    assert colours.count((255, 255, 255)) > len(colours) * 0.8
    assert page.locator(".strip").is_hidden() and page.locator(".pages").is_hidden()


def test_the_monitor_and_the_login_lead_to_it(served: Program, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/login")
    page.get_by_role("link", name="The manual").click()
    page.get_by_role("heading", name="The login link does not work").wait_for()
    page.goto(served.url)
    page.locator(".empty").wait_for()
    page.keyboard.press("?")
    page.locator("dialog[open]").get_by_role("link", name="the manual").click()
    wait_text(page.locator("h1"), "Manual")
    assert page.url == f"{served.url}/manual"


def test_the_link_of_a_refusal_is_red_too(here: Here, open_page: OpenPage) -> None:
    here.serve(observatory_access="token")
    page = open_page(f"{here.url}/night", theme="red", width=500, height=300)
    page.get_by_role("link", name="In the manual").focus()
    page.keyboard.press("Shift")
    assert is_only_red(page.screenshot())
