"""A stop of very many waiting jobs: handed out at once, nothing older leaves, the rest is withdrawn in steps."""

from collections.abc import Callable
from typing import Any

import pytest

from prjobs.appliance import Appliance
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.jobs import leases, stops
from prjobs.jobs.lookup import find_job
from prjobs.opening import close_appliance
from prjobs.server import Server
from prjobs.store.models import JobRow
from tests.clocks import ManualClock
from tests.stores import open_appliance
from tests.verbs import submit as submit_to
from tests.verbs import take as take_from

STEP = 3
Submit = Callable[..., JobRow]


def take(appliance: Appliance, **parts: Any) -> list[JobRow]:
    """Poll at the pace of a program: faster polls look like those of one that throws its answers away."""
    clock = appliance.queue.clock
    assert isinstance(clock, ManualClock)
    clock.advance(5)
    return take_from(appliance, **parts)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stops, "STEP", STEP)
    monkeypatch.setattr(stops, "STEPS", 2)


def ids(rows: list[JobRow]) -> list[str]:
    return [row.ulid for row in rows]


def changes(appliance: Appliance, job: JobRow) -> list[tuple[str, str]]:
    sql = "SELECT queue, status FROM change WHERE job_seq = ? ORDER BY seq"
    return [(queue, status) for queue, status in appliance.queue.database.fetch(sql, (job.seq,))]


def is_withdrawn(appliance: Appliance, job: JobRow, by: JobRow) -> bool:
    row = find_job(appliance.queue.database, job.ulid)
    told = changes(appliance, job)
    return (
        (row.status, row.alternate_status) == ("CANCELLED", "CANCELLED")
        and row.note.startswith(f"withdrawn by the stop of {by.user_name}")
        and told == [("both", "UNREAD"), ("both", "CANCELLED")]
    )


def named(appliance: Appliance) -> int:
    return len(appliance.queue.database.fetch(stops._NAMED))


def withdraw_all(appliance: Appliance) -> None:
    while named(appliance):
        stops.withdraw_rest_once(appliance.queue)


def test_it_works(appliance: Appliance, submit: Submit) -> None:
    jobs = [submit() for _ in range(20)]
    park, elsewhere = submit(action="park"), submit(site="eco")
    stop = submit(action="cancel_all_commands")
    assert sum(is_withdrawn(appliance, job, stop) for job in jobs) == STEP
    assert ids(take(appliance)) == [stop.ulid]
    assert ids(take(appliance)) == [park.ulid]
    assert take(appliance) == []
    newer = submit()
    assert ids(take(appliance)) == [newer.ulid]
    stops.withdraw_rest_once(appliance.queue)
    assert sum(is_withdrawn(appliance, job, stop) for job in jobs) == 3 * STEP
    withdraw_all(appliance)
    assert all(is_withdrawn(appliance, job, stop) for job in jobs)
    assert ids(take(appliance, site="eco")) == [elsewhere.ulid]


def test_the_other_queue_gets_nothing_older_either(appliance: Appliance, submit: Submit) -> None:
    jobs = [submit() for _ in range(20)]
    given = take(appliance, alternate=True)
    assert len(given) == 20
    more = [submit() for _ in range(20)]
    stop = submit(action="stop")
    assert ids(take(appliance, alternate=True)) == [stop.ulid]
    assert ids(take(appliance)) == [stop.ulid]
    assert take(appliance, alternate=True) == take(appliance) == []
    withdraw_all(appliance)
    assert all(is_withdrawn(appliance, job, stop) for job in more)
    assert [changes(appliance, job)[1:] for job in jobs] == 20 * [[("alternate", "RECEIVED"), ("primary", "CANCELLED")]]


def test_a_crash_in_between_loses_neither_the_rule_nor_the_rest(
    folder: Folder, clock: ManualClock, patient: None
) -> None:
    before, _ = open_appliance(folder, Settings(), clock)
    jobs = [submit_to(before) for _ in range(20)]
    stop = submit_to(before, action="stop")
    # As at a crash: the process ends before a chore ran.
    before.queue.database.close()
    after, _ = open_appliance(folder, Settings(), clock)
    assert ids(take(after)) == [stop.ulid]
    assert take(after) == []
    withdraw_all(after)
    assert all(is_withdrawn(after, job, stop) for job in jobs)
    close_appliance(after, folder)


def test_a_newer_stop_goes_on_with_the_rest(appliance: Appliance, submit: Submit) -> None:
    old = [submit() for _ in range(20)]
    first = submit(action="stop")
    new = [submit() for _ in range(20)]
    second = submit(action="cancel_all_commands", user_name="Bob B.")
    assert find_job(appliance.queue.database, first.ulid).status == "CANCELLED"
    assert ids(take(appliance)) == [second.ulid]
    assert take(appliance) == []
    assert named(appliance) == 1
    withdraw_all(appliance)
    by_first, by_second = (sum(is_withdrawn(appliance, job, by) for job in old + new) for by in (first, second))
    assert (by_first, by_second) == (STEP, 40 - STEP)
    assert ids(take(appliance)) == []


def test_a_small_stop_after_a_large_one_keeps_the_rest_named(appliance: Appliance, submit: Submit) -> None:
    """The rest of the large one is older than the small one too."""
    jobs = [submit() for _ in range(20)]
    submit(action="stop")
    submit(site="eco", action="stop")
    assert named(appliance) == 1
    while len(appliance.queue.database.fetch("SELECT 1 FROM job WHERE status = 'UNREAD' AND site = 'saf'")) > STEP:
        stops.withdraw_rest_once(appliance.queue)
    last = submit(action="stop")
    withdraw_all(appliance)
    assert ids(take(appliance)) == [last.ulid]
    assert not [job for job in jobs if find_job(appliance.queue.database, job.ulid).status != "CANCELLED"]


def test_a_poll_that_gave_up_gives_nothing_older_back(appliance: Appliance, submit: Submit, clock: ManualClock) -> None:
    jobs = [submit() for _ in range(20)]
    assert len(take(appliance, lease_s=30)) == 20
    more = [submit() for _ in range(20)]
    stop = submit(action="stop")
    clock.advance(31)
    assert leases.return_once(appliance.queue) == 0
    assert ids(take(appliance)) == [stop.ulid]
    assert take(appliance) == []
    withdraw_all(appliance)
    statuses = {find_job(appliance.queue.database, job.ulid).status for job in jobs + more}
    assert statuses == {"CANCELLED"}


@pytest.mark.slow
def test_the_chores_withdraw_the_rest(make_server: Callable[..., Server]) -> None:
    server = make_server()
    queue = server.appliance.queue
    jobs = [submit_to(server.appliance) for _ in range(20)]
    submit_to(server.appliance, action="stop")
    clock_end = queue.clock.elapsed_s() + 30
    while named(server.appliance) and queue.clock.elapsed_s() < clock_end:
        queue.stopping.wait(0.05)
    assert {find_job(queue.database, job.ulid).status for job in jobs} == {"CANCELLED"}
