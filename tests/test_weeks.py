"""The sums of nights and the screen of weeks: what is counted, that nothing is lost or doubled, and who may look."""

import csv
import io
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import requests

from prjobs.access.audit import Actor
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.cli.commands import run
from prjobs.monitor.alarms import SILENT
from prjobs.night import counting, due, notes, noting, rollup, sums, weeks
from prjobs.night import report as night_log
from prjobs.night.counting import reason_of
from prjobs.night.frame import Frame
from prjobs.night.markup import el
from prjobs.night.nights import night_at, night_named
from prjobs.night.noting import NewNote
from prjobs.night.report import night_report, stored_source
from prjobs.night.rollup import Rollup
from prjobs.night.sums import NightSums, decode_sums, wait_at, wait_step
from prjobs.night.week_page import week_page
from prjobs.night.weeks import read_weeks
from prjobs.opening import close_appliance
from prjobs.upkeep import retention
from prjobs.upkeep.backup import default_target, make_backup
from prjobs.upkeep.restore import restore
from tests import older, verbs
from tests.shown import HOSTILE, Seen
from tests.stores import open_appliance, storable
from tests.verbs import report, take

HOUR_S, DAY_S = 3600, 86_400
ALARM = "INSERT INTO alarm (key, kind, site, ulid, sentence, since_ms, raised_ms, cleared_ms, loud) VALUES "


def roll(appliance):
    """Let the chore do all that is to be done now; return the number of its steps."""
    chore, steps = Rollup(appliance.queue), 0
    while chore.advance():
        steps += 1
        assert steps < 10_000
    return steps


def rows(appliance):
    """(site, date) -> the sums of a night."""
    found = appliance.queue.database.fetch(
        "SELECT site, date, sums FROM night_sum WHERE sums <> '' ORDER BY site, date"
    )
    return {(site, date): decode_sums(text) for site, date, text in found}


def use_zones(appliance, *zones, **settings):
    object.__setattr__(appliance.queue, "settings", Settings(site_zones=list(zones), **settings))


def a_night(appliance, clock, count=3, wait_s=4):
    """Jobs that wait, are picked up and end: the first fails."""
    jobs = [verbs.submit(appliance, user_id=f"u{number % 2}", user_name="U") for number in range(count)]
    clock.advance(wait_s)
    take(appliance)
    clock.advance(10)
    for number, job in enumerate(jobs):
        report(appliance, job, "STARTED")
        clock.advance(5)
        report(appliance, job, "COMPLETE" if number else f"FAILED: guide star lost at {number}.5 px")
    return jobs


# ---- what is counted


def test_the_sums_of_a_night_are_those_of_its_log(appliance, submit, clock):
    a_night(appliance, clock)
    submit(action="stop")
    clock.advance(40)
    take(appliance)
    submit()
    roll(appliance)
    now_ms = clock.now_ms()
    night = night_at(Settings(), "saf", now_ms)
    logged = night_report(stored_source(appliance.queue.database, Settings(), now_ms, False), "saf", night)
    (found,) = rows(appliance).values()
    assert (found.jobs, found.classes) == (logged.total, logged.classes)
    assert found.ends == {"failed": 1, "done": 2, "open": 2}
    assert (found.stops, found.late_stops) == (logged.stops.total, logged.stops.late) == (1, 1)
    assert found.failures == [("mount", "guide star lost at # px", 1)]
    # From the start to the reported end.
    assert found.users == [("auth0|alice", "Alice A.", 2, 0.0), ("u0", "U", 2, 10.0), ("u1", "U", 1, 5.0)]
    assert sum(found.waits.values()) == logged.waits.picked_up
    assert wait_at(found.waits, 0.5) == pytest.approx(logged.waits.median_s, rel=0.03)


def test_a_waiting_time_is_kept_to_three_in_a_hundred():
    for seconds in (0.2, 1.0, 9.9, 61, 3599, 86_400, 10_000_000):
        assert wait_at({wait_step(seconds): 5}, 0.9) == pytest.approx(seconds, rel=0.03)
    assert wait_at({wait_step(0.0): 1}, 0.5) == 0.0 and wait_at({}, 0.5) is None
    times = list(range(1, 1001))
    waits = Counter(map(wait_step, times))
    assert wait_at(waits, 0.5) == pytest.approx(500, rel=0.04) and wait_at(waits, 0.9) == pytest.approx(900, rel=0.04)


