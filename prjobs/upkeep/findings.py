"""What the doctor says, and of whom."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from prjobs.base.clock import Clock
from prjobs.base.folder import Folder
from prjobs.base.settings import Settings

# As it should be; worth knowing; something must be done.
OK, NOTE, WRONG = "ok", "note", "WRONG"


class Finding(msgspec.Struct, frozen=True):
    """One line of the report."""

    level: str
    check: str
    sentence: str


Findings = Iterator[Finding]


@dataclass(frozen=True)
class Patient:
    """What is examined. `url` is the running server's; `is_served` whether a process holds the folder."""

    folder: Folder
    settings: Settings
    clock: Clock
    is_served: bool
    url: str | None

    @property
    def has_store(self) -> bool:
        """Whether there is a file that may hold jobs."""
        return self.folder.database.is_file() and self.folder.database.stat().st_size > 0
