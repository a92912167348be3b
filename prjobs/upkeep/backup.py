"""Backups: a copy made by SQLite, checked before the copy gets its name; every night, or when asked for."""

import logging
import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from prjobs.base.clock import moment
from prjobs.base.errors import Unusable
from prjobs.base.failpoints import Failpoints
from prjobs.base.files import insist, make_folder, reason_of, remove, sync_folder
from prjobs.base.folder import Folder
from prjobs.base.notices import Code
from prjobs.jobs.queue import Queue
from prjobs.store.sqlite import trouble_of
from prjobs.upkeep.inspection import Census, copy_into, open_read_only, require_whole, take_census

logger = logging.getLogger(__name__)
MB = 1_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LATE_MS = 26 * HOUR_MS
AGAIN_S = 3600.0
LEFTOVER_S = 86_400
STEPS = 200_000
STAMP = "%Y%m%d-%H%M%S"
# No other file is ever removed: a backup that a person made stays.
NIGHTLY = re.compile(r"prjobs-nightly-(\d{8}-\d{6})\.sqlite3")


class Backup(msgspec.Struct, frozen=True):
    """A backup, made and checked."""

    path: Path
    jobs: int


def stamp(now_ms: int) -> str:
    """Return a moment as in the names of files, UTC."""
    return moment(now_ms).strftime(STAMP)


def free_path(folder: Path, name: str, now_ms: int) -> Path:
    """Return a path that is not there: the name with the time for `{}`, or with a later second."""
    while (path := folder / name.format(stamp(now_ms))).exists():
        now_ms += 1000
    return path


def default_target(folder: Folder, now_ms: int) -> Path:
    """Return the default file of a backup."""
    return free_path(folder.backups, "prjobs-{}.sqlite3", now_ms)


def make_backup(
    folder: Folder,
    target: Path,
    spare_bytes: int = 0,
    stopped: Callable[[], bool] = lambda: False,
    failpoints: Failpoints | None = None,
) -> Backup:
    """Copy the store to the target, with or without a running server; the name appears once the copy is checked.

    At least `spare_bytes` of the target's disk stay free. Raises Unusable with a sentence; no file is left then.
    """
    require_free_name(target)
    _require_room(folder, target, spare_bytes)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.new")
    try:
        jobs = _copy(folder.database, temporary, stopped)
        require_free_name(target)
        insist(lambda: temporary.rename(target))
        if failpoints:
            failpoints.passing("backup_after_rename")
        sync_name(target)
    except sqlite3.Error as error:
        raise Unusable(
            f"No backup of {folder.database} was made: {trouble_of(error, target, folder.path).sentence}"
        ) from None
    except OSError as error:
        raise Unusable(f"No backup was made: {target} cannot be written: {reason_of(error)}.") from None
    finally:
        for name in (temporary, temporary.with_name(f"{temporary.name}-journal")):
            with suppress(OSError):
                remove(name)
    return Backup(target, jobs)


def sync_name(target: Path) -> None:
    try:
        sync_folder(target.parent)
    except OSError:
        # The caller says that no backup was made: a file under this name would refuse the next backup.
        remove(target)
        raise


def require_free_name(target: Path) -> None:
    if target.exists():
        raise Unusable(f"{target} exists already: a backup never overwrites a file. Choose another name.")


def _require_room(folder: Folder, target: Path, spare_bytes: int) -> None:
    if not folder.database.is_file() or folder.database.stat().st_size == 0:
        raise Unusable(f"{folder.path} holds no jobs: there is nothing to back up.")
    if not target.parent.is_dir():
        raise Unusable(f"{target.parent} is not a folder: make it first, or choose another name.")
    size = sum(path.stat().st_size for path in folder.path.glob("prjobs.sqlite3*") if not path.name.endswith("-shm"))
    free = shutil.disk_usage(target.parent).free
    if free < size + spare_bytes:
        raise Unusable(
            f"No backup was made: the disk is too full: {free // MB} MB are free in {target.parent}, "
            f"{(size + spare_bytes) // MB + 1} MB are needed."
        )


def _copy(store: Path, temporary: Path, stopped: Callable[[], bool]) -> int:
    with closing(open_read_only(store)) as source:
        source.set_progress_handler(stopped, STEPS)
        before = take_census(source)
        copy_into(source, temporary)
        after = take_census(source)
    with closing(open_read_only(temporary, still=True)) as copy:
        copy.set_progress_handler(stopped, STEPS)
        require_whole(copy, temporary)
        found = take_census(copy)
    if not _is_between(found, before, after):
        raise Unusable(f"No backup was made: the copy of {store} holds other numbers of jobs than the store.")
    return found.jobs


