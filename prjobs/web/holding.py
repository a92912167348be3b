"""Requests that are held: the answer leaves when there is something to tell, or when the time is over.

A held request keeps its connection and no thread. The handler raises `Parked` before anything is written, the channel
keeps the request, and a worker runs the handler again at the next change. `kept()` returns the handler's notes of the
first run: counts, limits and notes are due once for each request.
"""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from bottle import request

from prjobs.jobs.queue import Queue
from prjobs.jobs.waiters import Waiter

Found = TypeVar("Found")
# The longest time between two looks of the loop at the timers.
LOOK_S = 1.0
# A key of the request's environ, from the second run of the handler on.
HELD = "prjobs.held"


def _nothing() -> None:
    """Do nothing."""


class Held:
    """A request that waits until `end_s`, on the monotonic clock; `kept` has the handler's notes of the first run."""

    def __init__(self, queue: Queue, waiter: Waiter, end_s: float, kept: Any, at_end: Callable[[], None]) -> None:
        self.waiter = waiter
        self.end_s = end_s
        self.kept = kept
        self.is_timed = False
        self._queue = queue
        self._at_end = at_end

    def end(self) -> None:
        """Forget the request; further calls have no effect."""
        self._queue.waiters.leave(self.waiter)
        self._at_end()


class Timers:
    """The ends of the held requests' times, and the time of the loop's next look at them."""

    def __init__(self, wake_loop: Callable[[], None]) -> None:
        self._wake_loop = wake_loop
        self._held: list[tuple[float, int, Waiter]] = []
        self._lock = threading.Lock()
        self._order = itertools.count()
        self._next_look_s = 0.0

    def add(self, held: Held) -> None:
        """Wake the request at its end."""
        if held.is_timed:
            return
        held.is_timed = True
        with self._lock:
            heapq.heappush(self._held, (held.end_s, next(self._order), held.waiter))
        if held.end_s < self._next_look_s:
            self._wake_loop()

    def wake_over(self) -> float:
        """Wake the requests whose time is over; return the seconds until the next look."""
        now_s = time.monotonic()
        # A request that is added from now on wakes the loop if it is to end before the look.
        self._next_look_s = now_s + LOOK_S
        with self._lock:
            over = []
            while self._held and self._held[0][0] <= now_s:
                over.append(heapq.heappop(self._held)[2])
            next_s = self._held[0][0] - now_s if self._held else LOOK_S
        for waiter in over:
            waiter.wake()
        return min(LOOK_S, next_s)


class Parked(BaseException):
    """The request waits. Passes through Bottle and waitress: the request stays unanswered."""

    def __init__(self, held: Held) -> None:
        super().__init__()
        self.held = held


def kept() -> Any:
    """Return the handler's notes of the first run; None at the first run."""
    held: Held | None = request.environ.get(HELD)
    return held.kept if held else None


def hold(
    queue: Queue,
    site: str | None,
    wait_s: float,
    look: Callable[[], Found],
    keep: Any = None,
    at_end: Callable[[], None] = _nothing,
) -> Found | None:
    """Return `look()` once true, or after `wait_s` at the latest; raise Parked until then.

    A change of the site makes the handler run again; of any site when `site` is None. The end of the caller ends the
    wait without a look, and so does the stop of the appliance: the result is None then. `at_end()` is called when a
    held request is answered or forgotten.
    """
    held: Held | None = request.environ.get(HELD)
    if held is None:
        waiter = queue.waiters.enter(site, is_poll=keep is not None)
        if waiter is None:
            return look() or None
        held = Held(queue, waiter, time.monotonic() + wait_s, keep, at_end)
    is_parked = False
    try:
        gone: Callable[[], bool] = request.environ["waitress.client_disconnected"]
        if gone() or (held.is_timed and queue.stopping.is_set()):
            return None
        found = look()
        if found or time.monotonic() >= held.end_s:
            return found
        is_parked = True
    finally:
        if not is_parked:
            queue.waiters.leave(held.waiter)
    raise Parked(held)
