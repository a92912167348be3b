"""The open jobs of each site in numbers, for the table of many sites: they follow the log, one query for all sites."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from prjobs.base.errors import Unavailable
from prjobs.base.ulids import floor_ulid
from prjobs.jobs import log
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import STOP_CLASS
from prjobs.jobs.states import OPEN_PHASES, in_phases, phase_of
from prjobs.monitor.rules import LISTED_S, MAY_WORK_S, STOPPING_S, UNREPORTED_UNTIL_S

PAGE = 1000
# After more changes than this the open jobs are read anew.
CHANGES = 100_000
_COLUMNS = "j.seq, j.site, j.command_class, j.status, j.created_ms, j.changed_ms"
_OPEN = f"SELECT {_COLUMNS} FROM job j WHERE j.ulid >= ? AND {in_phases('j.status', OPEN_PHASES)} ORDER BY j.ulid"
_LOG = "FROM change c JOIN job j ON j.seq = c.job_seq"
_CHANGED = f"SELECT c.seq, {_COLUMNS} {_LOG} WHERE c.seq > ? ORDER BY c.seq LIMIT {PAGE}"


class Work(NamedTuple):
    """The open jobs of a site in numbers; picked-up jobs without a report count for half an hour."""

    running: int = 0
    picked_up: int = 0
    waiting: int = 0
    is_stopping: bool = False
    is_busy: bool = False


class _Job(NamedTuple):
    seq: int
    site: str
    command_class: str
    status: str
    created_ms: int
    changed_ms: int


@dataclass
class _Site:
    """The open jobs of a site by number, those of each phase about the oldest first, each with the time that counts."""

    # phase -> number -> when the job was sent; of a picked-up job, when it was picked up.
    jobs: dict[str, dict[int, int]] = field(default_factory=lambda: {phase: {} for phase in OPEN_PHASES})
    # The open stops: number -> (phase, when it changed).
    stops: dict[int, tuple[str, int]] = field(default_factory=dict)

    def note(self, job: _Job) -> None:
        phase = phase_of(job.status)
        for jobs in self.jobs.values():
            jobs.pop(job.seq, None)
        self.stops.pop(job.seq, None)
        if phase not in OPEN_PHASES:
            return
        self.jobs[phase][job.seq] = job.changed_ms if phase == "picked_up" else job.created_ms
        if job.command_class == STOP_CLASS:
            self.stops[job.seq] = phase, job.changed_ms

    def work(self, now_ms: int) -> Work:
        """Return the numbers. Jobs that time alone makes history are dropped from the front of each list."""
        for phase, jobs in self.jobs.items():
            kept_s = UNREPORTED_UNTIL_S if phase == "picked_up" else LISTED_S
            over = []
            for seq, time_ms in jobs.items():
                if now_ms - time_ms <= kept_s * 1000:
                    break
                over.append(seq)
            for seq in over:
                del jobs[seq]
                self.stops.pop(seq, None)
        numbers = {phase: len(jobs) for phase, jobs in self.jobs.items()}
        return Work(**numbers, is_stopping=self._is_stopping(now_ms), is_busy=self._is_busy(now_ms))

    def _is_stopping(self, now_ms: int) -> bool:
        return any(
            phase != "picked_up" or now_ms - changed_ms < STOPPING_S * 1000 for phase, changed_ms in self.stops.values()
        )

    def _is_busy(self, now_ms: int) -> bool:
        if any(seq not in self.stops for seq in self.jobs["running"]):
            return True
        for seq, changed_ms in reversed(self.jobs["picked_up"].items()):
            if now_ms - changed_ms >= MAY_WORK_S * 1000:
                return False
            if seq not in self.stops:
                return True
        return False


class OpenWork:
    """The open jobs of all sites, kept in memory; for one caller at a time."""

    def __init__(self) -> None:
        self._seq: int | None = None
        self._sites: dict[str, _Site] = {}

    def follow(self, queue: Queue) -> None:
        """Read the changes since the last call, at first the open jobs of a day; nothing while the store fails."""
        with suppress(Unavailable):
            newest = log.last_seq(queue.database)
            if self._seq is None or not self._seq <= newest <= self._seq + CHANGES:
                self._read(queue, newest)
            while changed := queue.database.fetch(_CHANGED, (self._seq,)):
                for _, *job in changed:
                    self._note(_Job(*job))
                self._seq = changed[-1][0]
            # The jobs of the last changes may have been removed.
            self._seq = max(self._seq or 0, newest)

    def _read(self, queue: Queue, newest: int) -> None:
        since = floor_ulid(queue.clock.now_ms() - round(LISTED_S * 1000))
        found = queue.database.fetch(_OPEN, (since,))
        self._sites.clear()
        for job in found:
            self._note(_Job(*job))
        self._seq = newest

    def _note(self, job: _Job) -> None:
        self._sites.setdefault(job.site, _Site()).note(job)

    def of(self, site: str, now_ms: int) -> Work:
        """Return the open jobs of a site."""
        known = self._sites.get(site)
        return known.work(now_ms) if known else Work()

    def keep(self, sites: set[str]) -> None:
        """Forget all other sites: a site that was removed may come back without its jobs."""
        for site in self._sites.keys() - sites:
            del self._sites[site]
