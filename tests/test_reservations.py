"""Who may command while a telescope is reserved: judged by what is stored, the same for all who ask."""

import json
import re
from types import SimpleNamespace

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from prjobs.access import desk, known, reservations, reserving, rights
from prjobs.access.audit import OPERATOR
from prjobs.access.identity import Identity
from prjobs.access.reservations import RESERVED, Event, NewReservation
from prjobs.access.reserving import AskedReservation
from prjobs.base import catalogue
from prjobs.base.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorized, UnknownName, Unusable
from prjobs.base.settings import CommandClass
from prjobs.base.settings_sources import load_settings
from prjobs.base.sites import stations
from prjobs.jobs.requests import Command
from prjobs.jobs.submission import submit_job
from tests.program import JOB
from tests.verbs import USER, make_token, take
from tests.waiting import wait_for

ALICE, BOB = "auth0|alice", "auth0|bob"
HOUR_MS = 3_600_000
FOREVER_MS = reservations.MAX_TIME_MS


@pytest.fixture
def local(make_appliance):
    return make_appliance(reservations="local")


def reserve(appliance, user, start_ms=0, end_ms=FOREVER_MS, site="saf", name=""):
    return reserving.add_reservation(appliance.desk, NewReservation(site, user, start_ms, end_ms, name), OPERATOR)


def ask_for(appliance, site, user, start_ms=0, end_ms=FOREVER_MS, force=False):
    asked = AskedReservation(site, user, start_ms, end_ms, force=force)
    return reserving.reserve(appliance.desk, asked, appliance.queue.polls.sites(), OPERATOR)


def may(appliance, user, site="saf", is_admin=False):
    return reservations.judge(appliance.desk, user, is_admin, site).allowed


def event(user, start_ms=0, end_ms=FOREVER_MS, event_id="e"):
    return Event(event_id, start_ms, end_ms, user, "", "")


# ---- the rule


def test_it_works(local):
    assert may(local, BOB)
    reserve(local, ALICE, name="Alice A.")
    judged = reservations.judge(local.desk, BOB, False, "saf")
    assert (judged.allowed, judged.basis, judged.sentence, judged.holders) == (False, "local", RESERVED, ["Alice A."])
    own = reservations.judge(local.desk, ALICE, False, "saf")
    assert own.allowed and "until" in own.sentence
    assert may(local, BOB, is_admin=True)
    assert may(local, BOB, site="mrc1")


def test_it_begins_with_its_start_and_ends_before_its_end(local, clock):
    start_ms = clock.wall_ms + HOUR_MS
    reserve(local, ALICE, start_ms, start_ms + 1000)
    answers = {}
    for offset_ms in (-1, 0, 999, 1000):
        clock.wall_ms = start_ms + offset_ms
        answers[offset_ms] = may(local, BOB)
    assert answers == {-1: True, 0: False, 999: False, 1000: True}


def test_a_clock_that_is_set_back_is_followed(local, clock):
    reserve(local, ALICE, clock.wall_ms + 1000, clock.wall_ms + 2000)
    clock.step(3)
    assert may(local, BOB)
    clock.step(-2)
    assert not may(local, BOB)
    clock.step(-1)
    assert may(local, BOB)


def test_of_overlapping_ones_each_user_may_command(local):
    reserve(local, ALICE)
    reserve(local, BOB)
    assert may(local, ALICE) and may(local, BOB) and not may(local, "auth0|carol")
    assert reservations.judge(local.desk, "auth0|carol", False, "saf").holders == [ALICE, BOB]


@pytest.mark.parametrize("user", ["auth0|alic", "alice", "auth0|alice2", "AUTH0|ALICE", " auth0|alice", "a", "", "%"])
def test_users_are_compared_whole(local, user):
    reserve(local, ALICE)
    assert not may(local, user)


@pytest.mark.parametrize("site", ["sa", "safx", "SAF", "s_f"])
def test_sites_are_compared_whole(local, site):
    reserve(local, ALICE)
    assert may(local, BOB, site=site)


def test_a_change_counts_at_once(local):
    assert may(local, BOB)
    one = reserve(local, ALICE)
    assert not may(local, BOB)
    reserving.remove_reservation(local.desk, one.id, OPERATOR)
    assert may(local, BOB)


def test_without_reservations_nothing_is_looked_up(make_appliance):
    appliance = make_appliance()
    reserve(appliance, ALICE)
    judged = reservations.judge(appliance.desk, BOB, False, "saf")
    assert (judged.allowed, judged.basis) == (True, "none")


