"""The report on a night: every job with its end, and the answers to the questions of the morning.

The jobs are those created in the night, as /api/jobs lists for the same times. The jobs are read once, in pages, and
handed on; the report sums up exactly the jobs handed on.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prjobs.access import lockouts
from prjobs.access.desk import Reservation
from prjobs.access.reservations import CALENDAR, ShownReservation, show, sites_judged, uncounted_note
from prjobs.base.settings import Settings
from prjobs.base.ulids import floor_ulid
from prjobs.jobs.polls import LINK, Poller
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import ALTERNATE, BOTH, PRIMARY, UNREAD, phase_of
from prjobs.monitor import alarms, views
from prjobs.monitor.told import list_told
from prjobs.night.nights import Night
from prjobs.night.notes import notes_of_night
from prjobs.night.shapes import NightJob, NightReport, Tally
from prjobs.night.silence import Polled
from prjobs.night.sky import Sky, place_of, sky_between
from prjobs.store.models import LISTED_COLUMNS, JobRow
from prjobs.store.source import Row, Store, marks

PAGE = 1000
# How old the stored time of the last poll may be while a server runs.
SAVED_MS = 70_000

SILENCES_NOTE = (
    "Polls without a job are not stored. A silence is listed when a job waited meanwhile, when the poll at the end "
    "fetched a job of this night, or when the silence lasts until now; other silences are not known."
)
DURATION_NOTE = "A job without a report after the pick-up has no duration: its end is not known."
CALENDAR_NOTE = "The calendar's reservations are those of its last answer."


@dataclass(frozen=True)
class Source:
    """The data for a report; `polled` holds the known polls of each site."""

    database: Store
    settings: Settings
    now_ms: int
    polled: Mapping[str, Polled]


Take = Callable[[Sequence[NightJob]], object]


def source_of(queue: Queue) -> Source:
    """Return an open queue as a source: the polls are known up to now."""
    now_ms, polls = queue.clock.now_ms(), queue.polls
    polled = {
        site: Polled(now_ms - polls.silence_ms(poller), poller.silent_after_ms)
        for site in polls.sites()
        if (poller := polls.of(site, PRIMARY))
    }
    return Source(queue.database, queue.settings, now_ms, polled)


def stored_source(database: Store, settings: Settings, now_ms: int, is_served: bool) -> Source:
    """Return a store as a source. Without a server no site can poll: the time is no silence."""
    # The polls of a program come after the readings of a link, and take their place.
    sql = "SELECT site, last_ms, usual_gap_ms FROM poll WHERE queue IN (?, ?) ORDER BY queue"
    rows = database.fetch(sql, (LINK, PRIMARY))
    polled = {
        site: Polled(last_ms + SAVED_MS if is_served else None, Poller(stored_gap_ms=gap_ms).silent_after_ms)
        for site, last_ms, gap_ms in rows
    }
    return Source(database, settings, now_ms, polled)


def night_report(source: Source, site: str | None, night: Night, take: Take = len) -> NightReport:
    """Read the night of one site or of all sites; `take` gets every job, oldest first, in pages.

    Memory is needed for one page and for the named jobs of the report, not for all jobs. Raises Unavailable.
    """
    tally = Tally(source.polled, night, source.now_ms)
    for page in tallied(source.database, site, night, tally):
        take(page)
    reserved = _reservations(source, site, night)
    return NightReport(
        site=site,
        date=night.date,
        title=night.title,
        zone=str(night.zone),
        since_ms=night.since_ms,
        until_ms=night.until_ms,
        time_ms=source.now_ms,
        is_over=source.now_ms >= night.until_ms,
        sky=_sky(source.settings, site, night),
        reservations=reserved,
        notes=[SILENCES_NOTE, DURATION_NOTE, *_reservation_notes(source.settings, reserved)],
        total=tally.total,
        counts=tally.counts,
        classes=dict(tally.classes.most_common()),
        waits=tally.waits(),
        stops=tally.stops,
        silences=tally.quiet.silences(site, source.now_ms),
        alarms=alarms.list_past(source.database, night.since_ms, night.until_ms, site),
        locks=lockouts.list_past(source.database, night.since_ms, night.until_ms, site),
        told=list_told(source.database, night.since_ms, night.until_ms, site),
        doubts=tally.doubts,
        failed=tally.failed,
        expired=tally.expired,
        cancelled=tally.cancelled,
        observer_notes=notes_of_night(source.database, site, night),
    )


def tallied(database: Store, site: str | None, night: Night, tally: Tally) -> Iterator[list[NightJob]]:
    """Yield the jobs of a night in pages, oldest first, each page once the tally has it. Raises Unavailable."""
    for rows in _pages(database, site, night):
        firsts = _firsts(database, rows)
        page = {row.seq: _view(row, firsts.get(row.seq, {})) for row in rows}
        tally.add_jobs(page.values())
        tally.add_handouts(page, _handouts(database, page))
        yield list(page.values())


def _sky(settings: Settings, site: str | None, night: Night) -> Sky | None:
    place = place_of(settings, site)
    return sky_between(place, night.since_ms, night.until_ms) if place else None


# ---- reading


def _pages(database: Store, site: str | None, night: Night) -> Iterator[list[JobRow]]:
    where, parameters = ("site = ? AND", [site]) if site else ("", [])
    after, sign = floor_ulid(night.since_ms), ">="
    while True:
        found = database.fetch(
            f"SELECT {LISTED_COLUMNS} FROM job WHERE {where} ulid {sign} ? AND ulid < ? ORDER BY ulid LIMIT {PAGE}",
            (*parameters, after, floor_ulid(night.until_ms)),
        )
        if found:
            yield [JobRow(*row) for row in found]
        if len(found) < PAGE:
            return
        after, sign = found[-1][1], ">"


# (queue, status) -> when a job first had that status there.
_Firsts = dict[tuple[str, str], int]


def _firsts(database: Store, rows: Sequence[JobRow]) -> dict[int, _Firsts]:
    firsts: dict[int, _Firsts] = {}
    for seq, queue, status, time_ms in database.fetch(
        f"SELECT job_seq, queue, status, min(time_ms) FROM change WHERE job_seq IN ({marks(rows)}) "
        "GROUP BY job_seq, queue, status",
        [row.seq for row in rows],
    ):
        firsts.setdefault(seq, {})[(queue, status)] = time_ms
    return firsts


def _handouts(database: Store, page: Mapping[int, NightJob]) -> list[Row]:
    return database.fetch(
        "SELECT c.job_seq, h.id, h.queue, h.time_ms, h.peer, h.gap_ms, h.state, h.maybe_flushed "
        f"FROM change c JOIN handout h ON h.id = c.handout_id WHERE c.job_seq IN ({marks(page)}) ORDER BY c.seq",
        list(page),
    )


def _reservations(source: Source, site: str | None, night: Night) -> list[ShownReservation]:
    sites = sites_judged(source.settings, site) if site else ()
    where = f"site IN ({marks(sites)}) AND" if sites else ""
    columns = ", ".join(Reservation.__struct_fields__)
    found = source.database.fetch(
        f"SELECT {columns} FROM reservation WHERE {where} end_ms > ? AND start_ms < ? ORDER BY start_ms, id",
        (*sites, night.since_ms, night.until_ms),
    )
    return [show(source.settings, Reservation(*row)) for row in found]


def _reservation_notes(settings: Settings, found: list[ShownReservation]) -> list[str]:
    calendar = CALENDAR_NOTE if settings.reservations == CALENDAR else ""
    return [note for note in (calendar, uncounted_note(settings, found)) if note]


# ---- one job


def _view(row: JobRow, firsts: _Firsts) -> NightJob:
    seen = views.shown(row)
    picked_up_ms = _picked_up_ms(firsts, PRIMARY)
    begun_ms = picked_up_ms if row.started_ms is None else row.started_ms
    seen |= {
        "left_queue_ms": _least(firsts, PRIMARY, lambda status: status != UNREAD),
        "picked_up_ms": picked_up_ms,
        "waited_s": _seconds(row.created_ms, picked_up_ms),
        "duration_s": _seconds(begun_ms, row.ended_ms) if seen["phase"] != "gone" else None,
        "alternate_picked_up_ms": _picked_up_ms(firsts, ALTERNATE),
    }
    return NightJob(**seen)


def _picked_up_ms(firsts: _Firsts, queue: str) -> int | None:
    """Return the pick-up of a job; a report without a hand-out counts too."""
    return _least(firsts, queue, lambda status: phase_of(status) not in ("waiting", "gone"))


def _least(firsts: _Firsts, queue: str, is_meant: Callable[[str], bool]) -> int | None:
    times = [time_ms for (of, status), time_ms in firsts.items() if of in (queue, BOTH) and is_meant(status)]
    return min(times, default=None)


def _seconds(since_ms: int | None, until_ms: int | None) -> float | None:
    """Return a duration of 0 or more, even after a clock was set back."""
    return None if since_ms is None or until_ms is None else max(0, until_ms - since_ms) / 1000