def _is_between(found: Census, before: Census, after: Census) -> bool:
    """Return True if the copy is from between the two counts; new jobs may have come and old jobs may have gone."""
    return _fits(
        (found.jobs, found.newest_job), (before.jobs, before.newest_job), (after.jobs, after.newest_job)
    ) and _fits(
        (found.changes, found.newest_change),
        (before.changes, before.newest_change),
        (after.changes, after.newest_change),
    )


def _fits(found: tuple[int, int], before: tuple[int, int], after: tuple[int, int]) -> bool:
    came = after[1] - before[1]
    gone = before[0] + came - after[0]
    return before[1] <= found[1] <= after[1] and before[0] - gone <= found[0] <= before[0] + came


class Nightly:
    """The nightly backup, made in a separate thread so that no other chore waits."""

    def __init__(self, queue: Queue, folder: Folder) -> None:
        self._queue = queue
        self._folder = folder
        self._thread: threading.Thread | None = None
        self._not_before_s = 0.0

    def once(self) -> None:
        """Begin a backup when due, unless the last one is still being made."""
        if self._thread is not None and self._thread.is_alive():
            return
        if self.is_due():
            self._thread = threading.Thread(target=self.make_once, name="backup", daemon=True)
            self._thread.start()

    def is_due(self) -> bool:
        """Return True if tonight's backup is missing, or the newest is older than 26 hours."""
        clock = self._queue.clock
        if not self._queue.settings.backup_keep or clock.elapsed_s() < self._not_before_s:
            return False
        now_ms = clock.now_ms()
        # A backup from the future was made while the clock was wrong.
        made_ms = max((made for made in map(made_at_ms, nightly_backups(self._folder)) if made <= now_ms), default=0)
        tonight_ms = now_ms - now_ms % DAY_MS + self._queue.settings.backup_hour * HOUR_MS
        if not (made_ms < tonight_ms <= now_ms or now_ms - made_ms > LATE_MS):
            return False
        return bool(self._queue.database.fetch("SELECT 1 FROM job UNION ALL SELECT 1 FROM token LIMIT 1"))

    def make_once(self) -> Path | None:
        """Make tonight's backup, then remove the oldest; a failure raises a notice, and the next try is in an hour."""
        queue = self._queue
        self._not_before_s = queue.clock.elapsed_s() + AGAIN_S
        try:
            made = self._make()
        except Exception as error:
            if queue.stopping.is_set():
                return None
            said = str(error) if isinstance(error, Unusable) else "The nightly backup failed; the log has the details."
            logger.error("%s", said, exc_info=None if isinstance(error, Unusable) else error)
            queue.notices.say(Code.BACKUP, said)
            return None
        queue.notices.end(Code.BACKUP)
        logger.info("backup %s: %d jobs", made.path, made.jobs)
        self._remove_old(made.path)
        return made.path

    def _make(self) -> Backup:
        if trouble := self._queue.database.trouble:
            raise Unusable(f"No backup was made: {trouble.sentence}")
        make_folder(self._folder.backups)
        target = self._folder.backups / f"prjobs-nightly-{stamp(self._queue.clock.now_ms())}.sqlite3"
        spare_bytes = self._queue.settings.min_free_mb * MB
        stopped, failpoints = self._queue.stopping.is_set, self._queue.failpoints
        return make_backup(self._folder, target, spare_bytes, stopped, failpoints)

    def _remove_old(self, made: Path) -> None:
        others = [path for path in nightly_backups(self._folder) if path != made]
        kept = self._queue.settings.backup_keep - 1
        for path in others[: max(len(others) - kept, 0)] + self._leftovers():
            try:
                remove(path)
            except OSError as error:
                logger.warning("the old backup %s cannot be removed: %s", path, error)

    def _leftovers(self) -> list[Path]:
        """Return the files left by interrupted backups."""
        before_s = self._queue.clock.now_ms() / 1000 - LEFTOVER_S
        return [path for path in self._folder.backups.glob("prjobs-*.sqlite3.*.new") if path.stat().st_mtime < before_s]


def nightly_backups(folder: Folder) -> list[Path]:
    """Return the nightly backups, oldest first."""
    return sorted(path for path in folder.backups.glob("*.sqlite3") if NIGHTLY.fullmatch(path.name))


def made_at_ms(path: Path) -> int:
    """Return the time of a nightly backup by the file's name; 0 for a name without a time."""
    match = NIGHTLY.fullmatch(path.name)
    return stamped_ms(match[1]) if match else 0


def stamped_ms(text: str) -> int:
    """Return the moment of a time as in the names of files; 0 for a time that never was."""
    try:
        return int(datetime.strptime(text, STAMP).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return 0
