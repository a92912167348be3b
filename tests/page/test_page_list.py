"""The list of jobs that does not move under the pointer, and where it gets its jobs."""

from typing import Any

import pytest

from tests.page.calling import Call
from tests.page.samples import HOUR, MINUTE, NOW, done, job, running, ulid

# ---- the list that does not move

LIST = """async ([steps]) => {
    const list = await import("/list.js");
    const known = list.newList();
    const results = steps.map(([name, ...rest]) => list[name](known, ...rest));
    const words = known.order.map((ulid) => known.jobs.get(ulid).status);
    const { order, complete } = known;
    return { order, complete, results, words, held: [...known.held.keys()], leaving: [...known.leaving],
             counts: list.listCounts(known) };
}"""


def listed(call: Call, *steps: list[Any]) -> dict[str, Any]:
    return call.page.evaluate(LIST, [list(steps)])


def page_of(*numbers: int, more: bool = False) -> dict[str, Any]:
    return {"jobs": [job(ulid=ulid(n)) for n in numbers], "next": ulid(numbers[-1]) if more else None}


def test_pages_follow_each_other_newest_first(call: Call) -> None:
    found = listed(call, ["addPage", page_of(9, 7, more=True)], ["addPage", page_of(5, 3)])
    assert found["order"] == [ulid(9), ulid(7), ulid(5), ulid(3)] and found["complete"]


def test_a_page_that_overlaps_brings_nothing_twice(call: Call) -> None:
    assert listed(call, ["addPage", page_of(9, 7)], ["addPage", page_of(7, 5)])["order"] == [ulid(9), ulid(7), ulid(5)]


def test_a_new_job_waits_while_the_list_is_used(call: Call) -> None:
    held = listed(call, ["addPage", page_of(5)], ["takeJob", job(ulid=ulid(6)), True, True])
    assert (held["order"], held["held"], held["counts"]) == ([ulid(5)], [ulid(6)], {"waiting": 2})
    settled = listed(call, ["addPage", page_of(5)], ["takeJob", job(ulid=ulid(6)), True, True], ["settle"], ["settle"])
    assert (settled["order"], settled["held"]) == ([ulid(6), ulid(5)], [])
    assert settled["results"][2:] == [True, False]


def test_a_known_job_changes_in_its_place(call: Call) -> None:
    found = listed(call, ["addPage", page_of(6, 5)], ["takeJob", running(ulid=ulid(5)), True, True])
    assert found["words"] == ["UNREAD", "EXPOSING"]


def test_a_job_that_fits_no_longer_stays_until_nobody_looks(call: Call) -> None:
    steps = [["addPage", page_of(6, 5)], ["takeJob", running(ulid=ulid(6)), False, True]]
    assert listed(call, *steps)["order"] == [ulid(6), ulid(5)]
    assert listed(call, *steps)["leaving"] == [ulid(6)]
    assert listed(call, *steps, ["settle"])["order"] == [ulid(5)]
    assert listed(call, *steps, ["takeJob", job(ulid=ulid(6)), True, True], ["settle"])["order"] == [ulid(6), ulid(5)]


def test_a_held_job_that_stops_fitting_is_not_announced(call: Call) -> None:
    steps = [["takeJob", job(ulid=ulid(6)), True, True], ["takeJob", running(ulid=ulid(6)), False, True]]
    assert listed(call, *steps)["held"] == []


@pytest.mark.parametrize(
    ("above", "count", "window"),
    [
        (0, 100_000, (0, 32)),
        (40_000, 100_000, (988, 1032)),
        (3_999_900, 100_000, (99_985, 100_000)),
        (0, 3, (0, 3)),
        (0, 0, (0, 0)),
        (900, 3, (2, 3)),
    ],
)
def test_only_the_rows_in_view_exist(call: Call, above: int, count: int, window: tuple[int, int]) -> None:
    asked = {"above": above, "view": 800, "rowHeight": 40, "count": count}
    found = call("list.js", "visibleRows", asked)
    assert (found["from"], found["to"]) == window


# ---- where the list gets its jobs

