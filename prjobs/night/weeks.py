"""The weeks of a site, or of all sites, added up from the sums of their nights: never from jobs."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import IO, Any

import msgspec

from prjobs.base.errors import BadRequest
from prjobs.night.due import count_due
from prjobs.night.sheets import defused
from prjobs.night.sums import ENDS, NightSums, Summing, decode_sums, wait_at
from prjobs.store.source import Store

DAYS = 7
USUAL, MOST_WEEKS = 13, 104
# So many failures and users are named; the others are one entry.
NAMED = 20
OTHERS = "others"
COLUMNS = ("week", "kind", "device", "name", "value")
NOTES = [
    "A night belongs to the week of its evening, by the local noon of its site; a week begins on Monday.",
    "Numbers, ids and files in reasons are #. Of a night the 100 most frequent failures and users are told apart; all "
    "others are others.",
    "Silences are the times without a poll that an alarm, a job that waited or the next poll with jobs tells.",
    "The present night counts as of at most an hour ago; a late report corrects its night within an hour.",
]


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """A week from the night of `monday` on. `ends` counts the jobs by their end, `classes` by command class."""

    monday: str
    nights: int
    jobs: int
    classes: dict[str, int]
    ends: dict[str, int]
    wait_median_s: float | None
    wait_p90_s: float | None
    stops: int
    late_stops: int
    silences: int
    silent_s: float


class FailureLine(msgspec.Struct, frozen=True):
    """A kind of failure: `by_week` counts the jobs of each week. `others` stands for all that are not named."""

    device: str
    reason: str
    jobs: int
    by_week: list[int]


class UserLine(msgspec.Struct, frozen=True):
    """A user: jobs, and the time from start to reported end. An empty `user_id` stands for all that are not named."""

    user_id: str
    user_name: str
    jobs: int
    used_s: float
    by_week: list[int]


class Weeks(msgspec.Struct, frozen=True, kw_only=True):
    """The weeks, oldest first. `due`: so many nights of the history were never summed up yet."""

    site: str | None
    since: str
    until: str
    time_ms: int
    total: Week
    weeks: list[Week]
    failures: list[FailureLine]
    users: list[UserLine]
    due: int
    notes: list[str]


def monday_of(evening: str) -> str:
    """Return the Monday of the week of a date."""
    day = date.fromisoformat(evening)
    return (day - timedelta(days=day.weekday())).isoformat()


def beside(monday: str, weeks: int) -> str:
    """Return the Monday so many weeks later. Raise BadRequest outside the calendar."""
    try:
        return (date.fromisoformat(monday) + timedelta(days=DAYS * weeks)).isoformat()
    except OverflowError:
        raise BadRequest("date must be the date of an evening, such as 2026-11-23; something else came.") from None


def read_weeks(database: Store, site: str | None, evening: str, count: int, now_ms: int) -> Weeks:
    """Return `count` weeks, of which the last has the night of the date `evening`. Raise Unavailable or BadRequest."""
    last = monday_of(evening)
    mondays = [beside(last, number - count + 1) for number in range(count)]
    until = beside(last, 1)
    by_week = {monday: Summing() for monday in mondays}
    nights: defaultdict[str, set[str]] = defaultdict(set)
    whole = Summing()
    for day, sums in _nights(database, site, mondays[0], until):
        monday = monday_of(day)
        nights[monday].add(day)
        by_week[monday].add(sums)
        whole.add(sums)
    summed = [by_week[monday].sums(named=10**9) for monday in mondays]
    total = whole.sums(NAMED)
    return Weeks(
        site=site,
        since=mondays[0],
        until=until,
        time_ms=now_ms,
        total=_week("", sum(map(len, nights.values())), total),
        weeks=[_week(monday, len(nights[monday]), sums) for monday, sums in zip(mondays, summed, strict=True)],
        failures=_failures(total, summed),
        users=_users(total, summed),
        due=count_due(database, site),
        notes=NOTES,
    )


def _nights(database: Store, site: str | None, since: str, until: str) -> Iterator[tuple[str, NightSums]]:
    where, values = ("site = ? AND", [site]) if site else ("", [])
    sql = f"SELECT date, site, sums FROM night_sum WHERE {where} date >= ? AND date < ? AND sums <> ''"
    # Of equal counts the first stays the first: the order must not be that of the rows in the store.
    for day, _, sums in sorted(database.fetch(sql, (*values, since, until))):
        yield day, decode_sums(sums)


def _week(monday: str, nights: int, sums: NightSums) -> Week:
    return Week(
        monday=monday,
        nights=nights,
        jobs=sums.jobs,
        classes=sums.classes,
        ends={end: sums.ends.get(end, 0) for end in ENDS},
        wait_median_s=wait_at(sums.waits, 0.5),
        wait_p90_s=wait_at(sums.waits, 0.9),
        stops=sums.stops,
        late_stops=sums.late_stops,
        silences=sums.silences,
        silent_s=sums.silent_s,
    )


def _failures(total: NightSums, summed: list[NightSums]) -> list[FailureLine]:
    counts = [{(device, reason): count for device, reason, count in sums.failures} for sums in summed]
    found = [
        FailureLine(device, reason, jobs, [of.get((device, reason), 0) for of in counts])
        for device, reason, jobs in total.failures
    ]
    if found and not found[-1].device and not found[-1].reason:
        found[-1] = FailureLine(OTHERS, "", found[-1].jobs, _rest([one.by_week for one in found[:-1]], counts))
    return found


def _users(total: NightSums, summed: list[NightSums]) -> list[UserLine]:
    counts = [{user_id: jobs for user_id, _, jobs, _ in sums.users} for sums in summed]
    found = [
        UserLine(user_id, name, jobs, used_s, [of.get(user_id, 0) for of in counts])
        for user_id, name, jobs, used_s in total.users
    ]
    if found and not found[-1].user_id:
        rest = _rest([one.by_week for one in found[:-1]], counts)
        found[-1] = UserLine("", OTHERS, found[-1].jobs, found[-1].used_s, rest)
    return found


def _rest(named: list[list[int]], counts: Sequence[Mapping[Any, int]]) -> list[int]:
    return [sum(of.values()) - sum(line[week] for line in named) for week, of in enumerate(counts)]


# ---- as a file


def write_sheet(weeks: Weeks, out: IO[str]) -> None:
    """Write a line for each number as CSV: week, kind, device, name, value."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([defused(value) for value in line] for line in _lines(weeks))


def _lines(weeks: Weeks) -> Iterator[tuple[object, ...]]:
    for place, week in enumerate(weeks.weeks):
        yield week.monday, "jobs", "", "", week.jobs
        yield from ((week.monday, "class", "", name, count) for name, count in week.classes.items())
        yield from ((week.monday, "end", "", name, count) for name, count in week.ends.items())
        for name in ("wait_median_s", "wait_p90_s", "stops", "late_stops", "silences", "silent_s"):
            yield week.monday, name, "", "", getattr(week, name)
        for failure in weeks.failures:
            if failure.by_week[place]:
                yield week.monday, "failure", failure.device, failure.reason, failure.by_week[place]
        for user in weeks.users:
            if user.by_week[place]:
                yield week.monday, "user", "", user.user_id or OTHERS, user.by_week[place]
