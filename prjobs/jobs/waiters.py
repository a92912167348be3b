"""Held requests: polls and monitor pages with `wait`, asleep until the next change."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOK_EVERY_S = 0.5


class Waiter:
    """A held request, woken by changes of the request's site, or of any site when `site` is None."""

    def __init__(self, site: str | None) -> None:
        self.site = site
        self._woken = threading.Event()

    def wake(self) -> None:
        """Wake the request."""
        self._woken.set()

    def wait(self, timeout_s: float, gone: Callable[[], bool]) -> bool:
        """Return True when woken within `timeout_s`; False when the time is over or the client is `gone()`."""
        while timeout_s > 0 and not gone():
            if self._woken.wait(min(timeout_s, LOOK_EVERY_S)):
                self._woken.clear()
                return True
            timeout_s -= LOOK_EVERY_S
        return False


class Waiters:
    """The held requests, at most `places`: the remaining threads stay free for other requests."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiters: set[Waiter] = set()
        self._lock = threading.Lock()
        self._closed = False

    @contextmanager
    def waiter(self, site: str | None) -> Iterator[Waiter | None]:
        """Yield a place, or None when all are taken. Enter before the last look at the store, or a change is missed."""
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

    def wake(self, sites: set[str]) -> None:
        """Wake the requests that wait for any of the sites."""
        with self._lock:
            waiters = [waiter for waiter in self._waiters if waiter.site is None or waiter.site in sites]
        for waiter in waiters:
            waiter.wake()

    def close(self) -> None:
        """Wake every request, and admit no further request."""
        with self._lock:
            self._closed = True
            waiters = list(self._waiters)
        for waiter in waiters:
            waiter.wake()

    @property
    def held(self) -> int:
        """Return the number of held requests."""
        return len(self._waiters)