@pytest.mark.parametrize(
    ("status", "note", "reason"),
    [
        ("FAILED: guide star lost at 12.5 px", "", "guide star lost at # px"),
        ("FAILED", "Guide star lost at 7 px!", "guide star lost at # px!"),
        ("ERROR", "no file saf_20261123_0001.fits", "no file #.fits"),
        ("FAILED", "job 01KB3QAXR2T7Z4M9C6D8E0F1G2 refused", "job # refused"),
        ("FAILED", "  timeout \t after 30 s ", "timeout after # s"),
        ("FAILED", "", counting.NO_REASON),
        ("FAILED", "x" * 500, "x" * 99 + "…"),
    ],
)
def test_equal_failures_have_one_reason(status, note, reason):
    assert reason_of(status, note) == reason


def test_more_users_and_reasons_than_are_named_are_others(monkeypatch):
    monkeypatch.setattr(sums, "TOLD_APART", 5)
    summing = sums.Summing()
    for number in range(8):
        users = [(f"u{number}", f"U{number}", 10 - number, 1.0)]
        summing.add(NightSums(jobs=1, failures=[("camera", f"r{number}", 1)], users=users))
    found = summing.sums(named=3)
    assert found.users == [("u0", "U0", 10, 1.0), ("u1", "U1", 9, 1.0), ("u2", "U2", 8, 1.0), ("", "", 25, 5.0)]
    assert found.failures == [*(("camera", f"r{number}", 1) for number in range(3)), ("", "", 5)]


def test_silences_are_those_of_the_log_and_of_alarms(appliance, submit, clock):
    """A silence without a job is known by its alarm alone; one that both tell counts once."""
    submit()
    now_ms, hour = clock.now_ms(), HOUR_S * 1000
    clock.advance(2 * HOUR_S)
    take(appliance)
    alarms = [("a", now_ms, now_ms + hour), ("b", now_ms + 30 * hour, now_ms + 90 * hour)]
    database = appliance.queue.database
    for key, since_ms, until_ms in alarms:
        row = (key, SILENT, "saf", "", "", since_ms, since_ms, until_ms, 0)
        database.write(lambda transaction, row: transaction.execute(f"{ALARM} ({', '.join('?' * 9)})", row), row)
    clock.advance(91 * HOUR_S)
    rollup.mark_silent_once(appliance.queue, clock.now_ms() - 2 * hour)
    roll(appliance)
    found = {date: (one.silences, round(one.silent_s / HOUR_S, 1)) for (_, date), one in rows(appliance).items()}
    # The clock begins on the evening of 2023-11-14 at 22:13 UTC.
    assert found["2023-11-14"] == (1, 2.0)
    # The second alarm lasts from 04:13 on the 16th to 16:13 on the 18th.
    assert found["2023-11-15"] == (1, 7.8) and found["2023-11-18"] == (1, 4.2)
    assert found["2023-11-16"] == found["2023-11-17"] == (1, 24.0)


# ---- local nights


@pytest.mark.parametrize(
    ("zone", "evening", "hours"),
    [
        ("America/Denver", "2026-03-07", 23),
        ("America/Denver", "2026-10-31", 25),
        ("Australia/Lord_Howe", "2026-04-04", 24.5),
        ("UTC", "2026-10-31", 24),
    ],
)
def test_a_night_goes_from_noon_to_noon_of_the_site(appliance, clock, zone, evening, hours):
    use_zones(appliance, f"saf={zone}")
    night = night_named(appliance.queue.settings, "saf", evening)
    assert night.until_ms - night.since_ms == hours * HOUR_S * 1000
    for time_ms in (night.since_ms - 1000, night.since_ms + 1000, night.until_ms - 1000, night.until_ms + 1000):
        clock.step((time_ms - clock.now_ms()) / 1000)
        verbs.submit(appliance)
    roll(appliance)
    found = {date: one.jobs for (_, date), one in rows(appliance).items()}
    assert found == {night.beside(-1): 1, evening: 2, night.beside(1): 1}