def test_who_reserved_an_observatory_has_its_station(make_appliance):
    appliance = make_appliance(reservations="local", stations=["wema=mrc1+mrc2", "dome=saf"])
    reserve(appliance, ALICE, site="mrc2")
    assert not may(appliance, BOB, site="wema") and may(appliance, ALICE, site="wema")
    assert may(appliance, BOB, site="mrc1") and may(appliance, BOB, site="dome")
    reserve(appliance, BOB, site="wema")
    assert may(appliance, BOB, site="wema") and may(appliance, BOB, site="mrc1") and not may(appliance, BOB, "mrc2")


def test_reservations_outlive_a_restart(make_appliance):
    reserve(make_appliance(reservations="local"), ALICE)
    assert not may(make_appliance(reservations="local"), BOB)


def test_a_judgement_reads_no_row_again(make_appliance, clock, monkeypatch):
    appliance = make_appliance(reservations="calendar", stations=["saf=mrc1+mrc2"])
    for site in ("saf", "mrc1", "mrc2"):
        events = [event(f"u{n}", clock.wall_ms + n * HOUR_MS, clock.wall_ms + (n + 2) * HOUR_MS) for n in range(300)]
        reserving.replace_calendar(appliance.desk, site, events, clock.wall_ms)
    first = reservations.judge(appliance.desk, BOB, False, "saf")
    monkeypatch.setattr(appliance.desk.database, "fetch", None)
    assert reservations.judge(appliance.desk, BOB, False, "saf") == first


def test_many_sites_need_no_memory(local, monkeypatch):
    monkeypatch.setattr(desk, "KNOWN_LIMIT", 100)
    for number in range(desk.KNOWN_LIMIT * 2 + 5):
        may(local, BOB, site=f"s{number}")
    assert len(local.desk.windows.by_key) <= desk.KNOWN_LIMIT


@st.composite
def plans(draw):
    users = st.sampled_from([ALICE, BOB, "auth0|al", ""])
    sites = st.sampled_from(["saf", "mrc1", "wema"])
    spans = st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda span: (span[0], span[0] + span[1]))
    reserved = draw(st.lists(st.tuples(sites, users.filter(bool), spans, st.booleans()), max_size=6))
    asked = draw(st.lists(st.tuples(sites, users, st.integers(0, 20), st.booleans()), min_size=1, max_size=12))
    return reserved, asked


@pytest.mark.parametrize("many", [25, pytest.param(500, marks=pytest.mark.long)])
def test_it_says_what_a_simple_model_says(make_appliance, clock, many):
    @settings(max_examples=many)
    @given(plan=plans(), mode=st.sampled_from(["local", "calendar"]))
    def compare(plan, mode):
        reserved, asked = plan
        appliance = make_appliance(reservations=mode, stations=["wema=saf+mrc1"])
        appliance.queue.database.write(lambda transaction: transaction.execute("DELETE FROM reservation"))
        base_ms = clock.wall_ms = 1_700_000_000_000
        for site in ("saf", "mrc1", "wema"):
            events = [
                event(user, base_ms + start, base_ms + end, f"e{number}")
                for number, (where, user, (start, end), is_local) in enumerate(reserved)
                if where == site and not is_local
            ]
            reserving.replace_calendar(appliance.desk, site, events, base_ms)
        for site, user, (start, end), is_local in reserved:
            if is_local:
                reserve(appliance, user, base_ms + start, base_ms + end, site)
        for site, user, offset_ms, is_admin in asked:
            clock.wall_ms = base_ms + offset_ms
            sites = {"saf", "mrc1", "wema"} if site == "wema" else {site}
            users = {
                who
                for where, who, (start, end), is_local in reserved
                if where in sites and start <= offset_ms < end and (is_local or mode == "calendar")
            }
            assert may(appliance, user, site, is_admin) == (is_admin or not users or user in users)

    compare()


# ---- what the calendar said, and when


def test_the_basis_says_how_old_the_answer_is(make_appliance, clock):
    appliance = make_appliance(reservations="calendar", calendar_stale="allow")
    basis = lambda: reservations.judge(appliance.desk, BOB, False, "saf").basis  # noqa: E731
    assert basis() == "cached age=never"
    reserving.replace_calendar(appliance.desk, "saf", [], clock.wall_ms)
    assert basis() == "live"
    clock.advance(119)
    assert basis() == "live"
    clock.advance(1)
    assert basis() == "cached age=120"


