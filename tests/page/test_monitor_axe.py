"""What axe-core finds on every screen, in every theme, at two widths: nothing serious and nothing critical."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.page.axe import FREED, THEMES
from tests.page.tour import House, tour
from tests.page.watching import Observatory, wait_text
from tests.program import Program

OpenPage = Callable[..., Any]


def test_axe_is_awake(served: Program, open_page: OpenPage, found: Callable[..., list[str]]) -> None:
    page = open_page(f"{served.url}/login", bypass_csp=True)
    page.locator("label").evaluate("label => label.remove()")
    assert any(line.startswith("label:") for line in found(page, "dark"))


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", THEMES)
def test_nothing_grave_on_any_screen(
    house: House, open_page: OpenPage, found: Callable[..., list[str]], theme: str, width: int
) -> None:
    # axe is put into the page, which its policy forbids.
    page = open_page(f"{house.url}/favicon.ico", theme=theme, width=width, bypass_csp=True)
    grave = {name: lines for name in tour(page, house) if (lines := found(page, theme))}
    assert grave == {}


@pytest.mark.parametrize("theme", THEMES)
def test_nothing_grave_in_an_empty_and_an_idle_house(
    served: Program, observatory: Observatory, open_page: OpenPage, found: Callable[..., list[str]], theme: str
) -> None:
    page = open_page(served.url, theme=theme, bypass_csp=True)
    page.locator(".empty").wait_for()
    assert found(page, theme) == []
    observatory.fetch()
    wait_text(page.locator(".state"), "IDLE")
    assert found(page, theme) == []
    served.kill()
    wait_text(page.locator(".not-live-word"), "NOT LIVE")
    assert found(page, theme) == []


@pytest.mark.parametrize("theme", sorted(FREED))
def test_the_dimmer_reds_are_freed_of_contrast_alone(
    house: House, open_page: OpenPage, found: Callable[..., list[str]], theme: str
) -> None:
    page = open_page(house.url, theme=theme, bypass_csp=True)
    wait_text(page.locator(".link-state"), "live")
    assert found(page, theme) == []
