"""The polling interval and the flushes: recorded polls of ten sites, judged as a server would, poll by poll."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prjobs.jobs.beat import KEPT, Request, find_interval, find_thrown_away

# Each site: [at_s, took_s, jobs, 1 if the answer was thrown away] for each poll.
RECORDED = json.loads((Path(__file__).parent / "recorded_polls.json").read_text(encoding="utf-8"))
DECIDED_AFTER_S = 15


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
