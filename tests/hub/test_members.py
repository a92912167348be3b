"""The members of a hub, on a real PostgreSQL: signs of life, orderly ends, and which one becomes the active process."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from prjobs.base.clock import StoreClock
from tests.postgres import driver
from tests.waiting import wait_for

psycopg = driver()

from prjobs.store import hub_state, members  # noqa: E402
from prjobs.store.hub import open_hub  # noqa: E402
from prjobs.store.hub_state import ACTIVE, GONE_MS, READY, SILENT  # noqa: E402
from prjobs.store.members import Active, Member, Watch, living  # noqa: E402
from prjobs.store.postgres import PostgresConnection, connect  # noqa: E402

DAY_MS = 86_400_000


class Hands(StoreClock):
    """A clock for which time passes as tests say."""

    passed_s = 1000.0

    def elapsed_s(self) -> float:
        return self.passed_s


@pytest.fixture
def url(postgres_url: str) -> str:
    """A hub's database without a process."""
    open_hub(postgres_url, "").close()
    return postgres_url


@pytest.fixture
def look(url: str) -> Iterator[PostgresConnection]:
    """A connection of nobody in the hub."""
    with closing(connect(url)) as connection:
        yield connection


def member(url: str, name: str, clock: StoreClock | None = None) -> Member:
    return Member(url, f"http://{name}:8642", clock or StoreClock())


def looked(one: Member) -> Active | None:
    """Look once as a standby does; return the active process, or None after taking over."""
    with closing(connect(one._url, member=one.id)) as connection:
        return one._look(connection)


def roles(look: PostgresConnection) -> dict[str, str]:
    return {one.url.split("/")[2].split(":")[0]: one.role for one in hub_state.list_members(look.fetch)}


def age(look: PostgresConnection, one: Member, by_ms: int) -> None:
    """Move the last sign of a member into the past, or with a number below 0 into the future."""
    look.execute("UPDATE member SET seen_ms = seen_ms - ? WHERE id = ?", (by_ms, one.id))


def epoch(look: PostgresConnection) -> int:
    return int(look.fetch("SELECT epoch FROM door WHERE id = 1")[0][0])


def test_members_sign_in_are_listed_and_leave(url: str, look: PostgresConnection) -> None:
    first, second, third = (member(url, name) for name in ("first", "second", "third"))
    assert first.take_over() is None and roles(look) == {"first": ACTIVE}
    known = looked(second)
    assert known and (known.id, known.url) == (first.id, first.address)
    assert looked(third) and roles(look) == {"first": ACTIVE, "second": READY, "third": READY}
    assert living(look) == [one.address for one in (first, second, third)]
    second.leave()
    assert roles(look) == {"first": ACTIVE, "third": READY}
    # The place of the active process is free immediately, for a process that is ready.
    first.leave()
    assert roles(look) == {"third": READY} and looked(third) is None
    assert roles(look) == {"third": ACTIVE}
    # A process that was replaced takes nothing from its successor when it ends.
    first.leave()
    assert roles(look) == {"third": ACTIVE}


def test_a_member_without_signs_is_silent_and_forgotten_after_a_day(url: str, look: PostgresConnection) -> None:
    first, second, third = (member(url, name) for name in ("first", "second", "third"))
    assert first.take_over() is None and looked(second) and looked(third)
    age(look, second, GONE_MS)
    assert roles(look)["second"] == SILENT and second.address not in living(look)
    assert looked(second) and roles(look)["second"] == READY
    age(look, second, DAY_MS)
    assert looked(third) and set(roles(look)) == {"first", "third"}
    # The active process is never forgotten: the others must see that its signs are missing.
    age(look, first, DAY_MS)
    with closing(connect(url, member=third.id)) as connection:
        third._sign_in(connection, third._look_at_clock(connection))
    assert roles(look) == {"first": SILENT, "third": READY}