@pytest.mark.parametrize(("policy", "allowed"), [("allow", True), ("deny", False)])
def test_a_setting_decides_when_the_calendar_was_never_reached_or_is_too_old(make_appliance, clock, policy, allowed):
    appliance = make_appliance(reservations="calendar", calendar_stale=policy, calendar_max_age_s=3600)
    never = reservations.judge(appliance.desk, BOB, False, "saf")
    assert never.allowed == allowed and "not reached yet" in never.sentence
    reserving.replace_calendar(appliance.desk, "saf", [], clock.wall_ms)
    clock.advance(3600)
    assert may(appliance, BOB)
    clock.advance(1)
    old = reservations.judge(appliance.desk, BOB, False, "saf")
    assert old.allowed == allowed and "not reached since 2023-11-14 22:13 UTC" in old.sentence
    assert allowed or "Administrators can still command" in old.sentence
    assert may(appliance, BOB, is_admin=True)


def test_an_answer_from_the_future_is_as_doubtful_as_an_old_one(make_appliance, clock):
    appliance = make_appliance(reservations="calendar")
    reserving.replace_calendar(appliance.desk, "saf", [], clock.wall_ms + 86_400_000)
    judged = reservations.judge(appliance.desk, BOB, False, "saf")
    assert (judged.allowed, judged.basis) == (False, "cached age=86400")


def test_what_was_made_here_counts_in_calendar_mode_whatever_the_calendar_does(make_appliance, clock):
    appliance = make_appliance(reservations="calendar", calendar_stale="deny")
    reserve(appliance, ALICE)
    assert may(appliance, ALICE)
    assert reservations.judge(appliance.desk, BOB, False, "saf").sentence == RESERVED
    reserving.replace_calendar(appliance.desk, "saf", [event(BOB)], clock.wall_ms)
    assert may(appliance, ALICE) and may(appliance, BOB) and not may(appliance, "auth0|carol")


def test_an_old_answer_still_protects_whom_it_named_when_the_setting_allows(make_appliance, clock):
    appliance = make_appliance(reservations="calendar", calendar_stale="allow")
    reserving.replace_calendar(appliance.desk, "saf", [event(ALICE)], clock.wall_ms)
    clock.advance(86_400)
    assert may(appliance, ALICE) and not may(appliance, BOB)


def test_a_station_is_judged_by_the_oldest_of_its_answers(make_appliance, clock):
    appliance = make_appliance(reservations="calendar", stations=["wema=mrc1+mrc2"])
    for site, age_ms in (("wema", 0), ("mrc1", 500_000)):
        reserving.replace_calendar(appliance.desk, site, [], clock.wall_ms - age_ms)
    assert reservations.judge(appliance.desk, BOB, False, "wema").basis == "cached age=never"
    reserving.replace_calendar(appliance.desk, "mrc2", [event(ALICE)], clock.wall_ms)
    judged = reservations.judge(appliance.desk, BOB, False, "wema")
    assert (judged.basis, judged.allowed) == ("cached age=500", False)


def test_the_calendars_do_not_count_in_local_mode(make_appliance, clock):
    appliance = make_appliance(reservations="local")
    reserving.replace_calendar(appliance.desk, "saf", [event(ALICE)], clock.wall_ms)
    assert may(appliance, BOB)


# ---- making and removing


def test_wrong_times_are_refused(local, clock):
    for start_ms, end_ms in ((2000, 2000), (3000, 2000), (0, clock.wall_ms)):
        with pytest.raises(BadRequest):
            reserve(local, ALICE, start_ms, end_ms)
    assert reservations.list_reservations(local.desk) == []


def test_only_those_made_here_can_be_removed(local, clock):
    reserving.replace_calendar(local.desk, "saf", [event(ALICE)], clock.wall_ms)
    (one,) = reservations.list_reservations(local.desk)
    with pytest.raises(Conflict):
        reserving.remove_reservation(local.desk, one.id, OPERATOR)
    with pytest.raises(NotFound):
        reserving.remove_reservation(local.desk, one.id + 1, OPERATOR)


