"""The end of history: finished jobs and their alarms are removed in small steps, so that no poll waits.

No job is removed while the clock is in doubt: a clock a year ahead would make all history old enough.
"""

import logging
from collections.abc import Generator

from prjobs.base.notices import Code
from prjobs.base.ulids import floor_ulid
from prjobs.jobs.queue import Queue
from prjobs.jobs.repeats import remove_jobs
from prjobs.jobs.states import ALTERNATE, UNREAD, in_phases
from prjobs.night import rollup
from prjobs.store.source import marks
from prjobs.store.transaction import Transaction

# A step is one transaction of the writer: this many are a few milliseconds of it.
STEP = 200
DAY_MS = 86_400_000
REST_S = 600.0
# A machine that just started may not know the time yet.
AFTER_START_S = 600.0
QUIET_DAYS = 30
_FINISHED = in_phases("status", ("done", "failed", "gone"))
# The newest job and the job of the newest change are kept: SQLite numbers the next rows by them.
_NEWEST = "seq < (SELECT max(seq) FROM job) AND seq <> (SELECT job_seq FROM change ORDER BY seq DESC LIMIT 1)"
# A job that waits in a polled alternate queue is not over, even when finished in the primary queue.
_OVER = (
    f"ulid < ? AND changed_ms < ? AND {_FINISHED} AND {_NEWEST} AND NOT (alternate_status = '{UNREAD}' AND EXISTS "
    f"(SELECT 1 FROM poll WHERE poll.site = job.site AND poll.queue = '{ALTERNATE}'))"
)
logger = logging.getLogger(__name__)


def doubt(queue: Queue) -> str:
    """Return the reason to distrust the clock, so that no job is removed now; empty for none."""
    if Code.CLOCK in queue.notices:
        return "the clock moved"
    newest = queue.database.fetch("SELECT time_ms FROM change ORDER BY seq DESC LIMIT 1")
    quiet_ms = queue.clock.now_ms() - (newest[0][0] if newest else 0)
    if quiet_ms > QUIET_DAYS * DAY_MS:
        return f"by the clock no job changed for more than {QUIET_DAYS} days; the next job ends the doubt"
    return ""


def _before_ms(queue: Queue) -> int | None:
    """Return the time before which a job must have ended to be removed; None while no job may be removed."""
    keep_days = queue.settings.keep_days
    if not keep_days or doubt(queue):
        return None
    return queue.clock.now_ms() - keep_days * DAY_MS


def prune(queue: Queue) -> Generator[None, None, int]:
    """Remove up to 200 finished jobs whose last change is older than `keep_days`; return the number of jobs.

    The nights of the jobs are summed up before, in steps: the sums must not shrink with the jobs. The rows of the log
    are removed too, and hand-outs without a job left. Numbers of the log are never given again, so cursors stay valid.
    Jobs that are not finished are kept.
    """
    before_ms = _before_ms(queue)
    if before_ms is None:
        return 0
    # A long search by the writer would hold up every request that writes.
    found = queue.database.fetch(
        f"SELECT seq, site, ulid FROM job WHERE {_OVER} ORDER BY ulid LIMIT {STEP}",
        (floor_ulid(before_ms), before_ms),
    )
    if not found:
        return 0
    keys = yield from rollup.settle(queue, [(site, ulid) for _, site, ulid in found])
    # The clock may have moved between two steps.
    before_ms = _before_ms(queue)
    if before_ms is None:
        return 0
    return queue.database.write(_prune, queue, [seq for seq, *_ in found], before_ms, keys)


def prune_once(queue: Queue) -> int:
    """Do all steps of `prune` in one call."""
    pruning = prune(queue)
    while True:
        try:
            next(pruning)
        except StopIteration as done:
            return int(done.value)


def _prune(transaction: Transaction, queue: Queue, seqs: list[int], before_ms: int, keys: list[tuple[str, str]]) -> int:
    # A report may have come since the search.
    sql = f"SELECT seq FROM job WHERE seq IN ({marks(seqs)}) AND {_OVER}"
    over = [seq for (seq,) in transaction.fetch(sql, [*seqs, floor_ulid(before_ms), before_ms])]
    remove_jobs(transaction, over)
    rollup.close_nights(transaction, keys)
    for seq in over:
        transaction.after_commit(queue.expiries.drop, seq)
    return len(over)


def prune_alarms_once(queue: Queue) -> int:
    """Remove up to 200 alarms that ended before the time of the kept jobs; return the number of alarms."""
    before_ms = _before_ms(queue)
    if before_ms is None:
        return 0
    found = queue.database.fetch(f"SELECT id FROM alarm WHERE cleared_ms < ? LIMIT {STEP}", (before_ms,))
    return queue.database.write(_prune_alarms, [number for (number,) in found]) if found else 0


def _prune_alarms(transaction: Transaction, numbers: list[int]) -> int:
    which = f"id IN ({marks(numbers)})"
    transaction.execute(
        "DELETE FROM told WHERE EXISTS (SELECT 1 FROM alarm a "
        f"WHERE a.key = told.key AND a.raised_ms = told.raised_ms AND a.{which})",
        numbers,
    )
    return transaction.execute(f"DELETE FROM alarm WHERE {which}", numbers).rowcount


class Retention:
    """The chore: step after step while there are jobs to remove, then a rest."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._rest_until_s = queue.clock.elapsed_s() + AFTER_START_S
        self._doubt = ""
        self._pruning: Generator[None, None, int] | None = None

    def once(self) -> int:
        """Do some steps unless at rest; return the number of jobs removed. The alarms of their time are removed too."""
        now_s = self._queue.clock.elapsed_s()
        if now_s < self._rest_until_s:
            return 0
        if self._queue.settings.keep_days:
            self._say(doubt(self._queue))
        count = self._advance(now_s)
        if count is None:
            return 0
        if count < STEP and prune_alarms_once(self._queue) < STEP:
            self._rest_until_s = now_s + REST_S
        return count

    def _advance(self, now_s: float) -> int | None:
        """Go on until the jobs are removed and return their number; None when the time of a call is over before."""
        # After a failure all begins anew.
        pruning, self._pruning = self._pruning or prune(self._queue), None
        try:
            next(pruning)
            while self._queue.clock.elapsed_s() - now_s < rollup.STEP_S:
                next(pruning)
        except StopIteration as done:
            return int(done.value)
        self._pruning = pruning
        return None

    def _say(self, why: str) -> None:
        if why and why != self._doubt:
            logger.warning("finished jobs are kept beyond keep_days for now: %s", why)
        self._doubt = why
