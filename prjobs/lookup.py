"""Looking into the queue: what waits, one job, the last days. Nothing here changes anything."""

from collections.abc import Iterator

from prjobs import feed
from prjobs.appliance import Appliance
from prjobs.database import Database, Transaction
from prjobs.errors import NotFound
from prjobs.models import JOB_COLUMNS, JobRow
from prjobs.states import FORWARDING, HELD, UNREAD
from prjobs.ulids import floor_ulid

PAGE = 500


def has_waiting(appliance: Appliance, site: str, queue: str) -> bool:
    """Whether a job of the site waits in the queue: the look that observatories take all night."""
    return bool(appliance.database.fetch(_LOOK[queue], (site,)))


_LOOK = {
    queue: f"SELECT 1 FROM job WHERE site = ? AND {status} = '{UNREAD}' LIMIT 1"
    for queue, (status, _) in feed.COLUMNS.items()
}

_WAITING = {
    queue: f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND {status} = '{UNREAD}'"
    for queue, (status, _) in feed.COLUMNS.items()
}


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
    return [JobRow(*row) for row in transaction.fetch(f"{sql} ORDER BY seq", parameters)]


def held_of(source: Database | Transaction, site: str, queue: str) -> list[JobRow]:
    """The jobs of the site that the cloud link holds back, oldest first."""
    status = f"{feed.COLUMNS[queue][0]} IN ('{HELD}', '{FORWARDING}')"
    sql = f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND {status} ORDER BY ulid"
    return [JobRow(*row) for row in source.fetch(sql, (site,))]


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
