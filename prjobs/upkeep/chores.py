"""What the process does by itself: each chore is one small step, called again and again until it stops."""

import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass

from prjobs.access import audit_notes
from prjobs.appliance import Appliance
from prjobs.base.errors import Unavailable
from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.jobs import expiry, leases
from prjobs.monitor.watching import Watch
from prjobs.opening import save_polls
from prjobs.store.transaction import Transaction
from prjobs.upkeep.backup import Nightly
from prjobs.upkeep.ballast import Ballast
from prjobs.upkeep.retention import Retention

logger = logging.getLogger(__name__)
CLOCK_STEP_MS = 2000
CLOCK_NOTICE_S = 86_400
MB = 1_000_000
# A start has better things to do.
BACKUP_AFTER_S = 60


@dataclass
class Chore:
    """A step and how often it is due, by elapsed time."""

    name: str
    every_s: float
    once: Callable[[], object]
    due_s: float = 0.0


class Chores:
    """All chores of one appliance."""

    def __init__(self, appliance: Appliance, folder: Folder) -> None:
        self._appliance = appliance
        self._folder = folder
        self._opened = folder.database.stat()
        self._clock_ahead_ms = self._wall_ahead_ms()
        self._clock_moved_s: float | None = None
        self._ballast = Ballast(appliance)
        nightly = Nightly(appliance, folder)
        self.chores = [
            Chore("ballast", 0.25, self._ballast.once),
            Chore("file", 1, self.watch_file_once),
            Chore("clock", 1, self.watch_clock_once),
            Chore("trouble", 1, self.probe_once),
            Chore("expiry", 1, lambda: expiry.expire_once(appliance.queue)),
            Chore("leases", 1, lambda: leases.return_once(appliance.queue)),
            Chore("disk", 5, self.watch_disk_once),
            Chore("retention", 1, Retention(appliance.queue).once),
            Chore("audit", 5, lambda: audit_notes.keep_once(appliance.desk)),
            Chore("polls", 60, lambda: save_polls(appliance.queue, folder)),
            Chore("backup", 60, nightly.once, appliance.queue.clock.elapsed_s() + BACKUP_AFTER_S),
            # The last, since it tells what the others found.
            Chore("alarms", 1, Watch(appliance.board).once),
        ]

    def run(self, stop: threading.Event) -> None:
        """Do what is due, until told to stop."""
        while not stop.is_set():
            self.once()
            stop.wait(0.25)

    def once(self) -> None:
        """Do each chore that is due; a store that is in trouble never ends the loop."""
        now_s = self._appliance.queue.clock.elapsed_s()
        for chore in self.chores:
            if now_s < chore.due_s:
                continue
            chore.due_s = now_s + chore.every_s
            try:
                chore.once()
            except Unavailable as unavailable:
                logger.warning("the chore %s waits: %s", chore.name, unavailable)
            except Exception:
                logger.exception("the chore %s failed", chore.name)

    # ---- the file

    def watch_file_once(self) -> None:
        """Writes into a deleted or replaced file succeed silently: look whether ours is still the one."""
        try:
            now = self._folder.database.stat()
            same = (now.st_ino, now.st_dev) == (self._opened.st_ino, self._opened.st_dev)
        except OSError:
            same = False
        if same:
            self._appliance.queue.database.find()
        else:
            self._appliance.queue.database.lose(
                f"{self._folder.database} was deleted or replaced while in use: stop prjobs, then bring the file back."
            )

    def probe_once(self) -> None:
        """While the store is in trouble, try a small write, so that its end is noticed."""
        if self._appliance.queue.database.trouble:
            self._appliance.queue.database.write(_touch, patience_s=0.5)

    # ---- the disk

    def watch_disk_once(self) -> None:
        """Below the limit no new jobs are taken, so that what is queued can still be handed out."""
        free_mb = shutil.disk_usage(self._folder.path).free // MB
        limit_mb = self._appliance.queue.settings.min_free_mb
        if self._ballast.given_up:
            # What the reserve freed is for jobs that wait, not for new ones.
            limit_mb = -(-self._ballast.needed_bytes // MB)
        if free_mb < limit_mb:
            sentence = f"The disk is nearly full: {free_mb} MB free, {limit_mb} MB are needed for new jobs."
            self._appliance.queue.notices.say(Code.DISK_LOW, sentence)
        else:
            self._appliance.queue.notices.end(Code.DISK_LOW)

    # ---- the clock

    def _wall_ahead_ms(self) -> float:
        clock = self._appliance.queue.clock
        return clock.now_ms() - clock.elapsed_s() * 1000

    def watch_clock_once(self) -> None:
        """Say for a day that the wall clock stepped, and by how much."""
        ahead_ms = self._wall_ahead_ms()
        step_ms, self._clock_ahead_ms = ahead_ms - self._clock_ahead_ms, ahead_ms
        now_s = self._appliance.queue.clock.elapsed_s()
        if abs(step_ms) > CLOCK_STEP_MS:
            self._clock_moved_s = now_s
            direction = "forward" if step_ms > 0 else "back"
            sentence = f"The clock of this machine moved {direction} by {abs(step_ms) / 1000:.0f} s."
            logger.warning("%s", sentence)
            self._appliance.queue.notices.say(Code.CLOCK, sentence)
        elif self._clock_moved_s is not None and now_s - self._clock_moved_s > CLOCK_NOTICE_S:
            self._clock_moved_s = None
            self._appliance.queue.notices.end(Code.CLOCK)


def _touch(transaction: Transaction) -> None:
    transaction.execute("UPDATE fact SET value = value WHERE name = 'running'")
