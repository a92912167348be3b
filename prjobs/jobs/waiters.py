"""Held requests: polls and monitor pages with `wait`, without a thread until the next change."""

import threading
from collections.abc import Callable


class Waiter:
    """A held request, woken by changes of the request's site, or of any site when `site` is None.

    A change between the request's last look at the store and `park` is not lost: `park` wakes the request at once.
    """

    def __init__(self, site: str | None, is_poll: bool = False) -> None:
        self.site = site
        self.is_poll = is_poll
        self._is_woken = False
        self._go_on: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def park(self, go_on: Callable[[], None]) -> None:
        """Call `go_on()` once, at the next change: of a change since the last call, or since the start, at once."""
        with self._lock:
            is_woken, self._is_woken = self._is_woken, False
            self._go_on = None if is_woken else go_on
        if is_woken:
            go_on()

    def wake(self) -> None:
        """Let the request go on."""
        with self._lock:
            go_on, self._go_on = self._go_on, None
            self._is_woken = go_on is None
        if go_on is not None:
            go_on()

    def unpark(self) -> bool:
        """Keep the request from going on; return False if the request goes on already."""
        with self._lock:
            was_parked, self._go_on = self._go_on is not None, None
        return was_parked


class Waiters:
    """The held requests by site. Any thread may call any method."""

    def __init__(self) -> None:
        self._by_site: dict[str | None, set[Waiter]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def enter(self, site: str | None, is_poll: bool = False) -> Waiter | None:
        """Return a new waiter; None after the close. Enter before the look at the store, or a change is missed."""
        waiter = Waiter(site, is_poll)
        with self._lock:
            if self._closed:
                return None
            self._by_site.setdefault(site, set()).add(waiter)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Forget the waiter, also when it has left before."""
        with self._lock:
            others = self._by_site.get(waiter.site, set())
            others.discard(waiter)
            if not others:
                self._by_site.pop(waiter.site, None)

    def wake(self, sites: set[str]) -> None:
        """Wake the requests that wait for any of the sites."""
        if not self._by_site:
            return
        with self._lock:
            woken = [waiter for site in (*sites, None) for waiter in self._by_site.get(site, ())]
        for waiter in woken:
            waiter.wake()

    def close(self) -> None:
        """Wake every request, and admit no further request."""
        with self._lock:
            self._closed = True
            woken = [waiter for waiters in self._by_site.values() for waiter in waiters]
        for waiter in woken:
            waiter.wake()

    @property
    def held(self) -> int:
        """Return the number of held requests."""
        with self._lock:
            return sum(map(len, self._by_site.values()))

    @property
    def held_polls(self) -> int:
        """Return the number of held polls of programs."""
        with self._lock:
            return sum(waiter.is_poll for waiters in self._by_site.values() for waiter in waiters)
