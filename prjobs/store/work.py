"""What the writer is asked to do, and how many may wait for it."""

import threading
from collections.abc import Callable
from typing import Any

# When another program has the lock, the writer knows within this time.
LOOK_S = 0.15


class Work:
    """One request to the writer. Two one-shot locks decide races: who starts it, and who takes its result."""

    __slots__ = ("arguments", "done", "error", "late", "posted", "result", "started", "taken", "verb")

    def __init__(
        self,
        verb: Callable[..., Any],
        arguments: tuple[Any, ...],
        late: Callable[[Any], None] | None = None,
        posted: bool = False,
    ) -> None:
        self.verb, self.arguments, self.late, self.posted = verb, arguments, late, posted
        self.result: Any = None
        self.error: Exception | None = None
        self.started, self.taken, self.done = threading.Lock(), threading.Lock(), threading.Lock()
        self.done.acquire()

    def finish(self) -> None:
        """Give the result to whom it is for: the caller that waits, or `late`."""
        if self.taken.acquire(blocking=False):
            self.done.release()
        elif self.late is not None and self.error is None:
            self.late(self.result)


class Places:
    """How many callers may wait for long, so that threads stay free for those who only look."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def are_full(self) -> bool:
        """Whether all are taken."""
        return self._taken >= self._count

    def wait(self, work: Work, timeout_s: float, even_if_full: Callable[[], bool]) -> bool:
        """Whether the work was done within the time. False before that when all places are taken, but for exceptions;
        what is none any more is noticed within `LOOK_S`."""
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
