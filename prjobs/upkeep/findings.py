"""The findings of the doctor, and the data folder under examination."""

from collections.abc import Iterator

import msgspec

from prjobs.base.clock import Clock
from prjobs.base.folder import Folder
from prjobs.base.manual import section_of
from prjobs.base.notices import Code
from prjobs.base.settings import Settings

# In order; worth knowing; in need of repair.
OK, NOTE, WRONG = "ok", "note", "WRONG"


class Finding(msgspec.Struct, frozen=True):
    """One line of the report; `code` and the section of the manual are empty for what is in order or has none."""

    level: str
    check: str
    sentence: str
    code: str = ""
    manual: str = ""


Findings = Iterator[Finding]


def noted(check: str, code: Code, sentence: str) -> Finding:
    """Return a finding that is worth knowing, with the section of the manual."""
    return Finding(NOTE, check, sentence, code, section_of(code))


class Patient(msgspec.Struct, frozen=True):
    """The data folder under examination. A process holds the folder if `is_served`; `url` is the running server's.

    `deep`: check the whole file, every job, and the newest backup too.
    """

    folder: Folder
    settings: Settings
    clock: Clock
    is_served: bool
    url: str | None
    deep: bool = False

    @property
    def has_store(self) -> bool:
        """Return True if there is a file that may hold jobs."""
        return self.folder.database.is_file() and self.folder.database.stat().st_size > 0
