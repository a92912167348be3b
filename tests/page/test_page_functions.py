"""The pure functions of the page, run where they run: in a browser. Its zone is New York, whose clocks change."""

from collections.abc import Iterator
from typing import Any

import pytest

from prjobs.base.settings import Settings
from prjobs.night.nights import night_named
from prjobs.night.words import duration
from tests.page.calling import Call
from tests.page.samples import HOUR, NOW, job, ms

NOTHING = "\N{EN DASH}"
DENVER = "America/Denver"


# ---- time


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [
        (0, "0.0 s"),
        (3140, "3.1 s"),
        (9949, "9.9 s"),
        (9950, "10 s"),
        (33_851, "34 s"),
        (34_500, "35 s"),
        (42_499, "42 s"),
        (59_600, "1:00"),
        (60_000, "1:00"),
        (159_000, "2:39"),
        (3_599_499, "59:59"),
        (3_599_500, "1:00:00"),
        (3_850_000, "1:04:10"),
        (3 * 24 * HOUR + 4 * HOUR, "3 d 04 h"),
        (-5, "0.0 s"),
        (None, NOTHING),
    ],
)
def test_span(call: Call, length_ms: int, text: str) -> None:
    assert call("time.js", "span", length_ms) == text


def test_the_night_log_writes_durations_alike(call: Call) -> None:
    lengths_s = [0, 3.14, 9.94, 9.96, 34.5, 59.4, 59.6, 159, 3599.6, 3850, 86_399, 90_000, 300_000]
    assert [call("time.js", "span", length_s * 1000) for length_s in lengths_s] == list(map(duration, lengths_s))


def test_what_still_runs_is_never_rounded_up(call: Call) -> None:
    assert [call("time.js", "elapsed", ms_) for ms_ in (9999, 33_851, 59_999)] == ["9 s", "33 s", "59 s"]


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [(0, "0s"), (45_000, "45s"), (130_000, "2m10s"), (3_840_000, "1h04m"), (3 * 24 * HOUR, "3d00h")],
)
def test_compact(call: Call, length_ms: int, text: str) -> None:
    assert call("time.js", "compact", length_ms) == text


@pytest.mark.parametrize(
    ("length_ms", "text"),
    [
        (-400, "just now"),
        (999, "just now"),
        (3000, "3 s ago"),
        (119_000, "1 min ago"),
        (3_900_000, "1 h 05 min ago"),
        (25 * HOUR, "1 day ago"),
        (72 * HOUR, "3 days ago"),
        (None, "never"),
    ],
)
def test_ago(call: Call, length_ms: int, text: str) -> None:
    assert call("time.js", "ago", length_ms) == text


@pytest.mark.parametrize(
    ("left_ms", "text"),
    [(80_000, "1:20 left"), (79_400, "1:20 left"), (400, "0:01 left"), (0, "0:00 left"), (-11_200, "0:12 over")],
)
def test_countdown(call: Call, left_ms: int, text: str) -> None:
    assert call("time.js", "countdown", left_ms) == text


def test_a_running_duration_shows_no_tenths(call: Call) -> None:
    assert [call("time.js", "elapsed", length) for length in (0, 3900, 42_000, 159_000)] == [
        "0 s",
        "3 s",
        "42 s",
        "2:39",
    ]


def test_a_moment_in_utc_and_where_the_browser_is(call: Call) -> None:
    assert call("time.js", "utcClock", NOW) == "06:00:00"
    assert call("time.js", "localClock", NOW) == "01:00:00"
    assert call("time.js", "bothTimes", NOW) == "2026-11-24 06:00:00 UTC · Tue 24 Nov 2026 01:00:00 EST"
    assert call("time.js", "localClock", ms(2026, 11, 24, 5, 0)) == "00:00:00"


@pytest.mark.parametrize("nonsense", [None, 9e15, -9e15])
def test_a_moment_that_is_none(call: Call, nonsense: float | None) -> None:
    assert call("time.js", "utcClock", nonsense) == NOTHING
    assert call("time.js", "bothTimes", nonsense) == ""


def test_the_time_of_a_site(call: Call) -> None:
    assert call("time.js", "localClock", NOW, DENVER) == "23:00:00"
    assert call("time.js", "zoneName", NOW, DENVER) == "MST"
    assert call("time.js", "bothTimes", NOW, DENVER) == "2026-11-24 06:00:00 UTC · Mon 23 Nov 2026 23:00:00 MST"


def test_where_the_clocks_show_utc_it_is_said_once(call: Call) -> None:
    assert call("time.js", "bothTimes", NOW, "UTC") == "2026-11-24 06:00:00 UTC"
    shows = [call("time.js", "showsUtc", NOW + 0.7, zone) for zone in ("Etc/UTC", "Europe/London", DENVER, None)]
    assert shows == [True, True, False, False]


