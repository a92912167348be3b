"""The one list of what is wrong with the appliance itself: a code for programs, a sentence for people, its loudness.

Whoever finds something says it here and ends it here; decisions ask by code, never by the sentence.
"""

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """What may be wrong. A problem keeps the appliance from its work; everything else is for a person to know."""

    STORE = "store"
    DISK_LOW = "disk_low"
    CLOUD_OVERFLOW = "cloud_overflow"
    CLOUD_JUDGING = "cloud_judging"
    CLOCK = "clock"
    DAMAGED_JOB = "damaged_job"
    BACKUP = "backup"
    AUDIT = "audit"
    CALENDAR = "calendar"
    CLOUD_DOWN = "cloud_down"
    CLOUD_PARKED = "cloud_parked"
    CLOUD_UNREAD = "cloud_unread"
    CLOUD_UNTAKEN = "cloud_untaken"
    CLOUD_REFUSED = "cloud_refused"
    CLOUD_CLOCK = "cloud_clock"
    CLOUD_READER = "cloud_reader"
    CLOUD_RESET = "cloud_reset"
    CLOUD_LOOK_BACK = "cloud_look_back"
    CLOUD_HELD = "cloud_held"
    CLOUD_UNSENT = "cloud_unsent"


PROBLEMS = frozenset({Code.STORE, Code.DISK_LOW, Code.CLOUD_OVERFLOW, Code.CLOUD_JUDGING})
# Nobody is woken for these; all others sound.
QUIET = frozenset({Code.BACKUP, Code.AUDIT, Code.CALENDAR})


class Notice(NamedTuple):
    """One thing that is wrong. `site` is empty when it concerns no single site."""

    code: Code
    site: str
    sentence: str

    @property
    def is_problem(self) -> bool:
        """Return True if the appliance cannot do its work because of it."""
        return self.code in PROBLEMS

    @property
    def is_loud(self) -> bool:
        """Return True if somebody must be woken for it."""
        return self.code not in QUIET


class Notices:
    """What is wrong now, at most one notice for each code and site. Any thread may call any method."""

    def __init__(self) -> None:
        self._said: dict[tuple[Code, str], Notice] = {}

    def say(self, code: Code, sentence: str, site: str = "") -> None:
        """Raise the notice, or give it a new sentence; an empty sentence ends it."""
        if sentence:
            self._said[(code, site)] = Notice(code, site, sentence)
        else:
            self.end(code, site)

    def end(self, code: Code, site: str = "") -> None:
        """End the notice, if it was raised."""
        self._said.pop((code, site), None)

    def sentence(self, code: Code, site: str = "") -> str:
        """Return the sentence of a notice; empty when it is not raised."""
        notice = self._said.get((code, site))
        return notice.sentence if notice else ""

    def __contains__(self, code: Code) -> bool:
        """Return True if a notice of this code is raised, for whatever site."""
        return any(said == code for said, _ in list(self._said))

    def all(self) -> list[Notice]:
        """Return all notices, by code and site."""
        return sorted(self._said.values())
