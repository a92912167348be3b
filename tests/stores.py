"""The stores of a test: SQLite's file in each folder; with `--store postgresql` a database for each folder.

Both engines run the same files of tests: those in `BOTH`. A test about SQLite's file has the marker `sqlite`.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from prjobs import opening
from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.files import private_opener
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings
from prjobs.opening import SERVING, Purpose, Start
from prjobs.store import schema
from prjobs.store.engine import Connection, Engine
from prjobs.store.schema import open_database
from prjobs.store.sqlite import FileConnection, SqliteEngine
from prjobs.store.transaction import Transaction
from tests import postgres

SQLITE, POSTGRESQL = "sqlite", "postgresql"
# The files that CI runs on both engines. Other files run on PostgreSQL when they are named.
BOTH = {
    # verbs
    "tests/test_queue.py",
    "tests/test_after_commit.py",
    "tests/test_cancelled_stop.py",
    "tests/test_expiry.py",
    "tests/test_handouts.py",
    "tests/test_job_times.py",
    "tests/test_lockout.py",
    "tests/test_lockout_orders.py",
    "tests/test_long_poll.py",
    "tests/test_making_safe.py",
    "tests/test_many_withdrawn.py",
    "tests/test_redelivery.py",
    "tests/test_reported.py",
    "tests/test_reservations.py",
    "tests/test_retention.py",
    "tests/test_settling.py",
    "tests/test_shared_stops.py",
    "tests/test_sites.py",
    "tests/test_stop_order.py",
    "tests/test_stopped_jobs.py",
    # contract, shared requests
    "tests/test_contract.py",
    "tests/test_shared_requests.py",
    # access, audit
    "tests/test_access.py",
    "tests/test_acts.py",
    "tests/test_audit.py",
    "tests/test_audited_acts.py",
    # alarms, night
    "tests/test_alarms.py",
    "tests/test_night.py",
    "tests/test_notes.py",
    "tests/test_weeks.py",
    # link
    "tests/cloud/test_forwarding.py",
    "tests/cloud/test_locked_out.py",
    "tests/cloud/test_said.py",
    "tests/cloud/test_site_stop.py",
    "tests/cloud/test_switched_off.py",
    "tests/cloud/test_two_stops.py",
}
# The schema and the history of its migrations stay; so does the row of `door`, as a new database has it.
_KEPT = ("door", "schema_migration")
_DOOR = "UPDATE door SET epoch = 0, holder = '', last_ulid = '', last_audit = 0"


class Databases:
    """Databases on a PostgreSQL, one for each folder. After a test they are emptied, and the next test has them."""

    def __init__(self, server: Callable[[], postgres.PostgresServer]) -> None:
        self._server = server
        self._free: list[str] = []
        self._used: dict[Path, str] = {}
        self._made = 0

    def url(self, folder: Path) -> str:
        """Return the address of the folder's database."""
        folder = folder.resolve()
        if folder not in self._used:
            self._used[folder] = self._free.pop() if self._free else self._new()
        return self._used[folder]

    def _new(self) -> str:
        self._made += 1
        name = f"store_{self._made}"
        self._server().execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return f"{self._server().url.rpartition('/')[0]}/{name}"

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Take the databases back at the end that are taken inside the block."""
        before = set(self._used)
        yield
        for folder in self._used.keys() - before:
            self.give_back(folder)

    def give_back(self, folder: Path) -> None:
        """Empty the folder's database, for the next folder to have."""
        if url := self._used.pop(folder.resolve(), ""):
            empty(url)
            self._free.append(url)


def empty(url: str) -> None:
    """Remove all rows of a store, and whoever is still connected."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        names = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        counted = connection.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'")
        if not names:
            return
        acts = [f"DELETE FROM {name}" for name in names if name not in _KEPT]
        acts += [f"ALTER SEQUENCE {name} RESTART" for (name,) in counted if not name.startswith(_KEPT)]
        # No trigger runs: rows of the audit cannot be removed otherwise.
        with connection.transaction():
            connection.execute(";".join(["SET LOCAL session_replication_role = replica", *acts, _DOOR]))


class Run:
    """The engine of this run of tests; the databases, on PostgreSQL."""

    engine = SQLITE
    databases: Databases | None = None


def on_postgresql() -> bool:
    """Return True if this run of tests has PostgreSQL below the stores."""
    return Run.engine == POSTGRESQL


def placed(folder: Path, settings: Settings) -> Settings:
    """Return the settings for a store of this run's engine."""
    if Run.databases is None or settings.store_url:
        return settings
    return msgspec.structs.replace(settings, store_url=Run.databases.url(folder))


