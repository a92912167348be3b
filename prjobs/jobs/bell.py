"""Waking those who wait for changes: a held poll or a monitor page that asked with `wait`."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_EVERY_S = 0.5


class Waiter:
    """One held request. It is woken by changes of its site, or of any site when it named none."""

    def __init__(self, site: str | None) -> None:
        self.site = site
        self._rung = threading.Event()

    def ring(self) -> None:
        """Wake it."""
        self._rung.set()

    def wait(self, timeout_s: float, gone: Callable[[], bool]) -> bool:
        """True when rung within `timeout_s`; False when the time is over or `gone()` says that nobody waits."""
        while timeout_s > 0 and not gone():
            if self._rung.wait(min(timeout_s, LOOK_EVERY_S)):
                self._rung.clear()
                return True
            timeout_s -= LOOK_EVERY_S
        return False


class Bell:
    """Keeps the held requests and limits how many there may be, so that threads stay free for others."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiters: set[Waiter] = set()
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def waiter(self, site: str | None) -> Iterator[Waiter | None]:
        """A place to wait in, or None when all are taken. Enter it before the last look at the store."""
        waiter = Waiter(site)
        with self._lock:
            admitted = not self._closed and len(self._waiters) < self._places
            if admitted:
                self._waiters.add(waiter)
        try:
            yield waiter if admitted else None
        finally:
            with self._lock:
                self._waiters.discard(waiter)

    def ring(self, sites: set[str]) -> None:
        """Wake those who wait for one of these sites."""
        with self._lock:
            waiters = [waiter for waiter in self._waiters if waiter.site is None or waiter.site in sites]
        for waiter in waiters:
            waiter.ring()

    def close(self) -> None:
        """Wake everybody; nobody is admitted any more."""
        with self._lock:
            self._closed = True
            waiters = list(self._waiters)
        for waiter in waiters:
            waiter.ring()

    @property
    def held(self) -> int:
        """How many requests are held now."""
        return len(self._waiters)
