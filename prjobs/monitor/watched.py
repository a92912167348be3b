"""The jobs in question for an alarm, kept in memory by following the log: each look reads only the changes.

Ages count by elapsed time: setting the clock neither raises nor hides an alarm.
"""

import math
from typing import NamedTuple

from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.ulids import floor_ulid
from prjobs.jobs import log, repeats
from prjobs.jobs.requests import STOP_CLASS
from prjobs.jobs.states import (
    CANCELLED,
    OPEN,
    OPEN_PHASES,
    PRIMARY,
    UNCONFIRMED,
    are_reports,
    in_phases,
    is_report,
    phase_of,
)
from prjobs.monitor.alarms import LOOK, SAFETY
from prjobs.monitor.board import Board
from prjobs.monitor.reported import Reported
from prjobs.monitor.rules import (
    OVERDUE_AT_LEAST_S,
    OVERDUE_SHARE,
    STOP_S,
    UNPROVED_S,
    UNREPORTED_S,
    UNREPORTED_UNTIL_S,
)
from prjobs.monitor.silence import WAITING_BEFORE, OpenJob, Silence
from prjobs.store.source import marks

PAGE = 1000
DAY_S = 86_400.0
# The classes whose end somebody must see.
TO_SEE = frozenset({"close", "park"})
_COLUMNS = "j.seq, j.ulid, j.site, j.device, j.command_class, j.status, j.created_ms, j.changed_ms, j.estimate_s"


# Every unknown status word means running.
_REPORTED = (
    f"SELECT site, device, max(created_ms) FROM job WHERE ulid > ? AND {are_reports('status')} GROUP BY site, device"
)
_OPEN = (
    f"SELECT {_COLUMNS} FROM job j WHERE j.ulid > ? AND {in_phases('j.status', OPEN_PHASES)} "
    f"ORDER BY j.ulid LIMIT {PAGE}"
)
_SAFE = ", ".join(f"'{name}'" for name in sorted(MAKES_SAFE))
# The alarm of a stop, closing or parking stays as long as the job waits.
_SAFE_BEFORE = [f"SELECT {_COLUMNS} {waiting} AND j.command_class IN ({_SAFE})" for waiting in WAITING_BEFORE]
# The newest closing and parking of each site.
_NEWEST_ENDS = (
    f"SELECT {_COLUMNS} FROM job j WHERE j.seq IN (SELECT max(seq) FROM job WHERE (ulid > ? OR ulid IN ({{}})) "
    f"AND command_class IN ('close', 'park') AND NOT {in_phases('status', ('waiting', 'gone'))} "
    "GROUP BY site, command_class) ORDER BY j.seq"
)
_CHANGED = (
    f"SELECT c.seq, {_COLUMNS} FROM change c JOIN job j ON j.seq = c.job_seq WHERE c.seq > ? ORDER BY c.seq "
    f"LIMIT {PAGE}"
)


class Seen(NamedTuple):
    """A job, as last read from the store."""

    seq: int
    ulid: str
    site: str
    device: str
    command_class: str
    status: str
    created_ms: int
    changed_ms: int
    estimate_s: int | None


class Watched(NamedTuple):
    """An open job, in its present phase since `began_s` of elapsed time, and late `late_s` seconds after `began_s`.

    The job is forgotten at `gone_s` of elapsed time; a stop, closing or parking is never forgotten while it waits.
    """

    job: Seen
    phase: str
    began_s: float
    late_s: float
    gone_s: float


class Ending(NamedTuple):
    """The newest closing or parking of a site that was handed out, in its present phase since `began_s`."""

    job: Seen
    phase: str
    began_s: float


