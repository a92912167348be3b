"""The stop rule: a stop withdraws every older waiting job of the site, except closing and parking.

A site's program treats `stop`, `cancel` and `cancel_all_commands` on any device, and `run` with `stopScript`, alike,
and stops everything. A job from before a stop must not move the telescope after the stop, wherever the job waits: in a
queue, at the cloud, under a lease, or for redelivery.
"""

from collections.abc import Iterable
from typing import NamedTuple

from prjobs.base.clock import moment
from prjobs.base.settings import Settings
from prjobs.base.ulids import floor_ulid
from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.lookup import WITHDRAWS
from prjobs.jobs.queue import Queue, Stop
from prjobs.jobs.requests import STOP_CLASS, StatusUpdate, is_stop
from prjobs.jobs.states import (
    ALTERNATE,
    APPLIANCE,
    BOTH,
    CANCELLED,
    CLOUD,
    COLUMNS,
    FORWARDED,
    FORWARDING,
    HELD,
    PRIMARY,
    RETURNED,
    UNREAD,
    in_phases,
    phase_of,
)
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.source import Source
from prjobs.store.transaction import Transaction

# No stop withdraws jobs of these classes: a telescope must still close and park.
SPARED = frozenset({"close", "park"})
_SCOPES = {
    "site": "s.command_class = 'stop'",
    "cancel_all": "s.command_class = 'stop' AND lower(s.action) = 'cancel_all_commands'",
}
# A stop of the cloud may arrive after newer jobs of the site. The copy of a local stop, and a stop that gave way to a
# newer one on arrival, withdraw nothing. Any other one withdraws the jobs sent before the time noted for the stop, or
# little later: the cloud's dates are in whole seconds, and clocks differ. In doubt two stops are both handed out.
DOUBT_MS = 30_000
_ON_ARRIVAL = "(SELECT c.status FROM change c WHERE c.job_seq = s.seq ORDER BY c.seq LIMIT 1)"
_STOP_TIME = "cloud_stop_ms "
_TIMED_STOPS = 10_000
_NOTED_MS = f"(SELECT CAST(f.value AS BIGINT) FROM fact f WHERE f.name = '{_STOP_TIME}' || s.seq)"
_AFTER = (
    f"s.seq > {{seq}} AND (s.origin <> '{CLOUD}' OR ({_ON_ARRIVAL} NOT IN ('{FORWARDED}', '{CANCELLED}') "
    f"AND {{sent_ms}} <= coalesce({_NOTED_MS}, {2**62})))"
)
_AFTER_LOCAL = _AFTER.format(seq="?", sent_ms="?")
_AFTER_EACH = _AFTER.format(
    seq="j.seq", sent_ms=f"j.created_ms - CASE j.command_class WHEN '{STOP_CLASS}' THEN 0 ELSE {DOUBT_MS} END"
)
# A job of the cloud may arrive long after the time in the id: arrival alone would miss a stop in between.
_AFTER_CLOUD = f"(s.origin <> '{CLOUD}' AND s.seq > ?) OR (s.origin = '{CLOUD}' AND s.ulid > ?)"


class Withdrawal(NamedTuple):
    """A stop that withdraws a job: the sender and the time."""

    seq: int
    user_name: str
    user_id: str
    created_ms: int

    @property
    def note(self) -> str:
        """Return the note for the withdrawn job's log."""
        return f"withdrawn by the stop of {self.user_name or self.user_id}, {moment(self.created_ms):%H:%M:%S} UTC"

    @property
    def stopped_note(self) -> str:
        """Return the note for a job that ran when the stop was handed out."""
        return f"stopped by {self.user_name or self.user_id}{_STOPPED} {moment(self.created_ms):%H:%M:%S} UTC"


_STOPPED = "'s stop,"
# A job handed out longer ago, without a report, is history: the stop did not end the job.
PICKED_UP_MS = 1_800_000
RUNNING_MS = 86_400_000
_COLUMNS = "s.seq, s.user_name, s.user_id, s.created_ms"


def withdrawal_of(stop: JobRow) -> Withdrawal:
    """Return a stop as the reason of withdrawals."""
    return Withdrawal(stop.seq, stop.user_name, stop.user_id, stop.created_ms)


