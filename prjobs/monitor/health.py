"""The present problems and notices in sentences, and the check for room for new jobs."""

from collections.abc import Callable

import msgspec

from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.errors import DiskFull
from prjobs.base.manual import section_of
from prjobs.base.notices import Code, Notice
from prjobs.jobs.queue import Queue


class Finding(msgspec.Struct, frozen=True):
    """A problem or notice: a code for programs, a sentence, the site or an empty text, the manual's section."""

    code: str
    sentence: str
    site: str
    manual: str


class Health(msgspec.Struct, frozen=True):
    """`problems` keep the appliance from its work; `notices` do not."""

    ok: bool
    problems: list[Finding]
    notices: list[Finding]


def examine(queue: Queue, reaches: Callable[[str], bool] = lambda _site: True) -> Health:
    """Return the known problems and notices, those of sites that `reaches`. Measuring is left to the upkeep package."""
    found = [notice for notice in raised(queue) if not notice.site or reaches(notice.site)]
    problems = [_finding(notice) for notice in found if notice.is_problem]
    notices = [_finding(notice) for notice in found if not notice.is_problem]
    return Health(not problems, problems, notices)


def raised(queue: Queue) -> list[Notice]:
    """Return the present notices, the trouble of the store first."""
    trouble = queue.database.trouble
    stored = [Notice(Code.STORE, "", trouble.sentence)] if trouble else []
    return [*stored, *queue.notices.all()]


def _finding(notice: Notice) -> Finding:
    return Finding(notice.code, notice.sentence, notice.site, section_of(notice.code))


def require_room(queue: Queue, command_class: str) -> None:
    """Raise DiskFull when the disk is nearly full, but never for a stop, a closing or a parking."""
    sentence = queue.notices.sentence(Code.DISK_LOW)
    if sentence and command_class not in MAKES_SAFE:
        raise DiskFull(sentence)
