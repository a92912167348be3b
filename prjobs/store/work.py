"""Requests to the writer, and the limit on the number of waiting callers."""

import threading
from collections.abc import Callable
from typing import Any

# The writer notices within this time that another program has the lock.
LOOK_S = 0.15


class Work:
    """A request to the writer. Two one-shot locks decide the races for the start and for the result.

    `undo(transaction, result)` takes back a commit that came after the caller gave up. `posted`: no caller waits.
    `lasts`: the writer tries again until the commit is on disk; `tries`: how many commits failed so far.
    """

    __slots__ = ("arguments", "done", "error", "lasts", "posted", "result", "started", "taken", "tries", "undo", "verb")

    def __init__(
        self,
        verb: Callable[..., Any],
        arguments: tuple[Any, ...],
        *,
        undo: Callable[..., None] | None = None,
        posted: bool = False,
        lasts: bool = False,
    ) -> None:
        self.verb, self.arguments, self.undo = verb, arguments, undo
        self.posted, self.lasts = posted, lasts
        self.tries = 0
        self.result: Any = None
        self.error: Exception | None = None
        self.started, self.taken, self.done = threading.Lock(), threading.Lock(), threading.Lock()
        self.done.acquire()

    def again(self) -> "Work":
        """Return a new request for the same, with the number of tries."""
        made = Work(self.verb, self.arguments, posted=self.posted)
        made.tries = self.tries
        return made

    def finish(self) -> bool:
        """Give the result to the caller. Return False if the caller gave up earlier."""
        if self.taken.acquire(blocking=False):
            self.done.release()
            return True
        return False


class PutOff:
    """The writes without a waiting caller whose commit failed: a stop that waits again must not be forgotten."""

    TRIES = 5
    LIMIT = 1000

    def __init__(self) -> None:
        self._works: list[Work] = []

    def keep(self, failed: list[Work]) -> int:
        """Keep the writes for the time after the next commit; return the number of those given up."""
        for work in failed:
            work.tries += 1
        kept = [work for work in failed if work.tries < self.TRIES][: self.LIMIT - len(self._works)]
        self._works += kept
        return len(failed) - len(kept)

    def take(self) -> list[Work]:
        """Return the kept writes anew, and keep none."""
        taken, self._works = self._works, []
        return [work.again() for work in taken]


class Places:
    """The places for callers that wait for long, so that threads stay free for requests that only read."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def are_full(self) -> bool:
        """Return True if all places are taken."""
        return self._taken >= self._count

    def wait(self, work: Work, timeout_s: float, even_if_full: Callable[[], bool]) -> bool:
        """Return True if the work was done within the time.

        Return False earlier when all places are taken, unless `even_if_full()`; the wait notices a change of the places
        or of `even_if_full()` within `LOOK_S`.
        """
        while timeout_s > 0:
            with self._lock:
                if self.are_full and not even_if_full():
                    return False
                self._taken += 1
            try:
                if work.done.acquire(timeout=min(LOOK_S, timeout_s)):
                    return True
            finally:
                with self._lock:
                    self._taken -= 1
            timeout_s -= LOOK_S
        return False