def newest_local_stop(source: Source, settings: Settings, row: JobRow) -> Withdrawal | None:
    """Return the newest stop sent here that may withdraw a job of the cloud; None without a stop."""
    found = source.fetch(
        f"SELECT {_COLUMNS} FROM job s WHERE s.site = ? AND {_may_withdraw(settings, row)} AND s.origin <> ? "
        "ORDER BY s.seq DESC LIMIT 1",
        (row.site, CLOUD),
    )
    return Withdrawal(*found[0]) if found else None


def covering_stop(source: Source, settings: Settings, row: JobRow) -> Withdrawal | None:
    """Return the newest stop that came after the job and withdraws the job; None when the job may still run.

    The order is by arrival here, between two jobs of the cloud by id, and between a job of the site and a stop of the
    cloud by time as well. A job not stored yet (`seq` 0) is covered by stops of the cloud only.
    """
    if row.command_class in SPARED:
        return None
    if row.origin != CLOUD:
        doubt_ms = 0 if row.command_class == STOP_CLASS else DOUBT_MS
        later, parameters = _AFTER_LOCAL, [row.site, row.seq, row.created_ms - doubt_ms]
    else:
        later, parameters = _AFTER_CLOUD, [row.site, row.seq or _NEVER, row.ulid]
    found = source.fetch(
        f"SELECT {_COLUMNS} FROM job s WHERE s.site = ? AND {_may_withdraw(settings, row)} AND ({later}) "
        "ORDER BY s.seq DESC LIMIT 1",
        parameters,
    )
    return Withdrawal(*found[0]) if found else None


_NEVER = 2**62


def covered_jobs(source: Source, settings: Settings, site: str, queue_name: str) -> set[int]:
    """Return the numbers of the site's own waiting and held jobs with a `covering_stop`, found by one query."""
    status, scope = COLUMNS[queue_name][0], _SCOPES[settings.stop_scope]
    covered: set[int] = set()
    for waits in (f"= '{UNREAD}'", f"IN ('{HELD}', '{FORWARDING}')"):
        sql = (
            f"SELECT j.seq FROM job j WHERE j.site = ? AND j.{status} {waits} AND j.origin <> '{CLOUD}' "
            f"AND j.{_NOT_SPARED} AND EXISTS (SELECT 1 FROM job s WHERE s.site = j.site AND {scope} "
            f"AND (j.command_class <> '{STOP_CLASS}' OR s.status <> '{CANCELLED}') AND {_AFTER_EACH})"
        )
        covered.update(seq for (seq,) in source.fetch(sql, (site,)))
    return covered


def note_cloud_stop(transaction: Transaction, stop_seq: int, stop_ms: int) -> None:
    """Note the time of a stop of the cloud by the clock here. A stop without the note covers every job before it.

    The times of the oldest stops are dropped.
    """
    transaction.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (f"{_STOP_TIME}{stop_seq}", str(stop_ms)))
    transaction.execute(_FORGET_TIMES, (stop_seq - _TIMED_STOPS,))


# Only the names of such times end with a number: PostgreSQL may look at the conditions beside an AND in any order.
_FORGET_TIMES = (
    f"DELETE FROM fact WHERE CASE WHEN name LIKE '{_STOP_TIME}%' "
    f"THEN CAST(substr(name, {len(_STOP_TIME) + 1}) AS BIGINT) END <= ?"
)


def _may_withdraw(settings: Settings, row: JobRow) -> str:
    """Return the SQL condition for a stop that withdraws jobs like this one.

    A stop that a person withdrew goes on to withdraw the older jobs, but no older stop: no stop would be handed out.
    """
    scope = _SCOPES[settings.stop_scope]
    return f"{scope} AND s.status <> '{CANCELLED}'" if row.command_class == STOP_CLASS else scope


def split_covered(
    source: Source, settings: Settings, rows: Iterable[JobRow]
) -> tuple[list[JobRow], list[tuple[JobRow, Withdrawal]]]:
    """Return (jobs without a later stop, jobs with a later stop, each with the stop)."""
    free: list[JobRow] = []
    covered: list[tuple[JobRow, Withdrawal]] = []
    for row in rows:
        stop = covering_stop(source, settings, row)
        if stop is None:
            free.append(row)
        else:
            covered.append((row, stop))
    return free, covered


