"""What the packages above see of the store: rows, and the open store for reads and writes."""

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from prjobs.base.errors import Trouble
from prjobs.base.histogram import Histogram

Row = tuple[Any, ...]
Result = TypeVar("Result")
# Takes a commit back that came after the caller gave up: called with a transaction and the verb's result.
Undo = Callable[..., None]


def marks(values: Collection[object]) -> str:
    """Return the marks of the values for `IN (…)`; for no values NULL, which equals nothing.

    PostgreSQL takes no empty list.
    """
    return ", ".join("?" * len(values)) or "NULL"


class Source(Protocol):
    """A source of rows: an open engine, or a transaction, which sees its own changes."""

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query."""
        ...

    def after_commit(self, step: Callable[..., object], *arguments: Any) -> None:
        """Call a step that changes memory, once the rows read are on disk: immediately for a reader."""
        ...


class Store(Source, Protocol):
    """An open store. `write` runs verbs with changes, `fetch` runs queries."""

    @property
    def version(self) -> str:
        """Return the version of SQLite, or of PostgreSQL."""
        ...

    @property
    def trouble(self) -> Trouble | None:
        """Return the fault that keeps the store from working now; None while the store works."""
        ...

    @property
    def commits(self) -> Histogram:
        """Return the seconds of the commits since the start."""
        ...

    @property
    def member(self) -> str:
        """Return the id of this process among those of a hub; an empty text for a file."""
        ...

    @property
    def door_waits(self) -> Histogram | None:
        """Return the seconds that transactions waited for the writers of other processes; None for a file."""
        ...

    def on_trouble(self, act: Callable[[], object]) -> None:
        """Call `act()` at each new fault, in the thread that found the fault: it must not wait."""
        ...

    def fetch_kept(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query that many requests repeat: as `fetch`, but read once until the next commit."""
        ...

    def keep(self, key: tuple[Any, ...], make: Callable[[], Result]) -> Result:
        """Return `make()`, kept by the key until the next commit: a small value, made of nothing but the store.

        All writes pass through this engine. Nobody may change the value.
        """
        ...

    def limited(self, limit_s: float) -> AbstractContextManager[None]:
        """End each query of this thread that takes longer, inside the block. The query raises TookTooLong."""
        ...

    def fetch_query(self, query: Any) -> list[Row]:
        """Return all rows of a peewee query as tuples. Raise Unavailable."""
        ...

    def write(
        self,
        verb: Callable[..., Result],
        *arguments: Any,
        patience_s: float = ...,
        commit_s: float = ...,
        undo: Undo | None = None,
        makes_safe: bool = False,
    ) -> Result:
        """Run `verb(transaction, *arguments)` in the writer and return the result once the commit is on disk.

        Raise the verb's own errors. Raise Unavailable when the verb did not start within `patience_s`; the verb never
        starts later. Raise Unavailable immediately when the store is in trouble and too many callers wait already,
        unless `makes_safe`. Raise Unavailable when the commit is not on disk `commit_s` later; should the commit come
        after that, `undo(transaction, result)`, where given, takes the commit back before any other write.
        """
        ...

    def post(self, verb: Callable[..., Any], *arguments: Any) -> None:
        """Hand a verb to the writer without waiting for the commit; a failure is logged."""
        ...

    def lose(self, sentence: str) -> None:
        """Refuse reads and writes from now on: another file is in the place of the opened file."""
        ...

    def find(self) -> None:
        """Allow reads and writes again: the opened file is back in its place."""
        ...

    def hurry(self) -> None:
        """Cut the waits for another program's lock and for the disk short from now on: the process is to end."""
        ...

    def close(self) -> bool:
        """Write the waiting requests, then close; refuse later writes. Return False if a request was not written."""
        ...
