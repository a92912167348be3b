"""The upgrade of a store of an older version: a verified backup comes first, and a notice tells about it for a day."""

import filecmp
import logging
from pathlib import Path

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.files import make_folder, reason_of, remove
from prjobs.base.folder import BEFORE, Folder
from prjobs.base.notices import Code
from prjobs.jobs.queue import Queue
from prjobs.upkeep.backup import DAY_MS, free_path, make_backup, stamped_ms

logger = logging.getLogger(__name__)
# A rule of its own: the nightly backups of a week must not push out the only way back.
KEPT = 3


def keep_older(folder: Folder, clock: Clock, first: str) -> None:
    """Back the store up before the migration `first`, the first that is to run.

    Raises Unusable with a sentence if no verified backup can be made; the store is unchanged then.
    """
    logger.warning("%s is of an older version: a backup is made before the upgrade", folder.database)
    try:
        made = _make(folder, clock, first[:4])
        _remove_old(folder, made)
    except Unusable as unusable:
        raise _refusal(str(unusable)) from None
    except OSError as error:
        raise _refusal(f"{error.filename or folder.backups}: {reason_of(error)}.") from None
    logger.warning("the store as it was before the upgrade is kept in %s", made)


def _refusal(reason: str) -> Unusable:
    return Unusable(
        f"The store is of an older version, and no upgrade begins without a backup. {reason} Nothing was changed: "
        "remove the cause and start again, or go on with the older version."
    )


def _make(folder: Folder, clock: Clock, number: str) -> Path:
    make_folder(folder.backups)
    for interrupted in folder.backups.glob("before-*.sqlite3.*.new*"):
        # The lock of the folder is held: no other process writes the file.
        remove(interrupted)
    earlier = [path for path in folder.before_backups() if path.name.startswith(f"before-{number}-")]
    made = make_backup(folder, free_path(folder.backups, f"before-{number}-{{}}.sqlite3", clock.now_ms())).path
    if earlier and filecmp.cmp(earlier[-1], made, shallow=False):
        # A migration that fails at each start of a service would fill the disk.
        remove(made)
        return earlier[-1]
    return made


def _remove_old(folder: Folder, made: Path) -> None:
    others = [path for path in folder.before_backups() if path != made]
    for path in others[: max(0, len(others) - KEPT + 1)]:
        remove(path)


def say_upgraded(queue: Queue, folder: Folder) -> None:
    """Raise a notice in the day after an upgrade, with the way back."""
    now_ms = queue.clock.now_ms()
    newest = max(folder.before_backups(), default=None, key=_made_ms)
    if newest is None or not 0 <= now_ms - _made_ms(newest) < DAY_MS:
        queue.notices.end(Code.UPGRADED)
        return
    sentence = (
        f"The store was upgraded from an older version. The store from before is kept in {newest}: `prjobs restore` of "
        "the older version brings that store back."
    )
    queue.notices.say(Code.UPGRADED, sentence)


def _made_ms(path: Path) -> int:
    match = BEFORE.fullmatch(path.name)
    return stamped_ms(match[2]) if match else 0
