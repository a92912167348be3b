"""The list of jobs in a real browser: filtered, walked by keys, still under the pointer, with how long each took."""

import html
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.page.here import Here
from tests.page.watching import Observatory, wait_change, wait_text, wait_until
from tests.program import Program

OpenPage = Callable[..., Any]
IS_WHOLE = "(element) => element.scrollWidth <= element.clientWidth && element.scrollHeight <= element.clientHeight + 1"
NOTHING = "\N{EN DASH}"
# Where the page stands once it stands still; nowhere while it still moves.
SCROLLED = """async () => {
    const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
    await frame();
    const at = scrollY;
    for (const _ of Array(3)) await frame();
    return scrollY === at ? at : -1;
}"""


def test_how_long_jobs_waited_and_took(served: Here, alice: str, observatory: Observatory, open_page: OpenPage) -> None:
    sent = served.new_job(alice)
    page = open_page(f"{served.url}/#/jobs")
    row = page.locator("table.jobs tbody tr[data-phase]").first
    waited, took = row.locator("[data-part=waited]"), row.locator("[data-part=took]")
    wait_text(waited, re.compile(r"^\d+ s…$"))
    wait_change(waited)
    assert took.inner_text() == NOTHING
    served.after(1000)
    observatory.fetch()
    wait_text(waited, re.compile(r"^1[67]:\d\d$"))
    before = waited.inner_text()
    assert took.inner_text() == NOTHING

    observatory.report(sent["ulid"], "STARTED")
    wait_text(took, re.compile(r"^\d+ s…$"))
    served.after(3000)
    observatory.report(sent["ulid"], "EXPOSING", 60)
    wait_text(took, re.compile(r"^5\d:\d\d…$"))
    observatory.report(sent["ulid"], "COMPLETE")
    wait_text(took, re.compile(r"^5\d:\d\d$"))
    assert waited.inner_text() == before
    assert page.complaints == []


