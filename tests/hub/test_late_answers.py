"""Answers of a hub's process that come too late to leave: nothing in memory says that the program got them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prjobs.appliance import Appliance
from prjobs.base.clock import StoreClock
from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.base.settings import Settings
from prjobs.jobs import handouts, two_programs
from prjobs.jobs.handouts import LEAVE_S
from prjobs.opening import Purpose, close_appliance, open_appliance
from tests import verbs
from tests.postgres import driver

driver()

from prjobs.store.hub import open_hub  # noqa: E402
from prjobs.store.members import Member  # noqa: E402

ONE, TWO = "10.0.0.1:5000", "10.0.0.2:5000"


class Hands(StoreClock):
    """A clock for which time passes as tests say."""

    passed_s = 1000.0

    def elapsed_s(self) -> float:
        return self.passed_s


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def hub(postgres_url: str, tmp_path: Path, clock: Hands) -> Iterator[Appliance]:
    """A hub's active process, in this process."""
    folder = Folder(tmp_path / "data")
    folder.create()
    open_hub(postgres_url, "").close()
    member = Member(postgres_url, "http://127.0.0.1:1", clock)
    assert member.take_over() is None
    appliance, _ = open_appliance(folder, Settings(store_url=postgres_url), clock, Purpose(member=member.id))
    yield appliance
    close_appliance(appliance, folder)
    member.leave()


def polled_late(hub: Appliance, clock: Hands, peer: str) -> list[str]:
    """Poll, and let the process sleep between the commit and the answer."""
    asked = verbs.poll()
    noted = handouts.begin_poll(hub.queue, asked, peer)
    rows = handouts.take_jobs(hub.queue, asked, peer, noted)
    clock.passed_s += LEAVE_S
    assert not handouts.may_leave(hub.queue, asked, noted)
    hub.queue.database.write(lambda _: None)  # what was given back is stored
    return [row.ulid for row in rows]


def polled(hub: Appliance, peer: str) -> list[str]:
    return [row.ulid for row in verbs.take(hub, peer)]


def test_a_late_answer_gives_its_jobs_back(hub: Appliance, clock: Hands) -> None:
    job = verbs.submit(hub)
    assert polled_late(hub, clock, ONE) == [job.ulid]
    assert polled(hub, ONE) == [job.ulid]
    states = hub.queue.database.fetch("SELECT state FROM handout ORDER BY id")
    assert states[0] == ("RETURNED",)


def test_a_stop_in_a_late_answer_was_given_to_none_of_two_programs(hub: Appliance, clock: Hands) -> None:
    for _ in range(20):
        clock.passed_s += 1
        polled(hub, ONE)
        clock.passed_s += 2
        polled(hub, TWO)
    two_programs.find_once(hub.queue)
    assert Code.TWO_PROGRAMS in hub.queue.notices
    stop = verbs.submit(hub, device="all", action="stop")
    assert polled_late(hub, clock, ONE) == [stop.ulid]
    # The stop waits again: the first poll takes it, and then each program has had it once.
    assert polled(hub, TWO) == [stop.ulid]
    clock.passed_s += 1
    assert polled(hub, ONE) == [stop.ulid]
    clock.passed_s += 1
    assert polled(hub, TWO) == polled(hub, ONE) == []