@pytest.mark.parametrize(
    ("site", "user", "said"),
    [
        (
            "sfa",
            ALICE,
            "site: no observatory of this site ever polled, and no job or setting names it. Did you mean saf?",
        ),
        ("SAF", ALICE, "Did you mean saf?"),
        ("saf", "auth0|alcie", f"names this user. Did you mean {ALICE}?"),
        ("saf", "AUTH0|ALICE", f"names this user. Did you mean {ALICE}?"),
        ("saf", "zed", "names this user. If the name is right"),
        ("nowhere", "zed", "site: "),
    ],
)
def test_a_user_or_a_site_that_is_not_known_is_refused_unless_forced(local, site, user, said):
    make_token(local, ALICE, sites=("saf",))
    with pytest.raises(UnknownName, match=re.escape(said)):
        ask_for(local, site, user)
    assert reservations.list_reservations(local.desk) == []
    made = ask_for(local, site, user, force=True)
    assert (made.site, made.creator_id, made.counts) == (site, user, True)
    # A name that was forced once is not known by that alone.
    with pytest.raises(UnknownName):
        ask_for(local, site, user)


def test_users_and_sites_are_known_by_tokens_jobs_polls_settings_and_the_calendar(make_appliance, clock):
    appliance = make_appliance(reservations="calendar", stations=["wema=mrc1"], site_zones=["tst=UTC"])
    make_token(appliance, "token", sites=("tok",))
    reserving.replace_calendar(appliance.desk, "cal", [event("calendar")], clock.wall_ms)
    sent = Command("job", "mount", "m", "go", "sender", "", "[]", "{}", "{}", {})
    submit_job(appliance.queue, sent, USER)
    take(appliance, site="pol")
    users = ("token", "calendar", "sender")
    for site in ("tok", "cal", "job", "pol", "wema", "mrc1", "tst"):
        for user in users:
            assert ask_for(appliance, site, user).site == site
    assert known.known_users(appliance.desk) == set(users)


@pytest.mark.parametrize("mode", ["none", "local", "calendar"])
def test_overlaps_are_said_and_only_those(make_appliance, clock, mode):
    appliance = make_appliance(reservations=mode, stations=["wema=saf+mrc1"])
    now_ms = clock.wall_ms
    spans = {"before": (1, 2), "touches": (2, 3), "over": (0, 9), "in": (4, 5), "start": (2, 4), "end": (5, 7)}
    spans["after"] = (6, 7)
    for user, (start, end) in spans.items():
        reserve(appliance, user, now_ms + start * HOUR_MS, now_ms + end * HOUR_MS, name=user.upper())
    reserving.replace_calendar(appliance.desk, "saf", [event("calendar", now_ms, FOREVER_MS)], now_ms)
    span = {"start_ms": now_ms + 3 * HOUR_MS, "end_ms": now_ms + 6 * HOUR_MS, "force": True}
    said = " ".join(ask_for(appliance, "saf", BOB, **span).notes)
    names = re.findall(r"that of (\w+) for saf", said)
    assert names == ["OVER", *(["calendar"] if mode != "local" else []), "START", "IN", "END"]
    assert ("do not count now" in said) == (mode == "none")
    reserve(appliance, "other", now_ms - HOUR_MS, FOREVER_MS, site="mrc1")
    assert "that of other for mrc1" in " ".join(ask_for(appliance, "wema", BOB, **span).notes)


def test_many_overlaps_are_counted(local):
    for number in range(reserving.NOTES + 3):
        reserve(local, f"u{number}")
    assert ask_for(local, "saf", BOB, force=True).notes[-1] == "The reservation overlaps 3 more."


@pytest.mark.slow
def test_a_site_that_differs_by_case_alone_is_a_notice_when_it_appears(make_server):
    server = make_server()
    for site in ("saf", "SAF", "mrc1"):
        requests.post(f"{server.url}/getnewjobs", json={"site": site})
    wait_for(server.appliance.queue.notices.all)
    said = requests.get(f"{server.url}/healthz").json()
    assert said["ok"] and "SAF and saf differ by letter case alone" in json.dumps(said["notices"])


def test_sites_that_differ_by_case_alone_are_said(make_appliance):
    appliance = make_appliance(reservations="local", site_zones=["saf=UTC", "SAF=UTC", "mrc=UTC"])
    same = "The names SAF and saf differ by letter case alone and count as different sites."
    assert ask_for(appliance, "SAF", BOB, force=True).notes == [same]
    assert ask_for(appliance, "mrc", BOB, force=True).notes == []
    assert ask_for(appliance, "MRC", BOB, force=True).notes == [same.replace("SAF and saf", "MRC and mrc")]