_NOT_SPARED = f"command_class NOT IN ({', '.join(repr(name) for name in sorted(SPARED))})"
# A stop withdraws so many waiting jobs at once: the poll that fetches the stop must not wait for thousands. The rest is
# named by a fact in the same transaction, is handed out no more from then on, and is withdrawn step by step.
STEP = 500
STEPS = 10
_OLDER = f"site = :site AND seq < :before_seq AND {_NOT_SPARED}"
# Each condition has an index of its own.
_HELD = {
    queue_name: f"{_OLDER} AND {status} IN ('{HELD}', '{FORWARDING}')" for queue_name, (status, _) in COLUMNS.items()
}
# One row of the log for a job that waits in both queues.
_WAITING = {
    BOTH: f"{_OLDER} AND status = '{UNREAD}' AND alternate_status = '{UNREAD}'",
    PRIMARY: f"{_OLDER} AND status = '{UNREAD}' AND alternate_status <> '{UNREAD}'",
    ALTERNATE: f"{_OLDER} AND alternate_status = '{UNREAD}' AND status <> '{UNREAD}'",
}
# The rows that a step reads are bounded by the number of the next job that waits in the queue.
_STEPS = [
    (
        queue_names,
        f"SELECT seq FROM job WHERE site = ? AND {status} = '{UNREAD}' AND seq < ? AND {_NOT_SPARED} ORDER BY seq",
    )
    for queue_names, status in (((BOTH, PRIMARY), "status"), ((ALTERNATE,), "alternate_status"))
]
_OLDER_STOPS = (
    f"SELECT seq FROM job INDEXED BY job_stop WHERE site = ? AND seq < ? AND command_class = '{STOP_CLASS}' "
    f"AND '{UNREAD}' IN (status, alternate_status) ORDER BY seq"
)
_NAMED = f"SELECT name, CAST(value AS BIGINT) FROM fact WHERE name >= '{WITHDRAWS}' AND name < '{WITHDRAWS.rstrip()}!'"


def withdraw_older(transaction: Transaction, queue: Queue, stop: JobRow) -> None:
    """Withdraw every older waiting or held job of the stop's site, in both queues; remember the stop.

    Of very many waiting jobs the oldest and all stops are withdrawn now, the rest by `withdraw_rest_once`.
    """
    for queue_name, where in _HELD.items():
        log.apply_where(transaction, stop.site, where, stop.seq, _withdrawn(queue, stop, queue_name))
    if _withdraw_step(transaction, queue, stop):
        older_stops = transaction.fetch(_OLDER_STOPS, (stop.site, stop.seq))
        numbers = ", ".join(str(seq) for (seq,) in older_stops)
        for queue_name, where in _WAITING.items() if numbers else ():
            event = _withdrawn(queue, stop, queue_name)
            log.apply_where(transaction, stop.site, f"{where} AND seq IN ({numbers})", stop.seq, event)
        name = WITHDRAWS + stop.site
        transaction.execute("DELETE FROM fact WHERE name = ?", (name,))
        transaction.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (name, str(stop.seq)))
    transaction.after_commit(queue.stops.__setitem__, stop.site, Stop(stop.seq, queue.clock.elapsed_s()))


def _withdrawn(queue: Queue, stop: JobRow, queue_name: str) -> Event:
    return Event(queue_name, CANCELLED, queue.clock.now_ms(), stop.user_id, withdrawal_of(stop).note)


def _withdraw_step(transaction: Transaction, queue: Queue, stop: JobRow) -> bool:
    """Withdraw the oldest waiting jobs before a stop; return True if more are left."""
    is_more = False
    for queue_names, next_one in _STEPS:
        found = transaction.fetch(f"{next_one} LIMIT 1 OFFSET {STEP}", (stop.site, stop.seq))
        before_seq = found[0][0] if found else stop.seq
        for queue_name in queue_names:
            event = _withdrawn(queue, stop, queue_name)
            log.apply_where(transaction, stop.site, _WAITING[queue_name], before_seq, event)
        is_more |= before_seq < stop.seq
    return is_more


