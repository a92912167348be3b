"""The flushes among the polls: recorded polls of ten sites, judged poll by poll, and sent to a server."""

import json
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prjobs.jobs import lookup, marked_flushes
from prjobs.jobs.flushes import KEPT, Request, find_interval, find_thrown_away
from prjobs.jobs.recent_polls import DECIDED_AFTER_S, NotedPoll, RecentPolls
from tests.clocks import ManualClock
from tests.verbs import report, submit

# Each site: [at_s, took_s, jobs, 1 if the answer was thrown away] for each poll.
RECORDED = json.loads((Path(__file__).parent / "recorded_polls.json").read_text(encoding="utf-8"))


class Rates(NamedTuple):
    """Jobs that were thrown away and those of them that are named; good jobs and those of them that are suspected."""

    thrown: int = 0
    named: int = 0
    good: int = 0
    suspected: int = 0


def judge(requests, index):
    """Return the verdict on a request once a later one came 15 s after it, from the newest requests alone."""
    end_s = requests[index].at_s + DECIDED_AFTER_S
    last = next((n for n in range(index, len(requests)) if requests[n].at_s >= end_s), len(requests) - 1)
    first = max(0, last + 1 - KEPT)
    return find_thrown_away(requests[first : last + 1])[index - first]


def measure(take_counts=True):
    rates = Rates()
    for polls in RECORDED.values():
        requests = [Request(at_s, took_s if take_counts else 0.004) for at_s, took_s, _, _ in polls]
        for index, (_, _, jobs, is_flush) in enumerate(polls):
            named = jobs * judge(requests, index) if jobs else 0
            more = Rates(jobs, named) if is_flush else Rates(0, 0, jobs, named)
            rates = Rates(*map(sum, zip(rates, more, strict=True)))
    return rates


@pytest.mark.parametrize("take_counts", [True, False], ids=["recorded answers", "quick answers"])
def test_the_recorded_flushes_are_named_and_the_others_are_not(take_counts):
    rates = measure(take_counts)
    assert (rates.thrown, rates.good) == (64, 997)
    assert rates.named >= 0.95 * rates.thrown and rates.suspected <= 0.03 * rates.good, rates


def steady(interval_s, count, start_s=0.0):
    return [Request(start_s + interval_s * number, 0.0) for number in range(count)]


@pytest.mark.parametrize("interval_s", [0.5, 1, 3, 4, 10, 13.3, 15, 60])
@pytest.mark.parametrize("offset", [0.23, 0.45, 0.77])
def test_the_request_between_the_others_is_the_flush_whichever_came_first(interval_s, offset):
    requests = steady(interval_s, 16)
    requests.insert(9, Request(requests[8].at_s + offset * interval_s, 0.0))
    assert [index for index, thrown in enumerate(find_thrown_away(requests)) if thrown] == [9]


@given(
    st.floats(2.6, 60),
    st.lists(st.tuples(st.floats(0, 0.01), st.floats(0, 2)), min_size=10, max_size=KEPT - 1),
)
def test_a_steady_program_is_never_suspected(interval_s, gaps):
    at_s, requests = 0.0, []
    for late, took_s in gaps:
        requests.append(Request(at_s, took_s))
        at_s += took_s + interval_s * (1 + late)
    assert not any(find_thrown_away(requests))


def test_a_program_without_an_interval_has_none():
    assert find_interval([1, 7.3, 2.2, 19, 4.1, 0.3, 11.4, 5.6]) is None
    assert find_interval([3, 3, 3, 3]) is None


@pytest.mark.parametrize("count", [0, 1])
def test_few_requests_are_judged_good(count):
    assert find_thrown_away(steady(1, count)) == [False] * count


def test_of_two_close_requests_of_an_unknown_program_the_first_is_the_flush():
    assert find_thrown_away([Request(0, 0), Request(2.4, 0)]) == [True, False]
    assert find_thrown_away([Request(0, 0), Request(3, 0)]) == [False, False]


# ---- at a server


