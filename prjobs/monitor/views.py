"""The views of jobs, changes and hand-outs in the appliance's own API, for the monitor and the command line."""

from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Any, get_type_hints

import msgspec
from peewee import SQL, fn

from prjobs.base import catalogue
from prjobs.base.fields import Params, Roles
from prjobs.base.ulids import floor_ulid
from prjobs.jobs import log
from prjobs.jobs.log import Change
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import PHASES, RECEIVED, UNREAD, in_phases, phase_of
from prjobs.store.models import INTERNAL, LISTED_COLUMNS, LONG, Job, JobRow
from prjobs.store.source import Row, Source, Store

DAY_MS = 86_400_000
# The name for people of a program that only its address is known of.
OBSERVATORY = "observatory"
MAX_LIMIT = 1000
WORD_CHARACTERS = [*ascii_uppercase, *digits, "_"]
# The letters that `lower` of the store knows.
_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
COLUMNS = [SQL(LISTED_COLUMNS)]
# A page of a search looks at so many jobs, and the counts of phases at so many: the history may have millions.
SEARCHED = 50_000
COUNTED = 200_000


SHOWN = {name: kind for name, kind in get_type_hints(JobRow).items() if name not in INTERNAL | LONG}
_Shown: Any = msgspec.defstruct("_Shown", list(SHOWN.items()), kw_only=True)


class JobView(_Shown, kw_only=True):  # type: ignore[call-arg]
    """A job in the appliance's own API: the columns of the row, the label and the phases.

    `estimate_s` was given at `changed_ms`. `picked_up_ms`, `started_ms` and `ended_ms` belong to the primary queue, and
    are None until the job gets there. `note` is the reason for the present status, such as the message of a report.
    """

    label: str
    phase: str
    alternate_phase: str


class HandoutView(msgspec.Struct):
    """The answer that handed a job out; `state`: OPEN, CONFIRMED, UNCONFIRMED, or RETURNED when its poll gave up."""

    id: int
    time_ms: int
    peer: str
    gap_ms: int | None
    state: str
    maybe_flushed: bool


class ChangeView(msgspec.Struct, omit_defaults=True):
    """A row of the log; with the job in the feed, with the hand-out in a timeline.

    `who` is a user, the appliance, the cloud, or "observatory" for a program without a token, which has an `address`.
    """

    seq: int
    time_ms: int
    queue: str
    status: str
    phase: str
    estimate_s: int | None
    who: str
    note: str
    address: str = ""
    job: JobView | msgspec.UnsetType = msgspec.UNSET
    handout: HandoutView | msgspec.UnsetType | None = msgspec.UNSET


class JobDetail(JobView, kw_only=True):  # type: ignore[call-arg]
    """A job with params and the whole timeline."""

    required_params: Params
    optional_params: Params
    user_roles: Roles
    timeline: list[ChangeView]


class Filter(msgspec.Struct, frozen=True):
    """The conditions of a list of jobs. Every given condition must hold; texts are compared without letter case."""

    sites: Sequence[str] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    phases: Sequence[str] = ()
    status: str | None = None
    device: str | None = None
    action: str | None = None
    user: str | None = None
    text: str | None = None
    before: str | None = None
    limit: int = 200

    @property
    def is_search(self) -> bool:
        """Return True if SQLite reads every job of the sites and time to find the jobs."""
        return any((self.phases, self.status, self.device, self.action, self.user, self.text))


def view_job(row: JobRow) -> JobView:
    """Return a job's row as a view."""
    return JobView(**shown(row))


def shown(row: JobRow) -> dict[str, Any]:
    """Return the fields of a view of the job."""
    return {
        "label": _label(row),
        "phase": phase_of(row.status),
        "alternate_phase": phase_of(row.alternate_status),
        **{name: getattr(row, name) for name in SHOWN},
    }


def _label(row: JobRow) -> str:
    decode = msgspec.json.decode
    return catalogue.label(row.device, row.action, decode(row.required_params), decode(row.optional_params))


def named(who: str) -> tuple[str, str]:
    """Return the name for people, and the address of a program that is known by nothing else."""
    return (OBSERVATORY, who) if _is_address(who) else (who, "")


def _is_address(who: str) -> bool:
    """Return True for address:port, and for an address alone as behind a proxy."""
    host, _, port = who.rpartition(":")
    for text in (host if port.isdigit() else "", who):
        with suppress(ValueError):
            return bool(ip_address(text))
    return False


def view_change(change: Change) -> ChangeView:
    """Return a row of the feed as a view."""
    who, address = named(change.who)
    return ChangeView(
        seq=change.seq,
        time_ms=change.time_ms,
        queue=change.queue,
        status=change.status,
        phase=phase_of(change.status),
        estimate_s=change.estimate_s,
        who=who,
        note=change.note,
        address=address,
        job=view_job(change.job),
    )


def view_detail(source: Source, row: JobRow) -> JobDetail:
    """Return a job with its timeline."""
    return JobDetail(
        **shown(row),
        required_params=msgspec.Raw(row.required_params.encode()),
        optional_params=msgspec.Raw(row.optional_params.encode()),
        user_roles=msgspec.Raw(row.user_roles.encode()),
        timeline=[_view_past(past) for past in log.timeline(source, row.seq)],
    )


