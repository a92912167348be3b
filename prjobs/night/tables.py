"""The tables of a night, in texts for people: for the page and for the terminal. Moments are by the site's clock."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from prjobs.access.lockouts import PastLock
from prjobs.access.reservations import ShownReservation
from prjobs.monitor import views
from prjobs.monitor.alarms import STOP
from prjobs.monitor.board import Alarm
from prjobs.monitor.told import Told
from prjobs.night.nights import Night
from prjobs.night.notes import Note
from prjobs.night.shapes import Doubt, NightJob, Stop
from prjobs.night.silence import Silence
from prjobs.night.words import counted, duration

DAY_FORM = "%d %b %H:%M"
# (class, text), maybe with a tooltip: the class says how it is set.
Pair = tuple[str, str]
Cell = Pair | tuple[str, str, str]


class Table(NamedTuple):
    """Heads and rows of one length."""

    heads: Sequence[Pair]
    rows: Sequence[Sequence[Cell]]


class Tables:
    """The maker of the tables for a night of one site or of all sites."""

    def __init__(self, night: Night, site: str | None) -> None:
        self._night = night
        self._clock = night.clock
        self._site = site

    def job_heads(self) -> list[Pair]:
        """Return the heads of the table of all jobs."""
        heads = [("t", "sent"), ("d", "device"), ("l", "command"), ("u", "user"), ("n", "waited"), ("n", "took")]
        return [*heads, ("s", "status")] if self._site else [("i", "site"), *heads, ("s", "status")]

    def job(self, job: NightJob) -> list[Pair]:
        """Return a row of the table of all jobs."""
        cells = [
            ("t", self._clock(job.created_ms)),
            ("d", job.device),
            ("l", job.label),
            ("u", job.user_name or job.user_id),
            ("n", duration(_waited_s(job))),
            ("n", duration(job.duration_s)),
            (f"s {job.phase}", _with_note(_status(job), job)),
        ]
        return cells if self._site else [("i", job.site), *cells]

    def stops(self, stops: Iterable[Stop]) -> Table:
        """Return the stops: sent, then picked up."""
        heads = [("t", "sent"), ("t", "picked up"), ("n", "after"), ("l", "stop"), ("u", "user"), ("s", "")]
        return self._table(heads, ((stop.job.site, self._stop(stop)) for stop in stops))

    def _stop(self, stop: Stop) -> list[Cell]:
        job = stop.job
        picked_up = "never" if stop.picked_up_ms is None else self._clock(stop.picked_up_ms)
        return [
            ("t", self._clock(stop.sent_ms)),
            ("t", picked_up),
            ("n", duration(stop.took_s)),
            ("l", job.label),
            ("u", job.user_name or job.user_id),
            ("s failed", "late") if stop.late else ("s", "in time" if stop.picked_up_ms else _status(job)),
        ]

    def silences(self, silences: Iterable[Silence]) -> Table:
        """Return the silences: from the last poll, or the first job that waited in vain, to the next poll."""
        heads = [("t", "from"), ("t", "until"), ("n", "for"), ("l", "known by")]
        return self._table(heads, ((one.site, self._silence(one)) for one in silences))

    def _silence(self, one: Silence) -> list[Cell]:
        return [
            ("t", self._clock(one.since_ms)),
            ("t", self._clock(one.until_ms) if one.is_over else "not over yet"),
            ("n", duration((one.until_ms - one.since_ms) / 1000)),
            ("l", ", ".join(one.known_by)),
        ]

    def alarms(self, alarms: Iterable[Alarm]) -> Table:
        """Return the alarms: raised, cleared, and seen by."""
        heads = [("t", "raised"), ("t", "cleared"), ("n", "after"), ("l", "alarm"), ("u", "seen by"), ("s", "kind")]
        return self._table(heads, ((one.site, self._alarm(one)) for one in alarms))

    def _alarm(self, one: Alarm) -> list[Cell]:
        cleared_ms, seen_ms = one.cleared_ms, one.seen_ms
        lasted_s = None if cleared_ms is None else max(0, cleared_ms - one.raised_ms) / 1000
        seen = "nobody" if one.seen_by is None or seen_ms is None else f"{one.seen_by}, {self._moment(seen_ms)}"
        return [
            ("t", self._moment(one.raised_ms)),
            ("t", "not over yet" if cleared_ms is None else self._moment(cleared_ms)),
            ("n", duration(lasted_s)),
            ("l", one.sentence),
            ("u", seen),
            ("s failed" if one.kind == STOP else "s", one.kind),
        ]

    def notes(self, notes: Iterable[Note]) -> Table:
        """Return the notes of observers, oldest first."""
        heads = [("t", "written"), ("l", "note"), ("d", "about"), ("u", "by"), ("s", "")]
        return self._table(heads, ((one.site, self._note(one)) for one in notes))

    def _note(self, one: Note) -> list[Cell]:
        is_struck = one.struck_ms is not None
        struck = f"struck out by {one.struck_by}, {self._moment(one.struck_ms)}" if one.struck_ms is not None else ""
        return [
            ("t", self._moment(one.time_ms)),
            ("l struck" if is_struck else "l", one.text),
            ("d", one.label if one.about == "job" else f"the {one.about}"),
            ("u", one.author),
            ("s gone" if is_struck else "s", struck),
        ]

    def locks(self, locks: Iterable[PastLock]) -> Table:
        """Return the locks of sites: set, ended, and by whom."""
        heads = [("t", "locked"), ("t", "ended"), ("u", "in the dome"), ("l", "why"), ("s", "ended by")]
        return self._table(heads, ((one.site, self._lock(one)) for one in locks))

    def _lock(self, one: PastLock) -> list[Cell]:
        return [
            ("t", self._moment(one.since_ms)),
            ("t", "not over yet" if one.ended_ms is None else self._moment(one.ended_ms)),
            ("u", one.user_name),
            ("l", one.reason),
            ("s", one.ended_by),
        ]

    def told(self, told: Iterable[Told]) -> Table:
        """Return the alarms in messages that were sent: when, to whom, and the news."""
        heads = [("t", "sent"), ("u", "to"), ("l", "alarm"), ("s", "news")]
        return self._table(heads, ((one.site, self._told(one)) for one in told))

    def _told(self, one: Told) -> list[Cell]:
        return [("t", self._clock(one.time_ms)), ("u", one.address), ("l", one.sentence), ("s", one.news)]

    def _moment(self, time_ms: int) -> str:
        """Return a time of day; with the date outside the night."""
        night = self._night
        return night.clock(time_ms) if night.since_ms <= time_ms < night.until_ms else night.clock(time_ms, DAY_FORM)

    def reservations(self, reservations: Iterable[ShownReservation]) -> Table:
        """Return the reservations; long ones with the date."""
        heads = [("t", "from"), ("t", "until"), ("u", "user"), ("l", "title"), ("s", "made")]
        return self._table(heads, ((one.site, self._reservation(one)) for one in reservations))

    def _reservation(self, one: ShownReservation) -> list[Cell]:
        form = DAY_FORM if one.end_ms - one.start_ms < 30 * 86_400_000 else "%Y-%m-%d"
        made = f"by {one.created_by}" if one.source == "local" else "in the calendar"
        made += ", times assumed" if one.source == "unclear" else ""
        made += "" if one.counts else ", does not count now"
        return [
            ("t", self._clock(one.start_ms, form)),
            ("t", self._clock(one.end_ms, form)),
            ("u", one.creator or one.creator_id),
            ("l", one.title),
            ("s", made),
        ]

    def changed(self, jobs: Iterable[NightJob]) -> Table:
        """Return jobs with the time of and the reason for the present status."""
        heads = [("t", "sent"), ("t", "then"), ("d", "device"), ("l", "command"), ("u", "user"), ("s", "status, why")]
        return self._table(heads, ((job.site, self._changed(job)) for job in jobs))

    def _changed(self, job: NightJob) -> list[Cell]:
        return [
            ("t", self._clock(job.created_ms)),
            ("t", "—" if job.ended_ms is None else self._clock(job.ended_ms)),
            ("d", job.device),
            ("l", job.label),
            ("u", job.user_name or job.user_id),
            (f"s {job.phase}", _with_note(job.status, job)),
        ]

    def doubts(self, doubts: Iterable[Doubt]) -> Table:
        """Return the hand-outs in doubt, with their jobs."""
        heads = [("t", "handed out"), ("u", "to"), ("l", "jobs"), ("s", "why in doubt")]
        return self._table(heads, ((one.site, self._doubt(one)) for one in doubts))

    def _doubt(self, one: Doubt) -> list[Cell]:
        more = one.jobs_total - len(one.jobs)
        labels = "; ".join(job.label for job in one.jobs) + (f"; and {counted(more, 'more job')}" if more else "")
        why = "the site may have thrown it away" if one.maybe_flushed else "nothing confirmed it"
        queue = " (alternate queue)" if one.queue == "alternate" else ""
        to = ("u", *views.named(one.peer))
        return [("t", self._clock(one.time_ms)), to, ("l", labels), ("s", why + queue)]

    def _table(self, heads: list[Pair], rows: Iterable[tuple[str, list[Cell]]]) -> Table:
        if self._site:
            return Table(heads, [cells for _, cells in rows])
        return Table([("i", "site"), *heads], [[("i", site), *cells] for site, cells in rows])


def _waited_s(job: NightJob) -> float | None:
    """Return the wait until the pick-up; until the end for a job cancelled or expired, as in the monitor."""
    if job.waited_s is None and job.phase == "gone" and job.ended_ms is not None:
        return float(job.ended_ms - job.created_ms) / 1000
    return job.waited_s


def _with_note(status: str, job: NightJob) -> str:
    """Return a status with the reason for it, if one is known."""
    return f"{status}: {job.note}" if job.note else status


def _status(job: NightJob) -> str:
    """Return a status in words; with the alternate queue's status while the primary queue still waits."""
    word: str = job.status
    said = {"UNREAD": "waiting", "RECEIVED": "picked up"}.get(word, word)
    if job.phase == "waiting" and job.alternate_phase not in ("waiting", "gone"):
        return f"{said} (alternate queue: {job.alternate_status})"
    return said
