"""The calendar service: a real one over HTTP, with faults as data; what it said outlives it."""

import datetime
import json
import re
import socket
import threading
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import pytest
import requests
from bottle import Bottle, HTTPResponse, request
from hypothesis import given
from hypothesis import strategies as st

from prjobs.access import calendar, reservations
from prjobs.access.calendar import Calendar, parse_events, parse_time, refresh_once
from prjobs.access.http import Limits, Outside, get_json, post_json
from tests.program import JOB
from tests.secure_socket import secure_socket
from tests.serving import Serving
from tests.verbs import make_token
from tests.waiting import wait_for

ALICE, BOB = "auth0|alice", "auth0|bob"
QUICK = Limits(connect_s=2, first_byte_s=0.3, total_s=0.6, body_bytes=20_000)
HOUR_S = 3600


@dataclass(frozen=True)
class Fault:
    """What the service does instead of answering: `times` requests long."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    drips: bool = False
    times: int = 10**9
    path: str = ""


class Service:
    """The calendar as the contract describes it, on a free port, with events and a fault that tests set."""

    def __init__(self) -> None:
        self.events: list[dict[str, str]] = []
        # Answers of the two questions whatever is asked; None: the events of the time that is asked for.
        self.coming: list[dict[str, str]] | None = None
        self.on_now: list[dict[str, str]] | None = None
        self.fault: Fault | None = None
        self.asked: list[tuple[str, bytes, str]] = []
        self.over = threading.Event()
        app = Bottle()
        for path, answer in (("/siteevents", self._ended_in), ("/get-event-at-time", self._on_at)):
            app.route(path, "POST", lambda path=path, answer=answer: self._answer(path, answer))
        app.route("/elsewhere", ["GET", "POST"], lambda: HTTPResponse("[]", 200))
        self._serving = Serving(app)
        self.url = self._serving.url

    def close(self) -> None:
        self.over.set()
        self._serving.close()

    def _answer(self, path, answer):
        body = request.body.read()
        self.asked.append((path, body, request.content_type))
        fault = self.fault
        if fault and fault.times > 0 and fault.path in ("", path):
            self.fault = Fault(**{**fault.__dict__, "times": fault.times - 1})
            return self._fail(fault)
        return HTTPResponse(json.dumps(answer(json.loads(body))), 200, {"Content-Type": "application/json"})

    def _fail(self, fault: Fault):
        if fault.silent:
            self.over.wait(60)
        body = self._dripped() if fault.drips else fault.body
        return HTTPResponse(body, fault.status, fault.headers)

    def _dripped(self):
        while not self.over.wait(0.1):
            yield b" "

    def _ended_in(self, asked):
        if self.coming is not None:
            return self.coming
        return [
            event
            for event in self.events
            if event["site"] == asked["site"] and asked["start"] <= event["end"] <= asked["end"]
        ]

    def _on_at(self, asked):
        if self.on_now is not None:
            return self.on_now
        return [
            event
            for event in self.events
            if event["site"] == asked["site"] and event["start"] <= asked["time"] <= event["end"]
        ]


@pytest.fixture
def service():
    service = Service()
    yield service
    service.close()


@pytest.fixture
def make_appliance(make_appliance, service):
    """Open an appliance that asks the service."""

    def make(**settings):
        appliance = make_appliance(**{"reservations": "calendar", "calendar_url": service.url, **settings})
        appliance.queue.polls.know("saf")
        return appliance

    return make


@pytest.fixture
def appliance(make_appliance):
    return make_appliance()


@pytest.fixture
def event(clock):
    """An event of the service, in seconds from now."""

    def event(user, start_s=-HOUR_S, end_s=HOUR_S, site="saf", **changes):
        start, end = (calendar.wire_time(clock.wall_ms + seconds * 1000) for seconds in (start_s, end_s))
        whole = {
            "event_id": f"{user}-{start_s}",
            "start": start,
            "end": end,
            "creator": user.upper(),
            "creator_id": user,
            "site": site,
            "title": "M31",
            "project_id": "none",
            "reservation_type": "realtime",
        }
        return {**whole, **changes}

    return event


def may(appliance, user, site="saf"):
    return reservations.judge(appliance.desk, user, False, site)


def stored(appliance):
    return appliance.queue.database.fetch("SELECT site, event_id FROM reservation ORDER BY site, event_id")


# ---- it works


def test_it_works(appliance, service, event):
    service.events = [event(ALICE), event(BOB, HOUR_S, 2 * HOUR_S), event(BOB, site="mrc1")]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    judged = may(appliance, BOB)
    assert (judged.allowed, judged.basis, judged.holders) == (False, "live", ["AUTH0|ALICE"])
    assert may(appliance, ALICE).allowed
    assert [one.creator_id for one in reservations.list_reservations(appliance.desk)] == [ALICE, BOB]
    assert appliance.queue.notices.all() == []


def test_the_request_is_the_contracts(appliance, service, clock):
    clock.wall_ms = 1_655_741_700_999  # 2022-06-20T16:15:00.999Z
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    asked = {path: (json.loads(body), content_type) for path, body, content_type in service.asked}
    assert asked == {
        "/siteevents": (
            {"site": "saf", "start": "2022-06-20T16:15:00Z", "end": "2022-06-29T16:15:00Z"},
            "application/json",
        ),
        "/get-event-at-time": ({"site": "saf", "time": "2022-06-20T16:15:00Z"}, "application/json"),
    }
    assert len(service.asked) == 2


def test_a_base_address_with_a_path_and_a_slash(make_appliance, service):
    appliance = make_appliance(calendar_url=service.url + "/")
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert may(appliance, ALICE).basis == "live"


def test_only_what_is_on_or_starts_in_48_hours_is_kept(appliance, service, event):
    service.events = [
        event(ALICE, -2 * HOUR_S, -1),
        event(ALICE, 47 * HOUR_S, 100 * HOUR_S),
        event(ALICE, 49 * HOUR_S, 50 * HOUR_S),
        event(BOB, -900 * HOUR_S, 900 * HOUR_S),
    ]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert [one.creator_id for one in reservations.list_reservations(appliance.desk)] == [BOB, ALICE]


def test_an_answer_replaces_what_was_said_before(appliance, service, event):
    service.events = [event(ALICE), event(BOB, HOUR_S, 2 * HOUR_S)]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    service.events = [event(BOB)]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert may(appliance, BOB).allowed and not may(appliance, ALICE).allowed
    service.events = []
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert stored(appliance) == [] and may(appliance, "anybody").allowed


def test_the_same_event_in_both_answers_is_one_and_a_repeated_one_is_two(appliance, service, event):
    service.events = [event(ALICE, event_id="e"), event(ALICE, HOUR_S, 2 * HOUR_S, event_id="e")]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert stored(appliance) == [("saf", "e"), ("saf", "e")]


def test_every_known_site_is_asked_for_and_stations_with_their_observatories(make_appliance, service, event):
    appliance = make_appliance(stations=["wema=mrc1+mrc2"])
    service.events = [event(ALICE, site="mrc2")]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert {json.loads(body)["site"] for _, body, _ in service.asked} == {"saf", "wema", "mrc1", "mrc2"}
    assert not may(appliance, BOB, "wema").allowed and may(appliance, ALICE, "wema").allowed
    assert may(appliance, BOB, "mrc1").allowed


def test_a_new_site_is_asked_for_at_once_and_the_others_in_their_time(appliance, service, clock):
    asking = Calendar(appliance.desk, appliance.queue.polls.sites)
    asking.once()
    asking.once()
    assert len(service.asked) == 2
    appliance.queue.polls.know("mrc1")
    asking.once()
    assert len(service.asked) == 4
    clock.advance(reservations.REFRESH_S)
    asking.once()
    assert len(service.asked) == 8


def test_too_many_sites_are_told(appliance, service, monkeypatch):
    monkeypatch.setattr(calendar, "SITES", 2)
    for site in ("a", "b", "c"):
        appliance.queue.polls.know(site)
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert len(service.asked) == 4 and "4 sites are known" in appliance.queue.notices.sentence("calendar")


def test_it_is_not_asked_when_it_is_not_used(make_appliance, service):
    for mode in ("none", "local"):
        unused = make_appliance(reservations=mode)
        Calendar(unused.desk, unused.queue.polls.sites).run(threading.Event())
    assert service.asked == []


# ---- faults

HTML = b"<!DOCTYPE html><html><body>Sign in</body></html>"
FAULTS = {
    "html": Fault(body=HTML, headers={"Content-Type": "text/html"}),
    "html that says it is json": Fault(body=HTML, headers={"Content-Type": "application/json"}),
    "dict": Fault(body=b'{"message": "Internal server error"}'),
    "text": Fault(body=b'"[]"'),
    "null": Fault(body=b"null"),
    "nothing": Fault(body=b""),
    "cut off": Fault(body=b'[{"event_id": "e", '),
    "NaN": Fault(body=b"[NaN]"),
    "deep": Fault(body=b"[" * 5000 + b"]" * 5000),
    "not utf-8": Fault(body=b'["\xff"]'),
    "redirect": Fault(status=302, headers={"Location": "/elsewhere"}),
    "redirect of a post": Fault(status=307, headers={"Location": "/elsewhere"}),
    "redirect to a file": Fault(status=301, headers={"Location": "file:///etc/passwd"}),
    "500": Fault(status=500, body=b"[]"),
    "502": Fault(status=502, body=HTML),
    "204": Fault(status=204),
    "403": Fault(status=403, body=b"[]"),
    "404": Fault(status=404, body=b"[]"),
    "silence": Fault(silent=True, body=b"[]"),
    "a byte now and then": Fault(drips=True),
    "huge": Fault(body=b"[" + b" " * 30_000 + b"]"),
    "compressed": Fault(body=b"\x1f\x8b\x08\x00", headers={"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_nonsense_changes_nothing_and_is_told_and_is_forgotten_when_it_works_again(appliance, service, event, fault):
    service.events = [event(ALICE)]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    service.events = [event(BOB)]
    service.fault = fault
    refresh_once(appliance.desk, appliance.queue.polls.sites, QUICK)
    assert stored(appliance) == [("saf", f"{ALICE}--3600")]
    assert "saf: " in appliance.queue.notices.sentence("calendar") and "<" not in appliance.queue.notices.sentence(
        "calendar"
    )
    assert may(appliance, ALICE).allowed and not may(appliance, BOB).allowed
    service.fault = None
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert may(appliance, BOB).allowed and appliance.queue.notices.all() == []


@pytest.mark.parametrize("name", ["html", "500", "silence"])
def test_a_fault_that_passes_after_some_times(appliance, service, event, name, clock):
    service.events = [event(ALICE)]
    service.fault = Fault(**{**FAULTS[name].__dict__, "times": 2})
    asking = Calendar(appliance.desk, appliance.queue.polls.sites, QUICK)
    bases = []
    for _ in range(3):
        asking.once()
        bases.append(may(appliance, ALICE).basis)
        clock.advance(reservations.REFRESH_S)
    assert bases == ["cached age=never", "cached age=never", "live"]


def test_a_fault_of_one_site_is_not_one_of_another(appliance, service, event):
    appliance.queue.polls.know("mrc1")
    service.events = [event(ALICE), event(ALICE, site="mrc1", creator_id=7)]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert may(appliance, ALICE, "saf").allowed and not may(appliance, ALICE, "mrc1").allowed
    assert "mrc1: " in appliance.queue.notices.sentence("calendar") and "saf: " not in appliance.queue.notices.sentence(
        "calendar"
    )


def test_when_only_the_second_question_fails_the_first_answer_counts(appliance, service, event):
    service.events = [event(ALICE, -900 * HOUR_S, 900 * HOUR_S)]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    service.events += [event(BOB)]
    service.fault = Fault(status=502, path="/get-event-at-time")
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert may(appliance, ALICE).allowed and may(appliance, BOB).allowed and not may(appliance, "auth0|carol").allowed
    assert "status 502" in appliance.queue.notices.sentence("calendar")


def test_a_long_event_without_a_user_is_kept_as_well(appliance, service, event):
    service.events = [event(ALICE, -900 * HOUR_S, 900 * HOUR_S, creator_id=None)]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    service.fault = Fault(status=502, path="/get-event-at-time")
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    judged = may(appliance, BOB)
    assert (judged.allowed, judged.reason, judged.holders) == (False, "unknown", ["AUTH0|ALICE"])


def test_wrong_events_are_counted_and_hold_back_whom_they_do_not_name(appliance, service, event, clock):
    service.events = [event(ALICE, HOUR_S, 2 * HOUR_S), event(BOB, event_id=None), event(BOB, creator_id=17, title="t")]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert "1 events were wrong in form" in appliance.queue.notices.sentence("calendar")
    judged = may(appliance, ALICE)
    assert (judged.allowed, judged.basis, judged.holders) == (False, "live", ["AUTH0|BOB"])
    assert may(appliance, BOB).allowed
    clock.advance(HOUR_S)
    assert may(appliance, ALICE).allowed and not may(appliance, BOB).allowed


@pytest.mark.parametrize(
    "changes", [{"end": "soon"}, {"end": None}, {"start": 7, "end": ["x"]}, {"start": "9"}], ids=str
)
@pytest.mark.parametrize("named_by", ["coming", "on_now"])
@pytest.mark.parametrize("stale", ["deny", "allow"])
def test_a_site_with_an_event_without_clear_times_is_not_known_to_be_free(
    make_appliance, service, event, clock, changes, named_by, stale
):
    appliance = make_appliance(calendar_stale=stale)
    carol = "auth0|carol"
    service.coming, service.on_now = [event(carol)], []
    setattr(service, named_by, [event(ALICE, **changes), event(carol)])
    asking = Calendar(appliance.desk, appliance.queue.polls.sites)
    asking.once()
    judged = may(appliance, BOB)
    assert not judged.allowed and judged.basis == "live"
    assert may(appliance, carol).allowed and may(appliance, ALICE).allowed == (stale == "deny")
    assert "not known to be free" in appliance.queue.notices.sentence("calendar")
    service.coming = service.on_now = [event(ALICE, **changes)]
    clock.advance(reservations.REFRESH_S)
    asking.once()
    assert may(appliance, BOB).allowed == (stale == "allow")
    assert (may(appliance, BOB).holders, may(appliance, BOB).reason) == (["AUTH0|ALICE"], "unknown")
    service.coming = service.on_now = []
    clock.advance(reservations.REFRESH_S)
    asking.once()
    assert may(appliance, BOB).allowed and appliance.queue.notices.all() == []


@pytest.mark.parametrize("entry", ["a text", None, {"event_id": 1}, {"site": 7}], ids=str)
@pytest.mark.parametrize("stale", ["deny", "allow"])
def test_an_answer_without_a_readable_event_keeps_the_known_ones(make_appliance, service, event, clock, entry, stale):
    appliance = make_appliance(calendar_stale=stale)
    carol, asking = "auth0|carol", Calendar(appliance.desk, appliance.queue.polls.sites)
    service.events = [event(ALICE, end_s=60 * 5)]
    asking.once()
    service.coming = service.on_now = [entry]
    for _ in range(3):
        clock.advance(reservations.REFRESH_S)
        asking.once()
        assert may(appliance, ALICE).allowed and not may(appliance, BOB).allowed
        # The next answer replaces the assumed times: they do not pile up.
        assert len(stored(appliance)) == 2
    clock.advance(60 * 3)
    asking.once()
    judged = may(appliance, carol)
    assert (judged.allowed, judged.reason) == (stale == "allow", "unknown")
    assert "cannot be read" in judged.sentence
    service.coming = service.on_now = []
    clock.advance(reservations.REFRESH_S)
    asking.once()
    assert may(appliance, carol).allowed and stored(appliance) == []


def test_what_is_clear_of_an_event_counts(appliance, service, event, clock):
    later = event(ALICE, HOUR_S, 2 * HOUR_S, end="soon", creator=None)
    over = event(BOB, -2 * HOUR_S, -HOUR_S, start="x", creator_id=None)
    service.coming, service.on_now = [later, over], []
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert may(appliance, BOB).allowed
    clock.advance(HOUR_S - 1)
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert may(appliance, BOB).allowed
    clock.advance(2)
    assert not may(appliance, BOB).allowed and may(appliance, BOB).holders == [ALICE]
    # Start and end the wrong way round: neither is clear.
    service.coming = [event(ALICE, HOUR_S, -HOUR_S, creator_id=None, creator=None)]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert may(appliance, BOB).holders == [calendar.NOT_UNDERSTOOD]


def test_a_whole_day_is_one_of_the_sites_zone(make_appliance, service, event, clock):
    appliance = make_appliance(site_zones=["saf=America/Denver"])
    clock.wall_ms = 1_655_704_800_000 - 1000  # a second before 2022-06-20 in Denver
    service.coming = [event(ALICE, start="2022-06-20", end="2022-06-21"), event(BOB, start="20220621", end=None)]
    service.on_now = []
    holders = []
    for after_s in (0, 1, 86_400, 86_401, 2 * 86_400, 2 * 86_400 + 1):
        clock.wall_ms = 1_655_704_800_000 - 1000 + after_s * 1000
        refresh_once(appliance.desk, appliance.queue.polls.sites)
        holders.append(may(appliance, "auth0|carol").holders)
    assert holders == [[], ["AUTH0|ALICE"], ["AUTH0|ALICE"], ["AUTH0|BOB"], ["AUTH0|BOB"], []]


def test_no_service_at_all(make_appliance, service):
    nobody = make_appliance(calendar_url="http://127.0.0.1:1", calendar_stale="allow")
    refresh_once(nobody.desk, nobody.queue.polls.sites)
    assert "cannot be reached" in nobody.queue.notices.sentence("calendar")
    assert may(nobody, BOB).allowed
    nowhere = make_appliance(calendar_url="")
    refresh_once(nowhere.desk, nowhere.queue.polls.sites)
    assert "calendar_url is empty" in nowhere.queue.notices.sentence("calendar") and not may(nowhere, BOB).allowed


def test_a_store_that_cannot_be_written_is_a_notice(appliance, service):
    appliance.queue.database.condition.lose("The file is gone.")
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert "cannot be stored" in appliance.queue.notices.sentence("calendar")
    appliance.queue.database.condition.find()


def test_a_stop_is_not_waited_for(appliance, service):
    appliance.queue.stopping.set()
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    assert service.asked == []


# ---- with the Internet down


def test_after_a_restart_with_the_internet_down(make_appliance, service, event, clock):
    appliance = make_appliance()
    service.events = [event(ALICE, HOUR_S, 2 * HOUR_S)]
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    clock.advance(HOUR_S + 1)
    appliance = make_appliance(calendar_url="http://127.0.0.1:1", calendar_max_age_s=2 * HOUR_S)
    refresh_once(appliance.desk, appliance.queue.polls.sites)
    judged = may(appliance, BOB)
    assert (judged.allowed, judged.basis) == (False, f"cached age={HOUR_S + 1}")
    assert may(appliance, ALICE).allowed
    clock.advance(HOUR_S)
    too_old = may(appliance, ALICE)
    assert not too_old.allowed and "not reached since 2023-11-14 22:13 UTC" in too_old.sentence


def test_a_hanging_calendar_never_holds_up_a_command(make_server, service):
    service.fault = Fault(silent=True)
    server = make_server(reservations="calendar", calendar_url=service.url, calendar_stale="allow")
    server.appliance.queue.polls.know("saf")
    patient = Limits(connect_s=60, first_byte_s=60, total_s=60, body_bytes=20_000)
    asking = threading.Thread(
        target=refresh_once, args=(server.appliance.desk, server.appliance.queue.polls.sites, patient)
    )
    asking.start()
    wait_for(lambda: service.asked)
    headers = {"Authorization": f"Bearer {make_token(server.appliance, ALICE)}"}
    answer = requests.post(f"{server.url}/newjob", data=json.dumps(JOB), headers=headers, timeout=60)
    assert answer.status_code == 200 and answer.headers["X-Prjobs-Reservations"] == "cached age=never"
    assert asking.is_alive()
    service.over.set()
    asking.join(60)


@pytest.mark.slow
def test_the_server_asks_by_itself(make_server, service, event):
    service.events = [event(ALICE, start="2000-01-01T00:00:00Z", end="2999-01-01T00:00:00Z")]
    server = make_server(reservations="calendar", calendar_url=service.url)
    requests.post(f"{server.url}/getnewjobs", data='{"site": "saf"}', timeout=60)
    wait_for(lambda: may(server.appliance, ALICE).basis == "live")
    assert may(server.appliance, ALICE).allowed and not may(server.appliance, BOB).allowed


# ---- the form of events

WHOLE = {
    "event_id": "e",
    "start": "2022-06-20T16:15:00Z",
    "end": "2022-06-20T17:15:00Z",
    "creator": "Alice A.",
    "creator_id": ALICE,
    "site": "saf",
    "title": "M31",
}


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("2022-06-20T16:15:00Z", 1_655_741_700_000),
        ("2022-06-20T16:15:00.5Z", 1_655_741_700_500),
        ("2022-06-20T16:15:00.123456789Z", 1_655_741_700_123),
        ("2022-06-20T18:15:00+02:00", 1_655_741_700_000),
        ("2022-06-20T12:15:00.250-04:00", 1_655_741_700_250),
        ("1970-01-01T00:00:00Z", 0),
        # RFC 3339 and iCalendar, ISO 8601 in short, FullCalendar without a zone, all-day dates.
        ("2022-06-20t16:15:00z", 1_655_741_700_000),
        ("2022-06-20 16:15:00Z", 1_655_741_700_000),
        ("20220620T161500Z", 1_655_741_700_000),
        ("20220620T1615Z", 1_655_741_700_000),
        ("2022-06-20T16:15Z", 1_655_741_700_000),
        ("2022-06-20T12:15:00-0400", 1_655_741_700_000),
        ("2022-06-20T12:15:00-04", 1_655_741_700_000),
        ("2022-06-20T16:15:00", 1_655_741_700_000),
        ("20220620T161500", 1_655_741_700_000),
        ("2022-06-20", 1_655_683_200_000),
        ("20220620", 1_655_683_200_000),
    ],
)
def test_times(text, time_ms):
    assert parse_time(text) == time_ms


@pytest.mark.parametrize(
    "value",
    [
        "2022-06-20T16:15:00Z\n",
        " 2022-06-20T16:15:00Z",
        "2022-02-30T16:15:00Z",
        "2022-06-20T24:15:00Z",
        "2022-06-20T16:15:61Z",
        "2022-06-20T16:15:00+99:99",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "1969-12-31T23:59:59Z",
        "٢٠٢٢-06-20T16:15:00Z",
        "now",
        "",
        1_655_741_700,
        1_655_741_700_000.0,
        None,
        True,
        ["2022-06-20T16:15:00Z"],
        {},
    ],
)
def test_what_is_no_time(value):
    assert parse_time(value) is None


@pytest.mark.parametrize("name", ["America/Denver", "Europe/Berlin", "Australia/Lord_Howe", "UTC"])
def test_times_without_an_offset_are_the_zones(name):
    zone = ZoneInfo(name)
    for text in ("2022-06-20", "2022-06-20T16:15:00", "2022-12-31T23:59:59.5", "2022-03-13T02:30:00"):
        time = datetime.datetime.fromisoformat(text).replace(tzinfo=zone)
        assert parse_time(text, zone) == round(time.timestamp() * 1000)
        assert parse_time(text if "T" not in text else f"{text}Z") == parse_time(text)
    assert parse_time("2022-06-20T16:15:00Z", zone) == 1_655_741_700_000


@pytest.mark.parametrize(("start", "hours"), [("2022-03-13", 23), ("2022-11-06", 25), ("2022-06-20", 24)])
def test_a_day_without_an_end_is_whole_also_when_the_clocks_change(start, hours):
    for end in (None, "", start):
        [event] = parse_events([{**WHOLE, "start": start, "end": end}], "saf", ZoneInfo("America/Denver")).events
        assert event.end_ms - event.start_ms == hours * 3_600_000


@pytest.mark.parametrize(
    "changes",
    [
        {"start": None},
        {"end": "soon"},
        {"start": "2022-06-20T17:15:00Z"},
        {"start": "2022-06-20T18:15:00Z"},
        {"start": "2022-06-21", "end": "2022-06-20"},
    ],
)
def test_an_event_without_clear_times_is_kept_apart(changes):
    answer = parse_events([{**WHOLE, **changes}], "saf")
    assert (answer.events, len(answer.unclear), answer.wrong) == ([], 1, 1)
    assert answer.unclear[0].creator_id == ALICE


@pytest.mark.parametrize("creator_id", [None, 17, ["auth0|alice"], "", "x" * 201])
def test_an_event_without_a_clear_user_is_nobodys(creator_id):
    answer = parse_events([{**WHOLE, "creator_id": creator_id}], "saf")
    assert ([event.creator_id for event in answer.events], answer.wrong) == ([""], 1)


@pytest.mark.parametrize("site", ["mrc1", "saf2", "SAF-1"])
def test_an_event_of_another_site_is_none(site):
    assert parse_events([{**WHOLE, "site": site}], "saf") == ([], [], 1)


@pytest.mark.parametrize("site", ["SAF", " saf "])
def test_an_event_of_the_site_with_other_capitals_is_the_sites(site):
    assert len(parse_events([{**WHOLE, "site": site}], "saf").events) == 1


@pytest.mark.parametrize(
    "entry",
    [None, 7, "saf", [], [WHOLE], {}, {**WHOLE, "site": None}, {**WHOLE, "site": ["saf"]}],
    ids=str,
)
def test_an_entry_without_a_site_may_be_an_event_of_the_site(entry):
    answer = parse_events([WHOLE, entry], "saf")
    assert (len(answer.events), len(answer.unclear), answer.wrong) == (1, 1, 1)
    assert answer.unclear[0].creator_id == ""


@pytest.mark.parametrize("shown", [None, 7, ["x"], {}, True])
def test_what_is_only_shown_may_be_anything(shown):
    answer = parse_events([{**WHOLE, "creator": shown, "title": shown, "event_id": shown}], "saf")
    assert answer.wrong == 0
    assert [(one.creator_id, one.creator, one.title, one.event_id) for one in answer.events] == [(ALICE, "", "", "")]


@pytest.mark.parametrize("name", ["start", "end", "creator_id", "site"])
def test_what_decides_must_be_there(name):
    assert parse_events([{key: value for key, value in WHOLE.items() if key != name}], "saf").wrong == 1


@pytest.mark.slow
@given(
    answer=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(list(WHOLE.values())),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([*WHOLE, "x"]), inner, max_size=7),
        max_leaves=30,
    )
)
def test_no_answer_is_a_defect(answer):
    try:
        parsed = parse_events(answer, "saf")
    except Outside:
        assert not isinstance(answer, list)
    else:
        assert max(len(parsed.events) + len(parsed.unclear), parsed.wrong) <= len(answer)
        assert len(parsed.events) + parsed.wrong >= len(answer)
        assert all(0 <= event.start_ms < event.end_ms for event in parsed.events)


# ---- the one way outside


@pytest.mark.parametrize(
    "url",
    [
        "",
        "calendar",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://",
        "http://[::1",
        "http://a b/",
        "http://\x00/",
    ],
)
def test_what_is_no_web_address(url):
    with pytest.raises(Outside):
        get_json(url, {})


def test_the_sentence_names_the_host_and_no_secret(service):
    service.fault = Fault(status=500)
    with pytest.raises(Outside) as outside:
        post_json(service.url.replace("://", "://user:word@") + "/siteevents?key=s3cret", {"site": "saf"})
    assert re.fullmatch(r"127\.0\.0\.1:\d+ answered with status 500", str(outside.value))


def test_headers_are_sent_along():
    app, seen = Bottle(), []
    app.route("/x", "GET", lambda: seen.append(dict(request.headers)) or "[1]")
    with Serving(app) as serving:
        assert get_json(f"{serving.url}/x", {"Authorization": "Bearer t"}) == [1]
    assert seen[0]["Authorization"] == "Bearer t" and seen[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "begun",
    [b"HTTP/1.1 200 OK\r\nX: ", b"", b"HTTP/1.1 200 OK\r\n\r\n[", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n["],
)
def test_a_byte_now_and_then_is_not_patience_enough(begun):
    """Wherever in the answer: each byte comes within the patience, the whole never does."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def drip():
        connection, _ = listening.accept()
        with connection:
            connection.sendall(begun)
            for _ in range(400):
                if over.wait(0.05):
                    return
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        with pytest.raises(Outside, match=r"took longer than 0\.6 s|not answer in time"):
            get_json(f"http://127.0.0.1:{listening.getsockname()[1]}/", {}, QUICK)
    finally:
        over.set()
        listening.close()
        thread.join(60)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path, clock):
    secure = secure_socket(tmp_path)
    try:
        with pytest.raises(Outside, match="secure connection"):
            get_json(f"https://127.0.0.1:{secure.port}/", {}, QUICK)
    finally:
        secure.close()
