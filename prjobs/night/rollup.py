"""The sums of past nights, kept by a chore: polls, new jobs and reports do nothing for the screen of weeks.

The chore follows the log by a cursor, marks each night of a changed job as due, and sums the due nights up from their
jobs, some pages at a time. A night summed up twice has the same sums; after a kill the marks and the cursor, which are
written in one transaction, say where to go on. After an upgrade the cursor begins with the oldest change. The night is
closed when the retention removes its first job: from then on its sums never change.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress

from prjobs.base.errors import Unavailable
from prjobs.jobs import log
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import PRIMARY
from prjobs.monitor.alarms import SILENT
from prjobs.night.due import (
    DAY_MS,
    Due,
    mark_nights,
    mark_once,
    next_due,
    nights_of,
)
from prjobs.night.nights import Night, night_at, night_named
from prjobs.store.transaction import Transaction

AFTER_START_S, REST_S = 20.0, 30.0
# The chore holds up other chores for no longer at a time.
STEP_S = 0.05
ALARMS_EVERY_S = 600.0
# The longest silence whose nights are looked for.
SILENT_DAYS = 8
_ALARMS = (
    f"SELECT since_ms, cleared_ms FROM alarm WHERE kind = '{SILENT}' AND site = ? AND since_ms < ? "
    "AND (cleared_ms IS NULL OR cleared_ms > ?) ORDER BY since_ms, id"
)


# ---- summing up


def sum_up(queue: Queue, due: Due) -> Iterator[None]:
    """Sum a night up and store the sums; each step reads a page of jobs."""
    # Imported late: an idle server needs no report.
    from prjobs.night.counting import Counting
    from prjobs.night.report import tallied
    from prjobs.night.shapes import Tally
    from prjobs.night.silence import Polled
    from prjobs.night.sums import encode_sums

    night = night_named(queue.settings, due.site, due.date)
    made_ms = queue.clock.now_ms()
    poller = queue.polls.of(due.site, PRIMARY)
    # The last poll of now says nothing about the night: a later sum must be the same.
    rules = {due.site: Polled(None, poller.silent_after_ms)} if poller else {}
    tally, summing = Tally(rules, night, made_ms), Counting()
    for page in tallied(queue.database, due.site, night, tally):
        summing.add_jobs(page)
        yield
    for since_ms, until_ms in queue.database.fetch(_ALARMS, (due.site, night.until_ms, night.since_ms)):
        tally.quiet.alarmed(due.site, since_ms, until_ms)
    summing.add_rest(tally.stops, tally.quiet.silences(due.site, made_ms))
    queue.database.write(_keep, due, night, encode_sums(summing.sums()).decode(), made_ms)


def _keep(transaction: Transaction, due: Due, night: Night, sums: str, made_ms: int) -> None:
    # A change since the night was marked has marked the night again, with a higher number.
    sql = (
        "UPDATE night_sum SET due = CASE WHEN due > ? THEN due ELSE 0 END, sums = ?, made_ms = ?, since_ms = ?, "
        "until_ms = ? WHERE site = ? AND date = ? AND is_closed = 0"
    )
    transaction.execute(sql, (due.due, sums, made_ms, night.since_ms, night.until_ms, due.site, due.date))


def _put_off(transaction: Transaction, due: Due, now_ms: int) -> None:
    sql = "UPDATE night_sum SET made_ms = ? WHERE site = ? AND date = ?"
    transaction.execute(sql, (now_ms, due.site, due.date))


# ---- silences


def mark_silent_once(queue: Queue, ended_since_ms: int) -> None:
    """Mark the nights of silences as due: of lasting silences, and of silences with an end since a time."""
    database, now_ms = queue.database, queue.clock.now_ms()
    found = database.fetch(
        f"SELECT site, since_ms, cleared_ms FROM alarm WHERE kind = '{SILENT}' "
        "AND (cleared_ms IS NULL OR cleared_ms >= ?)",
        (ended_since_ms,),
    )
    nights: set[tuple[str, Night]] = set()
    for site, since_ms, cleared_ms in found:
        until_ms = now_ms if cleared_ms is None else cleared_ms
        night = night_at(queue.settings, site, max(since_ms, until_ms - SILENT_DAYS * DAY_MS))
        while night.since_ms <= until_ms:
            nights.add((site, night))
            night = night_named(queue.settings, site, night.beside(1))
    if nights:
        database.write(mark_nights, sorted(nights, key=str), max(1, log.last_seq(database)), {})


# ---- before the retention removes jobs


def settle(queue: Queue, jobs: Sequence[tuple[str, str]]) -> Generator[None, None, list[tuple[str, str]]]:
    """Sum up the nights of jobs, as (site, ulid), that are about to be removed; return the keys of the nights.

    Each step reads a page of changes or of jobs. A night that changes in between is summed up again.
    """
    keys = sorted({(site, night.date) for site, ulid in jobs for night in nights_of(queue, site, ulid)})
    while True:
        while mark_once(queue):
            yield
        due = next(filter(None, (_unsettled(queue, *key) for key in keys)), None)
        if due is None:
            return keys
        yield from sum_up(queue, due)


def _unsettled(queue: Queue, site: str, date: str) -> Due | None:
    """Return a night whose sums are missing or older than a change; None for a closed night."""
    sql = "SELECT due, made_ms, is_closed FROM night_sum WHERE site = ? AND date = ?"
    found = queue.database.fetch(sql, (site, date))
    if not found:
        queue.database.write(mark_nights, [(site, night_named(queue.settings, site, date))], 1, {})
        return Due(site, date, 1)
    due, made_ms, is_closed = found[0]
    return None if is_closed or (made_ms and not due) else Due(site, date, max(1, due))


def close_nights(transaction: Transaction, keys: Sequence[tuple[str, str]]) -> None:
    """Close nights whose jobs this transaction removes."""
    for key in keys:
        transaction.execute("UPDATE night_sum SET is_closed = 1, due = 0 WHERE site = ? AND date = ?", key)


# ---- the chore


class Rollup:
    """The chore: step after step while there is something to do, then a rest."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        now_s = queue.clock.elapsed_s()
        self._rest_until_s = now_s + AFTER_START_S
        self._alarms_due_s = now_s
        self._alarms_since_ms = queue.clock.now_ms() - DAY_MS
        self._summing: Iterator[None] | None = None

    def once(self) -> None:
        """Do as many steps as the time for one call allows, unless at rest."""
        clock = self._queue.clock
        now_s = clock.elapsed_s()
        if now_s < self._rest_until_s:
            return
        # A step that fails is followed by a rest too.
        self._rest_until_s = now_s + REST_S
        while self.advance():
            if clock.elapsed_s() - now_s >= STEP_S:
                self._rest_until_s = now_s
                return

    def advance(self) -> bool:
        """Do the next step; return False when there is none."""
        if self._summing is not None:
            return self._go_on(self._summing)
        if mark_once(self._queue):
            return True
        self._look_for_silences()
        due = next_due(self._queue)
        if due is None:
            return False
        self._summing = self._sum_up(due)
        return True

    def _sum_up(self, due: Due) -> Iterator[None]:
        try:
            yield from sum_up(self._queue, due)
        except Unavailable:
            raise
        except Exception:
            # A night with a damaged job must not keep the others from their turn.
            self._queue.database.write(_put_off, due, self._queue.clock.now_ms())
            raise

    def _go_on(self, summing: Iterator[None]) -> bool:
        # After a failure the night is still due, and is summed up from the beginning.
        self._summing = None
        with suppress(StopIteration):
            next(summing)
            self._summing = summing
        return True

    def _look_for_silences(self) -> None:
        clock = self._queue.clock
        if clock.elapsed_s() < self._alarms_due_s:
            return
        since_ms, self._alarms_since_ms = self._alarms_since_ms, clock.now_ms()
        self._alarms_due_s = clock.elapsed_s() + ALARMS_EVERY_S
        try:
            mark_silent_once(self._queue, since_ms)
        except Unavailable:
            self._alarms_since_ms = since_ms
            raise
