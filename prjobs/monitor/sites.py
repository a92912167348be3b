"""The view of each site: the polls, the open jobs, and the number of jobs of the last day in each phase."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, cast

import msgspec
from peewee import SQL

from prjobs.base.ulids import floor_ulid
from prjobs.jobs import unpolled
from prjobs.jobs.polls import Poller
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import ALTERNATE, OPEN_PHASES, PHASES, PRIMARY, in_phases, is_report, phase_of
from prjobs.monitor.board import Board
from prjobs.monitor.rules import OPEN_LIMIT
from prjobs.monitor.views import COLUMNS, DAY_MS, JobView, view_job
from prjobs.store.models import Job, JobRow


class Polls(msgspec.Struct, kw_only=True):
    """The polls of a queue: the last poll, the usual gap and up to 20 gaps since the start, oldest first."""

    last_ms: int | None
    usual_gap_ms: int | None
    gaps_ms: list[int]


class SiteView(msgspec.Struct, kw_only=True):
    """The view of a site. `polls` has the primary queue, and the alternate queue once a program polled there.

    The jobs are as of the change `seq`: the view is kept for a while, and other parts of an answer may be newer.
    `reporting` has the devices with a report on a job of the last day; `note` is a sentence for whoever sends a job to
    a site that never polled, else empty.
    """

    site: str
    seq: int
    last_poll_ms: int | None
    usual_gap_ms: int | None
    silent: bool
    silent_after_ms: int
    polls: dict[str, Polls]
    counts: dict[str, int]
    reporting: list[str]
    note: str
    open: list[JobView]


def list_sites(board: Board) -> list[SiteView]:
    """Return every site with jobs or polls, by name; cached for a second: many pages cost one query."""
    return [view for view, _ in _listed(board)]


def list_texts(board: Board, reaches: Callable[[str], bool]) -> list[SiteView]:
    """Return the sites that `reaches`, each as JSON already: encoded once for many pages."""
    return cast(list[SiteView], [text for view, text in _listed(board) if reaches(view.site)])


def _listed(board: Board) -> list[tuple[SiteView, msgspec.Raw]]:
    found: list[tuple[SiteView, msgspec.Raw]] = board.sites.get(
        lambda: [(view, msgspec.Raw(msgspec.json.encode(view))) for view in view_sites(board)]
    )
    return found


def names(board: Board) -> list[str]:
    """Return the names of every site with jobs or polls, sorted; kept for a second."""
    found: list[str] = board.names.get(lambda: sorted(board.queue.polls.sites()))
    return found


def list_named(board: Board, wanted: Iterable[str]) -> list[SiteView]:
    """Return these sites, each as JSON already, without a look at other sites; unknown sites are left out."""
    known = set(names(board))
    texts = [
        board.site.get(site, lambda site=site: msgspec.Raw(msgspec.json.encode(_view_one(board, site))))  # type: ignore[misc]
        for site in dict.fromkeys(wanted)
        if site in known
    ]
    return cast(list[SiteView], texts)


def _view_one(board: Board, site: str) -> SiteView:
    with board.days.lock:
        board.days.follow(board.queue)
        return _view_site(board, site)


class _Day(NamedTuple):
    """The last day of a site; `note` is for whoever sends a job there before the first poll."""

    counts: dict[str, int]
    reporting: list[str]
    open: list[JobView]
    note: str


def view_sites(board: Board) -> list[SiteView]:
    """Return the view of every site with jobs or polls, by name."""
    with board.days.lock:
        board.days.follow(board.queue)
        return [_view_site(board, site) for site in sorted(board.queue.polls.sites())]


def _view_site(board: Board, site: str) -> SiteView:
    queue, day = board.queue, board.days.of(board.queue, site, _count_day)
    poller = queue.polls.of(site, PRIMARY)
    return SiteView(
        site=site,
        seq=board.days.seq_of(site),
        last_poll_ms=poller.last_ms if poller else None,
        usual_gap_ms=poller.usual_gap_ms if poller else None,
        silent=_is_silent(queue, poller),
        silent_after_ms=(poller or Poller()).silent_after_ms,
        polls=_polls(queue, site),
        counts=day.counts,
        reporting=day.reporting,
        note="" if queue.polls.has_polled(site) else day.note,
        open=day.open,
    )


def _polls(queue: Queue, site: str) -> dict[str, Polls]:
    primary, alternate = (queue.polls.of(site, name) for name in (PRIMARY, ALTERNATE))
    polls = {PRIMARY: _view_polls(primary) if primary else Polls(last_ms=None, usual_gap_ms=None, gaps_ms=[])}
    return {**polls, ALTERNATE: _view_polls(alternate)} if alternate else polls


def _view_polls(poller: Poller) -> Polls:
    return Polls(last_ms=poller.last_ms, usual_gap_ms=poller.usual_gap_ms, gaps_ms=list(poller.gaps_ms))


def _is_silent(queue: Queue, poller: Poller | None) -> bool:
    return poller is None or queue.polls.silence_ms(poller) > poller.silent_after_ms


def _count_day(queue: Queue, site: str) -> tuple[int, _Day]:
    since = floor_ulid(queue.clock.now_ms() - DAY_MS)
    counts = dict.fromkeys(PHASES, 0)
    statuses = queue.database.fetch(
        "SELECT device, status, count(*) FROM job WHERE site = ? AND ulid >= ? GROUP BY device, status", (site, since)
    )
    reporting = set()
    for device, status, count in statuses:
        counts[phase_of(status)] += count
        if is_report(status):
            reporting.add(device)
    busy = any(counts[phase] for phase in OPEN_PHASES)
    rows = _open_jobs(queue, site, since) if busy else []
    day = _Day(counts, sorted(reporting), [view_job(row) for row in rows], unpolled.note_of(queue, site))
    return sum(counts.values()), day


def _open_jobs(queue: Queue, site: str, since_ulid: str) -> list[JobRow]:
    query = (
        Job.select(*COLUMNS)
        .where(Job.site == site, Job.ulid >= since_ulid, SQL(in_phases("status", OPEN_PHASES)))
        .order_by(Job.ulid.desc())
        .limit(OPEN_LIMIT)
    )
    return [JobRow(*row) for row in queue.database.fetch_query(query.tuples())][::-1]
