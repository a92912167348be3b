"""The service control manager of Windows, by ctypes.

https://learn.microsoft.com/windows/win32/services/service-functions
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes
from typing import Any, NamedTuple

# Rights, and the kinds of services. The names are those of winsvc.h.
SC_MANAGER_CONNECT, SC_MANAGER_CREATE_SERVICE = 0x1, 0x2
SERVICE_QUERY_CONFIG, SERVICE_QUERY_STATUS, SERVICE_ALL_ACCESS = 0x1, 0x4, 0xF01FF
SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START, SERVICE_ERROR_NORMAL = 0x10, 2, 1
SERVICE_CONTROL_STOP, SYNCHRONIZE = 1, 0x100000
SERVICE_STOPPED, SERVICE_START_PENDING, SERVICE_STOP_PENDING, SERVICE_RUNNING = 1, 2, 3, 4
SERVICE_CONFIG_DESCRIPTION, SERVICE_CONFIG_FAILURE_ACTIONS, SERVICE_CONFIG_DELAYED_AUTO_START_INFO = 1, 2, 3
SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, SERVICE_CONFIG_PRESHUTDOWN_INFO = 4, 7
SC_STATUS_PROCESS_INFO, SC_ACTION_RESTART = 0, 1
ERROR_ACCESS_DENIED, ERROR_INVALID_LEVEL, ERROR_CALL_NOT_IMPLEMENTED = 5, 124, 120
ERROR_SERVICE_ALREADY_RUNNING, ERROR_SERVICE_DOES_NOT_EXIST, ERROR_SERVICE_NOT_ACTIVE = 1056, 1060, 1062
ERROR_SERVICE_SPECIFIC_ERROR = 1066
ERROR_SERVICE_MARKED_FOR_DELETE = 1072


class Status(ctypes.Structure):
    """SERVICE_STATUS_PROCESS; the first seven fields are SERVICE_STATUS."""

    _fields_ = [
        (name, wintypes.DWORD)
        for name in ("type", "state", "accepted", "exit_code", "specific", "checkpoint", "wait_hint", "pid", "flags")
    ]


class _Config(ctypes.Structure):
    _fields_ = [
        ("type", wintypes.DWORD),
        ("start", wintypes.DWORD),
        ("error_control", wintypes.DWORD),
        ("command", wintypes.LPWSTR),
        ("group", wintypes.LPWSTR),
        ("tag", wintypes.DWORD),
        ("dependencies", wintypes.LPWSTR),
        ("account", wintypes.LPWSTR),
        ("shown_name", wintypes.LPWSTR),
    ]


class Action(ctypes.Structure):
    """SC_ACTION: an act after a failure, and the delay."""

    _fields_ = [("kind", ctypes.c_int), ("delay_ms", wintypes.DWORD)]


class FailureActions(ctypes.Structure):
    """SERVICE_FAILURE_ACTIONS: the acts after the first, second and later failures."""

    _fields_ = [
        ("reset_s", wintypes.DWORD),
        ("message", wintypes.LPWSTR),
        ("command", wintypes.LPWSTR),
        ("count", wintypes.DWORD),
        ("actions", ctypes.POINTER(Action)),
    ]


class Text(ctypes.Structure):
    """SERVICE_DESCRIPTION."""

    _fields_ = [("value", wintypes.LPWSTR)]


class Number(ctypes.Structure):
    """The structures with a single DWORD or BOOL: delayed start, failure flag, preshutdown time."""

    _fields_ = [("value", wintypes.DWORD)]


class Config(NamedTuple):
    """The command line, the account and the start type of a service."""

    command: str
    account: str
    start: int


class ScmError(Exception):
    """A refusal by Windows, with the code."""

    def __init__(self, code: int) -> None:
        # The constructors of Windows alone are not in the type stubs of other systems.
        text = vars(ctypes)["FormatError"](code).strip() or "no reason given"
        super().__init__(f"{text} (error {code})")
        self.code = code


def advapi() -> Any:
    """Return advapi32 with the types of the functions: a handle of 64 bits must not be cut to an int."""
    library = vars(ctypes)["WinDLL"]("advapi32", use_last_error=True)
    handle, text, number = wintypes.HANDLE, wintypes.LPCWSTR, wintypes.DWORD
    library.OpenSCManagerW.argtypes = [text, text, number]
    library.OpenServiceW.argtypes = [handle, text, number]
    library.CreateServiceW.argtypes = [
        handle,
        text,
        text,
        *[number] * 4,
        text,
        text,
        *[ctypes.c_void_p] * 2,
        text,
        text,
    ]
    for name in ("OpenSCManagerW", "OpenServiceW", "CreateServiceW"):
        getattr(library, name).restype = handle
    library.ChangeServiceConfigW.argtypes = [handle, *[number] * 3, text, text, *[ctypes.c_void_p] * 2, *[text] * 3]
    library.ChangeServiceConfig2W.argtypes = [handle, number, ctypes.c_void_p]
    library.QueryServiceConfigW.argtypes = [handle, ctypes.c_void_p, number, ctypes.c_void_p]
    library.QueryServiceConfig2W.argtypes = [handle, number, ctypes.c_void_p, number, ctypes.c_void_p]
    library.QueryServiceStatusEx.argtypes = [handle, ctypes.c_int, ctypes.c_void_p, number, ctypes.c_void_p]
    library.StartServiceW.argtypes = [handle, number, ctypes.c_void_p]
    library.ControlService.argtypes = [handle, number, ctypes.c_void_p]
    library.DeleteService.argtypes = library.CloseServiceHandle.argtypes = [handle]
    return library


class Service:
    """An open service of the manager."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._library, self._handle = library, handle

    def status(self) -> Status:
        """Return the state, the process and the exit code."""
        found, needed = Status(), wintypes.DWORD()
        self._call("QueryServiceStatusEx", SC_STATUS_PROCESS_INFO, found, ctypes.sizeof(found), ctypes.byref(needed))
        return found

    def config(self) -> Config:
        """Return the command line, the account and the start type."""
        size = 8192  # The most that the function fills.
        room, needed = ctypes.create_string_buffer(size), wintypes.DWORD()
        self._call("QueryServiceConfigW", room, size, ctypes.byref(needed))
        found = _Config.from_buffer(room)
        return Config(found.command or "", found.account or "", found.start)

    def number(self, level: int) -> int | None:
        """Return the number in a level of the configuration; None where the system does not tell."""
        found, needed = Number(), wintypes.DWORD()
        try:
            size = ctypes.sizeof(found)
            self._call("QueryServiceConfig2W", level, ctypes.byref(found), size, ctypes.byref(needed))
        except ScmError:
            return None
        return int(found.value)

    def change(self, command: str, account: str) -> None:
        """Replace the command line and the account, and start with the machine."""
        kinds = (SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START, SERVICE_ERROR_NORMAL)
        texts = (command, None, None, None, account, None, None)
        self._call("ChangeServiceConfigW", *kinds, *texts)

    def set(self, level: int, value: ctypes.Structure) -> None:
        """Set a level of the configuration. A system without the level goes on without."""
        try:
            self._call("ChangeServiceConfig2W", level, ctypes.byref(value))
        except ScmError as error:
            if error.code not in (ERROR_INVALID_LEVEL, ERROR_CALL_NOT_IMPLEMENTED):
                raise

    def start(self) -> None:
        """Start the service; a running service stays."""
        self._call("StartServiceW", 0, None, allowed=ERROR_SERVICE_ALREADY_RUNNING)

    def stop(self) -> None:
        """Ask the service to stop; a stopped service stays."""
        status = Status()
        self._call("ControlService", SERVICE_CONTROL_STOP, ctypes.byref(status), allowed=ERROR_SERVICE_NOT_ACTIVE)

    def delete(self) -> None:
        """Delete the service, at once or after the last open handle."""
        self._call("DeleteService", allowed=ERROR_SERVICE_MARKED_FOR_DELETE)

    def _call(self, name: str, *values: Any, allowed: int = 0) -> None:
        values = tuple(ctypes.byref(value) if isinstance(value, ctypes.Structure) else value for value in values)
        if not getattr(self._library, name)(self._handle, *values) and (code := last_error()) != allowed:
            raise ScmError(code)


