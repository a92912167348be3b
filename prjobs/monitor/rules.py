"""The rules that server and page share. /api/now serves the rules: the page has no copy."""

from collections.abc import Callable

import msgspec

from prjobs.jobs.polls import SILENT_AFTER_MS
from prjobs.jobs.states import OPEN_PHASES, PHASES

# A stop that is not picked up after this time is an alarm.
STOP_S = 15.0
# A hand-out of a stop, closing or parking without a proof is in doubt after this time.
UNPROVED_S = 25.0
# After this time somebody must look whether a picked-up closing or parking ended; later at a site that reports.
ENDED_S = 15.0
REPORTED_S = 120.0
UNREPORTED_S = 300.0
# After this time a picked-up job without a report is history.
UNREPORTED_UNTIL_S = 1800.0
OVERDUE_AT_LEAST_S = 30.0
OVERDUE_SHARE = 0.25
# A job of a site that does not poll is an alarm from this age on.
OPEN_S = 60.0
# The view of a site lists and counts the jobs of this time, and at most this many open ones.
LISTED_S = 86_400.0
OPEN_LIMIT = 50
# A stop that was picked up gets no further report from today's site software: for this time the site is stopping.
STOPPING_S = 30.0
# The same software never says that a job began or ended: for this time a picked-up job may be at work.
MAY_WORK_S = 600.0
# The page shows a table instead of a panel a site when there are more sites.
MANY_SITES = 20


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The rules in the form for the page; `stations` is the enclosure station of each observatory with a station."""

    phases: tuple[str, ...]
    open_phases: tuple[str, ...]
    silent_after_ms: int
    stop_s: float
    unreported_s: float
    unreported_until_s: float
    overdue_at_least_s: float
    overdue_share: float
    listed_s: float
    open_limit: int
    stopping_s: float
    may_work_s: float
    many_sites: int
    stations: dict[str, str]


def rules_of(sites_by_station: dict[str, list[str]], reaches: Callable[[str], bool] = lambda _site: True) -> Rules:
    """Return the rules in force; a site of two stations gets the first. Only sites that `reaches` are named."""
    return Rules(
        phases=PHASES,
        open_phases=tuple(phase for phase in PHASES if phase in OPEN_PHASES),
        silent_after_ms=SILENT_AFTER_MS,
        stop_s=STOP_S,
        unreported_s=UNREPORTED_S,
        unreported_until_s=UNREPORTED_UNTIL_S,
        overdue_at_least_s=OVERDUE_AT_LEAST_S,
        overdue_share=OVERDUE_SHARE,
        listed_s=LISTED_S,
        open_limit=OPEN_LIMIT,
        stopping_s=STOPPING_S,
        may_work_s=MAY_WORK_S,
        many_sites=MANY_SITES,
        stations={
            site: station for station, sites in reversed(sites_by_station.items()) for site in sites if reaches(site)
        },
    )
