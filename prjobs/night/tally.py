"""Sums up a night while its pages go by."""

import heapq
import statistics
from array import array
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from prjobs.jobs.states import EXPIRED, PHASES, PRIMARY, UNCONFIRMED
from prjobs.night.nights import Night
from prjobs.night.shapes import LISTED, LISTED_OF_HANDOUT, Doubt, Doubts, Listed, NightJob, Stop, Stops, Waits
from prjobs.night.silence import Polled, Quiet
from prjobs.store.engine import Row

LONGEST = 10
# A stop that nobody picked up by then is late: time for the hardware stop.
STOP_S = 15.0


class Tally:
    """The counts, and what is named of a night at `now_ms`."""

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
        """A page of jobs."""
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
        """The hand-outs of a page's jobs, as (job_seq, id, queue, time_ms, peer, gap_ms, state, maybe_flushed)."""
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
        """All waiting times, summed up."""
        times = sorted(self._waited_s)
        longest = [job for job in self._longest if job.waited_s is not None]
        if not times:
            return Waits(0, None, None, None, longest)
        return Waits(len(times), statistics.median(times), times[int(len(times) * 0.95)], times[-1], longest)


def _stop_s(job: NightJob, now_ms: int) -> float:
    """How long a stop waited that nobody picked up: until now, or until a later one took its place."""
    until_ms = now_ms if job.phase == "waiting" else job.left_queue_ms
    return float("inf") if until_ms is None else (until_ms - job.created_ms) / 1000