def test_a_clock_of_another_day_has_its_date(call: Call) -> None:
    assert call("time.js", "datedClock", NOW + HOUR, NOW) == "07:00:00"
    assert call("time.js", "datedClock", NOW + 18 * HOUR, NOW) == "2026-11-25 00:00:00"


def test_a_clock_of_a_day_ago_or_longer_has_its_day(call: Call) -> None:
    said = [call("time.js", "dayOrClock", NOW - hours * HOUR, NOW) for hours in (0, 23, 24, 24 * 300)]
    assert said == ["06:00:00", "07:00:00", "11-23 06:00", "01-28 06:00"]


ZONE_OF = """async ([zone]) => (await import("/sky.js")).zoneOf({ sky: new Map([["saf", { zone }]]) }, "saf") ?? null"""


@pytest.mark.parametrize(("zone", "known"), [(DENVER, DENVER), (None, None), ("", None), ("Mars/Olympus", None)])
def test_a_zone_that_this_browser_does_not_know_is_none(call: Call, zone: str | None, known: str | None) -> None:
    assert call.page.evaluate(ZONE_OF, [zone]) == known


# ---- nights


@pytest.fixture(scope="module")
def tokyo(browser: Any, files: str) -> Iterator[Call]:
    """The functions of static/, in a browser far from the site."""
    context = browser.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    page.goto(f"{files}/favicon.svg")
    yield Call(page)
    context.close()


def test_the_noons_are_those_of_the_site(tokyo: Call) -> None:
    evening, morning, noon = ms(2026, 11, 24, 3), ms(2026, 11, 24, 18, 59), ms(2026, 11, 24, 19)
    nights = [tokyo("night.js", "nightOf", moment, DENVER) for moment in (evening, morning, noon)]
    assert nights == ["2026-11-23", "2026-11-23", "2026-11-24"]
    span = tokyo("night.js", "nightRange", "2026-11-23", DENVER)
    assert span == {"since_ms": ms(2026, 11, 23, 19), "until_ms": ms(2026, 11, 24, 19)}
    assert tokyo("night.js", "nightOf", morning) == "2026-11-24"


@pytest.mark.parametrize("name", ["2026-03-07", "2026-10-31", "2026-11-23"])
@pytest.mark.parametrize("zone", [DENVER, "Pacific/Kiritimati", "Pacific/Chatham", "UTC"])
def test_the_page_and_the_night_log_mean_the_same_night(tokyo: Call, name: str, zone: str) -> None:
    night = night_named(Settings(site_zones=[f"saf={zone}"]), "saf", name)
    span = tokyo("night.js", "nightRange", name, zone)
    assert span == {"since_ms": night.since_ms, "until_ms": night.until_ms}
    assert tokyo("night.js", "nightOf", night.since_ms, zone) == name
    assert tokyo("night.js", "nightOf", night.until_ms - 1, zone) == name


def test_the_morning_belongs_to_the_evening_before(call: Call) -> None:
    evening, morning, noon = ms(2026, 11, 24, 3), ms(2026, 11, 24, 16, 59), ms(2026, 11, 24, 17)
    assert [call("night.js", "nightOf", moment) for moment in (evening, morning, noon)] == [
        "2026-11-23",
        "2026-11-23",
        "2026-11-24",
    ]


@pytest.mark.parametrize(
    ("night", "hours"), [("2026-11-23", 24), ("2026-03-07", 23), ("2026-10-31", 25)], ids=["usual", "spring", "autumn"]
)
def test_a_night_lasts_from_noon_to_noon(call: Call, night: str, hours: int) -> None:
    span = call("night.js", "nightRange", night)
    assert span["until_ms"] - span["since_ms"] == hours * HOUR
    assert call("night.js", "nightOf", span["since_ms"]) == night
    assert call("night.js", "nightOf", span["until_ms"] - 1) == night


@pytest.mark.parametrize(
    ("night", "title"),
    [
        ("2026-11-23", "23/24 Nov 2026"),
        ("2026-11-30", "30 Nov/1 Dec 2026"),
        ("2026-12-31", "31 Dec 2026/1 Jan 2027"),
    ],
)
def test_the_title_of_a_night(call: Call, night: str, title: str) -> None:
    assert call("night.js", "nightTitle", night) == title


def test_the_page_names_the_nights_of_each_month_as_the_server_does(call: Call) -> None:
    for month in range(1, 13):
        for day in (1, 28):
            name = f"2026-{month:02}-{day:02}"
            assert call("night.js", "nightTitle", name) == night_named(Settings(), None, name).title


