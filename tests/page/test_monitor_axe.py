"""What axe-core finds on every screen, in every theme, at two widths: nothing serious and nothing critical."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.page.tour import House, tour
from tests.page.watching import Observatory, wait_text
from tests.program import Program

OpenPage = Callable[..., Any]
GRAVE = ("serious", "critical")
# The dimmer levels of red are for eyes that are used to the dark, and no dim red reaches a contrast of 4.5 on black.
# Only they are freed of that one rule; at its full brightness the red theme keeps it.
FREED = {"red2": {"color-contrast"}, "red3": {"color-contrast"}}
THEMES = ("day", "dark", "red")


@pytest.fixture
def found(browser: Any) -> Callable[..., list[str]]:
    """`found(page, theme)`: what is grave, one line for each rule and element."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def found(page: Any, theme: str) -> list[str]:
        violations = axe.run(page).response["violations"]
        grave = [one for one in violations if one["impact"] in GRAVE and one["id"] not in FREED.get(theme, set())]
        return [
            f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for one in grave
            for node in one["nodes"]
        ]

    return found


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
    page.wait_for_timeout(400)
    assert found(page, theme) == []


@pytest.mark.parametrize("theme", sorted(FREED))
def test_the_dimmer_reds_are_freed_of_contrast_alone(
    house: House, open_page: OpenPage, found: Callable[..., list[str]], theme: str
) -> None:
    page = open_page(house.url, theme=theme, bypass_csp=True)
    wait_text(page.locator(".link-state"), "live")
    assert found(page, theme) == []
