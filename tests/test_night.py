"""The log of a night: its times, its counts, what it knows and what it says that it does not know."""

import csv
import io
import itertools
import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import requests

from prjobs.access import reserving
from prjobs.access.audit import OPERATOR
from prjobs.access.reservations import NewReservation
from prjobs.base.errors import BadRequest
from prjobs.base.settings import Settings
from prjobs.base.ulids import floor_ulid
from prjobs.jobs import expiry, lookup, proofs, withdrawals
from prjobs.jobs.states import PHASES
from prjobs.monitor import alarms
from prjobs.monitor.watching import Watch
from prjobs.night import nights, report
from prjobs.night import page as night_page
from prjobs.night.files import defused, write_document, write_sheet
from prjobs.night.nights import night_at, night_named, zones_note
from prjobs.night.report import SAVED_MS, night_report, source_of, stored_source
from prjobs.night.shapes import LONGEST, STOP_S
from prjobs.night.silence import Polled, Quiet
from prjobs.night.tables import Tables
from prjobs.night.words import duration
from prjobs.store.models import JOB_COLUMNS
from tests.clocks import ManualClock
from tests.shown import DENVER, HOSTILE, Seen, page_of
from tests.stores import storable
from tests.verbs import USER, make_token, take
from tests.verbs import report as update

HOUR_MS = 3_600_000
ONE, TWO = "127.0.0.1:5000", "127.0.0.1:6000"
CSS = (Path(__file__).parent.parent / "static" / "night.css").read_text(encoding="utf-8")


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


@pytest.fixture
def read(appliance):
    """The report of the night of now, and all its jobs."""

    def read(site="saf", date=None, settings=None):
        settings = settings or appliance.queue.settings
        now_ms = appliance.queue.clock.now_ms()
        night = night_named(settings, site, date) if date else night_at(settings, site, now_ms)
        found = []
        return night_report(source_of(appliance.queue), site, night, found.extend), found

    return read


# ---- which night


@pytest.mark.parametrize(
    ("date", "zone", "hours"),
    [
        ("2026-11-23", "America/Denver", 24),
        ("2026-03-07", "America/Denver", 23),
        ("2026-10-31", "America/Denver", 25),
        ("2026-10-31", "UTC", 24),
        ("2026-04-04", "Australia/Lord_Howe", 24.5),
    ],
)
def test_a_night_runs_from_noon_to_noon(date, zone, hours):
    night = night_named(Settings(site_zones=[f"saf={zone}"]), "saf", date)
    assert night.until_ms - night.since_ms == hours * HOUR_MS
    assert night.clock(night.since_ms, "%H:%M")[:5] == night.clock(night.until_ms, "%H:%M")[:5] == "12:00"


def test_the_morning_belongs_to_the_evening_before():
    named = {
        text: night_at(DENVER, "saf", ms(text)).date
        for text in (
            "2026-11-23T18:59:59+00:00",
            "2026-11-23T19:00+00:00",
            "2026-11-24T18:59+00:00",
            "2026-11-24T19:00+00:00",
        )
    }
    assert list(named.values()) == ["2026-11-22", "2026-11-23", "2026-11-23", "2026-11-24"]


def test_all_sites_have_their_shared_zone_or_utc():
    both = Settings(site_zones=["saf=America/Denver", "sro=America/Denver"])
    assert str(nights.zone_of(both, None)) == "America/Denver"
    assert str(nights.zone_of(Settings(site_zones=["saf=America/Denver", "eco=Australia/Sydney"]), None)) == "UTC"
    assert str(nights.zone_of(both, "mrc1")) == str(nights.zone_of(Settings(), None)) == "UTC"


def test_its_title():
    titles = [night_named(Settings(), None, date).title for date in ("2026-11-23", "2026-11-30", "2026-12-31")]
    assert titles == ["23/24 Nov 2026", "30 Nov/1 Dec 2026", "31 Dec 2026/1 Jan 2027"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        "2026-02-30",
        "2026-11-23T00:00",
        "20261123",
        "2026-W01-1",
        "1969-12-31",
        "9999-12-31",
        "\uff12026-01-01",
    ],
)
def test_what_is_no_date_is_refused(name):
    with pytest.raises(BadRequest, match="2026-11-23"):
        night_named(Settings(), None, name)


# ---- its jobs