class WatchedJobs:
    """The jobs that may need an alarm. `silence` and `reported` are told of each job too."""

    def __init__(self, board: Board, silence: Silence, reported: Reported) -> None:
        self._board, self._queue = board, board.queue
        self._silence, self._reported = silence, reported
        self._seq: int | None = None
        self.watched: dict[int, Watched] = {}
        # Picked-up stops without a proof of arrival; True once the hand-out is UNCONFIRMED.
        self.unproved: dict[int, bool] = {}
        # (site, close or park) -> the newest one that was handed out, whatever became of it.
        self.endings: dict[tuple[str, str], Ending] = {}
        # Closings and parkings after which somebody looked.
        self.looked: set[str] = set()
        # (site, device) -> the time when the newest job with a report was sent.
        self._reported_ms: dict[tuple[str, str], int] = {}

    def read(self) -> None:
        """Read the changes since the last call, at first the jobs of the last day. Raise Unavailable."""
        database = self._queue.database
        if self._seq is None:
            self._seq = self._read_day()
        while changed := database.fetch(_CHANGED, (self._seq,)):
            if all([self._take(Seen(*row)) for _, *row in changed]):  # noqa: C419  # each is taken
                self._seq = changed[-1][0]
            else:
                self._seq = None
                self._seq = self._read_day()
        self._drop_removed()

    def _drop_removed(self) -> None:
        """Drop the jobs that were removed from the store: their alarms would stay."""
        removed = self._queue.removed
        while removed:
            if one := self.watched.get(removed.popleft()):
                self._take(one.job._replace(status=CANCELLED))

    def _read_day(self) -> int:
        """Read the open jobs and reporting devices of the last day. Return the number from which to follow the log."""
        database = self._queue.database
        newest = log.last_seq(database)
        after = floor_ulid(self._queue.clock.now_ms() - round(DAY_S * 1000))
        for site, device, created_ms in database.fetch(_REPORTED, (after,)):
            self._note_report((site, device), created_ms)
        self._read_endings(after)
        self._reported.read_day()
        self._silence.read_waiting(after)
        for sql in _SAFE_BEFORE:
            for row in sorted(database.fetch(sql, (after,))):
                self._take(Seen(*row))
        while found := database.fetch(_OPEN, (after,)):
            for row in found:
                self._take(Seen(*row))
            after = found[-1][1]
        return newest

    def _read_endings(self, after: str) -> None:
        """Read the closings and parkings of the last day, and the older ones whose alarm is raised."""
        database = self._queue.database
        known = database.fetch(
            f"SELECT ulid FROM alarm WHERE kind = '{SAFETY}' AND key LIKE '%-{LOOK}/%' AND seen_by IS NOT NULL "
            "AND cleared_ms IS NOT NULL"
        )
        self.looked = {ulid for (ulid,) in known}
        raised = [alarm.ulid for alarm in self._board.alarms.raised() if f"-{LOOK}/" in alarm.key]
        sql = _NEWEST_ENDS.format(marks(raised))
        for row in database.fetch(sql, (after, *raised)):
            job = Seen(*row)
            self._take_ending(job, phase_of(job.status))

    def _take_ending(self, job: Seen, phase: str) -> None:
        """Note a closing or parking; a newer one of the site takes the place of an older one."""
        key = (job.site, job.command_class)
        before = self.endings.get(key)
        if before and before.job.seq > job.seq:
            return
        if phase in ("waiting", "gone"):
            if before and before.job.seq == job.seq:
                del self.endings[key]
        elif before is None or (before.job, before.phase) != (job, phase):
            age_s = max(0, self._queue.clock.now_ms() - job.changed_ms) / 1000
            self.endings[key] = Ending(job, phase, self._queue.clock.elapsed_s() - age_s)

    def _take(self, job: Seen) -> bool:
        """Note a job. Return False if this report is the first one of the device."""
        phase = phase_of(job.status)
        is_known = True
        if is_report(job.status):
            is_known = (job.site, job.device) in self._reported_ms
            self._note_report((job.site, job.device), job.created_ms)
        self._silence.note(OpenJob(job.seq, job.site, job.created_ms, phase))
        if job.command_class in MAKES_SAFE:
            self._reported.note(job.seq, phase)
        if job.command_class in TO_SEE:
            self._take_ending(job, phase)
        is_doubtful = phase == "picked_up" and job.command_class in MAKES_SAFE
        late_s, before = self.late_s(job, phase), self.watched.get(job.seq)
        if late_s == math.inf and not is_doubtful:
            self.watched.pop(job.seq, None)
        elif before is not None and before.phase == phase == "waiting":
            # A job that waits again keeps the start of its wait: a new start would hide a stop that is late.
            self.watched[job.seq] = before._replace(job=job)
        elif before is None or (before.job, before.late_s) != (job, late_s):
            self.watched[job.seq] = self._begin(job, phase, late_s)
        if is_doubtful:
            self.unproved.setdefault(job.seq, False)
        else:
            self.unproved.pop(job.seq, None)
        return is_known

    def late_s(self, job: Seen, phase: str) -> float:
        """Return the seconds in the phase after which a person should look at the job; infinite for never."""
        if phase == "waiting":
            return STOP_S if job.command_class in MAKES_SAFE else math.inf
        if phase == "picked_up":
            is_expected = (job.site, job.device) in self._reported_ms and job.command_class not in TO_SEE
            return UNREPORTED_S if is_expected else math.inf
        if phase != "running" or job.estimate_s is None or job.estimate_s < 0:
            return math.inf
        return job.estimate_s + max(OVERDUE_AT_LEAST_S, job.estimate_s * OVERDUE_SHARE)

    def _begin(self, job: Seen, phase: str, late_s: float) -> Watched:
        now_s, now_ms = self._queue.clock.elapsed_s(), self._queue.clock.now_ms()
        began_ms = job.created_ms if phase == "waiting" else job.changed_ms
        # After a change of the clock the moment may lie in the future: its age is unknown, and counts from now.
        began_s = now_s - max(0, now_ms - began_ms) / 1000
        gone_s = now_s + DAY_S - max(0, now_ms - job.created_ms) / 1000
        if job.command_class in MAKES_SAFE:
            gone_s = math.inf if phase == "waiting" else began_s + DAY_S
        elif phase == "picked_up":
            gone_s = min(gone_s, began_s + UNREPORTED_UNTIL_S)
        if phase == "waiting" and job.command_class == STOP_CLASS:
            began_s = min(began_s, self._inherited_s(job))
        return Watched(job, phase, began_s, late_s, gone_s)

    def _inherited_s(self, stop: Seen) -> float:
        """Return the start of the wait that a stop goes on with; infinite for a stop that withdrew no stop.

        Each press of STOP withdraws the stop before: a fresh start each time would never give an alarm.
        """
        clock, began_s = self._queue.clock, math.inf
        for seq, created_ms in repeats.withdrawn_in_a_row(self._queue.database, stop.site, stop.seq):
            if before := self.watched.get(seq):
                return min(began_s, before.began_s)
            began_s = clock.elapsed_s() - max(0, clock.now_ms() - created_ms) / 1000
        return began_s

    def prove(self) -> None:
        """Read the states of the hand-outs of stops, closings and parkings. Raise Unavailable."""
        if not self.unproved:
            return
        newest = (
            f"SELECT max(seq) FROM change WHERE job_seq IN ({marks(self.unproved)}) AND queue = '{PRIMARY}' "
            "AND handout_id IS NOT NULL GROUP BY job_seq"
        )
        for seq, state, maybe_flushed in self._queue.database.fetch(
            "SELECT c.job_seq, h.state, h.maybe_flushed FROM change c JOIN handout h ON h.id = c.handout_id "
            f"WHERE c.seq IN ({newest})",
            list(self.unproved),
        ):
            # A confirmed answer may turn out later to have been thrown away.
            self.unproved[seq] = state == UNCONFIRMED or bool(maybe_flushed) or (state == OPEN and self._is_old(seq))

    def _is_old(self, seq: int) -> bool:
        """Return True if a proof of the job's hand-out is overdue: a dead machine neither reads nor closes."""
        one = self.watched.get(seq)
        return one is not None and self._queue.clock.elapsed_s() - one.began_s >= UNPROVED_S

    def forget_old(self) -> None:
        """Forget the jobs that nobody needs to look at any more."""
        now_s = self._queue.clock.elapsed_s()
        for seq, one in list(self.watched.items()):
            if now_s > one.gone_s:
                del self.watched[seq]
                self.unproved.pop(seq, None)

    def _note_report(self, device: tuple[str, str], created_ms: int) -> None:
        self._reported_ms[device] = max(created_ms, self._reported_ms.get(device, 0))

    def reports(self, job: Seen) -> bool:
        """Return True if the job's device reported on a job of the last day: other devices need not report."""
        return self._reported_ms.get((job.site, job.device), 0) >= self._queue.clock.now_ms() - DAY_S * 1000
