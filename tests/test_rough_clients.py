"""Nobody who reads or asks keeps polls and stops waiting: dear requests are refused early or wait behind the others."""

import json
import time

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from prjobs.base.cookies import cookie_of
from prjobs.base.decoding import MAX_CONTAINERS, MAX_DEPTH, parse_json
from prjobs.base.errors import BadRequest
from prjobs.base.theme import theme_of

# ---- what a header or a body costs


def seconds(call, *arguments) -> float:
    """The processor's time of the quickest of three calls."""
    times = []
    for _ in range(3):
        begun_s = time.thread_time()
        call(*arguments)
        times.append(time.thread_time() - begun_s)
    return min(times)


DEAR_COOKIES = {
    "backslashes": 'prjobs_theme="' + "\\" * 15_500 + '"',
    "octal": 'prjobs_theme="' + "\\101" * 3_900 + '"',
    "open quote": 'prjobs_theme="' + "\\" * 15_500,
    "semicolons": ";" * 15_500 + "prjobs_theme=blue",
    "many": "; ".join(f"a{number}=b" for number in range(1_500)) + "; prjobs_theme=blue",
    "equals": "prjobs_theme=" + "=" * 15_000,
}


@pytest.mark.parametrize("kind", DEAR_COOKIES)
def test_a_cookie_costs_no_more_than_its_length(kind):
    """http.cookies takes 300 times as long for the backslashes as for a plain text of this length."""
    plain = seconds(theme_of, {"HTTP_COOKIE": "prjobs_theme=" + "a" * 15_000})
    assert theme_of({"HTTP_COOKIE": DEAR_COOKIES[kind]}) is None
    assert seconds(theme_of, {"HTTP_COOKIE": DEAR_COOKIES[kind]}) < 0.02 + plain


def test_a_cookie_is_found_among_those_of_other_programs():
    sent = 'a/b=c; x="\\; ; prjobs_login_1=token; prjobs_login_1=second'
    assert cookie_of({"HTTP_COOKIE": sent}, "prjobs_login_1") == "token"


def test_pages_take_any_cookie(server):
    for cookie in DEAR_COOKIES.values():
        assert requests.get(f"{server.url}/login", headers={"Cookie": cookie}, timeout=60).status_code == 200


NESTED = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
WIDE = b"[" + b"[]," * (MAX_CONTAINERS - 2) + b"{}]"


def test_levels_lists_and_objects_are_counted_before_any_is_made():
    assert parse_json(NESTED) and len(parse_json(WIDE)) == MAX_CONTAINERS - 1
    for body, word in ((b"[" + NESTED + b"]", "deep"), (WIDE[:-1] + b",{}]", "many"), (b"[" * 10**6, "deep")):
        with pytest.raises(BadRequest, match=word):
            parse_json(body)


def test_brackets_in_a_text_are_no_levels():
    value = {'["\\': ['"[', "\\", "[{" * 70, '\\"[', "", "]]"], "b": ["[[" * MAX_CONTAINERS]}
    for text in (json.dumps(value), json.dumps(value, separators=(",", ":"))):
        assert parse_json(text.encode()) == value


@given(
    st.recursive(
        st.text('[]{}"\\,a') | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text('[{\\"'), inner)
    )
)
def test_levels_are_counted_as_they_are(value):
    def levels(at) -> int:
        inner = at.values() if isinstance(at, dict) else at if isinstance(at, list) else None
        return 0 if inner is None else 1 + max(map(levels, inner), default=0)

    padding = json.dumps(["[" * 100] + [[]] * 70)[:-1].encode()
    inside = json.dumps(value).encode()
    around = MAX_DEPTH - levels(value)
    fits = padding + b"," + b"[" * (around - 1) + inside + b"]" * (around - 1) + b"]"
    assert parse_json(fits)
    with pytest.raises(BadRequest, match="deep"):
        parse_json(b"[" + fits + b"]")


@pytest.mark.parametrize("endpoint", ["newjob", "getnewjobs", "updatejobstatus", "startjob", "getrecentjobs"])
def test_the_token_is_judged_before_the_body(make_server, endpoint):
    server = make_server(observatory_access="token")
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        answer = requests.post(f"{server.url}/{endpoint}", data=b"[" * 900, headers=headers, timeout=60)
        assert answer.status_code == 401