def test_what_became_of_a_job(appliance, submit, clock, read):
    done, failed, silent, gone = submit(), submit(device="camera", action="expose"), submit(), submit()
    withdrawals.cancel_job(appliance.queue, gone.ulid, USER, "clouds")
    clock.advance(3)
    take(appliance, ONE)
    clock.advance(1)
    update(appliance, done, "STARTED")
    update(appliance, failed, "FAILED")
    clock.advance(5)
    update(appliance, done, "COMPLETE")
    late = submit(action="park")
    summed, found = read()
    seen = {job.ulid: job for job in found}
    assert [job.ulid for job in found] == [done.ulid, failed.ulid, silent.ulid, gone.ulid, late.ulid]
    assert [seen[row.ulid].waited_s for row in (done, failed, silent, gone, late)] == [3, 3, 3, None, None]
    assert [seen[row.ulid].duration_s for row in (done, failed, silent, gone, late)] == [5, 1, None, None, None]
    assert (seen[gone.ulid].note, seen[gone.ulid].ended_ms) == ("clouds", gone.created_ms)
    assert summed.counts == {"waiting": 1, "picked_up": 1, "running": 0, "done": 1, "failed": 1, "gone": 1}
    assert summed.total == 5 and sum(summed.classes.values()) == 5 and summed.classes["exposure"] == 1
    assert (summed.waits.picked_up, summed.waits.median_s, summed.waits.longest_s) == (3, 3, 3)
    assert [job.ulid for job in summed.failed.first] == [failed.ulid]
    assert [job.ulid for job in summed.cancelled.first] == [gone.ulid] and summed.cancelled.total == 1
    assert summed.expired.total == 0 and not summed.is_over


def test_expired_jobs_are_told_from_cancelled_ones(appliance, submit, clock, read):
    job = submit()
    clock.advance(601)
    assert expiry.expire_once(appliance.queue)
    summed, (seen,) = read()
    assert (summed.expired.total, summed.cancelled.total) == (1, 0)
    assert (seen.phase, seen.note, seen.waited_s, seen.ulid) == ("gone", "10 min old", None, job.ulid)


def test_a_report_without_a_hand_out_is_a_pick_up(appliance, submit, clock, read):
    job = submit()
    clock.advance(2)
    update(appliance, job, "EXPOSING")
    _, (seen,) = read()
    assert (seen.waited_s, seen.phase, seen.duration_s) == (2, "running", None)


def test_a_clock_that_was_set_back_makes_no_negative_times(appliance, submit, clock, read):
    job = submit()
    clock.step(-30)
    take(appliance, ONE)
    update(appliance, job, "COMPLETE")
    _, (seen,) = read()
    assert (seen.waited_s, seen.duration_s) == (0, 0)


def test_the_alternate_queue_is_told_apart(appliance, submit, clock, read):
    submit()
    clock.advance(4)
    take(appliance, ONE, alternate=True)
    _, (seen,) = read()
    assert (seen.phase, seen.picked_up_ms) == ("waiting", None)
    assert (seen.alternate_phase, seen.alternate_picked_up_ms) == ("picked_up", clock.wall_ms)


def test_its_counts_are_those_of_api_jobs(make_server, submit_many, monkeypatch):
    monkeypatch.setattr(report, "PAGE", 7)
    clock = ManualClock()
    clock.wall_ms = ms("2023-11-14T11:59:59+00:00")
    server = make_server(clock)
    appliance = server.appliance
    ulids = []
    for _ in range(40):
        ulids += submit_many(appliance, 3)
        take(appliance, ONE) if len(ulids) % 2 else None
        clock.advance(2300)
    for ulid, word in zip(ulids, ["STARTED", "COMPLETE", "failed", "Ended badly", "COMPLETED"] * 9, strict=False):
        update(appliance, lookup.find_job(appliance.queue.database, ulid), word)
    expiry.expire_once(appliance.queue)
    for site in ("saf", None):
        for date in ("2023-11-13", "2023-11-14", "2023-11-15"):
            night = night_named(Settings(), site, date)
            found = []
            summed = night_report(source_of(appliance.queue), site, night, found.extend)
            query = {"site": site, "since_ms": night.since_ms, "until_ms": night.until_ms, "limit": 1000}
            listed = requests.get(f"{server.url}/api/jobs", params=query).json()["jobs"]
            assert [job.ulid for job in found] == [job["ulid"] for job in listed][::-1] and listed
            counts = {phase: sum(job["phase"] == phase for job in listed) for phase in PHASES}
            assert summed.counts == counts and summed.total == len(listed)
            asked = requests.get(f"{server.url}/api/jobs", params={**query, "phase": "gone"}).json()["jobs"]
            assert summed.expired.total + summed.cancelled.total == len(asked)
            classes = {name: sum(job["command_class"] == name for job in listed) for name in summed.classes}
            assert summed.classes == classes


