"""The transaction of the writer for verbs: SQL now, changes of memory once the commit is on disk."""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from prjobs.base.errors import Refused
from prjobs.base.histogram import Histogram
from prjobs.store.engine import Connection, Engine
from prjobs.store.work import Work

logger = logging.getLogger(__name__)


class Mark(NamedTuple):
    """A point in a transaction: the number of steps, the sites, the numbers given and those known."""

    steps: int
    sites: set[str]
    last_numbers: dict[str, int]
    known_numbers: dict[str, int]


class Transaction:
    """The writing connection for one batch of requests, and the steps that follow the commit.

    A verb changes memory (deadlines, known sites, the newest stop) by `after_commit` only: after a refused request or
    a failed commit, memory still matches the file.
    """

    def __init__(
        self, connection: Connection, numbered: set[str] | None = None, known_numbers: dict[str, int] | None = None
    ) -> None:
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.fetch = connection.fetch
        # The tables whose rows are numbered by a verb, not by SQLite; see `numbers`.
        self.numbered = set() if numbered is None else numbered
        # The last numbers given by this transaction, and those found at the beginning.
        self.last_numbers: dict[str, int] = {}
        self.known_numbers = known_numbers or {}
        self._steps: list[Callable[[], object]] = []
        self._sites: set[str] = set()

    def after_commit(self, step: Callable[..., object], *arguments: Any) -> None:
        """Call `step(*arguments)` in the writer's thread once the transaction is on disk; never after a failure.

        Steps run in the order of these calls, before any caller gets an answer. A step must be short.
        """
        self._steps.append(partial(step, *arguments))

    def tell(self, site: str) -> None:
        """Wake the requests that wait for changes of this site, once the transaction is on disk."""
        self._sites.add(site)

    # ---- for the writer

    def mark(self) -> Mark:
        """Return the point to which `forget_since` goes back."""
        return Mark(len(self._steps), set(self._sites), dict(self.last_numbers), dict(self.known_numbers))

    def forget_since(self, mark: Mark) -> None:
        """Drop what a refused request added after the mark."""
        count, self._sites, self.last_numbers, self.known_numbers = mark
        del self._steps[count:]

    def take_steps(self) -> list[Callable[[], object]]:
        """Return the steps, which the writer runs after the commit."""
        return self._steps

    @property
    def sites_to_tell(self) -> set[str]:
        """Return the sites with changes."""
        return self._sites


class Attempt:
    """A try to store requests in a single transaction, with a savepoint for each: a refused request fails alone.

    `one_by_one`: no statement waits, and each error names the request at fault.
    """

    def __init__(self, engine: Engine, transaction: Transaction, one_by_one: bool = False) -> None:
        self._engine = engine
        self.transaction, self.one_by_one = transaction, one_by_one
        # True once the COMMIT may have been sent.
        self.is_committing = False

    def run(self, connection: Connection, works: list[Work], commits: Histogram) -> None:
        """Carry out the requests and commit; add the seconds of the commit to `commits`."""
        for work in works:
            self._carry_out(work, alone=len(works) == 1)
        self.is_committing, began_s = True, time.perf_counter()
        self._engine.commit(connection)
        commits.add(time.perf_counter() - began_s)

    def _carry_out(self, work: Work, alone: bool) -> None:
        transaction = self.transaction
        mark, work.error = transaction.mark(), None
        if not alone:
            transaction.execute("SAVEPOINT request")
        try:
            work.result = work.verb(transaction, *work.arguments)
        except Exception as error:
            if self._engine.is_trouble(error) or (not self.one_by_one and self._engine.is_late(error)):
                raise
            work.error = error
            transaction.forget_since(mark)
            transaction.execute("ROLLBACK" if alone else "ROLLBACK TO request")
            if alone:
                transaction.execute("BEGIN")
            if not isinstance(error, Refused):
                logger.exception("a verb failed")
        if not alone:
            transaction.execute("RELEASE request")
