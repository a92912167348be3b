"""The parts of a night's report, and the tally that fills them. Times are Unix milliseconds, durations seconds."""

import heapq
import statistics
from array import array
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from prjobs.access.lockouts import PastLock
from prjobs.access.reservations import ShownReservation
from prjobs.jobs.states import EXPIRED, PHASES, PRIMARY, UNCONFIRMED
from prjobs.monitor.board import Alarm
from prjobs.monitor.rules import STOP_S
from prjobs.monitor.told import Told
from prjobs.monitor.views import JobView
from prjobs.night.nights import Night
from prjobs.night.notes import Noted
from prjobs.night.silence import Polled, Quiet, Silence
from prjobs.night.sky import Sky
from prjobs.store.source import Row

# The most that a report names of each kind, and of the jobs of a hand-out; the counts are of all.
LISTED = 500
LISTED_OF_HANDOUT = 20
LONGEST = 10


class NightJob(JobView, kw_only=True):  # type: ignore[call-arg]
    """A job of a night, with the times of the log.

    `picked_up_ms`: the first hand-out or report. `duration_s`: from the start, or the pick-up, to the end; None
    without a report of both.
    """

    left_queue_ms: int | None
    waited_s: float | None
    duration_s: float | None
    alternate_picked_up_ms: int | None


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A stop: sent, then picked up or withdrawn by a later stop; `late` after more than 15 s."""

    job: NightJob
    sent_ms: int
    picked_up_ms: int | None
    took_s: float | None
    late: bool


class Doubt(msgspec.Struct, kw_only=True):
    """A hand-out in doubt: without a confirmation, or perhaps thrown away by the site."""

    handout_id: int
    site: str
    queue: str
    time_ms: int
    peer: str
    state: str
    maybe_flushed: bool
    jobs_total: int = 0
    jobs: list[NightJob] = msgspec.field(default_factory=list)


class Stops(msgspec.Struct):
    """The number of all stops and of late stops, and the first stops."""

    total: int = 0
    late: int = 0
    first: list[Stop] = msgspec.field(default_factory=list)


class Doubts(msgspec.Struct):
    """The number of hand-outs in doubt, and the first ones."""

    total: int = 0
    first: list[Doubt] = msgspec.field(default_factory=list)


class Listed(msgspec.Struct):
    """The number of jobs, and the first ones."""

    total: int = 0
    first: list[NightJob] = msgspec.field(default_factory=list)

    def add(self, job: NightJob) -> None:
        """Add a job; the first jobs are named."""
        self.total += 1
        if len(self.first) < LISTED:
            self.first.append(job)


class Waits(msgspec.Struct, frozen=True):
    """The waiting times of all jobs picked up, and the jobs with the longest."""

    picked_up: int
    median_s: float | None
    p95_s: float | None
    longest_s: float | None
    longest: list[NightJob]


class NightReport(msgspec.Struct, frozen=True, kw_only=True):
    """A night summed up at `time_ms`. `counts`: jobs by phase; `classes`: jobs by command class, without zeros.

    `alarms`: raised or still open in the night, oldest first, alarms without a site included. `told`: the messages
    about alarms that were sent in the night. `locks`: the locks of sites that were open in the night.
    """

    site: str | None
    date: str
    title: str
    zone: str
    since_ms: int
    until_ms: int
    time_ms: int
    is_over: bool
    sky: Sky | None
    total: int
    counts: dict[str, int]
    classes: dict[str, int]
    waits: Waits
    stops: Stops
    reservations: list[ShownReservation]
    silences: list[Silence]
    alarms: list[Alarm]
    told: list[Told]
    locks: list[PastLock]
    doubts: Doubts
    failed: Listed
    expired: Listed
    cancelled: Listed
    notes: list[str]
    observer_notes: Noted


# ---- the tally


class Tally:
    """The counts and the named jobs of a night at `now_ms`."""

    def __init__(self, polled: Mapping[str, Polled], night: Night, now_ms: int) -> None:
        self._now_ms = now_ms
        self.total = 0
        self.counts = dict.fromkeys(PHASES, 0)
        self.classes: Counter[str] = Counter()
        self.stops, self.doubts = Stops(), Doubts()
        self.failed, self.expired, self.cancelled = Listed(), Listed(), Listed()
        self.quiet = Quiet(polled, night.since_ms, min(now_ms, night.until_ms))
        self._waited_s = array("d")
        self._longest: list[NightJob] = []
        self._doubted: dict[int, Doubt | None] = {}

    def add_jobs(self, jobs: Collection[NightJob]) -> None:
        """Add a page of jobs."""
        for job in jobs:
            self.total += 1
            self.counts[job.phase] += 1
            self.classes[job.command_class] += 1
            self.quiet.waited(job.site, job.created_ms, job.left_queue_ms)
            if job.waited_s is not None:
                self._waited_s.append(job.waited_s)
            if job.command_class == "stop":
                self._add_stop(job)
            if job.phase == "failed":
                self.failed.add(job)
            elif job.phase == "gone":
                (self.expired if job.status.upper() == EXPIRED else self.cancelled).add(job)
        self._longest = heapq.nlargest(LONGEST, [*self._longest, *jobs], key=lambda job: job.waited_s or -1.0)

    def _add_stop(self, job: NightJob) -> None:
        late = (_stop_s(job, self._now_ms) if job.waited_s is None else job.waited_s) > STOP_S
        self.stops.total += 1
        self.stops.late += late
        if len(self.stops.first) < LISTED:
            stop = Stop(job=job, sent_ms=job.created_ms, picked_up_ms=job.picked_up_ms, took_s=job.waited_s, late=late)
            self.stops.first.append(stop)

    def add_handouts(self, page: Mapping[int, NightJob], rows: Sequence[Row]) -> None:
        """Add the hand-outs of a page: (job_seq, id, queue, time_ms, peer, gap_ms, state, maybe_flushed)."""
        for job_seq, handout_id, queue, time_ms, peer, gap_ms, state, flushed in rows:
            job = page[job_seq]
            if queue == PRIMARY:
                self.quiet.polled_at(job.site, time_ms, gap_ms)
            if state == UNCONFIRMED or flushed:
                doubt = Doubt(
                    handout_id=handout_id,
                    site=job.site,
                    queue=queue,
                    time_ms=time_ms,
                    peer=peer,
                    state=state,
                    maybe_flushed=bool(flushed),
                )
                self._add_doubt(doubt, job)

    def _add_doubt(self, doubt: Doubt, job: NightJob) -> None:
        if doubt.handout_id not in self._doubted:
            self.doubts.total += 1
            named = len(self.doubts.first) < LISTED
            self._doubted[doubt.handout_id] = doubt if named else None
            if named:
                self.doubts.first.append(doubt)
        known = self._doubted[doubt.handout_id]
        if known:
            known.jobs_total += 1
            known.jobs += [job] if len(known.jobs) < LISTED_OF_HANDOUT else []

    def waits(self) -> Waits:
        """Return all waiting times, summed up."""
        times = sorted(self._waited_s)
        longest = [job for job in self._longest if job.waited_s is not None]
        if not times:
            return Waits(0, None, None, None, longest)
        return Waits(len(times), statistics.median(times), times[int(len(times) * 0.95)], times[-1], longest)


def _stop_s(job: NightJob, now_ms: int) -> float:
    """Return the seconds that a stop waited without a pick-up: until now, or until a later stop."""
    until_ms = now_ms if job.phase == "waiting" else job.left_queue_ms
    return float("inf") if until_ms is None else (until_ms - job.created_ms) / 1000
