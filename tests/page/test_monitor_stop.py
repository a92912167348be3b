"""STOP in the corner of every screen: held, sent, proven; and what it says when it is not."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from prjobs.access import reserving, tokens
from prjobs.access.audit import Actor
from prjobs.access.reservations import NewReservation
from tests.page.here import Here
from tests.page.watching import (
    Observatory,
    hold,
    hold_button,
    log_in,
    press,
    stop_clock,
    wait_text,
    wait_tones,
    wait_until,
)
from tests.program import Program
from tests.waiting import wait_for

OpenPage = Callable[..., Any]
PROOF = re.compile(r"^saf: STOP sent \d\d:\d\d:\d\d → picked up \d\d:\d\d:\d\d$")
DOUBT = "Stop of saf handed out, but nothing shows that it arrived: use the hardware stop"


def stops(served: Program) -> list[dict[str, Any]]:
    found = served.post("getrecentjobs", {"site": "saf"}).json()
    return [job for job in found if job["action"] == "cancel_all_commands"]


# ---- what is held


def test_a_held_stop_is_sent_and_proven(
    served: Program, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    page = open_page(served.url)
    wait_text(page.locator(".link-state"), "live")
    button = page.locator("[data-stop] [data-part=stop]")
    assert button.is_hidden()
    page.clock.install()
    log_in(page, served.url, admin)
    wait_text(button, "HOLD TO STOP")
    wait_text(button, "saf")

    stop_clock(page)
    press(page)
    page.clock.run_for(600)
    page.mouse.up()
    page.clock.run_for(700)
    page.clock.resume()
    assert page.locator(".stop-proof").is_hidden() and stops(served) == []
    hold(page)
    wait_text(page.locator(".stop-proof"), "waiting")
    [sent] = stops(served)
    assert (sent["deviceType"] if "deviceType" in sent else sent["device"], sent["user_id"]) == ("all", "staff")
    assert [job["ulid"] for job in observatory.fetch()] == [sent["ulid"]]
    wait_text(page.locator(".stop-proof li"), PROOF)
    assert page.locator(".stop-trouble").inner_text() == ""

    page.click("text=Put this away")
    assert page.locator(".stop-proof").is_hidden()
    assert page.complaints == []


@pytest.mark.parametrize("key", [" ", "Enter"])
def test_the_keyboard_holds_it_too(
    served: Program, admin: str, observatory: Observatory, open_page: OpenPage, key: str
) -> None:
    observatory.fetch()
    page = open_page(f"{served.url}/favicon.ico")
    page.clock.install()
    log_in(page, served.url, admin)
    button = page.locator("[data-stop] [data-part=stop]")
    # The button can be used once the first answer has told who is logged in: a focus before that is none.
    wait_for(lambda: button.is_visible() and button.is_enabled())
    button.focus()
    stop_clock(page)
    page.keyboard.down(key)
    page.clock.run_for(600)
    assert 0.8 < float(page.locator("[data-part=stop]").evaluate("at => at.style.getPropertyValue('--held')")) < 1
    page.keyboard.up(key)
    page.clock.run_for(700)
    page.clock.resume()
    assert stops(served) == []
    page.keyboard.down(key)
    wait_text(page.locator(".stop-proof"), "STOP sent")
    page.keyboard.up(key)
    assert len(stops(served)) == 1


def test_touch_holds_it_over_an_open_help_on_a_phone(
    served: Program, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    page = open_page(served.url, width=390, height=844, has_touch=True, is_mobile=True)
    log_in(page, served.url, admin)
    page.keyboard.press("?")
    page.locator("#help-title").wait_for()
    stop = page.locator("[data-stop] [data-part=stop]")
    stop.wait_for()
    box = stop.bounding_box()
    touch = page.context.new_cdp_session(page)
    at = {"x": box["x"] + 40, "y": box["y"] + 20}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    wait_text(page.locator(".stop-proof"), "STOP sent")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.keyboard.press("Escape")
    assert page.locator("dialog").is_hidden()


def test_nothing_lies_over_it_on_any_screen(
    served: Program, admin: str, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    sent = served.new_job(alice)
    page = open_page(served.url, width=390, height=700)
    log_in(page, served.url, admin)
    over = """at => { const box = at.getBoundingClientRect();
        return at.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)); }"""
    for address in ("#/now", "#/jobs", f"#/jobs/{sent['ulid']}"):
        page.goto(f"{served.url}/{address}")
        stop = page.locator("[data-stop] [data-part=stop]")
        stop.wait_for()
        assert stop.evaluate(over), address


# ---- when it goes wrong


def test_a_stop_that_nobody_picks_up_is_loud(served: Here, observatory: Observatory, page: Any) -> None:
    hold(page)
    wait_text(page.locator(".stop-proof"), "STOP sent")
    wait_text(page.locator(".stop-proof li"), re.compile(r"waiting \d+ s for the site"))
    alert = page.locator(".stop [role=alert]")
    assert alert.inner_text() == "" and page.evaluate("window.tones") == 0
    served.after(16)
    wait_text(alert, "Stop of saf not picked up: use the hardware stop")
    wait_tones(page)
    wait_text(page.locator(".stop-proof li"), re.compile(r"NOT PICKED UP for \d+ s"))
    wait_text(page.locator(".alarm[data-kind=stop]"), "is not picked up")
    observatory.fetch()
    wait_text(page.locator(".stop-proof li"), PROOF)
    assert alert.inner_text() == ""


def test_a_stop_whose_hand_out_is_in_doubt_is_as_loud(observatory: Observatory, page: Any) -> None:
    hold(page)
    wait_text(page.locator(".stop-proof"), "STOP sent")
    [stop] = observatory.fetch()
    wait_text(page.locator(".stop-proof li"), PROOF)
    assert page.evaluate("window.tones") == 0
    observatory.hang_up()
    alert = page.locator(".stop [role=alert]")
    wait_text(alert, DOUBT)
    wait_text(page.locator(".stop-proof li"), re.compile(r"handed out \d\d:\d\d:\d\d, NOT CONFIRMED"))
    assert page.locator(".stop-proof[data-trouble]").is_visible()
    wait_tones(page)
    wait_text(page.locator(".alarm[data-kind=stop]"), "nothing shows that it arrived")

    observatory.report(stop["ulid"], "COMPLETE")
    wait_text(page.locator(".stop-proof li"), PROOF)
    assert alert.inner_text() == ""
    page.evaluate("window.tones = 0")
    page.wait_for_timeout(2500)
    assert page.evaluate("window.tones") == 0
    assert page.complaints == []


def test_a_doubtful_stop_that_was_put_away_stays_an_alarm(observatory: Observatory, page: Any) -> None:
    hold(page)
    wait_text(page.locator(".stop-proof"), "STOP sent")
    [stop] = observatory.fetch()
    observatory.hang_up()
    wait_text(page.locator(".stop [role=alert]"), DOUBT)
    page.click("text=Put this away")
    assert page.locator(".stop-proof").is_hidden()
    page.locator(".alarm[data-kind=stop] >> text=open the job").click()
    assert page.evaluate("location.hash") == f"#/jobs/{stop['ulid']}"
    wait_text(page.locator(".step-note"), "unconfirmed")
    wait_text(page.locator(".cautions"), "Hand-out unconfirmed")


def test_a_stop_that_cannot_be_sent_says_so_at_once(served: Program, page: Any) -> None:
    wait_text(page.locator("[data-part=stop]"), "saf")
    served.kill()
    hold(page)
    wait_text(page.locator(".stop [role=alert]"), "Stop of saf not sent: use the hardware stop")
    wait_text(page.locator(".stop-proof li"), "saf: STOP NOT SENT. The server cannot be reached.")
    wait_tones(page)
    assert page.locator(".stop-proof[data-trouble]").is_visible()


# ---- who, and where


def test_the_site_is_named_and_chosen(
    served: Program, admin: str, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    Observatory(served, "tan").fetch()
    sent = served.new_job(alice, site="tan")
    page = open_page(served.url)
    log_in(page, served.url, admin)
    button = page.locator("[data-stop] [data-part=stop]")
    wait_text(button, "tan")
    page.click(".stop-sites >> text=saf")
    wait_text(button, "saf")
    page.goto(f"{served.url}/#/jobs/{sent['ulid']}")
    wait_text(button, "tan")
    assert page.locator(".stop-sites [aria-pressed=true]").inner_text() == "tan"


def reserve(here: Here, site: str = "saf") -> None:
    """Somebody else's reservation begins now."""
    now_ms = here.clock.now_ms()
    made = NewReservation(site, "auth0|ann", now_ms - 1000, now_ms + 3_600_000, "Ann K.")
    reserving.add_reservation(here.server.appliance.desk, made, Actor("tests", "tests"))


