"""The progress of a long work, as a line on a terminal that is replaced, and removed at the end; none in a pipe."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TextIO

from prjobs.base.clock import Clock

EVERY_S = 0.2
Share = Callable[[], float | None]


class _Line:
    """The line of one step on a terminal, written anew by a separate thread until the step ends."""

    def __init__(self, stream: TextIO, what: str, share: Share) -> None:
        self._stream, self._what, self._share = stream, what, share
        self._clock = Clock()
        self._begin_s = self._clock.elapsed_s()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Remove the line."""
        self._ended.set()
        self._thread.join()
        self._write("")

    def _run(self) -> None:
        self._write(self._text())
        while not self._ended.wait(EVERY_S):
            self._write(self._text())

    def _text(self) -> str:
        done = self._share()
        percent = "" if done is None else f"{100 * min(max(done, 0.0), 1.0):.0f} %, "
        return f"{self._what}: {percent}{self._clock.elapsed_s() - self._begin_s:.0f} s"

    def _write(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        try:
            # Spaces, not a code of the terminal: old consoles of Windows would print the code.
            self._stream.write(f"\r{text[:width]:{width}}\r{text[:width]}")
            self._stream.flush()
        except (OSError, ValueError):
            # The terminal was closed: the work goes on.
            self._ended.set()


_stream: ContextVar[TextIO | None] = ContextVar("progress", default=None)


@contextmanager
def shown_on(stream: TextIO | None) -> Iterator[None]:
    """Show the steps of the works inside on the stream if it is a terminal."""
    token = _stream.set(stream if stream is not None and stream.isatty() else None)
    try:
        yield
    finally:
        _stream.reset(token)


@contextmanager
def step(what: str, share: Share = lambda: None) -> Iterator[None]:
    """Show one step of a long work while it lasts. `share()`: the done part from 0 to 1, None if unknown."""
    stream = _stream.get()
    if stream is None:
        yield
        return
    line = _Line(stream, what, share)
    try:
        yield
    finally:
        line.end()


def grown(path: Path, total_bytes: int) -> Share:
    """Return the size of a file that is being written, as a share of the expected size."""

    def share() -> float | None:
        try:
            return path.stat().st_size / max(1, total_bytes)
        except OSError:
            return None

    return share


class Counter:
    """The count of done things, as a share of their total; `total` 0: unknown."""

    def __init__(self, total: int = 0) -> None:
        self.done, self.total = 0, total

    def share(self) -> float | None:
        """Return the done part."""
        return self.done / self.total if self.total else None
