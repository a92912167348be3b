"""Long histories: a page of jobs, changes and sites looks at a bounded part of the store, and loses nothing."""

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests

from prjobs.access import known
from prjobs.appliance import Appliance
from prjobs.base.deadlines import LIMIT, Deadlines
from prjobs.jobs import log, stops
from prjobs.jobs.insertion import insert_row, new_row
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import Command
from prjobs.jobs.states import ALTERNATE, CANCELLED, CLOUD, HELD, PRIMARY, UNREAD
from prjobs.monitor import board, views
from prjobs.monitor.board import Days
from prjobs.server import Server
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.transaction import Transaction
from tests.bench import grown
from tests.clocks import ManualClock
from tests.verbs import make_token, report, submit

Submit = Callable[..., JobRow]


def pages(server: Server, path: str, **query: Any) -> list[dict[str, Any]]:
    """Every page of a list, with `since` or `before` as the page before says."""
    found: list[dict[str, Any]] = []
    while len(found) < 100:
        answer = requests.get(f"{server.url}{path}", params=query, timeout=60).json()
        found.append(answer)
        if not answer.get("more") and not answer.get("next"):
            break
        query |= {"since": answer["seq"]} if "changes" in answer else {"before": answer["next"]}
    return found


def test_the_changes_of_a_rare_site_come_in_bounded_looks(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LOOKED", 10)
    rare = []
    for number in range(60):
        submit(server.appliance)
        if number % 25 == 0:
            rare.append(submit(server.appliance, site="eco").ulid)
    found = pages(server, "/api/changes", since=0, site="eco")
    assert [change["job"]["ulid"] for page in found for change in page["changes"]] == rare
    assert len(found) == 6
    newest = log.last_seq(server.appliance.queue.database)
    assert found[-1]["seq"] == newest
    assert pages(server, "/api/changes", since=newest, site="eco") == [found[-1] | {"changes": []}]
    assert len(pages(server, "/api/changes", since=0)) == 1


def test_a_look_begins_with_the_first_change_that_is_there(
    appliance: Appliance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest changes were removed with their jobs."""
    monkeypatch.setattr(log, "LOOKED", 10)
    for _ in range(50):
        submit(appliance)
    database = appliance.queue.database
    database.write(lambda transaction: transaction.execute("DELETE FROM change WHERE seq < 45"))
    assert log.looked_until(database, 0, 50) == 50
    assert log.looked_until(database, 20, 100) == 55


def test_a_client_far_behind_is_not_held(appliance: Appliance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LOOKED", 10)
    for _ in range(15):
        submit(appliance)
    database = appliance.queue.database
    assert log.has_changes(database, 0, ["eco"])
    assert not log.has_changes(database, 5, ["eco"])
    assert log.has_changes(database, 5, ["saf"])
    assert not log.has_changes(database, 15, ["saf"])
    submit(appliance, site="eco")
    assert log.has_changes(database, 15, ["eco"])


def test_a_search_goes_on_page_by_page(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "SEARCHED", 7)
    first = submit(server.appliance, device="oldest")
    for _ in range(30):
        submit(server.appliance)
    for query in ({"device": "oldest"}, {"text": "oldest1"}, {"device": "oldest", "phase": "waiting"}):
        found = pages(server, "/api/jobs", **query)
        assert [job["ulid"] for page in found for job in page["jobs"]] == [first.ulid]
        assert len(found) == 5
        assert found[0]["counts"] is None
    assert [job for page in pages(server, "/api/jobs", user="nobody") for job in page["jobs"]] == []
    every = [job["ulid"] for page in pages(server, "/api/jobs", phase="waiting", limit=3) for job in page["jobs"]]
    assert len(every) == len(set(every)) == 31
    (whole,) = pages(server, "/api/jobs")
    assert len(whole["jobs"]) == whole["counts"]["waiting"] == 31


def test_few_jobs_are_searched_and_counted_at_once(server: Server) -> None:
    for number in range(20):
        job = submit(server.appliance, device="camera" if number % 4 else "oldest", action="expose")
        report(server.appliance, job, "COMPLETE") if number % 2 else None
    (page,) = pages(server, "/api/jobs", device="oldest")
    assert len(page["jobs"]) == sum(page["counts"].values()) == 5


def test_the_day_of_a_site_is_counted_after_a_change_there(appliance: Appliance, clock: ManualClock) -> None:
    queue, days, counted = appliance.queue, Days(), []

    def count(_queue: Queue, site: str) -> tuple[int, int]:
        counted.append(site)
        return 10, len(counted)

    def look(*sites: str) -> list[Any]:
        days.follow(queue)
        return [days.of(queue, site, count) for site in sites]

    submit(appliance)
    assert look("saf", "eco") == [1, 2]
    assert look("saf", "eco") == [1, 2]
    clock.advance(1)
    submit(appliance)
    assert look("saf", "eco") == [3, 2]
    clock.advance(board.COUNT_EVERY_S)
    assert look("saf", "eco") == [4, 5]


def test_a_site_of_very_many_jobs_is_counted_every_few_seconds(appliance: Appliance, clock: ManualClock) -> None:
    queue, days, counted = appliance.queue, Days(), []

    def look() -> int:
        days.follow(queue)
        days.of(queue, "saf", lambda _queue, site: (3 * board.JOBS_A_SECOND, counted.append(site)))
        return len(counted)

    submit(appliance)
    assert look() == 1
    for _ in range(2):
        clock.advance(1)
        submit(appliance)
        assert look() == 1
    clock.advance(1)
    assert look() == 2


def test_the_sites_of_many_tokens_are_read_once_each(appliance: Appliance) -> None:
    for number in range(20):
        make_token(appliance, f"u{number}", sites=("eco", "wema") if number % 2 else ("saf",))
    assert {"saf", "eco", "wema"} <= known.named_sites(appliance.desk)
    assert {"u0", "u19"} <= known.known_users(appliance.desk)


def test_deadlines_above_the_limit_drop_the_oldest(clock: ManualClock) -> None:
    """In a plain dict each of these would cost a walk past all dropped ones: minutes in all."""
    deadlines = Deadlines(clock)
    for key in range(3 * LIMIT):
        deadlines.set(key, float(key))
    assert list(deadlines) == list(range(2 * LIMIT, 3 * LIMIT))
    clock.advance(2.5 * LIMIT)
    passed = deadlines.passed()
    assert passed[0] == 2 * LIMIT and len(passed) >= LIMIT / 2
    assert deadlines.passed() == []


def test_a_deadline_is_told_as_passed_once_and_at_its_newest_time(clock: ManualClock) -> None:
    now_s, deadlines = clock.elapsed_s(), Deadlines(clock)
    for key in ("a", "b", "c", "d"):
        deadlines.set(key, now_s + 10)
    deadlines.set("b", now_s + 20)
    deadlines.drop("c")
    clock.advance(11)
    assert sorted(deadlines.passed()) == ["a", "d"]
    deadlines.set("a", now_s + 15)
    clock.advance(10)
    assert sorted(deadlines.passed()) == ["a", "b"]
    assert sorted(deadlines.over()) == ["a", "b", "d"]


def test_the_stores_of_the_bench_are_sound(tmp_path: Path) -> None:
    grown.prepare(tmp_path / "data", grown.Size(0.0005))
    with closing(sqlite3.connect(tmp_path / "data" / "prjobs.sqlite3")) as connection:
        rows = [JobRow(*row) for row in connection.execute(f"SELECT {JOB_COLUMNS} FROM job")]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert len(rows) == 1000 and all(row.is_sound for row in rows)
    assert {row.site for row in rows} >= {grown.SITE, grown.NIGHT_SITE, *grown.STOPPED}


@pytest.mark.parametrize("seed", range(8))
def test_the_covered_jobs_are_those_with_a_covering_stop(make_appliance: Callable[..., Appliance], seed: int) -> None:
    """One query for all says the same as a query for each job."""
    chance = random.Random(seed)
    queue = make_appliance(stop_scope=chance.choice(["site", "cancel_all"])).queue

    def fill(transaction: Transaction) -> None:
        for _ in range(60):
            is_stop = chance.random() < 0.15
            action = chance.choice(["stop", "cancel_all_commands"]) if is_stop else chance.choice(["go", "park"])
            command = Command("saf", "mount", "m1", action, "u1", "A", "[]", "{}", "{}", {})
            ulid, created_ms = queue.ulids.next()
            origin = CLOUD if chance.random() < 0.5 else "local"
            row = new_row(queue, command, ulid, created_ms + chance.randrange(90_000), origin)
            words = [UNREAD, CANCELLED] if is_stop else [UNREAD, HELD, CANCELLED]
            status, alternate = chance.choice([UNREAD, UNREAD, *words]), chance.choice([UNREAD, *words])
            row = insert_row(transaction, queue, row._replace(status=status, alternate_status=alternate), "u1")
            if is_stop and origin == CLOUD and chance.random() < 0.7:
                stops.note_cloud_stop(transaction, row.seq, created_ms + chance.randrange(90_000))

    queue.database.write(fill)
    rows = [JobRow(*row) for row in queue.database.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE origin <> 'cloud'")]
    for name, column in ((PRIMARY, "status"), (ALTERNATE, "alternate_status")):
        waiting = [row for row in rows if getattr(row, column) in (UNREAD, HELD)]
        covered = {row.seq for row in waiting if stops.covering_stop(queue.database, queue.settings, row)}
        assert stops.covered_jobs(queue.database, queue.settings, "saf", name) == covered
        assert covered
