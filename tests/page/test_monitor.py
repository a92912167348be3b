"""The monitor in a real browser, against the real program: jobs move through their states before one's eyes."""

import re
from collections.abc import Callable
from typing import Any

from tests.page.watching import Observatory, log_in, state_word, wait_text
from tests.program import Program

OpenPage = Callable[..., Any]


# ---- a job's life


def test_a_job_moves_through_its_states_without_a_reload(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    wait_text(page.locator(".empty"), "No site yet")
    page.evaluate("window.sameDocument = true")

    sent = served.new_job(alice)
    row = page.locator(".work-row")
    wait_text(row, "waiting")
    wait_text(row, "Alice A.")

    observatory.fetch()
    wait_text(row, "picked up")
    assert "running" not in row.inner_text().lower()
    wait_text(state_word(page), "BUSY")
    wait_text(page.locator(".site-asked"), re.compile("asked (just now|[0-9] s ago)"))

    observatory.report(sent["ulid"], "STARTED")
    wait_text(row, "STARTED")
    wait_text(row, "no estimate")

    observatory.report(sent["ulid"], "EXPOSING", 40)
    wait_text(row, "EXPOSING")
    wait_text(row, "0:38 left")
    wait_text(row, "0:36 left")
    assert 1 <= int(row.locator(".meter").get_attribute("aria-valuenow")) <= 20

    observatory.report(sent["ulid"], "COMPLETE")
    row.wait_for(state="detached")
    wait_text(state_word(page), "IDLE")
    wait_text(page.locator(".event").first, "COMPLETE")
    assert page.evaluate("window.sameDocument") is True
    assert page.complaints == []


def test_a_job_under_the_pointer_stays_where_it_is(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    first, second = served.new_job(alice), served.new_job(alice, action="second")
    observatory.fetch()
    page = open_page(served.url)
    rows = page.locator(".work-row")
    rows.nth(1).hover()
    observatory.report(first["ulid"], "COMPLETE")
    wait_text(rows.first, "COMPLETE")
    assert rows.count() == 2
    page.mouse.move(5, 5)
    rows.nth(1).wait_for(state="detached")
    assert second["action"] in rows.first.inner_text()


def test_the_timeline_of_a_job(served: Program, alice: str, observatory: Observatory, open_page: OpenPage) -> None:
    sent = served.new_job(alice)
    page = open_page(f"{served.url}/#/jobs/{sent['ulid']}")
    wait_text(page.locator(".step-mark"), "sent")
    assert "auth0|alice" in page.locator(".facts").inner_text()
    assert '"image_type": "light"' in page.locator(".json").first.inner_text()

    observatory.fetch()
    wait_text(page.locator(".step-mark"), "picked up")
    observatory.report(sent["ulid"], "EXPOSING", 90)
    wait_text(page.locator(".step-mark"), "expected")
    wait_text(page.locator(".step-mark").last, re.compile(r"1:2\d left"))
    observatory.report(sent["ulid"], "FAILED")
    wait_text(page.locator(".step-mark"), "FAILED")

    marks = page.locator(".step-word").all_inner_texts()
    assert marks == ["sent", "picked up", "EXPOSING", "FAILED"]
    assert all(re.fullmatch(r"[\d.:]+( s)?", gap) for gap in page.locator(".step-gap").all_inner_texts()[1:])
    changes = page.locator(".changes tbody tr")
    assert changes.count() == 4
    assert "auth0|alice" in changes.first.inner_text()
    assert "hand-out" in changes.nth(1).inner_text()


def test_two_polls_at_once_are_maybe_a_flush(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    sent = served.new_job(alice)
    observatory.fetch()
    observatory.fetch()
    page = open_page(f"{served.url}/#/jobs/{sent['ulid']}")
    wait_text(page.locator(".cautions"), "Maybe flushed")
    wait_text(page.locator(".cautions"), "may never have been carried out")


def test_the_alternate_queue_is_shown_when_it_goes_its_own_way(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    sent = served.new_job(alice)
    page = open_page(f"{served.url}/#/jobs/{sent['ulid']}")
    wait_text(page.locator(".step-mark"), "sent")
    assert not page.locator("text=Alternate queue >> visible=true >> nth=1").is_visible()
    observatory.fetch(alternateQueue=True)
    alternate = page.locator("[data-part=alternateTrack]")
    wait_text(alternate, "picked up")
    assert page.locator("[data-part=track] .step-word").all_inner_texts() == ["sent"]


def test_a_stop_says_stopping(served: Program, observatory: Observatory, open_page: OpenPage) -> None:
    admin = served.token("staff", "--role", "admin")
    observatory.fetch()
    page = open_page(served.url)
    wait_text(state_word(page), "IDLE")
    served.new_job(admin, device="all", instance="", action="cancel_all_commands", user_id="staff", required_params={})
    wait_text(state_word(page), "STOPPING")
    observatory.fetch()
    wait_text(page.locator(".work-row"), "picked up")
    wait_text(state_word(page), "STOPPING")


# ---- the list


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
    wait_text(page.locator(".foot >> visible=true"), re.compile("^1 job$"))
    assert page.evaluate("location.hash") == "#/jobs?q=device%3Acamera+%22M2%22"

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
    wait_text(page.locator(".fresh"), "2 new ↑")
    assert (rows.nth(1).bounding_box(), label.inner_text()) == before
    page.click(".fresh")
    wait_text(rows.first, "late2")
    assert page.locator(".fresh").is_hidden()
    assert rows.count() == 5


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
    wait_text(page.locator(".fresh"), "1 new ↑")
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


# ---- who is there


def test_log_in_by_token_cancel_and_log_out(served: Program, alice: str, open_page: OpenPage) -> None:
    sent = served.new_job(alice)
    page = open_page(f"{served.url}/#/jobs/{sent['ulid']}")
    page.locator(".job-head h1").wait_for()
    cancel = page.locator("[data-part=cancel]")
    assert cancel.is_hidden()

    log_in(page, served.url, alice)
    wait_text(page.locator(".user"), re.compile("lice"))
    page.goto(f"{served.url}/#/jobs/{sent['ulid']}")
    cancel.click()
    wait_text(cancel, "Click again")
    page.wait_for_timeout(500)
    cancel.click()
    wait_text(page.locator(".job-status"), "CANCELLED")
    assert cancel.is_hidden()

    page.click("text=Log out")
    page.locator(".strip >> text=Log in").wait_for()
    assert page.complaints == []


def test_a_double_click_does_not_cancel(served: Program, alice: str, open_page: OpenPage) -> None:
    sent = served.new_job(alice)
    page = open_page(served.url)
    log_in(page, served.url, alice)
    page.goto(f"{served.url}/#/jobs/{sent['ulid']}")
    page.dblclick("[data-part=cancel]")
    page.wait_for_timeout(300)
    assert page.locator(".job-status").inner_text() == "waiting"


def test_a_cancel_that_comes_too_late_says_so(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    sent = served.new_job(alice)
    page = open_page(served.url)
    log_in(page, served.url, alice)
    page.goto(f"{served.url}/#/jobs/{sent['ulid']}")
    page.click("[data-part=cancel]")
    page.route("**/cancel", lambda route: (observatory.fetch(), route.continue_()))
    page.wait_for_timeout(500)
    page.locator("[data-part=cancel]").click()
    wait_text(page.locator(".job-head .problem"), "Not cancelled.")
    wait_text(page.locator(".job-status"), "picked up")


def test_the_link_of_the_first_start_logs_in_once(served: Program, open_page: OpenPage) -> None:
    assert served.process is not None and served.process.stdout is not None
    link = re.search(r"http\S+#once=\S+", served.process.stdout.readline())
    assert link
    page = open_page(link[0])
    page.wait_for_url(f"{served.url}/")
    page.locator(".user >> visible=true").wait_for()

    second = open_page(link[0])
    wait_text(second.locator(".problem"), "This link does not log in.")
    assert second.locator("#token").is_visible()
    assert "once" not in second.url


def test_a_wrong_token_is_answered_with_a_sentence(served: Program, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/login")
    page.fill("#token", "not a token")
    page.keyboard.press("Enter")
    wait_text(page.locator(".problem"), re.compile(r"\w+ .*\."))
    assert page.url == f"{served.url}/login"
