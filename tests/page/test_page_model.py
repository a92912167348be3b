"""What the page knows, and how it keeps that up to date."""

from typing import Any

import pytest

from tests.page.calling import Call
from tests.page.samples import HOUR, NOW, change, changes, job, now, picked_up, running, site, ulid

# ---- what the page knows


KNOW = """async ([steps, look]) => {
    const model = await import("/model.js");
    const known = model.newModel();
    for (const [name, answer] of steps) model[name](known, answer);
    return {
        seq: known.seq, open: [...known.open.keys()], events: known.events.map((event) => event.seq),
        sites: [...known.sites.keys()], alarms: known.alarms,
        unlisted: [...known.sites.values()].map((site) => site.unlisted),
        order: model.openJobs(known, "saf").map((job) => job.status),
    };
}"""


def know(call: Call, *steps: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return call.page.evaluate(KNOW, [list(map(list, steps)), None])


def test_a_job_comes_goes_and_leaves_events(call: Call) -> None:
    known = know(
        call,
        changes(change(1)),
        changes(change(2, status="STARTED", phase="running"), change(3, status="EXPOSING", phase="running")),
    )
    assert known["open"] == [ulid(1)]
    assert known["events"] == [3, 2, 1]
    ended = know(call, changes(change(1), change(2, status="COMPLETE", phase="done")))
    assert ended["open"] == [] and ended["seq"] == 2


def test_the_same_change_twice_is_one_event(call: Call) -> None:
    assert know(call, changes(change(1), change(2)), changes(change(2), change(3)))["events"] == [3, 2, 1]


def test_the_cursor_stays_behind_while_there_is_more(call: Call) -> None:
    assert know(call, changes(change(1), change(2), more=True, seq=900))["seq"] == 2
    assert know(call, changes(seq=900))["seq"] == 900


def test_the_alarms_are_those_of_the_last_answer(call: Call) -> None:
    _, answer = now(1, site())
    alarm = {"key": "notice/clock", "raised_ms": NOW}
    assert know(call, ("applyNow", {**answer, "alarms": [alarm]}))["alarms"] == [alarm]
    assert know(call, ("applyNow", {**answer, "alarms": [alarm]}), now(2, site()))["alarms"] == []


def test_what_is_newer_than_a_view_that_the_server_has_kept_stays(call: Call) -> None:
    sent = changes(change(1, ulid=ulid(1)))
    assert know(call, sent, now(1, site(seq=0)))["open"] == [ulid(1)]
    ended = changes(change(2, ulid=ulid(1), status="COMPLETE", phase="done"))
    assert know(call, sent, ended, now(2, site(seq=1, open=[job(ulid=ulid(1))])))["open"] == []
    # As new as the view, and not listed.
    assert know(call, sent, now(1, site(seq=1)))["open"] == []


def test_a_job_that_is_not_listed_any_more_is_gone(call: Call) -> None:
    first = now(1, site(open=[job(ulid=ulid(1)), job(ulid=ulid(2))]))
    assert know(call, first, now(2, site(open=[job(ulid=ulid(2))])))["open"] == [ulid(2)]
    assert know(call, first, now(2))["open"] == []


def test_a_full_list_says_nothing_of_the_jobs_before_it(call: Call) -> None:
    full = [job(ulid=ulid(number)) for number in range(10, 60)]
    known = know(
        call,
        changes(change(1, ulid=ulid(5))),
        changes(change(2, ulid=ulid(20), status="X", phase="running")),
        now(3, site(open=full)),
    )
    assert ulid(5) in known["open"] and len(known["open"]) == 51


def test_a_full_list_does_not_keep_the_jobs_of_the_day_before(call: Call) -> None:
    full = [picked_up(ulid=ulid(number)) for number in range(10, 60)]
    changed = changes(
        change(1, ulid=ulid(3), created_ms=NOW - 24 * HOUR - 1, status="RECEIVED", phase="picked_up"),
        change(2, ulid=ulid(4), created_ms=NOW - 24 * HOUR, status="RECEIVED", phase="picked_up"),
    )
    known = know(call, changed, now(3, site(open=full, counts={"picked_up": 60})))
    assert ulid(3) not in known["open"] and ulid(4) in known["open"]
    assert known["unlisted"] == [9]
    assert know(call, now(3, site(open=full[1:], counts={"picked_up": 60})))["unlisted"] == [0]


def test_what_runs_stands_first_then_the_oldest(call: Call) -> None:
    listed = [
        job(ulid=ulid(1)),
        picked_up(ulid=ulid(2)),
        running(ulid=ulid(3)),
        job(ulid=ulid(4), status="ODD", phase="odd"),
    ]
    assert know(call, now(1, site(open=listed)))["order"] == ["EXPOSING", "ODD", "RECEIVED", "UNREAD"]


def test_what_ends_in_the_alternate_queue_alone_is_no_event(call: Call) -> None:
    script = """async ([told]) => { const { newModel, applyChanges } = await import("/model.js");
        const model = newModel(); applyChanges(model, told); return model.events.map(({ seq }) => seq); }"""
    told = changes(
        change(1, status="CANCELLED", phase="gone", queue="alternate"),
        change(2, status="CANCELLED", phase="gone"),
        change(3, status="EXPIRED", phase="gone", queue="alternate"),
        change(4, status="RECEIVED", phase="picked_up", queue="alternate"),
    )[1]
    assert call.page.evaluate(script, [told]) == [4, 2]


def test_a_stop_that_waits_stands_above_all(call: Call) -> None:
    listed = [running(ulid=ulid(1)), job(ulid=ulid(2)), job(ulid=ulid(3), command_class="stop", status="UNREAD ")]
    assert know(call, now(1, site(open=listed)))["order"] == ["UNREAD ", "EXPOSING", "UNREAD"]


def test_a_job_for_an_unknown_site_makes_the_site_known(call: Call) -> None:
    assert know(call, changes(change(1, site="new")))["sites"] == ["new"]


@pytest.mark.parametrize(
    ("known", "answer", "another"),
    [
        ({"seq": 5, "version": "1"}, {"seq": 5, "version": "1"}, False),
        ({"seq": 5, "version": "1"}, {"seq": 9}, False),
        ({"seq": 5, "version": "1"}, {"seq": 4}, True),
        ({"seq": 5, "version": "1"}, {"seq": 5, "version": "2"}, True),
        ({"seq": 0, "version": None}, {"seq": 0, "version": "1"}, False),
        ({"seq": 5, "store": "a"}, {"seq": 9, "store": "b"}, True),
        ({"seq": 5, "store": None}, {"seq": 9, "store": "b"}, False),
    ],
)
def test_another_server(call: Call, known: dict[str, Any], answer: dict[str, Any], another: bool) -> None:
    assert call("model.js", "isAnotherServer", known, answer) is another


@pytest.mark.parametrize(
    ("user", "which", "may"),
    [
        (None, job(), False),
        ({"user_id": "auth0|alice", "roles": []}, job(), True),
        ({"user_id": "auth0|bob", "roles": []}, job(), False),
        ({"user_id": "auth0|bob", "roles": ["owner"]}, job(), True),
        ({"user_id": "auth0|bob", "roles": ["viewer"]}, job(), False),
        ({"user_id": "auth0|alice", "roles": ["admin"]}, picked_up(), False),
    ],
)
def test_who_may_cancel(call: Call, user: dict[str, Any] | None, which: dict[str, Any], may: bool) -> None:
    assert call("model.js", "mayCancel", user, which) is may


# ---- the loop


@pytest.mark.parametrize(
    ("errors", "hidden", "low", "high"),
    [
        (1, False, 1000, 1250),
        (3, False, 3000, 5000),
        (60, False, 5250, 8750),
        (5, True, 12_000, 20_000),
        (60, True, 18_000, 30_000),
    ],
)
def test_backing_off(call: Call, errors: int, hidden: bool, low: int, high: int) -> None:
    assert call("live.js", "backoffMs", errors, 0, hidden) == low
    assert call("live.js", "backoffMs", errors, 1, hidden) == high


AROUND = """async (hidden) => {
    const [{ Around }, { newModel, applyNow }] = [await import("/around.js"), await import("/model.js")];
    const [model, asked, at] = [newModel(), [], { ms: 0 }];
    applyNow(model, { version: "1", user: { user_id: "ann", roles: [] }, sites: [{ site: "saf", open: [] }] });
    model.loaded = true;
    const get = async (path) => { asked.push(path); return { mode: "local", reservations: [], may: true }; };
    const clock = { monotonic: () => at.ms, now: () => at.ms };
    const around = new Around({ api: { get }, model, clock, told() {}, hidden: () => hidden });
    const seen = [];
    const look = async (act) => { await act(); seen.push(asked.splice(0).sort().join(" ")); };
    await look(() => around.step());
    for (const ms of [9999, 10000, 59999, 60000]) await look(() => { at.ms = ms; return around.step(); });
    await look(() => around.refused());
    return seen;
}"""


def test_who_has_the_site_is_asked_often_while_somebody_looks_and_at_once_when_refused(call: Call) -> None:
    pair = "may reservations"
    assert call.page.evaluate(AROUND, False) == [f"{pair} sky", "", pair, pair, "", pair]
    assert call.page.evaluate(AROUND, True) == [f"{pair} sky", "", "", "", pair, pair]


def test_the_pause_between_rounds(call: Call) -> None:
    assert call("live.js", "pauseMs", {"more": True}, True) == 0
    assert call("live.js", "pauseMs", {}, False) == 250
    assert call("live.js", "pauseMs", {"again_s": 2}, False) == 2000
    assert call("live.js", "pauseMs", {"again_s": 2}, True) == 15_000


@pytest.mark.parametrize(("since_now_ms", "seconds"), [(0, 3), (400, 3), (1200, 2), (2000, 1), (2600, 1), (9000, 1)])
def test_a_request_for_changes_leaves_room_for_the_alarms(call: Call, since_now_ms: int, seconds: int) -> None:
    assert call("live.js", "holdSeconds", since_now_ms) == seconds


LOOP = """async ([answers, looking]) => {
    const { Live } = await import("/live.js");
    const { newModel } = await import("/model.js");
    const { ServerClock } = await import("/clock.js");
    const asked = [], told = [];
    const api = { get: async (path, params) => {
        asked.push([path, params?.since ?? (params?.last ? `last ${params.last}` : null)]);
        const answer = answers.shift();
        if (answer.error) throw Object.assign(new Error(answer.error), { name: "ApiError" });
        return answer;
    } };
    const note = (name) => () => told.push(name);
    const model = newModel();
    const live = new Live({ api, model, clock: new ServerClock(), looking: () => looking,
                            hidden: () => false, random: () => 0,
                            told: { loaded: ({ again }) => told.push(again ? "loaded again" : "loaded"),
                                    changed: note("changed"), now: note("now") } });
    const pauses = [];
    while (answers.length) pauses.push(await live.once().catch((error) => error.message));
    return { asked, told, pauses, seq: model.seq, loaded: model.loaded };
}"""


def looped(call: Call, *answers: dict[str, Any], **looking: Any) -> dict[str, Any]:
    return call.page.evaluate(LOOP, [list(answers), looking])


def an_answer(step: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return step[1]


def test_the_loop_loads_and_follows(call: Call) -> None:
    found = looped(
        call,
        an_answer(now(100, site())),
        an_answer(changes(change(100))),
        an_answer(changes(change(101))),
        an_answer(changes(seq=101)),
    )
    assert found["asked"] == [["now", None], ["changes", "last 60"], ["changes", 100], ["changes", 101]]
    assert found["told"] == ["now", "loaded", "changed", "changed"]
    assert found["pauses"] == [250, 250, 250] and found["seq"] == 101


def test_the_changes_of_a_site_are_asked_for_from_its_view_on(call: Call) -> None:
    """Somebody opens one of many sites: its view may be older than the answer."""
    rows = {"whole": True, "sites": [], "gone": [], "mark": "1"}
    found = looped(
        call,
        an_answer(now(100)),
        rows,
        an_answer(changes(change(100))),
        an_answer(now(107, site(seq=104))),
        rows,
        an_answer(changes(change(105))),
        view="table",
        sites=["saf"],
        all=False,
    )
    assert [step for step in found["asked"] if step[0] == "changes"] == [["changes", "last 60"], ["changes", 104]]


def test_the_loop_starts_anew_with_another_server(call: Call) -> None:
    found = looped(
        call,
        an_answer(now(100, site())),
        an_answer(changes(change(100))),
        an_answer(changes(seq=3)),
        an_answer(now(3, site())),
        an_answer(changes(change(2), change(3))),
    )
    assert found["asked"][2:] == [["changes", 100], ["now", None], ["changes", "last 60"]]
    assert found["told"] == ["now", "loaded", "changed", "now", "loaded again", "changed"] and found["seq"] == 3


def test_the_loop_does_not_replay_a_whole_night(call: Call) -> None:
    full = [an_answer(changes(change(number), more=True)) for number in range(101, 106)]
    found = looped(call, an_answer(now(100, site())), an_answer(changes(change(100))), *full)
    assert found["pauses"] == [250, 0, 0, 0, 0, 0] and found["loaded"] is False


def test_the_loop_asks_again_after_an_error(call: Call) -> None:
    found = looped(call, {"error": "no"}, an_answer(now(1, site())), an_answer(changes(change(1))))
    assert found["pauses"] == ["no", 250] and found["loaded"]
    # A screen may have loaded by itself before the error, from a server that is gone.
    assert found["told"] == ["now", "loaded again", "changed"]


# ---- the clock

CLOCK = """async ([measures]) => {
    const { ServerClock } = await import("/clock.js");
    let monotonic = 0, wall = 1000000;
    const clock = new ServerClock(() => monotonic, () => wall);
    return measures.map(([time, sent, received, wallNow]) => {
        monotonic = received; wall = wallNow; clock.note(time, sent, received);
        return [clock.now(), clock.skew()];
    });
}"""


def test_the_server_s_clock_survives_a_wrong_and_a_changed_one_here(call: Call) -> None:
    found = call.page.evaluate(CLOCK, [[[5000, 0, 20, 9010], [6100, 1000, 1020, 10_010], [7000, 2000, 2020, 500]]])
    assert found[0] == [5010, 4000]
    assert found[1][0] == 6010  # 100 ms off is noise and not followed
    assert found[2] == [7010, -6510]
