"""The store of a hub as a whole: locked, read into a file, or filled from one."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from prjobs.base.errors import Unusable
from prjobs.base.files import remove, sync_file
from prjobs.base.folder import Folder
from prjobs.store.hub import bring_up_to_date, has_schema, unreached
from prjobs.store.joining import SECRET
from prjobs.store.members import living
from prjobs.store.postgres import PostgresConnection, connect, shown
from prjobs.store.postgres_session import PostgresError
from prjobs.store.schema import MIGRATIONS, open_database
from prjobs.upkeep.copies import check_audit, check_jobs, check_rows, copy_rows
from prjobs.upkeep.inspection import require_whole
from prjobs.upkeep.replacing import SIDES
from prjobs.upkeep.store_rows import DatabaseCopy, FileCopy, Table, tables_of


@contextmanager
def long_connection(url: str) -> Iterator[PostgresConnection]:
    """Yield a connection for long transactions. Raise Unusable when the connection fails or breaks."""
    try:
        with closing(connect(url, statement_s=0)) as connection:
            connection.session.execute("SET idle_in_transaction_session_timeout = 0")
            yield connection
    except PostgresError as error:
        raise unreached(url, error) from None


def lock_door(connection: PostgresConnection, url: str) -> tuple[str, int]:
    """Keep all other processes from writing until the end of the transaction. Return the newest id and epoch.

    Raise Unusable while a process of the hub lives.
    """
    last_ulid, epoch = connection.fetch("SELECT last_ulid, epoch FROM door WHERE id = 1 FOR UPDATE")[0]
    if alive := living(connection):
        raise Unusable(
            f"The database {shown(url)} is in use by {', '.join(alive)}: stop all processes of the hub first. A "
            "process that was killed counts for ten seconds more."
        )
    return last_ulid, epoch


def facts_of(copy: DatabaseCopy | FileCopy) -> dict[str, str]:
    """Return all facts."""
    return dict(copy.fetch("SELECT name, value FROM fact"))


def require_store_in(connection: PostgresConnection, url: str, folder: Folder) -> DatabaseCopy:
    """Return the store in the database, with the schema of this version. Raise Unusable for none, and for another's."""
    if not has_schema(connection):
        raise Unusable(f"The database {shown(url)} holds no store.")
    bring_up_to_date(connection, url)
    copy, known = DatabaseCopy(connection), folder.identity()
    if known and facts_of(copy).get("identity") != known["identity"]:
        raise Unusable(f"The database {shown(url)} is the store of another appliance than {folder.path}.")
    return copy


def require_this_schema(connection: PostgresConnection, url: str) -> None:
    """Raise Unusable unless the database holds a store with the schema of this version; nothing is changed."""
    if not has_schema(connection):
        raise Unusable(f"The database {shown(url)} holds no store.")
    known = {path.stem for path in MIGRATIONS.glob("[0-9]*.py")}
    if {name for (name,) in connection.fetch("SELECT name FROM schema_migration")} != known:
        raise Unusable(
            f"The store in the database {shown(url)} is of another version: run the command of that version."
        )


def fill_database(target: DatabaseCopy, source: FileCopy, tables: list[Table]) -> int:
    """Put the rows of the file in the place of those in the database, check them, and return the number of jobs."""
    numbers = source.numbers(tables)
    target.empty(tables, numbers.get("audit", 0))
    digests = copy_rows(source, target, tables)
    check_rows(target, tables, digests)
    target.set_numbers(tables, numbers)
    return digests["job"][0]


def note_secret(target: DatabaseCopy, digested: str) -> None:
    """Name the secret of the hub in the database: a process with another one does not start."""
    target.connection.execute("DELETE FROM fact WHERE name = ?", (SECRET,))
    target.connection.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (SECRET, digested))


def fill_file(source: DatabaseCopy, path: Path, audited: Path | None = None) -> int:
    """Copy the store into a new file, check the file, and return the number of jobs.

    `audited` is the folder with the anchor of the audit, for a check of jobs and audit too. Raise sqlite3.Error.
    """
    for side in SIDES:
        remove(path.with_name(f"{path.name}{side}"))
    open_database(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA journal_mode = DELETE")
        tables, target = tables_of(file), FileCopy(file)
        file.execute("BEGIN")
        digests = copy_rows(source, target, tables)
        file.execute("COMMIT")
        check_rows(target, tables, digests)
        file.execute("BEGIN")
        target.set_numbers(tables, source.numbers(tables))
        file.execute("COMMIT")
        require_whole(file, path)
        if audited:
            check_jobs(target, tables)
            check_audit(target, audited)
    sync_file(path)
    return digests["job"][0]