SOURCE = """async ([answers, steps]) => {
    const { JobsSource } = await import("/jobs_source.js");
    const { parseFilter } = await import("/filter.js");
    const asked = [], words = [], at = { ms: 1795500000000, held: false, seen: true };
    let source = null;
    const api = { get: async (path, params) => {
        asked.push(params);
        const answer = answers.shift();
        if (answer.meanwhile) source.changed(answer.meanwhile);
        if (answer.error) throw Object.assign(new Error(answer.error), { status: 0 });
        return answer;
    } };
    const told = () => words.push("told");
    source = new JobsSource({ api, now: () => at.ms, told, held: () => at.held, seen: () => at.seen });
    const range = { since_ms: 0, until_ms: 2e12 };
    for (const [name, value] of steps) {
        if (name === "aim") source.aim(parseFilter(value), range);
        else if (name === "pass") at.ms += value;
        else if (name in at) at[name] = value;
        else if (name === "wait") await new Promise((done) => setTimeout(done, value));
        else source[name](value);
        for (let turn = 0; turn < 20; turn += 1) await null;
    }
    const { order, held, leaving } = source.list;
    const words_of = order.map((ulid) => source.list.jobs.get(ulid).status);
    return { asked, order, words: words_of, held: [...held.keys()], leaving: [...leaving], counts: source.counts(),
             problem: source.problem, old: source.old };
}"""


def sourced(call: Call, answers: list[dict[str, Any]], *steps: tuple[str, Any]) -> dict[str, Any]:
    return call.page.evaluate(SOURCE, [answers, [list(step) for step in steps]])


COUNTS = {"running": 700, "waiting": 900}


def night(*jobs: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"jobs": list(jobs), "counts": COUNTS, "next": jobs[-1]["ulid"] if more else None}


TWO = [running(ulid=ulid(9)), job(ulid=ulid(7))]


def test_another_choice_of_phases_asks_nothing_when_the_night_is_here(call: Call) -> None:
    found = sourced(call, [night(*TWO)], ("aim", ""), ("aim", "status:waiting"), ("aim", "status:running"))
    assert len(found["asked"]) == 1
    assert found["order"] == [ulid(9)]
    assert found["counts"]["byPhase"] == {"running": 1, "waiting": 1}


def test_a_choice_of_phases_in_a_night_too_long_asks_the_server(call: Call) -> None:
    answers = [night(*TWO, more=True), night(TWO[1])]
    found = sourced(call, answers, ("aim", ""), ("aim", "status:waiting"))
    assert found["asked"][1]["phase"] == "waiting"
    assert found["order"] == [ulid(7)]
    assert found["counts"] == {"byPhase": COUNTS, "known": True}


def test_a_link_to_one_phase_counts_the_others_too(call: Call) -> None:
    found = sourced(call, [night(TWO[1])], ("aim", "status:waiting"))
    assert found["order"] == [ulid(7)]
    assert found["counts"] == {"byPhase": COUNTS, "known": True}


def test_a_change_goes_into_the_list_and_the_counts(call: Call) -> None:
    moved = [{"job": running(ulid=ulid(7))}, {"job": job(ulid=ulid(11))}]
    found = sourced(call, [night(*TWO)], ("aim", ""), ("aim", "status:waiting"), ("changed", moved))
    assert found["order"] == [ulid(11)]
    assert found["counts"]["byPhase"] == {"running": 2, "waiting": 1}


def test_a_new_job_that_only_the_server_can_judge_is_asked_for(call: Call) -> None:
    fresh = [{"job": job(ulid=ulid(11))}]
    found = sourced(call, [night(*TWO), night(TWO[0])], ("aim", "user:ann"), ("changed", fresh))
    assert ulid(11) not in found["order"]


def test_what_could_not_be_loaded_is_asked_for_again(call: Call) -> None:
    steps = (("aim", ""), ("retry", None), ("retry", None))
    found = sourced(call, [{"error": "gone"}, night(*TWO)], *steps)
    assert found["order"] == [ulid(9), ulid(7)] and found["problem"] == "" and len(found["asked"]) == 2


# ---- a list by age


def test_what_has_become_too_old_leaves_a_list_by_age(call: Call) -> None:
    steps = [("aim", "age:<2h"), ("pass", HOUR), ("age", None), ("wait", 0)]
    found = sourced(call, [night(*TWO), night(*TWO)], *steps)
    assert found["order"] == [ulid(9), ulid(7)]
    later = sourced(call, [night(*TWO), night(*TWO), night()], *steps, ("pass", 8 * HOUR), ("age", None))
    assert later["order"] == [] and later["counts"] == {"byPhase": {}, "known": True}


