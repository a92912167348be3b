"""The console window on Windows. Closing it is no signal that Python could handle in time."""

import sys
import time
from collections.abc import Callable
from typing import Any

CLOSE_EVENT = 2
SHUTDOWN_EVENT = 6
# Windows keeps nothing but a pointer to the handler.
_kept: list[Any] = []


def stop_with_console(stop: Callable[[], None]) -> None:
    """When its window is closed, call `stop` and give the process time to end.

    Windows calls the handler in a thread of its own and ends the process when it returns, or after 5 s. Python's
    own handler returns at once. https://learn.microsoft.com/en-us/windows/console/handlerroutine
    """
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        def handle(event: int) -> bool:
            if event not in (CLOSE_EVENT, SHUTDOWN_EVENT):
                return False
            stop()
            time.sleep(4.5)  # The process ends in the middle of it.
            return True

        _kept.append(ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)(handle))
        ctypes.WinDLL("kernel32").SetConsoleCtrlHandler(_kept[-1], True)
