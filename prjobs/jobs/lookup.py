"""Queries of the queue: waiting jobs, a single job, the jobs of the last days.

Lists of jobs are rows without params (BRIEF_COLUMNS); complete rows come a few at a time.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from prjobs.base.errors import NotFound
from prjobs.base.ulids import floor_ulid
from prjobs.jobs.states import BOTH, COLUMNS, FORWARDING, HELD, RECEIVED, UNREAD, in_phases
from prjobs.store.models import BRIEF_COLUMNS, JOB_COLUMNS, JobRow
from prjobs.store.source import Source, Store, marks
from prjobs.store.transaction import Transaction

PAGE = 500
PAGE_BYTES = 1_000_000
# A job from before the limit on params may have a megabyte.
STEP = 8


def has_waiting(database: Store, site: str, queue_name: str) -> bool:
    """Return True if a job of the site waits in the queue: the query of every empty poll, all night."""
    return bool(database.fetch_kept(_LOOK[queue_name], (site,)))


_WAITS = {queue_name: f"site = ? AND {status} = '{UNREAD}'" for queue_name, (status, _) in COLUMNS.items()}
# A fact of a site with very many waiting jobs: the number of the stop that withdraws all jobs before it.
WITHDRAWS = "withdraws "
WITHDRAWN_UNTIL = "coalesce((SELECT CAST(value AS BIGINT) FROM fact WHERE name = ?), 0)"
_SPARED = "command_class IN ('stop', 'close', 'park')"
_LOOK = {queue_name: f"SELECT 1 FROM job WHERE {where} LIMIT 1" for queue_name, where in _WAITS.items()}


class Waiting(NamedTuple):
    """A waiting job, by its number; `is_spared` if no stop withdraws the job."""

    seq: int
    is_stop: bool
    is_spared: bool


# Columns before the params, and of the index: the pages with the params of all waiting jobs are not read.
_WAITING = (
    "seq, CASE command_class WHEN 'stop' THEN 1 ELSE 0 END, "
    "CASE WHEN command_class IN ('close', 'park') THEN 1 ELSE 0 END"
)


# See `requests.is_for_all_devices`.
FOR_ALL_DEVICES = "command_class = 'stop' AND (lower(device) = 'all' OR lower(action) = 'cancel_all_commands')"


def find_waiting(
    transaction: Transaction, site: str, queue_name: str, device: str | None, instance: str | None
) -> list[Waiting]:
    """Return the site's waiting jobs in the queue, oldest first.

    With a device or instance return only the jobs for it and the stops for all devices. Jobs before a stop with more to
    withdraw are left out: no such job may be handed out.
    """
    parameters: list[object] = [site, f"{WITHDRAWS}{site}"]
    wanted = []
    for column, value in (("device", device), ("instance", instance)):
        if value is not None:
            wanted.append(f"{column} = ?")
            parameters.append(value)
    where = f"{_WAITS[queue_name]} AND ({_SPARED} OR seq > {WITHDRAWN_UNTIL})"
    if wanted:
        where += f" AND ({' AND '.join(wanted)} OR {FOR_ALL_DEVICES})"
    found = transaction.fetch(f"SELECT {_WAITING} FROM job WHERE {where} ORDER BY seq", parameters)
    return [Waiting(*row) for row in found]


def waiting_spared(source: Source, site: str, queue_name: str) -> list[int]:
    """Return the numbers of the site's closings and parkings that wait in the queue."""
    sql = f"SELECT seq FROM job WHERE {_WAITS[queue_name]} AND command_class IN ('close', 'park') ORDER BY seq"
    return [seq for (seq,) in source.fetch(sql, (site,))]


def waiting_of(transaction: Transaction, site: str, queue_name: str) -> list[JobRow]:
    """Return the site's waiting jobs in the queue, oldest first, without params."""
    return _read(transaction, BRIEF_COLUMNS, _WAITS[queue_name], [site])


def _read(source: Source, columns: str, where: str, parameters: Sequence[object]) -> list[JobRow]:
    """Return the jobs, oldest first."""
    sql = f"SELECT {columns} FROM job WHERE {where} ORDER BY seq"
    return [JobRow(*row) for row in source.fetch(sql, parameters)]


def complete(source: Source, seqs: Sequence[int]) -> Iterator[list[JobRow]]:
    """Yield the jobs of these numbers with their params, oldest first, a few at a time."""
    for begin in range(0, len(seqs), STEP):
        step = seqs[begin : begin + STEP]
        yield _read(source, JOB_COLUMNS, f"seq IN ({marks(step)})", step)


def has_waiting_stop(source: Source, site: str, queue_name: str) -> bool:
    """Return True if a stop of the site waits in the queue."""
    return bool(source.fetch(_LOOK[queue_name].replace(" LIMIT 1", " AND command_class = 'stop' LIMIT 1"), (site,)))


def picked_up(source: Source, seqs: Sequence[int], queue_name: str) -> list[JobRow]:
    """Return those of the jobs that were handed out in the queue and have no report, oldest first."""
    sql = f"SELECT {JOB_COLUMNS} FROM job WHERE seq IN ({marks(seqs)}) AND {COLUMNS[queue_name][0]} = '{RECEIVED}'"
    return [JobRow(*row) for row in source.fetch(f"{sql} ORDER BY seq", list(seqs))]


