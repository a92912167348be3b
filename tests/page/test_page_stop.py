"""What the page makes of a stop: how far it came, in words, and where it would go."""

from typing import Any

import pytest

from tests.page.conftest import Call
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


def test_the_station_of_a_site(call: Call) -> None:
    assert call("stop.js", "stationOf", ["wema=mrc1+mrc2", "other=saf"], "mrc2") == "wema"
    assert call("stop.js", "stationOf", ["wema=mrc1+mrc2"], "mrc") == ""
