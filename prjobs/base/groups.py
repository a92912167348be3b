"""The groups of sites, from the setting `groups`: names, and the sites or patterns of sites of each."""

import re
from collections.abc import Iterable
from functools import lru_cache

_NAME = re.compile(r"\w[\w .-]{0,63}")
_PATTERN = re.compile(r"[A-Za-z0-9_*?-]{1,64}")


def parse_groups(entries: Iterable[str]) -> dict[str, list[str]]:
    """Return the sites and patterns of each group, from texts such as `north=saf+mrc*`.

    Raises ValueError with the group for a name or a pattern that cannot be one, and for a group named twice.
    """
    groups: dict[str, list[str]] = {}
    for entry in entries:
        name, equals, patterns = entry.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(
                f"“{entry[:80]}” names no group: write NAME=SITE+SITE, the name in up to 64 letters, "
                "digits, spaces, _, . or -"
            )
        if name in groups:
            raise ValueError(f"the group “{name}” is there twice: put its sites into one list")
        groups[name] = [_pattern(name, pattern.strip()) for pattern in patterns.split("+")]
    return groups


def _pattern(name: str, pattern: str) -> str:
    if not pattern:
        raise ValueError(f"the group “{name}” has an empty place: name a site there, or drop the group")
    if not _PATTERN.fullmatch(pattern):
        raise ValueError(
            f"the group “{name}” has “{pattern[:64]}”: a site is up to 64 letters, digits, _ or -; in a pattern "
            "* stands for any of them, and ? for one"
        )
    return pattern


def entries_of(table: dict[str, object]) -> list[str]:
    """Return the table [groups] of the settings file as texts for `parse_groups`. Raises ValueError with the group."""
    return [f"{name}={'+'.join(_sites(name, sites))}" for name, sites in table.items()]


def _sites(name: str, sites: object) -> list[str]:
    listed = [sites] if isinstance(sites, str) else sites
    if not isinstance(listed, list) or not all(isinstance(site, str) for site in listed):
        raise ValueError(f'the group “{name}” must be a list of sites or patterns, such as {name} = ["saf", "mrc*"]')
    if wrong := next((character for character in "=+" if any(character in text for text in [name, *listed])), ""):
        raise ValueError(f"the group “{name}” has the character {wrong}: neither its name nor a site may hold it")
    return listed


def is_pattern(text: str) -> bool:
    """Return True if the text may stand for several sites."""
    return "*" in text or "?" in text


def groups_of(entries: Iterable[str], site: str) -> tuple[str, ...]:
    """Return the names of the groups that a site is in, in the order of the setting."""
    return _groups_of(tuple(entries), site)


@lru_cache(maxsize=20_000)
def _groups_of(entries: tuple[str, ...], site: str) -> tuple[str, ...]:
    return tuple(name for name, meant in _compiled(entries) if meant.fullmatch(site))


# A refresh asks for the groups of a thousand sites each second: the setting is parsed once, each site looked up once.
@lru_cache(maxsize=8)
def _compiled(entries: tuple[str, ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (name, re.compile("|".join(map(_regex, patterns)))) for name, patterns in parse_groups(entries).items()
    )


def _regex(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