def test_other_sites_and_other_nights_are_left_out(submit, clock, read):
    clock.wall_ms = ms("2023-11-14T11:59:59.999+00:00")
    submit()
    clock.wall_ms += 1
    first = submit()
    submit(site="mrc1")
    clock.wall_ms = ms("2023-11-15T12:00+00:00")
    submit()
    assert [job.ulid for job in read(date="2023-11-14")[1]] == [first.ulid]
    assert len(read(site=None, date="2023-11-14")[1]) == 2


def test_a_night_without_jobs(appliance, read):
    summed, found = read()
    assert (found, summed.total, summed.waits.median_s, summed.silences) == ([], 0, None, [])
    assert set(summed.counts.values()) == {0} and summed.classes == {}
    page = Seen(page_of(appliance))
    assert "figure" not in page.tags and page.open == []
    assert page_of(appliance).count(">None.<") == 11


# ---- what staff ask


def test_a_stop_is_sent_then_picked_up(appliance, submit, clock, read):
    submit(device="all", action="cancel_all_commands")
    clock.advance(2.9)
    take(appliance, ONE)
    submit(device="all", action="stop")
    clock.advance(STOP_S + 0.1)
    take(appliance, ONE)
    submit(device="all", action="stop")
    stops = read()[0].stops
    assert [(stop.took_s, stop.late) for stop in stops.first] == [(2.9, False), (15.1, True), (None, False)]
    clock.advance(STOP_S + 1)
    stops = read()[0].stops
    assert (stops.total, stops.late, stops.first[2].late, stops.first[2].took_s) == (3, 2, True, None)


def test_a_stop_that_a_later_one_replaced_at_once_is_not_late(appliance, submit, clock, read):
    for _ in range(3):
        submit(device="all", action="cancel_all_commands")
        clock.advance(0.5)
    take(appliance, ONE)
    submit(device="all", action="cancel_all_commands")
    clock.advance(STOP_S + 1)
    submit(device="all", action="cancel_all_commands")
    stops = read()[0].stops
    assert [stop.late for stop in stops.first] == [False, False, False, True, False]


def test_the_longest_waits(appliance, submit, clock, read):
    for number in range(LONGEST + 5):
        submit()
        clock.advance(number)
        take(appliance, ONE)
    assert [job.waited_s for job in read()[0].waits.longest] == list(range(LONGEST + 4, 4, -1))


def test_hand_outs_in_doubt(appliance, submit, clock, read):
    submit()
    submit()
    take(appliance, ONE)
    proofs.connection_ended(appliance.queue, ONE)
    clock.advance(10)
    submit()
    take(appliance, TWO)
    proofs.heard(appliance.queue, TWO)
    clock.advance(10)
    submit()
    take(appliance, ONE)
    clock.advance(0.5)
    take(appliance, ONE)
    appliance.queue.database.write(lambda transaction: None)
    doubts = read()[0].doubts
    assert doubts.total == 2 and [one.peer for one in doubts.first] == [ONE, ONE]
    said = [(one.state, one.maybe_flushed, one.jobs_total, len(one.jobs)) for one in doubts.first]
    assert said == [("UNCONFIRMED", False, 2, 2), ("OPEN", True, 1, 1)]
    table = Tables(night_at(Settings(), "saf", clock.wall_ms), "saf").doubts(doubts.first)
    assert [row[1] for row in table.rows] == [("u", "observatory", ONE)] * 2


def test_reservations_that_overlap_the_night(appliance, clock, read):
    night = night_at(Settings(), "saf", clock.wall_ms)
    spans = {
        "over": (clock.wall_ms - 90 * HOUR_MS, clock.wall_ms + 1),
        "later": (night.until_ms, night.until_ms + HOUR_MS),
        "within": (clock.wall_ms, clock.wall_ms + HOUR_MS),
        "across": (night.until_ms - 1, night.until_ms + HOUR_MS),
    }
    for title, (start_ms, end_ms) in spans.items():
        reserving.add_reservation(
            appliance.desk, NewReservation("saf", "auth0|ann", start_ms, end_ms, "Ann K.", title), OPERATOR
        )
    reserving.add_reservation(appliance.desk, NewReservation("mrc1", "b", *spans["within"]), OPERATOR)
    clock.advance(7200)
    assert [one.title for one in read()[0].reservations] == ["over", "within", "across"]
    assert len(read(site=None)[0].reservations) == 4


