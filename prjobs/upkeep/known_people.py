"""The names and secrets that a data folder, its settings and the environment hold, for the scrubbing of a bundle."""

import getpass
import json
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from prjobs.base.folder import Folder
from prjobs.base.notify_addresses import SECRET
from prjobs.base.settings import Settings
from prjobs.upkeep.inspection import has_log, open_read_only

# Columns with the id of a user, and the column of the name beside.
_IDS = {"user_id": "user_name", "creator_id": "creator", "author_id": "author"}
_SINGLE = re.compile(r"who|seen_by|[a-z]+_by")
# Facts of the store with the user of a login link in JSON.
_FACTS = "SELECT value FROM fact WHERE name = 'login_user'"
_SECRET_VARIABLE = re.compile(r"(?i)token|secret|passw|credential|_key$|^key$|cookie")
_LOGIN = re.compile(r"//([^/\s@]+)@")
_PIECES = re.compile(r"[^\s/:@?&=#|,;\"']+")
# Shorter pieces of an address, such as its port, would hide half of the log.
PIECE, LOGIN_PIECE = 6, 4
BACKUPS = 3


def users(folder: Folder) -> set[tuple[str, str]]:
    """Return (id, name) of all users in the store and in the newest backups, as far as the files can be read.

    Backups know users whose jobs were removed since, and a damaged store may give nothing.
    """
    backups = sorted(folder.backups.glob("*.sqlite3"), key=lambda path: path.stat().st_mtime)[-BACKUPS:]
    return {pair for path in (folder.database, *backups) if path.is_file() for pair in _users_in(path)}


def _users_in(path: Path) -> Iterator[tuple[str, str]]:
    with suppress(sqlite3.Error, OSError), closing(open_read_only(path, still=not has_log(path))) as connection:
        connection.text_factory = lambda stored: stored.decode(errors="replace")
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            yield from _users_of(connection, table)
        with suppress(sqlite3.Error, ValueError, TypeError, KeyError):
            for (value,) in connection.execute(_FACTS):
                user = json.loads(value)
                yield str(user["user_id"]), str(user["user_name"])


def _users_of(connection: sqlite3.Connection, table: str) -> Iterator[tuple[str, str]]:
    with suppress(sqlite3.Error):
        columns = {name for _, name, *_ in connection.execute(f'PRAGMA table_info("{table}")')}
        wanted = [(one, beside) for one, beside in _IDS.items() if {one, beside} <= columns]
        wanted += [(one, "''") for one in columns if _SINGLE.fullmatch(one)]
        for one, beside in wanted:
            yield from _distinct(connection, f'SELECT DISTINCT {one}, {beside} FROM "{table}" WHERE {one} IS NOT NULL')


def _distinct(connection: sqlite3.Connection, sql: str) -> Iterator[tuple[str, str]]:
    """Yield the rows of a table up to the first that cannot be read."""
    with suppress(sqlite3.Error):
        for first, second in connection.execute(sql):
            yield str(first), str(second or "")


def accounts() -> set[str]:
    """Return the names of this machine's account: of the user, and of the home folder."""
    found = {Path.home().name}
    with suppress(OSError, KeyError, ImportError):
        found.add(getpass.getuser())
    return found - {"", "prjobs"}


def secrets(folder: Folder, settings: Settings, environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """Return the secrets of the folder, of the settings and of the environment, whole and in pieces."""
    found: set[str] = set()
    for path in (folder.path / "secret", settings.cloud_token_file):
        with suppress(OSError, ValueError):
            if path:
                found |= _pieces(Path(path).read_text(encoding="utf-8", errors="replace").strip())
    values: list[Any] = [getattr(settings, name) for name in SECRET]
    for value in (one for some in values for one in ([some] if isinstance(some, str) else some)):
        found |= _pieces(value)
    addresses = [*environment.values(), *(str(getattr(settings, name)) for name in settings.__struct_fields__)]
    # The name and the password of an address, such as that of a proxy.
    logins = {login for address in addresses for login in _LOGIN.findall(address)}
    found |= {piece for login in logins for piece in (login, *login.split(":")) if len(piece) >= LOGIN_PIECE}
    found |= {value for name, value in environment.items() if _SECRET_VARIABLE.search(name) and len(value) >= PIECE}
    return frozenset(found | {unquote(one) for one in found})


def _pieces(text: str) -> set[str]:
    return {piece for piece in (text, *_PIECES.findall(text)) if len(piece) >= PIECE}
