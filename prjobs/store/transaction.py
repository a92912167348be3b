"""The transaction of the writer for verbs: SQL now, changes of memory once the commit is on disk."""

from collections.abc import Callable
from functools import partial
from typing import Any

from prjobs.store.engine import Connection


class Transaction:
    """The writing connection for one batch of requests, and the steps that follow the commit.

    A verb changes memory (deadlines, known sites, the newest stop) by `after_commit` only: after a refused request or
    a failed commit, memory still matches the file.
    """

    def __init__(self, connection: Connection, numbered: set[str] | None = None) -> None:
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.fetch = connection.fetch
        # The tables whose rows are numbered by a verb, not by SQLite; see `numbers`.
        self.numbered = set() if numbered is None else numbered
        # The last numbers given by this transaction.
        self.last_numbers: dict[str, int] = {}
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

    def mark(self) -> tuple[int, set[str]]:
        """Return the point to which `forget_since` goes back."""
        return len(self._steps), set(self._sites)

    def forget_since(self, mark: tuple[int, set[str]]) -> None:
        """Drop what a refused request added after the mark."""
        count, self._sites = mark
        del self._steps[count:]
        self.last_numbers.clear()

    def take_steps(self) -> list[Callable[[], object]]:
        """Return the steps, which the writer runs after the commit."""
        return self._steps

    @property
    def sites_to_tell(self) -> set[str]:
        """Return the sites with changes."""
        return self._sites
