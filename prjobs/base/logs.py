"""The log files, with a line for each message, written a moment after the message."""

import logging
import queue
import sys
import threading
import time
from contextlib import suppress
from io import TextIOWrapper
from logging.handlers import MemoryHandler, RotatingFileHandler
from pathlib import Path
from typing import Any

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.files import make_folder, private_opener
from prjobs.base.folder import Folder
from prjobs.base.limits import OTHERS, Quota

logger = logging.getLogger(__name__)
FILE_BYTES = 5_000_000
FILES = 5
FORMAT = "%(asctime)s %(levelname)s %(threadName)s %(message)s"
# Formatting and writing a line within a request would cost the request a fifth of its time.
KEPT_LINES = 1000
KEPT_S = 1.0
SCREEN_LINES = 1000
CLOSE_S = 0.8
# More lines of one kind, about the requests of one peer, would push out in minutes what was logged before.
PEER_LINES = 60
PEER_S = 60.0
PEERS = 50
LINE_CHARS = 10_000
# The names of threads that ask secret addresses begin with this.
SECRET_THREADS = "notify"
# The beginning of the line with the reason of a failed start: `prjobs service` looks for the line.
NOT_SERVING = "prjobs does not serve: "


class _Request(threading.local):
    peer = ""


_request = _Request()


def note_peer(address: str) -> None:
    """Note whose request this thread answers from now on: the lines of the thread count as lines of the peer."""
    _request.peer = address


class OneLine(logging.Formatter):
    """The format of a message as a single line, with a traceback inside the line."""

    # Local times without a zone cannot be compared with those of the page and the night log.
    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a message, with control characters escaped."""
        line = super().format(record)
        if len(line) > LINE_CHARS:
            line = f"{line[: LINE_CHARS // 2]} … {line[-LINE_CHARS // 2 :]}"
        if line.isprintable():
            return line
        return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)


class PeerLimit(logging.Filter):
    """The limit on lines about the requests of one peer, for each line of code that logs; other lines always pass."""

    def __init__(self) -> None:
        super().__init__()
        self._clock = Clock()
        self._quota = Quota(PEER_LINES, PEER_S, PEERS)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True if the message is to be logged; the answer is the same for each handler."""
        said: dict[str, Any] = record.__dict__
        if "is_within" not in said:
            # The server's own lines about what comes from the network are logged in the thread of the loop.
            peer = _request.peer or ("the network" if record.name == "waitress" else "")
            kind = f"{record.levelno} {peer} ({record.module}, line {record.lineno})"
            said["is_within"] = not peer or self._quota.take(kind, self._clock.elapsed_s())
        return bool(said["is_within"])

    def tell(self, is_last: bool = False) -> None:
        """Log the number of messages left out in the minutes that have ended; at last also in the others."""
        for kind, count in self._quota.left_out(self._clock.elapsed_s() + is_last * PEER_S):
            level, whose = (logging.INFO, "more peers") if kind == OTHERS else kind.split(" ", 1)
            logger.log(int(level), "%d more messages about requests of %s were left out in a minute", count, whose)


class OwnLines(logging.Filter):
    """The lines of prjobs alone, in threads that ask secret addresses: libraries log the addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True if the message is to be logged."""
        return record.name.startswith("prjobs") or not (record.threadName or "").startswith(SECRET_THREADS)


class Screen(logging.Handler):
    """The lines for stderr, written by a separate thread.

    A pipe without a reader, or a console window with marked text, blocks the separate thread and no request.
    """

    def __init__(self, stream: Any) -> None:
        super().__init__(logging.WARNING)
        # A blocked write to the buffer would hold the buffer's lock, and the process could not end.
        buffer = getattr(stream, "buffer", None)
        self._raw = getattr(buffer, "raw", buffer)
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._lines: queue.Queue[str | None] = queue.Queue(SCREEN_LINES)
        self._dropped = 0
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the line of a message; count the line when the queue is full: the file has every line."""
        try:
            line = self.format(record)
        except Exception as error:
            line = f"the message of line {record.lineno} of {record.module} cannot be written: {type(error).__name__}"
        self.say(line)

    def say(self, line: str) -> None:
        """Queue a finished line; count the line when the queue is full."""
        try:
            if self._dropped:
                self._lines.put_nowait(f"{self._dropped} lines were not read in time: see the log file.")
                self._dropped = 0
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Give the last lines a moment to be written; a blocked screen must not hold up the end of the process."""
        with suppress(queue.Full):
            self._lines.put(None, timeout=CLOSE_S)
            self._thread.join(CLOSE_S)
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
            # The reader has closed the pipe.
            return


