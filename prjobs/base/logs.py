"""The log files: one line a record, written a moment later than it was said."""

import logging
import queue
import sys
import threading
from contextlib import suppress
from logging.handlers import MemoryHandler, RotatingFileHandler
from typing import Any

from prjobs.base.folder import Folder

FILE_BYTES = 5_000_000
FILES = 5
# Formatting and writing a line within a request costs it a fifth of its time.
KEPT_LINES = 1000
KEPT_S = 0.25
SCREEN_LINES = 1000
LAST_WORDS_S = 0.8


class OneLine(logging.Formatter):
    """One line a record whatever stands in it; a traceback becomes one line too."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, control characters escaped."""
        line = super().format(record)
        if line.isprintable():
            return line
        return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)


class Screen(logging.Handler):
    """Lines for stderr, written by a thread of its own: a pipe that nobody reads, or a console window in which
    somebody marks text, holds up that thread and nothing else."""

    def __init__(self, stream: Any) -> None:
        super().__init__(logging.WARNING)
        # Below the stream's buffer: whoever hangs there holds its lock, and the process could not end.
        buffer = getattr(stream, "buffer", None)
        self._raw = getattr(buffer, "raw", buffer)
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._lines: queue.Queue[str | None] = queue.Queue(SCREEN_LINES)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line to be written; without room it is counted and stands in the file only."""
        try:
            line = self.format(record)
        except Exception as error:
            line = f"what line {record.lineno} of {record.module} says cannot be written: {type(error).__name__}"
        self.say(line)

    def say(self, line: str) -> None:
        """The same for a finished line."""
        try:
            if self._dropped:
                self._lines.put_nowait(f"{self._dropped} lines were not read in time: they stand in the log file.")
                self._dropped = 0
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Give what was said last a moment; whoever reads nothing by then has the log file."""
        with suppress(queue.Full):
            self._lines.put(None, timeout=LAST_WORDS_S)
            self._thread.join(LAST_WORDS_S)
        super().close()

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            self._write(line)

    def _write(self, line: str) -> None:
        rest = f"{line}\n".encode(self._encoding, "backslashreplace")
        try:
            while rest and self._raw is not None:
                rest = rest[self._raw.write(rest) or len(rest) :]
        except (OSError, ValueError):
            # Nobody is there to read it.
            return


class _File(RotatingFileHandler):
    """The log file. What goes wrong with it is said on the screen: a full disk, or on Windows another program that
    has the file open when it is to get a new name."""

    def __init__(self, folder: Folder, screen: Screen) -> None:
        path = folder.logs / "prjobs.log"
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8", delay=True)
        self._screen = screen

    def doRollover(self) -> None:
        """Go on with the same file when it cannot get a new name, and try again when it has grown once more as much."""
        try:
            super().doRollover()
            self.maxBytes = FILE_BYTES
        except OSError as error:
            self.maxBytes += FILE_BYTES
            self._screen.say(f"the log file cannot be renamed and grows: {error}")

    def handleError(self, record: logging.LogRecord) -> None:
        """As logging does, but without a traceback and without waiting for whoever reads it."""
        self._screen.say(f"a line of {record.module} cannot be written to the log file: {sys.exc_info()[1]!r}")


def set_up_logs(folder: Folder, level: str) -> None:
    """Log to logs/prjobs.log, and warnings also to stderr, where a service manager keeps them.

    A warning is written at once with all before it, other lines within `KEPT_S`: what a killed process said in
    that time is lost.
    """
    screen = Screen(sys.stderr)
    file = _File(folder, screen)
    for handler in (file, screen):
        handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(threadName)s %(message)s"))
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
