"""The log files: one line a record, written a moment later than it was said."""

import logging
import sys
import threading
from logging.handlers import MemoryHandler, RotatingFileHandler

from prjobs.folder import Folder

FILE_BYTES = 5_000_000
FILES = 5
# Formatting and writing a line within a request costs it a fifth of its time.
KEPT_LINES = 1000
KEPT_S = 0.25


class OneLine(logging.Formatter):
    """One line a record whatever stands in it; a traceback becomes one line too."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, control characters escaped."""
        line = super().format(record)
        if line.isprintable():
            return line
        return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)


def set_up_logs(folder: Folder, level: str) -> None:
    """Log to logs/prjobs.log, and warnings also to stderr, where a service manager keeps them.

    A warning is written at once with all before it, other lines within `KEPT_S`: what a killed process said in
    that time is lost.
    """
    line = OneLine("%(asctime)s %(levelname)s %(threadName)s %(message)s")
    file = RotatingFileHandler(
        folder.logs / "prjobs.log", maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8", delay=True
    )
    screen = logging.StreamHandler(sys.stderr)
    screen.setLevel(logging.WARNING)
    for handler in (file, screen):
        handler.setFormatter(line)
    root = logging.getLogger()
    root.setLevel(level.upper())
    root.addHandler(MemoryHandler(KEPT_LINES, flushLevel=logging.WARNING, target=file))
    root.addHandler(screen)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def write_logs(stop: threading.Event) -> None:
    """Write what was said, again and again until told to stop; the end of the process writes the rest."""
    while not stop.wait(KEPT_S):
        for handler in logging.getLogger().handlers:
            handler.flush()
