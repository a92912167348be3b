"""What the page makes of the numbers: states, words, timelines."""

import re
from typing import Any

import pytest

from tests.page.calling import Call
from tests.page.samples import HOUR, MINUTE, NOW, done, job, picked_up, running, site

NOTHING = "\N{EN DASH}"


# ---- what the numbers mean


@pytest.mark.parametrize(
    ("jobs", "word"),
    [
        ([], "IDLE"),
        ([job()], "IDLE"),
        ([running()], "BUSY"),
        ([job(status="DREAMING", phase="unheard-of")], "BUSY"),
        ([picked_up(changed_ms=NOW - 9 * MINUTE)], "BUSY"),
        ([picked_up(changed_ms=NOW - 11 * MINUTE)], "IDLE"),
        ([running(), job(command_class="stop")], "STOPPING"),
        ([picked_up(command_class="stop", changed_ms=NOW - 29_000)], "STOPPING"),
        ([picked_up(command_class="stop", changed_ms=NOW - 31_000)], "IDLE"),
    ],
)
def test_the_word_of_a_site(call: Call, jobs: list[dict[str, Any]], word: str) -> None:
    assert call("state.js", "siteState", site(), jobs, NOW)["word"] == word


def test_silence_is_louder_than_work_and_not_live_louder_than_silence(call: Call) -> None:
    silent = site(last_poll_ms=NOW - 130_000)
    assert call("state.js", "siteState", silent, [running()], NOW)["word"] == "SITE SILENT 2m10s"
    assert call("state.js", "siteState", silent, [running()], NOW, False)["word"] == "NOT LIVE"
    assert call("state.js", "siteState", site(last_poll_ms=None), [], NOW)["word"] == "SITE SILENT"


def test_under_a_lock_silence_and_a_stop_are_seen(call: Call) -> None:
    locked = site(locks=[{"id": 1}])
    silent = locked | {"last_poll_ms": NOW - 130_000}
    stop = job(command_class="stop")
    for one, jobs, under in [(silent, [stop], "SITE SILENT 2m10s"), (locked, [stop], "STOPPING")]:
        state = call("state.js", "siteState", one, jobs, NOW)
        assert state["word"] == "LOCKED OUT" and state["under"]["word"] == under
    for jobs in ([], [running()]):
        assert call("state.js", "siteState", locked, jobs, NOW)["under"] is None
    assert call("state.js", "siteState", silent, [stop], NOW, False)["word"] == "NOT LIVE"


def test_a_slow_poller_is_silent_later(call: Call) -> None:
    slow = site(last_poll_ms=NOW - 100_000, silent_after_ms=240_000)
    assert call("state.js", "silentFor", slow, NOW) == 0
    assert call("state.js", "silentFor", slow | {"silent_after_ms": 60_000}, NOW) == 100_000


def test_progress_counts_from_the_start_to_the_end_of_the_last_estimate(call: Call) -> None:
    exposing = running(changed_ms=NOW - 10_000, estimate_s=40)
    assert call("state.js", "progress", exposing, NOW) == {"fraction": 0.25, "leftMs": 30_000, "endMs": NOW + 30_000}
    started = exposing | {"started_ms": NOW - 30_000}
    assert call("state.js", "progress", started, NOW)["fraction"] == 0.5
    assert call("state.js", "progress", exposing, NOW + 60_000)["fraction"] == 1


@pytest.mark.parametrize("estimate", [None, -1])
def test_no_estimate_no_progress(call: Call, estimate: int | None) -> None:
    assert call("state.js", "progress", running(estimate_s=estimate), NOW) is None
    assert call("state.js", "progress", picked_up(estimate_s=40), NOW) is None
    assert call("state.js", "progress", running(estimate_s=0), NOW)["fraction"] == 1


@pytest.mark.parametrize(
    ("which", "later_ms", "reports", "why"),
    [
        (running(estimate_s=40), 69_000, True, ""),
        (running(estimate_s=40), 71_000, True, "overdue"),
        (running(estimate_s=400), 499_000, True, ""),
        (running(estimate_s=400), 501_000, False, "overdue"),
        (running(), 24 * HOUR, True, ""),
        (picked_up(), 4 * MINUTE, True, ""),
        (picked_up(), 6 * MINUTE, True, "unreported"),
        (picked_up(), 6 * MINUTE, False, ""),
        (job(), 24 * HOUR, True, ""),
    ],
)
def test_stuck(call: Call, which: dict[str, Any], later_ms: int, reports: bool, why: str) -> None:
    assert call("state.js", "stuck", which, NOW + later_ms, reports) == why


