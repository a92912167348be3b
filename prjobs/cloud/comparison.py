"""Comparison: a page of the cloud's jobs beside the jobs known here, and the consequences of the differences."""

from collections.abc import Callable
from dataclasses import dataclass

from prjobs.cloud import tables
from prjobs.cloud.tables import ELSEWHERE, OURS, Known
from prjobs.cloud.wire import Page, Sighting, read_record
from prjobs.jobs.requests import STOP_CLASS
from prjobs.jobs.states import CANCELLED, EXPIRED, FORWARDED, HELD, UNREAD
from prjobs.store.source import Source

WAITING = (UNREAD, HELD)
# No program runs a job with such a status. A hub keeps withdrawn jobs; a FORWARDED job runs under its other id.
_NOT_TAKEN = (UNREAD, CANCELLED, EXPIRED, FORWARDED)
TAKEN, FOLLOW, REPAIR = "taken by another program", "followed", "repaired"


@dataclass(frozen=True)
class Rules:
    """The rules for taking pages in. Only a primary hands out and repairs, each job at most `repairs` times.

    `settled(ulid)` returns True if no push of the job can take effect any more. `untold(ulid, seq)` returns True if the
    cloud cannot know of the hand-out by change `seq`. `again(ulid, site)` sends a job's status again.
    """

    is_primary: bool
    repairs: int = 0
    settled: Callable[[str], bool] = lambda _ulid: False
    untold: Callable[[str, int], bool] = lambda _ulid, _seq: False
    again: Callable[[str, str], None] = lambda _ulid, _site: None


def known_of(source: Source, page: Page) -> dict[str, Known]:
    """Return the known jobs of the page, by id."""
    sightings = page.listing.sightings
    return tables.known_between(source, page.site, sightings[0].ulid, sightings[-1].ulid) if sightings else {}


def news_of(page: Page, known: dict[str, Known], rules: Rules) -> list[Sighting]:
    """Return the jobs of the page with a reason to change the store."""
    return [seen for seen in page.listing.sightings if _differs(known.get(seen.ulid), seen, rules)]


def _differs(known: Known | None, seen: Sighting, rules: Rules) -> bool:
    if known is None:
        return read_record(seen) is not None
    return known.status not in (None, seen.status) and consequence(known, seen, rules) is not None


def unreadable(page: Page, known: dict[str, Known]) -> list[Sighting]:
    """Return the records that look like jobs and cannot be imported, with a list for params for example."""
    return [seen for seen in page.listing.sightings if seen.ulid not in known and read_record(seen) is None]


def taken_twice(source: Source, page: Page, known: dict[str, Known], rules: Rules) -> list[str]:
    """Return the ids of jobs handed out here and taken in the cloud by another program."""
    found = []
    for seen in page.listing.sightings if rules.is_primary else ():
        ours = known.get(seen.ulid)
        if ours is None or ours.state != OURS or ours.status in (None, *WAITING) or seen.status in _NOT_TAKEN:
            continue
        handed_seq = tables.first_handout(source, ours.job_seq)
        if handed_seq > ours.pushed_seq and rules.untold(seen.ulid, handed_seq):
            found.append(seen.ulid)
    return found


def consequence(known: Known, seen: Sighting, rules: Rules) -> str | None:
    """Return the consequence of a difference of status, before a look at the log: TAKEN, FOLLOW, REPAIR or None."""
    if known.status == seen.status:
        return None
    if known.state == ELSEWHERE:
        # Back in the queue, a job that ran elsewhere would run a second time.
        return FOLLOW if seen.status != UNREAD else None
    if known.state != OURS:
        return None
    if known.status == FORWARDED and seen.status != UNREAD:
        # The job runs under its other id: any status but UNREAD keeps other programs from running this one.
        return None
    if known.status == UNREAD and known.command_class == STOP_CLASS and rules.is_primary:
        # Only a newer stop takes a waiting stop away, and that one waits in its place: a stop twice does no harm.
        return None
    if known.status in WAITING:
        return TAKEN if seen.status != UNREAD else None
    may_repair = rules.is_primary and known.repairs < rules.repairs and rules.settled(seen.ulid)
    return REPAIR if may_repair else None