def give_back(folder: Path) -> None:
    """Remove what the folder's store holds, before the end of the test."""
    if Run.databases is not None:
        Run.databases.give_back(folder)


def make(folder: Path, settings: Settings) -> None:
    """Make an empty store, with today's schema."""
    if settings.store_url:
        from prjobs.store.hub import open_hub

        open_hub(settings.store_url, "").close()
    else:
        open_database(Folder(folder).database).close()


def engine(folder: Path, settings: Settings) -> Engine:
    """Return a new engine on a store that was made."""
    if not settings.store_url:
        return SqliteEngine(Folder(folder).database)
    from prjobs.store.postgres_engine import PostgresEngine

    return PostgresEngine(settings.store_url, "")


def start(engine: str) -> None:
    """Set the engine of this run of tests."""
    Run.engine = engine
    if on_postgresql():
        Run.databases = Databases(postgres.shared_server)


def lent() -> AbstractContextManager[None]:
    """Remove at the end what the stores hold that are opened inside the block."""
    return Run.databases.lent() if Run.databases else nullcontext()


def written(appliance: Appliance) -> object:
    """Return what another value shows after each commit that wrote something: the state of all rows, locks included."""
    database = appliance.queue.database
    if not on_postgresql():
        size = (appliance.queue.folder / "prjobs.sqlite3-wal").stat().st_size
        return database.fetch("PRAGMA data_version"), size
    names = database.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    return [database.fetch(f"SELECT ctid::text, xmin::text, xmax::text FROM {name} ORDER BY ctid") for (name,) in names]


def columns(appliance: Appliance, table: str) -> list[str]:
    """Return the names of the columns of a table, in their order."""
    if not on_postgresql():
        return [name for _, name, *_ in appliance.queue.database.fetch(f"PRAGMA table_info({table})")]
    sql = "SELECT column_name::text FROM information_schema.columns WHERE table_name = ? ORDER BY ordinal_position"
    return [name for (name,) in appliance.queue.database.fetch(sql, (table,))]


def trace(transaction: Transaction, step: Callable[[str], object] | None) -> None:
    """Call `step(sql)` at each statement of the connection from now on; None ends that."""
    connection: Any = transaction.execute.__self__  # type: ignore[attr-defined]
    if not on_postgresql():
        connection.set_trace_callback(step)
        return
    pipeline = connection._pipeline
    pipeline.__dict__.pop("add", None)
    if step is None:
        return
    real = pipeline.add

    def add(sql: str, *rows: Any) -> Any:
        step(sql)
        return real(sql, *rows)

    pipeline.add = add


def storable(text: str) -> str:
    """Return the text without what this run's engine does not store."""
    return text.replace("\0", "") if on_postgresql() else text


@contextmanager
def intruding(folder: Path) -> Iterator[Connection]:
    """A connection of somebody who may do everything to the folder's store: no trigger runs."""
    settings = placed(folder, Settings())
    if settings.store_url:
        with closing(engine(folder, settings).connect()) as connection:
            connection.execute("SET session_replication_role = replica")
            yield connection
        return
    with closing(sqlite3.connect(Folder(folder).database, factory=FileConnection)) as file, file:
        file.execute("DROP TRIGGER IF EXISTS audit_unchanged")
        file.execute("DROP TRIGGER IF EXISTS audit_kept")
        yield file


def disk_full() -> Exception:
    """Return the error of this run's engine for a full disk."""
    if not on_postgresql():
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        return error
    import psycopg

    return psycopg.errors.DiskFull("could not extend file: No space left on device")


@cache
def _empty_store(migrations: Path) -> bytes:
    """Return the file of a store that has the schema of these migrations and no rows."""
    with TemporaryDirectory() as place:
        path = Path(place) / "empty.sqlite3"
        open_database(path).close()
        return path.read_bytes()


def lay_empty_store(folder: Folder) -> None:
    """Put the file of an empty store into a folder that was never opened: migrations take longer than most tests."""
    if folder.path.is_dir() and not folder.identity() and not folder.database.exists():
        with open(folder.database, "wb", opener=private_opener) as file:
            file.write(_empty_store(schema.MIGRATIONS))


def open_appliance(
    folder: Folder, settings: Settings, clock: Clock, purpose: Purpose = SERVING
) -> tuple[Appliance, Start]:
    """Open the folder as `prjobs.opening.open_appliance` does, with a store of this run's engine."""
    if not on_postgresql() and not purpose.demo:
        lay_empty_store(folder)
    return opening.open_appliance(folder, placed(folder.path, settings), clock, purpose)
