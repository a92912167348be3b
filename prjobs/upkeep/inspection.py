"""The inspection of a store's file without a write: beside a running server, or of a backup."""

import os
import sqlite3
from pathlib import Path, PurePath
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from prjobs.base.errors import Unusable
from prjobs.base.files import sync_file
from prjobs.base.progress import grown, step
from prjobs.store.engine import Cursor
from prjobs.store.numbers import LAST
from prjobs.store.schema import MIGRATIONS
from prjobs.store.sqlite import trouble_of

DAMAGES_SHOWN = 3
TABLES = frozenset({"job", "change", "handout", "fact"})


class Connection(Protocol):
    """A connection to the store of either engine."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor:
        """Run a statement and return the cursor."""
        ...


class Census(msgspec.Struct, frozen=True):
    """The counts of a store, and the newest numbers ever given."""

    jobs: int
    newest_job: int
    changes: int
    newest_change: int


def open_read_only(path: Path, still: bool = False) -> sqlite3.Connection:
    """Return a connection that can only read. Raises sqlite3.Error for a missing file, or one that cannot be opened.

    `still`: no process writes the file meanwhile; then no side file is left behind.
    """
    options = "mode=ro&immutable=1" if still else "mode=ro"
    return sqlite3.connect(f"{uri_of(path.resolve())}?{options}", uri=True, isolation_level=None, timeout=5)


def uri_of(path: PurePath) -> str:
    r"""Return an absolute path as a URI for SQLite, which takes no host: `\\nas\b\x` is `file:////nas/b/x`."""
    address = quote(os.fsencode(path.as_posix()), safe="/:")
    return f"file://{address}" if address.startswith("/") else f"file:///{address}"


def has_log(path: Path) -> bool:
    """Return True if the write-ahead log holds changes."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except OSError:
        return False


def take_census(connection: sqlite3.Connection) -> Census:
    """Count jobs and changes in one statement: two statements would see two moments."""
    counted = connection.execute(
        "SELECT (SELECT count(*) FROM job), "
        f"coalesce(({LAST['job']}), 0), (SELECT count(*) FROM change), coalesce(({LAST['change']}), 0)"
    ).fetchone()
    return Census(*counted)


def require_ours(connection: sqlite3.Connection, path: Path) -> None:
    """Raise Unusable unless the file is a store of this or an older version."""
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        newer = newer_migrations(connection) if tables >= TABLES else []
    except sqlite3.Error as error:
        raise Unusable(f"{path} cannot be read as a prjobs database: {trouble_of(error, path).sentence}") from None
    if not tables >= TABLES:
        raise Unusable(f"{path} is not a prjobs database.")
    if newer:
        raise Unusable(f"{path} was written by a newer prjobs ({newer[-1]}): install that version or newer.")


def newer_migrations(connection: Connection) -> list[str]:
    """Return the migrations in the file unknown to this version."""
    return sorted(_applied(connection) - _known())


def older_migrations(connection: Connection) -> list[str]:
    """Return the migrations missing in the file."""
    return sorted(_known() - _applied(connection))


def _applied(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM schema_migration").fetchall()}


def _known() -> set[str]:
    return {path.stem for path in MIGRATIONS.glob("[0-9]*.py")}


def damages(connection: sqlite3.Connection, deep: bool = True) -> list[str]:
    """Return the damages that SQLite's own check finds, a few lines at most; the quick check skips the indexes."""
    check = "integrity_check" if deep else "quick_check"
    try:
        with step("Checking the file for damage"):
            found = [line for (line,) in connection.execute(f"PRAGMA {check}({DAMAGES_SHOWN})")]
    except sqlite3.Error as error:
        return [trouble_of(error).sentence]
    return [] if found == ["ok"] else [line.replace("\n", " ") for line in found]


def require_whole(connection: sqlite3.Connection, path: Path) -> None:
    """Raise Unusable for a damaged file."""
    if found := damages(connection):
        raise Unusable(f"{path} is damaged: {found[0]}")


def copy_into(source: sqlite3.Connection, target: Path) -> None:
    """Write the present content of the store to a new file, and to the disk."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    (pages,), (page_bytes,) = (source.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    with step("Copying the store", grown(target, pages * page_bytes)):
        source.execute("VACUUM INTO ?", (str(target),))
        sync_file(target)
