"""The alarms: listed, heard, acknowledged for everybody."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.page.conftest import Call
from tests.page.samples import MINUTE, NOW, job, now, picked_up, running, site, ulid
from tests.page.test_monitor_stop import COUNT_TONES
from tests.page.watching import Observatory, log_in, wait_text, wait_tones
from tests.program import Program

OpenPage = Callable[..., Any]


# ---- in the browser


def make_silent(page: Any, heard: list[int] | None = None) -> list[int]:
    """From now on the server tells this page that the sites were last heard so long ago."""

    heard = [] if heard is None else heard

    def answer(route: Any) -> None:
        answered = route.fetch()
        told = answered.json()
        heard.append(told["time_ms"] - 10 * MINUTE)
        for known in told["sites"]:
            known["last_poll_ms"] = heard[0]
        route.fulfill(response=answered, json=told)

    page.route("**/api/now", answer)
    return heard


def test_a_silent_site_is_an_alarm_that_is_heard_until_it_is_acknowledged(
    served: Program, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    admin = served.token("staff", "--role", "admin")
    page = open_page(served.url)
    page.add_init_script(COUNT_TONES)
    log_in(page, served.url, admin)
    wait_text(page.locator(".link-state"), "live")
    assert page.locator(".alarm").count() == 0
    sound = page.locator("[data-sound-button]")
    assert sound.get_attribute("aria-pressed") == "false"
    wait_text(sound, "Sound off")
    sound.click()
    wait_text(sound, "Sound ON")
    page.wait_for_timeout(300)
    page.evaluate("window.tones = 0")

    make_silent(page)
    alarm = page.locator(".alarm")
    wait_text(alarm, "saf has been silent for 10m")
    assert "saf has been silent" in page.locator("[data-alarm-region]").inner_text()
    assert page.locator("[data-alarm-region]").get_attribute("aria-live") == "assertive"
    wait_tones(page)
    page.keyboard.press("j")
    wait_text(page.locator(".alarm-line"), "saf has been silent")
    page.keyboard.press("n")

    alarm.locator("text=Acknowledge").click()
    wait_text(alarm, re.compile(r"seen by staff \d\d:\d\d:\d\d"))
    page.evaluate("window.tones = 0")
    page.wait_for_timeout(5500)
    assert page.evaluate("window.tones") == 0
    alarm.locator("text=Sound again").click()
    wait_tones(page)
    page.keyboard.press("j")
    wait_text(page.locator(".alarm-line"), "saf has been silent")
    assert page.complaints == []


def test_an_acknowledgement_reaches_the_other_pages(
    served: Program, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    first, second = open_page(served.url), open_page(served.url)
    log_in(first, served.url, alice)
    heard = make_silent(first)
    make_silent(second, heard)
    wait_text(second.locator(".alarm"), "saf has been silent")
    assert second.locator(".alarm button").is_hidden()
    first.locator(".alarm >> text=Acknowledge").click()
    wait_text(second.locator(".alarm"), "seen by auth0|alice")


# ---- which

ALARMS = """async ([answer, nowMs]) => {
    const { newModel, applyNow } = await import("/model.js");
    const { listAlarms, summaryWords } = await import("/alarms.js");
    const known = newModel();
    applyNow(known, answer);
    const alarms = listAlarms(known, nowMs);
    return { alarms, summary: summaryWords(alarms) };
}"""


def listed(call: Call, *sites: dict[str, Any], at: int = NOW, **more: Any) -> Any:
    return call.page.evaluate(ALARMS, [{**now(1, *sites)[1], **more}, at])


def keys(found: Any) -> list[str]:
    return [alarm["key"] for alarm in found["alarms"]]


def test_all_is_well(call: Call) -> None:
    assert listed(call, site(open=[job()])) == {"alarms": [], "summary": ""}


@pytest.mark.parametrize(
    ("last_poll_ms", "alarm"),
    [
        (NOW - MINUTE, False),
        (NOW - 2 * MINUTE, True),
        (NOW - 25 * 60 * MINUTE, False),
        (None, False),
    ],
)
def test_a_silence(call: Call, last_poll_ms: int | None, alarm: bool) -> None:
    found = listed(call, site(last_poll_ms=last_poll_ms))
    assert keys(found) == ([f"silent/saf/{last_poll_ms}"] if alarm else [])


def test_a_stop_that_waits_is_the_worst(call: Call) -> None:
    stop = job(ulid=ulid(3), command_class="stop", created_ms=NOW - 15_000)
    found = listed(call, site(last_poll_ms=NOW - 2 * MINUTE, open=[stop]))
    assert keys(found) == [f"stop/{ulid(3)}", f"silent/saf/{NOW - 2 * MINUTE}"]
    assert found["summary"].startswith("2 alarms: saf: ")
    young = job(ulid=ulid(3), command_class="stop", created_ms=NOW - 14_000)
    assert keys(listed(call, site(open=[young]))) == []


def test_stuck_jobs(call: Call) -> None:
    late = running(ulid=ulid(1), estimate_s=10, changed_ms=NOW - 2 * MINUTE)
    mute = picked_up(ulid=ulid(2), changed_ms=NOW - 6 * MINUTE)
    assert keys(listed(call, site(open=[late, mute], counts={"done": 3}))) == [f"stuck/{ulid(1)}", f"stuck/{ulid(2)}"]
    assert keys(listed(call, site(open=[mute]))) == []


def test_what_the_server_says_of_itself(call: Call) -> None:
    problem = {"code": "disk_low", "sentence": "The disk is nearly full."}
    notices = [{"code": "clock", "sentence": "The clock jumped."}, {"code": "backup", "sentence": "No backup."}]
    found = listed(call, health={"ok": False, "problems": [problem], "notices": notices})
    assert keys(found) == ["problem/disk_low", "notice/clock", "notice/backup"]
    assert [alarm["loud"] for alarm in found["alarms"]] == [True, True, False]
    unknown = listed(call, health={"ok": False, "problems": []})
    assert keys(unknown) == ["problem/unknown"]


def test_what_was_acknowledged_stands_last_and_is_quiet(call: Call) -> None:
    notices = [{"code": "clock", "sentence": "C."}, {"code": "backup", "sentence": "B."}]
    acks = {"notice/clock": {"who": "ann", "time_ms": NOW}}
    found = listed(call, health={"ok": True, "problems": [], "notices": notices}, acks=acks)
    assert keys(found) == ["notice/backup", "notice/clock"] and found["summary"] == ""
