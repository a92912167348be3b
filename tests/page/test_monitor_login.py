"""The login page before its script is there, and the keyboard's single keys."""

from collections.abc import Callable
from typing import Any

from tests.page.watching import log_in, wait_text, wait_until
from tests.program import Program

OpenPage = Callable[..., Any]


def test_the_form_does_nothing_before_its_script_is_there(served: Program, alice: str, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/favicon.ico")
    held: list[Any] = []
    asked: list[str] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/static/login.js", hold)
    page.goto(f"{served.url}/login", wait_until="commit")
    page.fill("#token", alice)
    # The other files of the page may still be on their way.
    page.on("request", lambda request: None if "/static/" in request.url else asked.append(request.url))
    assert page.locator("[data-part=submit]").is_disabled()
    page.press("#token", "Enter")
    page.locator("[data-part=submit]").click(force=True)
    page.wait_for_timeout(300)
    assert page.url == f"{served.url}/login" and asked == []
    wait_until(page, lambda: held)
    assert page.input_value("#token") == alice
    held[0].continue_()
    page.click("[data-part=submit]")
    page.wait_for_url(f"{served.url}/")


def test_without_a_script_no_token_leaves_the_page(served: Program, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/login", java_script_enabled=False)
    form = page.locator("form")
    assert form.get_attribute("method") == "post"
    assert page.locator("form [name]").count() == 0
    assert page.locator("[data-part=submit]").is_disabled()
    assert "Logging in needs JavaScript." in page.content()


def test_single_keys_can_be_switched_off_and_stay_off(served: Program, alice: str, open_page: OpenPage) -> None:
    page = open_page(served.url)
    log_in(page, served.url, alice)
    page.keyboard.press("?")
    box = page.get_by_label("Single keys act")
    assert box.is_checked()
    box.uncheck()
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="hidden")
    for _ in range(2):
        for key in "jset/?":
            page.keyboard.press(key)
        assert page.evaluate("location.hash") in ("", "#/now")
        assert page.locator("dialog").is_hidden()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.locator("[data-tab=jobs]").get_attribute("aria-keyshortcuts") is None
        page.reload()
        wait_text(page.locator(".link-state"), "live")
    page.click("[data-tab=jobs]")
    page.locator("#filter").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("location.hash") == "#/now"
    page.click("[data-help]")
    page.get_by_label("Single keys act").check()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    assert page.evaluate("location.hash") == "#/jobs"
    assert page.locator("[data-tab=jobs]").get_attribute("aria-keyshortcuts") == "j"