class _File(RotatingFileHandler):
    """The log file, with failures told on the screen: a full disk, or a program on Windows that holds the file open
    when the file is to be renamed."""

    def __init__(self, folder: Folder, screen: Screen) -> None:
        super().__init__(folder.log, maxBytes=FILE_BYTES, backupCount=FILES, encoding="utf-8", delay=True)
        self._screen = screen

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=private_opener)  # type: ignore[return-value]

    def doRollover(self) -> None:
        """Begin a new file. Go on with the old file while it cannot be renamed, and try again after FILE_BYTES more."""
        if self.stream:
            self.stream.close()
            self.stream = None
        try:
            self._rename()
            self.maxBytes = FILE_BYTES
        except OSError as error:
            self.maxBytes += FILE_BYTES
            self._screen.say(f"the log file cannot be renamed and grows: {error}. Close the program that has it open.")

    def _rename(self) -> None:
        """Give each file the next number. A file that cannot be renamed loses no older one.

        The current file is renamed first, to number 0; then only the files before the first gap are.
        """
        names = [Path(f"{self.baseFilename}.{number}") for number in range(FILES + 1)]
        if not names[0].exists():
            Path(self.baseFilename).rename(names[0])
        gap = next((number for number in range(1, FILES) if not names[number].exists()), FILES)
        for number in range(gap, 0, -1):
            names[number - 1].replace(names[number])

    def handleError(self, record: logging.LogRecord) -> None:
        """Tell the failure on the screen in a line; logging itself would write a traceback and wait for the reader."""
        self._screen.say(f"a line of {record.module} cannot be written to the log file: {sys.exc_info()[1]!r}")


def set_up_logs(folder: Folder, level: str) -> None:
    """Log to logs/prjobs.log, and warnings also to stderr, for the service manager.

    A warning is written at once with all lines before, other lines within `KEPT_S` seconds: a killed process loses
    the lines of the last `KEPT_S` seconds.
    """
    screen = Screen(sys.stderr)
    file = _File(folder, screen)
    for written in (file, screen):
        written.setFormatter(OneLine(FORMAT))
    root, limit = logging.getLogger(), PeerLimit()
    root.setLevel(level.upper())
    handlers = [MemoryHandler(KEPT_LINES, flushLevel=logging.WARNING, target=file), screen]
    for handler in handlers:
        handler.addFilter(OwnLines())
        handler.addFilter(limit)
        root.addHandler(handler)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def log_failure(folder: Folder, error: Exception) -> None:
    """Append the reason why a server ends to the log file alone: a task of Windows shows the output to nobody.

    The command prints the same sentence on stderr. Without a data folder there is no log file.
    """
    for handler in logging.getLogger().handlers:
        handler.flush()
    is_defect = not isinstance(error, Unusable)
    exc_info = (type(error), error, error.__traceback__) if is_defect else None
    ended = {"levelname": "ERROR", "msg": f"{NOT_SERVING}{error}", "exc_info": exc_info}
    line = OneLine(FORMAT).format(logging.makeLogRecord(ended))
    # A handler would print a traceback on stderr when the disk is full.
    with suppress(OSError):
        if folder.path.is_dir():
            make_folder(folder.logs)
            with open(folder.log, "ab", opener=private_opener) as file:
                file.write(f"{line}\n".encode())


def write_logs(stop: threading.Event) -> None:
    """Write the kept lines every `KEPT_S` seconds until told to stop; the end of the process writes the rest."""
    is_last = False
    while not is_last:
        is_last = stop.wait(KEPT_S)
        handlers = logging.getLogger().handlers
        for limit in {one for handler in handlers for one in handler.filters if isinstance(one, PeerLimit)}:
            limit.tell(is_last)
        for handler in handlers:
            handler.flush()