@pytest.mark.parametrize("mode", ["none", "local"])
def test_reservations_that_do_not_count_are_not_shown_as_if_they_did(appliance, clock, submit, mode):
    wanted = NewReservation("saf", "auth0|ann", clock.wall_ms, clock.wall_ms + HOUR_MS, "Ann K.")
    reserving.add_reservation(appliance.desk, wanted, OPERATOR)
    submit()
    clock.advance(60)
    counts, settings = mode == "local", Settings(reservations=mode)
    page = page_of(appliance, settings=settings)
    assert ("Reservations do not count now: " in page, ", does not count now" in page) == (not counts, not counts)
    assert ('class="reserved"' in page) == counts and "Ann K." in page


# ---- alarms


def alarms_of(summed):
    return [(one.key.partition("/")[0], one.cleared_ms is None, one.seen_by) for one in summed.alarms]


@pytest.fixture
def alarm(appliance, clock):
    """Raise and clear what the house says of itself."""
    watch = Watch(appliance.board)

    def alarm(**problems):
        for notice in appliance.queue.notices.all():
            appliance.queue.notices.end(notice.code)
        for code, sentence in problems.items():
            appliance.queue.notices.say(code, sentence)
        watch.once()

    return alarm


def test_the_alarms_that_were_raised_in_the_night_or_open_in_it(appliance, submit, clock, read, alarm):
    clock.wall_ms = ms("2023-11-14T11:59:58+00:00")
    alarm(over="It ended the day before.", before="It goes on.")
    clock.advance(1)
    alarm(before="It goes on.")
    clock.advance(1)
    alarm(before="It goes on.", within="It came and went.")
    alarms.acknowledge(appliance.board, ["notice/within"], USER)
    clock.advance(60)
    alarm(before="It goes on.")
    clock.wall_ms = ms("2023-11-15T12:00+00:00")
    alarm(before="It goes on.", after="It is of the next night.")
    submit()
    summed = read(date="2023-11-14")[0]
    assert [one.key for one in summed.alarms] == ["notice/before", "notice/within"]
    within = summed.alarms[1]
    assert (within.raised_ms, within.cleared_ms) == (ms("2023-11-14T12:00+00:00"), ms("2023-11-14T12:01+00:00"))
    assert (within.sentence, within.seen_by, within.seen_ms) == ("It came and went.", USER.who, within.raised_ms)
    assert [one.key for one in read(date="2023-11-15")[0].alarms] == ["notice/before", "notice/after"]
    assert [one.key for one in read(date="2023-11-13")[0].alarms] == ["notice/before", "notice/over"]
    assert read(date="2023-11-12")[0].alarms == []
    settings = Settings()
    page = page_of(appliance, date="2023-11-14", settings=settings)
    assert "<h2>Alarms: 2, 1 seen by nobody</h2>" in page and "14 Nov 11:59" in page
    assert "auth0|alice, 12:00:00" in page and '<td class="n">1:00</td>' in page and "not over yet" in page


def test_a_site_s_night_has_its_own_alarms_and_those_of_the_house(appliance, clock, read, alarm):
    for site in ("saf", "mrc1", "saf", "mrc1"):
        take(appliance, ONE, site=site)
    clock.advance(100)
    alarm(disk_low="Full.")
    assert [one.site for one in read()[0].alarms] == ["saf", ""]
    assert sorted(one.site for one in read(site=None)[0].alarms) == ["", "mrc1", "saf"]
    assert alarms_of(read()[0]) == [("silent", True, None), ("problem", True, None)]


# ---- silences


def silences_of(summed):
    return [((one.until_ms - one.since_ms) / 1000, one.is_over, one.known_by) for one in summed.silences]


def test_a_job_that_waited_shows_a_silence(appliance, submit, clock, read):
    submit()
    clock.advance(100)
    take(appliance, ONE)
    clock.advance(30)
    assert silences_of(read()[0]) == [(100, True, ["a job waited"])]


def test_a_poll_that_fetched_jobs_shows_the_silence_before_it(appliance, submit, clock, read):
    for _ in range(4):
        take(appliance, ONE)
        clock.advance(3)
    clock.advance(497)
    submit()
    clock.advance(1)
    take(appliance, ONE)
    clock.advance(1)
    assert silences_of(read()[0]) == [(501, True, ["the next poll fetched jobs"])]


def test_a_poll_of_the_alternate_queue_says_nothing_of_the_primary_one(appliance, submit, clock, read):
    for _ in range(4):
        take(appliance, ONE, alternate=True)
        clock.advance(3)
    clock.advance(497)
    submit()
    take(appliance, ONE, alternate=True)
    clock.advance(1)
    take(appliance, ONE)
    assert read()[0].silences == []


