"""The log: every change of a job's status is a row of `change`, appended by this module only."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache

import msgspec

from prjobs.jobs.states import ALTERNATE, BOTH, COLUMNS, in_phases, phase_of
from prjobs.store.models import LISTED_COLUMNS, JobRow
from prjobs.store.numbers import coming_number, last_number, next_number
from prjobs.store.source import Row, Source, Store, marks
from prjobs.store.transaction import Transaction

LIMIT = 500
# How far back the newest events are searched: a site of few changes must not cost a look through the whole log.
SEARCHED = 20_000
LOOKED = 100_000
_NO_END = 2**62
_INTO = "INSERT INTO change (seq, job_seq, site, queue, status, estimate_s, time_ms, who, note, handout_id) "
_INSERT = _INTO + "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_FROM = (
    _INTO + "SELECT :first - 1 + row_number() OVER (ORDER BY seq), "
    "seq, site, :queue, :status, :estimate_s, :time_ms, :who, :note, :handout_id FROM job WHERE "
)
_CHANGE_COLUMNS = "c.seq, c.queue, c.status, c.estimate_s, c.time_ms, c.who, c.note"


@dataclass(frozen=True)
class Event:
    """A change of jobs: the new status in one queue or both, the time, the actor and the reason.

    `note` is the reason in words: the message of a report, or a sentence of the appliance.
    """

    queue: str
    status: str
    time_ms: int
    who: str
    note: str = ""
    estimate_s: int | None = None
    handout_id: int | None = None


def append_created(transaction: Transaction, row: JobRow, event: Event) -> None:
    """Log a newly inserted job with the event's status."""
    transaction.execute(_INSERT, (next_number(transaction, "change"), *_logged(row, event)))
    transaction.tell(row.site)


def begun(row: JobRow) -> JobRow:
    """Return a new row with the times that belong to the status."""
    phase, time_ms = phase_of(row.status), row.changed_ms
    if phase == "waiting":
        return row
    if phase == "picked_up":
        return row._replace(picked_up_ms=time_ms)
    return row._replace(started_ms=time_ms) if phase == "running" else row._replace(ended_ms=time_ms)


def apply(transaction: Transaction, rows: Iterable[JobRow], event: Event) -> None:
    """Set the status, note and times of the jobs, and append a row to the log for each job."""
    rows = list(rows)
    if not rows:
        return
    update = f"{_update(event.queue, phase_of(event.status), event.handout_id is not None)} WHERE seq = :seq"
    values = {"status": event.status, "estimate_s": event.estimate_s, "time_ms": event.time_ms, "note": event.note}
    first, *others = rows
    transaction.execute(update, {**values, "seq": first.seq})
    transaction.execute(_INSERT, (next_number(transaction, "change"), *_logged(first, event)))
    if others:
        transaction.executemany(update, [{**values, "seq": row.seq} for row in others])
        transaction.executemany(_INSERT, [(next_number(transaction, "change"), *_logged(row, event)) for row in others])
    for site in {row.site for row in rows}:
        transaction.tell(site)


def append_again(transaction: Transaction, rows: Iterable[JobRow], event: Event) -> None:
    """Log a further hand-out of jobs; each keeps its status: a reported end stays the end."""
    for row in rows:
        status = row.alternate_status if event.queue == ALTERNATE else row.status
        again = replace(event, status=status)
        transaction.execute(_INSERT, (next_number(transaction, "change"), *_logged(row, again)))
        transaction.execute("UPDATE job SET attempts = attempts + 1 WHERE seq = ?", (row.seq,))
        transaction.tell(row.site)


def apply_where(transaction: Transaction, site: str, where: str, before_seq: int, event: Event) -> None:
    """Do the same for all jobs of a condition on `:site` and `:before_seq`, without reading the jobs.

    A stop withdraws thousands of jobs in a tenth of the time that `apply` takes.
    """
    first = coming_number(transaction, "change")
    values = {**asdict(event), "site": site, "before_seq": before_seq, "first": first}
    inserted = transaction.execute(f"{_INSERT_FROM}{where} ORDER BY seq", values).rowcount
    if inserted:
        if first is not None:
            transaction.last_numbers["change"] = first - 1 + inserted
        transaction.execute(f"{_update(event.queue, phase_of(event.status))} WHERE {where}", values)
        transaction.tell(site)


@cache
def _update(queue: str, phase: str, is_attempt: bool = False) -> str:
    columns = COLUMNS.values() if queue == BOTH else [COLUMNS[queue]]
    set_to = [f"{status} = :status, {estimate} = :estimate_s" for status, estimate in columns]
    if queue != ALTERNATE:
        set_to += ["changed_ms = :time_ms", "note = :note", _times(phase)]
    if is_attempt:
        set_to.append("attempts = attempts + 1")
    return f"UPDATE job SET {', '.join(set_to)}"


