"""The night: from local noon to local noon of the site's zone, named by the date of the evening."""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

from prjobs.base.clock import moment
from prjobs.base.errors import BadRequest
from prjobs.base.places import parse_zones
from prjobs.base.settings import Settings

_DATE = re.compile(r"(19[7-9]\d|[2-8]\d{3})-\d\d-\d\d\Z")


class Night(NamedTuple):
    """[since_ms, until_ms) in Unix milliseconds, from noon to noon of the zone: 23 or 25 h when clocks change."""

    date: str
    zone: tzinfo
    since_ms: int
    until_ms: int

    @property
    def title(self) -> str:
        """Return the title for people: `23/24 Nov 2026`, `30 Nov/1 Dec 2026`, `31 Dec 2026/1 Jan 2027`."""
        evening = date.fromisoformat(self.date)
        morning = evening + timedelta(days=1)
        end = f"{morning.day} {morning:%b %Y}"
        if evening.year != morning.year:
            return f"{evening.day} {evening:%b %Y}/{end}"
        return f"{evening.day}/{end}" if evening.month == morning.month else f"{evening.day} {evening:%b}/{end}"

    def beside(self, days: int) -> str:
        """Return the name of the night so many days later."""
        return (date.fromisoformat(self.date) + timedelta(days=days)).isoformat()

    def clock(self, time_ms: int, form: str = "%H:%M:%S") -> str:
        """Return a moment by the site's clock; with the short name of the zone when the clocks change in the night."""
        if self.until_ms - self.since_ms != 86_400_000:
            form += " %Z"
        return moment(time_ms, self.zone).strftime(form)


def zone_of(settings: Settings, site: str | None) -> tzinfo:
    """Return the zone of a site; without a site, the zone that all sites share. UTC for none."""
    zones = parse_zones(settings.site_zones)
    if site is not None:
        return zones.get(site, UTC)
    return next(iter(zones.values())) if len(set(zones.values())) == 1 else UTC


def zones_note(settings: Settings, site: str | None) -> str:
    """Return a sentence when sites of different zones share a log, which is by UTC then; else an empty text."""
    zones = parse_zones(settings.site_zones)
    if site is not None or len(set(zones.values())) < 2:
        return ""
    named = ", ".join(f"{name} {zone}" for name, zone in sorted(zones.items()))
    return f"The sites have different zones ({named}): times here are UTC, and so are the noons."


def night_at(settings: Settings, site: str | None, time_ms: int) -> Night:
    """Return the night of a moment: the morning belongs to the evening before."""
    zone = zone_of(settings, site)
    local = moment(time_ms, zone)
    return _night(local.date() if local.hour >= 12 else local.date() - timedelta(days=1), zone)


def night_named(settings: Settings, site: str | None, name: str) -> Night:
    """Return the night of a date such as 2026-11-23. Raises BadRequest outside the years 1970 to 8999."""
    try:
        if not _DATE.match(name):
            raise ValueError
        return _night(date.fromisoformat(name), zone_of(settings, site))
    except ValueError:
        raise BadRequest("date must be the date of an evening, such as 2026-11-23; something else came.") from None


def _night(evening: date, zone: tzinfo) -> Night:
    def noon_ms(day: date) -> int:
        return round(datetime(day.year, day.month, day.day, 12, tzinfo=zone).timestamp() * 1000)

    return Night(evening.isoformat(), zone, noon_ms(evening), noon_ms(evening + timedelta(days=1)))