def test_a_silence_that_lasts_is_known_by_who_polls_now(appliance, submit, clock, read):
    submit()
    take(appliance, ONE)
    assert read()[0].silences == []
    clock.advance(50)
    assert read()[0].silences == []
    clock.advance(50)
    assert silences_of(read()[0]) == [(100, False, ["not over yet"])]
    submit()
    clock.advance(61)
    assert silences_of(read()[0]) == [(161, False, ["a job waited", "not over yet"])]


def test_a_silence_ends_with_its_night_in_its_log(appliance, submit, clock, read):
    clock.wall_ms = ms("2023-11-15T11:00+00:00")
    submit()
    take(appliance, ONE)
    clock.advance(7200)
    assert silences_of(read(date="2023-11-14")[0]) == [(3600, False, ["not over yet"])]
    assert silences_of(read(date="2023-11-15")[0]) == [(3600, False, ["not over yet"])]
    assert read(date="2023-11-16")[0].silences == []


def test_a_job_that_polls_did_not_ask_for_shows_nothing():
    quiet = Quiet({}, 0, 10_000_000)
    quiet.waited("saf", 1_000_000, 2_000_000)
    quiet.polled_at("saf", 1_500_000, 4000)
    assert quiet.silences("saf", 10_000_000) == []


def test_the_rule_is_four_usual_gaps():
    quiet = Quiet({"saf": Polled(None, 200_000)}, 0, 10_000_000)
    quiet.waited("saf", 0, 200_000)
    quiet.waited("saf", 1_000_000, 1_200_001)
    assert [one.since_ms for one in quiet.silences("saf", 10_000_000)] == [1_000_000]


def test_without_a_server_nobody_could_poll(appliance, submit, clock, folder):
    from prjobs.jobs.saved_polls import save_polls

    submit()
    take(appliance, ONE)
    save_polls(appliance.queue, folder)
    clock.advance(600)
    night = night_at(Settings(), "saf", clock.wall_ms)
    known = {}
    for is_served in (True, False):
        source = stored_source(appliance.queue.database, Settings(), clock.wall_ms, is_served)
        known[is_served] = [one.until_ms - one.since_ms for one in night_report(source, "saf", night).silences]
    assert known == {True: [600_000 - SAVED_MS], False: []}


def test_it_says_what_it_cannot_know(read):
    assert any("not known" in note for note in read()[0].notes)


# ---- the page and the sheet


def test_hostile_texts_stay_texts(appliance, submit, clock):
    text = storable(HOSTILE)
    parts = {"user_name": text, "user_id": text, "instance": text}
    hostile = submit(device=text, action="</title><b>", **parts)
    withdrawals.cancel_job(
        appliance.queue, submit(device="</svg><img src=x onerror=alert(1)>", **parts).ulid, USER, text
    )
    submit(device=">ROWS<", action=">ROWS<", user_name="ROWS")
    clock.advance(70)
    take(appliance, ONE)
    proofs.connection_ended(appliance.queue, ONE)
    update(appliance, hostile, "<i>FAILED")
    appliance.queue.database.write(lambda transaction: None)
    page = page_of(appliance)
    seen = Seen(page)
    assert seen.open == []
    assert seen.tags.isdisjoint({"script", "img", "base", "i", "iframe"}) and "style" not in seen.attributes
    assert not [name for name in seen.attributes if name.startswith("on")]
    assert "\x01" not in page and "\u202e" not in page and "&lt;script&gt;" in page
    assert ("&lt;U+0000&gt;" in page) == ("\0" in text) and "&lt;U+202E&gt;" in page
    assert page.rpartition('<table class="jobs">')[2].partition("</table>")[0].count("<tr>") == 4
    assert page.endswith("</html>\n") and page.count("<tbody>") == page.count("</tbody>")


def test_the_page_has_every_job_and_three_charts(appliance, submit, clock):
    for _ in range(30):
        submit()
        clock.advance(60)
        take(appliance, ONE)
    page = page_of(appliance)
    table = page.rpartition('<table class="jobs">')[2].partition("</table>")[0]
    assert table.count("<tr>") == 31
    assert page.count("<figure>") == page.count('role="img"') == 3
    assert "sunset" in page and 'class="dark"' in page


@pytest.mark.parametrize(("jobs_sent", "leaves"), [(1, [1]), (3, [3]), (4, [3, 1]), (7, [3, 3, 1])])
def test_a_long_table_comes_in_leaves(appliance, submit_many, monkeypatch, jobs_sent, leaves):
    monkeypatch.setattr(night_page, "LEAF", 3)
    submit_many(appliance, jobs_sent)
    page = page_of(appliance)
    _, *found = page.split('<div class="leaf"><table class="jobs">')
    assert [leaf.partition("</table></div>")[0].count('<tr><td class="t">') for leaf in found] == leaves
    assert all(leaf.count("<thead>") == 1 for leaf in found)
    assert Seen(page).open == [] and page.count("Every job, oldest first") == 1


