"""Threads for users' requests to the cloud. A cloud without an answer holds these threads alone."""

import logging
import queue
import threading
from collections.abc import Callable
from typing import Protocol

from prjobs.base.errors import Unavailable

logger = logging.getLogger(__name__)
Work = Callable[[], None]


class Sender(Protocol):
    """A place to leave work for later."""

    def add(self, work: Work) -> bool:
        """Take the work and return True, or return False when too much waits."""
        ...


class Senders:
    """At most `count` threads, each started when needed, and at most `places` requests that wait for a thread."""

    def __init__(self, name: str, count: int, places: int) -> None:
        self._name = name
        self._count = count
        self._waiting: queue.Queue[Work] = queue.Queue(places)
        self._lock = threading.Lock()
        self._started = 0

    def add(self, work: Work) -> bool:
        """Leave work for the threads; return False when all places are taken."""
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            return False
        with self._lock:
            if self._started < self._count:
                self._started += 1
                threading.Thread(target=self._run, name=f"{self._name}-{self._started}", daemon=True).start()
        return True

    def _run(self) -> None:
        while True:
            work = self._waiting.get()
            try:
                work()
            except Unavailable as unavailable:
                # The sweeps decide, also those of the next process.
                logger.warning("cloud: the answer to a user's request could not be stored: %s", unavailable)
            except Exception:
                logger.exception("cloud: a request of a user could not be sent")