def test_a_moment_names_the_month_as_the_nights_do(call: Call) -> None:
    words = "2026-09-08 06:00:00 UTC \N{MIDDLE DOT} Tue 8 Sep 2026 02:00:00 EDT"
    assert call("time.js", "bothTimes", ms(2026, 9, 8, 6)) == words


def test_from_night_to_night(call: Call) -> None:
    assert call("night.js", "stepNight", "2026-12-31", 1) == "2027-01-01"
    assert call("night.js", "stepNight", "2026-03-01", -1) == "2026-02-28"


@pytest.mark.parametrize("name", ["", None, "2026-02-30", "2026-13-01", "26-01-01", "x", "2026-11-23T00"])
def test_what_is_no_night(call: Call, name: str | None) -> None:
    assert call("night.js", "isNight", name) is False


# ---- addresses


@pytest.mark.parametrize(
    ("address", "route"),
    [
        ("", {"screen": "now"}),
        ("#/now", {"screen": "now"}),
        ("#/nonsense/x", {"screen": "now"}),
        ("#/jobs", {"screen": "jobs", "q": "", "night": None}),
        (
            "#/jobs?q=device%3Acamera+%22M31%22&night=2026-11-23",
            {"screen": "jobs", "q": 'device:camera "M31"', "night": "2026-11-23"},
        ),
        ("#/jobs?night=2026-02-31", {"screen": "jobs", "q": "", "night": None}),
        ("#/jobs/01kb0000000000000000000001", {"screen": "job", "ulid": "01KB0000000000000000000001"}),
        ("#/jobs/short", {"screen": "jobs", "q": "", "night": None}),
        ("#/jobs?q=a?b", {"screen": "jobs", "q": "a?b", "night": None}),
    ],
)
def test_an_address_names_a_screen(call: Call, address: str, route: dict[str, Any]) -> None:
    assert call("route.js", "parseRoute", address) == route


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", ""),
        ("#/now", ""),
        ("#/send", ""),
        ("#/jobs?q=x", ""),
        ("#/jobs/01kb0000000000000000000001", ""),
        ("#/site", ""),
        ("#/site/saf", ""),
        ("#/site/none", "No site “none” is known here."),
        ("#/bogus", "There is no such address here: #/bogus"),
        ("#/jobs/NOPE", "There is no such address here: #/jobs/NOPE"),
    ],
)
def test_an_address_that_leads_nowhere_is_said(call: Call, address: str, words: str) -> None:
    assert call("route.js", "strayWords", address, ["saf"]) == words


@pytest.mark.parametrize("q", ['"M 31" user:ann', "100%", "a&b=c#d", "", "наблюдение"])
def test_a_filter_comes_back_from_its_address(call: Call, q: str) -> None:
    address = call("route.js", "jobsRoute", q, "2026-11-23")
    assert call("route.js", "parseRoute", address) == {"screen": "jobs", "q": q, "night": "2026-11-23"}


# ---- the filter language


def parsed(call: Call, text: str) -> dict[str, Any]:
    found = call("filter.js", "parseFilter", text)
    return {name: value for name, value in found.items() if value not in ("", [], None)}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", {}),
        ("device:camera user:ann", {"device": "camera", "user": "ann"}),
        ("status:failed", {"phases": ["failed"]}),
        ("status:FAILED,gone", {"phases": ["failed", "gone"]}),
        ('status:picked_up STATUS:"picked up"', {"phases": ["picked_up"]}),
        ("status:EXPOSING", {"status": "EXPOSING"}),
        ("age:<2h", {"age": {"older": False, "ms": 2 * HOUR}}),
        ("age:>1.5min", {"age": {"older": True, "ms": 90_000}}),
        ("age:3d", {"age": {"older": False, "ms": 72 * HOUR}}),
        ('"M31" dark', {"text": "M31 dark"}),
        ('user:"Ann K." "unfinished', {"user": "Ann K.", "text": "unfinished"}),
        ("10:42 +41.3°", {"text": "10:42 +41.3°"}),
    ],
)
def test_a_filter(call: Call, text: str, meant: dict[str, Any]) -> None:
    assert parsed(call, text) == meant


@pytest.mark.parametrize("text", ["colour:red", "device:", "age:soon", "age:<", "status:failed,EXPOSING"])
def test_a_filter_that_cannot_be_meant(call: Call, text: str) -> None:
    assert parsed(call, text)["problems"]


