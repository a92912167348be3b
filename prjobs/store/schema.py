"""Opening the store's file: the schema is brought up to date, or the start is refused in one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from peewee import SqliteDatabase
from playhouse.migrations import Runner

from prjobs.base.errors import Fault, Unusable
from prjobs.base.failpoints import Failpoints
from prjobs.base.files import private_opener, reason_of
from prjobs.store.database import Database
from prjobs.store.sqlite import PRAGMAS, SqliteEngine, trouble_of

MIGRATIONS = Path(__file__).parent / "migrations"


def schema_number() -> str:
    """Return the number of the newest migration, as `0007`: the schema of every store that this version opens."""
    return max(path.name for path in MIGRATIONS.glob("[0-9]*.py"))[:4]


class _Migrated(SqliteDatabase):
    """A database that reports each statement of a migration after running the statement, before the commit."""

    passing: Callable[[str], None] | None = None

    def execute_sql(self, *arguments: Any, **named: Any) -> Any:
        done = super().execute_sql(*arguments, **named)  # type: ignore[no-untyped-call]
        if self.passing is not None:
            self.passing("migrate_middle")
        return done


# A larger file is read for damage after the start: see `upkeep.file_check`.
CHECKED_BYTES = 100_000_000


def is_checked_at_start(path: Path) -> bool:
    """Return True if the whole file is read for damage before the first request."""
    return path.stat().st_size <= CHECKED_BYTES


def require_writable(path: Path) -> None:
    """Raise Unusable unless this process may write the file; a missing file is made, empty."""
    try:
        # The write-ahead log gets the rights of the file.
        open(path, "ab", opener=private_opener).close()
    except OSError as error:
        raise Unusable(f"{path}: the database file cannot be opened for writing: {reason_of(error)}.") from None


def open_database(
    path: Path,
    create: bool = True,
    failpoints: Failpoints | None = None,
    before_upgrade: Callable[[str], object] = lambda _first: None,
) -> Database:
    """Open the file, bring the schema up to date and return the database, not yet started.

    The whole file is read for damage, unless it is large.

    A migration is one transaction: a power cut in the middle leaves no trace of the migration. For a file of an older
    version `before_upgrade(first)` is called before the migration `first`; an exception leaves the file as it was.
    Raise Unusable when the file is missing (and `create` is false), no database, damaged, not writable or written by a
    newer version.
    """
    if not create and not path.exists():
        raise Unusable(f"{path} does not exist.")
    require_writable(path)
    database = _Migrated(str(path), pragmas=PRAGMAS, timeout=5)
    try:
        database.connect()
        damage = _bring_up_to_date(database, path, failpoints, before_upgrade)
    except Unusable:
        raise
    except Exception as error:
        trouble = trouble_of(error, path)
        raise Unusable(f"{path}: {trouble.sentence}", trouble.fault) from error
    finally:
        database.close()
    if damage != "ok":
        raise Unusable(f"{path}: The database file is damaged.", Fault.DAMAGED)
    return Database(SqliteEngine(path))


def _bring_up_to_date(
    database: _Migrated, path: Path, failpoints: Failpoints | None, before_upgrade: Callable[[str], object]
) -> str:
    """Run the migrations that the file lacks, and return what the check of the file finds: `ok` for no damage."""
    runner = Runner(database, str(MIGRATIONS))
    if first := _first_missing(runner, path):
        before_upgrade(first)
    database.passing = failpoints.passing if failpoints else None
    runner.up()
    database.passing = None
    check = "PRAGMA quick_check(1)" if is_checked_at_start(path) else "SELECT 'ok'"
    return str(database.execute_sql(check).fetchone()[0])


def _first_missing(runner: Runner, path: Path) -> str:
    """Return the first migration that a file of an older version lacks; empty for a new file, and without any."""
    found = runner.status()
    if newer := [migration.name for migration in found if migration.path is None]:
        raise Unusable(
            f"{path} was written by a newer prjobs ({newer[-1]}): install that version or newer.", Fault.NEWER
        )
    missing = [migration.name for migration in found if migration.applied is None]
    return missing[0] if 0 < len(missing) < len(found) else ""
