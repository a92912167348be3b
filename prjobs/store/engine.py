"""The engine of a store, as the packages above see it: SQLite's or another's."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from prjobs.base.errors import Trouble

Row = tuple[Any, ...]
Result = TypeVar("Result")
# Takes back what was committed after its caller gave up: called with a transaction and the verb's result.
Undo = Callable[..., None]


class Source(Protocol):
    """Rows can be read from it: an open engine, or a transaction that sees its own changes."""

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query."""
        ...

    def after_commit(self, step: Callable[..., object], *arguments: Any) -> None:
        """Change memory once what was read is on disk: at once for a reader."""
        ...


class Engine(Source, Protocol):
    """An open store. `write` for verbs that change something, `fetch` for everything else."""

    @property
    def trouble(self) -> Trouble | None:
        """The fault that keeps the store from its work now; None while it works."""
        ...

    def fetch_query(self, query: Any) -> list[Row]:
        """Return all rows of a peewee query as tuples. Raises Unavailable."""
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
        """Run `verb(transaction, *arguments)` in the writer and return its result once it is on disk.

        Raises what the verb raises, and Unavailable when it could not be started within `patience_s` (then it
        never will be); at once when the store is in trouble and too many wait already, unless it `makes_safe`. Also
        Unavailable when it is not on disk `commit_s` later; a commit that comes all the same is taken back by
        `undo(transaction, result)`, if there is one, before anything else is written.
        """
        ...

    def post(self, verb: Callable[..., Any], *arguments: Any) -> None:
        """Hand a verb to the writer without waiting for it; its failure is logged."""
        ...

    def lose(self, sentence: str) -> None:
        """Read and write nothing from now on: the file is not the one that was opened."""
        ...

    def find(self) -> None:
        """Go on: the file is again the one that was opened."""
        ...

    def hurry(self) -> None:
        """Wait neither for another program's lock nor for the disk from now on: the process is to end."""
        ...

    def close(self) -> bool:
        """Finish what waits, then close; later writes are refused. Return False if some of it could not be written."""
        ...