def test_other_zones_begin_the_sums_anew(appliance, clock):
    for _ in range(24):
        verbs.submit(appliance)
        clock.advance(HOUR_S)
    roll(appliance)
    before = rows(appliance)
    use_zones(appliance, "saf=Australia/Sydney")
    roll(appliance)
    after = rows(appliance)
    assert before != after and sum(one.jobs for one in after.values()) == 24
    night = night_named(appliance.queue.settings, "saf", "2023-11-15")
    sent = range(1_700_000_000_000, 1_700_000_000_000 + 24 * 3_600_000, 3_600_000)
    assert after[("saf", "2023-11-15")].jobs == sum(night.since_ms <= time_ms < night.until_ms for time_ms in sent)


# ---- nothing is lost, nothing is doubled


def test_a_repeated_summing_up_changes_nothing(appliance, clock):
    a_night(appliance, clock)
    roll(appliance)
    before = rows(appliance)
    assert roll(appliance) == 0
    database = appliance.queue.database
    database.write(lambda transaction: transaction.execute("UPDATE night_sum SET due = 1, made_ms = 0"))
    clock.advance(2 * DAY_S)
    roll(appliance)
    assert rows(appliance) == before
    database.write(lambda transaction: transaction.execute("DELETE FROM fact WHERE name = ?", (due.CURSOR,)))
    clock.advance(HOUR_S)
    roll(appliance)
    assert rows(appliance) == before


def test_a_late_report_corrects_the_sums(appliance, clock):
    job = verbs.submit(appliance)
    take(appliance)
    roll(appliance)
    clock.advance(3 * DAY_S)
    report(appliance, job, "FAILED")
    verbs.submit(appliance)
    roll(appliance)
    found = rows(appliance)
    assert found[("saf", "2023-11-14")].ends == {"failed": 1} and found[("saf", "2023-11-17")].ends == {"open": 1}


def test_the_present_night_is_summed_up_once_an_hour(appliance, clock):
    verbs.submit(appliance)
    roll(appliance)
    clock.advance(60)
    verbs.submit(appliance)
    roll(appliance)
    assert rows(appliance)[("saf", "2023-11-14")].jobs == 1
    clock.advance(HOUR_S)
    roll(appliance)
    assert rows(appliance)[("saf", "2023-11-14")].jobs == 2


def test_a_change_while_a_night_is_summed_up_is_not_lost(appliance, clock, monkeypatch):
    monkeypatch.setattr("prjobs.night.report.PAGE", 2)
    jobs = a_night(appliance, clock, count=5)
    chore = Rollup(appliance.queue)
    while chore._summing is None:
        assert chore.advance()
    assert chore.advance() and chore._summing is not None
    report(appliance, jobs[0], "COMPLETE")
    other = Rollup(appliance.queue)
    due.mark_once(other._queue)
    while chore.advance():
        pass
    clock.advance(HOUR_S)
    roll(appliance)
    assert rows(appliance)[("saf", "2023-11-14")].ends == {"done": 5}


def test_a_chore_that_ends_anywhere_is_made_up_for(make_appliance, clock, monkeypatch):
    """After any number of steps the process dies; the next one goes on, and the sums are the same."""
    monkeypatch.setattr("prjobs.night.report.PAGE", 2)
    monkeypatch.setattr(due, "LOOKED", 7)
    appliance = make_appliance()
    for _ in range(3):
        a_night(appliance, clock, count=4)
        clock.advance(DAY_S)
    whole = None
    for steps in (*range(25), 1000):
        database = appliance.queue.database
        database.write(lambda transaction: transaction.execute("DELETE FROM night_sum"))
        sql = "DELETE FROM fact WHERE name IN (?, ?)"
        database.write(lambda transaction: transaction.execute(sql, (due.CURSOR, due.ZONES)))  # noqa: B023
        chore = Rollup(appliance.queue)
        for _ in range(steps):
            chore.advance()
        roll(appliance)
        whole = whole or rows(appliance)
        assert rows(appliance) == whole and len(whole) == 3