def test_what_reports(call: Call) -> None:
    where = site(reporting=["focuser"])
    assert [call("state.js", "siteReports", where, one) for one in ("focuser", "camera", None)] == [True, False, True]
    assert call("state.js", "siteReports", site(reporting=[]), None) is False


@pytest.mark.parametrize(
    ("age_ms", "answered", "visible_ms", "kind"),
    [
        (0, False, 60_000, "starting"),
        (3000, True, 60_000, "live"),
        (7000, True, 60_000, "late"),
        (10_000, True, 60_000, "not_live"),
        (10_000, False, 60_000, "not_live"),
        (HOUR, True, 500, "returning"),
        (HOUR, True, 2500, "not_live"),
    ],
)
def test_is_the_page_live(call: Call, age_ms: int, answered: bool, visible_ms: int, kind: str) -> None:
    found = call("state.js", "connection", {"ageMs": age_ms, "answered": answered, "visibleMs": visible_ms})
    assert found["kind"] == kind
    assert found["live"] is (kind in ("starting", "live", "late"))


def test_a_page_that_nobody_sees_may_be_older(call: Call) -> None:
    unseen = {"answered": True, "hidden": True}
    assert call("state.js", "connection", {"ageMs": 80_000, **unseen})["live"] is True
    assert call("state.js", "connection", {"ageMs": 95_000, **unseen})["kind"] == "not_live"


# ---- words


@pytest.mark.parametrize(
    ("status", "word"),
    [
        ("UNREAD", "waiting"),
        ("RECEIVED", "picked up"),
        ("EXPOSING", "EXPOSING"),
        ("Räumt auf", "Räumt auf"),
        ("constructor", "constructor"),
        ("toString", "toString"),
        (None, NOTHING),
    ],
)
def test_the_word_of_a_status(call: Call, status: str, word: str) -> None:
    assert call("words.js", "statusWord", status) == word


@pytest.mark.parametrize(
    ("which", "text"),
    [
        (job(), "for 5 s"),
        (picked_up(picked_up_ms=NOW + 3140), ""),
        (running(estimate_s=65), "1:00 left"),
        (running(estimate_s=2), "0:03 over"),
        (running(), "for 5 s"),
        (running(started_ms=NOW - 5000), "for 10 s"),
        (done(picked_up_ms=NOW, started_ms=NOW, ended_ms=NOW + 159_000), "took 2:39"),
        (done(ended_ms=NOW + 159_000), ""),
    ],
)
def test_what_time_says_about_a_job(call: Call, which: dict[str, Any], text: str) -> None:
    assert call("words.js", "timeWords", which, NOW + 5000) == text


@pytest.mark.parametrize(
    ("which", "waited", "took"),
    [
        (job(), "5 s…", NOTHING),
        (picked_up(picked_up_ms=NOW + 2900), "2.9 s", NOTHING),
        (running(picked_up_ms=NOW + 400, started_ms=NOW + 1000), "0.4 s", "4 s…"),
        (running(started_ms=NOW - 155_000), NOTHING, "2:40…"),
        (done(picked_up_ms=NOW + 400, started_ms=NOW + 1000, ended_ms=NOW + 4500), "0.4 s", "3.5 s"),
        (done(picked_up_ms=NOW + 400, ended_ms=NOW + 4500), "0.4 s", "4.1 s"),
        (done(ended_ms=NOW + 4500), NOTHING, NOTHING),
        (job(status="EXPIRED", phase="gone", ended_ms=NOW + 1_320_000), "22:00", NOTHING),
    ],
)
def test_how_long_a_job_waited_and_took(call: Call, which: dict[str, Any], waited: str, took: str) -> None:
    assert call("words.js", "waitedWords", which, NOW + 5000) == waited
    assert call("words.js", "tookWords", which, NOW + 5000) == took


def test_picked_up_never_reads_running(call: Call) -> None:
    words = [call("words.js", name, picked_up(), NOW + 5000) for name in ("timeWords", "sinceWords", "statusMeaning")]
    assert not re.search(r"running|at work|exposing", " ".join(words), re.IGNORECASE)


def test_an_end_of_another_day_has_its_date(call: Call) -> None:
    long = running(changed_ms=NOW, estimate_s=86_400)
    assert call("words.js", "sinceWords", long, NOW).endswith("until about 2026-11-25 06:00:00")
    assert call("words.js", "sinceWords", running(estimate_s=60), NOW).endswith("until about 06:01:00")
    timeline = [past(0, "UNREAD", "waiting", "both"), past(1, "EXPOSING", "running")]
    marks = call("timeline.js", "steps", long | {"timeline": timeline}, "primary", NOW)
    assert (marks[-1]["word"], marks[-1]["time"]) == ("expected", "2026-11-25 06:00:00")


