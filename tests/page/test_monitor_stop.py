"""STOP in the corner of every screen: held, sent, proven; and what it says when it is not."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.page.conftest import Call
from tests.page.samples import NOW, change, picked_up
from tests.page.watching import Observatory, log_in, wait_text, wait_tones
from tests.program import Program

OpenPage = Callable[..., Any]
PROOF = re.compile(r"^STOP sent \d\d:\d\d:\d\d → picked up \d\d:\d\d:\d\d$")
COUNT_TONES = """window.tones = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...at) { window.tones += 1; return start.apply(this, at); };"""


@pytest.fixture
def admin(served: Program) -> str:
    return served.token("staff", "--role", "admin")


def stops(served: Program) -> list[dict[str, Any]]:
    found = served.post("getrecentjobs", {"site": "saf"}).json()
    return [job for job in found if job["action"] == "cancel_all_commands"]


def hold(page: Any, seconds: float = 0.9, part: str = "stop") -> None:
    box = page.locator(f"[data-stop] [data-part={part}]").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.wait_for_timeout(seconds * 1000)
    page.mouse.up()


# ---- what is held


def test_a_held_stop_is_sent_and_proven(
    served: Program, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    page = open_page(served.url)
    wait_text(page.locator(".link-state"), "live")
    button = page.locator("[data-stop] [data-part=stop]")
    assert button.is_hidden()
    log_in(page, served.url, admin)
    wait_text(button, "HOLD TO STOP")
    wait_text(button, "saf")

    hold(page, 0.3)
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
    page = open_page(served.url)
    log_in(page, served.url, admin)
    page.locator("[data-stop] [data-part=stop]").focus()
    page.keyboard.down(key)
    page.wait_for_timeout(200)
    assert 0 < float(page.locator("[data-part=stop]").evaluate("at => at.style.getPropertyValue('--held')")) < 1
    page.keyboard.up(key)
    page.wait_for_timeout(700)
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
    page.locator("dialog >> text=Keys").wait_for()
    box = page.locator("[data-stop] [data-part=stop]").bounding_box()
    touch = page.context.new_cdp_session(page)
    at = {"x": box["x"] + 40, "y": box["y"] + 20}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    page.wait_for_timeout(900)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    wait_text(page.locator(".stop-proof"), "STOP sent")
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
        assert page.locator("[data-stop] [data-part=stop]").evaluate(over), address


# ---- when it goes wrong


def test_a_stop_that_nobody_picks_up_is_loud(
    served: Program, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    page = open_page(served.url)
    page.add_init_script(COUNT_TONES)
    log_in(page, served.url, admin)
    hold(page)
    wait_text(page.locator(".stop-proof"), "STOP sent")
    began = time.monotonic()
    alert = page.locator(".stop [role=alert]")
    wait_text(alert, "Stop of saf not picked up: use the hardware stop", timeout=20_000)
    assert 12 < time.monotonic() - began < 18
    assert page.evaluate("window.tones") >= 3
    observatory.fetch()
    wait_text(page.locator(".stop-proof li"), PROOF)
    assert alert.inner_text() == ""


def test_a_stop_that_cannot_be_sent_says_so_at_once(
    served: Program, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    page = open_page(served.url)
    page.add_init_script(COUNT_TONES)
    log_in(page, served.url, admin)
    wait_text(page.locator("[data-part=stop]"), "saf")
    served.kill()
    hold(page)
    wait_text(page.locator(".stop [role=alert]"), "Stop of saf not sent: use the hardware stop", timeout=2000)
    wait_text(page.locator(".stop-proof li"), "STOP NOT SENT. The server cannot be reached.")
    wait_tones(page)


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
    assert page.locator("[data-stop] [data-part=stop]").is_visible() is sees


def test_stop_and_make_safe_goes_step_by_step(browser: Any, program: Program, open_page: OpenPage) -> None:
    program.serve("--stations", "wema=saf")
    saf, wema = Observatory(program), Observatory(program, "wema")
    saf.fetch()
    wema.fetch()
    page = open_page(program.url)
    log_in(page, program.url, program.token("staff", "--role", "admin"))
    page.click("text=Stop and make safe")
    wait_text(page.locator(".stop-why"), "then parks the mount, then closes the roof by wema")
    hold(page, part="safe")
    steps = page.locator(".stop-proof li")
    wait_text(steps.nth(1), "PARK comes next")
    assert [job["action"] for job in saf.fetch()] == ["cancel_all_commands"]
    wait_text(steps.nth(0), PROOF)
    wait_text(steps.nth(1), "PARK sent")
    assert [job["action"] for job in saf.fetch()] == ["park"]
    wait_text(steps.nth(2), "CLOSE wema sent")
    assert [job["action"] for job in wema.fetch()] == ["close"]
    wait_text(steps.nth(2), re.compile("picked up"))


# ---- what is known of a step

STEP = """async ([change, nowMs, parts]) => {
    const stop = await import("/stop.js");
    const step = Object.assign(stop.newStep("STOP", stop.stopCommand("saf")), parts);
    if (change) stop.takeChange(step, change);
    return [stop.stepState(step, nowMs), stop.proofWords(step, nowMs), stop.troubleWords([step], nowMs)];
}"""
SENT = {"ulid": picked_up()["ulid"], "askedMs": NOW, "sentMs": NOW}


@pytest.mark.parametrize(
    ("changed", "after_ms", "parts", "state", "trouble"),
    [
        (None, 0, {}, "idle", ""),
        (None, 0, {"askedMs": NOW}, "sending", ""),
        (None, 14_999, SENT, "sent", ""),
        (None, 15_000, SENT, "late", "Stop of saf not picked up: use the hardware stop"),
        ({"status": "RECEIVED", "phase": "picked_up"}, 90_000, SENT, "picked_up", ""),
        ({"status": "RECEIVED", "phase": "picked_up", "queue": "alternate"}, 0, SENT, "sent", ""),
        ({"status": "CANCELLED", "phase": "gone"}, 0, SENT, "failed", "Stop of saf cancelled: use the hardware stop"),
        (None, 0, {"askedMs": NOW, "error": "No."}, "failed", "Stop of saf not sent: use the hardware stop"),
    ],
)
def test_what_is_known_of_a_stop(
    call: Call, changed: dict[str, Any] | None, after_ms: int, parts: dict[str, Any], state: str, trouble: str
) -> None:
    said = change(5, **changed) if changed else None
    found = call.page.evaluate(STEP, [said, NOW + after_ms, parts])
    assert (found[0], found[2]) == (state, trouble)


def test_the_station_of_a_site(call: Call) -> None:
    assert call("stop.js", "stationOf", ["wema=mrc1+mrc2", "other=saf"], "mrc2") == "wema"
    assert call("stop.js", "stationOf", ["wema=mrc1+mrc2"], "mrc") == ""