def test_what_is_out_of_sight_is_left_out_on_the_screen_alone():
    (screen,) = re.findall(r"@media screen {(.*?)\n}", CSS, re.DOTALL)
    assert CSS.count("content-visibility") == screen.count("content-visibility: auto") == 1
    assert ":root, :root[data-theme], :root[data-theme][data-level] {" in CSS.partition("@media print")[2]


def test_a_night_in_which_the_clocks_change_names_the_zone(appliance, submit, clock):
    clock.wall_ms = ms("2026-11-01T07:30+00:00")
    submit()
    clock.wall_ms = ms("2026-11-01T08:30+00:00")
    submit()
    page = page_of(appliance, date="2026-10-31")
    assert "01:30:00 MDT" in page and "01:30:00 MST" in page


def test_all_sites_are_told_apart(appliance, submit):
    submit()
    submit(site="mrc1")
    take(appliance, ONE, site="mrc1")
    page = page_of(appliance, site=None)
    assert '<td class="i">saf</td>' in page and '<td class="i">mrc1</td>' in page and ">mrc1 mount<" in page


def test_the_red_theme_has_no_green_and_no_blue_at_any_brightness():
    blocks = re.findall(r'data-theme="red"\](?:\[data-level="\d"\])?\s*{(.*?)}', CSS, re.DOTALL)
    levels = [re.findall(r"#([0-9a-f]{2})([0-9a-f]{4})", block) for block in blocks]
    assert [len(level) > 20 for level in levels] == [True, True, True]
    assert {rest for level in levels for _, rest in level} == {"0000"}
    for brighter, dimmer in itertools.pairwise(levels):
        pairs = [(int(a, 16), int(b, 16)) for (a, _), (b, _) in zip(brighter, dimmer, strict=True)]
        assert all(b < a or a == b == 0 for a, b in pairs)
    themes = [set(re.findall(r"(--[\w-]+):", part)) for part in re.findall(r":root[^{]*{(.*?)}", CSS, re.DOTALL)]
    assert len(themes) == 6 and all(theme == themes[0] for theme in themes)
    assert set(re.findall(r"var\((--[\w-]+)\)", CSS)) == themes[0]
    assert re.findall(r"#[0-9a-f]{3,8}", re.sub(r":root[^{]*{.*?}", "", CSS, flags=re.DOTALL)) == []


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ('=HYPERLINK("x")', '\'=HYPERLINK("x")'),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        (" =1", "' =1"),
        ("a=1", "a=1"),
        (-1.5, -1.5),
        (None, None),
    ],
)
def test_formulas_are_defused(value, cell):
    assert defused(value) == cell


def test_the_sheet_has_a_line_a_job(appliance, submit, clock):
    submit(user_name='=1+1,"\n', user_id="+x")
    clock.advance(2.5)
    take(appliance, ONE)
    out = io.StringIO()
    source = source_of(appliance.queue)
    write_sheet(source, "saf", night_at(DENVER, "saf", clock.wall_ms), out)
    (line,) = csv.DictReader(io.StringIO(out.getvalue()))
    assert (line["user_name"], line["user_id"], line["waited_s"]) == ("'=1+1,\"\n", "'+x", "2.5")
    assert (line["sent_utc"], line["sent_local"]) == ("2023-11-14T22:13:20.000Z", "2023-11-14T15:13:20.000-07:00")


def test_durations_for_people():
    said = [duration(seconds) for seconds in (None, 0, 3.14, 9.96, 34.5, 59.4, 59.6, 159, 3599.6, 3900, 90_000)]
    assert said == ["—", "0.0 s", "3.1 s", "10 s", "35 s", "59 s", "1:00", "2:39", "1:00:00", "1:05:00", "1 d 01 h"]


# ---- many