def test_those_that_are_over_are_not_listed(local, clock):
    reserve(local, ALICE, 0, clock.wall_ms + 1)
    later = reserve(local, BOB, clock.wall_ms + 10, clock.wall_ms + 20, site="mrc1")
    clock.advance(0.001)
    assert reservations.list_reservations(local.desk) == [later]
    assert reservations.list_reservations(local.desk, "saf") == []


def test_making_and_removing_are_in_the_audit(local):
    one = reserve(local, ALICE)
    reserving.remove_reservation(local.desk, one.id, OPERATOR)
    rows = local.queue.database.fetch("SELECT who, what, target, detail FROM audit ORDER BY seq")
    assert [row[:3] for row in rows] == [
        ("operator", "reserve add", str(one.id)),
        ("operator", "reserve remove", str(one.id)),
    ]
    assert f"saf for {ALICE}" in rows[0][3]


# ---- rights


def test_rights_are_asked_in_order(make_appliance):
    appliance = make_appliance(reservations="local")
    reserve(appliance, ALICE)
    require = lambda *parts, **named: rights.require_rights(appliance.desk, *parts, **named)  # noqa: E731
    alice, bob, admin = Identity(ALICE, "A"), Identity(BOB, "B"), Identity("auth0|root", "R", ("admin",))
    assert require(alice, "saf", ALICE, "exposure").basis == "local"
    assert require(admin, "saf", BOB, "roof").allowed
    with pytest.raises(Unauthorized, match=re.escape(RESERVED)) as refused:
        require(bob, "saf", BOB, "exposure")
    assert refused.value.headers == {"X-Prjobs-Reservations": "local"}
    with pytest.raises(Unauthorized, match="user_id"):
        require(bob, "saf", ALICE, "exposure")
    with pytest.raises(Forbidden, match="observatory"):
        require(Identity(ALICE, "A", ("observatory",)), "saf", ALICE)
    with pytest.raises(Forbidden, match="this site"):
        require(Identity(ALICE, "A", (), ("mrc1",)), "saf", ALICE)
    with pytest.raises(Unauthorized, match=re.escape(RESERVED)):
        require(Identity(BOB, "B", ("notadmin", "administrator")), "saf", BOB)
    with pytest.raises(Unauthorized, match=re.escape(RESERVED)):
        require(Identity(BOB, "B", ("owner",)), "saf", BOB)


def test_a_calendar_out_of_reach_is_no_bad_login(make_appliance):
    appliance = make_appliance(reservations="calendar")
    with pytest.raises(Forbidden, match="not reached yet") as refused:
        rights.require_rights(appliance.desk, Identity(BOB, "B"), "saf", BOB)
    assert refused.value.headers == {"X-Prjobs-Reservations": "cached age=never"}


@pytest.mark.parametrize("command_class", ["roof", "safety", "restart"])
def test_some_classes_need_a_role(make_appliance, command_class):
    appliance = make_appliance()
    for roles in ((), ("roof",), ("viewer2",)):
        with pytest.raises(Forbidden, match="admin or owner role"):
            rights.require_rights(appliance.desk, Identity(ALICE, "A", roles), "saf", ALICE, command_class)
    for roles in (("admin",), ("owner",)):
        assert rights.require_rights(appliance.desk, Identity(ALICE, "A", roles), "saf", ALICE, command_class).allowed
    other = make_appliance(staff_classes=["motion"])
    assert rights.require_rights(other.desk, Identity(ALICE, "A"), "saf", ALICE, command_class).allowed


@pytest.mark.parametrize("command_class", ["stop", "close", "park"])
def test_only_owners_may_make_safe_whatever_is_reserved_where_a_stop_needs_the_reservation(
    make_appliance, command_class
):
    appliance = make_appliance(reservations="local", stop_needs="reservation")
    reserve(appliance, ALICE)
    owner = Identity(BOB, "B", ("owner",))
    assert rights.require_rights(appliance.desk, owner, "saf", BOB, command_class).allowed
    assert rights.may_command(appliance.desk, owner, "saf", command_class).allowed
    for other in (Identity(BOB, "B"), Identity(BOB, "B", ("notowner",))):
        with pytest.raises(Unauthorized, match=re.escape(RESERVED)):
            rights.require_rights(appliance.desk, other, "saf", BOB, command_class)
    with pytest.raises(Forbidden):
        rights.require_rights(appliance.desk, Identity(BOB, "B", ("owner",), ("mrc1",)), "saf", BOB, command_class)
    for more in ("motion", "exposure", "script", "other"):
        with pytest.raises(Unauthorized):
            rights.require_rights(appliance.desk, owner, "saf", BOB, more)


