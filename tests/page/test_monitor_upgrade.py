"""A page that is open while prjobs is upgraded."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from prjobs.version import VERSION
from prjobs.web import pages
from tests.page.here import Here
from tests.page.watching import log_in, wait_text

OpenPage = Callable[..., Any]
NOTICE = "[data-upgrade]"
NEW = "html[data-marker=new]"


@pytest.fixture
def upgrade(here: Here, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Serve, and return what puts the next version in its place on the same port; `away()` is called in between."""
    port = int(here.serve().rpartition(":")[2])

    def upgrade(away: Callable[[], object] = lambda: None) -> None:
        here.kill()
        away()
        files = {name: (kind, content.replace(b"<html ", b'<html data-marker="new" ')) for name, (kind, content) in old}
        monkeypatch.setattr(pages, "load_files", lambda: files)
        pages.build_name.cache_clear()
        here.serve(port=port)

    old = list(pages.load_files().items())
    yield upgrade
    monkeypatch.undo()
    pages.build_name.cache_clear()


def pass_time(page: Any) -> None:
    """Let the time pass after which nobody touches a wall display any more."""
    page.clock.fast_forward(25_000)
    # The page looks once a second.
    page.wait_for_timeout(1500)


def test_an_old_page_says_so_and_loads_the_new_one_by_a_button(here: Here, upgrade: Any, open_page: OpenPage) -> None:
    page = open_page(here.url)
    wait_text(page.locator(".link-state"), "live")
    assert page.locator(NOTICE).is_hidden()
    upgrade()
    wait_text(page.locator(NOTICE), f"of another version than the server, which is prjobs {VERSION}")
    assert page.locator(NEW).count() == 0
    page.click(f"{NOTICE} button")
    page.locator(NEW).wait_for(state="attached")
    wait_text(page.locator(".link-state"), "live")
    assert page.locator(NOTICE).is_hidden()


def test_a_wall_display_loads_the_new_page_by_itself_after_a_server_that_was_away(
    here: Here, upgrade: Any, open_page: OpenPage
) -> None:
    page = open_page(here.url)
    page.clock.install()
    page.goto(f"{here.url}/?wall=1#/now")
    wait_text(page.locator(".link-state"), "live")

    def away() -> None:
        page.clock.fast_forward(25_000)
        page.locator(".not-live-word").wait_for()
        assert page.url.endswith("/?wall=1#/now")

    upgrade(away)
    page.locator(NEW).wait_for(state="attached")
    assert page.url.endswith("/?wall=1#/now")
    wait_text(page.locator(".link-state"), "live")


def test_a_page_that_got_its_first_answer_from_the_newer_server_is_old_all_the_same(
    here: Here, upgrade: Any, open_page: OpenPage
) -> None:
    page = open_page(here.url)
    old = requests.get(here.url, timeout=30).content
    assert re.search(rb'<meta name="prjobs-build" content="([0-9a-f]{12})">', old)
    upgrade()
    page.route(here.url + "/", lambda route: route.fulfill(body=old, content_type="text/html"))
    page.reload()
    wait_text(page.locator(NOTICE), "of another version")


def test_what_is_half_typed_is_not_thrown_away(here: Here, upgrade: Any, open_page: OpenPage) -> None:
    page = open_page(here.url)
    page.clock.install()
    log_in(page, here.url, here.token("staff", "--role", "admin"))
    page.goto(f"{here.url}/?wall=1#/send")
    field = page.locator('[data-screen="send"] [data-part="search"]')
    field.fill("expo")
    upgrade()
    wait_text(page.locator(NOTICE), "lose what is typed here")
    pass_time(page)
    assert page.locator(NEW).count() == 0 and field.input_value() == "expo"
    field.fill("")
    pass_time(page)
    page.locator(NEW).wait_for(state="attached")


def test_a_proxy_that_keeps_the_old_page_makes_no_loop(here: Here, upgrade: Any, open_page: OpenPage) -> None:
    page = open_page(here.url)
    page.clock.install()
    page.goto(f"{here.url}/?wall=1#/now")
    wait_text(page.locator(".link-state"), "live")
    old, asked = requests.get(f"{here.url}/?wall=1", timeout=30).content, []

    def give(route: Any) -> None:
        asked.append(route.request.resource_type)
        route.fulfill(body=old, content_type="text/html")

    page.route(f"{here.url}/?wall=1", give)
    upgrade()
    wait_text(page.locator(NOTICE), "of another version")
    with page.expect_navigation():
        pass_time(page)
    for _ in range(2):
        wait_text(page.locator(NOTICE), "of another version")
        pass_time(page)
    assert asked == ["fetch", "document"]


def test_the_page_says_the_version(here: Here, open_page: OpenPage) -> None:
    page = open_page(here.serve())
    wait_text(page.locator(".link-state"), "live")
    page.keyboard.press("?")
    assert page.locator("[data-version]").inner_text() == f"The server is prjobs {VERSION}."


def test_a_page_loads_itself_once_for_a_build_and_not_while_touched(call: Any) -> None:
    hour_ms = 3_600_000

    def loads(**more: Any) -> bool:
        asked = {
            "wall": True,
            "untouchedMs": 60_000,
            "typed": False,
            "build": "b",
            "tried": {},
            "nowMs": hour_ms,
            **more,
        }
        return bool(call("upgrade.js", "loadsItself", asked))

    assert loads()
    assert not loads(wall=False)
    assert not loads(untouchedMs=1000)
    assert not loads(typed=True)
    assert not loads(tried={"b": hour_ms - 1000})
    # Two versions in turn behind one address are no loop either; a version that comes again after an hour is loaded.
    assert not loads(tried={"a": hour_ms - 1000, "b": 1000})
    assert loads(tried={"a": hour_ms - 1000})
    assert loads(tried={"b": 0})
    # Where the browser keeps nothing, loading anew would never end.
    assert not loads(tried=None)