def handed_out(source: Source, seqs: Sequence[int], queue_name: str) -> list[JobRow]:
    """Return those of the jobs that left the queue by a hand-out, reported or not, oldest first."""
    status = COLUMNS[queue_name][0]
    sql = f"SELECT {JOB_COLUMNS} FROM job WHERE seq IN ({marks(seqs)}) AND NOT {in_phases(status, ('waiting', 'gone'))}"
    return [JobRow(*row) for row in source.fetch(f"{sql} ORDER BY seq", list(seqs))]


def held_of(source: Source, site: str, queue_name: str) -> list[JobRow]:
    """Return the site's jobs held back by the cloud link, oldest first, without params."""
    status = f"{COLUMNS[queue_name][0]} IN ('{HELD}', '{FORWARDING}')"
    sql = f"SELECT {BRIEF_COLUMNS} FROM job WHERE site = ? AND {status} ORDER BY ulid"
    return [JobRow(*row) for row in source.fetch(sql, (site,))]


def forwarding_of(source: Source, site: str) -> list[str]:
    """Return the ids of the site's jobs on the way to the cloud, oldest first."""
    # Without the hint SQLite walks through all jobs of the site, in the order of its index by site and ulid.
    sql = f"SELECT ulid FROM job INDEXED BY job_forwarding WHERE site = ? AND status = '{FORWARDING}' ORDER BY ulid"
    return [ulid for (ulid,) in source.fetch(sql, (site,))]


_OVER = in_phases("n.status", ("waiting", "done", "failed", "gone"))
_LATER = f"n.job_seq = c.job_seq AND n.seq > c.seq AND n.queue IN (c.queue, '{BOTH}')"
_GIVEN = (
    f"SELECT {BRIEF_COLUMNS} FROM job WHERE seq IN (SELECT c.job_seq FROM change c WHERE c.handout_id = ? AND %s) "
    "ORDER BY seq"
)
# A hand-out takes a waiting job out of the queue; any other one gave a stop to a further program.
_WAITED = (
    f"coalesce((SELECT p.status FROM change p WHERE p.job_seq = c.job_seq AND p.queue IN (c.queue, '{BOTH}') "
    f"AND p.seq < c.seq ORDER BY p.seq DESC LIMIT 1), '{UNREAD}') = '{UNREAD}'"
)
_UNTOUCHED = _GIVEN % f"NOT EXISTS (SELECT 1 FROM change n WHERE {_LATER}) AND {_WAITED}"
_NOT_OVER = _GIVEN % f"NOT EXISTS (SELECT 1 FROM change n WHERE {_LATER} AND {_OVER})"


def given_by(source: Source, handout_id: int, reported: bool = False) -> list[JobRow]:
    """Return the jobs that the hand-out took from the queue, without a later change; oldest first, without params.

    With `reported` also return the jobs with later reports, except finished ones and those that wait again, and the
    stops that other programs got before.
    """
    return [JobRow(*row) for row in source.fetch(_NOT_OVER if reported else _UNTOUCHED, (handout_id,))]


def find_job(source: Source, ulid: str) -> JobRow:
    """Return a job. Raise NotFound."""
    return only_row(source.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,)))


def sites_with_jobs(source: Source) -> list[str]:
    """Return all sites with jobs, by one look in the index for each site: jobs are many, sites are few."""
    sites: list[str] = []
    while found := source.fetch("SELECT min(site) FROM job WHERE site > ?", (sites[-1] if sites else "",)):
        if found[0][0] is None:
            break
        sites.append(found[0][0])
    return sites


def list_since(source: Source, site: str, since_ms: int) -> Iterator[list[JobRow]]:
    """Yield every job of the site created at or after `since_ms`, oldest first, in pages of about a megabyte."""
    after = floor_ulid(since_ms)
    inclusive = ">="
    while True:
        found = source.fetch(
            f"SELECT ulid, {_LENGTH} FROM job WHERE site = ? AND ulid {inclusive} ? ORDER BY ulid LIMIT {PAGE}",
            (site, after),
        )
        for first, last in _spans(found):
            sql = f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND ulid BETWEEN ? AND ? ORDER BY ulid"
            yield [JobRow(*row) for row in source.fetch(sql, (site, first, last))]
        if len(found) < PAGE:
            return
        after, inclusive = found[-1][0], ">"


_LENGTH = "length(required_params) + length(optional_params)"


def _spans(found: Sequence[tuple[str, int]]) -> Iterator[tuple[str, str]]:
    """Yield the first and last id of each page; the length of a job with its params may be over the page's."""
    first, length = "", 0
    for number, (ulid, more) in enumerate(found):
        if first and length + more > PAGE_BYTES:
            yield first, found[number - 1][0]
            first, length = "", 0
        first, length = first or ulid, length + more
    if first:
        yield first, found[-1][0]


def only_row(found: list[tuple[object, ...]]) -> JobRow:
    """Return the job found by a query by key. Raise NotFound."""
    if not found:
        raise NotFound("There is no job with this ulid at this site.")
    return JobRow(*found[0])  # type: ignore[arg-type]