def test_who_says_nothing_of_the_end_took_nothing(
    served: Here, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    served.new_job(alice)
    served.after(1000)
    observatory.fetch()
    served.after(3000)
    page = open_page(f"{served.url}/#/jobs")
    row = page.locator("table.jobs tbody tr[data-phase=picked_up]")
    wait_text(row.locator("[data-part=waited]"), re.compile(r"^1[67]:\d\d$"))
    assert row.locator("[data-part=took]").inner_text() == NOTHING


def test_names_from_right_to_left_stay_on_their_side(served: Here, alice: str, open_page: OpenPage) -> None:
    served.new_job(alice, device="\N{HEBREW LETTER ALEF}" * 6, instance="\N{HEBREW LETTER BET}" * 6)
    page = open_page(f"{served.url}/#/jobs")
    left = page.locator("td [data-part=device]").evaluate(
        """(element) => ["\\u05d0", "/", "\\u05d1"].map((letter) => {
            const range = document.createRange();
            const at = element.textContent.indexOf(letter);
            range.setStart(element.firstChild, at);
            range.setEnd(element.firstChild, at + 1);
            return range.getBoundingClientRect().left;
        })"""
    )
    assert left == sorted(left)


def test_jobs_are_listed_filtered_and_opened_by_the_keyboard(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    for number in range(5):
        served.new_job(alice, device="mount" if number % 2 else "camera", optional_params={"object_name": f"M{number}"})
    page = open_page(served.url)
    page.keyboard.press("j")
    rows = page.locator("table.jobs tbody tr[data-phase]")
    rows.nth(4).wait_for()
    wait_text(page.locator(".chip[data-phase=waiting]"), "5")

    page.keyboard.press("/")
    page.keyboard.type('device:camera "M2"')
    # Typed slowly, the filter without its last letter is one too.
    wait_until(page, lambda: page.evaluate("location.hash") == "#/jobs?q=device%3Acamera+%22M2%22")
    wait_text(page.locator(".foot >> visible=true"), re.compile("^1 job$"))

    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.locator(".job-head h1").wait_for()
    assert page.evaluate("document.activeElement.id") == "job-title"
    page.keyboard.press("Escape")
    rows.first.wait_for()
    assert page.evaluate("'row' in document.activeElement.dataset")
    assert page.locator("#filter").input_value() == 'device:camera "M2"'
    assert rows.count() == 1
    assert page.complaints == []


def test_the_way_back_to_the_jobs_keeps_the_filter(served: Program, alice: str, open_page: OpenPage) -> None:
    sent = served.new_job(alice)
    page = open_page(f"{served.url}/#/jobs?q=device%3Acamera")
    page.locator("table.jobs tbody tr[data-phase]").first.wait_for()
    page.keyboard.press("n")
    page.locator(".work-row").click()
    wait_text(page.locator(".back"), "Now")
    assert page.evaluate("location.hash") == f"#/jobs/{sent['ulid']}"
    page.keyboard.press("j")
    page.locator("table.jobs tbody tr[data-phase]").first.wait_for()
    assert page.evaluate("location.hash") == "#/jobs?q=device%3Acamera"


def test_a_chip_filters_and_its_rows_leave_when_they_change(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    served.new_job(alice)
    page = open_page(f"{served.url}/#/jobs")
    rows = page.locator("table.jobs tbody tr[data-phase]")
    rows.first.wait_for()
    page.click(".chip[data-phase=waiting]")
    assert "status%3Awaiting" in page.evaluate("location.hash")
    page.mouse.move(5, 5)
    served.new_job(alice)
    rows.nth(1).wait_for()
    observatory.fetch()
    wait_text(page.locator(".foot >> visible=true"), "No job here fits the filter")
    wait_text(page.locator(".chip[data-phase=picked_up]"), "2")


def test_new_rows_never_move_the_row_under_the_pointer(served: Program, alice: str, open_page: OpenPage) -> None:
    for number in range(3):
        served.new_job(alice, action=f"act{number}")
    page = open_page(f"{served.url}/#/jobs")
    rows = page.locator("table.jobs tbody tr[data-phase]")
    rows.nth(2).wait_for()
    rows.nth(1).hover()
    label = rows.nth(1).locator(".c-label")
    before = rows.nth(1).bounding_box(), label.inner_text()
    served.new_job(alice, action="late1")
    served.new_job(alice, action="late2")
    wait_text(page.locator("[data-screen=jobs] .fresh"), "2 new ↑")
    assert (rows.nth(1).bounding_box(), label.inner_text()) == before
    # Nor does the button go away under the pointer that is about to take it.
    page.hover("[data-screen=jobs] .fresh")
    served.new_job(alice, action="late3")
    wait_text(page.locator("[data-screen=jobs] .fresh"), "3 new ↑")
    page.click("[data-screen=jobs] .fresh")
    wait_text(rows.first, "late3")
    assert page.locator("[data-screen=jobs] .fresh").is_hidden()
    assert rows.count() == 6


def test_a_long_night_needs_few_rows(served: Program, alice: str, open_page: OpenPage) -> None:
    for number in range(150):
        served.new_job(alice, action=f"act{number}")
    page = open_page(f"{served.url}/#/jobs")
    rows = page.locator("table.jobs tbody tr[data-phase]")
    wait_text(page.locator(".foot"), "150 jobs")
    assert rows.count() < 60
    assert page.locator("table.jobs").get_attribute("aria-rowcount") == "151"
    page.keyboard.press("End")
    wait_text(rows.last, "act0")
    assert rows.last.get_attribute("aria-rowindex") == "151"
    served.new_job(alice, action="meanwhile")
    wait_text(page.locator("[data-screen=jobs] .fresh"), "1 new ↑")
    page.keyboard.press("Home")
    wait_text(rows.first, "meanwhile")


def test_another_night_is_empty_and_in_the_address(served: Program, alice: str, open_page: OpenPage) -> None:
    served.new_job(alice)
    page = open_page(f"{served.url}/#/jobs")
    page.locator("table.jobs tbody tr[data-phase]").first.wait_for()
    page.click("[data-part=earlier]")
    wait_text(page.locator(".foot >> visible=true"), "No jobs in this night")
    assert re.search(r"#/jobs\?night=\d{4}-\d\d-\d\d$", page.evaluate("location.hash"))
    page.click("[data-part=later]")
    page.locator("table.jobs tbody tr[data-phase]").first.wait_for()
    assert page.evaluate("location.hash") == "#/jobs"


# ---- lists by age


def test_a_list_by_age_ages_before_one_s_eyes(served: Here, alice: str, open_page: OpenPage) -> None:
    served.new_job(alice, action="first")
    page = open_page(f"{served.url}/#/jobs?q=age%3A%3C2h")
    rows, waiting = page.locator("table.jobs tbody tr[data-phase]"), page.locator(".chip [data-part=count]").first
    wait_text(rows, "first")
    served.after(3 * 3600)
    served.new_job(alice, action="second")
    wait_text(rows, "second")
    page.locator("table.jobs tbody tr", has_text="first").wait_for(state="detached")
    assert waiting.inner_text() == "1"

    page.goto(f"{served.url}/#/jobs?q=age%3A%3E10min+status%3Awaiting+action%3Asecond")
    wait_text(page.locator("[data-screen=jobs] .foot"), "No job here fits the filter.")
    served.after(11 * 60)
    wait_text(rows, "second")
    assert waiting.inner_text() == "1"


def test_jobs_that_come_of_age_do_not_move_the_reader(served: Here, alice: str, open_page: OpenPage) -> None:
    for number in range(60):
        served.new_job(alice, action=f"old{number}")
    served.after(20 * 60)
    page = open_page(f"{served.url}/#/jobs?q=age%3A%3E10min", height=600)
    rows = page.locator("table.jobs tbody tr[data-phase]")
    wait_text(rows, "old59")
    for number in range(3):
        served.new_job(alice, action=f"new{number}")
    page.mouse.move(640, 400)
    page.mouse.wheel(0, 900)
    wait_until(page, lambda: page.evaluate(SCROLLED) > 500)
    # An alarm above the list may come meanwhile: the row stays where it is on the screen, but for parts of a pixel.
    row = "document.elementFromPoint(640, 400).closest('tr')"
    look = f"[{row}.getBoundingClientRect().top, {row}.querySelector('[data-part=label]').innerText]"
    before = page.evaluate(look)
    served.after(11 * 60)
    wait_text(page.locator("[data-screen=jobs] .fresh"), "3 new ↑")
    top, label = page.evaluate(look)
    assert label == before[1] and abs(top - before[0]) < 1
    page.click("[data-screen=jobs] .fresh")
    wait_text(rows.first, "new2")


# ---- while another screen is shown


def test_a_filter_half_typed_does_not_pull_back(served: Here, alice: str, open_page: OpenPage) -> None:
    served.new_job(alice)
    page = open_page(f"{served.url}/#/jobs")
    page.locator("table.jobs tbody tr[data-phase]").first.wait_for()
    # No time passes in between: a filter that rests for a moment is taken.
    page.evaluate(
        """() => {
            const filter = document.querySelector("#filter");
            filter.value = "M31";
            filter.dispatchEvent(new Event("input"));
            document.querySelector("[data-tab=now]").click();
        }"""
    )
    page.wait_for_timeout(600)
    assert page.evaluate("location.hash") == "#/now"
    page.keyboard.press("j")
    assert page.locator("#filter").input_value() == ""


def test_the_hidden_list_asks_nothing_and_is_made_up_for(served: Here, alice: str, open_page: OpenPage) -> None:
    served.new_job(alice, action="first")
    page = open_page(f"{served.url}/#/jobs?q=user%3Aalice")
    rows = page.locator("table.jobs tbody tr[data-phase]")
    wait_text(rows, "first")
    page.keyboard.press("n")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/jobs?" in request.url else None)
    for number in range(3):
        served.new_job(alice, action=f"later{number}")
        page.wait_for_timeout(1200)
    wait_text(page.locator(".event").first, "later2")
    assert asked == []
    page.keyboard.press("j")
    wait_text(rows.first, "later2")
    assert rows.count() == 4
    assert len(asked) == 1


def test_a_list_that_cannot_be_asked_for_again_says_so(served: Here, alice: str, open_page: OpenPage) -> None:
    served.new_job(alice, action="first")
    page = open_page(f"{served.url}/#/jobs?q=user%3Aalice")
    rows, foot = page.locator("table.jobs tbody tr[data-phase]"), page.locator("[data-screen=jobs] .foot")
    wait_text(rows, "first")
    page.route("**/api/jobs?*", lambda route: route.abort())
    served.new_job(alice, action="second")
    wait_text(foot, re.compile("^1 job · The newest could not be asked for. The server cannot be reached.$"))
    wait_text(page.locator(".link-state"), "live")
    page.unroute("**/api/jobs?*")
    wait_text(foot, re.compile("^2 jobs$"))
    assert ["second" in rows.first.inner_text(), rows.count()] == [True, 2]


def test_a_job_that_a_stop_ended_says_so_on_every_screen(
    served: Here, observatory: Observatory, page: Any, open_page: OpenPage
) -> None:
    ulid = served.new_job(served.token("auth0|alice"))["ulid"]
    observatory.fetch()
    observatory.report(ulid, "EXPOSING", 600)
    page.goto(f"{served.url}/#/jobs")
    row = page.locator("tr", has=page.locator(f'a[href="#/jobs/{ulid}"]'))
    wait_text(row, "EXPOSING")
    other = open_page(f"{served.url}/#/jobs/{ulid}")
    wait_text(other.locator(".job-head"), "EXPOSING")
    served.after(3)
    served.new_job(served.token("kim", "--name", "Kim"), device="all", action="stop", user_id="kim", user_name="Kim")
    observatory.fetch()
    note = re.compile(r"stopped by Kim's stop, \d\d:\d\d:\d\d UTC")
    wait_text(row.locator(".c-note"), note)
    wait_text(other.locator(".job-note"), note)
    wait_text(row, "EXPOSING")
    page.goto(f"{served.url}/#/now")
    wait_text(page.locator(".work-row", has_text="EXPOSING").locator(".work-about"), note)
    night = page.context.request.get(f"{served.url}/night?site=saf").text()
    assert note.search(html.unescape(night))


@pytest.mark.parametrize("width", [1280, 390])
def test_a_search_over_nights_shows_dates(served: Here, alice: str, open_page: OpenPage, width: int) -> None:
    served.new_job(alice)
    served.after(3 * 86_400)
    served.new_job(served.token())
    page = open_page(f"{served.url}/#/jobs?q=age%3A%3C7d", width=width)
    rows = page.locator("table.jobs tbody tr[data-phase]")
    rows.nth(1).wait_for()
    dated = [rows.nth(at).locator("[data-part=sent]").inner_text() for at in range(2)]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text) for text in dated)
    days = [datetime.fromisoformat(text).date() for text in dated]
    assert (days[0] - days[1]).days in (2, 3, 4)
    assert page.locator(".c-sent >> visible=true").last.evaluate(IS_WHOLE)
    page.goto(f"{served.url}/#/jobs")
    wait_text(rows.locator("[data-part=sent]"), re.compile(r"^\d\d:\d\d:\d\d$"))


@pytest.mark.parametrize("width", [1280, 390])
def test_names_of_filters_and_devices_are_not_cut(served: Here, alice: str, open_page: OpenPage, width: int) -> None:
    params = {"required_params": {"time": "120"}, "optional_params": {"count": "10", "filter": "Halpha-7nm-Baader"}}
    served.new_job(alice, device="camera", instance="QHY600M-kepler-1", action="expose", **params)
    page = open_page(f"{served.url}/#/jobs", width=width)
    row = page.locator("table.jobs tbody tr[data-phase]")
    wait_text(row, "Expose 120 s ×10 in Halpha-7nm-Baader")  # noqa: RUF001
    for part in ("lines", "device"):
        assert row.locator(f"[data-part={part}]").evaluate(IS_WHOLE), part
    chips = page.locator("[data-screen=jobs] .chip >> visible=true")
    for at in range(chips.count()):
        box = chips.nth(at).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
