"""A page that is open while prjobs is upgraded."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prjobs.web import pages
from tests.page.here import Here
from tests.page.watching import wait_text

OpenPage = Callable[..., Any]
NOTICE = "[data-upgrade]"
NEW = "html[data-marker=new]"


@pytest.fixture
def upgrade(here: Here, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Serve, and return what puts the next version in its place on the same port."""
    port = int(here.serve().rpartition(":")[2])

    def upgrade() -> None:
        here.kill()
        files = {name: (kind, content.replace(b"<html ", b'<html data-marker="new" ')) for name, (kind, content) in old}
        monkeypatch.setattr(pages, "load_files", lambda: files)
        monkeypatch.setattr("prjobs.web.app.load_files", lambda: files)
        pages.build_name.cache_clear()
        here.serve(port=port)

    old = list(pages.load_files().items())
    yield upgrade
    monkeypatch.undo()
    pages.build_name.cache_clear()


def test_an_old_page_says_so_and_loads_the_new_one_by_a_button(here: Here, upgrade: Any, open_page: OpenPage) -> None:
    page = open_page(here.url)
    wait_text(page.locator(".link-state"), "live")
    assert page.locator(NOTICE).is_hidden()
    upgrade()
    wait_text(page.locator(NOTICE), "prjobs was upgraded")
    assert page.locator(NEW).count() == 0
    page.click(f"{NOTICE} button")
    page.locator(NEW).wait_for(state="attached")
    wait_text(page.locator(".link-state"), "live")
    assert page.locator(NOTICE).is_hidden()


def test_a_wall_display_loads_the_new_page_by_itself(here: Here, upgrade: Any, open_page: OpenPage) -> None:
    page = open_page(f"{here.url}/?wall=1#/now")
    wait_text(page.locator(".link-state"), "live")
    upgrade()
    page.locator(NEW).wait_for(state="attached")
    assert page.url.endswith("/?wall=1#/now")


def test_a_page_loads_itself_once_for_a_build_and_not_while_touched(call: Any) -> None:
    def loads(**more: Any) -> bool:
        asked = {"wall": True, "untouchedMs": 60_000, "build": "b", "triedFor": None, **more}
        return bool(call("upgrade.js", "loadsItself", asked))

    assert loads()
    assert not loads(wall=False)
    assert not loads(untouchedMs=1000)
    assert not loads(triedFor="b")
    assert loads(triedFor="a")
