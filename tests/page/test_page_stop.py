"""What the page makes of a stop and of an act that makes a site safe: how far it came, in words."""

from typing import Any

import pytest

from tests.page.calling import Call
from tests.page.samples import NOW, change, picked_up

DOUBT = "Stop of saf handed out, but nothing shows that it arrived: use the hardware stop"
STOP = """async ([changes, nowMs, parts, alarms]) => {
    const { newStop, stopState, stopTrouble, stopWords, takeAlarms, takeChange } = await import("/stop.js");
    const stop = Object.assign(newStop("saf"), parts);
    for (const change of changes) takeChange(stop, change);
    takeAlarms(stop, alarms);
    return [stopState(stop, nowMs), stopWords(stop, nowMs), stopTrouble(stop, nowMs)];
}"""
SENT = {"ulid": picked_up()["ulid"], "askedMs": NOW, "sentMs": NOW}


@pytest.mark.parametrize(
    ("changed", "after_ms", "parts", "state", "trouble"),
    [
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
    said = [change(5, **changed)] if changed else []
    found = call.page.evaluate(STOP, [said, NOW + after_ms, parts, []])
    assert (found[0], found[2]) == (state, trouble)


NEWER = {"ulid": "01KB0000000000000000000002", "command_class": "stop", "user_name": "Kim"}


def test_a_stop_that_gave_way_is_proved_by_the_newer_one(call: Call) -> None:
    told = [change(5, status="CANCELLED", phase="gone"), change(6, **NEWER, queue="both")]
    sent = "saf: STOP sent 06:00:00 → gave way to the stop of Kim"
    state, words, trouble = call.page.evaluate(STOP, [told, NOW + 2000, SENT, []])
    assert (state, words, trouble) == ("sent", f"{sent} → waiting 1 s for the site", "")
    handed = [*told, change(7, **NEWER, status="RECEIVED", phase="picked_up")]
    assert call.page.evaluate(STOP, [handed, NOW + 90_000, SENT, []]) == [
        "picked_up",
        f"{sent} → picked up 06:00:00",
        "",
    ]
    late = call.page.evaluate(STOP, [told, NOW + 20_000, SENT, []])
    assert (late[0], late[2]) == ("late", "Stop of saf not picked up: use the hardware stop")
    # The newer one was withdrawn by hand.
    ended = [*told, change(8, **NEWER, status="CANCELLED", phase="gone")]
    assert call.page.evaluate(STOP, [ended, NOW, SENT, []])[0] == "failed"
    # A stop that is not withdrawn has its own proof.
    own = [change(6, **NEWER, queue="both"), change(7, status="RECEIVED", phase="picked_up")]
    assert call.page.evaluate(STOP, [own, NOW, SENT, []])[1] == "saf: STOP sent 06:00:00 → picked up 06:00:00"


def test_a_stop_that_comes_back_was_sent_once(call: Call) -> None:
    told = [change(0, status="UNREAD", phase="waiting"), change(1000, status="RECEIVED", phase="picked_up")]
    told.append(change(2000, status="UNREAD", phase="waiting"))
    words = call.page.evaluate(STOP, [told, NOW + 3000, {"ulid": picked_up()["ulid"]}, []])[1]
    assert words == "saf: STOP sent 06:00:00 → picked up 06:00:01"


def test_a_stop_that_was_only_reported_is_not_picked_up(call: Call) -> None:
    said, key = [change(5, status="COMPLETE", phase="done")], f"stop-reported/{picked_up()['ulid']}"
    found = call.page.evaluate(STOP, [said, NOW, SENT, [{"key": key}]])
    assert found == ["reported", "saf: STOP sent 06:00:00 → REPORTED, NOT HANDED OUT HERE", ""]


def test_only_its_own_doubt_makes_a_stop_doubtful(call: Call) -> None:
    said = [change(5, status="RECEIVED", phase="picked_up")]
    own, other = ({"key": f"stop-doubt/{ulid}"} for ulid in (picked_up()["ulid"], "01KB0000000000000000000002"))
    found = call.page.evaluate(STOP, [said, NOW, SENT, [other, own]])
    assert (found[0], found[2]) == ("doubted", DOUBT)
    assert call.page.evaluate(STOP, [said, NOW, SENT, [other]])[0] == "picked_up"
    # Nothing of it was handed out.
    assert call.page.evaluate(STOP, [[], NOW, SENT, [own]])[0] == "sent"


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


TWO = """async ([first, parts, second]) => {
    const { newStop, stopState, withStop } = await import("/stop.js");
    const before = Object.assign(newStop(first), parts);
    return withStop([before], newStop(second), 60000).map((stop) => `${stop.site} ${stopState(stop, 60000)}`);
}"""
PROVED = {"ulid": "1", "askedMs": 0, "sentMs": 0, "pickedMs": 1000}
REFUSED = {"askedMs": 0, "error": "No."}


@pytest.mark.parametrize(
    ("parts", "second", "left"),
    [
        (PROVED, "mrc1", []),
        ({**PROVED, "pickedMs": 56_000}, "mrc1", ["saf picked_up"]),
        # What went wrong stays in sight until the same site is stopped again.
        (REFUSED, "mrc1", ["saf failed"]),
        (REFUSED, "saf", []),
    ],
)
def test_what_stays_in_sight_of_an_earlier_stop(
    call: Call, parts: dict[str, Any], second: str, left: list[str]
) -> None:
    assert call.page.evaluate(TWO, ["saf", parts, second]) == [*left, f"{second} sending"]


# ---- an act of the server


def step(word: str, state: str, **parts: Any) -> dict[str, Any]:
    sent_ms = None if state == "next" else NOW
    known = {"site": "saf", "ulid": word, "sent_ms": sent_ms, "picked_up_ms": None, "gave_way_to": ""}
    return {"word": word, "state": state, **known, **parts}


def act(*steps: dict[str, Any], **parts: Any) -> dict[str, Any]:
    who = {"user_id": "auth0|ann", "user_name": "Ann K."}
    return {
        "id": 1,
        "site": "saf",
        "since_ms": NOW,
        "ended_ms": None,
        "replaced": False,
        **who,
        "steps": steps,
        **parts,
    }


PICKED = {"picked_up_ms": NOW + 3000}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (step("PARK", "next"), "saf: PARK comes next"),
        (step("STOP", "sent"), "saf: STOP sent 06:00:00 → waiting 4 s for the site"),
        (step("STOP", "late"), "saf: STOP sent 06:00:00 → NOT PICKED UP for 4.0 s"),
        (step("STOP", "picked_up", **PICKED), "saf: STOP sent 06:00:00 → picked up 06:00:03"),
        (
            step("STOP", "picked_up", **PICKED, gave_way_to="Kim"),
            "saf: STOP sent 06:00:00 → gave way to the stop of Kim → picked up 06:00:03",
        ),
        (step("CLOSE", "done", **PICKED), "saf: CLOSE sent 06:00:00 → picked up 06:00:03 → done"),
        (
            step("PARK", "picked_up", **PICKED, ulid="odd"),
            "saf: PARK sent 06:00:00 → handed out 06:00:03, NOT CONFIRMED",
        ),
        (step("PARK", "done", ulid="told"), "saf: PARK sent 06:00:00 → REPORTED, NOT HANDED OUT HERE"),
        (step("PARK", "gone"), "saf: PARK sent 06:00:00 → withdrawn"),
    ],
)
def test_the_words_of_a_step(call: Call, told: dict[str, Any], words: str) -> None:
    lines = call(
        "make_safe.js", "actLines", act(told), [{"key": "park-doubt/odd"}, {"key": "park-reported/told"}], NOW + 4000
    )
    assert [line["words"] for line in lines] == ["Stop and make safe: saf, by Ann K., 06:00:00", words]