def test_the_history_is_filled_in_by_bounded_steps(appliance, clock, submit_many, monkeypatch):
    """The first start after the upgrade: no step looks at more than so many changes, or at more than a page of jobs."""
    for _ in range(5):
        submit_many(appliance, 300)
        clock.advance(DAY_S)
    monkeypatch.setattr(due, "LOOKED", 100)
    monkeypatch.setattr("prjobs.night.report.PAGE", 100)
    most, fetch = [], appliance.queue.database.fetch

    def counted(*arguments):
        found = fetch(*arguments)
        most.append(len(found))
        return found

    monkeypatch.setattr(appliance.queue.database, "fetch", counted)
    steps = roll(appliance)
    assert sum(one.jobs for one in rows(appliance).values()) == 1500 and max(most) <= 100
    assert steps > 1500 / 100 + 1500 / 100


def test_a_rest_costs_two_looks_and_no_write(appliance, clock, monkeypatch):
    verbs.submit(appliance)
    chore = Rollup(appliance.queue)
    clock.advance(60)
    for _ in range(10):
        chore.once()
        clock.advance(1)
    calls = []
    database = appliance.queue.database
    monkeypatch.setattr(database, "write", lambda *_, **__: calls.append("write"))
    fetch = database.fetch
    monkeypatch.setattr(database, "fetch", lambda *arguments: (calls.append("fetch"), fetch(*arguments))[1])
    for _ in range(300):
        chore.once()
        clock.advance(1)
    assert "write" not in calls and len(calls) <= 300 / 30 * 4 + 4


def test_a_night_with_a_damaged_job_does_not_hold_up_the_others(appliance, clock):
    """The failure is raised, for the log; the chore rests, and tries that night again in an hour."""
    bad = verbs.submit(appliance)
    clock.advance(DAY_S)
    verbs.submit(appliance)
    clock.advance(DAY_S)
    submitted = verbs.submit(appliance)
    database = appliance.queue.database
    sql = "UPDATE job SET required_params = '{' WHERE ulid = ?"
    database.write(lambda transaction: transaction.execute(sql, (bad.ulid,)))
    chore = Rollup(appliance.queue)
    clock.advance(60)
    failures = 0
    for _ in range(200):
        try:
            chore.once()
        except Exception:
            failures += 1
        clock.advance(1)
    assert failures == 1 and {date for _, date in rows(appliance)} == {"2023-11-15", "2023-11-16"}
    sql = "UPDATE job SET required_params = '{}' WHERE ulid = ?"
    database.write(lambda transaction: transaction.execute(sql, (bad.ulid,)))
    clock.advance(HOUR_S)
    chore.once()
    assert len(rows(appliance)) == 3 and submitted.site == "saf"


# ---- the retention


def test_the_retention_does_not_change_past_sums(make_appliance, clock):
    appliance = make_appliance(keep_days=30)
    for _ in range(4):
        a_night(appliance, clock, count=3)
        clock.advance(DAY_S)
    roll(appliance)
    before = rows(appliance)
    clock.advance(40 * DAY_S)
    verbs.submit(appliance)
    while retention.prune_once(appliance.queue):
        roll(appliance)
    clock.advance(HOUR_S)
    roll(appliance)
    after = rows(appliance)
    assert {key: after[key] for key in before} == before
    database = appliance.queue.database
    assert database.fetch("SELECT count(*) FROM job")[0][0] <= 2
    # Also not when all is made anew.
    database.write(lambda transaction: transaction.execute("DELETE FROM fact WHERE name = ?", (due.CURSOR,)))
    roll(appliance)
    use_zones(appliance, "saf=America/Denver", keep_days=30)
    roll(appliance)
    assert {key: one for key, one in rows(appliance).items() if key in before} == before


def test_jobs_are_counted_before_the_retention_removes_them(make_appliance, clock, monkeypatch):
    """No chore has summed the nights up yet; the removal takes a few jobs at a time."""
    monkeypatch.setattr(retention, "STEP", 2)
    appliance = make_appliance(keep_days=30)
    for _ in range(3):
        a_night(appliance, clock, count=5)
        clock.advance(DAY_S)
    clock.advance(40 * DAY_S)
    verbs.submit(appliance)
    removed = [retention.prune_once(appliance.queue) for _ in range(20)]
    assert sum(removed) == 15 and max(removed) == 2
    roll(appliance)
    assert [one.jobs for one in rows(appliance).values()] == [5, 5, 5, 1]


