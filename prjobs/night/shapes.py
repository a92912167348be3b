"""The parts of a night's report. Times are Unix milliseconds in `_ms`, durations seconds in `_s`."""

import msgspec

from prjobs.access.desk import Reservation
from prjobs.monitor.board import Alarm
from prjobs.monitor.views import JobView
from prjobs.night.silence import Silence
from prjobs.night.sky import Sky

# How many of each kind a report names, and how many jobs of a hand-out; it counts them all.
LISTED = 500
LISTED_OF_HANDOUT = 20


class NightJob(JobView, kw_only=True):  # type: ignore[call-arg]
    """A job of a night, with the times that its log shows; `note` belongs to the present status.

    `picked_up_ms`: when somebody first had it. `duration_s`: from its start, or its pick-up, to its end; None when
    one of them was not reported.
    """

    left_queue_ms: int | None
    waited_s: float | None
    duration_s: float | None
    note: str
    alternate_picked_up_ms: int | None


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A stop: sent, then picked up or withdrawn by a later one; `late` when that took more than 15 s."""

    job: NightJob
    sent_ms: int
    picked_up_ms: int | None
    took_s: float | None
    late: bool


class Doubt(msgspec.Struct, kw_only=True):
    """A hand-out that may not have arrived: nothing confirmed it, or the site may have thrown it away."""

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
    """All stops, how many of them were late, and the first of them."""

    total: int = 0
    late: int = 0
    first: list[Stop] = msgspec.field(default_factory=list)


class Doubts(msgspec.Struct):
    """How many hand-outs are in doubt, and the first of them."""

    total: int = 0
    first: list[Doubt] = msgspec.field(default_factory=list)


class Listed(msgspec.Struct):
    """How many jobs, and the first of them."""

    total: int = 0
    first: list[NightJob] = msgspec.field(default_factory=list)

    def add(self, job: NightJob) -> None:
        """One more; named when there is room."""
        self.total += 1
        if len(self.first) < LISTED:
            self.first.append(job)


class Waits(msgspec.Struct, frozen=True):
    """How long jobs waited until they were picked up, over all that were; and which waited longest."""

    picked_up: int
    median_s: float | None
    p95_s: float | None
    longest_s: float | None
    longest: list[NightJob]


class NightReport(msgspec.Struct, frozen=True, kw_only=True):
    """A night summed up at `time_ms`. `counts`: jobs by phase; `classes`: jobs by command class, those there were.

    `alarms`: those that were raised in it or still open in it, oldest first; with those of no site.
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
    reservations: list[Reservation]
    silences: list[Silence]
    alarms: list[Alarm]
    doubts: Doubts
    failed: Listed
    expired: Listed
    cancelled: Listed
    notes: list[str]
