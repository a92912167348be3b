"""The alarms: what the server raises is listed, heard and acknowledged, for everybody."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.page.calling import Call
from tests.page.here import Here
from tests.page.samples import MINUTE, NOW
from tests.page.watching import (
    COUNT_TONES,
    Observatory,
    assert_live,
    log_in,
    wait_change,
    wait_text,
    wait_tones,
    wait_until,
)

OpenPage = Callable[..., Any]
STOP = {"device": "all", "instance": "", "action": "cancel_all_commands", "required_params": {}, "optional_params": {}}


def arm_sound(page: Any) -> None:
    """Click the sound on, and forget the tones that say so."""
    page.locator("[data-sound-button]").click()
    wait_text(page.locator("[data-sound-button]"), "Sound ON")
    wait_tones(page)
    page.evaluate("window.tones = 0")


def open_page_of_a_silent_site(served: Here, observatory: Observatory, open_page: OpenPage, admin: str) -> Any:
    observatory.poll()
    served.after(600)
    page = open_page(served.url)
    log_in(page, served.url, admin)
    return page


# ---- in the browser


def test_a_silent_site_is_an_alarm_that_is_heard_until_it_is_acknowledged(
    served: Here, observatory: Observatory, admin: str, open_page: OpenPage
) -> None:
    observatory.poll()
    page = open_page(served.url)
    page.add_init_script(COUNT_TONES)
    log_in(page, served.url, admin)
    wait_text(page.locator(".link-state"), "live")
    alarm = page.locator(".alarm")
    assert alarm.count() == 0
    wait_text(page.locator("[data-sound-button][aria-pressed=false]"), "Sound off")
    arm_sound(page)

    served.after(600)
    wait_text(alarm, re.compile(r"saf has been silent since \d\d:\d\d:\d\d UTC\s+1\dm\d\ds"))
    wait_text(alarm.locator(".alarm-todo"), "See whether the observatory program runs")
    with page.expect_popup() as beside:
        alarm.get_by_role("link", name="In the manual").click()
    beside.value.get_by_role("heading", name="The site is silent").wait_for()
    beside.value.close()
    wait_text(page.locator("[data-alarm-region][aria-live=assertive]"), "saf has been silent since")
    wait_tones(page)
    age = alarm.locator(".alarm-age")
    wait_change(age)
    page.keyboard.press("j")
    wait_text(page.locator(".alarm-line"), re.compile(r"saf has been silent since \d\d:\d\d:\d\d UTC$"))
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
    page.keyboard.press("n")

    observatory.fetch()
    alarm.wait_for(state="detached")
    assert page.complaints == []


def test_an_acknowledgement_reaches_the_other_pages(
    served: Here, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.poll()
    served.after(600)
    first, second = open_page(served.url), open_page(served.url)
    log_in(first, served.url, admin)
    wait_text(second.locator(".alarm"), "saf has been silent")
    assert second.locator(".alarm button").is_hidden()
    first.locator(".alarm >> text=Acknowledge").click()
    wait_text(second.locator(".alarm"), "seen by staff")
    wait_text(first.locator(".alarm"), "Sound again")


def test_an_alarm_that_is_over_by_the_time_it_is_acknowledged_is_gone(
    served: Here, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    page = open_page_of_a_silent_site(served, observatory, open_page, admin)
    page.locator(".alarm").wait_for()
    # Nothing but the answer to the click may tell the page, and no earlier request is under way.
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    page.route("**/api/now*", hold)
    wait_until(page, lambda: held)
    observatory.fetch()
    wait_until(page, lambda: not served.server.appliance.board.alarms.raised())
    page.locator(".alarm >> text=Acknowledge").click()
    page.locator(".alarm").wait_for(state="detached")
    assert page.complaints == []


def test_a_stop_that_nobody_picks_up_is_loud_on_every_page(
    served: Here, observatory: Observatory, admin: str, open_page: OpenPage
) -> None:
    observatory.fetch()
    page = open_page(served.url)
    page.add_init_script(COUNT_TONES)
    page.goto(f"{served.url}/#/jobs")
    page.reload()
    arm_sound(page)
    stop = served.new_job(admin, **STOP, user_id="staff")
    served.after(16)
    line = page.locator(".alarm-line")
    words = re.compile(r"saf: “.+” was sent at \d\d:\d\d:\d\d UTC and is not picked up")
    wait_text(line, words)
    wait_tones(page)
    line.locator("a").click()
    alarm = page.locator(".alarm[data-kind=stop]")
    wait_text(alarm, words)
    wait_text(alarm, re.compile(r"[1-5]\ds"))
    wait_text(alarm.locator(".alarm-todo"), "Use the hardware stop.")
    alarm.locator("text=open the job").click()
    assert page.evaluate("location.hash") == f"#/jobs/{stop['ulid']}"
    observatory.fetch()
    line.wait_for(state="hidden")
    assert page.complaints == []


def test_the_worst_stands_first_and_what_is_only_remarked_is_quiet(
    served: Here, observatory: Observatory, alice: str, open_page: OpenPage
) -> None:
    sent = served.new_job(alice)
    observatory.poll()
    observatory.report(sent["ulid"], "EXPOSING", 10)
    # Where the nightly backup should go, something else is.
    (served.data / "backups").rmdir()
    (served.data / "backups").write_text("")
    page = open_page(served.url)
    wait_text(page.locator(".work-row"), "EXPOSING")
    served.after(120)
    alarms = page.locator(".alarm")
    wait_text(page.locator(".alarm[data-kind=notice]"), "The nightly backup failed")
    group = page.locator(".alarm-group").first
    wait_text(group, re.compile(r"saf: silent \d+m\d\ds · 1 job stuck"))
    assert group.locator(".alarm").count() == 0
    group.get_by_text("Show the 2 alarms").click()
    wait_text(page.locator(".alarm[data-kind=stuck]"), "should have ended at")
    assert [alarms.nth(at).get_attribute("data-kind") for at in range(3)] == ["silent", "stuck", "notice"]
    assert [alarms.nth(at).get_attribute("data-loud") for at in range(3)] == ["yes", "yes", None]
    page.keyboard.press("j")
    wait_text(page.locator(".alarm-line"), "2 alarms: saf has been silent since")


@pytest.mark.parametrize("width", [1280, 390])
def test_alarms_that_are_scrolled_away_are_one_line(
    served: Here, alice: str, observatory: Observatory, open_page: OpenPage, width: int
) -> None:
    for _ in range(14):
        served.new_job(alice)
    Observatory(served).poll()
    served.after(600)
    page = open_page(served.url, width=width, height=500)
    wait_text(page.locator(".alarm"), "saf has been silent")
    line = page.locator(".alarm-line")
    assert line.is_hidden()
    page.evaluate("scrollTo(0, 600)")
    wait_text(line, "saf has been silent")
    strip, box = page.locator(".strip").bounding_box(), line.bounding_box()
    assert abs(box["y"] - strip["height"]) < 1 and box["y"] + box["height"] < 500
    before = page.evaluate("scrollY")
    page.wait_for_timeout(1500)
    assert page.evaluate("scrollY") == before and line.is_visible()
    line.locator("a").focus()
    page.keyboard.press("Enter")
    line.wait_for(state="hidden")
    assert page.evaluate("[scrollY, document.activeElement.id]") == [0, "alarms-title"]
    assert page.complaints == []


def test_loud_alarms_say_that_the_sound_is_off(
    served: Here, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.poll()
    page = open_page(served.url)
    page.add_init_script(COUNT_TONES)
    log_in(page, served.url, admin)
    wait_text(page.locator(".link-state"), "live")
    button = page.locator(".alarms >> text=Sound is off · turn it on")
    assert button.is_hidden()
    served.after(600)
    button.wait_for()
    page.locator("#alarms-title").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    button.wait_for(state="hidden")
    wait_tones(page)
    wait_text(page.locator("[data-sound-button]"), "Sound ON")
    page.locator("[data-sound-button]").click()
    button.wait_for()
    page.locator(".alarm >> text=Acknowledge").click()
    button.wait_for(state="hidden")


def test_a_clock_that_was_set_is_loud(served: Here, open_page: OpenPage) -> None:
    page = open_page(served.url)
    wait_text(page.locator(".link-state"), "live")
    served.set_clock(7200)
    wait_text(page.locator(".alarm[data-loud]"), "The clock of this machine moved forward by 7200 s.")
    assert page.locator(".alarm").count() == 1


def test_where_the_sound_is_armed_the_page_listens_on_unseen(served: Here, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/favicon.ico")
    page.add_init_script("window.unseen = false; Object.defineProperty(document, 'hidden', { get: () => unseen });")
    page.add_init_script(COUNT_TONES)
    page.goto(served.url)
    wait_text(page.locator(".link-state"), "live")
    arm_sound(page)
    page.evaluate("window.unseen = true")
    assert_live(page)


def test_the_alarms_of_a_site_are_acknowledged_together_and_its_panel_stands_first(
    served: Here, alice: str, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    Observatory(served, "aaa").fetch()
    observatory.poll()
    served.new_job(alice, **STOP)
    served.new_job(alice)
    served.after(600)
    page = open_page(served.url, width=1280, height=800)
    log_in(page, served.url, admin)
    head = page.locator(".alarm-group").first
    wait_text(head, re.compile(r"saf: silent 1\dm\d\ds · 2 jobs waiting · 1 stop not picked up"))
    wait_text(page.locator(".stop-here:visible"), "Hold to stop saf")
    wait_until(page, lambda: page.locator(".site-name").all_inner_texts() == ["saf", "aaa"])
    assert page.locator(".site .state").first.bounding_box()["y"] < 700
    head.get_by_text("Acknowledge all").click()
    wait_text(head, "Sound again")
    assert all(alarm.seen_by for alarm in served.server.appliance.board.alarms.raised())
    assert page.complaints == []


BUTTON_UNDER = """([x, y]) => {
    const under = document.elementFromPoint(x, y);
    return `${under.closest(".alarm").dataset.kind} ${Boolean(under.closest("button"))}`;
}"""
FIRST_UNDER = f"""(at) => {{
    const list = document.querySelector(".alarm-list");
    new MutationObserver(() => {{
        if (list.children.length === 2) window.firstUnder ??= ({BUTTON_UNDER})(at);
    }}).observe(list, {{ childList: true }});
}}"""


def test_a_button_that_a_new_alarm_brings_under_the_pointer_is_not_pressed_at_once(
    served: Here, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    page = open_page_of_a_silent_site(served, observatory, open_page, admin)
    box = page.locator(".alarm .button").bounding_box()
    at = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    wait_until(page, lambda: page.evaluate(BUTTON_UNDER, at) == "silent true")
    page.evaluate(FIRST_UNDER, at)
    Observatory(served, "aaa").fetch()
    served.new_job(admin, **STOP, user_id="staff", site="aaa")
    served.after(16)
    wait_until(page, lambda: page.evaluate("window.firstUnder") == "stop false")
    wait_until(page, lambda: page.evaluate(BUTTON_UNDER, at) == "stop true")
    assert page.complaints == []


PRESS_AT_CHANGE = """() => {
    const alarms = document.querySelector(".alarms");
    new MutationObserver(() => {
        if (!alarms.hasAttribute("data-settling")) return;
        window.pressed = document.activeElement.textContent;
        document.activeElement.click();
    }).observe(alarms, { attributeFilter: ["data-settling"] });
}"""


def test_a_key_that_follows_a_new_alarm_at_once_acknowledges_nothing(
    served: Here, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    page = open_page_of_a_silent_site(served, observatory, open_page, admin)
    button = page.locator(".alarm .button").first
    page.locator(".alarms:not([data-settling])").wait_for()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.url.endswith("/alarms/ack") else None)
    # The key goes down in the very turn of the page in which the list changes.
    page.evaluate(PRESS_AT_CHANGE)
    button.focus()
    Observatory(served, "aaa").fetch()
    served.new_job(admin, **STOP, user_id="staff", site="aaa")
    served.after(16)
    wait_until(page, lambda: page.evaluate("window.pressed") == "Acknowledge")
    page.locator(".alarms:not([data-settling])").wait_for()
    assert sent == []
    page.keyboard.press("Enter")
    wait_until(page, lambda: len(sent) == 1)


# ---- in words


def alarm(key: str, **parts: Any) -> dict[str, Any]:
    return {
        "key": key,
        "kind": key.partition("/")[0],
        "sentence": f"About {key}",
        "since_ms": NOW - 10 * MINUTE,
        "raised_ms": NOW - MINUTE,
        "loud": True,
        "ack": None,
        **parts,
    }


SEEN = {"who": "ann", "time_ms": NOW}


@pytest.mark.parametrize(
    ("alarms", "summary"),
    [
        ([], ""),
        ([alarm("silent/saf/1")], "About silent/saf/1"),
        ([alarm("stop/A"), alarm("stuck/B"), alarm("notice/x", loud=False)], "2 alarms: About stop/A"),
        ([alarm("notice/x", loud=False), alarm("stop/A", ack=SEEN)], ""),
    ],
)
def test_the_line_about_the_alarms(call: Call, alarms: list[dict[str, Any]], summary: str) -> None:
    assert call("alarms.js", "summaryWords", alarms) == summary


def test_how_long_an_alarm_lasts(call: Call) -> None:
    assert call("alarms.js", "ageWords", alarm("stop/A"), NOW + 7000) == "10m07s"
    assert call("alarms.js", "ageWords", alarm("stop/A", since_ms=None), NOW) == ""


def test_the_alarms_of_a_site_in_one_line(call: Call) -> None:
    alarms = [
        alarm("stop/A", site="saf", todo="Use the hardware stop."),
        alarm("close-look/B", site="saf", todo="Look whether the roof closed."),
        alarm("problem/store", site="", todo=""),
        alarm("silent/saf/1", site="saf", todo="See whether the program runs."),
        alarm("close-look/C", site="saf", todo="Look whether the roof closed."),
    ]
    groups = call("alarms.js", "groupsOf", alarms)
    assert [group["site"] for group in groups] == ["saf", ""]
    words = call("alarms.js", "groupWords", groups[0], 4, NOW)
    assert words == "saf: silent 10m00s · 4 jobs waiting · 1 stop not picked up · 2 closes to look after"
    todo = "Use the hardware stop. Look whether the roof closed. See whether the program runs."
    assert call("alarms.js", "groupTodo", groups[0]) == todo


def test_the_words_of_a_group_name_the_kind_of_silence_and_of_notice(call: Call) -> None:
    never = alarm("never-polled/sfa", kind="silent", site="sfa", todo="")
    refused = alarm("notice/poll_refused/sfa", kind="notice", site="sfa", todo="")
    group = {"site": "sfa", "alarms": [never, refused]}
    assert call("alarms.js", "groupWords", group, 2, NOW) == "sfa: never polled · 2 jobs waiting · 1 program refused"


def test_an_alarm_that_comes_again_is_another_one(call: Call) -> None:
    first, again = alarm("notice/clock"), alarm("notice/clock", raised_ms=NOW)
    assert call("alarms.js", "nameOf", first) != call("alarms.js", "nameOf", again)
    assert call("alarms.js", "nameOf", first) == call("alarms.js", "nameOf", {**first, "ack": SEEN})


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_alarms_of_many_sites_leave_the_panels_in_view(
    here: Here, open_page: OpenPage, width: int, height: int
) -> None:
    here.serve(redeliver_stop=False)
    admin = here.token("staff", "--role", "admin")
    names = ["aro", "eco", "mrc1", "saf", "tan", "wema"]
    sites = [Observatory(here, name) for name in names]
    for _ in range(2):
        for site in sites:
            site.fetch()
        here.after(8)
    here.new_job(admin, site="tan", device="all", action="cancel_all_commands", user_id="staff")
    here.new_job(admin, site="tan", user_id="staff")
    here.after(300)
    page = open_page(here.url, width=width, height=height)
    log_in(page, here.url, admin)
    groups = page.locator(".alarm-group")
    wait_until(page, lambda: groups.count() == len(names))
    # The worst first; its other alarms are in the same line.
    wait_text(groups.first, re.compile(r"tan: silent 5m\d\ds · 2 jobs waiting · 1 stop not picked up"))
    wait_text(groups.first, "Acknowledge all")
    assert page.locator(".site .state").first.bounding_box()["y"] < height * 0.9
    wait_text(page.locator(".alarm-all"), "Scroll for all 6: tan, ")
    last = groups.last
    last.locator(".stop-here").scroll_into_view_if_needed()
    assert page.locator("[data-strip]").bounding_box()["y"] == 0 and last.locator(".stop-here").is_visible()
    assert page.evaluate("scrollY") == 0
    # Fewer alarms need no such line.
    for site in sites[:5]:
        site.fetch()
    wait_until(page, lambda: groups.count() == 1)
    page.locator(".alarm-all").wait_for(state="hidden")
    assert page.complaints == []