def test_a_name_from_right_to_left_turns_itself_only(call: Call) -> None:
    alone = {
        "device": "\N{HEBREW LETTER ALEF}\N{RIGHT-TO-LEFT OVERRIDE}\N{POP DIRECTIONAL ISOLATE}",
        "instance": "cam1",
    }
    assert (
        call("words.js", "deviceName", job(**alone))
        == "\N{LEFT-TO-RIGHT MARK}\N{FIRST STRONG ISOLATE}\N{HEBREW LETTER ALEF}<U+202E><U+2069>"
        "\N{POP DIRECTIONAL ISOLATE} / cam1"
    )
    assert call("words.js", "deviceName", job()) == "camera / camera1"


@pytest.mark.parametrize("unseen", ["\N{ZERO WIDTH SPACE}", " \t", "\N{HANGUL FILLER}\N{RIGHT-TO-LEFT MARK}", "\0"])
def test_a_name_that_cannot_be_seen_says_so(call: Call, unseen: str) -> None:
    hidden = job(device=unseen, instance="", user_name=unseen, label=unseen)
    said = [call("words.js", name, hidden) for name in ("deviceName", "userName", "jobLabel")]
    assert said == ["(no name)"] * 3


def test_a_handout_in_words(call: Call) -> None:
    handout = {"id": 7, "peer": "10.0.0.5:5000", "gap_ms": 1200, "state": "CONFIRMED", "maybe_flushed": False}

    def sentences(told: Any, phase: str = "picked_up", **parts: Any) -> Any:
        return call("words.js", "handoutSentences", told, job(**parts), phase)

    assert sentences(handout) == sentences(None) == []
    doubtful = sentences(handout | {"state": "UNCONFIRMED", "maybe_flushed": True})
    assert "may not have it. The job is not sent again by itself." in doubtful[0]
    assert "may never have been carried out" in doubtful[1]
    # A stop that nothing proves is handed out once more; so is what waits again.
    stop = {"command_class": "stop"}
    for told in sentences(handout | {"state": "UNCONFIRMED", "maybe_flushed": True}, **stop):
        assert "A stop is handed out once more by itself" in told and "not sent again" not in told
    (told,) = sentences(handout | {"state": "UNCONFIRMED"}, "waiting", **stop)
    assert told.endswith("It waits again, to be handed out once more.")


def test_sent_is_not_waiting_again(call: Call) -> None:
    assert call("words.js", "eventWord", {"status": "UNREAD", "queue": "both"}) == "sent"
    assert call("words.js", "eventWord", {"status": "UNREAD", "queue": "primary"}) == "waiting again"


def test_a_silent_site_says_who_waits_for_it(call: Call) -> None:
    silent = site(last_poll_ms=NOW - 130_000)
    assert (
        call("words.js", "siteSentence", silent, {"waiting": 5}, NOW)
        == "the site does not ask for jobs · 5 waiting for it"
    )
    assert call("words.js", "siteSentence", site(), {}, NOW) == "nothing runs, nothing waits"
    assert call("words.js", "siteSentence", site(), {"running": 1, "picked_up": 2}, NOW) == "1 running · 2 picked up"


# ---- the timeline


def past(seq: int, status: str, phase: str, queue: str = "primary", **parts: Any) -> dict[str, Any]:
    return {"seq": seq, "status": status, "phase": phase, "queue": queue, "time_ms": NOW + seq * 1000, **parts}


def test_marks_and_the_time_between_them(call: Call) -> None:
    timeline = [
        past(0, "UNREAD", "waiting", "both"),
        past(3, "RECEIVED", "picked_up"),
        past(4, "EXPOSING", "running"),
        past(9, "EXPOSING", "running"),
    ]
    marks = call(
        "timeline.js", "steps", running(timeline=timeline, estimate_s=30, changed_ms=NOW + 9000), "primary", NOW
    )
    assert [(mark["word"], mark.get("gap", "")) for mark in marks] == [
        ("sent", ""),
        ("picked up", "3.0 s"),
        ("EXPOSING", "1.0 s"),
        ("expected", ""),
    ]
    assert marks[-1]["time"] == "06:00:39"
    assert call("timeline.js", "growingGap", marks, NOW + 14_900) == "10 s…"


