"""Files and folders that are whole after a power cut, and that a virus scanner may have open for a moment."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")
WAITS_S = (0.05, 0.1, 0.2)
# The answers of file systems that cannot sync a folder; PostgreSQL and others know the same.
FOLDER_SYNC_REFUSED = {errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
DISK_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


def reason_of(error: OSError) -> str:
    """Return the reason of a failed file operation in words, in the middle of a sentence."""
    return "the disk is full" if error.errno in DISK_FULL else str(error.strerror or error)


def insist(act: Callable[[], Result]) -> Result:
    """Return the result of `act()`; try again for a moment while another program on Windows has the file open.

    Virus scanners and indexers open new files and refuse renames and removals meanwhile.
    """
    for wait_s in WAITS_S:
        try:
            return act()
        except PermissionError:
            time.sleep(wait_s)
    return act()


def replace(source: Path, target: Path) -> None:
    """Put the file in the place of the target in one step. The caller syncs the folder."""
    insist(lambda: source.replace(target))


def remove(path: Path) -> None:
    """Remove the file if it exists."""
    insist(lambda: path.unlink(missing_ok=True))


def private_opener(name: str, flags: int) -> int:
    """Open a file for `open(…, opener=private_opener)`; a new file is for the owner only."""
    return os.open(name, flags, 0o600)


def write_whole(path: Path, text: str) -> None:
    """Replace the file in one step: after a power cut the old or the new text is there, whole, for the owner only."""
    temporary = path.with_suffix(".new")
    with open(temporary, "w", encoding="utf-8", opener=private_opener) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    replace(temporary, path)
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make the folder for the owner only, with the folders above; the new names are on disk then."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def sync_file(path: Path) -> None:
    """Return once the file's content is on disk."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the names in the folder are on disk, where the file system can do so.

    Windows needs no such call. Many drivers of network drives refuse the call for folders: the file itself is synced,
    so their refusal is no error. Raise OSError for every other failure, such as a broken disk.
    """
    if os.name == "nt":
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EISDIR):  # a folder that takes files and shows none
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in FOLDER_SYNC_REFUSED:
            raise
    finally:
        os.close(descriptor)
