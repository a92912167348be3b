"""The wait for the server of a service manager, and the reason in the log when the start fails."""

import time
from pathlib import Path

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.logs import NOT_SERVING
from prjobs.service.installed import Control, State

START_S = 120.0
STEP_S = 0.2
HEALTH_S = 5.0
TAIL_BYTES = 100_000


def is_served(folder: Folder) -> bool:
    """Return True if a process serves the folder. No file is made: a lock of root's would stop the service's user."""
    return (folder.path / "lock").exists() and folder.is_served()


def answering_url(folder: Folder) -> str:
    """Return the URL of the folder's server once /healthz answers there, well or not; else an empty text."""
    url = str(folder.server().get("url") or "")
    if not url or not is_served(folder):
        return ""
    # Imported late: most commands need no library for HTTP.
    import urllib3

    try:
        answer = urllib3.request("GET", f"{url}/healthz", timeout=HEALTH_S, retries=False)
    except urllib3.exceptions.HTTPError:
        return ""
    return url if answer.status in (200, 503) else ""


class LogEnd:
    """The end of a log before a start: later lines are of the start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = _size(path)

    def reason(self) -> str:
        """Return the newest reason in the log why prjobs did not start since; empty without a reason."""
        size = _size(self._path)
        try:
            with self._path.open("rb") as file:
                file.seek(max(self._size if size >= self._size else 0, size - TAIL_BYTES))
                lines = file.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return next((line.partition(NOT_SERVING)[2].strip() for line in reversed(lines) if NOT_SERVING in line), "")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def wait_until_answers(control: Control, folder: Folder, log: LogEnd) -> str:
    """Return the URL of the server with the first answer. Raise Unusable with the reason when the start fails."""
    clock = Clock()
    end_s = clock.elapsed_s() + START_S
    while clock.elapsed_s() < end_s:
        if url := answering_url(folder):
            return url
        service = control.installed()
        if service is None or service.state in (State.FAILED, State.STOPPED) or log.reason():
            reason = log.reason().rstrip(".") or f"its log has no reason, look in {control.journal}"
            raise Unusable(f"prjobs does not start: {reason}. The log is {folder.log}.")
        time.sleep(STEP_S)
    raise SlowStart(
        f"prjobs started and does not answer after {START_S:.0f} s: the check of a large store may take longer. Look "
        f"with `prjobs service status`; the log is {folder.log}."
    )


class SlowStart(Unusable):
    """A start still going on after the wait."""
