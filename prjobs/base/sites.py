"""The names of sites: those in the settings, and those that are easily mixed up."""

import re
from collections.abc import Iterable
from functools import lru_cache

from prjobs.base.groups import is_pattern, parse_groups
from prjobs.base.notify_addresses import parse_notify
from prjobs.base.settings import Settings

# The settings that name sites.
_NAMING = [
    name
    for name in Settings.__struct_fields__
    if name in ("stations", "notify", "groups") or name.startswith("site_") or name.endswith("_sites")
]


def sites_in_settings(settings: Settings) -> dict[str, list[str]]:
    """Return each site that a setting names, with the names of those settings."""
    named: dict[str, list[str]] = {}
    for setting in _NAMING:
        for site in sorted({site for entry in getattr(settings, setting) for site in _sites(setting, entry)}):
            named.setdefault(site, []).append(setting)
    return named


def _sites(setting: str, entry: str) -> list[str]:
    if setting == "stations":
        return re.split(r"[=+]", entry)
    if setting == "groups":
        return [site for sites in parse_groups([entry]).values() for site in sites if not is_pattern(site)]
    if setting == "notify":
        return [site for address in parse_notify([entry]) for site in address.sites]
    return [entry.partition("=")[0].strip()]


def stations(settings: Settings) -> dict[str, list[str]]:
    """Return the observatories of each enclosure station, from the setting `stations`."""
    return _stations(settings.stations)


def tied_sites(settings: Settings, site: str) -> tuple[str, ...]:
    """Return the site, the enclosure stations and the observatories of the site."""
    return _ties(tuple(settings.stations)).get(site, (site,))


def _stations(entries: Iterable[str]) -> dict[str, list[str]]:
    tied: dict[str, list[str]] = {}
    for entry in entries:
        station, _, observatories = entry.partition("=")
        tied.setdefault(station, []).extend(observatories.split("+"))
    return tied


# Each new job and each hand-out asks for the ties of its site: the setting is parsed once.
@lru_cache(maxsize=8)
def _ties(entries: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    tied = _stations(entries)
    sites = {*tied, *(site for observatories in tied.values() for site in observatories)}
    own = {site: [station for station, observatories in tied.items() if site in observatories] for site in sites}
    return {site: tuple(dict.fromkeys([site, *own[site], *tied.get(site, [])])) for site in sites}


def same_but_case(sites: Iterable[str]) -> list[str]:
    """Return a sentence for each group of sites whose names differ by letter case alone."""
    groups: dict[str, set[str]] = {}
    for site in sites:
        groups.setdefault(site.casefold(), set()).add(site)
    return [
        f"The names {' and '.join(sorted(group))} differ by letter case alone and count as different sites."
        for _, group in sorted(groups.items())
        if len(group) > 1
    ]
