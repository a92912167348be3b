"""What staff do on the page: send, send again, cancel, close."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.page.calling import Call
from tests.page.watching import Observatory, arm, click_twice, log_in, wait_text, wait_until
from tests.program import Program

OpenPage = Callable[..., Any]


def newest(served: Program) -> dict[str, Any]:
    return served.post("getrecentjobs", {"site": "saf"}).json()[0]


# ---- sending


def test_a_command_of_the_catalogue_is_sent(
    served: Program, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    observatory.fetch()
    page = open_page(served.url)
    wait_text(page.locator(".link-state"), "live")
    assert page.locator("[data-tab=send]").is_hidden()
    log_in(page, served.url, admin)
    page.locator("[data-tab=send]").wait_for()
    page.keyboard.press("e")
    page.fill("[data-screen=send] [data-part=search]", "expose")
    page.locator(".command", has_text="camera expose").click()
    submit = page.locator(".send-form [data-part=submit]")
    wait_text(page.locator(".missing"), "“time” is missing · “image_type” is missing")
    assert submit.is_disabled()
    page.fill(".field:has-text('time') >> nth=0 >> input >> visible=true", "60")
    page.get_by_label("image_type").fill("light")
    page.get_by_role("group", name="substack").get_by_text("true").click()
    page.click("summary")
    page.get_by_label("instrument_selector_position").fill("2")
    preview = json.loads(page.locator(".send-form .json").inner_text())
    assert preview["required_params"] == {"time": "60", "image_type": "light", "smartstack": True, "substack": True}
    assert preview["optional_params"] == {"instrument_selector_position": 2}
    submit.click()
    wait_text(page.locator(".sent"), re.compile(r"Sent to saf \d\d:\d\d:\d\d UTC"))
    [job] = observatory.fetch()
    assert (job["user_id"], job["required_params"]) == ("staff", preview["required_params"])
    page.click(".sent a")
    wait_text(page.locator(".job-status"), "picked up")
    assert page.complaints == []


def test_a_refusal_keeps_the_form(served: Program, alice: str, observatory: Observatory, open_page: OpenPage) -> None:
    observatory.fetch()
    page = open_page(served.url)
    log_in(page, served.url, alice)
    page.goto(f"{served.url}/#/send")
    page.fill("[data-screen=send] [data-part=search]", "restart")
    page.locator(".command", has_text="observatory_restart").click()
    page.get_by_label("user_provided_reason").fill("it hangs")
    page.click(".send-form [data-part=submit]")
    wait_text(
        page.locator(".send-form .problem"), "Not sent. Commands of the class restart need the admin or owner role."
    )
    more = page.locator(".send-form .problem").get_by_role("link", name="In the manual")
    assert more.get_attribute("href") == "manual/secure#tokens-and-roles"
    assert page.get_by_label("user_provided_reason").input_value() == "it hangs"


def test_an_unknown_command_goes_by_hand(served: Program, page: Any) -> None:
    page.goto(f"{served.url}/#/send")
    page.click(".chip-row >> text=by hand")
    page.locator(".send-form").get_by_label("device required").fill("laser")
    page.get_by_label("action required").fill("point")
    page.click("summary")
    page.get_by_label("required_params").fill("[1]")
    wait_text(page.locator(".missing"), "“required_params” is no JSON object")
    page.get_by_label("required_params").fill('{"where": [1, 2]}')
    page.click(".send-form [data-part=submit]")
    wait_text(page.locator(".sent"), "Sent to saf")
    assert newest(served)["required_params"] == {"where": [1, 2]}


def test_units_and_notes_stand_beside_the_form_and_refuse_nothing(served: Program, page: Any) -> None:
    page.goto(f"{served.url}/#/send")
    page.fill("[data-screen=send] [data-part=search]", "slew mount go")
    page.locator(".command", has_text="mount go").click()
    form, notes = page.locator(".send-form"), page.locator(".send-notes")
    wait_text(form.locator(".field", has_text="ra required"), "from 0 to 24 h")
    wait_text(form.locator(".field", has_text="dec required"), "from -90 to +90°")
    for name, value in (("ra", "25"), ("dec", "41.2"), ("frame", "ICRS")):
        form.get_by_label(f"{name} required").fill(value)
    wait_text(notes, "“ra” is 25 h. Usual: from 0 to 24 h.")
    page.click(".send-form [data-part=submit]")
    wait_text(page.locator(".sent"), "Sent to saf")
    assert newest(served)["required_params"]["ra"] == "25"
    form.get_by_label("ra required").fill("10.5")
    notes.wait_for(state="hidden")


def test_a_site_that_never_polled_is_said(served: Program, admin: str, observatory: Observatory, page: Any) -> None:
    observatory.fetch()
    served.new_job(admin, user_id="staff", site="sfa")
    page.goto(f"{served.url}/#/send")
    chips, note = page.locator("[data-screen=send] [data-part=sites]"), page.locator("[data-part=siteNote]")
    chips.get_by_text("saf").click()
    note.wait_for(state="hidden")
    chips.get_by_text("sfa").click()
    said = "No program has ever polled for jobs of sfa: the job waits until a program does. Did you mean saf?"
    wait_text(note, said)
    page.fill("[data-screen=send] [data-part=search]", "park")
    page.locator(".command", has_text="mount park").first.click()
    page.click(".send-form [data-part=submit]")
    wait_text(page.locator(".sent"), re.compile("Sent to sfa .*" + re.escape(said)))
    assert page.complaints == []


def test_the_servers_note_on_a_sent_command_is_shown(served: Program, page: Any, observatory: Observatory) -> None:
    observatory.fetch()
    page.goto(f"{served.url}/#/send")
    page.click(".chip-row >> text=by hand")
    form, sent = page.locator(".send-form"), page.locator(".sent")
    form.get_by_label("device required").fill("camera")
    page.get_by_label("action required").fill("stop")
    page.click("summary")
    page.get_by_label("required_params").fill(json.dumps({"why": 5000 * "a"}))
    page.click(".send-form [data-part=submit]")
    said = "The command is larger than 4 kB, and needs no params: it is sent without them."
    wait_text(sent.locator(".sent-note"), said)
    page.get_by_label("required_params").fill("{}")
    page.click(".send-form [data-part=submit]")
    sent.locator(".sent-note").wait_for(state="detached")
    assert page.complaints == []


def test_a_misspelt_command_and_a_new_device_are_noted(served: Program, page: Any, admin: str) -> None:
    served.new_job(admin, user_id="staff")
    page.goto(f"{served.url}/#/send")
    page.click(".chip-row >> text=by hand")
    form, notes = page.locator(".send-form"), page.locator(".send-notes")
    form.get_by_label("device required").fill("camera")
    form.get_by_label("action required").fill("expos")
    wait_text(notes, "“expos” is no known action of “camera”. Did you mean expose?")
    form.get_by_label("device required").fill("rotator")
    form.get_by_label("action required").fill("home")
    wait_text(notes, re.compile("No job of saf so far was for the device “rotator”. Known: .+"))
    assert page.locator(".send-form [data-part=submit]").is_enabled()
    assert page.complaints == []


# ---- with a job


def test_a_job_is_sent_again(served: Program, admin: str, observatory: Observatory, open_page: OpenPage) -> None:
    sent = served.new_job(admin, user_id="staff")
    observatory.fetch()
    page = open_page(served.url)
    log_in(page, served.url, admin)
    page.goto(f"{served.url}/#/jobs/{sent['ulid']}")
    again = page.locator("[data-part=again] >> visible=true")
    click_twice(again)
    wait_text(page.locator(".job-status"), "waiting")
    assert sent["ulid"] not in page.evaluate("location.hash")
    wait_text(page.locator("[data-screen=job] .facts"), sent["ulid"])


def test_the_json_of_a_job_opens_inside_the_screen(served: Program, alice: str, open_page: OpenPage) -> None:
    sent = served.new_job(alice, required_params={"evil": "<b>bold</b>"})
    page = open_page(f"{served.url}/#/jobs/{sent['ulid']}")
    button, raw = page.get_by_role("button", name="Raw JSON"), page.locator(".job-raw")
    button.click()
    assert json.loads(raw.inner_text())["ulid"] == sent["ulid"]
    assert "<b>bold</b>" in raw.inner_text()
    assert (len(page.context.pages), page.url) == (1, f"{served.url}/#/jobs/{sent['ulid']}")
    assert button.get_attribute("aria-expanded") == "true"
    button.click()
    assert raw.is_hidden()


def test_a_stuck_job_is_closed_with_a_reason(
    served: Program, admin: str, alice: str, observatory: Observatory, open_page: OpenPage
) -> None:
    sent = served.new_job(alice)
    page = open_page(served.url)
    log_in(page, served.url, admin)
    page.goto(f"{served.url}/#/jobs/{sent['ulid']}")
    page.locator("[data-part=cancel] >> visible=true").wait_for()
    assert page.locator("[data-screen=job] [data-part=close]").is_hidden()
    observatory.fetch()
    page.click("text=Close it…")
    page.click("text=Close as ABORTED")
    wait_text(page.locator(".job-head .problem"), "Not closed. Say why")
    page.fill("[data-part=reason]", "the camera hung")
    page.keyboard.press("Enter")
    wait_text(page.locator(".job-status"), "ABORTED")
    wait_text(page.locator(".changes tbody tr").last, "the camera hung")
    assert page.locator(".close-form").is_hidden()


def test_what_was_begun_with_a_job_does_not_go_over_to_another(
    served: Program, admin: str, observatory: Observatory, open_page: OpenPage
) -> None:
    begun, other = (served.new_job(admin, user_id="staff", action=action)["ulid"] for action in ("begun", "other"))
    page = open_page(served.url)
    log_in(page, served.url, admin)
    page.goto(f"{served.url}/#/jobs/{begun}")
    cancel, title = page.locator("[data-screen=job] [data-part=cancel]"), page.locator("#job-title")
    arm(cancel)
    page.wait_for_timeout(500)
    page.evaluate(f"location.hash = '#/jobs/{other}'")
    wait_text(title, "other")
    assert cancel.inner_text() == "Cancel this job"
    arm(cancel)
    wait_text(page.locator("[data-announce]"), "Click again to cancel it")

    observatory.fetch()
    cancel.wait_for(state="hidden")
    page.click("text=Close it…")
    page.fill("[data-part=reason]", "the camera hung")
    page.evaluate(f"location.hash = '#/jobs/{begun}'")
    wait_text(title, "begun")
    assert page.locator(".close-form").is_hidden()
    page.click("text=Close it…")
    assert page.locator("[data-part=reason]").input_value() == ""


@pytest.mark.parametrize(
    ("end", "said"), [("abort", "acted: Not sent again. The server cannot be reached."), ("continue_", "")]
)
def test_an_act_that_ends_late_leaves_the_screen_alone(
    served: Program, admin: str, open_page: OpenPage, end: str, said: str
) -> None:
    acted, other = (served.new_job(admin, user_id="staff", action=action)["ulid"] for action in ("acted", "other"))
    page = open_page(served.url)
    log_in(page, served.url, admin)
    page.goto(f"{served.url}/#/jobs/{acted}")
    late: list[Any] = []

    def keep(route: Any) -> None:
        late.append(route)

    page.route("**/again", keep)
    again = page.locator("[data-screen=job] [data-part=again]")
    click_twice(again)
    wait_until(page, lambda: late)
    page.evaluate(f"location.hash = '#/jobs/{other}'")
    wait_text(page.locator("#job-title"), "other")
    getattr(late[0], end)()
    page.locator("[data-screen=job] [data-part=again]:enabled").wait_for()
    page.wait_for_timeout(300)
    assert page.locator(".job-head .problem").inner_text().endswith(said)
    assert bool(page.locator(".job-head .problem").inner_text()) == bool(said)
    assert page.evaluate("location.hash") == f"#/jobs/{other}"


# ---- fields

COMMAND = {
    "device": "sequencer",
    "action": "run",
    "script": "bias",
    "label": "Take biases[ {count}]",
    "command_class": "script",
    "required": {"script": "bias", "count": 5, "cold": False},
    "optional": {"modes": ["a"], "name": "M31", "hot": True},
    "note": "",
}


def test_the_fields_of_a_command(call: Call) -> None:
    fields = call("commands.js", "fieldsOf", COMMAND)
    assert [(field["name"], field["kind"], field["start"]) for field in fields] == [
        ("script", "fixed", "bias"),
        ("count", "number", ""),
        ("cold", "boolean", "false"),
        ("modes", "json", ""),
        ("name", "text", ""),
        ("hot", "boolean", ""),
    ]
    assert call("commands.js", "plainLabel", COMMAND) == "Take biases"


@pytest.mark.parametrize(
    ("typed", "problems"),
    [
        ({}, ["“count” is missing"]),
        ({"count": "x"}, ["“count” is no number"]),
        ({"count": "Infinity"}, ["“count” is no number"]),
        ({"count": "5", "modes": "[a"}, ['“modes” is no JSON; it could be ["a"]']),
        ({"count": "5", "modes": '["b"]', "name": " ", "hot": "true"}, []),
    ],
)
def test_what_was_typed(call: Call, typed: dict[str, str], problems: list[str]) -> None:
    read = call("commands.js", "readFields", call("commands.js", "fieldsOf", COMMAND), typed)
    assert read["problems"] == problems
    if not problems:
        assert read["required_params"] == {"script": "bias", "count": 5, "cold": False}
        assert read["optional_params"] == {"modes": ["b"], "hot": True}


def test_commands_are_found(call: Call) -> None:
    other = {**COMMAND, "device": "mount", "action": "park", "script": None, "label": "Park the mount"}
    found = [
        call("commands.js", "findCommands", [COMMAND, other], *asked)
        for asked in (("mount", ""), ("mount", "BIAS seq"), ("mount", "nothing"))
    ]
    assert found == [[other], [COMMAND], []]