def test_a_filter_as_a_question_to_the_server(call: Call) -> None:
    query = call(
        "filter.js",
        "filterQuery",
        call("filter.js", "parseFilter", 'device:camera status:done,failed "M31"'),
        {"since_ms": 1, "until_ms": 2},
        NOW,
    )
    assert query == {"device": "camera", "phase": "done,failed", "text": "M31", "since_ms": 1, "until_ms": 2}


def test_an_age_takes_the_place_of_the_night(call: Call) -> None:
    young = call("filter.js", "parseFilter", "age:<2h")
    old = call("filter.js", "parseFilter", "age:>2h")
    night = {"since_ms": 1, "until_ms": 2}
    assert call("filter.js", "filterRange", young, night, NOW) == {"since_ms": NOW - 2 * HOUR}
    assert call("filter.js", "filterRange", old, night, NOW) == {"until_ms": NOW - 2 * HOUR}


@pytest.mark.parametrize(
    ("text", "parts", "fitting"),
    [
        ("", {}, True),
        ("", {"created_ms": NOW - 13 * HOUR}, False),
        ("site:saf", {}, True),
        ("site:mrc1", {}, False),
        ("status:waiting", {}, True),
        ("status:failed", {}, False),
        ("status:running", {"phase": "a phase of tomorrow", "status": "DREAMING"}, True),
        ("status:unread", {}, True),
    ],
)
def test_what_fits(call: Call, text: str, parts: dict[str, Any], fitting: bool) -> None:
    wanted = call("filter.js", "parseFilter", text)
    night = {"since_ms": NOW - 12 * HOUR, "until_ms": NOW + 12 * HOUR}
    assert call("filter.js", "fits", job(**parts), wanted, night, NOW) is fitting


@pytest.mark.parametrize(
    ("text", "phase", "result"),
    [
        ("", "failed", "status:failed"),
        ("status:failed", "failed", ""),
        ('device:camera status:failed "M31"', "waiting", 'device:camera "M31" status:waiting,failed'),
        ("status:gone,failed user:ann", "gone", "user:ann status:failed"),
        ("status:EXPOSING", "done", "status:done"),
    ],
)
def test_a_phase_switched_on_or_off(call: Call, text: str, phase: str, result: str) -> None:
    assert call("filter.js", "togglePhase", text, phase) == result


# ---- small things


@pytest.mark.parametrize(
    ("key", "where", "action"),
    [
        ({"key": "n"}, {}, "now"),
        ({"key": "J"}, {}, "jobs"),
        ({"key": "/"}, {}, "filter"),
        ({"key": "?"}, {}, "help"),
        ({"key": "Escape"}, {}, "back"),
        ({"key": "Escape"}, {"typing": True}, "leave-field"),
        ({"key": "n"}, {"typing": True}, None),
        ({"key": "n", "ctrlKey": True}, {}, None),
        ({"key": "n"}, {"dialog": True}, None),
        ({"key": "?"}, {"dialog": True}, "help"),
        ({"key": "Escape"}, {"dialog": True}, "help"),
        ({"key": "toString"}, {}, None),
        ({"key": "n"}, {"single": False}, None),
        ({"key": "?"}, {"single": False}, None),
        ({"key": "?"}, {"single": False, "dialog": True}, None),
        ({"key": "ArrowDown"}, {"single": False}, "down"),
        ({"key": "Escape"}, {"single": False}, "back"),
        ({"key": "Escape"}, {"single": False, "dialog": True}, "help"),
    ],
)
def test_keys(call: Call, key: dict[str, Any], where: dict[str, Any], action: str | None) -> None:
    assert call("keys.js", "keyAction", key, {"typing": False, "dialog": False, **where}) == action


def test_the_key_of_the_login_link_and_a_pasted_token(call: Call) -> None:
    assert call("login.js", "proofOf", "#once=a-b_c") == {"proof": {"once": "a-b_c"}, "wall": False}
    assert call("login.js", "proofOf", "#token=ey.a&wall=1") == {"proof": {"token": "ey.a"}, "wall": True}
    for nothing in ("", "#", "#once=", "#token=&wall=0"):
        assert call("login.js", "proofOf", nothing) == {"proof": None, "wall": False}
    assert call("login.js", "cleanToken", "  Bearer eyJ.a\n b \n") == "eyJ.ab"


def test_an_error_is_a_sentence(call: Call) -> None:
    page = call.page
    ask = """async ([path, options]) => {
        const { get } = await import("/api.js");
        return get(path, {}, options).then(() => "", (error) => error.message);
    }"""
    assert page.evaluate(ask, ["nothing", {}]) == "The server refused this (404) without saying why."
    assert page.evaluate(ask, ["../favicon.svg", {}]) == "The server's answer could not be read."
    assert page.evaluate(ask, ["http://127.0.0.1:9/", {}]) == "The server cannot be reached."
