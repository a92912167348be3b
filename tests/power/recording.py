"""The recording of everything that processes write below one folder: the steps in their order, and marks in between.

A mark is a note of the test's client in the same log, such as "this answer has arrived". tests/power/disks.py rebuilds
the disk that a power cut between two steps leaves.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parent / "recorder.c"
HEADER = struct.Struct("<QqIIII")
CREATE, WRITE, TRUNCATE, SYNC, RENAME, LINK, REMOVE, FOLDER, MARK, UNKNOWN = "cwtsrludm?"

why_not = (
    "LD_PRELOAD is of Linux" if not sys.platform.startswith("linux") else "" if shutil.which("cc") else "there is no cc"
)
needs_recorder = pytest.mark.skipif(bool(why_not), reason=f"the recorder of writes cannot be built: {why_not}")


@dataclass(frozen=True)
class Step:
    """A call that changed the folder, or a mark. Paths are relative to the folder."""

    kind: str
    inode: int
    offset: int
    first: bytes
    second: bytes

    @property
    def path(self) -> str:
        """Return the path that the step concerns: of a rename, the new one."""
        return os.fsdecode(self.second if self.kind == RENAME else self.first)

    @property
    def mark(self) -> dict[str, Any]:
        """Return the note of a mark."""
        return dict(json.loads(self.first))

    def __str__(self) -> str:
        what = f"{len(self.first)} bytes at {self.offset}" if self.kind == WRITE else os.fsdecode(self.first)
        return f"{self.kind} {self.inode} {what}{' → ' if self.second else ''}{os.fsdecode(self.second)}"


class Recording:
    """A folder whose changes are recorded, with the log, the recorder and the folder itself inside `scratch`."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch.resolve()
        self.root = self.scratch / "disk"
        self._log = self.scratch / "steps"
        self._library = self.scratch / "recorder.so"
        # The number of steps that stand for an earlier recording.
        self.first = 0

    def begin(self, marks: Iterable[dict[str, Any]] = ()) -> "Recording":
        """Build the recorder, and make the folder. A folder that is there is gone on with, after the given marks."""
        self.root.mkdir(parents=True, exist_ok=True)
        self._log.write_bytes(b"")
        for path in sorted(self.root.rglob("*")):
            self._note_found(path)
        for mark in marks:
            self.mark(mark)
        self.first = sum(1 for _ in read_steps(self._log.read_bytes()))
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self._library, SOURCE, "-ldl"], check=True)
        return self

    def _note_found(self, path: Path) -> None:
        """Note what was there before the recording: durable, content and name."""
        inode, name = path.stat().st_ino, os.fsencode(path.relative_to(self.root))
        self._note(FOLDER if path.is_dir() else CREATE, inode, name)
        if path.is_file():
            self._note(WRITE, inode, path.read_bytes())
            self._note(SYNC, inode)
        self._note(SYNC, path.parent.stat().st_ino)

    @property
    def root_inode(self) -> int:
        """Return the inode of the folder."""
        return self.root.stat().st_ino

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a recorded process."""
        recorder = {"LD_PRELOAD": str(self._library), "POWER_ROOT": str(self.root), "POWER_LOG": str(self._log)}
        return {**os.environ, **recorder}

    def mark(self, sentence: dict[str, Any]) -> None:
        """Write a mark between the steps."""
        self._note(MARK, 0, json.dumps(sentence).encode())

    def _note(self, kind: str, inode: int, first: bytes = b"") -> None:
        with self._log.open("ab", buffering=0) as log:
            log.write(HEADER.pack(inode, 0, len(first), 0, ord(kind), 0) + first)

    @cached_property
    def steps(self) -> list[Step]:
        """The steps; to be read when no process is recorded any more."""
        return list(read_steps(self._log.read_bytes()))

    def marks(self, cut: int | None = None) -> list[dict[str, Any]]:
        """Return the marks before the cut; all without a cut."""
        return [step.mark for step in self.steps[:cut] if step.kind == MARK]


def read_steps(log: bytes) -> Iterator[Step]:
    """Yield the steps of a log."""
    place = 0
    while place < len(log):
        inode, offset, first, second, kind, _ = HEADER.unpack_from(log, place)
        middle = place + HEADER.size + first
        place = middle + second
        step = Step(chr(kind), inode, offset, log[middle - first : middle], log[middle:place])
        if step.kind == UNKNOWN:
            raise AssertionError(f"the program did what the recorder cannot replay: {step}")
        yield step