@pytest.mark.parametrize(
    ("which", "word"),
    [
        (job(), "not picked up yet"),
        (picked_up(), "no report"),
        (running(), "no estimate"),
        (running(estimate_s=30), "expected"),
        (done(), "UNREAD again"),
    ],
)
def test_what_comes_next(call: Call, which: dict[str, Any], word: str) -> None:
    timeline = [past(0, "RECEIVED", "picked_up"), past(1, "UNREAD again", "waiting")]
    assert call("timeline.js", "steps", which | {"timeline": timeline}, "primary", NOW)[-1]["word"] == word


def test_a_doubtful_hand_out_is_marked_where_it_stands(call: Call) -> None:
    doubtful = {"state": "UNCONFIRMED", "maybe_flushed": True}
    timeline = [past(0, "UNREAD", "waiting", "both"), past(1, "RECEIVED", "picked_up", handout=doubtful)]
    marks = call("timeline.js", "steps", picked_up(timeline=timeline), "primary", NOW)
    assert [mark["note"] for mark in marks] == ["", "unconfirmed, maybe flushed", ""]
    reported = call("timeline.js", "steps", running(timeline=timeline), "primary", NOW)
    assert [mark["note"] for mark in reported] == ["", "", ""]
    assert call("words.js", "doubtWords", {"state": "CONFIRMED", "maybe_flushed": False}) == ""


def test_each_queue_has_its_own_marks(call: Call) -> None:
    timeline = [
        past(0, "UNREAD", "waiting", "both"),
        past(1, "RECEIVED", "picked_up", "alternate"),
        past(2, "CANCELLED", "gone", "both"),
    ]
    gone = job(status="CANCELLED", phase="gone", timeline=timeline)
    assert [mark["word"] for mark in call("timeline.js", "steps", gone, "primary", NOW)] == ["sent", "CANCELLED"]
    assert [mark["word"] for mark in call("timeline.js", "steps", gone, "alternate", NOW)] == [
        "sent",
        "picked up",
        "CANCELLED",
    ]


@pytest.mark.parametrize(
    ("alternate", "differs"), [("UNREAD", False), ("EXPOSING", False), ("RECEIVED", True), (None, False)]
)
def test_when_the_alternate_queue_is_worth_showing(call: Call, alternate: str | None, differs: bool) -> None:
    assert call("timeline.js", "alternateDiffers", running(alternate_status=alternate)) is differs


def test_a_report_answers_what_a_handout_left_open(call: Call) -> None:
    doubtful = {"state": "UNCONFIRMED", "maybe_flushed": True}
    timeline = [past(0, "UNREAD", "waiting", "both"), past(1, "RECEIVED", "picked_up", handout=doubtful)]
    assert len(call("timeline.js", "cautions", picked_up(timeline=timeline))) == 2
    assert call("timeline.js", "cautions", running(timeline=timeline)) == []


# ---- the sky, and devices at rest


def test_sidereal_time_goes_on(call: Call) -> None:
    sky = {"lst_h": 23.99, "time_ms": NOW}
    assert call("sky.js", "siderealWords", sky, NOW) == "23:59"
    assert call("sky.js", "siderealWords", sky, NOW + 2 * HOUR) == "01:59"
    assert call("sky.js", "siderealWords", {"lst_h": None}, NOW) == ""
    assert call("sky.js", "siderealWords", None, NOW) == ""


def test_what_the_sun_does_next(call: Call) -> None:
    sky = {"sunset_ms": NOW - HOUR, "dusk_ms": NOW - MINUTE, "dawn_ms": NOW + 6 * HOUR, "sunrise_ms": NOW + 7 * HOUR}
    assert call("sky.js", "nextTurn", sky, NOW) == {"name": "dawn", "ms": NOW + 6 * HOUR}
    assert call("sky.js", "turnWords", call("sky.js", "nextTurn", sky, NOW)) == "12:00"
    assert call("sky.js", "nextTurn", sky, NOW + 8 * HOUR) is None


def test_devices_at_rest(call: Call) -> None:
    done = {"status": "COMPLETE", "phase": "done", "changed_ms": NOW - 3 * MINUTE}
    events = [
        {"job": job(ulid="B", device="mount", instance="", **done)},
        {"job": job(ulid="A", device="mount", instance="", **{**done, "status": "FAILED", "phase": "failed"})},
        {"job": job(device="camera", **done)},
        {"job": job(device="all", **done)},
        {"job": job(device="focuser", site="tan", **done)},
        {"job": job(device="rotator")},
    ]
    lanes = call("lanes.js", "restingLanes", events, [job(device="camera")], "saf", NOW)
    assert [(lane["device"], lane["ulid"], lane["words"]) for lane in lanes] == [
        ("mount", "B", "COMPLETE 05:57:00 · idle 3m00s")
    ]
