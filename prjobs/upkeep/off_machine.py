"""The copies of the nightly backups in the folder of `backup_copy`: a share, a stick, another disk.

The folder may hang, be gone, or be the empty mount point of a share: only the thread of the copies touches the folder,
and nothing waits for the thread.
"""

import json
import logging
import os
import re
import shutil
import sqlite3
import threading
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from prjobs.base.errors import Unavailable, Unusable
from prjobs.base.files import insist, private_opener, reason_of, remove, sync_file, sync_folder
from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.jobs.queue import Queue
from prjobs.store.transaction import Transaction
from prjobs.upkeep.backup import AGAIN_S, MB, STEPS, made_at_ms, nightly_backups
from prjobs.upkeep.copy_state import FACT, OLD_MS, CopyState, age_sentence
from prjobs.upkeep.inspection import open_read_only, require_whole

logger = logging.getLogger(__name__)
CHUNK = 1 << 20
HANGS_S = 600.0
# A folder without the file may be the empty mount point of a share, on this machine's own disk.
MARKER = "prjobs-copies.txt"
MARKED = "prjobs copies its nightly backups into this folder, and into no folder without this file.\n"


class Stopped(Exception):
    """The process is to end."""


class BackupCopy:
    """The copies, made in a separate thread."""

    def __init__(self, queue: Queue, folder: Folder) -> None:
        self._queue = queue
        self._folder = folder
        self._target = Path(queue.settings.backup_copy)
        self._thread: threading.Thread | None = None
        self._not_before_s = 0.0
        self._started_s = self._alive_s = queue.clock.elapsed_s()
        self._failed = False
        # The newest backup that is known to be in the folder; None before the first look.
        self._copied: Path | None = None

    def once(self) -> None:
        """Begin to copy when a backup lacks a copy; raise notices for a folder that hangs, and for an old copy."""
        if not self._queue.settings.backup_copy:
            return
        if self._is_at_work():
            self._judge_thread()
        elif self._is_due():
            self._alive_s = self._queue.clock.elapsed_s()
            self._thread = threading.Thread(target=self.copy_once, name="backup copy", daemon=True)
            self._thread.start()
        self._judge_age()

    def _is_at_work(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _is_due(self) -> bool:
        if self._queue.clock.elapsed_s() < self._not_before_s:
            return False
        backups = nightly_backups(self._folder)
        return bool(backups) and backups[-1] != self._copied

    def _judge_thread(self) -> None:
        hanging_s = self._queue.clock.elapsed_s() - self._alive_s
        if hanging_s > HANGS_S:
            self._failed = True
            sentence = (
                f"The folder of backup_copy, {self._target}, has not answered for {hanging_s / 60:.0f} minutes, and "
                "the copy of the backup waits: check the share, or take the stick out and plug it in again."
            )
            self._queue.notices.say(Code.BACKUP_COPY, sentence)

    def _judge_age(self) -> None:
        queue = self._queue
        state = CopyState.read(queue.database.fetch, self._target)
        if state is None:
            state = queue.database.write(_begin, CopyState(str(self._target), queue.clock.now_ms(), 0))
        # A machine that was off for days copies soon after its start.
        is_early = queue.clock.elapsed_s() - self._started_s < AGAIN_S and not self._failed
        age_ms = state.age_ms(queue.clock.now_ms())
        is_old = age_ms > OLD_MS and not is_early
        queue.notices.say(Code.BACKUP_COPY_OLD, age_sentence(state, age_ms) if is_old else "")

    def copy_once(self) -> None:
        """Copy each nightly backup that lacks a copy, the newest first; then remove the oldest copies."""
        queue = self._queue
        self._not_before_s = queue.clock.elapsed_s() + AGAIN_S
        try:
            newest = self._copy_all()
        except Stopped:
            return
        except Exception as error:
            if queue.stopping.is_set():
                return
            self._failed = True
            said = f"The backup was not copied: {self._reason(error)} The next try is in an hour."
            logger.error("%s", said, exc_info=None if isinstance(error, (Unusable, OSError, sqlite3.Error)) else error)
            queue.notices.say(Code.BACKUP_COPY, said)
            return
        self._copied, self._failed, self._not_before_s = newest, False, 0.0
        queue.notices.end(Code.BACKUP_COPY)

    def _reason(self, error: Exception) -> str:
        if isinstance(error, Unusable):
            return str(error)
        if isinstance(error, OSError):
            return f"{error.filename or self._target}: {reason_of(error)}."
        if isinstance(error, sqlite3.Error):
            return f"the copy in {self._target} cannot be read back: {error}."
        return "the log has the details."

    # ---- in the thread

    def _copy_all(self) -> Path | None:
        backups = nightly_backups(self._folder)[::-1]
        self._require_folder()
        for backup in backups:
            if not self._copy_of(backup).exists():
                self._copy(backup)
                logger.info("%s is copied to %s", backup.name, self._target)
            if backup is backups[0]:
                self._note_copied(backup)
        self._remove_old()
        return backups[0] if backups else None

    def _copy_of(self, backup: Path) -> Path:
        """Return the name of the copy: two appliances may copy into one folder."""
        return self._target / f"{self._prefix()}{backup.name.rpartition('prjobs-nightly-')[2]}"

    def _prefix(self) -> str:
        return f"prjobs-{self._queue.identity[:12]}-"

    def _require_folder(self) -> None:
        target = self._target
        if not target.is_dir():
            raise Unusable(f"{target} is no folder now: plug the stick in, mount the share, or make the folder.")
        if target.resolve().is_relative_to(self._folder.path.resolve()):
            raise Unusable(f"{target} leads into the data folder: choose a folder on another disk.")
        if (target / MARKER).exists():
            return
        if self._is_own_disk(target):
            raise Unusable(
                f"{target} is on a disk of this machine and has no file {MARKER}: mount the share or the stick. If the "
                f"folder is right all the same, make an empty file {MARKER} in it."
            )
        with open(target / MARKER, "w", encoding="utf-8", opener=private_opener) as file:
            file.write(MARKED)

    def _is_own_disk(self, target: Path) -> bool:
        """Return True if the folder may be an empty mount point: on the disk of the data or of the system, or known."""
        own = {self._folder.path.stat().st_dev}
        if os.name != "nt":
            own.add(Path("/").stat().st_dev)
        state = CopyState.read(self._queue.database.fetch, target)
        is_known = state is not None and state.made_ms > 0
        return target.stat().st_dev in own or (is_known and not os.path.ismount(target))

    def _step(self) -> bool:
        """Note that the folder answers. Return True if the process is to end."""
        self._alive_s = self._queue.clock.elapsed_s()
        return self._queue.stopping.is_set()

    def _copy(self, backup: Path) -> None:
        copy = self._copy_of(backup)
        temporary = copy.with_name(f"{copy.name}.new")
        free = shutil.disk_usage(self._target).free
        if free < (size := backup.stat().st_size):
            raise Unusable(f"{self._target} is too full: {free // MB} MB are free, {size // MB + 1} MB are needed.")
        try:
            written = self._write(backup, temporary)
            _forget_cached(temporary)
            if self._read(temporary) != written:
                raise Unusable(f"{temporary} reads back other than it was written: check the disk, or take another.")
            with closing(open_read_only(temporary, still=True)) as connection:
                connection.set_progress_handler(self._step, STEPS)
                require_whole(connection, temporary)
            if self._step():
                raise Stopped
            insist(lambda: temporary.rename(copy))
            sync_folder(self._target)
        finally:
            with suppress(OSError):
                remove(temporary)

    def _write(self, backup: Path, temporary: Path) -> str:
        digest = sha256()
        with backup.open("rb") as source, open(temporary, "wb", opener=private_opener) as file:
            while chunk := source.read(CHUNK):
                if self._step():
                    raise Stopped
                digest.update(chunk)
                file.write(chunk)
        sync_file(temporary)
        return digest.hexdigest()

    def _read(self, path: Path) -> str:
        digest = sha256()
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                if self._step():
                    raise Stopped
                digest.update(chunk)
        return digest.hexdigest()

    def _note_copied(self, backup: Path) -> None:
        made_ms = made_at_ms(backup)
        with suppress(Unavailable):
            self._queue.database.write(_save, CopyState(str(self._target), made_ms, made_ms))

    def _remove_old(self) -> None:
        own = re.compile(re.escape(self._prefix()) + r"\d{8}-\d{6}\.sqlite3(\.new)?")
        found = sorted(path for path in self._target.iterdir() if own.fullmatch(path.name))
        copies = [path for path in found if path.suffix != ".new"]
        interrupted = [path for path in found if path.suffix == ".new"]
        for path in copies[: -self._queue.settings.backup_keep] + interrupted:
            remove(path)


def _forget_cached(path: Path) -> None:
    """Make the next read come from the disk, where the system can do so."""
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _begin(transaction: Transaction, state: CopyState) -> CopyState:
    """Save the state of a new folder, unless the thread of the copies was faster; return the state in the store."""
    if known := CopyState.read(transaction.fetch, Path(state.folder)):
        return known
    _save(transaction, state)
    return state


def _save(transaction: Transaction, state: CopyState) -> None:
    value: dict[str, Any] = {"folder": state.folder, "since_ms": state.since_ms, "made_ms": state.made_ms}
    transaction.execute("DELETE FROM fact WHERE name = ?", (FACT,))
    transaction.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (FACT, json.dumps(value)))
