"""The support bundle: a file about an appliance, for the people who help."""

import io
import json
import os
import platform
import re
import sqlite3
import sys
import zipfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import urllib3

from prjobs.base.clock import Clock, moment
from prjobs.base.errors import Unusable
from prjobs.base.files import insist, private_opener, reason_of, remove, sync_folder
from prjobs.base.folder import Folder
from prjobs.base.notify_addresses import SECRET
from prjobs.base.progress import step
from prjobs.base.settings import Settings
from prjobs.base.settings_sources import load_settings
from prjobs.upkeep import doctor, known_people
from prjobs.upkeep.inspection import has_log, open_read_only
from prjobs.upkeep.scrubbing import HIDDEN, Scrubber, people, spellings
from prjobs.upkeep.vocabulary import WORD, vocabulary
from prjobs.version import VERSION

# Names in the columns of users that stand for no person.
_NOBODY = frozenset({"", "operator", "staff", "cloud", "restore", "expiry", "prjobs"})
DATA, ACCOUNT = "[data folder]", "account"
LOG_LINES = 3000
LOG_BYTES = 2_000_000
HEALTH_S = 5.0
CONTENTS = {
    "findings.json": "the findings of `prjobs doctor`",
    "health.json": "the answer of the running server to /healthz",
    "settings.json": "the settings in force and their sources, without secrets",
    "versions.json": "the versions of prjobs, Python, SQLite, the operating system and all dependencies",
    "store.json": "the tables of the store: numbers of rows and pages, and the schema, but no row",
    "prjobs.log": f"the last {LOG_LINES} lines of the log",
}
WITHOUT_NAMES = (
    "No secret is in the files. In place of the names of users stand pseudonyms such as user-1a2b3c4d. "
    "In other texts every word that is neither of prjobs nor of the settings is left out (…)."
)
WITH_NAMES = (
    "No secret that prjobs knows of is in the files. The names of users and all words of the log are in the files."
)


@dataclass(frozen=True)
class Wish:
    """The wishes for a bundle: a deep examination; the names of users, too."""

    deep: bool = False
    with_names: bool = False


def write_bundle(folder: Folder, target: Path, clock: Clock, wish: Wish) -> dict[str, str]:
    """Write the bundle; return the names of the files inside, each with a sentence.

    Neither a running server nor a readable store is needed. Raise Unusable with a sentence; no file is left then.
    """
    _require_free_name(target)
    packed = _pack(folder, clock, wish)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.new")
    try:
        with open(temporary, "xb", opener=private_opener) as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        _require_free_name(target)
        insist(lambda: temporary.rename(target))
        sync_folder(target.parent)
    except OSError as error:
        raise Unusable(f"No bundle was written: {target} cannot be written: {reason_of(error)}.") from None
    finally:
        with suppress(OSError):
            remove(temporary)
    return CONTENTS


def _require_free_name(target: Path) -> None:
    if target.exists():
        raise Unusable(f"{target} exists already: a bundle never overwrites a file. Choose another name.")
    if not target.parent.is_dir():
        raise Unusable(f"{target.parent} is not a folder: make it first, or choose another name.")


