"""A night of 100,000 jobs: the list of it stays light however far one scrolls."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.page.here import Here
from tests.page.long_night import fill_night, last_night
from tests.page.watching import wait_text, wait_until

OpenPage = Callable[..., Any]
JOBS = 100_000
PAGE = 1000
FURTHER = 6
MOST_ROWS = 80
# What stands in the rows, and whether they fill the middle of the view.
LOOK = """() => {
    const rows = [...document.querySelectorAll("table.jobs tbody tr[data-phase]")];
    const middle = document.elementFromPoint(innerWidth / 2, innerHeight / 2);
    return { filled: rows.includes(middle?.closest("tr")), elements: document.querySelectorAll("*").length,
             rows: rows.map((row) => [Number(row.getAttribute("aria-rowindex")),
                                      row.querySelector("[data-part=label]").textContent]) };
}"""


@pytest.fixture
def night(here: Here) -> str:
    """The name of a night with 100,000 jobs."""
    here.serve()
    here.kill()
    name, evening_ms = last_night()
    fill_night(here.data / "prjobs.sqlite3", JOBS, evening_ms)
    here.serve()
    return name


def assert_right(page: Any) -> list[tuple[int, str]]:
    """Every row that exists is the right job at the right place, the view is full of them, and they are few."""
    seen = page.evaluate(LOOK)
    assert seen["filled"]
    assert 10 < len(seen["rows"]) < MOST_ROWS
    # The heading is row 1, the newest job row 2.
    for at, label in seen["rows"]:
        assert label.endswith(f" act{JOBS - 1 - (at - 2)}")
    return seen["rows"]


def loaded(page: Any) -> int:
    return int(re.match(r"\d+", page.locator("[data-screen=jobs] .foot").inner_text())[0])


def until(page: Any, true: str) -> None:
    """Until it is so and drawn; the page's policy forbids playwright's own waiting."""
    wait_until(page, lambda: page.evaluate(true))
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")


def test_a_night_of_100_000_jobs_is_scrolled_by_wheel_and_keys(here: Here, night: str, open_page: OpenPage) -> None:
    page = open_page(f"{here.url}/#/jobs?night={night}", timezone_id="UTC")
    wait_text(page.locator("[data-screen=jobs] .foot"), re.compile(rf"^{PAGE} newest shown"))
    wait_text(page.locator(".chip[data-phase=done]"), str(JOBS))
    assert_right(page)
    elements = page.evaluate(LOOK)["elements"]

    page.mouse.move(640, 500)
    while loaded(page) < FURTHER * PAGE:
        before = page.evaluate("scrollY")
        page.mouse.wheel(0, 15_000)
        until(page, f"scrollY > {before}")
        assert_right(page)

    oldest = loaded(page) + 1
    page.keyboard.press("End")
    until(page, f"Boolean(document.querySelector('[aria-rowindex=\"{oldest}\"]'))")
    assert_right(page)
    assert page.evaluate(LOOK)["elements"] < elements + 20 * MOST_ROWS
    row = page.locator(f"tr[aria-rowindex='{oldest}']")
    assert row.locator("[data-part=waited]").inner_text() == "3.0 s"
    assert row.locator("[data-part=took]").inner_text() == "1:01"

    page.keyboard.press("Home")
    until(page, "scrollY === 0")
    assert assert_right(page)[0][0] == 2
    assert page.complaints == []