def test_it_stays_at_its_site_whatever_is_reserved_or_busier(here: Here, open_page: OpenPage) -> None:
    here.serve(reservations="local", stop_needs="reservation")
    alice = here.token("auth0|alice")
    saf, tan = Observatory(here), Observatory(here, "tan")
    saf.fetch()
    tan.fetch()
    here.new_job(alice)
    page = open_page(here.url)
    log_in(page, here.url, alice)
    button, doubt = page.locator("[data-stop] [data-part=stop]"), page.locator(".stop-doubt")
    wait_text(button, "saf")
    assert doubt.is_hidden()

    # Another site has the most jobs, a third one comes first by name, and somebody else has this one.
    for _ in range(3):
        here.new_job(alice, site="tan")
    Observatory(here, "aaa").fetch()
    page.locator(".stop-sites >> text=aaa").wait_for()
    reserve(here)
    wait_text(doubt, "saf: reserved by Ann K.; the server may refuse")
    wait_text(button, "saf")
    assert page.locator(".stop-sites button").all_inner_texts() == ["aaa", "saf", "tan"]
    assert page.locator(".stop-sites [aria-pressed=true]").inner_text() == "saf"

    hold(page)
    wait_text(page.locator(".stop-proof li"), "saf: STOP NOT SENT. Someone else has a reservation right now.")
    assert [job["action"] for job in tan.fetch() + saf.fetch() if job["deviceType"] == "all"] == []
    page.click(".stop-sites >> text=tan")
    wait_text(button, "tan")
    assert doubt.is_hidden()


