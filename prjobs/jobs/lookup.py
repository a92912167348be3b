"""Looking into the queue: what waits, one job, the last days. Nothing here changes anything."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from prjobs.appliance import Appliance
from prjobs.base.errors import NotFound
from prjobs.base.ulids import floor_ulid
from prjobs.jobs import log
from prjobs.jobs.states import BOTH, FORWARDING, HELD, UNREAD, words_of
from prjobs.store.database import Database, Transaction
from prjobs.store.models import JOB_COLUMNS, JobRow

PAGE = 500


def has_waiting(appliance: Appliance, site: str, queue: str) -> bool:
    """Whether a job of the site waits in the queue: the look that observatories take all night."""
    return bool(appliance.database.fetch(_LOOK[queue], (site,)))


_LOOK = {
    queue: f"SELECT 1 FROM job WHERE site = ? AND {status} = '{UNREAD}' LIMIT 1"
    for queue, (status, _) in log.COLUMNS.items()
}

_WAITING = {
    queue: f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND {status} = '{UNREAD}'"
    for queue, (status, _) in log.COLUMNS.items()
}


_AS_BYTES = ", ".join(
    f"CASE typeof({column}) WHEN 'text' THEN CAST({column} AS BLOB) ELSE {column} END" for column in JobRow._fields
)


def waiting_of(
    transaction: Transaction, site: str, queue: str, device: str | None = None, instance: str | None = None
) -> list[JobRow]:
    """The jobs of the site that wait in the queue, oldest first, of one device or instance when given."""
    sql = _WAITING[queue]
    parameters = [site]
    for column, value in (("device", device), ("instance", instance)):
        if value is not None:
            sql += f" AND {column} = ?"
            parameters.append(value)
    sql += " ORDER BY seq"
    try:
        return [JobRow(*row) for row in transaction.fetch(sql, parameters)]
    except sqlite3.OperationalError:
        # A damaged text may be no UTF-8 any more; one such row must not keep the others back.
        found = transaction.fetch(sql.replace(JOB_COLUMNS, _AS_BYTES, 1), parameters)
        return [JobRow(*(_as_text(value) for value in row)) for row in found]


def _as_text(value: object) -> Any:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def held_of(source: Database | Transaction, site: str, queue: str) -> list[JobRow]:
    """The jobs of the site that the cloud link holds back, oldest first."""
    status = f"{log.COLUMNS[queue][0]} IN ('{HELD}', '{FORWARDING}')"
    sql = f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND {status} ORDER BY ulid"
    return [JobRow(*row) for row in source.fetch(sql, (site,))]


_COLUMNS = ", ".join(f"j.{column}" for column in JobRow._fields)
_OVER = ", ".join(f"'{word}'" for phase in ("waiting", "done", "failed", "gone") for word in words_of(phase))
_LATER = f"n.job_seq = c.job_seq AND n.seq > c.seq AND n.queue IN (c.queue, '{BOTH}')"
_GIVEN = (
    f"SELECT {_COLUMNS} FROM change c JOIN job j ON j.seq = c.job_seq WHERE c.handout_id = ? "
    f"AND NOT EXISTS (SELECT 1 FROM change n WHERE {_LATER}%s) ORDER BY j.seq"
)
_UNTOUCHED = _GIVEN % ""
_NOT_OVER = _GIVEN % f" AND upper(n.status) IN ({_OVER})"


def given_by(source: Database | Transaction, handout_id: int, reported: bool = False) -> list[JobRow]:
    """The jobs whose newest change in their queue is this hand-out, oldest first.

    With `reported` also those that an observatory reported on since, unless they are finished or wait again.
    """
    return [JobRow(*row) for row in source.fetch(_NOT_OVER if reported else _UNTOUCHED, (handout_id,))]


def unsent_of(source: Database | Transaction, appliance: Appliance, site: str, queue: str) -> list[JobRow]:
    """The jobs of the site that were handed out from the queue too late and never left: nobody has them yet."""
    rows = []
    for handed in appliance.handouts.unsent((site, queue)):
        seqs = {row.seq for row in handed.rows}
        rows += [row for row in given_by(source, handed.id) if row.seq in seqs]
    return rows


def newest_cancel_all(source: Database | Transaction, site: str) -> int:
    """The number of the site's newest `cancel_all_commands` that was sent here; 0 when there is none.

    What one of the cloud withdraws, the link knows.
    """
    sql = (
        "SELECT coalesce(max(seq), 0) FROM job "
        "WHERE site = ? AND lower(action) = 'cancel_all_commands' AND origin = 'local'"
    )
    return int(source.fetch(sql, (site,))[0][0])


def find_job(appliance: Appliance, ulid: str) -> JobRow:
    """One job. NotFound."""
    return only_row(appliance.database.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,)))


def list_recent(appliance: Appliance, site: str, range_ms: int) -> Iterator[list[JobRow]]:
    """Every job of the site that is at most `range_ms` old, oldest first, in pages."""
    after = floor_ulid(appliance.clock.now_ms() - range_ms)
    inclusive = ">="
    while True:
        found = appliance.database.fetch(
            f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND ulid {inclusive} ? ORDER BY ulid LIMIT {PAGE}",
            (site, after),
        )
        rows = [JobRow(*row) for row in found]
        yield rows
        if len(rows) < PAGE:
            return
        after, inclusive = rows[-1].ulid, ">"


def only_row(found: list[tuple[object, ...]]) -> JobRow:
    """The job that a query by its key found. NotFound."""
    if not found:
        raise NotFound("There is no job with this ulid at this site.")
    return JobRow(*found[0])  # type: ignore[arg-type]