class Served:
    """A server with a clock of its own."""

    def __init__(self, make_server, **settings):
        self.clock = ManualClock()
        self.server = make_server(self.clock, **settings)
        self.queue = self.server.appliance.queue
        self.submit = partial(submit, self.server.appliance)

    def poll(self, http, after_s=0.0, site="saf", **more):
        self.clock.advance(after_s)
        answer = http.post(f"{self.server.url}/jobs/getnewjobs", json={"site": site, **more})
        assert answer.status_code == 200
        self.queue.database.write(lambda _: None)  # verdicts that were posted are stored
        return [job["ulid"] for job in answer.json()]

    def flushed(self):
        return [flag for (flag,) in self.queue.database.fetch("SELECT maybe_flushed FROM handout ORDER BY id")]

    def status(self, job):
        return lookup.find_job(self.queue.database, job.ulid).status


@pytest.fixture
def served(make_server):
    return Served(make_server)


@pytest.mark.slow
def test_the_recorded_polls_by_http(served, http):
    rates, began_s = Rates(), served.clock.elapsed
    in_order = sorted((at_s, site, jobs, flush) for site, polls in RECORDED.items() for at_s, _, jobs, flush in polls)
    handed = []
    for at_s, site, jobs, flush in in_order:
        for _ in range(jobs):
            served.submit(site=site)
        got = served.poll(http, began_s + at_s - served.clock.elapsed, site)
        assert len(got) == jobs
        handed += [(jobs, flush)] if jobs else []
    for (jobs, is_flush), is_named in zip(handed, served.flushed(), strict=True):
        named = jobs * is_named
        rates = Rates(*map(sum, zip(rates, Rates(jobs, named) if is_flush else Rates(0, 0, jobs, named), strict=True)))
    assert (rates.thrown, rates.good) == (64, 997)
    assert rates.named >= 0.95 * rates.thrown and rates.suspected <= 0.03 * rates.good, rates


def loop(served, http, count=8, every_s=12):
    for _ in range(count):
        served.poll(http, every_s)


def test_a_stop_in_a_flush_leaves_once_more_and_then_never(served, http):
    loop(served, http)
    stop = served.submit(device="all", action="stop")
    assert served.poll(http, 5) == [stop.ulid]
    # The poll that shows the flush gets the stop.
    assert served.poll(http, 7) == [stop.ulid] and served.flushed() == [1, 0]
    loop(served, http, 3)
    assert served.flushed() == [1, 0] and served.status(stop) == "RECEIVED"
    notes = [note for (note,) in served.queue.database.fetch("SELECT note FROM change WHERE note <> ''")]
    assert notes == ["its answer was probably thrown away: it is handed out once more"]


def test_a_stop_in_a_flush_stays_away_when_something_newer_was_handed_out(served, http):
    loop(served, http)
    served.submit(device="all", action="stop")
    served.poll(http, 5)
    newer = served.submit()
    assert served.poll(http, 1, poll_id="a") == [newer.ulid]
    assert served.poll(http, 6) == [] and served.flushed() == [1, 0]
    assert served.poll(http, 12) == []


@pytest.mark.parametrize("setting", [True, False])
def test_other_jobs_and_stops_without_the_setting_do_not_leave_again(make_server, http, setting):
    served = Served(make_server, redeliver_stop=setting, redeliver="once")
    loop(served, http)
    served.submit(device="mount" if setting else "all", action="go" if setting else "stop")
    assert len(served.poll(http, 5)) == 1
    assert served.poll(http, 7) == [] and served.flushed() == [1]
    assert served.poll(http, 12) == []


def test_the_poll_after_a_good_one_is_the_flush(served, http):
    loop(served, http)
    stop = served.submit(device="all", action="stop")
    assert served.poll(http, 12) == [stop.ulid]
    assert served.poll(http, 1) == [] and served.flushed() == [0]
    loop(served, http, 2)
    assert served.flushed() == [0] and served.status(stop) == "RECEIVED"


