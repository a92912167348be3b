"""The page of weeks in a real browser: its ways in, and each theme on a wide and on a narrow screen."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.page.axe import THEMES
from tests.page.here import Here
from tests.page.png import assert_red
from tests.page.watching import Observatory
from tests.waiting import wait_for


@pytest.fixture
def weeks(served: Here, alice: str, observatory: Observatory) -> Here:
    """A server with a night of jobs that is summed up."""
    observatory.fetch()
    for number in range(4):
        job = served.new_job(alice, action=f"act{number}")["ulid"]
        observatory.fetch()
        observatory.report(job, "FAILED" if number else "COMPLETE")
    # On a slow machine the chore may have summed up a part of the jobs: an hour later it does so again.
    served.after(3700)
    asked = f"{served.url}/api/weeks?site=saf"
    wait_for(lambda: requests.get(asked, timeout=60).json()["total"]["ends"]["failed"] == 3)
    return served


@pytest.mark.parametrize("theme", ["day", "dark", "red"])
@pytest.mark.parametrize("width", [1400, 390])
def test_the_page_of_weeks_fits_the_screen(weeks: Here, open_page: Callable[..., Any], theme: str, width: int) -> None:
    page = open_page(f"{weeks.url}/weeks?site=saf", theme, width)
    assert page.locator("figure svg").count() >= 4
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    failures = page.locator("section", has_text="Failures, by device and reason: 3")
    assert failures.locator("tbody tr").count() == 1
    # The picture of the weeks is for the eyes; the numbers are for those who listen.
    assert failures.locator("tbody td svg").get_attribute("aria-hidden") == "true"
    assert failures.locator("tbody .unseen").inner_text().endswith(", 3")
    assert page.complaints == []
    if theme == "red":
        assert_red(page)


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_grave_on_the_page_of_weeks(
    weeks: Here, open_page: Callable[..., Any], found: Callable[..., list[str]], theme: str
) -> None:
    # axe is put into the page, which its policy forbids.
    for width in (390, 1280):
        page = open_page(f"{weeks.url}/weeks?site=saf", theme=theme, width=width, bypass_csp=True)
        assert found(page, theme) == []


def test_the_weeks_are_reached_from_the_site_and_from_the_night(weeks: Here, open_page: Callable[..., Any]) -> None:
    page = open_page(f"{weeks.url}/#/site/saf")
    link = page.locator("a[data-part=weeks]")
    link.wait_for()
    assert link.get_attribute("href").endswith("/weeks?site=saf")
    page.goto(f"{weeks.url}/night?site=saf")
    page.get_by_role("link", name="Weeks").click()
    page.get_by_role("link", name="← earlier").click()
    page.wait_for_url("**/weeks?site=saf&date=*")
    page.get_by_role("link", name="Tonight").click()
    page.wait_for_url("**/night?site=saf")