@pytest.mark.parametrize("command_class", ["stop", "close", "park"])
def test_who_may_command_at_some_time_may_make_safe_at_any_time(make_appliance, command_class):
    appliance = make_appliance(reservations="local")
    reserve(appliance, ALICE, name="Alice A.")
    require = lambda *parts: rights.require_rights(appliance.desk, *parts, command_class)  # noqa: E731
    judged = require(Identity(BOB, "B"), "saf", BOB)
    assert (judged.allowed, judged.holders) == (True, ["Alice A."])
    assert judged.despite == "despite the reservation of Alice A."
    assert require(Identity(ALICE, "A"), "saf", ALICE).despite == ""
    assert rights.may_command(appliance.desk, Identity(BOB, "B"), "saf", command_class).allowed
    for roles, sites in ((("viewer",), ()), (("observatory",), ()), ((), ("mrc1",))):
        with pytest.raises(Forbidden):
            require(Identity(BOB, "B", roles, sites), "saf", BOB)
    with pytest.raises(Unauthorized, match="user_id"):
        require(Identity(BOB, "B"), "saf", ALICE)


def test_a_calendar_out_of_reach_keeps_no_stop_back(make_appliance):
    appliance = make_appliance(reservations="calendar")
    judged = rights.require_rights(appliance.desk, Identity(BOB, "B"), "saf", BOB, "stop")
    assert judged.despite == "with the calendar unknown"


def test_to_ask_is_answered_as_to_send(make_appliance):
    appliance = make_appliance(reservations="local")
    reserve(appliance, ALICE, name="Alice A.")
    asked = rights.may_command(appliance.desk, Identity(BOB, "B"), "saf")
    assert (asked.allowed, asked.sentence, asked.holders) == (False, RESERVED, ["Alice A."])
    roof = rights.may_command(appliance.desk, Identity(ALICE, "A"), "saf", "roof")
    assert (roof.allowed, roof.basis) == (False, "local") and "role" in roof.sentence
    elsewhere = rights.may_command(appliance.desk, Identity(BOB, "B", (), ("mrc1",)), "saf")
    assert (elsewhere.allowed, elsewhere.holders) == (False, [])
    assert rights.may_command(appliance.desk, Identity(ALICE, "A"), "saf", "exposure").allowed


# ---- settings


