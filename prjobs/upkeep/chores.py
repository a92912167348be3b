"""The chores of a running appliance: small steps, each called again and again until the process stops."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from prjobs.access import audit_notes, ending_tokens, web_origins
from prjobs.appliance import Appliance
from prjobs.base.clock import StoreClock
from prjobs.base.errors import Unavailable
from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.jobs import expiry, leases, locking, making_safe, refused_polls, settling, stops, two_programs
from prjobs.jobs.queue import Queue
from prjobs.jobs.saved_polls import save_polls
from prjobs.monitor.watching import Watch
from prjobs.night.rollup import Rollup
from prjobs.upkeep import site_names
from prjobs.upkeep.backup import Nightly
from prjobs.upkeep.ballast import Ballast
from prjobs.upkeep.file_check import FileCheck
from prjobs.upkeep.machine import StoreFile, WallClock, compare_clocks, probe_once, watch_disk_once, watch_losses_once
from prjobs.upkeep.off_machine import BackupCopy
from prjobs.upkeep.retention import Retention
from prjobs.upkeep.surroundings import Surroundings
from prjobs.upkeep.upgrading import say_upgraded

logger = logging.getLogger(__name__)
TICK_S = 1.0
# A backup and a check of the file would slow the start down.
BACKUP_AFTER_S = 60
CHECK_AFTER_S = 30
LOOK_S = 600


@dataclass
class Chore:
    """A step and the seconds of elapsed time between two steps."""

    name: str
    every_s: float
    once: Callable[[], object]
    due_s: float = 0.0


def _clock_watch(queue: Queue) -> Callable[[], object]:
    return (
        partial(compare_clocks, queue, queue.clock)
        if isinstance(queue.clock, StoreClock)
        else WallClock(queue).watch_once
    )


class Chores:
    """All chores of one appliance."""

    def __init__(self, appliance: Appliance, folder: Folder, addresses: Sequence[str] = ()) -> None:
        queue, desk = appliance.queue, appliance.desk
        self._clock = queue.clock
        self.chores = [
            *([] if queue.settings.store_url else self._for_file(queue, folder)),
            *([Chore("losses", 60, lambda: watch_losses_once(queue))] if queue.settings.store_url else []),
            Chore("clock", 1, _clock_watch(queue)),
            Chore("trouble", 1, lambda: probe_once(queue)),
            Chore("expiry", 1, lambda: expiry.expire_once(queue)),
            Chore("leases", 1, lambda: leases.return_once(queue)),
            Chore("withdrawals", TICK_S, lambda: stops.withdraw_rest_once(queue)),
            Chore("settling", 1, lambda: settling.wake_settled(queue)),
            Chore("refused polls", 1, lambda: refused_polls.end_old_once(queue)),
            Chore("two programs", 2, lambda: two_programs.find_once(queue)),
            Chore("tokens", 60, lambda: ending_tokens.watch_once(desk)),
            Chore("roles", 5, lambda: desk.notices.say(Code.ROLES_UNREAD, desk.provider.unread_roles)),
            Chore("keys", 1, lambda: desk.notices.say(Code.KEYS_UNFETCHED, desk.provider.unfetched())),
            Chore("provider clock", 1, lambda: desk.notices.say(Code.PROVIDER_CLOCK, desk.provider.clock_off())),
            Chore("surroundings", LOOK_S, Surroundings(queue, addresses).once),
            Chore("site names", 5, lambda: site_names.watch_once(queue, desk)),
            Chore("web origins", 5, lambda: web_origins.end_old_once(desk)),
            Chore("locks", 1, lambda: locking.end_over_once(queue)),
            Chore("make safe", 1, lambda: making_safe.advance_once(queue)),
            Chore("retention", 1, Retention(queue).once),
            Chore("weeks", 1, Rollup(queue).once),
            Chore("audit", 5, lambda: audit_notes.keep_once(desk)),
            Chore("polls", 60, lambda: save_polls(queue, folder)),
            # The last chore: the alarms tell the findings of the other chores.
            Chore("alarms", 1, Watch(appliance.board).once),
        ]

    def _for_file(self, queue: Queue, folder: Folder) -> list[Chore]:
        """Return the chores for the store's file and the disk below; a hub's store has neither."""
        ballast = Ballast(queue)
        queue.database.on_trouble(ballast.hurry)
        now_s = self._clock.elapsed_s()
        return [
            Chore("ballast", TICK_S, ballast.once),
            Chore("file", 1, StoreFile(queue, folder.database).watch_once),
            Chore("disk", 5, lambda: watch_disk_once(queue, ballast)),
            Chore("file check", 60, FileCheck(queue, folder).once, now_s + CHECK_AFTER_S),
            Chore("backup", 60, Nightly(queue, folder).once, now_s + BACKUP_AFTER_S),
            Chore("backup copy", 60, BackupCopy(queue, folder).once, now_s + BACKUP_AFTER_S),
            Chore("upgrade", 60, lambda: say_upgraded(queue, folder)),
        ]

    def run(self, stop: threading.Event) -> None:
        """Do each chore when due, until told to stop."""
        while not stop.is_set():
            self.once()
            stop.wait(TICK_S)

    def once(self) -> None:
        """Do each chore that is due; a store in trouble never ends the loop."""
        now_s = self._clock.elapsed_s()
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
