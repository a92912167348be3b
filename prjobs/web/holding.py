"""Requests that are held: the answer leaves when there is something to tell, or when the time is over."""

from collections.abc import Callable
from typing import TypeVar

from bottle import request

from prjobs.jobs.queue import Queue
from prjobs.jobs.waiters import Waiter
from prjobs.web.workers import may_wait, waiting

Found = TypeVar("Found")


def hold(queue: Queue, site: str | None, wait_s: float, look: Callable[[], Found]) -> Found | None:
    """Return `look()` once true, or after `wait_s` at the latest. Returns None when there is no place to wait.

    A change of the site makes the request look again; of any site when `site` is None. A caller who has gone
    ends the wait without a look, and so does the stop of the appliance.
    """
    gone = request.environ["waitress.client_disconnected"]
    with queue.waiters.waiter(site) as waiter:
        if waiter is None or not may_wait():
            return None
        end_s = queue.clock.elapsed_s() + wait_s
        # A change may have come between the caller's own look and the place among the waiters.
        found = look()
        while not found and _is_woken(waiter, end_s - queue.clock.elapsed_s(), gone):
            if gone() or queue.stopping.is_set():
                break
            found = look()
    return found


def _is_woken(waiter: Waiter, timeout_s: float, gone: Callable[[], bool]) -> bool:
    with waiting():
        return waiter.wait(timeout_s, gone)