def test_the_classes_of_the_setting_are_those_of_the_catalogue():
    assert CommandClass.__args__ == catalogue.CLASSES


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("staff_classes", "rooof"),
        ("stations", "wema"),
        ("stations", "wema="),
        ("stations", "wema=a++b"),
        ("stations", "we ma=a"),
        ("calendar_url", "calendar.example.org"),
        ("calendar_url", "https://user:word@calendar.example.org"),
        ("calendar_url", "file:///etc/passwd"),
        ("calendar_max_age_s", "10"),
        ("calendar_stale", "perhaps"),
        ("reservations", "both"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(tmp_path, name, value):
    with pytest.raises(Unusable, match=name):
        load_settings(tmp_path, {f"PRJOBS_{name.upper()}": value})


def test_lists_are_written_with_commas(tmp_path):
    environment = {"PRJOBS_STATIONS": "wema=mrc1+mrc2, dome=saf", "PRJOBS_STAFF_CLASSES": ""}
    loaded, _ = load_settings(tmp_path, environment)
    assert stations(loaded) == {"wema": ["mrc1", "mrc2"], "dome": ["saf"]}
    assert loaded.staff_classes == []


# ---- over HTTP


@pytest.fixture
def site(make_server):
    """A server with local reservations; ask it as one of its users."""
    server = make_server(reservations="local")
    tokens = {
        "alice": make_token(server.appliance, ALICE),
        "bob": make_token(server.appliance, BOB),
        "owner": make_token(server.appliance, "auth0|owner", "owner", sites=("saf",)),
        "admin": make_token(server.appliance, "auth0|root", "admin"),
    }

    def ask(who, method, path, body=None, **named):
        headers = {"Authorization": f"Bearer {tokens[who]}"} if who else {}
        data = None if body is None else json.dumps(body)
        return requests.request(method, server.url + path, data=data, headers=headers, timeout=60, **named)

    return SimpleNamespace(server=server, ask=ask)


NEW = {"site": "saf", "creator_id": ALICE, "creator": "Alice A.", "start_ms": 0, "end_ms": FOREVER_MS}


def test_newjob_says_on_what_it_was_judged(site):
    free = site.ask("bob", "POST", "/newjob", {**JOB, "user_id": BOB})
    assert (free.status_code, free.headers["X-Prjobs-Reservations"]) == (200, "local")
    made = site.ask("owner", "POST", "/api/reservations", NEW)
    assert made.status_code == 200 and made.json()["created_by"] == "auth0|owner"
    refused = site.ask("bob", "POST", "/newjob", {**JOB, "user_id": BOB})
    assert (refused.status_code, refused.text) == (401, RESERVED)
    assert refused.headers["X-Prjobs-Reservations"] == "local"
    assert site.ask("alice", "POST", "/newjob", JOB).status_code == 200
    assert site.ask("admin", "POST", "/newjob", JOB).status_code == 200
    old = free.json()["ulid"]
    assert site.ask("bob", "POST", f"/api/jobs/{old}/again", {}).status_code == 401
    database = site.server.appliance.queue.database
    assert database.fetch("SELECT count(*) FROM job") == [(3,)]
    stop = {**JOB, "user_id": BOB, "device": "all", "instance": "all", "action": "cancel_all_commands"}
    taken = site.ask("bob", "POST", "/newjob", stop)
    assert taken.status_code == 200
    again = site.ask("bob", "POST", f"/api/jobs/{taken.json()['ulid']}/again", {})
    assert again.status_code == 200
    for ulid, what in ((taken.json()["ulid"], "newjob"), (again.json()["ulid"], "again")):
        found = database.fetch("SELECT who, what, detail FROM audit WHERE target = ?", (ulid,))
        expected = "saf all all cancel_all_commands despite the reservation of Alice A."
        assert [(who, did, detail.startswith(expected)) for who, did, detail in found] == [(BOB, what, True)]


def test_a_stop_may_need_the_reservation(make_server):
    server = make_server(reservations="local", stop_needs="reservation")
    reserve(server.appliance, ALICE)
    stop = {**JOB, "user_id": BOB, "device": "all", "instance": "all", "action": "cancel_all_commands"}
    headers = {"Authorization": f"Bearer {make_token(server.appliance, BOB)}"}
    refused = requests.post(f"{server.url}/newjob", data=json.dumps(stop), headers=headers, timeout=60)
    assert (refused.status_code, refused.text) == (401, RESERVED)


def test_a_roof_needs_a_role(site):
    roof = next(command for command in catalogue.commands() if command.command_class == "roof")
    job = {**JOB, "device": roof.device, "action": roof.action, "required_params": roof.required}
    refused = site.ask("alice", "POST", "/newjob", job)
    assert refused.status_code == 403 and "role" in refused.text
    assert site.ask("admin", "POST", "/newjob", job).status_code == 200
    where = f"/api/may?site=saf&device={roof.device}&action={roof.action}"
    assert site.ask("alice", "GET", where).json()["may"] is False
    assert site.ask("owner", "GET", where).json()["may"] is True


def test_a_reservation_for_ever_is_no_obstacle_anywhere(site):
    made = site.ask("owner", "POST", "/api/reservations", NEW)
    assert made.status_code == 200 and made.json()["end_ms"] == FOREVER_MS
    assert site.ask("alice", "POST", "/newjob", JOB).status_code == 200
    assert "until 9999-01-01 00:00 UTC" in site.ask("alice", "GET", "/api/may?site=saf").json()["why"]
    assert site.ask("owner", "DELETE", f"/api/reservations/{made.json()['id']}").status_code == 200


def test_may_is_the_same_question(site):
    free = site.ask("bob", "GET", "/api/may?site=saf").json()
    assert (free["may"], free["basis"], free["holders"]) == (True, "local", []) and "Nobody" in free["why"]
    site.ask("admin", "POST", "/api/reservations", NEW)
    assert site.ask("bob", "GET", "/api/may?site=saf").json() == {
        "may": False,
        "why": RESERVED,
        "basis": "local",
        "holders": ["Alice A."],
    }
    assert site.ask("alice", "GET", "/api/may?site=saf&device=camera&action=expose").json()["may"] is True
    assert site.ask(None, "GET", "/api/may?site=saf").status_code == 401
    for query in ("", "?site=", "?site=a%20b", "?site=%ff", "?site=saf&device=" + "x" * 65):
        assert site.ask("bob", "GET", f"/api/may{query}").status_code == 400, query


def test_reservations_are_made_and_removed_by_staff(site):
    assert site.ask("alice", "POST", "/api/reservations", NEW).status_code == 403
    assert site.ask(None, "POST", "/api/reservations", NEW).status_code == 401
    assert site.ask("owner", "POST", "/api/reservations", {**NEW, "site": "mrc1"}).status_code == 403
    asked = {**NEW, "site": "mrc1", "title": "<b>M31</b>", "force": True}
    made = site.ask("admin", "POST", "/api/reservations", asked).json()
    assert (made.pop("notes"), made["counts"]) == ([], True)
    listed = site.ask(None, "GET", "/api/reservations").json()
    assert (listed["mode"], listed["reservations"]) == ("local", [made])
    assert site.ask("owner", "GET", "/api/reservations").json()["reservations"] == []
    assert site.ask(None, "GET", "/api/reservations?site=saf").json()["reservations"] == []
    assert site.ask("owner", "DELETE", f"/api/reservations/{made['id']}").status_code == 403
    assert site.ask("admin", "DELETE", f"/api/reservations/{made['id']}").json() == {"removed": made["id"]}
    for wrong in (str(made["id"]), "x", "-1", "9" * 30, "1.0"):
        assert site.ask("admin", "DELETE", f"/api/reservations/{wrong}").status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"site": "a b"},
        {"creator_id": ""},
        {"creator_id": None},
        {"start_ms": "now"},
        {"start_ms": 1.5},
        {"start_ms": -1},
        {"end_ms": 0},
        {"end_ms": FOREVER_MS + 1},
        {"end_ms": 10**30},
        {"title": "x" * 201},
    ],
)
def test_a_wrong_reservation_is_refused_by_its_field(site, changes):
    answer = site.ask("admin", "POST", "/api/reservations", {**NEW, **changes})
    assert answer.status_code == 400, answer.text
    assert next(iter(changes)) in answer.json()["error"] or 10**30 in changes.values()


