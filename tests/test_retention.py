"""Retention: what goes, what stays, and that nobody waits for it."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import requests

from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.jobs import handouts, log, reports
from prjobs.jobs.requests import StatusUpdate
from prjobs.jobs.saved_polls import save_polls
from prjobs.monitor import views
from prjobs.monitor.watching import Watch
from prjobs.opening import close_appliance
from prjobs.server import Server
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction
from prjobs.upkeep.machine import WallClock
from prjobs.upkeep.retention import STEP, Retention, prune_alarms_once, prune_once
from tests.clocks import ManualClock
from tests.program import JOB
from tests.stores import open_appliance
from tests.verbs import make_token, poll

Submit = Callable[..., JobRow]
DAY_S = 86_400


@pytest.fixture
def appliance(folder: Folder, clock: ManualClock) -> Iterator[Appliance]:
    """An appliance that keeps finished jobs for thirty days."""
    opened, _ = open_appliance(folder, Settings(keep_days=30), clock)
    yield opened
    close_appliance(opened, folder)


def report(appliance: Appliance, row: JobRow, status: str, alternate: bool = False) -> None:
    reports.update_status(appliance.queue, StatusUpdate(row.site, row.ulid, status, -1, alternate), "tests")


def count(appliance: Appliance, table: str) -> int:
    return int(appliance.queue.database.fetch(f"SELECT count(*) FROM {table}")[0][0])


def ulids(appliance: Appliance) -> set[str]:
    return {ulid for (ulid,) in appliance.queue.database.fetch("SELECT ulid FROM job")}


def test_finished_jobs_go_after_their_time(appliance: Appliance, clock: ManualClock, submit: Submit) -> None:
    rows = [submit() for _ in range(3)]
    assert len(handouts.take_jobs(appliance.queue, poll(), "1.2.3.4:5", None)) == 3
    for row, status in zip(rows, ("COMPLETE", "failed", "Aborted"), strict=True):
        report(appliance, row, status)
    clock.advance(29 * DAY_S)
    fresh = submit()
    assert prune_once(appliance.queue) == 0
    clock.advance(2 * DAY_S)
    assert prune_once(appliance.queue) == 3
    # The newest hand-out stays: the next one is numbered by it.
    assert [count(appliance, table) for table in ("job", "change", "handout", "lease")] == [1, 1, 1, 0]
    assert ulids(appliance) == {fresh.ulid}
    assert prune_once(appliance.queue) == 0


def test_the_time_runs_from_the_last_change(appliance: Appliance, clock: ManualClock, submit: Submit) -> None:
    row = submit()
    handouts.take_jobs(appliance.queue, poll(), "1.2.3.4:5", None)
    clock.advance(40 * DAY_S)
    report(appliance, row, "COMPLETE")
    assert prune_once(appliance.queue) == 0
    clock.advance(31 * DAY_S)
    submit()
    assert prune_once(appliance.queue) == 1


@pytest.mark.parametrize("status", ["UNREAD", "RECEIVED", "STARTED", "a word of its own"])
def test_unfinished_jobs_stay(appliance: Appliance, clock: ManualClock, submit: Submit, status: str) -> None:
    row = submit(action="stop")
    if status != "UNREAD":
        handouts.take_jobs(appliance.queue, poll(), "1.2.3.4:5", None)
        report(appliance, row, status)
    clock.advance(1000 * DAY_S)
    fresh = submit()
    assert prune_once(appliance.queue) == 0
    assert ulids(appliance) == {row.ulid, fresh.ulid}


def test_what_waits_for_a_second_program_stays(
    appliance: Appliance, folder: Folder, clock: ManualClock, submit: Submit
) -> None:
    row = submit(action="stop")
    handouts.take_jobs(appliance.queue, poll(), "1.2.3.4:5", None)
    report(appliance, row, "COMPLETE")
    handouts.begin_poll(appliance.queue, poll(alternate=True), "1.2.3.4:6")
    save_polls(appliance.queue, folder)
    clock.advance(31 * DAY_S)
    submit()
    assert prune_once(appliance.queue) == 0
    # The stop leaves alone.
    for _ in range(2):
        assert len(handouts.take_jobs(appliance.queue, poll(alternate=True), "1.2.3.4:6", None)) == 1
    assert prune_once(appliance.queue) == 1


def test_a_handout_stays_while_one_of_its_jobs_does(appliance: Appliance, clock: ManualClock, submit: Submit) -> None:
    rows = [submit(), submit()]
    handouts.take_jobs(appliance.queue, poll(), "1.2.3.4:5", None)
    report(appliance, rows[0], "COMPLETE")
    clock.advance(31 * DAY_S)
    submit()
    assert prune_once(appliance.queue) == 1
    assert count(appliance, "handout") == 1
    assert [past.handout is not None for past in views.view_detail(appliance.queue.database, rows[1]).timeline] == [
        False,
        True,
    ]


def test_nothing_goes_by_default(folder: Folder, clock: ManualClock) -> None:
    opened, _ = open_appliance(folder, Settings(), clock)
    try:
        clock.advance(10_000 * DAY_S)
        opened.queue.database.write(fill, 10, clock.now_ms())
        opened.queue.database.write(happen, clock.now_ms())
        assert prune_once(opened.queue) == 0
        assert count(opened, "job") == 10
    finally:
        close_appliance(opened, folder)


def test_cursors_stay_valid(appliance: Appliance, clock: ManualClock, submit: Submit) -> None:
    row = submit()
    handouts.take_jobs(appliance.queue, poll(), "1.2.3.4:5", None)
    report(appliance, row, "COMPLETE")
    clock.advance(29 * DAY_S)
    report(appliance, submit(), "COMPLETE")
    cursor = log.last_seq(appliance.queue.database)
    clock.advance(2 * DAY_S)
    assert prune_once(appliance.queue) == 1
    assert log.list_changes(appliance.queue.database, cursor) == []
    fresh = submit()
    (change,) = log.list_changes(appliance.queue.database, cursor)
    assert (change.seq, change.job.ulid) == (cursor + 1, fresh.ulid)


STATUSES = ("UNREAD", "RECEIVED", "STARTED", "EXPOSING", "COMPLETE")


def fill(transaction, number: int, now_ms: int) -> None:
    """Old jobs by the thousand, each with the log of a whole life."""
    from prjobs.base.ulids import floor_ulid
    from prjobs.store.models import JOB_COLUMNS

    old_ms = now_ms - 40 * DAY_S * 1000
    for seq in range(1, number + 1):
        ms = old_ms + seq
        row = ("saf", ms, "camera", "camera1", "expose", "exposure", "u", "U", "[]", "{}", "{}", "COMPLETE", None)
        rest = ("EXPIRED", None, ms, None, None, "local", 1, 0, None, None, None, ms, "")
        marks = ", ".join("?" * 28)
        transaction.execute(f"INSERT INTO job ({JOB_COLUMNS}) VALUES ({marks})", (seq, floor_ulid(ms), *row, *rest))
        transaction.executemany(
            "INSERT INTO change (seq, job_seq, site, queue, status, estimate_s, time_ms, who, note, handout_id) "
            "VALUES (?, ?, 'saf', 'primary', ?, NULL, ?, 'tests', '', NULL)",
            [(5 * seq + place, seq, status, ms) for place, status in enumerate(STATUSES)],
        )


def happen(transaction: Transaction, now_ms: int) -> None:
    """One more row of the log, so that the clock is not in doubt."""
    transaction.execute(
        "INSERT INTO change (seq, job_seq, site, queue, status, estimate_s, time_ms, who, note, handout_id) "
        "SELECT (SELECT coalesce(max(seq), 0) + 1 FROM change), max(seq), 'saf', 'primary', 'COMPLETE', NULL, ?, "
        "'tests', '', NULL FROM job",
        (now_ms,),
    )


def test_steps_are_small_and_rest_when_done(appliance: Appliance, clock: ManualClock, submit: Submit) -> None:
    appliance.queue.database.write(fill, STEP * 2 + 1, clock.now_ms())
    submit()
    retention = Retention(appliance.queue)
    assert retention.once() == 0  # it just started
    clock.advance(601)
    assert [retention.once() for _ in range(4)] == [STEP, STEP, 1, 0]
    appliance.queue.database.write(fill, 1, clock.now_ms())
    submit()
    assert retention.once() == 0
    clock.advance(601)
    assert retention.once() == 1


def rested(appliance: Appliance, clock: ManualClock) -> Retention:
    """The chore, when it is due."""
    retention = Retention(appliance.queue)
    clock.advance(601)
    return retention


def test_alarms_go_with_the_jobs_of_their_time(appliance: Appliance, clock: ManualClock, submit: Submit) -> None:
    appliance.queue.notices.say("disk_low", "Full.")
    watch = Watch(appliance.board)
    watch.once()
    clock.advance(40 * DAY_S)
    submit()
    assert prune_alarms_once(appliance.queue) == 0  # it is raised still
    appliance.queue.notices.end("disk_low")
    watch.once()
    clock.advance(29 * DAY_S)
    assert rested(appliance, clock).once() == 0 and count(appliance, "alarm") == 1
    clock.advance(2 * DAY_S)
    assert rested(appliance, clock).once() == 0 and count(appliance, "alarm") == 1  # nothing happened meanwhile
    submit()
    assert rested(appliance, clock).once() == 0 and count(appliance, "alarm") == 0


@pytest.mark.slow
def test_no_poll_waits_for_it(make_server: Callable[..., Server], http: requests.Session) -> None:
    server = make_server(keep_days=30)
    server.appliance.queue.database.write(fill, 8000, Clock().now_ms())
    server.appliance.queue.database.write(happen, Clock().now_ms())
    done = threading.Event()

    def prune() -> None:
        while prune_once(server.appliance.queue):
            pass
        done.set()

    pruning = threading.Thread(target=prune)
    pruning.start()
    polls = 0
    while not done.is_set():
        answer = http.post(f"{server.url}/getnewjobs", data='{"site": "saf"}', timeout=60)
        assert (answer.status_code, answer.json()) == (200, [])
        polls += 1
    pruning.join(60)
    assert polls > 3
    # The newest job stays: the next one is numbered by it.
    assert count(server.appliance, "job") == 1


# ---- a clock in doubt


def finished(appliance: Appliance, submit: Submit, number: int) -> None:
    rows = [submit() for _ in range(number)]
    handouts.take_jobs(appliance.queue, poll(), "1.2.3.4:5", None)
    for row in rows:
        report(appliance, row, "COMPLETE")


def test_a_clock_a_year_ahead_removes_nothing(appliance: Appliance, clock: ManualClock, submit: Submit) -> None:
    finished(appliance, submit, 5)
    clock.step(365 * DAY_S)
    assert prune_once(appliance.queue) == prune_alarms_once(appliance.queue) == 0
    clock.step(-365 * DAY_S)
    assert count(appliance, "job") == 5 and count(appliance, "change") == 15


def test_nothing_goes_while_the_clock_is_said_to_have_moved(
    appliance: Appliance, folder: Folder, clock: ManualClock, submit: Submit
) -> None:
    wall_clock = WallClock(appliance.queue)
    finished(appliance, submit, 5)
    clock.step(365 * DAY_S)
    wall_clock.watch_once()
    submit()  # the newest change has the wrong time too
    clock.advance(DAY_S - 1)
    assert prune_once(appliance.queue) == 0
    clock.step(-365 * DAY_S)
    wall_clock.watch_once()
    clock.advance(DAY_S + 1)
    wall_clock.watch_once()
    assert appliance.queue.notices.all() == [] and prune_once(appliance.queue) == 0 and count(appliance, "job") == 6
    clock.advance(30 * DAY_S)
    submit()
    assert prune_once(appliance.queue) == 5


def test_after_a_long_rest_it_goes_on_with_the_next_job(
    appliance: Appliance, clock: ManualClock, submit: Submit, caplog: pytest.LogCaptureFixture
) -> None:
    finished(appliance, submit, 3)
    retention = rested(appliance, clock)
    clock.advance(90 * DAY_S)
    for _ in range(3):
        assert retention.once() == 0
        clock.advance(601)
    said = [one for one in caplog.messages if one.startswith("finished jobs are kept beyond keep_days for now: ")]
    assert len(said) == 1 and "30 days" in said[0]
    submit()
    assert retention.once() == 3


@pytest.mark.slow
def test_a_real_server_with_a_clock_a_year_ahead_keeps_its_history(make_server: Callable[..., Server]) -> None:
    clock = ManualClock()
    server = make_server(clock, keep_days=30)
    headers = {"Authorization": f"Bearer {make_token(server.appliance, 'auth0|alice', days=3000)}"}
    ulid = requests.post(f"{server.url}/newjob", json=JOB, headers=headers, timeout=60).json()["ulid"]
    requests.post(f"{server.url}/getnewjobs", json={"site": "saf"}, timeout=60)
    done = {"site": "saf", "ulid": ulid, "newStatus": "COMPLETE"}
    assert requests.post(f"{server.url}/updatejobstatus", json=done, timeout=60).status_code == 200
    clock.step(365 * DAY_S)
    for _ in range(8):
        clock.advance(601)
        time.sleep(0.3)  # the chores look every quarter of a second
    assert [job["ulid"] for job in requests.get(f"{server.url}/api/jobs", timeout=60).json()["jobs"]] == [ulid]
