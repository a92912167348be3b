"""What the page makes of a stop: how far it came, in words, and where it would go."""

from typing import Any

import pytest

from tests.page.calling import Call
from tests.page.samples import NOW, change, picked_up

DOUBT = "Stop of saf handed out, but nothing shows that it arrived: use the hardware stop"
STEP = """async ([change, nowMs, parts, alarms]) => {
    const stop = await import("/stop.js");
    const step = Object.assign(stop.newStep("STOP", stop.stopCommand("saf")), parts);
    if (change) stop.takeChange(step, change);
    stop.takeAlarms(step, alarms);
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
    found = call.page.evaluate(STEP, [said, NOW + after_ms, parts, []])
    assert (found[0], found[2]) == (state, trouble)


NEWER = {"ulid": "01KB0000000000000000000002", "command_class": "stop", "user_name": "Kim"}
GAVE_WAY = """async ([changes, nowMs, parts]) => {
    const stop = await import("/stop.js");
    const step = Object.assign(stop.newStep("STOP", stop.stopCommand("saf")), parts);
    for (const change of changes) stop.takeChange(step, change);
    return [stop.stepState(step, nowMs), stop.proofWords(step, nowMs), stop.troubleWords([step], nowMs)];
}"""


def test_a_stop_that_gave_way_is_proved_by_the_newer_one(call: Call) -> None:
    told = [change(5, status="CANCELLED", phase="gone"), change(6, **NEWER, queue="both")]
    sent = "saf: STOP sent 06:00:00 → gave way to the stop of Kim"
    state, words, trouble = call.page.evaluate(GAVE_WAY, [told, NOW + 2000, SENT])
    assert (state, words, trouble) == ("sent", f"{sent} → waiting 1 s for the site", "")
    handed = [*told, change(7, **NEWER, status="RECEIVED", phase="picked_up")]
    assert call.page.evaluate(GAVE_WAY, [handed, NOW + 90_000, SENT]) == [
        "picked_up",
        f"{sent} → picked up 06:00:00",
        "",
    ]
    late = call.page.evaluate(GAVE_WAY, [told, NOW + 20_000, SENT])
    assert (late[0], late[2]) == ("late", "Stop of saf not picked up: use the hardware stop")
    # The newer one was withdrawn by hand.
    ended = [*told, change(8, **NEWER, status="CANCELLED", phase="gone")]
    assert call.page.evaluate(GAVE_WAY, [ended, NOW, SENT])[0] == "failed"
    # A stop that is not withdrawn has its own proof.
    own = [change(6, **NEWER, queue="both"), change(7, status="RECEIVED", phase="picked_up")]
    assert call.page.evaluate(GAVE_WAY, [own, NOW, SENT])[1] == "saf: STOP sent 06:00:00 → picked up 06:00:00"


def test_only_its_own_doubt_makes_a_stop_doubtful(call: Call) -> None:
    said = change(5, status="RECEIVED", phase="picked_up")
    own, other = ({"key": f"stop-doubt/{ulid}"} for ulid in (picked_up()["ulid"], "01KB0000000000000000000002"))
    found = call.page.evaluate(STEP, [said, NOW, SENT, [other, own]])
    assert (found[0], found[2]) == ("doubted", DOUBT)
    assert call.page.evaluate(STEP, [said, NOW, SENT, [other]])[0] == "picked_up"
    # Nothing of it was handed out.
    assert call.page.evaluate(STEP, [None, NOW, SENT, [own]])[0] == "sent"


@pytest.mark.parametrize(
    ("answer", "staff", "words"),
    [
        (None, False, ""),
        ({"may": True, "why": "", "holders": ["Ann K."]}, False, ""),
        (
            {"may": False, "why": "Someone else has a reservation right now.", "holders": ["Ann K.", "Bo"]},
            False,
            "saf: reserved by Ann K., Bo; the server may refuse",
        ),
        (
            {"may": False, "why": "Only staff may.", "holders": ["Ann K."]},
            False,
            "saf: the server may refuse. Only staff may.",
        ),
        ({"may": False, "why": "Someone else has a reservation right now.", "holders": ["Ann K."]}, True, ""),
    ],
)
def test_what_stands_beside_a_stop_that_may_be_refused(
    call: Call, answer: dict[str, Any] | None, staff: bool, words: str
) -> None:
    assert call("stop.js", "doubtWords", "saf", answer, staff) == words


# ---- holds side by side

# One hold at `everyMs` after the other, the first to make safe, each stop picked up a second later; what goes out
# when. The park is never picked up.
HOLDS = """async ([everyMs, holds, seconds]) => {
    const stop = await import("/stop.js");
    const { withRun } = await import("/stop_run.js");
    let [runs, sent] = [[], []];
    for (let at = 0; at <= seconds * 1000; at += 1000) {
        if (at % everyMs === 0 && at / everyMs < holds) {
            const safe = stop.safeCommands("saf", "wema");
            runs = withRun(runs, at ? [["STOP", stop.stopCommand("saf")]] : safe, at);
        }
        for (const run of runs) {
            for (const step of run.due(runs, at)) {
                sent.push([at / 1000, step.word]);
                Object.assign(step, { askedMs: at, sentMs: at, pickedMs: step.word === "PARK" ? null : at + 1000 });
            }
        }
    }
    return sent;
}"""


def test_the_park_comes_after_every_stop_and_the_close_after_the_park(call: Call) -> None:
    sent = call.page.evaluate(HOLDS, [4000, 3, 60])
    assert sent == [[0, "STOP"], [4, "STOP"], [8, "STOP"], [14, "PARK"], [29, "CLOSE"]]


def test_a_stop_that_is_held_again_and_again_does_not_keep_the_roof_open(call: Call) -> None:
    sent = call.page.evaluate(HOLDS, [4000, 30, 180])
    assert [at for at, word in sent if word == "STOP"] == list(range(0, 120, 4))
    # The first stop is settled after 6 s, and then the close waits half a minute for the park.
    assert [one for one in sent if one[1] != "STOP"] == [[36, "CLOSE"], [122, "PARK"]]
    # No more does a park that goes out in between, and is withdrawn each time.
    sent = call.page.evaluate(HOLDS, [11_000, 4, 60])
    assert [one for one in sent if one[1] != "STOP"] == [
        [6, "PARK"],
        [17, "PARK"],
        [28, "PARK"],
        [36, "CLOSE"],
        [39, "PARK"],
    ]


TWO = """async ([first, parts, second]) => {
    const stop = await import("/stop.js");
    const { withRun } = await import("/stop_run.js");
    const commands = ([site, safe]) => (safe ? stop.safeCommands(site, "wema") : [["STOP", stop.stopCommand(site)]]);
    const runs = withRun([], commands(first), 0);
    runs[0].steps.forEach((step, at) => Object.assign(step, parts[at]));
    const held = withRun(runs, commands(second), 60000);
    return held.map((run) => run.steps.map((step) => `${step.word} ${stop.stepState(step, 60000)}`));
}"""
PROVED = {"askedMs": 0, "sentMs": 0, "pickedMs": 1000}
REFUSED = {"askedMs": 0, "error": "No."}


@pytest.mark.parametrize(
    ("first", "parts", "second", "left"),
    [
        (["saf", False], [PROVED], ["mrc1", False], []),
        (["saf", False], [{**PROVED, "pickedMs": 56_000}], ["mrc1", False], [["STOP picked_up"]]),
        # What went wrong stays in sight until the same is tried again.
        (["saf", False], [REFUSED], ["mrc1", False], [["STOP failed"]]),
        (["saf", False], [REFUSED], ["saf", False], []),
        (
            ["saf", True],
            [PROVED, REFUSED, PROVED],
            ["saf", False],
            [["STOP picked_up", "PARK failed", "CLOSE picked_up"]],
        ),
        (["saf", True], [PROVED, REFUSED, PROVED], ["saf", True], []),
    ],
)
def test_what_stays_in_sight_of_an_earlier_hold(
    call: Call, first: list[Any], parts: list[Any], second: list[Any], left: list[list[str]]
) -> None:
    words = ["STOP", "PARK", "CLOSE"] if second[1] else ["STOP"]
    assert call.page.evaluate(TWO, [first, parts, second]) == [*left, [f"{word} idle" for word in words]]


def test_a_roof_that_was_closed_is_closed_again_though_the_park_still_waits(call: Call) -> None:
    parts = [PROVED, {}, PROVED]
    found = call.page.evaluate(TWO, [["saf", True], parts, ["saf", True]])
    assert found[-1] == ["STOP idle", "PARK idle", "CLOSE idle"]
