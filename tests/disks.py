"""File systems in memory, mounted and taken away, where the machine allows it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def folder_in_memory() -> str | None:
    """Return a folder of a file system in memory with room for the data of tests; None without such a folder."""
    folder = Path("/dev/shm")
    if os.name == "nt" or not folder.is_dir() or shutil.disk_usage(folder).free < 4 * 2**30:
        return None
    # Tests compile libraries and load them.
    return None if os.statvfs(folder).f_flag & os.ST_NOEXEC else str(folder)


@contextmanager
def mounted(place: Path, options: str = "size=16m") -> Iterator[None]:
    """Mount a file system in memory on the folder; skip the test where that is not allowed."""
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no file system may be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
