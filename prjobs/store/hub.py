"""Opening a hub's database: the schema is brought up to date, or the start is refused in one sentence.

Imported only for a hub: the library of PostgreSQL is an extra.
"""

import importlib.util
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from prjobs.base.errors import Fault, Unusable
from prjobs.store.database import Database
from prjobs.store.losses import Seen
from prjobs.store.postgres import UNREADABLE, PostgresConnection, connect, shown
from prjobs.store.postgres_engine import PostgresEngine
from prjobs.store.postgres_session import PostgresError

MIGRATIONS = Path(__file__).parent / "migrations"
OLDEST = 140_000
_REMEDY = "Look at store_url, and whether the server runs and lets this user in"


def open_hub(
    url: str, member: str, on_replaced: Callable[[], object] = lambda: None, seen: Seen | None = None
) -> Database:
    """Bring the schema of the database up to date and return the store, not yet started, for the process `member`.

    A write that meets another active process calls `on_replaced()`. Raise Unusable when the server is not reached or
    not fit, and for a schema of a newer version.
    """
    try:
        with closing(connect(url)) as connection:
            bring_up_to_date(connection, url)
    except PostgresError as error:
        raise unreached(url, error) from None
    engine = PostgresEngine(url, member)
    engine.on_replaced = on_replaced
    engine.seen = seen or engine.seen
    return Database(engine)


def bring_up_to_date(connection: PostgresConnection, url: str) -> None:
    """Make the schema, or bring the schema up to date. Raise Unusable for a server that is not fit, and PostgresError.

    Inside of a transaction of the caller the schema is part of the transaction.
    """
    require_fit(connection, url)
    if not has_schema(connection):
        make_schema(connection)
    _bring_up_to_date(connection, url)


def open_for_reading(url: str) -> Database:
    """Return the store for reading only. Raise Unusable for a database without a store, or of an older version."""
    try:
        with closing(connect(url)) as connection:
            if not has_schema(connection):
                raise Unusable(f"The database {shown(url)} holds no jobs yet. Start an appliance by `prjobs serve`.")
            done = {name for (name,) in connection.fetch("SELECT name FROM schema_migration")}
    except PostgresError as error:
        raise unreached(url, error) from None
    if {path.stem for path in MIGRATIONS.glob("[0-9]*.py")} - done:
        raise Unusable(f"The database {shown(url)} is of an older version; the next start brings it up to date.")
    return Database(PostgresEngine(url, ""))


def unreached(url: str, error: Exception) -> Unusable:
    """Return the refusal for an error of the server, or on the way there."""
    if shown(url) == UNREADABLE:
        # The library's words would repeat the URL, or the part with the password.
        return Unusable("The address of the database cannot be read. Write % as %25 in the password.", Fault.NOT_OPENED)
    reason = " ".join(str(error).split())
    return Unusable(f"The database {shown(url)} cannot be used: {reason}. {_REMEDY}.", Fault.NOT_OPENED)


def require_fit(connection: PostgresConnection, url: str) -> None:
    """Raise Unusable for a server that is too old, could lose answered writes, or stores another encoding."""
    number, encoding, fsync = connection.fetch(
        "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), "
        "current_setting('fsync')"
    )[0]
    if number < OLDEST:
        raise Unusable(f"The server of {shown(url)} is PostgreSQL {number // 10_000}: a hub needs 14 or newer.")
    if encoding != "UTF8":
        raise Unusable(f"The database {shown(url)} has the encoding {encoding}: make one with UTF8.")
    if fsync != "on":
        raise Unusable(f"The server of {shown(url)} has fsync off, and may lose answered requests: set fsync = on.")


def has_schema(connection: PostgresConnection) -> bool:
    """Return True if the database holds a store."""
    return connection.fetch("SELECT to_regclass('door')")[0][0] is not None


def make_schema(connection: PostgresConnection) -> None:
    """Make the tables of a new store in one transaction; do nothing if another process was faster."""
    text = (MIGRATIONS / "postgresql.sql").read_text(encoding="utf-8")
    try:
        with connection.session.transaction():
            connection.session.execute(text.encode())
    except PostgresError:
        if not has_schema(connection):
            raise


class _Migrated:
    """The part of a peewee database that a migration uses."""

    param = "%s"

    def __init__(self, connection: PostgresConnection) -> None:
        self._connection = connection

    def execute_sql(self, sql: str, parameters: Any = ()) -> Any:
        return self._connection.execute(sql, parameters or ())


def _bring_up_to_date(connection: PostgresConnection, url: str) -> None:
    """Run the migrations that the schema lacks, all in one transaction behind all writers."""
    with connection.session.transaction():
        connection.execute("SELECT epoch FROM door WHERE id = 1 FOR UPDATE")
        done = {name for (name,) in connection.fetch("SELECT name FROM schema_migration")}
        paths = {path.stem: path for path in sorted(MIGRATIONS.glob("[0-9]*.py"))}
        if newer := sorted(done - paths.keys()):
            raise Unusable(
                f"The database {shown(url)} was written by a newer prjobs ({newer[-1]}): install that one or newer.",
                Fault.NEWER,
            )
        for name, path in paths.items():
            if name not in done:
                _load(path).up(None, _Migrated(connection))
                connection.execute(
                    "INSERT INTO schema_migration (name, applied) VALUES (?, CURRENT_TIMESTAMP)", (name,)
                )


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"prjobs_migration_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