# ---- the command line


@pytest.mark.slow
def test_the_command_line_with_and_without_a_server(program):
    for start in (False, True):
        if start:
            program.serve("--reservations", "local")
        add = ("reserve", "add", "saf", "--user", ALICE, "--name", "Alice A.", "--start", "now", "--end", "+2h")
        refused = program.run(*add)
        assert (refused.returncode, refused.stdout) == (1, "") and "site: no observatory" in refused.stderr
        assert "--force" in refused.stderr
        made = program.run(*add, "--force")
        assert made.returncode == 0 and made.stdout.strip().isdigit() and "Alice A." in made.stderr
        assert ("do not count now" in made.stderr) == (not start)
        assert ("does not count now" in program.run("reserve", "list").stdout) == (not start)
        listed = [json.loads(line) for line in program.run("reserve", "list", "--json").stdout.splitlines()]
        assert [str(one["id"]) for one in listed] == [made.stdout.strip()]
        assert listed[0]["counts"] == start
        assert listed[0]["end_ms"] - listed[0]["start_ms"] == pytest.approx(2 * HOUR_MS, abs=2000)
        assert ALICE in program.run("reserve", "list", "--site", "saf").stdout
        assert program.run("reserve", "list", "--site", "mrc1").stdout == ""
        removed = program.run("reserve", "remove", made.stdout.strip())
        assert removed.returncode == 0 and program.run("reserve", "list").stdout == ""
        again = program.run("reserve", "remove", made.stdout.strip())
        assert (again.returncode, again.stderr) == (1, "prjobs: There is no reservation with this id.\n")


@pytest.mark.slow
def test_times_on_the_command_line(program):
    add = ("reserve", "add", "saf", "--user", ALICE)
    iso = ("--start", "2099-06-20T20:00", "--end", "2099-06-21 00:00:30.5+02:00")
    program.run(*add, *iso, "--force")
    (listed,) = program.run("reserve", "list", "--json").stdout.splitlines()
    one = json.loads(listed)
    assert (one["start_ms"], one["end_ms"]) == (4_085_668_800_000, 4_085_676_030_500)
    for wrong in ("tomorrow", "2099-06-20", "12", "+2 hours", "2099-13-20T20:00"):
        refused = program.run(*add, "--start", wrong, "--end", "+2h")
        assert refused.returncode == 2 and "no time" in refused.stderr + refused.stderr.replace(
            "no duration", "no time"
        )
    backwards = program.run(*add, "--force", "--start", "+2h", "--end", "+1h")
    assert backwards.returncode == 1 and "after" in backwards.stderr