def test_the_retention_sums_a_night_up_in_pages_over_many_calls(make_appliance, clock, monkeypatch):
    """A job that changes between two calls is counted as it is in the end."""
    monkeypatch.setattr(night_log, "PAGE", 2)
    monkeypatch.setattr(rollup, "STEP_S", 0)
    appliance = make_appliance(keep_days=30)
    database = appliance.queue.database
    a_night(appliance, clock, count=9)
    late = verbs.submit(appliance)
    take(appliance)
    clock.advance(40 * DAY_S)
    verbs.submit(appliance)
    while due.mark_once(appliance.queue):
        pass
    chore = retention.Retention(appliance.queue)
    clock.advance(601)
    assert [chore.once() for _ in range(4)] == [0] * 4
    report(appliance, late, "FAILED")
    removed = []
    while not sum(removed):
        assert database.fetch("SELECT count(*) FROM job") == [(11,)]
        assert database.fetch("SELECT count(*) FROM night_sum WHERE is_closed = 1") == [(0,)]
        removed.append(chore.once())
    # Again from the first page: nine jobs and the late one.
    assert len(removed) > 5 and removed[-1] == 9
    ended = rows(appliance)["saf", "2023-11-14"]
    assert (ended.jobs, ended.ends) == (10, {"failed": 2, "done": 8})


# ---- the screen


@pytest.fixture
def history(make_server, clock):
    """A server with five nights of two sites, summed up; the last one is the night of now."""
    server = make_server(clock)
    for day in range(5):
        if day:
            clock.advance(DAY_S)
        a_night(server.appliance, clock)
        verbs.submit(server.appliance, site="eco", user_id="auth0|bob", user_name="Bob")
    roll(server.appliance)
    return server


def get(server, path, token=None, **query):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{server.url}/{path}", params=query, headers=headers, timeout=60)


def test_weeks_add_up_their_nights(history):
    found = get(history, "api/weeks", site="saf", weeks=3, date="2023-11-18").json()
    # The nights from Tuesday 14 to Saturday 18 November.
    assert [week["monday"] for week in found["weeks"]] == ["2023-10-30", "2023-11-06", "2023-11-13"]
    assert [week["jobs"] for week in found["weeks"]] == [0, 0, 15] and found["weeks"][2]["nights"] == 5
    assert found["weeks"][2]["ends"] == {"done": 10, "failed": 5, "cancelled": 0, "expired": 0, "open": 0}
    assert found["failures"] == [
        {"device": "mount", "reason": "guide star lost at # px", "jobs": 5, "by_week": [0, 0, 5]}
    ]
    assert [(user["user_id"], user["jobs"], user["by_week"]) for user in found["users"]] == [
        ("u0", 10, [0, 0, 10]),
        ("u1", 5, [0, 0, 5]),
    ]
    assert found["total"]["jobs"] == 15 and found["due"] == 0 and found["until"] == "2023-11-20"
    assert found["weeks"][2]["wait_median_s"] == pytest.approx(4, rel=0.03)
    everywhere = get(history, "api/weeks", date="2023-11-18").json()
    assert (everywhere["total"]["jobs"], len(everywhere["weeks"]), everywhere["total"]["nights"]) == (20, 13, 5)
    assert get(history, "api/weeks", site="saf", date="2023-11-20", weeks=1).json()["total"]["jobs"] == 0


def test_more_failures_and_users_than_are_named_are_others(appliance, clock, monkeypatch):
    monkeypatch.setattr(weeks, "NAMED", 1)
    a_night(appliance, clock, count=5)
    roll(appliance)
    found = read_weeks(appliance.queue.database, "saf", "2023-11-14", 2, clock.now_ms())
    assert [(user.user_id, user.user_name, user.by_week) for user in found.users] == [
        ("u0", "U", [0, 3]),
        ("", "others", [0, 2]),
    ]


