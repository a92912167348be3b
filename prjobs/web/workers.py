"""The threads that answer requests, with the interface that waitress expects.

The worker that was busy last gets the next task, with stack, database connection and pages still warm. The threads
of waitress take turns: with many threads each request would meet a cold one.
"""

import logging
import threading
from collections import deque
from typing import Any

logger = logging.getLogger(__name__)


class _Thread(threading.local):
    is_worker = False


_thread = _Thread()


class Workers:
    """A fixed number of threads that call `service()` of the given tasks, in order."""

    def __init__(self, count: int) -> None:
        self._tasks: deque[Any] = deque()
        # Each idle worker sleeps on a lock of its own; releasing the lock wakes the worker.
        self._idle_workers: list[threading.Lock] = []
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
            # A worker that adds a task looks for the next task at once.
            asleep = self._idle_workers.pop() if self._idle_workers and not _thread.is_worker else None
        if asleep is not None:
            asleep.release()

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """End the workers and cancel the waiting tasks. Return True if all workers ended within `timeout` seconds."""
        with self._lock:
            self._stopping = True
            while cancel_pending and self._tasks:
                self._tasks.popleft().cancel()
            while self._idle_workers:
                self._idle_workers.pop().release()
        return self._ended.wait(timeout)

    def _run(self) -> None:
        _thread.is_worker = True
        asleep = threading.Lock()
        asleep.acquire()
        while not self._stopping:
            task = self._next_or_idle(asleep)
            if task is None:
                asleep.acquire()
            else:
                self._serve(task)
        with self._lock:
            self._alive -= 1
            if not self._alive:
                self._ended.set()

    def _next_or_idle(self, asleep: threading.Lock) -> Any:
        """Return the oldest task. Without a task the worker becomes idle until `asleep` is released."""
        with self._lock:
            if self._tasks:
                return self._tasks.popleft()
            if self._stopping:
                asleep.release()
            else:
                self._idle_workers.append(asleep)
            return None

    @staticmethod
    def _serve(task: Any) -> None:
        try:
            task.service()
        except BaseException:
            logger.exception("a connection could not be served")
