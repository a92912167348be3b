"""How long history is kept: finished jobs and their alarms go in small steps, so that no poll waits for them.

Nothing goes while the clock is in doubt: one that is a year ahead would make all history old enough.
"""

import logging

from prjobs.base.notices import Code
from prjobs.base.ulids import floor_ulid
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import ALTERNATE, UNREAD, words_of
from prjobs.store.transaction import Transaction

# A step is one transaction of the writer: this many are a few milliseconds of it.
STEP = 200
DAY_MS = 86_400_000
REST_S = 600.0
# A machine that just started may not have its time yet.
AFTER_START_S = 600.0
QUIET_DAYS = 30
_FINISHED = ", ".join(f"'{word}'" for phase in ("done", "failed", "gone") for word in words_of(phase))
# What waits in an alternate queue that somebody polls is not over, whatever became of it in the primary one.
_OVER = (
    f"ulid < ? AND changed_ms < ? AND upper(status) IN ({_FINISHED}) AND NOT (alternate_status = '{UNREAD}' AND EXISTS "
    f"(SELECT 1 FROM poll WHERE poll.site = job.site AND poll.queue = '{ALTERNATE}'))"
)
logger = logging.getLogger(__name__)


def doubt(queue: Queue) -> str:
    """Why the clock is not relied on for removing anything now; empty when it is."""
    if Code.CLOCK in queue.notices:
        return "the clock moved"
    newest = queue.database.fetch("SELECT time_ms FROM change ORDER BY seq DESC LIMIT 1")
    quiet_ms = queue.clock.now_ms() - (newest[0][0] if newest else 0)
    if quiet_ms > QUIET_DAYS * DAY_MS:
        return f"by the clock nothing happened for more than {QUIET_DAYS} days; it goes on once a job comes"
    return ""


def _before_ms(queue: Queue) -> int | None:
    """What is over since before this moment may go; None while nothing may."""
    keep_days = queue.settings.keep_days
    if not keep_days or doubt(queue):
        return None
    return queue.clock.now_ms() - keep_days * DAY_MS


def prune_once(queue: Queue) -> int:
    """One step: remove finished jobs whose last change is older than `keep_days`; how many they were, 200 at most.

    Their rows of the log go with them, and hand-outs of which nothing is left. Numbers of the log are never
    given again, so cursors stay valid. Jobs that are not finished are kept.
    """
    before_ms = _before_ms(queue)
    if before_ms is None:
        return 0
    # Found by a reader, which holds up nobody however long it looks.
    found = queue.database.fetch(
        f"SELECT seq FROM job WHERE {_OVER} ORDER BY ulid LIMIT {STEP}", (floor_ulid(before_ms), before_ms)
    )
    return queue.database.write(_prune, queue, [seq for (seq,) in found], before_ms) if found else 0


def _prune(transaction: Transaction, queue: Queue, seqs: list[int], before_ms: int) -> int:
    # A report may have come since the look.
    sql = f"SELECT seq FROM job WHERE seq IN ({_marks(seqs)}) AND {_OVER}"
    over = [seq for (seq,) in transaction.fetch(sql, [*seqs, floor_ulid(before_ms), before_ms])]
    chosen = f"IN ({_marks(over)})"
    handouts = transaction.fetch(
        f"SELECT DISTINCT handout_id FROM change WHERE job_seq {chosen} AND handout_id IS NOT NULL", over
    )
    for table in ("change", "lease"):
        transaction.execute(f"DELETE FROM {table} WHERE job_seq {chosen}", over)
    transaction.execute(f"DELETE FROM job WHERE seq {chosen}", over)
    transaction.executemany(
        "DELETE FROM handout WHERE id = ? AND NOT EXISTS (SELECT 1 FROM change WHERE handout_id = handout.id)",
        handouts,
    )
    for seq in over:
        transaction.after_commit(queue.expiries.drop, seq)
    return len(over)


def prune_alarms_once(queue: Queue) -> int:
    """One step: remove alarms that were over before what is kept of the jobs; how many they were, 200 at most."""
    before_ms = _before_ms(queue)
    if before_ms is None:
        return 0
    found = queue.database.fetch(f"SELECT id FROM alarm WHERE cleared_ms < ? LIMIT {STEP}", (before_ms,))
    return queue.database.write(_prune_alarms, [number for (number,) in found]) if found else 0


def _prune_alarms(transaction: Transaction, numbers: list[int]) -> int:
    return transaction.execute(f"DELETE FROM alarm WHERE id IN ({_marks(numbers)})", numbers).rowcount


def _marks(values: list[int]) -> str:
    return ", ".join("?" * len(values))


class Retention:
    """The chore: step after step while there is something to remove, then a rest."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._rest_until_s = queue.clock.elapsed_s() + AFTER_START_S
        self._doubt = ""

    def once(self) -> int:
        """One step unless it rests; how many jobs were removed. The alarms of their time go with them."""
        now_s = self._queue.clock.elapsed_s()
        if now_s < self._rest_until_s:
            return 0
        if self._queue.settings.keep_days:
            self._say(doubt(self._queue))
        count = prune_once(self._queue)
        if count < STEP and prune_alarms_once(self._queue) < STEP:
            self._rest_until_s = now_s + REST_S
        return count

    def _say(self, why: str) -> None:
        if why and why != self._doubt:
            logger.warning("finished jobs are kept beyond keep_days for now: %s", why)
        self._doubt = why
