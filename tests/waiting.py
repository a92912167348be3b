"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
# No machine is so busy that it needs longer: a test that waits in vain has found a defect.
PATIENCE_S = 60.0


def wait_for(find: Callable[[], Found], pause: Callable[[], None] = lambda: time.sleep(0.02)) -> Found:
    """Return what `find` returns as soon as that is true; AssertionError when it never is."""
    end_s = time.monotonic() + PATIENCE_S
    while not (found := find()):
        assert time.monotonic() < end_s, f"it did not happen within {PATIENCE_S:g} s"
        pause()
    return found
