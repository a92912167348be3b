"""`python -m tests.power.mutant NAME …`: prjobs with a fault put in on purpose, to try the campaign itself.

The fault is in this process alone; the product has no switch for it.
"""

import os
import stat
import sys
from collections.abc import Callable
from types import SimpleNamespace

from prjobs import cli
from prjobs.base import files
from prjobs.store import sqlite


def commit_without_sync() -> None:
    """Let SQLite sync the log at checkpoints only."""
    sqlite.PRAGMAS["synchronous"] = "normal"


def files_without_sync() -> None:
    """Let the files of the data folder go without their sync; their names are synced as ever."""

    def fsync(file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            os.fsync(file)

    files.os = SimpleNamespace(**{**vars(os), "fsync": fsync})


MUTANTS: dict[str, Callable[[], None]] = {
    "commit_without_sync": commit_without_sync,
    "files_without_sync": files_without_sync,
}

if __name__ == "__main__":
    MUTANTS[sys.argv[1]]()
    sys.exit(cli.main(sys.argv[2:]))