def test_who_may_look_at_weeks(history):
    """As at the log of a night: it has the names of users as well."""
    appliance = history.appliance
    of_saf = verbs.make_token(appliance, "v", "viewer", sites=("saf",))
    of_both = verbs.make_token(appliance, "w", "viewer", sites=("saf", "mrc1"))
    assert get(history, "api/weeks", of_saf).json()["site"] == "saf"
    for path in ("api/weeks", "weeks", "weeks.csv", "night"):
        assert get(history, path, of_saf, site="eco").status_code == 403
        assert get(history, path, of_both).status_code == 403
        assert get(history, path, of_both, site="saf").status_code == 200
    assert "Bob" not in get(history, "weeks", of_saf).text and "Bob" in get(history, "weeks").text


@pytest.mark.parametrize(
    ("query", "word"),
    [({"weeks": 0}, "weeks"), ({"weeks": 105}, "weeks"), ({"weeks": "a"}, "weeks"), ({"date": "2026-02-30"}, "date"),
     ({"date": "1970-01-01", "weeks": 104}, ""), ({"date": "8999-12-31"}, ""), ({"site": "a b"}, "site")],
)  # fmt: skip
def test_an_odd_question_for_weeks_is_refused_in_a_sentence(history, query, word):
    for path in ("api/weeks", "weeks", "weeks.csv"):
        answer = get(history, path, **query)
        assert answer.status_code == (400 if word else 200) and (not word or f"{word} must be" in answer.text)


def test_weeks_as_a_spreadsheet(history):
    answer = get(history, "weeks.csv", site="saf", date="2023-11-18", weeks=1)
    assert answer.headers["Content-Type"].startswith("text/csv")
    lines = list(csv.reader(io.StringIO(answer.text)))
    assert lines[0] == ["week", "kind", "device", "name", "value"]
    assert ["2023-11-13", "jobs", "", "", "15"] in lines
    assert ["2023-11-13", "failure", "mount", "guide star lost at # px", "5"] in lines
    assert ["2023-11-13", "user", "", "u0", "10"] in lines


def test_the_page_of_weeks_has_tables_beside_its_pictures(history):
    page = get(history, "weeks", site="saf", date="2023-11-18").text
    seen = Seen(page)
    assert seen.open == [] and {"svg", "table", "title"} <= seen.tags and "script" not in seen.tags
    assert page.count('role="img"') == 5 and page.count("aria-label=") == 5
    for words in ("guide star lost at # px", "13 Nov", "Every week", "nine of ten", ">u0<"):
        assert words in page
    assert "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5" in page
    empty = get(history, "weeks", site="saf", date="2020-01-01").text
    assert "None." in empty and "<figure" not in empty
    assert 'href="weeks?site=saf' in get(history, "night", site="saf").text


def test_a_hostile_name_in_the_weeks_is_text(appliance, clock):
    job = verbs.submit(appliance, device="<b>d</b>", user_id="=1+1", user_name=storable(HOSTILE))
    take(appliance)
    report(appliance, job, "FAILED: <script>alert(1)</script>")
    roll(appliance)
    found = read_weeks(appliance.queue.database, "saf", "2023-11-14", 1, clock.now_ms())
    page = week_page(found, Frame(el("link")))
    assert "<script" not in page and "<b>d" not in page and "&lt;b&gt;d" in page
    sheet = io.StringIO()
    weeks.write_sheet(found, sheet)
    assert "'=1+1" in sheet.getvalue()


@pytest.mark.sqlite("the command reads the file")
def test_weeks_in_the_terminal(history, folder, capsys):
    data = str(history.appliance.queue.folder)
    assert run(["weeks", "2023-11-18", "--site", "saf", "--weeks", "1", "--data", data]) == 0
    text = capsys.readouterr().out
    assert "2023-11-13     5      15      10       5" in text and "      5  mount: guide star lost at # px" in text
    assert run(["weeks", "2023-11-18", "--json", "--weeks", "1", "--data", data]) == 0
    assert json.loads(capsys.readouterr().out)["total"]["jobs"] == 20
    assert run(["weeks", "--weeks", "0", "--data", data]) == 1


