"""The threads that answer requests, in the form that waitress asks for.

The worker that was busy last gets the next task: its stack, its database connection and its pages are still warm.
waitress's own threads take turns, and with many of them each request meets a cold one.
"""

import logging
import threading
from collections import deque
from typing import Any

logger = logging.getLogger(__name__)


class _Mine(threading.local):
    working = False


_mine = _Mine()


class Workers:
    """A fixed number of threads that call `service()` of the tasks they are given, in order."""

    def __init__(self, count: int) -> None:
        self._tasks: deque[Any] = deque()
        self._idle: list[threading.Lock] = []
        self._stopping = False
        self._lock = threading.Lock()
        self._alive = count
        self._ended = threading.Event()
        for number in range(count):
            threading.Thread(target=self._run, name=f"worker-{number}", daemon=True).start()

    def add_task(self, task: Any) -> None:
        """Let a worker serve the task."""
        with self._lock:
            self._tasks.append(task)
            # A worker that adds one is about to look for the next itself.
            bed = self._idle.pop() if self._idle and not _mine.working else None
        if bed is not None:
            bed.release()

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """Let the workers end; tasks that wait are cancelled. Whether all have ended within `timeout` seconds."""
        with self._lock:
            self._stopping = True
            while cancel_pending and self._tasks:
                self._tasks.popleft().cancel()
            while self._idle:
                self._idle.pop().release()
        return self._ended.wait(timeout)

    def _run(self) -> None:
        _mine.working = True
        bed = threading.Lock()
        bed.acquire()
        while not self._stopping:
            task = self._next_or_lie_down(bed)
            if task is None:
                bed.acquire()
            else:
                self._serve(task)
        with self._lock:
            self._alive -= 1
            if not self._alive:
                self._ended.set()

    def _next_or_lie_down(self, bed: threading.Lock) -> Any:
        """The oldest task; without one the worker is idle, and its bed is released when there is something to do."""
        with self._lock:
            if self._tasks:
                return self._tasks.popleft()
            if self._stopping:
                bed.release()
            else:
                self._idle.append(bed)
            return None

    @staticmethod
    def _serve(task: Any) -> None:
        try:
            task.service()
        except BaseException:
            logger.exception("a connection could not be served")
