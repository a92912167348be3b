"""The check of a large store for damage, after the start: reading gigabytes would keep the first poll waiting."""

import logging
import sqlite3
import threading
from contextlib import closing

from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.jobs.queue import Queue
from prjobs.store.schema import is_checked_at_start
from prjobs.upkeep.inspection import damages, open_read_only

logger = logging.getLogger(__name__)
# SQLite asks after so many of its steps whether the process is to end.
STEPS = 200_000


class FileCheck:
    """The check, once in a process, in a separate thread: no chore waits."""

    def __init__(self, queue: Queue, folder: Folder) -> None:
        self._queue = queue
        self._folder = folder
        self._is_due = not is_checked_at_start(folder.database)

    def once(self) -> None:
        """Begin the check of a store that was too large for the start."""
        if self._is_due:
            self._is_due = False
            threading.Thread(target=self.check, name="file check", daemon=True).start()

    def check(self) -> None:
        """Raise a notice for a damaged file."""
        path, stopped = self._folder.database, self._queue.stopping.is_set
        try:
            with closing(open_read_only(path)) as connection:
                connection.set_progress_handler(stopped, STEPS)
                found = damages(connection, deep=False)
        except sqlite3.Error as error:
            found = [str(error)]
        if found and not stopped():
            sentence = f"{path}: The database file is damaged: {found[0]}. {self._folder.restore_advice()}"
            logger.error("%s", sentence)
            self._queue.notices.say(Code.STORE, sentence)
