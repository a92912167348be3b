"""A few megabytes of disk that are held back, and given up when the disk is full: queued jobs can still leave then.

Even handing a job out is a write. On a full disk the reserve is what lets a waiting stop through.
"""

import logging
import os
import shutil
from pathlib import Path

from prjobs.appliance import Appliance
from prjobs.base.errors import Fault

logger = logging.getLogger(__name__)
MB = 1_000_000
BALLAST_BYTES = 8 * MB
# Below this even a few small writes are in doubt.
FULL_BYTES = 1 * MB
FIRST_S = 2.0
AGAIN_S = 5.0
# A quota shows as an I/O error; giving the reserve up costs nothing then.
GIVE_UP_ON = frozenset({Fault.FULL, Fault.DISK})


class Ballast:
    """The reserve of one data folder."""

    def __init__(self, appliance: Appliance) -> None:
        self._appliance = appliance
        self._path = ballast_of(appliance.queue.folder)
        self._make_at_s = appliance.queue.clock.elapsed_s() + FIRST_S
        self.given_up = False

    @property
    def needed_bytes(self) -> int:
        """How much must be free before it is made: it never takes the room that new jobs need."""
        return BALLAST_BYTES + max(self._appliance.queue.settings.min_free_mb * MB, BALLAST_BYTES)

    def once(self) -> None:
        """Give it up when the store says that the disk is full; make it again when there is room."""
        now_s = self._appliance.queue.clock.elapsed_s()
        trouble = self._appliance.queue.database.trouble
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
    """Where the reserve is."""
    return folder / "ballast"


def _write(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(BALLAST_BYTES // MB):
            # Bytes that no file system can squeeze.
            file.write(os.urandom(MB))
        file.flush()
        os.fsync(file.fileno())


def give_up(path: Path) -> bool:
    """Remove the reserve; whether there was one."""
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
    """Before a start: a full disk must not keep what is queued from leaving."""
    try:
        full = shutil.disk_usage(folder).free < FULL_BYTES
    except OSError:
        return
    if full:
        give_up(ballast_of(folder))
