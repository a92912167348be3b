"""What is wrong now, in sentences; and whether there is room for new jobs."""

import msgspec

from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.errors import DiskFull
from prjobs.base.manual import section_of
from prjobs.base.notices import Code, Notice
from prjobs.jobs.queue import Queue


class Finding(msgspec.Struct, frozen=True):
    """One thing to know: a code for programs, a sentence that says what to do, the site if it concerns one, and the
    section of the manual with more."""

    code: str
    sentence: str
    site: str
    manual: str


class Health(msgspec.Struct, frozen=True):
    """`problems` keep the appliance from its work; `notices` do not."""

    ok: bool
    problems: list[Finding]
    notices: list[Finding]


def examine(queue: Queue) -> Health:
    """What is known to be wrong now; nothing is measured here, the upkeep does that."""
    problems = [_finding(notice) for notice in raised(queue) if notice.is_problem]
    notices = [_finding(notice) for notice in raised(queue) if not notice.is_problem]
    return Health(not problems, problems, notices)


def raised(queue: Queue) -> list[Notice]:
    """Return what is wrong now, the trouble of the store first."""
    trouble = queue.database.trouble
    stored = [Notice(Code.STORE, "", trouble.sentence)] if trouble else []
    return [*stored, *queue.notices.all()]


def _finding(notice: Notice) -> Finding:
    return Finding(notice.code, notice.sentence, notice.site, section_of(notice.code))


def require_room(queue: Queue, command_class: str) -> None:
    """DiskFull when the disk is nearly full; stops, closing and parking are always taken."""
    sentence = queue.notices.sentence(Code.DISK_LOW)
    if sentence and command_class not in MAKES_SAFE:
        raise DiskFull(sentence)
