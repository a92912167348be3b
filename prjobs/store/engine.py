"""The interface of a database system for the store: SQLite, or PostgreSQL for a hub.

Verbs do not see an engine. `Database` and its writer do what both engines need alike: group commit, savepoints,
patience, kept reads. An engine does the rest.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from prjobs.base.errors import Trouble
from prjobs.base.histogram import Histogram


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """Return the number of changed rows."""
        ...

    def fetchone(self) -> Any:
        """Return the next row; None after the last."""
        ...

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the remaining rows."""
        ...


class Connection(Protocol):
    """A connection for writing, without transactions of its own."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor:
        """Run a statement and return the cursor."""
        ...

    def executemany(self, sql: str, parameters: Any, /) -> Cursor:
        """Run a statement once for each row of parameters."""
        ...

    def fetch(self, sql: str, parameters: Sequence[Any] = ...) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        ...

    def close(self) -> object:
        """Close the connection; an open transaction is rolled back."""
        ...


class Engine(Protocol):
    """A database system with the store in it. Methods may raise one of `errors`, unless the text says otherwise."""

    # The errors of the system, each of which `trouble_of` takes.
    errors: tuple[type[Exception], ...]
    # True if verbs number the rows of jobs, changes and hand-outs.
    numbers_rows: bool
    # The id of this process among those of a hub; empty for a file.
    member: str
    # The seconds that transactions waited for the row that all writers of a hub lock; None for a file.
    door_waits: Histogram | None

    @property
    def version(self) -> str:
        """Return the version of the system. Raises nothing."""
        ...

    # ---- reading

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return all rows of a query, read outside any transaction; committed rows only. Raise TookTooLong."""
        ...

    def limited(self, limit_s: float) -> AbstractContextManager[None]:
        """End each query of this thread that takes longer, inside the block. The query raises TookTooLong."""
        ...

    def sql_of(self, query: Any) -> tuple[str, Sequence[Any]]:
        """Return a peewee query as a statement and its parameters. Raises nothing."""
        ...

    # ---- writing, in the writer's thread

    def connect(self) -> Connection:
        """Return a new connection for the writer."""
        ...

    def begin(self, connection: Connection, one_by_one: bool = False) -> dict[str, int]:
        """Begin a transaction that no other writer can run beside: wait for a short time for another one's end.

        Return the last numbers found on the way, by table. Unless `one_by_one`, the engine may let a statement wait
        for the next look at a result, and the error of the statement comes then, at the latest by `commit`.
        """
        ...

    def commit(self, connection: Connection) -> None:
        """Commit the transaction."""
        ...

    def is_late(self, error: Exception, /) -> bool:
        """Return True if a statement of an earlier verb, which waited, may have caused the error. Raises nothing."""
        ...

    def committed(self, numbers: dict[str, int], /) -> None:
        """Note the last numbers that a stored transaction gave, by table. Raises nothing."""
        ...

    def roll_back(self, connection: Connection) -> None:
        """End a failed transaction, if there is one."""
        ...

    def is_stored(self, connection: Connection, error: Exception, written: Mapping[str, int], /) -> bool | None:
        """Return True if the transaction is stored whose COMMIT raised the error; None if nobody can tell.

        `written` has the last numbers that the transaction gave, by table. Raises nothing.
        """
        ...

    def prove(self, connection: Connection) -> None:
        """Commit a small transaction that really writes."""
        ...

    def tell(self, sites: set[str], /) -> None:
        """Tell other processes on the store that the sites have changes. Raises nothing."""
        ...

    def finish(self, connection: Connection) -> None:
        """Prepare the store for the end of the process; a failure is logged. Raises nothing."""
        ...

    def close(self) -> None:
        """Close the connections for reading. Raises nothing."""
        ...

    # ---- faults

    def trouble_of(self, error: BaseException) -> Trouble:
        """Return an error of the system as a fault with a sentence for a person. Raises nothing."""
        ...

    def is_trouble(self, error: Exception) -> bool:
        """Return True if the store is at fault, so that the whole transaction is lost. Raises nothing."""
        ...
