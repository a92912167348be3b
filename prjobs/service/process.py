"""The process of a Windows service: a thread answers the service control manager while the main thread serves.

https://learn.microsoft.com/windows/win32/services/service-programs
"""

import ctypes
import threading
from collections.abc import Callable
from ctypes import wintypes
from typing import Any

from prjobs.service import scm
from prjobs.service.installed import NAME

SERVICE_CONTROL_SHUTDOWN, SERVICE_CONTROL_PRESHUTDOWN = 5, 15
STOPS = (scm.SERVICE_CONTROL_STOP, SERVICE_CONTROL_SHUTDOWN, SERVICE_CONTROL_PRESHUTDOWN)
SERVICE_ACCEPT_STOP, SERVICE_ACCEPT_PRESHUTDOWN = 0x1, 0x100
NOT_CALLED, IS_CALLED = 120, 0  # ERROR_CALL_NOT_IMPLEMENTED, NO_ERROR
WAIT_HINT_MS = 20_000
# A large store takes its time to open: the manager gives up on a start that shows no progress.
PROGRESS_S = 3.0
CONNECT_S = 30.0
EVENTLOG_ERROR_TYPE = 1


class NotStartedByManager(Exception):
    """The process was started by a person, and not by the service control manager."""


class ServiceProcess:
    """The service in the process. `connect`, then `ready` once the server listens, and `end` as the last act."""

    def __init__(self) -> None:
        self._library = scm.advapi()
        self._state, self._checkpoint, self._code = scm.SERVICE_START_PENDING, 0, 0
        self._handle: Any = None
        self._stop: Callable[[], None] | None = None
        self._lock = threading.Lock()
        self._began, self._ended, self._refused = threading.Event(), threading.Event(), threading.Event()
        self._told_end = threading.Event()
        self._types()

    def _types(self) -> None:
        make = vars(ctypes)["WINFUNCTYPE"]
        main = make(None, wintypes.DWORD, ctypes.POINTER(wintypes.LPWSTR))
        handler = make(wintypes.DWORD, wintypes.DWORD, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p)
        # Windows keeps only pointers: functions that Python collects would crash the process when they are called.
        self._main, self._handler = main(self._run), handler(self._control)

        class Entry(ctypes.Structure):
            _fields_ = [("name", wintypes.LPWSTR), ("main", main)]

        self._table = (Entry * 2)(Entry(NAME, self._main), Entry(None, main()))
        self._library.RegisterServiceCtrlHandlerExW.restype = wintypes.HANDLE
        self._library.RegisterServiceCtrlHandlerExW.argtypes = [wintypes.LPCWSTR, handler, ctypes.c_void_p]
        self._library.SetServiceStatus.argtypes = [wintypes.HANDLE, ctypes.c_void_p]

    def connect(self) -> None:
        """Connect to the manager, and wait for the start. Raise NotStartedByManager without a manager."""
        threading.Thread(target=self._dispatch, name="service", daemon=True).start()
        if not self._began.wait(CONNECT_S) or self._refused.is_set():
            raise NotStartedByManager("This program is started by Windows: `prjobs service start` asks for it.")
        threading.Thread(target=self._show_progress, name="progress", daemon=True).start()

    def _dispatch(self) -> None:
        """Run the manager's dispatcher in the thread until the end of the service."""
        if not self._library.StartServiceCtrlDispatcherW(self._table):
            self._refused.set()
            self._began.set()

    def _run(self, _count: int, _words: Any) -> None:
        """Be the ServiceMain of Windows, called in a thread of the dispatcher."""
        self._handle = self._library.RegisterServiceCtrlHandlerExW(NAME, self._handler, None)
        self._tell(scm.SERVICE_START_PENDING)
        self._began.set()
        self._ended.wait()
        self._tell(scm.SERVICE_STOPPED)
        self._told_end.set()

    def _control(self, control: int, _event: int, _data: Any, _context: Any) -> int:
        """Answer a control of the manager, in the thread of the dispatcher."""
        if control in STOPS:
            self._tell(scm.SERVICE_STOP_PENDING)
            if self._stop:
                self._stop()
            return IS_CALLED
        return IS_CALLED if control == 4 else NOT_CALLED  # SERVICE_CONTROL_INTERROGATE

    def _show_progress(self) -> None:
        while not self._ended.wait(PROGRESS_S) and self._state != scm.SERVICE_RUNNING:
            self._tell(self._state)

    def on_stop(self, stop: Callable[[], None]) -> None:
        """Have `stop` called when the manager asks for the end."""
        self._stop = stop

    def ready(self) -> None:
        """Tell the manager: the service runs, and from now on accepts a stop."""
        self._tell(scm.SERVICE_RUNNING)

    def end(self, code: int) -> None:
        """Tell the manager the end of the service; after a code other than 0 the manager starts the service again."""
        self._code = code
        self._ended.set()
        self._told_end.wait(CONNECT_S)

    def _tell(self, state: int) -> None:
        with self._lock:
            if self._state == scm.SERVICE_STOP_PENDING and state in (scm.SERVICE_RUNNING, scm.SERVICE_START_PENDING):
                state = self._state
            self._state, self._checkpoint = state, self._checkpoint + 1
            pending = state in (scm.SERVICE_START_PENDING, scm.SERVICE_STOP_PENDING)
            status = scm.Status(
                type=scm.SERVICE_WIN32_OWN_PROCESS,
                state=state,
                accepted=SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN if state == scm.SERVICE_RUNNING else 0,
                exit_code=scm.ERROR_SERVICE_SPECIFIC_ERROR if self._code else 0,
                specific=self._code,
                checkpoint=self._checkpoint if pending else 0,
                wait_hint=WAIT_HINT_MS if pending else 0,
            )
            self._library.SetServiceStatus(self._handle, ctypes.byref(status))


def tell_event_log(sentence: str) -> None:
    """Write an error to the event log of Windows: the log file may be on a full disk."""
    library = vars(ctypes)["WinDLL"]("advapi32")
    library.RegisterEventSourceW.restype = wintypes.HANDLE
    library.RegisterEventSourceW.argtypes = [wintypes.LPCWSTR, wintypes.LPCWSTR]
    # The event log's number of arguments is fixed: type, category, id, user, counts, texts, data.
    kinds = [wintypes.HANDLE, wintypes.WORD, wintypes.WORD, wintypes.DWORD, ctypes.c_void_p, wintypes.WORD]
    library.ReportEventW.argtypes = [*kinds, wintypes.DWORD, ctypes.c_void_p, ctypes.c_void_p]
    library.DeregisterEventSource.argtypes = [wintypes.HANDLE]
    source = library.RegisterEventSourceW(None, NAME)
    texts = (wintypes.LPCWSTR * 1)(sentence)
    counted = (EVENTLOG_ERROR_TYPE, 0, 1, None, 1, 0)
    library.ReportEventW(source, *counted, texts, None)
    library.DeregisterEventSource(source)
