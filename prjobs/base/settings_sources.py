"""The reading of the settings: file < environment (PRJOBS_*) < flags. An unknown name is refused."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from prjobs.base.decoding import descriptions, sentence_of
from prjobs.base.errors import Unusable
from prjobs.base.groups import entries_of, parse_groups
from prjobs.base.notify_addresses import parse_notify
from prjobs.base.places import parse_places, parse_zones
from prjobs.base.settings import NOT_ON_HUB, RETIRED, Settings
from prjobs.base.suggestions import nearest

FILE_NAME = "prjobs.toml"
# Names of files: relative to the settings file's folder there, in variables and flags to the working directory.
_FILES = ("oidc_certificate", "cloud_ca_file", "cloud_token_file")
ENVIRONMENT_PREFIX = "PRJOBS_"
# Names with the prefix that are not settings: the data folder, a token for the command line, a plan for tests.
NOT_SETTINGS = ("PRJOBS_DATA", "PRJOBS_TOKEN", "PRJOBS_FAIL")

# Tables whose names say nothing: `port` in [server] is the setting port, while `mode` in [cloud] is cloud_mode.
PLAIN_TABLES = ("server", "prjobs")
WINDOWS_PATHS = "A backslash between double quotes begins a code: write Windows paths in single quotes, 'C:\\file.pem'."

# The separators of a list written as a single text: a plain comma would cut the entries of these settings.
_COMMA = re.compile(r",")
_SEPARATORS = {"site_places": re.compile(r",(?=[^,=]*=)"), "notify": re.compile(r",(?=\s*[A-Za-z][A-Za-z0-9+.-]*://)")}
# Checks of entries beyond a pattern; each raises ValueError.
_CHECKS: dict[str, Callable[[list[str]], object]] = {
    "site_places": parse_places,
    "site_zones": parse_zones,
    "notify": parse_notify,
    "groups": parse_groups,
}


class Origin(msgspec.Struct, frozen=True):
    """The value of a setting and its source: `default`, the file, the environment variable or the flag."""

    value: Any
    source: str


def load_settings(
    folder: Path, environment: Mapping[str, str] = os.environ, flags: Mapping[str, Any] | None = None
) -> tuple[Settings, dict[str, Origin]]:
    """Return the settings of all three sources, and the value and source of each setting by name.

    Retired settings are among the named sources, and have no effect.
    Raises Unusable with the setting and the source for an unknown name or a wrong value.
    """
    origins = {name: Origin(getattr(Settings(), name), "default") for name in Settings.__struct_fields__}
    retired = {}
    for source, name, value in _named(folder, environment, flags or {}):
        if name in RETIRED:
            retired[name] = Origin(value, source)
            continue
        if name not in origins:
            raise Unusable(f"{source}: there is no setting named {name}. {_nearest(name)}")
        converted = _converted(name, value, source)
        beside = source == str(folder / FILE_NAME) and name in _FILES and converted and "\n" not in converted
        origins[name] = Origin(str(folder / converted) if beside else converted, source)
    settings = Settings(**{name: origin.value for name, origin in origins.items()})
    origins |= retired
    if settings.reservations == "calendar" and not settings.calendar_url:
        raise Unusable("reservations is calendar, but calendar_url is empty: name the calendar service.")
    if settings.store_url:
        _require_fit_for_hub(origins)
    return settings, origins


def _require_fit_for_hub(origins: Mapping[str, Origin]) -> None:
    for name, reason in NOT_ON_HUB.items():
        if name in origins and origins[name].source != "default":
            raise Unusable(f"{origins[name].source}: {name} has no meaning on a hub (store_url), {reason}: remove it.")
    mode = origins["cloud_mode"]
    if mode.value != "off":
        raise Unusable(
            f"{mode.source}: cloud_mode must be off on a hub (store_url): sites link to the hub; {mode.value!r} came."
        )


def retired_sentences(origins: Mapping[str, Origin]) -> list[str]:
    """Return a sentence for each retired setting that a source still names."""
    found = [(name, origin.source) for name, origin in origins.items() if name in RETIRED]
    return [f"{source}: the setting {name} has no effect, {RETIRED[name]}: remove it." for name, source in found]


def _nearest(name: str) -> str:
    """Return a guess at an unknown name: `web_port` may be `port`, written in a table that does not exist."""
    known = Settings.__struct_fields__
    inner = name.partition("_")[2]
    near = inner if inner in known else nearest(name, known)
    return f"{f'Is {near} meant? ' if near else ''}`prjobs settings` lists all settings."


def _named(folder: Path, environment: Mapping[str, str], flags: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    path = folder / FILE_NAME
    named = [(str(path), name, value) for name, value in _read_file(path).items()]
    for variable, text in environment.items():
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in NOT_SETTINGS:
            named.append((variable, variable.removeprefix(ENVIRONMENT_PREFIX).lower(), text))
    named += [(f"--{name.replace('_', '-')}", name, value) for name, value in flags.items()]
    return named


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as wrong:
        raise Unusable(f"{path}: cannot read the settings: {wrong}") from None
    # Imported late: many folders have no file of settings.
    import tomllib

    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        advice = f" {WINDOWS_PATHS}" if _has_backslash(path, str(wrong)) else ""
        raise Unusable(f"{path}: cannot read the settings: {str(wrong).rstrip('.')}.{advice}") from None
    flat: dict[str, Any] = {}
    for name, value in tables.items():
        inner = {name: value}
        if name == "groups" and isinstance(value, dict):
            inner = {name: _entries(path, value)}
        elif isinstance(value, dict):
            prefix = "" if name in PLAIN_TABLES else f"{name}_"
            inner = {f"{prefix}{key}": setting for key, setting in value.items()}
        if twice := flat.keys() & inner.keys():
            raise Unusable(f"{path}: {min(twice)} is set twice, once in a table: remove one of the two lines.")
        flat |= inner
    return flat


def _entries(path: Path, table: dict[str, Any]) -> list[str]:
    try:
        return entries_of(table)
    except ValueError as wrong:
        raise Unusable(f"{path}: groups: {wrong}.") from None


def _has_backslash(path: Path, wrong: str) -> bool:
    """Return True if the line that TOML cannot read has a backslash between double quotes."""
    number = re.search(r"at line (\d+)", wrong)
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    # Without a number the text ended too early: in its last line.
    return re.search(r'"[^"]*\\', lines[int(number[1]) - 1 if number else -1]) is not None


def _converted(name: str, value: Any, source: str) -> Any:
    if isinstance(value, str) and isinstance(getattr(Settings(), name), list):
        value = [part.strip() for part in _SEPARATORS.get(name, _COMMA).split(value) if part.strip()]
    words = _words(name)
    if words and value not in words:
        raise Unusable(f"{source}: {name} must be one of {', '.join(words)}; {str(value)[:40]!r} came.")
    try:
        converted = getattr(msgspec.convert({name: value}, Settings, strict=not isinstance(value, str)), name)
    except msgspec.ValidationError as wrong:
        limits = str(wrong).split(" - at")[0].replace("`", "")
        raise Unusable(f"{source}: {sentence_of(wrong, {name: value}, Settings)} {limits}.") from None
    if isinstance(converted, str) and not converted.isprintable() and "-----BEGIN" not in converted:
        # TOML reads "C:\temp" as C:, a tabulator and emp.
        raise Unusable(f"{source}: {name} has a control character. {WINDOWS_PATHS}")
    _check(name, converted, source)
    return converted


def _words(name: str) -> tuple[str, ...]:
    """Return the words that a setting accepts; empty for a setting that accepts any text or number."""
    kind = get_type_hints(Settings)[name]
    return get_args(kind) if get_origin(kind) is Literal else ()


def _check(name: str, value: Any, source: str) -> None:
    try:
        if check := _CHECKS.get(name):
            check(value)
    except ValueError as wrong:
        raise Unusable(f"{source}: {name}: {wrong}.") from None


def reference() -> list[tuple[str, Any, str]]:
    """Return every setting as (name, default, description), in the order of the declarations."""
    described = descriptions(Settings)
    return [(name, getattr(Settings(), name), described[name]) for name in Settings.__struct_fields__]