def _view_past(past: Row) -> ChangeView:
    seq, queue, status, estimate_s, time_ms, actor, note = past[:7]
    handout = past[7:]
    who, address = named(actor)
    return ChangeView(
        seq=seq,
        time_ms=time_ms,
        queue=queue,
        status=status,
        phase=phase_of(status),
        estimate_s=estimate_s,
        who=who,
        note=note,
        address=address,
        handout=_view_handout(handout) if handout[0] is not None else None,
    )


def _view_handout(row: Row) -> HandoutView:
    *shown, flushed = row
    return HandoutView(*(*shown, bool(flushed)))


# ---- lists


def list_jobs(database: Store, asked: Filter) -> tuple[list[JobRow], str | None]:
    """Return the newest jobs that pass the filter, newest first, and the `before` of the next page; None at the end.

    A page looks at `SEARCHED` jobs of the filter's sites and time at most, and may be empty before the end.
    """
    limit = min(asked.limit, MAX_LIMIT)
    query = Job.select(*COLUMNS).order_by(Job.ulid.desc()).limit(limit)
    oldest = _oldest_of(database, asked, SEARCHED) if asked.is_search else None
    for condition in [*_conditions(asked), *([Job.ulid >= oldest] if oldest else [])]:
        query = query.where(condition)
    rows = [JobRow(*row) for row in database.fetch_query(query.tuples())]
    return rows, rows[-1].ulid if rows and len(rows) == limit else oldest


def count_phases(database: Store, asked: Filter) -> dict[str, int] | None:
    """Count the jobs of each phase by the filter without the conditions `phases` and `before`.

    Return None for too many jobs to look at.
    """
    asked = msgspec.structs.replace(asked, phases=(), before=None)
    if _oldest_of(database, asked, SEARCHED if asked.is_search else COUNTED):
        return None
    query = Job.select(Job.status, fn.COUNT(Job.seq)).group_by(Job.status)
    for condition in _conditions(asked):
        query = query.where(condition)
    counts = dict.fromkeys(PHASES, 0)
    for status, count in database.fetch_query(query.tuples()):
        counts[phase_of(status)] += count
    return counts


def _oldest_of(database: Store, asked: Filter, count: int) -> str | None:
    """Return the id of the last one of the newest `count` jobs of the filter's sites and time; None for fewer jobs."""
    query = Job.select(Job.ulid).order_by(Job.ulid.desc()).limit(1).offset(count - 1)
    for condition in _range(asked):
        query = query.where(condition)
    found = database.fetch_query(query.tuples())
    return found[0][0] if found else None


def _range(asked: Filter) -> list[Any]:
    """Return the conditions that an index has."""
    conditions: list[Any] = []
    if asked.sites:
        conditions.append(Job.site.in_(list(asked.sites)))
    if asked.since_ms is not None:
        conditions.append(Job.ulid >= floor_ulid(asked.since_ms))
    if asked.until_ms is not None:
        conditions.append(Job.ulid < floor_ulid(asked.until_ms))
    if asked.before:
        conditions.append(Job.ulid < asked.before)
    return conditions


def _conditions(asked: Filter) -> list[Any]:
    conditions = _range(asked)
    if asked.phases:
        conditions.append(SQL(in_phases("status", asked.phases)))
    if asked.status:
        conditions.append(_has_status(asked.status))
    conditions += [
        fn.LOWER(field) == value.translate(_LOWER)
        for field, value in ((Job.device, asked.device), (Job.action, asked.action))
        if value
    ]
    if asked.user:
        conditions.append(_contains(Job.user_name, asked.user) | _contains(Job.user_id, asked.user))
    if asked.text:
        columns = (Job.user_name, Job.action, Job.instance, Job.required_params, Job.optional_params)
        found = [_contains(column, asked.text) for column in columns]
        conditions.append(found[0] | found[1] | found[2] | found[3] | found[4])
    return conditions


def _contains(column: Any, text: str) -> Any:
    """Return the condition for a column with the text in any letter case.

    LIKE compares the text with each place of the column, letter by letter: seconds for a text of equal letters.
    """
    return fn.INSTR(fn.LOWER(column), text.translate(_LOWER)) > 0


def _has_status(status: str) -> Any:
    """Return the condition for jobs with this status, or with a status that begins with this word."""
    # Numbers in the text: a parameter has 64 bits, which PostgreSQL's function does not take.
    begin, after = SQL(f"substr(status, 1, {len(status)})"), SQL(f"substr(status, {len(status) + 1}, 1)")
    return (fn.LOWER(begin) == status.translate(_LOWER)) & fn.UPPER(after).not_in(WORD_CHARACTERS)


def count_pending(queue: Queue) -> dict[str, int]:
    """Count the jobs that wait, and the picked-up jobs without a report, for the message at a start."""
    counts = {}
    for name, status in (("waiting", UNREAD), ("picked_up", RECEIVED)):
        since = floor_ulid(queue.clock.now_ms() - DAY_MS)
        sql = "SELECT count(*) FROM job WHERE status = ? AND ulid >= ?"
        counts[name] = int(queue.database.fetch(sql, (status, since))[0][0])
    return counts
