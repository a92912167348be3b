"""What is wrong now, in sentences; and whether there is room for new jobs."""

import msgspec

from prjobs.appliance import Appliance
from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.errors import DiskFull

DISK_LOW = "disk_low"


class Finding(msgspec.Struct, frozen=True):
    """One thing to know: a code for programs and a sentence that says what to do."""

    code: str
    sentence: str


class Health(msgspec.Struct, frozen=True):
    """`problems` keep the appliance from its work; `notices` do not."""

    ok: bool
    problems: list[Finding]
    notices: list[Finding]


def examine(appliance: Appliance) -> Health:
    """What is known to be wrong now; nothing is measured here, the upkeep does that."""
    problems = [Finding(code, sentence) for code, sentence in sorted(appliance.problems.items())]
    if appliance.database.trouble:
        problems.insert(0, Finding("store", appliance.database.trouble))
    notices = [Finding(code, sentence) for code, sentence in sorted(appliance.notices.items())]
    return Health(not problems, problems, notices)


def require_room(appliance: Appliance, command_class: str) -> None:
    """DiskFull when the disk is nearly full; stops, closing and parking are always taken."""
    if DISK_LOW in appliance.problems and command_class not in MAKES_SAFE:
        raise DiskFull(appliance.problems[DISK_LOW])
