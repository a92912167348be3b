"""The clock of a hub's database that steps: every process notices, and the page has a notice for a day."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prjobs.base.clock import StoreClock
from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.base.settings import Settings
from prjobs.opening import Purpose, close_appliance, open_appliance
from prjobs.upkeep.machine import CLOCK_NOTICE_S, compare_clocks
from prjobs.upkeep.retention import doubt
from tests import verbs
from tests.postgres import driver

psycopg = driver()

from prjobs.store.hub import open_hub  # noqa: E402
from prjobs.store.members import Member  # noqa: E402
from tests.hub.opening import asked  # noqa: E402

HOUR_S = 3600
# The database's own function for the time, before that of PostgreSQL, with the shift of a table.
SHIFTED = """
CREATE TABLE shift AS SELECT interval '0' AS by;
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
    'SELECT pg_catalog.clock_timestamp() + by FROM public.shift';
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$
"""


class Hands(StoreClock):
    """A clock for which time passes as tests say."""

    def __init__(self) -> None:
        self.passed_s = 1000.0
        super().__init__()

    def elapsed_s(self) -> float:
        return self.passed_s


def answered(clock: StoreClock, now_ms: int, after_s: float = 0.0) -> None:
    """Ask the database, whose answer comes after so long."""
    asked_ms = clock.own_ms()
    if isinstance(clock, Hands):
        clock.passed_s += after_s
    clock.measure(now_ms, asked_ms)


@pytest.mark.parametrize(("step_ms", "told"), [(900, False), (1100, True), (-1100, True), (HOUR_S * 1000, True)])
def test_a_step_is_told_from_a_clock_that_goes_on(step_ms: int, told: bool) -> None:
    clock = Hands()
    answered(clock, 10_000_000)
    # Days without an answer are no step.
    clock.passed_s += 2 * 86_400
    answered(clock, 10_000_000 + 2 * 86_400_000)
    assert clock.step is None
    answered(clock, 10_000_000 + 2 * 86_400_000 + step_ms)
    assert (clock.step.ms if clock.step else None) == (step_ms if told else None)


def test_a_late_answer_is_no_step() -> None:
    clock = Hands()
    # The first answer sets the clock however late; the time may be up to three seconds old.
    answered(clock, 10_000_000, after_s=3)
    answered(clock, 10_003_000)
    answered(clock, 10_003_000, after_s=3)
    answered(clock, 10_006_000)
    assert clock.step is None and clock.now_ms() == 10_006_000


@pytest.fixture
def stepping(postgres_url: str) -> Iterator[str]:
    """A hub's database with a clock that a test may set."""
    open_hub(postgres_url, "").close()
    asked(postgres_url, SHIFTED)
    yield postgres_url


def test_the_clock_of_the_database_steps(stepping: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, clock = Folder(tmp_path / "data"), StoreClock()
    folder.create()
    member = Member(stepping, "http://127.0.0.1:1", clock)
    assert member.take_over() is None
    appliance, _ = open_appliance(folder, Settings(store_url=stepping), clock, Purpose(member=member.id))
    queue = appliance.queue
    compare_clocks(queue, clock)
    assert Code.CLOCK not in queue.notices
    before, first = verbs.submit(appliance), clock.now_ms()
    asked(stepping, "UPDATE shift SET by = interval '1 hour'")
    # This member looks at the clock again, as with each sign of life.
    assert member.take_over() is None
    compare_clocks(queue, clock)
    said = queue.notices.sentence(Code.CLOCK)
    assert said.startswith("The clock of the hub's database moved forward by 3600 s")
    assert "3600 s behind that of the hub's database" in said
    assert "the clock of the database moved by +3600" in caplog.text
    assert doubt(queue) == "the clock moved"
    assert clock.now_ms() - first >= HOUR_S * 1000 and verbs.submit(appliance).ulid > before.ulid
    # Back again: ids go on, and no time of this process goes back.
    highest = clock.now_ms()
    asked(stepping, "UPDATE shift SET by = interval '0'")
    assert member.take_over() is None
    compare_clocks(queue, clock)
    said = queue.notices.sentence(Code.CLOCK)
    assert "moved back by 3600 s" in said and "behind" not in said
    assert clock.now_ms() >= highest and verbs.submit(appliance).ulid > before.ulid
    assert clock.step
    clock.step = clock.step._replace(noticed_s=clock.step.noticed_s - CLOCK_NOTICE_S)
    compare_clocks(queue, clock)
    assert Code.CLOCK not in queue.notices
    close_appliance(appliance, folder)
    member.leave()