@pytest.mark.slow
@pytest.mark.parametrize("many", [5000, pytest.param(100_000, marks=pytest.mark.long)])
def test_a_night_of_many_jobs(appliance, submit, clock, many):
    submit(required_params='{"ra": "1.5", "dec": "10"}')
    base = floor_ulid(clock.wall_ms)[:16]
    columns = JOB_COLUMNS
    ulid = f"'{base}' || substr('0000000000', 1, 10 - length(CAST(n AS TEXT))) || CAST(n AS TEXT)"
    taken = columns.replace("seq,", "n + 1,", 1).replace("ulid", ulid, 1)
    numbers = f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {many - 1})"

    def fill(transaction):
        transaction.execute(f"INSERT INTO job {numbers} SELECT {taken} FROM numbers, job WHERE job.seq = 1")
        transaction.execute(
            "INSERT INTO change (seq, job_seq, site, queue, status, time_ms, who, note) "
            "SELECT seq + 1, seq, site, 'primary', 'RECEIVED', created_ms + seq % 90000, 'x', '' FROM job"
        )
        transaction.execute("UPDATE job SET status = 'RECEIVED'")

    appliance.queue.database.write(fill, patience_s=60)
    pages = []
    night = night_at(Settings(), "saf", clock.wall_ms)
    summed = night_report(source_of(appliance.queue), "saf", night, lambda page: pages.append(len(page)))
    assert (summed.total, summed.counts["picked_up"], max(pages), sum(pages)) == (many, many, 1000, many)
    assert len(msgspec.json.encode(summed)) < 100_000
    page = page_of(appliance, settings=Settings())
    before, *leaves = page.split('<div class="leaf"><table class="jobs">')
    assert len(leaves) == many // 500 and {leaf.count("<tr>") for leaf in leaves} == {501}
    assert len(before) < 1_000_000


# ---- over HTTP


@pytest.fixture
def routed(monkeypatch):
    from prjobs.web import app, night_api

    monkeypatch.setattr(app, "ROUTES", list({route[:2]: route for route in [*app.ROUTES, *night_api.ROUTES]}.values()))


def test_the_log_as_json(make_server, routed, submit_many, clock):
    server = make_server(clock)
    ulids = submit_many(server.appliance, 3)
    answer = requests.get(f"{server.url}/api/night", params={"site": "saf"})
    assert answer.headers["Content-Type"] == "application/json" and answer.headers["Cache-Control"] == "no-store"
    found = answer.json()
    assert [job["ulid"] for job in found["jobs"]] == ulids and found["total"] == 3 and found["counts"]["waiting"] == 3
    assert (found["site"], found["date"], found["zone"]) == ("saf", "2023-11-14", "UTC")
    assert requests.get(f"{server.url}/api/night?date=2023-11-13").json()["jobs"] == []
    for query in ("date=x", "site=a%20b", "site=%ff", "date=%ff"):
        refused = requests.get(f"{server.url}/api/night?{query}")
        assert refused.status_code == 400 and set(refused.json()) == {"error", "code"}


def test_the_page_holds_no_script_and_no_style_of_its_own(make_server, routed, submit_many, clock):
    server = make_server(clock)
    submit_many(server.appliance, 2)
    answer = requests.get(f"{server.url}/night?site=saf&date=2023-11-14", headers={"Cookie": "prjobs_theme=red"})
    seen = Seen(answer.content.decode())
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "script" not in policy
    assert seen.tags.isdisjoint({"script", "style"}) and "style" not in seen.attributes
    assert '<html lang="en" data-theme="red" data-level="">' in answer.text and 'content="dark"' in answer.text
    assert 'href="?site=saf&amp;date=2023-11-13"' in answer.text
    other = requests.get(f"{server.url}/night", headers={"Cookie": 'prjobs_theme="><script>'})
    assert other.status_code == 200 and "<script" not in other.text
    assert requests.get(f"{server.url}/night?date=x").headers["Content-Type"] == "text/plain; charset=utf-8"
    assert requests.get(f"{server.url}/static/night.css").status_code == 200


def test_it_is_for_readers_of_the_site(make_server, routed):
    server = make_server(observatory_access="token")
    for path in ("/api/night", "/night"):
        assert requests.get(f"{server.url}{path}").status_code == 401
        for sites, query, status in (
            ((), "", 200),
            (("saf",), "", 200),
            (("saf",), "?site=mrc1", 403),
            (("saf", "mrc1"), "", 403),
            (("saf", "mrc1"), "?site=mrc1", 200),
        ):
            token = make_token(server.appliance, "auth0|alice", sites=sites)
            headers = {"Authorization": f"Bearer {token}"}
            assert requests.get(f"{server.url}{path}{query}", headers=headers).status_code == status, (sites, query)
    only = make_token(server.appliance, "auth0|alice", sites=("saf",))
    assert requests.get(f"{server.url}/api/night", headers={"Authorization": f"Bearer {only}"}).json()["site"] == "saf"


# ---- from the terminal