def test_what_has_become_old_enough_comes_into_a_list_by_age(call: Call) -> None:
    old = job(ulid=ulid(7))
    steps = [("aim", "age:>10min status:waiting"), ("pass", 11 * MINUTE), ("age", None), ("wait", 0)]
    found = sourced(call, [night(), night(old)], *steps)
    assert found["order"] == [ulid(7)]
    assert found["asked"][1]["until_ms"] - found["asked"][0]["until_ms"] == 11 * MINUTE


def test_a_list_by_age_asks_every_half_minute(call: Call) -> None:
    steps = [("aim", "age:>10min"), ("pass", 29_999), ("age", None), ("wait", 0)]
    assert len(sourced(call, [night()], *steps)["asked"]) == 1
    again = [("pass", 1), ("age", None), ("wait", 0), ("age", None), ("wait", 0)]
    assert len(sourced(call, [night(), night()], *steps, *again)["asked"]) == 2
    assert len(sourced(call, [night()], ("aim", "status:waiting"), *steps[1:], *again)["asked"]) == 1


def test_a_list_by_age_holds_still_while_it_is_used(call: Call) -> None:
    new = job(ulid=ulid(9))
    steps = [("aim", "age:>10min"), ("held", True), ("pass", 11 * MINUTE), ("age", None), ("wait", 0)]
    found = sourced(call, [night(TWO[1]), night(new, TWO[1])], *steps)
    assert (found["order"], found["held"]) == ([ulid(7)], [ulid(9)])
    steps = [("aim", "age:<2h"), ("held", True), ("pass", 3 * HOUR), ("age", None), ("wait", 0)]
    found = sourced(call, [night(*TWO), night()], *steps)
    assert found["order"] == found["leaving"] == [ulid(9), ulid(7)]


def test_after_a_gap_a_list_by_age_begins_anew(call: Call) -> None:
    """More became old enough than come in one answer: what lies between would be missing."""
    far = [job(ulid=ulid(90), created_ms=NOW + HOUR), job(ulid=ulid(89), created_ms=NOW + HOUR)]
    steps = [("aim", "age:>10min"), ("pass", 2 * HOUR), ("age", None), ("wait", 0)]
    found = sourced(call, [night(TWO[1]), night(*far, more=True), night(*far)], *steps)
    assert found["order"] == [ulid(90), ulid(89)] and len(found["asked"]) == 3


def test_when_the_clock_is_set_back_a_list_by_age_begins_anew(call: Call) -> None:
    steps = [("aim", "age:<2h"), ("pass", -HOUR), ("age", None)]
    found = sourced(call, [night(TWO[0]), night(*TWO)], *steps)
    assert found["order"] == [ulid(9), ulid(7)]
    assert found["asked"][0]["since_ms"] - found["asked"][1]["since_ms"] == HOUR


# ---- what only the server can tell


NEW = job(ulid=ulid(11))
FRESH = [{"seq": 5, "job": NEW}]


def test_nothing_is_asked_while_nobody_looks_and_it_is_made_up_for(call: Call) -> None:
    steps = [("aim", "user:ann"), ("seen", False), ("changed", FRESH), ("wait", 0), ("changed", FRESH), ("wait", 0)]
    assert len(sourced(call, [night(*TWO)], *steps)["asked"]) == 1
    steps += [("seen", True), ("wake", None), ("wait", 0)]
    found = sourced(call, [night(*TWO), night(NEW, *TWO)], *steps)
    assert len(found["asked"]) == 2 and found["order"] == [ulid(11), ulid(9), ulid(7)]


def test_a_list_that_cannot_be_asked_for_again_says_so(call: Call) -> None:
    steps = [("aim", "user:ann"), ("changed", FRESH), ("wait", 0)]
    found = sourced(call, [night(*TWO), {"error": "gone"}], *steps)
    assert (found["old"], found["problem"], found["order"]) == ("gone", "", [ulid(9), ulid(7)])


def test_a_change_counts_more_than_an_answer_that_was_under_way(call: Call) -> None:
    meanwhile = [{"seq": 6, "job": done(ulid=ulid(9))}]
    answers = [night(*TWO), {**night(*TWO), "seq": 5, "meanwhile": meanwhile}]
    found = sourced(call, answers, ("aim", "user:ann"), ("changed", FRESH), ("wait", 0))
    assert found["words"] == ["COMPLETE", "UNREAD"]
    answers[1]["seq"] = 6
    assert sourced(call, answers, ("aim", "user:ann"), ("changed", FRESH), ("wait", 0))["words"][0] == "EXPOSING"
