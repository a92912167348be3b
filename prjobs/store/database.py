"""The open store for verbs: any thread reads, and a single thread writes."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from prjobs.base.errors import Trouble
from prjobs.base.histogram import Histogram
from prjobs.store.condition import Condition
from prjobs.store.engine import Engine
from prjobs.store.source import Row, Undo
from prjobs.store.writer import COMMIT_PATIENCE_S, PATIENCE_S, WAITING_LIMIT, Tell, Writer

# The most values that are kept until the next commit.
KEPT = 1000
Result = TypeVar("Result")


class Database:
    """An open store. `write` runs verbs with changes, `fetch` runs queries."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.condition = Condition(engine)
        # What was made of the store since the last commit, with the version of the store before that.
        self._kept: tuple[object, dict[tuple[Any, ...], Any]] = (None, {})
        self._writer = Writer(engine, self.condition)

    @property
    def version(self) -> str:
        """Return the version of the engine."""
        return self.engine.version

    @property
    def trouble(self) -> Trouble | None:
        """Return the fault that keeps the store from working now; None while the store works."""
        return self.condition.trouble

    @property
    def commits(self) -> Histogram:
        """Return the seconds of the commits since the start."""
        return self._writer.commits

    @property
    def member(self) -> str:
        """Return the id of this process among those of a hub; an empty text for a file."""
        return self.engine.member

    @property
    def door_waits(self) -> Histogram | None:
        """Return the seconds that transactions waited for the writers of other processes; None for a file."""
        return self.engine.door_waits

    def on_trouble(self, act: Callable[[], object]) -> None:
        """Call `act()` at each new fault, in the thread that found the fault: it must not wait."""
        self.condition.tell = act

    def start(self, tell: Tell, places: int = WAITING_LIMIT) -> None:
        """Start the writer; `tell` is called with the changed sites after each commit.

        While the store is in trouble at most `places` callers wait for the writer: other threads stay free for reading.
        """
        self._writer.start(tell, places)

    def hurry(self) -> None:
        """Cut the waits for another program's lock and for the disk short from now on: the process is to end."""
        self._writer.hurry()

    def close(self) -> bool:
        """Write the waiting requests, then close; refuse later writes. Return False if a request was not written."""
        well = self._writer.close()
        self.engine.close()
        return well

    def lose(self, sentence: str) -> None:
        """Refuse reads and writes from now on: another file is in the place of the opened file."""
        self.condition.lose(sentence)

    def find(self) -> None:
        """Allow reads and writes again: the opened file is back in its place."""
        self.condition.find()

    # ---- reading

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query. Raise Unavailable, and TookTooLong inside `limited`."""
        self.condition.require_present()
        try:
            return self.engine.fetch(sql, parameters)
        except self.engine.errors as error:
            raise self.condition.note(error).refusal() from error

    def fetch_kept(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of a query, read anew after each commit. Raise Unavailable."""
        return self.keep((sql, *parameters), lambda: self.fetch(sql, parameters))

    def keep(self, key: tuple[Any, ...], make: Callable[[], Result]) -> Result:
        """Return `make()`, made anew after each commit."""
        condition = self.condition
        version, kept = self._kept
        if version is condition.version and key in kept and condition.trouble is None:
            return kept[key]  # type: ignore[no-any-return]
        # Noted before the read: what a later commit may have changed is never taken for newer than it is.
        version = condition.version
        made = make()
        if self._kept[0] is not version:
            self._kept = (version, {})
        before, kept = self._kept
        if before is version and len(kept) < KEPT:
            kept[key] = made
        return made

    def after_commit(self, step: Callable[..., object], *arguments: Any) -> None:
        """Call `step(*arguments)` immediately: a reader sees committed rows only."""
        step(*arguments)

    def fetch_query(self, query: Any) -> list[Row]:
        """Return all rows of a peewee query as tuples. Raise Unavailable."""
        return self.fetch(*self.engine.sql_of(query))

    def limited(self, limit_s: float) -> AbstractContextManager[None]:
        """End each query of this thread that takes longer, inside the block. The query raises TookTooLong."""
        return self.engine.limited(limit_s)

    # ---- writing

    def write(
        self,
        verb: Callable[..., Result],
        *arguments: Any,
        patience_s: float = PATIENCE_S,
        commit_s: float = COMMIT_PATIENCE_S,
        undo: Undo | None = None,
        makes_safe: bool = False,
    ) -> Result:
        """Run `verb(transaction, *arguments)` in the writer; see `Writer.write`."""
        return self._writer.write(
            verb, arguments, patience_s=patience_s, commit_s=commit_s, undo=undo, makes_safe=makes_safe
        )

    def post(self, verb: Callable[..., Any], *arguments: Any) -> None:
        """Hand a verb to the writer without waiting for the commit; a failure is logged."""
        self._writer.post(verb, arguments)
