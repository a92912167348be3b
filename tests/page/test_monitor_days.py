"""Moments of other days: the longest dates, nights, weekdays and times of a job fit on a narrow page."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from tests.page.here import DAY_S, Here
from tests.page.watching import Observatory, log_in

DAY_MS = DAY_S * 1000
# What sticks out of the page, or is cut at its own border; a list that can be scrolled aside is neither.
OUTSIDE = """() => {
    const style = (one) => getComputedStyle(one);
    const scrolls = (one) => one && (["auto", "scroll"].includes(style(one).overflowX) || scrolls(one.parentElement));
    const isCut = (one) => one.scrollWidth > one.clientWidth + 1 && style(one).overflowX !== "visible"
        && style(one).display !== "inline";
    return [...document.querySelectorAll("body *")]
        .filter((one) => one.checkVisibility() && one.textContent.trim())
        .filter((one) => !one.closest("svg") && style(one).clipPath === "none" && !scrolls(one))
        .filter((one) => one.getBoundingClientRect().right > innerWidth + 1 || isCut(one))
        .map((one) => `${one.tagName}.${one.className} ${one.textContent.trim().slice(0, 90)}`);
}"""


@pytest.fixture
def running(served: Here, observatory: Observatory) -> str:
    """A job of a site on the last day of September, twelve days after its jobs began and its program was last there."""
    evening = datetime(2032, 9, 30, 21, 58, 58, tzinfo=UTC).timestamp()
    served.after(evening - 12 * DAY_S - served.clock.now_ms() / 1000)
    alice = served.token("auth0|alice", "--name", "Alice A.")
    sent = [served.new_job(alice, action=f"act{number}")["ulid"] for number in range(3)]
    observatory.fetch()
    observatory.report(sent[0], "EXPOSING", 30 * DAY_S)
    observatory.report(sent[1], "COMPLETE")
    served.new_job(alice, action="waits")
    served.after(12 * DAY_S)
    return str(sent[0])


def fill(here: Here, admin: str) -> None:
    """A lock, reservations and notes that reach into other days."""
    now_ms, headers = here.clock.now_ms(), {"Authorization": f"Bearer {admin}"}
    whose = {"site": "saf", "creator_id": "ann", "creator": "Ann K.", "title": "M31", "force": True}
    for path, body in (
        ("lock", {"site": "saf", "reason": "mirror cleaning", "name": "Ann K.", "until_ms": now_ms + 30 * DAY_MS}),
        ("reservations", whose | {"start_ms": now_ms, "end_ms": now_ms + 25 * DAY_MS}),
        ("reservations", whose | {"start_ms": now_ms + 26 * DAY_MS, "end_ms": now_ms + 28 * DAY_MS}),
        ("notes", {"site": "saf", "text": "the mirror was cleaned"}),
    ):
        answer = requests.post(f"{here.url}/api/{path}", json=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("width", [320, 390])
def test_days_later_nothing_sticks_out(served: Here, running: str, open_page: Callable[..., Any], width: int) -> None:
    admin = served.token("staff", "--role", "admin", "--name", "Staff S.")
    fill(served, admin)
    page = open_page(served.url, width=width, timezone_id="Pacific/Chatham")
    log_in(page, served.url, admin)
    found = []
    for address, shown in (
        ("#/now", "09-18 21:58"),
        ("#/jobs", "30 Sep"),
        ("#/jobs?q=age%3A%3C30d", "2032-09-18"),
        (f"#/jobs/{running}", "2032-10-18"),
        ("#/site", "2032-10-25"),
        ("night?site=saf&date=2032-09-18", "18/19 Sep 2032"),
        ("night?site=saf", "30 Sep/1 Oct 2032"),
        ("weeks?site=saf", "Sep"),
    ):
        page.goto(f"{served.url}/{address}")
        page.locator(f"body :text('{shown}') >> visible=true").first.wait_for()
        found += [f"{address} {one}" for one in page.evaluate(OUTSIDE)]
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, (
            address
        )
    assert "\n".join(found) == ""
