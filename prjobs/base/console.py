"""The console window on Windows. Python's signal handlers get no time to run when a person closes the window."""

import sys
import time
from collections.abc import Callable
from typing import Any

CLOSE_EVENT = 2
SHUTDOWN_EVENT = 6
# Windows keeps only a pointer: a handler that Python collects would crash the process when it is called.
_handlers: list[Any] = []


def stop_with_console(stop: Callable[[], None]) -> None:
    """Have `stop` called when the console window is closed, and give the process time to end.

    Windows calls the handler in a new thread and ends the process when the handler returns, or after 5 s. Python's
    own handler returns at once. https://learn.microsoft.com/en-us/windows/console/handlerroutine
    """
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        def handle(event: int) -> bool:
            if event not in (CLOSE_EVENT, SHUTDOWN_EVENT):
                return False
            stop()
            time.sleep(4.5)  # The process usually ends before the sleep does.
            return True

        _handlers.append(ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)(handle))
        ctypes.WinDLL("kernel32").SetConsoleCtrlHandler(_handlers[-1], True)
