"""The threads that answer requests, with the interface that waitress expects.

The worker that was busy last gets the next task, with stack, database connection and pages still warm. The threads
of waitress take turns: with many threads each request would meet a cold one.
"""

import logging
import math
import threading
import time
from collections import deque
from typing import Any

from prjobs.web.urgency import Urgency

logger = logging.getLogger(__name__)

# The threads for urgent requests alone, besides the others.
RESERVED = 2
# The most requests that run at the same time, by urgency: Python runs one thread at a time, and a poll or a stop waits
# for its turn several times. Urgent requests are short, and further ones run once the first of them has waited.
MOST = (2, math.inf, 3, 1)
PATIENCE_S = 0.002
_ORDER = tuple(Urgency)


class _Thread(threading.local):
    is_worker = False
    is_reserved = False
    # The thread of the loop hands tasks over at the end of a turn.
    is_loop = False
    # The urgency of the request that the thread serves.
    urgency = Urgency.URGENT


_thread = _Thread()


class Workers:
    """A fixed number of threads that call `service()` of the given tasks: by the tasks' `urgency()`, then in order."""

    def __init__(self, count: int) -> None:
        # By urgency: the tasks that wait, and the number of those that run.
        self._tasks: list[deque[Any]] = [deque() for _ in Urgency]
        self._running = [0] * len(Urgency)
        # Each idle worker sleeps on a lock of its own; releasing the lock wakes the worker.
        self._idle_workers: list[threading.Lock] = []
        self._idle_reserved: list[threading.Lock] = []
        self._arrived: list[Any] = []
        # Workers that wake; urgent requests that may run besides MOST; the first one that waits, and since when.
        self._waking = self._more = 0
        self._first: Any = None
        self._first_s = 0.0
        self._stopping = False
        self._lock = threading.Lock()
        self._alive = count + RESERVED
        self._ended = threading.Event()
        for number in range(count + RESERVED):
            is_reserved = number < RESERVED
            name = f"{'reserved' if is_reserved else 'worker'}-{number}"
            threading.Thread(target=self._run, args=(is_reserved,), name=name, daemon=True).start()

    def add_task(self, task: Any) -> None:
        """Let a worker serve the task; in the thread of the loop, from the next `hand_over` on."""
        if _thread.is_loop:
            self._arrived.append(task)
        else:
            self._queue(task)

    def begin_loop(self) -> None:
        """Collect the tasks that this thread adds, until `hand_over`.

        A worker that wakes while the loop goes on with its turn would have to wait for the interpreter lock.
        """
        _thread.is_loop = True

    def hand_over(self) -> None:
        """Let workers serve the collected tasks."""
        if self._arrived:
            arrived, self._arrived = self._arrived, []
            for task in arrived:
                self._queue(task)

    def look_after(self) -> float:
        """Let one more urgent request run if the first one that waits has waited for long, as behind a slow disk.

        Return the seconds until the next look.
        """
        waiting = self._tasks[Urgency.URGENT]
        if not waiting:
            return math.inf
        now_s = time.perf_counter()
        with self._lock:
            first = waiting[0] if waiting else None
            if first is not self._first:
                self._first, self._first_s = first, now_s
            elif first is not None and now_s - self._first_s >= PATIENCE_S:
                self._first_s = now_s
                self._more += 1
                self._wake(is_urgent=True)
        return PATIENCE_S

    def _queue(self, task: Any) -> None:
        urgency = task.urgency()
        is_urgent = urgency == Urgency.URGENT
        with self._lock:
            self._tasks[urgency].append(task)
            # A worker that adds a task looks for the next task at once.
            if _thread.is_worker and (is_urgent or not _thread.is_reserved):
                return
            if is_urgent and self._running[urgency] + self._waking >= MOST[urgency] + self._more:
                if _thread.is_loop:
                    return
                # The loop may sleep, and not look after the task.
                self._more += 1
            self._wake(is_urgent)

    def _wake(self, is_urgent: bool) -> None:
        idle = self._idle_workers or (self._idle_reserved if is_urgent else None)
        if idle:
            self._waking += 1
            idle.pop().release()

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """End the workers and cancel the waiting tasks. Return True if all workers ended within `timeout` seconds."""
        with self._lock:
            self._stopping = True
            for tasks in self._tasks:
                while cancel_pending and tasks:
                    tasks.popleft().cancel()
            for idle in (self._idle_workers, self._idle_reserved):
                while idle:
                    idle.pop().release()
        return self._ended.wait(timeout)

    def _run(self, is_reserved: bool) -> None:
        _thread.is_worker, _thread.is_reserved = True, is_reserved
        asleep = threading.Lock()
        asleep.acquire()
        ended = None
        is_woken = False
        while not self._stopping:
            task = self._next_or_idle(asleep, ended, is_woken)
            is_woken = task is None
            if task is None:
                ended = None
                asleep.acquire()
            else:
                self._serve(task)
                ended = _thread.urgency
        with self._lock:
            self._alive -= 1
            if not self._alive:
                self._ended.set()

    def _next_or_idle(self, asleep: threading.Lock, ended: Urgency | None, is_woken: bool) -> Any:
        """Return the next task, after one of the urgency `ended`, or after the sleep if `is_woken`.

        Without a task the worker becomes idle until `asleep` is released.
        """
        with self._lock:
            if ended is not None:
                self._running[ended] -= 1
            self._waking -= is_woken
            for urgency in _ORDER:
                if self._tasks[urgency] and self._may_take(urgency):
                    self._running[urgency] += 1
                    _thread.urgency = urgency
                    task = self._tasks[urgency].popleft()
                    if urgency == Urgency.URGENT:
                        self._note_urgent(is_woken)
                    return task
            if self._stopping:
                asleep.release()
            else:
                (self._idle_reserved if _thread.is_reserved else self._idle_workers).append(asleep)
            return None

    def _may_take(self, urgency: Urgency) -> bool:
        if urgency == Urgency.URGENT:
            return self._running[urgency] < MOST[urgency] + self._more
        return self._running[urgency] < MOST[urgency] and not _thread.is_reserved

    def _note_urgent(self, is_woken: bool) -> None:
        """Note that an urgent task runs, and wake another worker when a task that is not urgent waits too."""
        if not self._tasks[Urgency.URGENT]:
            self._more = 0
        if is_woken and any(self._tasks[urgency] for urgency in _ORDER[1:]):
            self._wake(is_urgent=False)

    @staticmethod
    def _serve(task: Any) -> None:
        try:
            task.service()
        except BaseException:
            logger.exception("a connection could not be served")