@pytest.mark.parametrize(
    ("told", "trouble"),
    [
        (step("STOP", "sent"), ""),
        (step("STOP", "late"), "Stop of saf not picked up: use the hardware stop"),
        (step("CLOSE", "late", site="wema"), "CLOSE at wema not picked up: see to it by hand"),
        (step("PARK", "failed"), "PARK at saf failed: see to it by hand"),
        (step("PARK", "gone"), "PARK at saf withdrawn: see to it by hand"),
    ],
)
def test_what_is_wrong_with_an_act(call: Call, told: dict[str, Any], trouble: str) -> None:
    assert call("make_safe.js", "actTrouble", act(step("STOP", "done"), told), []) == trouble


def test_which_acts_are_seen(call: Call) -> None:
    under_way, proved = act(step("STOP", "sent"), id=4), act(step("STOP", "picked_up"), id=3, ended_ms=NOW)
    wrong = act(step("STOP", "late"), id=2, ended_ms=NOW)
    replaced = act(step("STOP", "sent"), id=1, ended_ms=NOW, replaced=True)
    makings = [under_way, proved, wrong, replaced]

    def seen(after_ms: int) -> list[int]:
        return [one["id"] for one in call("make_safe.js", "actsShown", makings, [], NOW + after_ms)]

    assert seen(299_000) == [2, 3, 4]
    assert seen(301_000) == [2, 4]