def withdraw_rest_once(queue: Queue) -> None:
    """Withdraw the rest of very many jobs before a stop, step by step; a crash in between leaves the rest named."""
    for name, stop_seq in queue.database.fetch(f"{_NAMED} ORDER BY name"):
        for _ in range(STEPS):
            if not queue.database.write(_withdraw_rest, queue, name, stop_seq):
                break


def _withdraw_rest(transaction: Transaction, queue: Queue, name: str, stop_seq: int) -> bool:
    """Do a step, and forget the rest after the last step; return True if more is left.

    The number in the fact is enough: without the row of the stop the sender has no name.
    """
    found = transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ?", (stop_seq,))
    stop = JobRow(*found[0]) if found else _unknown_stop(queue, name.removeprefix(WITHDRAWS), stop_seq)
    if _withdraw_step(transaction, queue, stop):
        return True
    # A newer stop may have named more meanwhile.
    transaction.execute("DELETE FROM fact WHERE name = ? AND value = ?", (name, str(stop_seq)))
    return False


def _unknown_stop(queue: Queue, site: str, seq: int) -> JobRow:
    empty = JobRow(*[""] * JobRow._fields.index("picked_up_ms"))  # type: ignore[arg-type]
    now_ms = queue.clock.now_ms()
    return empty._replace(seq=seq, site=site, created_ms=now_ms, user_id=APPLIANCE, user_name="an unknown user")


def withdraw(transaction: Transaction, queue: Queue, covered: list[tuple[JobRow, Withdrawal]], queue_name: str) -> None:
    """Withdraw jobs in one queue, each by the later stop."""
    for row, stop in covered:
        event = Event(queue_name, CANCELLED, queue.clock.now_ms(), stop.user_id, stop.note)
        log.apply(transaction, [row], event)


def note_stopped(transaction: Transaction, queue: Queue, handed: Iterable[JobRow], queue_name: str) -> None:
    """Note on the jobs under way that a stop now handed out ends them; the note of an earlier stop remains.

    The note is no change of status: a row in the log would count as a report, and prove the job's own hand-out.
    """
    found = [row for row in handed if is_stop(queue.settings, row)]
    if not found or queue_name != PRIMARY:
        return
    stop, now_ms = found[-1], queue.clock.now_ms()
    transaction.execute(
        "UPDATE job SET note = ? WHERE site = ? AND ulid >= ? AND seq < ? AND command_class <> ? AND note NOT LIKE ? "
        f"AND ({in_phases('status', ['running'])} OR (picked_up_ms >= ? AND {in_phases('status', ['picked_up'])}))",
        (
            withdrawal_of(stop).stopped_note,
            stop.site,
            floor_ulid(now_ms - RUNNING_MS),
            stop.seq,
            STOP_CLASS,
            f"stopped by %{_STOPPED} %",
            now_ms - PICKED_UP_MS,
        ),
    )


# The words of a job on the way to its end: STOPPING, ABORTING, CANCELLING.
_ENDING = ("STOP", "ABORT", "CANCEL")


def note_of_report(row: JobRow, report: StatusUpdate) -> str:
    """Return the note for a reported status: the message, else the stop where the job failed or is ending."""
    was_stopped = row.note.startswith("stopped by ") and _STOPPED in row.note and not report.alternate
    is_ended = phase_of(report.status) in ("failed", "gone") or report.status.upper().startswith(_ENDING)
    return row.note if was_stopped and is_ended and not report.message else report.message


_HANDED_SINCE = (
    f"SELECT 1 FROM handout h WHERE h.site = ? AND h.queue = ? AND h.state <> '{RETURNED}' "
    "AND h.id > (SELECT max(c.handout_id) FROM change c WHERE c.job_seq = ? AND c.queue = ?) LIMIT 1"
)


def is_overtaken(source: Source, stop: JobRow, queue_name: str) -> bool:
    """Return True if the queue gave another answer with jobs since: a second hand-out of the stop would end those."""
    return bool(source.fetch(_HANDED_SINCE, (stop.site, queue_name, stop.seq, queue_name)))
