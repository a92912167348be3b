"""Names of sites that nobody uses: bounded, not stored, one notice; a site in use keeps its place."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from prjobs.access.calendar import SITES, known_sites
from prjobs.appliance import Appliance
from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.base.settings import Settings
from prjobs.jobs.polls import CROWD_S, USED_POLLS, USED_S, Polls
from prjobs.jobs.saved_polls import save_polls
from prjobs.monitor import alarms, silence, sites
from prjobs.monitor.watching import Watch
from prjobs.opening import close_appliance
from prjobs.store.models import JobRow
from prjobs.upkeep import site_names
from tests.clocks import ManualClock
from tests.stores import open_appliance
from tests.verbs import make_token, take
from tests.verbs import submit as submit_to

NAMES = [f"aaa{number:05d}" for number in range(300)]
HOUR_S = timedelta(hours=1).total_seconds()


def flood(appliance: Appliance, times: int = 2) -> None:
    for _ in range(times):
        for name in NAMES:
            take(appliance, site=name)


def listed(appliance: Appliance) -> list[str]:
    return [site.site for site in sites.view_sites(appliance.board)]


def look(appliance: Appliance, watch: Watch) -> list[str]:
    """One look; the keys of the alarms after it."""
    site_names.watch_once(appliance.queue, appliance.desk)
    watch.once()
    return [alarm.key for alarm in alarms.list_alarms(appliance.board)]


def stored(appliance: Appliance) -> list[str]:
    return [site for (site,) in appliance.queue.database.fetch("SELECT site FROM poll ORDER BY site")]


def test_it_works(appliance: Appliance, clock: ManualClock) -> None:
    flood(appliance)
    assert len(listed(appliance)) == Polls.STRANGERS
    for _ in range(3):
        take(appliance, site="real")
        clock.advance(5)
    assert "real" in listed(appliance)
    flood(appliance, 1)
    assert "real" in listed(appliance)
    watch = Watch(appliance.board)
    assert look(appliance, watch) == ["notice/invented_sites"]
    clock.advance(120)
    assert look(appliance, watch) == ["notice/invented_sites"]
    assert listed(appliance) == []
    take(appliance, site="real")
    assert listed(appliance) == ["real"]
    clock.advance(CROWD_S)
    assert look(appliance, watch) == []


@pytest.mark.parametrize("by", ["job", "setting", "token", "polls"])
def test_a_site_in_use_keeps_its_place_and_its_alarm(
    make_appliance: Callable[..., Appliance], clock: ManualClock, folder: Folder, by: str
) -> None:
    appliance = make_appliance(site_zones=["saf=UTC"] if by == "setting" else [])
    if by == "token":
        make_token(appliance, "the program", "observatory", sites=("saf",))
    if by == "job":
        submit_to(appliance)
    watch = Watch(appliance.board)
    site_names.watch_once(appliance.queue, appliance.desk)
    for _ in range(USED_POLLS + 1 if by == "polls" else 2):
        take(appliance)
        clock.advance(USED_S / USED_POLLS if by == "polls" else 5)
    flood(appliance)
    assert "saf" in listed(appliance)
    save_polls(appliance.queue, folder)
    assert stored(appliance) == ["saf"]
    clock.advance(HOUR_S)
    assert [key for key in look(appliance, watch) if key.startswith("silent/saf/")]
    clock.advance(60)
    take(appliance, site=NAMES[0])
    flood(appliance)
    assert [key for key in look(appliance, watch) if not key.startswith("silent/saf/")] == ["notice/invented_sites"]


def test_few_names_are_sites_like_any_other(appliance: Appliance, clock: ManualClock, folder: Folder) -> None:
    for _ in range(2):
        for name in NAMES[: Polls.STRANGERS]:
            take(appliance, site=name)
        clock.advance(5)
    watch = Watch(appliance.board)
    assert look(appliance, watch) == []
    save_polls(appliance.queue, folder)
    assert stored(appliance) == NAMES[: Polls.STRANGERS]
    clock.advance(100)
    assert len(look(appliance, watch)) == Polls.STRANGERS


def test_a_store_full_of_invented_names_opens_with_few(folder: Folder, clock: ManualClock, patient: None) -> None:
    before, _ = open_appliance(folder, Settings(), clock)
    row = lambda name: (name, "primary", clock.now_ms(), 5000)  # noqa: E731
    sql = "INSERT INTO poll (site, queue, last_ms, usual_gap_ms) VALUES (?, ?, ?, ?)"
    before.queue.database.write(lambda transaction: transaction.executemany(sql, list(map(row, NAMES))))
    close_appliance(before, folder)
    after, _ = open_appliance(folder, Settings(), clock)
    assert len(listed(after)) == Polls.STRANGERS
    close_appliance(after, folder)


def test_jobs_for_invented_names_are_bounded_too(
    appliance: Appliance, submit: Callable[..., JobRow], clock: ManualClock
) -> None:
    take(appliance)
    for name in NAMES:
        submit(site=name)
    names = listed(appliance)
    assert "saf" in names and len(names) == Polls.LISTED + 1 and NAMES[-1] in names
    watch = Watch(appliance.board)
    clock.advance(HOUR_S)
    keys = look(appliance, watch)
    assert sum(key.startswith("never-polled/") for key in keys) == silence.NEVER_LIMIT
    assert Code.INVENTED_SITES in appliance.queue.notices
    clock.advance(60)
    assert look(appliance, watch) == keys


def test_stops_of_invented_names_are_one_alarm_that_names_their_number(
    appliance: Appliance, submit: Callable[..., JobRow], clock: ManualClock
) -> None:
    """The stop of a polled site keeps an alarm of its own."""
    take(appliance)
    watch = Watch(appliance.board)
    for count, name in enumerate(NAMES[:60], 1):
        submit(site=name, action="stop")
        if count in (3, 4):
            clock.advance(60)
            keys = [key for key in look(appliance, watch) if not key.startswith(("silent/", "never-polled/"))]
            assert len([key for key in keys if key.startswith("stop/")]) == (3 if count == 3 else 0)
            assert ("unreached/stop" in keys) == (count == 4)
    stop = submit(action="stop")
    clock.advance(60)
    keys = [key for key in look(appliance, watch) if key.startswith(("stop/", "unreached/"))]
    assert sorted(keys) == [f"stop/{stop.ulid}", "unreached/stop"]
    (alarm,) = [one for one in alarms.list_alarms(appliance.board) if one.key == "unreached/stop"]
    assert "60 stops, closings and parkings wait at 60 sites" in alarm.sentence
    assert (alarm.kind, alarm.site, alarm.loud) == ("stop", "", True)
    assert alarm.todo and alarm.manual
    for name in NAMES[:58]:
        take(appliance, site=name)
    assert "unreached/stop" not in look(appliance, watch)


def test_the_calendar_is_asked_for_the_sites_in_use_first(
    make_appliance: Callable[..., Appliance],
) -> None:
    appliance = make_appliance(site_zones=["zzz=UTC"], stations=["wema=mrc1+mrc2"])
    take(appliance)
    for name in NAMES:
        submit_to(appliance, site=name)
    site_names.watch_once(appliance.queue, appliance.desk)
    asked = known_sites(appliance.desk, appliance.queue.polls.sites_named_first())[:SITES]
    assert asked[:5] == ["mrc1", "mrc2", "wema", "zzz", "saf"]
