"""The statements of the package, noted while the tests run on SQLite.

`Noted` stands below every connection to SQLite of this process. Each statement that the package runs is noted once,
with the module, the line and the kinds of its parameters; what a test itself runs is not. At the end of a whole run
`tests.hub.preparing` asks a real PostgreSQL about them all.
"""

import re
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import prjobs

PACKAGE = Path(prjobs.__file__).parent
# Modules with statements for one engine alone: tools for files, the engines, the migrations up to 0016.
ONE_ENGINE = (
    "upkeep/",
    "cli/audit.py",
    "cloud/invariants.py",
    "serving/hub.py",
    "store/dialect.py",
    "store/hub.py",
    "store/hub_state.py",
    "store/losses.py",
    "store/members.py",
    "store/migrations/",
    "store/postgres.py",
    "store/postgres_engine.py",
    "store/postgres_session.py",
    "store/schema.py",
    "store/sqlite.py",
)
# Between a verb and a connection.
_NAMES = ("database.py", "sqlite.py", "transaction.py", "writer.py")
_MODEL = Path(__file__).parent / "cloud" / "model.py"
_BETWEEN = {__file__, str(_MODEL), *(str(PACKAGE / "store" / name) for name in _NAMES)}


@dataclass
class Statement:
    """A statement with the place that ran it first, and the kinds of the values that each parameter had."""

    sql: str
    place: str
    kinds: dict[str, set[str]] = field(default_factory=dict)

    @property
    def is_for_both(self) -> bool:
        return not self.place.startswith(ONE_ENGINE)


VERB = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b")
NOTED: dict[str, Statement] = {}


class Noted(sqlite3.Connection):
    """A connection that notes the statements of the package; in front of the class that was asked for."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        found = NOTED.get(sql)
        if found is None:
            found = _note(sql)
        if found is not None and parameters:
            _note_kinds(found, parameters)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> sqlite3.Cursor:
        found = NOTED.get(sql) or _note(sql)
        if found is None:
            return super().executemany(sql, parameters)
        rows = list(parameters)
        for row in rows:
            _note_kinds(found, row)
        return super().executemany(sql, rows)


def _note(sql: str) -> Statement | None:
    place = _place(sql)
    if place is None:
        return None
    return NOTED.setdefault(sql, Statement(sql, place))


def _place(sql: str) -> str | None:
    """Return the module and line of the package that runs the statement; None for a test, and for SAVEPOINT."""
    frame = sys._getframe(3)
    if frame.f_code.co_filename in _BETWEEN and not VERB.match(sql):
        return None
    while frame is not None and frame.f_code.co_filename in _BETWEEN:
        frame = frame.f_back
    if frame is None or not (path := Path(frame.f_code.co_filename)).is_relative_to(PACKAGE):
        return None
    return f"{path.relative_to(PACKAGE).as_posix()}:{frame.f_lineno}"


def _note_kinds(statement: Statement, parameters: Any) -> None:
    pairs = parameters.items() if isinstance(parameters, Mapping) else enumerate(parameters)
    kinds = statement.kinds
    for name, value in pairs:
        kind = type(value).__name__
        if kind == "str" and "\0" in value:
            kind = "a text with NUL"
        if (known := kinds.get(str(name))) is None:
            kinds[str(name)] = {kind}
        elif kind not in known:
            known.add(kind)


def install() -> None:
    """Have each later connection of this process note the statements."""
    real = sqlite3.connect

    @cache
    def noted(kind: type[sqlite3.Connection]) -> type[sqlite3.Connection]:
        return type(kind.__name__, (Noted, kind), {}) if kind is not sqlite3.Connection else Noted

    def connect(*arguments: Any, **named: Any) -> sqlite3.Connection:
        return real(*arguments, **{**named, "factory": noted(named.get("factory", sqlite3.Connection))})

    sqlite3.connect = sqlite3.dbapi2.connect = connect  # type: ignore[attr-defined]


def as_json() -> list[Any]:
    """Return what was noted, for another process."""
    return [(one.sql, one.place, {name: sorted(kinds) for name, kinds in one.kinds.items()}) for one in NOTED.values()]


def take(found: Iterable[Any]) -> None:
    """Add what another process noted."""
    for sql, place, kinds in found:
        known = NOTED.setdefault(sql, Statement(sql, place))
        for name, more in kinds.items():
            known.kinds.setdefault(name, set()).update(more)