def test_no_site_moves_away_from_the_pointer(served: Here, admin: str, open_page: OpenPage) -> None:
    for name in ("aaa", "saf", "tan"):
        Observatory(served, name).fetch()
    Observatory(served, "tan").fetch()
    page = open_page(served.url)
    log_in(page, served.url, admin)
    sites = page.locator(".stop-sites button")
    sites.nth(2).wait_for()
    sites.first.hover()
    served.after(600)
    page.locator(".stop-sites [data-alarmed]", has_text="tan").wait_for()
    assert sites.all_inner_texts() == ["aaa", "saf", "tan"]
    page.mouse.move(5, 5)
    wait_until(page, lambda: sites.all_inner_texts() == ["tan", "aaa", "saf"])


def test_it_follows_the_user_alone(served: Here, alice: str, observatory: Observatory, open_page: OpenPage) -> None:
    observatory.fetch()
    page = open_page(served.url)
    log_in(page, served.url, alice)
    button = page.locator("[data-stop] [data-part=stop]")
    wait_text(button, "saf")
    page.goto(f"{served.url}/#/site/tan")
    wait_text(page.locator("[data-stray]"), "No site “tan” is known here.")
    # A site that comes later is not one that the user saw when he opened the screen.
    Observatory(served, "tan").fetch()
    page.locator(".stop-sites >> text=tan").wait_for()
    page.locator("[data-stray]").wait_for(state="hidden")
    wait_text(button, "saf")
    page.goto(f"{served.url}/#/now")
    page.locator(".site").first.wait_for()
    page.goto(f"{served.url}/#/site/tan")
    wait_text(button, "tan")
    page.goto(f"{served.url}/#/now")
    wait_text(button, "tan")
    assert page.locator(".stop-sites [aria-pressed=true]").inner_text() == "tan"


@pytest.mark.parametrize(("flags", "needs"), [(("--role", "owner"), "reservation"), ((), "token")])
def test_who_may_always_stop_is_told_of_no_doubt(
    here: Here, open_page: OpenPage, flags: tuple[str, ...], needs: str
) -> None:
    here.serve(reservations="local", stop_needs=needs)
    saf = Observatory(here)
    saf.fetch()
    reserve(here)
    page = open_page(here.url)
    log_in(page, here.url, here.token("boss", *flags))
    wait_text(page.locator("[data-part=stop]"), "saf")
    page.keyboard.press("n")
    wait_text(page.locator(".site-holders"), "Reserved: Ann K.")
    assert page.locator(".stop-doubt").is_hidden()
    hold(page)
    wait_text(page.locator(".stop-proof li"), "saf: STOP sent")
    saf.fetch()
    wait_text(page.locator(".stop-proof li"), PROOF)


@pytest.mark.parametrize(("role", "sees"), [("viewer", False), ("", True)])
def test_who_may_not_stop_sees_no_stop(
    served: Program, observatory: Observatory, open_page: OpenPage, role: str, sees: bool
) -> None:
    observatory.fetch()
    token = served.token("auth0|bob", *(["--role", role] if role else []))
    page = open_page(served.url)
    with page.expect_response("**/api/may?*"):
        log_in(page, served.url, token)
    page.wait_for_timeout(300)
    stop = page.locator("[data-stop] [data-part=stop]")
    stop.wait_for(state="visible" if sees else "hidden")
    assert stop.is_visible() is sees


# ---- it aims right, and is always there