def _pack(folder: Folder, clock: Clock, wish: Wish) -> bytes:
    settings, shown = _settings(folder)
    with step("Collecting the names to leave out"):
        scrubber = _scrubber(folder, settings, shown, wish)
    findings = msgspec.to_builtins(doctor.examine(folder, clock, wish.deep))
    texts = {
        "README.txt": "\n".join(_readme(clock, wish)),
        "findings.json": scrubber.value(findings),
        "health.json": scrubber.value(_health(folder)),
        "settings.json": _texts_of(scrubber, shown),
        "versions.json": _versions(),
        "store.json": scrubber.value(_store(folder)),
        "prjobs.log": scrubber.line("\n".join(_log_lines(folder))),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in texts.items():
            text = content if isinstance(content, str) else json.dumps(content, indent=1, ensure_ascii=False)
            bundle.writestr(name, text.encode(errors="replace"))
    return packed.getvalue()


def _readme(clock: Clock, wish: Wish) -> Iterator[str]:
    yield f"A support bundle of prjobs {VERSION}, of {moment(clock.now_ms()):%Y-%m-%d %H:%M} UTC."
    yield WITH_NAMES if wish.with_names else WITHOUT_NAMES
    yield ""
    yield from (f"{name}: {text}." for name, text in CONTENTS.items())


def _scrubber(folder: Folder, settings: Settings, shown: dict[str, Any], wish: Wish) -> Scrubber:
    secrets = known_people.secrets(folder, settings)
    hidden = frozenset(spelling for secret in secrets for spelling in (secret, *spellings(secret)))
    if wish.with_names:
        return Scrubber(hidden, {}, None)
    # Rows without a person have a word of prjobs in the column of the user.
    named = {pair for pair in known_people.users(folder) if not {*map(str.casefold, pair)} <= _NOBODY}
    names = people(named, _key(folder))
    places = dict.fromkeys({str(folder.path), str(folder.path.absolute()), str(folder.path.resolve())}, DATA)
    others = {**places, **dict.fromkeys(known_people.accounts(), ACCOUNT)}
    names = {spelling: alias for name, alias in others.items() for spelling in spellings(name)} | names
    known = vocabulary() - {word.casefold() for name in names for word in WORD.findall(name)}
    scrubber = Scrubber(hidden, names, known)
    words = {word.casefold() for word in WORD.findall(json.dumps(_texts_of(scrubber, shown), ensure_ascii=False))}
    return Scrubber(hidden, names, known | words)


def _key(folder: Folder) -> bytes:
    try:
        return folder.known_secret()
    except Unusable:
        return b""


def _texts_of(scrubber: Scrubber, shown: Any) -> Any:
    """Return settings with known secrets and names scrubbed; other words stay, such as the names of hosts."""
    if isinstance(shown, str):
        return scrubber.text(shown)
    if isinstance(shown, dict):
        return {name: _texts_of(scrubber, one) for name, one in shown.items()}
    return [_texts_of(scrubber, one) for one in shown] if isinstance(shown, list) else shown


# ---- the parts


def _settings(folder: Folder) -> tuple[Settings, dict[str, Any]]:
    try:
        settings, origins = load_settings(folder.path)
    except Unusable:
        # The sentence, which is among the findings, may repeat a secret in the wrong place.
        return Settings(), {"unusable": "see findings.json"}
    shown = {name: {"value": _shown(name, one.value), "source": one.source} for name, one in origins.items()}
    return settings, shown


def _shown(name: str, value: Any) -> Any:
    if name in SECRET and value:
        return HIDDEN if isinstance(value, str) else [HIDDEN] * len(value)
    if name == "oidc_certificate" and "-----BEGIN" in str(value):
        return "a PEM text"
    return value


def _health(folder: Folder) -> dict[str, Any]:
    url = folder.server().get("url") if folder.path.is_dir() and folder.is_served() else None
    if url is None:
        return {"reached": False, "reason": "no server runs on the folder"}
    try:
        answer = urllib3.request("GET", f"{url}/healthz", timeout=HEALTH_S, retries=False)
        return {"reached": True, "status": answer.status, "health": answer.json()}
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        return {"reached": False, "reason": f"the server does not answer: {type(error).__name__}"}


def _versions() -> dict[str, Any]:
    return {
        "prjobs": VERSION,
        "python": sys.version,
        "sqlite": sqlite3.sqlite_version,
        "system": platform.platform(),
        "machine": platform.machine(),
        "dependencies": dict(sorted(_dependencies("prjobs", set()))),
    }


def _dependencies(name: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and version of each installed package that prjobs needs, directly or through others."""
    try:
        wanted = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return
    for one in wanted:
        needed = re.split(r"[^\w.-]", one, maxsplit=1)[0].lower()
        if needed not in seen:
            seen.add(needed)
            with suppress(metadata.PackageNotFoundError):
                yield needed, metadata.version(needed)
            yield from _dependencies(needed, seen)


def _store(folder: Folder) -> dict[str, Any]:
    path = folder.database
    if not path.is_file():
        return {"missing": True}
    sizes = {file.name: file.stat().st_size for file in folder.path.glob("prjobs.sqlite3*")}
    found: dict[str, Any] = {"bytes": sizes, "tables": {}, "schema": []}
    try:
        still = not folder.is_served() and not has_log(path)
        with closing(open_read_only(path, still=still)) as connection:
            connection.text_factory = lambda stored: stored.decode(errors="replace")
            for name in ("page_count", "page_size", "freelist_count", "journal_mode", "user_version", "encoding"):
                found[name] = _first(connection, f"PRAGMA {name}")
            rows = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
            found["schema"] = [sql for _, _, sql in rows if sql]
            tables = [name for kind, name, _ in rows if kind == "table"]
            found["tables"] = {name: _first(connection, f'SELECT count(*) FROM "{name}"') for name in tables}
            found["migrations"] = [name for (name,) in connection.execute("SELECT name FROM schema_migration")]
    except sqlite3.Error as error:
        found["unreadable"] = str(error)
    return found


def _first(connection: sqlite3.Connection, sql: str) -> Any:
    try:
        return connection.execute(sql).fetchone()[0]
    except sqlite3.Error as error:
        return f"unreadable: {error}"


def _log_lines(folder: Folder) -> list[str]:
    """Return the last lines of the log, those of the file before included."""
    lines: list[str] = []
    for path in (Path(f"{folder.log}.1"), folder.log):
        with suppress(OSError), path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_BYTES))
            lines += file.read().decode(errors="replace").splitlines()
    return lines[-LOG_LINES:]