@pytest.mark.sqlite("asks for the plans")
def test_the_screen_reads_only_the_nights_of_its_weeks(appliance, clock):
    """Whatever the history holds: by the keys of the sums, and no job."""
    statements = []
    fetch = appliance.queue.database.fetch
    verbs.submit(appliance)
    roll(appliance)

    class Reading:
        def fetch(self, sql, parameters=()):
            statements.append((sql, parameters))
            return fetch(sql, parameters)

    for site in ("saf", None):
        read_weeks(Reading(), site, "2023-11-14", 13, clock.now_ms())
    plans = [step[3] for sql, values in statements for step in fetch(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert plans and all("SEARCH night_sum USING" in step or "night_sum_due" in step for step in plans), plans


# A process that sums up, and is killed after so many writes.
KILLED_AFTER = """
import os, signal, sys
from pathlib import Path
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.night import due, report, rollup
from prjobs.opening import open_appliance
from tests.clocks import ManualClock
due.LOOKED, report.PAGE = 5, 2
clock = ManualClock()
clock.advance(10 * 86400)
appliance, _ = open_appliance(Folder(Path(sys.argv[1])), Settings(), clock)
database, left = appliance.queue.database, int(sys.argv[2])
write = database.write
def counted(*arguments, **named):
    global left
    done = write(*arguments, **named)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return done
object.__setattr__(database, "write", counted)
chore = rollup.Rollup(appliance.queue)
while chore.advance():
    pass
"""


@pytest.mark.long
def test_a_killed_process_loses_no_night_and_doubles_none(make_appliance, folder, clock, tmp_path):
    appliance = make_appliance()
    for _ in range(3):
        a_night(appliance, clock, count=4)
        clock.advance(DAY_S)
    close_appliance(appliance, folder)
    script = tmp_path / "killed.py"
    script.write_text(KILLED_AFTER)
    codes = []
    for writes in (1, 2, 3, 4, 2, 1, 1000):
        command = [sys.executable, str(script), str(folder.path), str(writes)]
        root = str(Path(__file__).parent.parent)
        done = subprocess.run(
            command, env={**os.environ, "PYTHONPATH": root}, capture_output=True, timeout=120, check=False
        )
        codes.append(done.returncode)
    assert codes[-1] == 0 and all(codes[:3]), done.stderr
    opened, _ = open_appliance(folder, Settings(), clock)
    found = rows(opened)
    clock.advance(12 * DAY_S)
    opened.queue.database.write(lambda transaction: transaction.execute("UPDATE night_sum SET due = 1"))
    roll(opened)
    assert rows(opened) == found and [one.jobs for one in found.values()] == [4, 4, 4]
    close_appliance(opened, folder)


@pytest.mark.parametrize("schema", ["0001", "0012"])
def test_the_first_start_after_an_upgrade_fills_the_history_in(schema, tmp_path):
    older.store_of(schema, tmp_path / "data")
    folder = Folder(tmp_path / "data")
    appliance, _ = older.upgrade(folder)
    jobs = dict(appliance.queue.database.fetch("SELECT site, count(*) FROM job GROUP BY site"))
    roll(appliance)
    counted = Counter()
    for (site, _), one in rows(appliance).items():
        counted[site] += one.jobs
    assert counted == jobs and set(jobs) == {"saf", "wema"}
    close_appliance(appliance, folder)


@pytest.mark.sqlite("restores a backup of the file")
def test_notes_and_sums_are_kept_in_a_backup(appliance, folder, clock, submit):
    a_night(appliance, clock)
    note = noting.write_note(appliance.queue, NewNote(site="saf", text="kept"), "Ann", Actor("ann", "tests"))
    roll(appliance)
    before = rows(appliance)
    made = make_backup(folder, default_target(folder, clock.now_ms()))
    noting.strike_note(appliance.queue, note.id, Actor("ann", "tests"))
    close_appliance(appliance, folder)
    restore(folder, made.path, clock)
    opened, _ = open_appliance(folder, Settings(), clock)
    assert notes.list_notes(opened.queue.database, ["saf"]) == [note] and rows(opened) == before
    close_appliance(opened, folder)


@pytest.mark.parametrize("span", ["", "U", "01K4U", "01k4fn2", "ZZZZZZZ"])
def test_a_damaged_row_without_an_id_belongs_to_no_night(appliance, span):
    assert {night.date for night in due.nights_of(appliance.queue, "saf", "01K4FN2")} == {"2025-09-06"}
    assert due.nights_of(appliance.queue, "saf", span) == set()