def test_a_panel_has_a_stop_of_its_own_and_one_stops_all_sites(served: Here, admin: str, open_page: OpenPage) -> None:
    sites = [Observatory(served, name) for name in ("aaa", "saf", "tan")]
    for site in sites:
        site.fetch()
    page = open_page(served.url)
    log_in(page, served.url, admin)
    hold_button(page.locator(".site", has_text="tan").locator(".stop-here"))
    wait_text(page.locator(".stop-proof li"), "tan: STOP sent")
    wait_text(page.locator("[data-stop] [data-part=stop]"), "tan")
    assert [[job["action"] for job in site.fetch()] for site in sites] == [[], [], ["cancel_all_commands"]]
    everywhere = page.locator("[data-stop] [data-part=all]")
    wait_text(everywhere, "Hold to stop all 3")
    hold_button(everywhere)
    for name in ("aaa", "saf", "tan"):
        wait_text(page.locator(".stop-proof li"), f"{name}: STOP sent")
    assert [[job["action"] for job in site.fetch()] for site in sites] == [["cancel_all_commands"]] * 3
    for site in sites:
        site.hang_up()
    assert page.complaints == []


@pytest.mark.parametrize("address", ["#/now", "#/jobs?q=saf"])
def test_shift_and_escape_held_stop_from_everywhere(
    served: Here, observatory: Observatory, page: Any, address: str
) -> None:
    page.clock.install()
    page.goto(f"{served.url}/{address}")
    page.reload()
    wait_text(page.locator("[data-stop] [data-part=stop]"), "saf")
    if "jobs" in address:
        page.locator("#filter").focus()
    stop_clock(page)
    page.keyboard.press("Shift+Escape")
    page.clock.run_for(900)
    page.clock.resume()
    assert stops(served) == []
    assert page.evaluate("location.hash") == address
    page.keyboard.down("Shift")
    page.keyboard.down("Escape")
    wait_text(page.locator(".stop-proof"), "saf: STOP sent")
    page.keyboard.up("Escape")
    page.keyboard.up("Shift")
    assert len(stops(served)) == 1


def test_a_login_that_ends_says_so_in_the_corner(served: Here, observatory: Observatory, open_page: OpenPage) -> None:
    observatory.fetch()
    page = open_page(served.url)
    corner = page.locator(".stop-login")
    wait_text(corner, "STOP needs a login.")
    assert corner.get_attribute("data-ended") is None
    log_in(page, served.url, served.token("kim", "--name", "Kim"))
    wait_text(page.locator("[data-stop] [data-part=stop]"), "saf")
    assert corner.is_hidden()
    desk = served.server.appliance.desk
    tokens.revoke_token(desk, tokens.list_tokens(desk)[0].id, Actor("tests", "tests"))
    ended = page.locator(".stop-login[data-ended]")
    wait_text(ended, "Your login has ended: STOP needs a login.")
    assert page.locator(".stop-here:visible").count() == 0
    page.reload()
    ended.get_by_text("Log in").click()
    page.wait_for_url(f"{served.url}/login")

    log_in(page, served.url, served.token("kim", "--name", "Kim"))
    wait_text(page.locator("[data-stop] [data-part=stop]"), "saf")
    page.locator(".strip >> text=Log out").click()
    wait_text(corner, "STOP needs a login.")
    assert corner.get_attribute("data-ended") is None
    assert page.complaints == []


def test_a_login_that_ends_where_nobody_may_read_without_says_so_too(here: Here, open_page: OpenPage) -> None:
    here.serve(observatory_access="token")
    page = open_page(here.url)
    log_in(page, here.url, here.token("kim"))
    wait_text(page.locator(".link-state"), "live")
    page.context.clear_cookies()
    wait_text(page.locator(".stop-login[data-ended]"), "Your login has ended: STOP needs a login.")
    assert page.locator("[data-stop] [data-part=stop]").is_hidden()


def test_a_login_that_ends_soon_is_said_before(served: Here, observatory: Observatory, open_page: OpenPage) -> None:
    observatory.fetch()
    page = open_page(served.url)
    log_in(page, served.url, served.token("kim"))
    wait_text(page.locator("[data-stop] [data-part=stop]"), "saf")
    notice = page.locator("[data-part=loginEnds]")
    assert notice.is_hidden()
    served.after(19 * 3600)
    wait_text(notice, re.compile(r"Your login ends in [45] h, at .+ UTC.* From then on STOP does not work here\."))
    wait_text(notice.locator("a"), "Log in again")


def test_two_people_who_stop_at_once_are_told_of_each_other(
    served: Here, observatory: Observatory, page: Any, open_page: OpenPage
) -> None:
    observatory.fetch()
    other = open_page(served.url)
    log_in(other, served.url, served.token("kim", "--name", "Kim"))
    wait_text(other.locator("[data-stop] [data-part=stop]"), "saf")
    hold(page)
    wait_text(page.locator(".stop-proof li"), "waiting")
    hold(other)
    wait_text(page.locator(".stop-proof li"), "gave way to the stop of Kim")
    observatory.fetch()
    wait_text(page.locator(".stop-proof li"), re.compile(r"gave way to the stop of Kim → picked up \d\d:\d\d:\d\d$"))
    wait_text(other.locator(".stop-proof li"), PROOF)
    assert page.locator(".stop-trouble").inner_text() == ""
