"""Limits on the requests that are answered at the same time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prjobs.base.errors import TooMany

AGAIN_S = 3


class Few:
    """So many `places` for requests of one kind. Further ones are refused with the sentence: none waits in a thread."""

    def __init__(self, places: int, sentence: str) -> None:
        self._free = threading.BoundedSemaphore(places)
        self._sentence = sentence

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place inside the block. Raises TooMany when all are taken."""
        if not self._free.acquire(blocking=False):
            refused = TooMany(self._sentence)
            refused.retry_after_s = AGAIN_S
            raise refused
        try:
            yield
        finally:
            self._free.release()