@pytest.mark.parametrize("away_ms", [GONE_MS, -GONE_MS - 1000])
def test_a_start_takes_over_from_a_sign_that_is_ten_seconds_away(
    url: str, look: PostgresConnection, away_ms: int
) -> None:
    """Also in the future: the database's clock may have stepped back since."""
    first, second = member(url, "first"), member(url, "second")
    assert first.take_over() is None and second.take_over() is not None
    before = epoch(look)
    age(look, first, away_ms)
    assert looked(second) is None and epoch(look) == before + 1
    assert hub_state.list_members(look.fetch)[0].is_holder


def test_a_watched_process_is_gone_after_ten_seconds_without_a_new_sign(url: str, look: PostgresConnection) -> None:
    clock = Hands()
    first, second = member(url, "first"), member(url, "second", clock)
    assert first.take_over() is None and looked(second)
    # A sign that is old by the database's clock alone is a step of that clock, not a missing sign.
    age(look, first, 3 * GONE_MS)
    assert looked(second)
    clock.passed_s += GONE_MS / 1000 - 1
    assert looked(second)
    clock.passed_s += 1
    assert looked(second) is None and roles(look)["second"] == ACTIVE


def test_a_new_sign_and_a_time_without_the_database_begin_the_watch_anew() -> None:
    clock = Hands()
    watch = Watch(clock)
    active = Active("one", "http://one:8642", "1", seen_ms=5, now_ms=5)
    assert not watch.is_gone(active)
    clock.passed_s += 9
    assert not watch.is_gone(Active("one", "http://one:8642", "1", seen_ms=6, now_ms=6))
    clock.passed_s += 9
    watch.interrupt()
    active = Active("one", "http://one:8642", "1", seen_ms=6, now_ms=6)
    assert not watch.is_gone(active)
    clock.passed_s += 9
    assert not watch.is_gone(active)
    clock.passed_s += 1
    assert watch.is_gone(active)


def test_of_two_that_take_over_together_one_wins(url: str, look: PostgresConnection) -> None:
    """Both saw the same process without signs, and wait for the row of the writers; the second one sees the first."""
    gone = member(url, "gone")
    assert gone.take_over() is None
    before, rivals = epoch(look), [member(url, "left"), member(url, "right")]
    sign = look.fetch("SELECT seen_ms FROM member WHERE id = ?", (gone.id,))[0][0]
    seen = Active(gone.id, gone.address, "1", seen_ms=sign, now_ms=sign)
    found: dict[str, Active | None] = {}

    def take_over(one: Member) -> None:
        found[one.id] = one.take_over(gone=seen)

    threads = [threading.Thread(target=take_over, args=(one,)) for one in rivals]
    with psycopg.connect(url) as held:
        held.execute("SELECT 1 FROM door WHERE id = 1 FOR UPDATE")
        for thread in threads:
            thread.start()
        wait_for(lambda: waiting(look) == len(rivals))
    for thread in threads:
        thread.join()
    (winner,) = [one for one in rivals if found[one.id] is None]
    (loser,) = [one for one in rivals if one is not winner]
    seen_by_loser = found[loser.id]
    assert seen_by_loser and seen_by_loser.id == winner.id
    assert epoch(look) == before + 1
    assert look.fetch("SELECT holder FROM door WHERE id = 1") == [(winner.id,)]


def waiting(look: PostgresConnection) -> int:
    """Return how many sessions of this database wait for a lock."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return int(look.fetch(sql)[0][0])


def test_a_process_that_gave_a_new_sign_meanwhile_stays_active(url: str, look: PostgresConnection) -> None:
    first, second = member(url, "first"), member(url, "second")
    assert first.take_over() is None
    known = looked(second)
    age(look, first, -1)
    assert known and second.take_over(gone=known) is not None and roles(look)["first"] == ACTIVE


def test_a_member_notices_that_it_was_replaced(
    url: str, look: PostgresConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "RENEW_S", 0.0)
    first, second, stop = member(url, "first"), member(url, "second"), threading.Event()
    told: list[Any] = []

    def replaced() -> None:
        told.append("replaced")
        stop.set()

    assert first.take_over() is None
    age(look, first, GONE_MS)
    assert second.take_over() is None
    first.keep_signing(stop, replaced)
    assert told == ["replaced"] and roles(look)["second"] == ACTIVE