@pytest.mark.slow
def test_the_command(program, tmp_path):
    # A zone whose noon, when tonight begins anew, is not near: Denver's is at 18:00 or 19:00 UTC, Kolkata's at 06:30.
    zone = "Asia/Kolkata" if 16 <= datetime.now(UTC).hour < 20 else "America/Denver"
    (program.data).mkdir()
    (program.data / "prjobs.toml").write_text(f'site_zones = ["saf={zone}"]\n')
    program.serve()
    token = program.token()
    ulid = program.new_job(token, user_name="=x <b>")["ulid"]
    program.post("getnewjobs", {"site": "saf"})
    date = night_at(Settings(site_zones=[f"saf={zone}"]), "saf", round(time.time() * 1000)).date
    texts = [program.run("night", date, "--site", "saf").stdout]
    found = json.loads(program.run("night", "--site", "saf", "--json").stdout)
    assert [job["ulid"] for job in found["jobs"]] == [ulid] and found["zone"] == zone
    program.stop()
    texts.append(program.run("night", date, "--site", "saf").stdout)
    for text in texts:
        assert "=x <b>" in text and "picked up" in text and "1 job: waiting 0, picked up 1" in text
        assert "0 alarms, 0 seen by nobody" in text
    (line,) = csv.DictReader(io.StringIO(program.run("night", "--csv").stdout))
    assert (line["ulid"], line["user_name"]) == (ulid, "'=x <b>")
    target = tmp_path / "night.html"
    assert program.run("night", "--html", "--output", str(target)).returncode == 0
    page = target.read_text(encoding="utf-8")
    assert Seen(page).open == [] and "<style>" in page and "--ground" in page and "&lt;b&gt;" in page
    again = program.run("night", "--html", "--output", str(target))
    assert again.returncode == 1 and again.stderr.count("\n") == 1
    refused = program.run("night", "yesterday")
    assert refused.returncode == 1 and "2026-11-23" in refused.stderr
    assert program.run("night", "--json", "--csv").returncode == 2


def test_the_document_is_one_object_also_without_jobs(appliance, clock):
    out = io.BytesIO()
    write_document(source_of(appliance.queue), None, night_at(Settings(), None, clock.wall_ms), out)
    assert json.loads(out.getvalue())["jobs"] == []


def test_sites_of_two_zones_in_one_log_are_said():
    two = Settings(site_zones=["saf=America/Denver", "mrc1=America/Los_Angeles"])
    assert zones_note(two, None).startswith(
        "The sites have different zones (mrc1 America/Los_Angeles, saf America/Denver): times here are UTC"
    )
    assert zones_note(two, "saf") == ""
    assert zones_note(Settings(site_zones=["saf=America/Denver", "aro=America/Denver"]), None) == ""


@pytest.mark.parametrize(
    ("moments", "since", "until"),
    [
        (["2023-11-15T03:00+00:00", "2023-11-15T11:00+00:00"], ["19:00", "20:00"], "05:00"),  # from dusk to dawn
        (["2023-11-15T00:30+00:00", "2023-11-15T03:00+00:00"], ["17:00", "18:00"], "06:00"),  # from sunset to sunrise
        (["2023-11-14T22:30+00:00", "2023-11-15T03:00+00:00"], ["12:00", "14:00"], "12:00"),  # all of it
        (["2023-11-15T03:00+00:00", "2023-11-15T14:00+00:00"], ["12:00", "14:00"], "12:00"),
    ],
)
def test_the_charts_reach_from_dusk_to_dawn_unless_a_job_is_outside(appliance, submit, clock, moments, since, until):
    for moment in moments:
        clock.advance((ms(moment) - clock.now_ms()) / 1000)
        submit()
        [job] = take(appliance)
        update(appliance, job, "COMPLETE")
    clock.advance(HOUR_MS // 1000)
    page = page_of(appliance, date="2023-11-14")
    charts = page.split("<figure>")[1:]
    assert len(charts) == 3
    for chart in charts:
        hours = re.findall(r'class="hour">([^<]+)<', chart)
        assert (hours[:2], hours[-1]) == (since, until)
        assert not re.search(r'(?:width|x|height)="-', chart)
        assert 'class="dark"' in chart


def test_the_charts_of_a_place_without_darkness_show_the_whole_night(appliance, submit, clock):
    settings = Settings(site_places=["saf=78.2,15.6,10"])
    clock.advance((ms("2024-06-20T22:00+00:00") - clock.now_ms()) / 1000)
    submit()
    hours = re.findall(r'class="hour">([^<]+)<', page_of(appliance, settings=settings))
    assert hours[0] == hours[12] == "12:00"
