"""The watch over the machine under the appliance: the store's file, the disk and the wall clock."""

import json
import logging
import shutil
from pathlib import Path

from prjobs.base.clock import StoreClock
from prjobs.base.notices import Code
from prjobs.jobs.queue import Queue
from prjobs.store.losses import FACT
from prjobs.store.transaction import Transaction
from prjobs.upkeep.ballast import MB, Ballast

logger = logging.getLogger(__name__)
CLOCK_STEP_MS = 2000
CLOCK_NOTICE_S = 86_400
# The difference of two clocks that is worth a notice.
CLOCK_DIFFERS_MS = 1000


class StoreFile:
    """The file under the open store: writes into a deleted or replaced file succeed without a sign."""

    def __init__(self, queue: Queue, path: Path) -> None:
        self._database = queue.database
        self._path = path
        self._opened = path.stat()

    def watch_once(self) -> None:
        """Report the store as replaced unless the path still leads to the opened file."""
        try:
            now = self._path.stat()
            same = (now.st_ino, now.st_dev) == (self._opened.st_ino, self._opened.st_dev)
        except OSError:
            same = False
        if same:
            self._database.find()
        else:
            self._database.lose(
                f"{self._path} was deleted or replaced while in use: stop prjobs, then bring the file back."
            )


def probe_once(queue: Queue) -> None:
    """Make the writer try the disk while the store is in trouble, to notice the end of the trouble."""
    if queue.database.trouble:
        queue.database.write(_change_nothing, patience_s=0.5)


def _change_nothing(_transaction: Transaction) -> None:
    """Leave the proof to the writer, which commits a small transaction of its own before any other after a fault."""


def watch_disk_once(queue: Queue, ballast: Ballast) -> None:
    """Refuse new jobs while the disk is nearly full: the rest of the disk is for queued jobs to be handed out."""
    free_mb = shutil.disk_usage(queue.folder).free // MB
    limit_mb = queue.settings.min_free_mb
    if ballast.given_up:
        # The room of the reserve is for jobs that wait: new jobs would fill the disk again.
        limit_mb = -(-ballast.needed_bytes // MB)
    if free_mb < limit_mb:
        sentence = f"The disk is nearly full: {free_mb} MB free, {limit_mb} MB are needed for new jobs."
        queue.notices.say(Code.DISK_LOW, sentence)
    else:
        queue.notices.end(Code.DISK_LOW)


class WallClock:
    """The wall clock, compared with the elapsed time."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._ahead_ms = self._wall_ahead_ms()
        self._moved_s: float | None = None

    def _wall_ahead_ms(self) -> float:
        return self._queue.clock.now_ms() - self._queue.clock.elapsed_s() * 1000

    def watch_once(self) -> None:
        """Raise a notice for a day after a step of the wall clock."""
        ahead_ms = self._wall_ahead_ms()
        step_ms, self._ahead_ms = ahead_ms - self._ahead_ms, ahead_ms
        now_s = self._queue.clock.elapsed_s()
        if abs(step_ms) > CLOCK_STEP_MS:
            self._moved_s = now_s
            direction = "forward" if step_ms > 0 else "back"
            sentence = f"The clock of this machine moved {direction} by {abs(step_ms) / 1000:.0f} s."
            logger.warning("%s", sentence)
            self._queue.notices.say(Code.CLOCK, sentence)
        elif self._moved_s is not None and now_s - self._moved_s > CLOCK_NOTICE_S:
            self._moved_s = None
            self._queue.notices.end(Code.CLOCK)


def compare_clocks(queue: Queue, clock: StoreClock) -> None:
    """Raise a notice while this machine's clock differs from that of the database, which a hub goes by.

    After a step of the database's clock the notice stays for a day.
    """
    sentences = [_step_of_database(clock), _difference(clock.offset_ms)]
    queue.notices.say(Code.CLOCK, " ".join(filter(None, sentences)))


def _step_of_database(clock: StoreClock) -> str:
    if clock.step is None or clock.elapsed_s() - clock.step.noticed_s > CLOCK_NOTICE_S:
        return ""
    direction = "forward" if clock.step.ms > 0 else "back"
    return (
        f"The clock of the hub's database moved {direction} by {abs(clock.step.ms) / 1000:.0f} s. The ends of jobs, "
        "leases and locks go by that clock: set the clock by NTP."
    )


def _difference(ahead_ms: int) -> str:
    if abs(ahead_ms) <= CLOCK_DIFFERS_MS:
        return ""
    direction = "behind" if ahead_ms > 0 else "ahead of"
    return (
        f"The clock of this machine is {abs(ahead_ms) / 1000:.0f} s {direction} that of the hub's database. The hub "
        "goes by the database: set both clocks by NTP."
    )


def watch_losses_once(queue: Queue) -> None:
    """Raise a notice for a day after the database changed over to a server that lacked answered writes."""
    found = queue.database.fetch("SELECT value FROM fact WHERE name = ?", (FACT,))
    lost = json.loads(found[0][0]) if found else None
    if lost is None or queue.clock.now_ms() - lost["time_ms"] > CLOCK_NOTICE_S * 1000:
        queue.notices.end(Code.STORE)
        return
    sentence = (
        f"The database changed over to a server that lacked answered writes: its newest change had the number "
        f"{lost['found']}, and number {lost['seen']} was stored. Jobs and reports between the two are lost: look at "
        "what the telescopes do, and send lost jobs again. Set up a synchronous standby."
    )
    queue.notices.say(Code.STORE, sentence)