def last_error() -> int:
    """Return the code of the last refusal in the thread."""
    return int(vars(ctypes)["get_last_error"]())


@contextmanager
def _manager(library: Any, rights: int) -> Iterator[Any]:
    handle = library.OpenSCManagerW(None, None, rights)
    if not handle:
        raise ScmError(last_error())
    try:
        yield handle
    finally:
        library.CloseServiceHandle(handle)


@contextmanager
def opened(name: str, rights: int = SERVICE_ALL_ACCESS) -> Iterator[Service | None]:
    """Open a service by name; None without a service."""
    library = advapi()
    with _manager(library, SC_MANAGER_CONNECT) as manager:
        handle = library.OpenServiceW(manager, name, rights)
        if not handle and last_error() != ERROR_SERVICE_DOES_NOT_EXIST:
            raise ScmError(last_error())
        try:
            yield Service(library, handle) if handle else None
        finally:
            if handle:
                library.CloseServiceHandle(handle)


def create(name: str, shown_name: str, command: str, account: str) -> None:
    """Create a service with an own process, to start with the machine."""
    library = advapi()
    with _manager(library, SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE) as manager:
        kinds = (SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS, SERVICE_AUTO_START, SERVICE_ERROR_NORMAL)
        strings = (command, None, None, None, account, None)
        handle = library.CreateServiceW(manager, name, shown_name, *kinds, *strings)
        if not handle:
            raise ScmError(last_error())
        library.CloseServiceHandle(handle)


@contextmanager
def awaited(pid: int, wait_ms: int) -> Iterator[None]:
    """Wait at the end for the end of a process: a stopped service may still close files."""
    kernel = vars(ctypes)["WinDLL"]("kernel32")
    kernel.OpenProcess.restype = wintypes.HANDLE
    kernel.WaitForSingleObject.argtypes = [wintypes.HANDLE, wintypes.DWORD]
    kernel.CloseHandle.argtypes = [wintypes.HANDLE]
    handle = kernel.OpenProcess(SYNCHRONIZE, False, pid) if pid else None
    try:
        yield
        if handle:
            kernel.WaitForSingleObject(handle, wait_ms)
    finally:
        if handle:
            kernel.CloseHandle(handle)


def require_administrator() -> None:
    """Raise ScmError unless the user may create services."""
    with _manager(advapi(), SC_MANAGER_CONNECT | SC_MANAGER_CREATE_SERVICE):
        pass
