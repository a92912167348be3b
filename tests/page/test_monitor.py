"""The monitor in a real browser, against the real program: jobs move through their states before one's eyes."""

import re
from collections.abc import Callable
from typing import Any

from tests.page.here import Here
from tests.page.watching import (
    Observatory,
    click_twice,
    hold_first_answer,
    log_in,
    log_in_by_form,
    state_word,
    wait_change,
    wait_text,
    wait_until,
)
from tests.program import Program

OpenPage = Callable[..., Any]


# ---- a job's life


def test_a_token_speaks_only_of_the_sites_that_it_may_see(served: Program, alice: str, open_page: OpenPage) -> None:
    page = open_page(served.url)
    log_in(page, served.url, alice)
    wait_text(page.locator(".empty"), "No site that you may see has asked this server for jobs")
    assert page.locator(".site").count() == 0


def test_a_job_moves_through_its_states_without_a_reload(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    wait_text(page.locator(".empty"), "No site yet")
    wait_text(page.locator(".empty"), "No observatory has asked this server for jobs")
    page.evaluate("window.sameDocument = true")

    sent = served.new_job(alice)
    row = page.locator(".work-row")
    wait_text(row, "waiting")
    wait_text(row, "Alice A.")

    observatory.fetch()
    wait_text(row, "picked up")
    assert "running" not in row.inner_text().lower()
    wait_text(state_word(page), "BUSY")
    wait_text(page.locator(".site-asked"), re.compile(r"asked (just now|\d+ s ago)"))

    observatory.report(sent["ulid"], "STARTED")
    wait_text(row, "STARTED")
    wait_text(row, "no estimate")

    observatory.report(sent["ulid"], "EXPOSING", 4000)
    wait_text(row, "EXPOSING")
    left = row.locator(".work-left")
    wait_text(left, re.compile(r"1:0[56]:\d\d left"))
    wait_change(left)
    assert 0 <= int(row.locator(".meter").get_attribute("aria-valuenow")) <= 20

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
    assert "auth0|alice" in page.locator("[data-screen=job] .facts").inner_text()
    assert '"image_type": "light"' in page.locator(".json").first.inner_text()

    observatory.fetch()
    wait_text(page.locator(".step-mark"), "picked up")
    observatory.report(sent["ulid"], "EXPOSING", 4000)
    wait_text(page.locator(".step-mark"), "expected")
    last = page.locator(".step-mark").last
    wait_text(last, re.compile(r"\d+ s….*expected.*\d\d:\d\d:\d\d", re.DOTALL))
    wait_change(last)
    wait_text(page.locator(".job-time"), re.compile(r"\(1:0[56]:\d\d left\)"))
    observatory.report(sent["ulid"], "FAILED")
    wait_text(page.locator(".step-mark"), "FAILED")

    marks = page.locator(".step-word").all_inner_texts()
    assert marks == ["sent", "picked up", "EXPOSING", "FAILED"]
    assert all(re.fullmatch(r"[\d.:]+( s)?", gap) for gap in page.locator(".step-gap").all_inner_texts()[1:])
    changes = page.locator(".changes tbody tr")
    assert changes.count() == 4
    assert "Alice A." in changes.first.inner_text()
    assert "hand-out" in changes.nth(1).inner_text()


def test_an_older_answer_never_stands_over_a_newer_one(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    sent = served.new_job(alice)
    observatory.fetch()
    page = open_page(f"{served.url}/#/jobs/{sent['ulid']}")
    status = page.locator(".job-status")
    wait_text(status, "picked up")
    late = hold_first_answer(page, f"**/api/jobs/{sent['ulid']}")
    observatory.report(sent["ulid"], "STARTED")
    wait_until(page, lambda: late)
    observatory.report(sent["ulid"], "COMPLETE")
    wait_text(status, "COMPLETE")
    route, found = late[0]
    with page.expect_request_finished(lambda request: request == route.request):
        route.fulfill(response=found)
    page.wait_for_timeout(300)
    assert "COMPLETE" in status.inner_text()
    assert page.locator(".changes tbody tr").count() == 4


def test_two_polls_at_once_are_maybe_a_flush(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    sent = served.new_job(alice)
    observatory.fetch()
    observatory.fetch()
    page = open_page(f"{served.url}/#/jobs/{sent['ulid']}")
    wait_text(page.locator(".step-mark"), "maybe flushed")
    wait_text(page.locator(".cautions"), "Maybe flushed")
    wait_text(page.locator(".cautions"), "may never have been carried out")
    assert page.complaints == []


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
    assert page.locator("[data-part=track] .step-word").all_inner_texts() == ["sent", "not picked up yet"]


def test_a_stop_says_stopping(served: Program, observatory: Observatory, open_page: OpenPage) -> None:
    admin = served.token("staff", "--role", "admin")
    observatory.fetch()
    page = open_page(served.url)
    wait_text(state_word(page), "IDLE")
    served.new_job(admin, device="all", instance="", action="cancel_all_commands", user_id="staff", required_params={})
    wait_text(state_word(page), "STOPPING")
    observatory.fetch()
    wait_text(page.locator(".work-row"), "picked up")
    assert state_word(page).inner_text() == "STOPPING"


def test_how_far_a_job_is_counts_from_its_start(
    served: Here, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    sent = served.new_job(alice)
    observatory.fetch()
    observatory.report(sent["ulid"], "STARTED")
    served.after(6000)
    observatory.report(sent["ulid"], "EXPOSING", 6000)
    # It opens later than the work began, and must know that from the server.
    page = open_page(served.url)
    row = page.locator(".work-row")
    wait_text(row, re.compile(r"1:3\d:\d\d left"))
    assert 50 <= int(row.locator(".meter").get_attribute("aria-valuenow")) < 60
    page.keyboard.press("j")
    row = page.locator("table.jobs tbody tr[data-phase]")
    wait_text(row.locator("[data-part=took]"), re.compile(r"^1:4\d:\d\d…$"))
    assert 50 <= int(row.locator(".meter").get_attribute("aria-valuenow")) < 60


def test_a_day_s_open_jobs_are_counted_as_the_server_counts_them(
    served: Here, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    def send_and_fetch(count: int) -> None:
        for _ in range(count):
            served.new_job(alice)
        observatory.fetch()

    send_and_fetch(55)
    display = open_page(served.url)
    wait_text(display.locator("[data-part=more]"), re.compile("^[34]. more under way or waiting"))
    served.after(13 * 3600)
    wait_text(display.locator("[data-part=old]"), "55 older jobs were picked up and never reported on")
    send_and_fetch(60)
    served.after(12 * 3600)
    opened_later = open_page(served.url)
    for page in (display, opened_later):
        wait_text(page.locator("[data-part=old]"), "60 older jobs were picked up and never reported on")
        assert page.complaints == []


# ---- who is there


def test_log_in_by_token_cancel_and_log_out(served: Program, alice: str, open_page: OpenPage) -> None:
    sent = served.new_job(alice)
    page = open_page(f"{served.url}/#/jobs/{sent['ulid']}")
    page.locator(".job-head h1").wait_for()
    cancel = page.locator("[data-part=cancel]")
    assert cancel.is_hidden()

    log_in_by_form(page, served.url, alice)
    wait_text(page.locator(".user"), re.compile("lice"))
    page.goto(f"{served.url}/#/jobs/{sent['ulid']}")
    click_twice(cancel)
    wait_text(page.locator(".job-status"), "CANCELLED")
    assert cancel.is_hidden()

    page.click("text=Log out")
    page.locator(".strip >> text=Log in").wait_for()
    assert page.complaints == []


def test_a_logout_that_failed_says_so(served: Program, alice: str, open_page: OpenPage) -> None:
    page = open_page(served.url)
    log_in(page, served.url, alice)
    wait_text(page.locator(".user"), "Alice A.")
    page.route("**/api/logout", lambda route: route.abort())
    page.click("text=Log out")
    problem = page.locator("[data-logout-problem]")
    wait_text(problem, "You are still logged in. The server cannot be reached.")
    page.unroute("**/api/logout")
    page.click("text=Log out")
    page.locator(".strip >> text=Log in").wait_for()
    assert problem.is_hidden()


def test_a_double_click_does_not_cancel(served: Program, alice: str, open_page: OpenPage) -> None:
    sent = served.new_job(alice)
    page = open_page(served.url)
    log_in(page, served.url, alice)
    page.goto(f"{served.url}/#/jobs/{sent['ulid']}")
    # As slow as the system lets a double click be.
    page.dblclick("[data-part=cancel]", delay=450)
    page.wait_for_timeout(300)
    assert page.locator(".job-status").inner_text() == "waiting"


def test_a_cancel_that_comes_too_late_says_so(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    sent = served.new_job(alice)
    page = open_page(served.url)
    log_in(page, served.url, alice)
    page.goto(f"{served.url}/#/jobs/{sent['ulid']}")
    page.route("**/cancel", lambda route: (observatory.fetch(), route.continue_()))
    click_twice(page.locator("[data-part=cancel]"))
    wait_text(page.locator(".job-head .problem"), "Not cancelled.")
    wait_text(page.locator(".job-status"), "picked up")
    (stored,) = served.post("getrecentjobs", {"site": "saf"}).json()
    assert stored["statusId"] == f"RECEIVED#{sent['ulid']}"


def test_the_link_of_the_first_start_logs_in_once(process: Program, open_page: OpenPage) -> None:
    assert process.process is not None and process.process.stdout is not None
    link = re.search(r"http\S+#once=\S+", process.process.stdout.readline())
    assert link
    page = open_page(link[0])
    page.wait_for_url(f"{process.url}/")
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


def test_a_program_is_an_observatory_and_its_address_a_tip(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    sent = served.new_job(alice)
    observatory.fetch()
    observatory.report(sent["ulid"], "EXPOSING", 600)
    address = re.compile(r"^Address 127\.0\.0\.1:\d+$")
    page = open_page(served.url, height=1400)
    who = page.locator(".event-who [data-part=who]")
    wait_text(who, "observatory")
    wait_until(page, lambda: who.all_inner_texts() == ["observatory", "observatory", "Alice A."])
    assert [address.match(tip or "") is not None for tip in tips(who)] == [True, True, False]
    assert tips(who)[2] == "User auth0|alice"
    page.goto(f"{served.url}/#/jobs/{sent['ulid']}")
    history = page.locator("[data-part=changes] tr")
    wait_text(history, "EXPOSING")
    assert history.locator("[data-part=who]").all_inner_texts() == ["Alice A.", "observatory", "observatory"]
    handed = history.nth(1).locator("[data-part=note]")
    assert re.match(r"^hand-out \d+ to the observatory: confirmed$", handed.inner_text())
    assert address.match(tips(handed)[0])
    # A scroll hides the tip: the one that brings the words into view must be over.
    handed.scroll_into_view_if_needed()
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    handed.hover()
    wait_text(page.locator(".tip"), address)
    assert "127.0.0.1" not in page.locator("main").inner_text()


def tips(found: Any) -> list[str]:
    return [one.get_attribute("data-tip") for one in found.all()]


def test_what_ends_in_the_alternate_queue_leaves_the_events_alone(
    served: Here, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    def send_and_fetch(action: str) -> None:
        for _ in range(70):
            served.new_job(admin, user_id="staff", action=action)
        observatory.fetch()

    # The stop withdraws each of them from the alternate queue, long after it left the primary one.
    send_and_fetch("before")
    served.new_job(admin, device="all", action="stop", user_id="staff")
    page = open_page(served.url)
    events = page.locator(".event")
    wait_text(events.first, "sent")
    assert [events.nth(at).locator("[data-part=status]").inner_text() for at in range(2)] == ["sent", "picked up"]
    # And what is finished or picked up expires there.
    observatory.fetch()
    send_and_fetch("after")
    served.after(7200)
    wait_until(page, lambda: ended_in_alternate(served) >= 140)
    page.reload()
    wait_text(events.first, "picked up")
    assert events.count() == 14 and page.locator(".event-queue:not(:empty)").count() == 0


def ended_in_alternate(served: Here) -> int:
    sql = "SELECT count(*) FROM change WHERE queue = 'alternate' AND status IN ('CANCELLED', 'EXPIRED')"
    return int(served.server.appliance.queue.database.fetch(sql)[0][0])
