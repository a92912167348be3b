"""Notes of observers on the screens Site and Job: written, shown as text, struck out, and only for who may."""

from collections.abc import Callable
from typing import Any

from tests.page.here import Here
from tests.page.watching import Observatory, click_twice, hold_first_answer, log_in, wait_text, wait_until

HOSTILE = "<img src=x onerror=alert(1)> [a](https://evil.example) https://evil.example *b* \u202e"


def test_a_note_on_the_site_is_written_shown_and_struck_out(page: Any, served: Here) -> None:
    page.keyboard.press("s")
    notes = page.locator("section[data-notes]")
    wait_text(notes, "No notes yet.")
    notes.get_by_role("button", name="Write the note").click()
    wait_text(notes.locator(".problem").last, "the note is empty")
    for about, text in (("last night", "clouds after 3"), ("the site", "flat lamp dead"), ("tonight", HOSTILE)):
        notes.get_by_role("button", name=about).click()
        notes.get_by_label("A note").fill(text)
        notes.get_by_role("button", name="Write the note").click()
        wait_text(notes.locator(".note").first, text[:12])
    wait_text(notes.locator(".note").first, "[a](https://evil.example) https://evil.example *b* <U+202E>")
    wait_text(notes.locator(".note").first, "staff")
    assert notes.locator("a, img").count() == 0
    assert notes.get_by_label("A note").input_value() == ""
    wait_text(notes.locator(".note").nth(1), "· the site")
    click_twice(notes.locator(".note").nth(1).get_by_role("button"))
    wait_text(notes.locator(".note").nth(1), "struck out by staff")
    wait_text(notes.locator(".note").nth(1), "flat lamp dead")
    assert notes.locator(".note").nth(1).get_by_role("button").is_hidden()

    # What is typed while a note is on its way stays.
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/api/notes", hold)
    notes.get_by_label("A note").fill("dew on the window")
    notes.get_by_role("button", name="Write the note").click()
    wait_until(page, lambda: held)
    notes.get_by_label("A note").fill("wiped")
    held[0].continue_()
    wait_text(notes.locator(".note").first, "dew on the window")
    assert notes.get_by_label("A note").input_value() == "wiped"
    assert page.complaints == []


def test_a_note_on_a_job_stands_in_its_timeline(page: Any, served: Here, admin: str, alice: str) -> None:
    job = served.new_job(alice)["ulid"]
    early = hold_first_answer(page, "**/api/notes?*")
    page.goto(f"{served.url}/#/jobs/{job}")
    wait_until(page, lambda: early)
    notes = page.locator(".track-box [data-notes]")
    notes.get_by_label("A note on this job").fill("trailed by wind")
    notes.get_by_label("A note on this job").press("Enter")
    wait_text(notes.locator(".note"), "trailed by wind")
    # An answer from before the note does not take it away.
    route, found = early[0]
    with page.expect_request_finished(lambda request: request == route.request):
        route.fulfill(response=found)
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    page.unroute("**/api/notes?*")
    wait_text(notes.locator(".note"), "this job")
    page.keyboard.press("Escape")
    page.goto(f"{served.url}/#/site/saf")
    link = page.locator("section[data-notes] .note a")
    link.click()
    page.wait_for_url(f"**/#/jobs/{job}")
    assert page.complaints == []


def test_who_may_not_write_sees_why(
    served: Here, alice: str, observatory: Observatory, open_page: Callable[..., Any]
) -> None:
    """Alice may write on a job of hers, and not on the site; without a login the page says what a note needs."""
    observatory.fetch()
    job = served.new_job(alice)["ulid"]
    page = open_page(f"{served.url}/#/site/saf")
    notes = page.locator("section[data-notes]")
    wait_text(notes, "Log in to write a note: it carries the name of its author.")
    assert notes.locator("form").is_hidden()
    log_in(page, served.url, alice)
    page.goto(f"{served.url}/#/site/saf")
    wait_text(notes, "No notes yet.")
    assert notes.locator("form").is_hidden()
    page.goto(f"{served.url}/#/jobs/{job}")
    page.locator(".track-box [data-notes]").get_by_label("A note on this job").fill("my own job")
    page.keyboard.press("Enter")
    wait_text(page.locator(".track-box .note"), "my own job")
