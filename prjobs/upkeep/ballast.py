"""The reserve: a few megabytes of disk, given up on a full disk for queued jobs to leave.

Handing a job out is a write too. On a full disk the reserve lets a waiting stop through.
"""

import logging
import os
import shutil
import threading
from pathlib import Path

from prjobs.base.errors import Fault
from prjobs.base.files import private_opener
from prjobs.jobs.queue import Queue
from prjobs.store.sqlite import FULL_BYTES

logger = logging.getLogger(__name__)
MB = 1_000_000
BALLAST_BYTES = 8 * MB
FIRST_S = 2.0
AGAIN_S = 5.0
# A quota shows as an I/O error; giving the reserve up costs nothing then.
GIVE_UP_ON = frozenset({Fault.FULL, Fault.DISK})


class Ballast:
    """The reserve of one data folder."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._path = ballast_of(queue.folder)
        self._lock = threading.Lock()
        self._make_at_s = queue.clock.elapsed_s() + FIRST_S
        self.given_up = False

    @property
    def needed_bytes(self) -> int:
        """The free bytes needed to make the reserve without taking the room of new jobs."""
        return BALLAST_BYTES + max(self._queue.settings.min_free_mb * MB, BALLAST_BYTES)

    def hurry(self) -> None:
        """Look for a full disk now, in a thread of its own: a stop may be waiting for room."""
        threading.Thread(target=self.once, name="ballast", daemon=True).start()

    def once(self) -> None:
        """Give the reserve up when the store reports a full disk; make the reserve again when there is room."""
        with self._lock:
            self._once()

    def _once(self) -> None:
        now_s = self._queue.clock.elapsed_s()
        trouble = self._queue.database.trouble
        if trouble and trouble.fault in GIVE_UP_ON:
            self.given_up = give_up(self._path) or self.given_up
            self._make_at_s = now_s + AGAIN_S
        elif now_s >= self._make_at_s:
            self._make_at_s = now_s + AGAIN_S
            self._make_once()

    def _make_once(self) -> None:
        try:
            if self._path.exists() and self._path.stat().st_size == BALLAST_BYTES:
                self.given_up = False
            elif shutil.disk_usage(self._path.parent).free >= self.needed_bytes:
                _write(self._path)
                self.given_up = False
        except OSError as error:
            logger.warning("the reserve on the disk cannot be made: %s", error)
            self._path.unlink(missing_ok=True)


def ballast_of(folder: Path) -> Path:
    """Return the path of the reserve."""
    return folder / "ballast"


def _write(path: Path) -> None:
    with open(path, "wb", opener=private_opener) as file:
        for _ in range(BALLAST_BYTES // MB):
            # A file system that compresses would hold back less for other bytes.
            file.write(os.urandom(MB))
        file.flush()
        os.fsync(file.fileno())


def give_up(path: Path) -> bool:
    """Remove the reserve. Return True if there was one."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        logger.error("the disk is full, and the reserve cannot be given up: %s", error)
        return False
    logger.warning(
        "the disk is full: the reserve of %d MB is given up, so that queued jobs can leave", BALLAST_BYTES // MB
    )
    return True


def give_up_when_full(folder: Path) -> None:
    """Give the reserve up before a start on a full disk, for queued jobs to leave."""
    try:
        full = shutil.disk_usage(folder).free < FULL_BYTES
    except OSError:
        return
    if full:
        give_up(ballast_of(folder))