def test_a_later_poll_takes_the_mark_back(served, http):
    """With too few polls for an interval, the first of two close polls is marked until more is known."""
    served.poll(http)
    served.submit()
    served.poll(http, 6)
    served.poll(http, 2)
    assert served.flushed() == [1]
    for after_s in (4, 6, 6):
        assert served.flushed() == [1]
        served.poll(http, after_s)
    assert served.flushed() == [0]


def test_a_report_takes_the_mark_away_for_good(served, http):
    loop(served, http)
    job = served.submit()
    served.poll(http, 5)
    served.poll(http, 7)
    assert served.flushed() == [1]
    report(served.server.appliance, job, "STARTED")
    served.poll(http, 5)
    assert served.flushed() == [0]


@pytest.mark.slow
def test_polls_with_a_wait_an_id_or_a_lease_and_other_addresses_are_no_neighbours(served, http):
    loop(served, http)
    for more in ({"wait": 1}, {"poll_id": "a"}, {"lease": 60}, {"alternateQueue": True}, {"deviceType": "dome"}):
        served.submit()
        served.poll(http, 12)
        served.poll(http, 0.1, **more)
    served.poll(http, 12)
    assert set(served.flushed()) == {0}


# ---- a flush that says so


def test_a_marked_flush_withdraws_what_it_would_have_eaten(served, http):
    loop(served, http)
    job, other = served.submit(), served.submit(site="tan")
    assert served.poll(http, 5, flush=True) == []
    assert served.flushed() == [] and served.status(other) == "UNREAD"
    found = lookup.find_job(served.queue.database, job.ulid)
    assert (found.status, found.alternate_status) == ("CANCELLED", "UNREAD")
    notes = served.queue.database.fetch("SELECT note FROM change WHERE status = 'CANCELLED'")
    assert [note for (note,) in notes] == [marked_flushes.NOTE]
    assert served.poll(http, 7) == []


def test_a_marked_flush_leaves_stops_closings_and_parkings_waiting(served, http):
    park, close = served.submit(action="park"), served.submit(device="enclosure", action="close")
    thrown = served.submit()
    assert served.poll(http, flush=True) == [] and served.status(thrown) == "CANCELLED"
    assert served.poll(http, 3) == [park.ulid, close.ulid]
    stop = served.submit(device="all", action="cancel_all_commands")
    newer = served.submit()
    assert served.poll(http, 1, flush=True) == []
    assert served.poll(http, 2) == [stop.ulid] and served.status(newer) == "UNREAD"


def test_a_marked_flush_takes_nothing_that_a_poll_would_not_get(make_server, http):
    served = Served(make_server, stop_settle_s=10)
    stop = served.submit(device="all", action="stop")
    assert served.poll(http, 1) == [stop.ulid]
    kept = served.submit()
    assert served.poll(http, 5, flush=True) == [] and served.status(kept) == "UNREAD"
    alternate = served.submit(site="tan")
    assert served.poll(http, 1, "tan", flush=True, alternateQueue=True, wait=20) == []
    found = lookup.find_job(served.queue.database, alternate.ulid)
    assert (found.status, found.alternate_status) == ("UNREAD", "CANCELLED")
    assert served.poll(http, 6) == [kept.ulid]


def test_marked_flushes_and_empty_ones_write_nothing_and_cast_no_doubt_on_the_loop(served, http):
    loop(served, http)
    job = served.submit()
    assert served.poll(http, 12) == [job.ulid]
    seq = served.queue.database.fetch("SELECT max(seq) FROM change")
    for _ in range(3):
        assert served.poll(http, 1, flush=True) == []
    loop(served, http, 2)
    assert served.flushed() == [0] and served.queue.database.fetch("SELECT max(seq) FROM change") == seq


def test_the_programs_in_memory_are_limited():
    recent = RecentPolls()
    recent.LIMIT = 3
    for number in range(9):
        recent.add((f"s{number}", "primary", None, None), NotedPoll(float(number), address="a"))
    assert [key[0][0] for key in recent._recent] == ["s6", "s7", "s8"]