def _times(phase: str) -> str:
    """Return the SQL for the times of the primary queue; in SQLite `status` is still the status before the update."""
    if phase == "waiting":
        return "picked_up_ms = NULL, started_ms = NULL, ended_ms = NULL"
    if phase == "picked_up":
        return "picked_up_ms = coalesce(picked_up_ms, :time_ms), ended_ms = NULL"
    if phase == "running":
        return "started_ms = coalesce(started_ms, :time_ms), ended_ms = NULL"
    return f"ended_ms = CASE WHEN {in_phases('status', [phase])} THEN coalesce(ended_ms, :time_ms) ELSE :time_ms END"


def _logged(row: JobRow, event: Event) -> tuple[object, ...]:
    return (
        row.seq,
        row.site,
        event.queue,
        event.status,
        event.estimate_s,
        event.time_ms,
        event.who,
        event.note,
        event.handout_id,
    )


class Change(msgspec.Struct, frozen=True):
    """A row of the log, with the present state of the job."""

    seq: int
    queue: str
    status: str
    estimate_s: int | None
    time_ms: int
    who: str
    note: str
    job: JobRow


def last_seq(database: Store) -> int:
    """Return the number of the newest change; 0 before the first."""
    return last_number(database.fetch_kept, "change")


def list_changes(
    source: Source, since: int, sites: Sequence[str] = (), limit: int = LIMIT, until: int = _NO_END
) -> list[Change]:
    """Return the changes after number `since`, oldest first, at most `limit`; of the given sites, or of all."""
    where = f"c.seq > ? AND c.seq <= ? {_of_sites('c.site', sites)}"
    found = source.fetch(f"{_CHANGES} WHERE {where} ORDER BY c.seq LIMIT ?", [since, until, *sites, limit])
    return [_change(row) for row in found]


def looked_until(source: Source, since: int, newest: int) -> int:
    """Return the last number of a bounded look for the changes of some sites: a rare site has few among millions.

    The oldest changes may be gone: a long look begins with the first change in the log.
    """
    if newest - since <= LOOKED:
        return newest
    first = source.fetch("SELECT min(seq) FROM change WHERE seq > ?", (since,))[0][0]
    return min(newest, int(first) + LOOKED) if first else newest


def newest_events(database: Store, count: int, sites: Sequence[str] = ()) -> list[Change]:
    """Return the newest changes, oldest first, without the ends of jobs in the alternate queue alone.

    A stop withdraws each job from the alternate queue as well, and a finished job expires there: such rows would fill
    the list.
    """
    is_end = f"c.queue = '{ALTERNATE}' AND {in_phases('c.status', ['gone'])}"
    where = f"c.seq > ? AND NOT ({is_end}) {_of_sites('c.site', sites)}"
    since = last_seq(database) - SEARCHED
    found = database.fetch(f"{_CHANGES} WHERE {where} ORDER BY c.seq DESC LIMIT ?", [since, *sites, min(count, LIMIT)])
    return [_change(row) for row in reversed(found)]


# Both tables have columns of the same names: the job's have their names inside the subquery.
_JOB = f"(SELECT {LISTED_COLUMNS} FROM job)"
_CHANGES = f"SELECT {_CHANGE_COLUMNS}, j.* FROM change c JOIN {_JOB} j ON j.seq = c.job_seq"


def _change(row: Row) -> Change:
    seq, queue_name, status, estimate_s, time_ms, who, note = row[:7]
    return Change(
        seq=seq,
        queue=queue_name,
        status=status,
        estimate_s=estimate_s,
        time_ms=time_ms,
        who=who,
        note=note,
        job=JobRow(*row[7:]),
    )


def has_changes(database: Store, since: int, sites: Sequence[str] = ()) -> bool:
    """Return True if the log has changes after number `since`, or too many to look through for those of the sites."""
    if sites and since < last_seq(database) <= since + LOOKED:
        sql = f"SELECT 1 FROM change WHERE seq > ? {_of_sites('site', sites)} LIMIT 1"
        return bool(database.fetch_kept(sql, [since, *sites]))
    return last_seq(database) > since


def _of_sites(column: str, sites: Sequence[str]) -> str:
    return f"AND {column} IN ({marks(sites)})" if sites else ""


def timeline(source: Source, job_seq: int) -> list[Row]:
    """Return the changes of a job, oldest first, with their hand-outs: of more than a thousand the first and last 500.

    Columns: seq, queue, status, estimate_s, time_ms, who, note, then the hand-out's id, time_ms, peer, gap_ms,
    state, maybe_flushed.
    """
    return source.fetch(
        "SELECT c.seq, c.queue, c.status, c.estimate_s, c.time_ms, c.who, c.note, "
        "h.id, h.time_ms, h.peer, h.gap_ms, h.state, h.maybe_flushed "
        "FROM change c LEFT JOIN handout h ON h.id = c.handout_id WHERE c.seq IN ("
        f"SELECT seq FROM (SELECT seq FROM change WHERE job_seq = ? ORDER BY seq LIMIT {LIMIT}) AS first "
        f"UNION SELECT seq FROM (SELECT seq FROM change WHERE job_seq = ? ORDER BY seq DESC LIMIT {LIMIT}) AS last"
        ") ORDER BY c.seq",
        (job_seq, job_seq),
    )
