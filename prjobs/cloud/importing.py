"""Taking in what a page of the cloud's list says: new jobs and the mark of what was seen, in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from prjobs.base import catalogue
from prjobs.cloud import markers, stops, store
from prjobs.cloud.context import Context
from prjobs.cloud.markers import WHO
from prjobs.cloud.store import ELSEWHERE, OURS, Known
from prjobs.cloud.wire import Listing, Record, Sighting, read_record, ulid_ms
from prjobs.jobs import expiry, log, submission
from prjobs.jobs.log import Event
from prjobs.jobs.requests import is_cancel_all
from prjobs.jobs.states import CANCELLED, EXPIRED, FORWARDED, HELD, PRIMARY, UNREAD
from prjobs.store.models import JOB_COLUMNS, JobRow, checksum
from prjobs.store.transaction import Transaction

WAITING = (UNREAD, HELD)
# A hub keeps what was withdrawn; nobody runs that, nor what runs under another id.
_NOT_TAKEN = (UNREAD, CANCELLED, EXPIRED, FORWARDED)
NEW, SEEN_LATE, GHOST, RUNS_HERE = "new", "first seen as not UNREAD", "ghost", "copy of a job of the site"
WITHDRAWN = "withdrawn in the cloud"
STOPPED = "withdrawn by a stop at the site"
TAKEN, FOLLOW, REPAIR = "taken by another program", "followed", "repaired"


@dataclass(frozen=True)
class Page:
    """A page of a site's list, complete from `start_ms` of the cloud's clock; the mark may rise to `low_ms`."""

    site: str
    listing: Listing
    start_ms: int
    low_ms: int
    offset_ms: int
    is_last: bool


@dataclass(frozen=True)
class Rules:
    """How to take in: only a primary hands out and repairs.

    `settled` says of a job whether its last push is long enough ago for a difference to mean something; `untold` says
    of a job and the change that handed it out whether the cloud cannot have heard of it yet.
    """

    is_primary: bool
    repairs: int
    settled: Callable[[str], bool]
    untold: Callable[[str, int], bool]


def known_of(context: Context, page: Page) -> dict[str, Known]:
    """What is known here of the page's jobs; looked up by a reader, since mostly nothing has to be changed."""
    sightings = page.listing.sightings
    if not sightings:
        return {}
    return store.known_between(context.queue.database, page.site, sightings[0].ulid, sightings[-1].ulid)


def news_of(page: Page, known: dict[str, Known], rules: Rules) -> list[Sighting]:
    """What of the page asks for a change of the store."""
    return [seen for seen in page.listing.sightings if _differs(known.get(seen.ulid), seen, rules)]


def unreadable(page: Page, known: dict[str, Known]) -> int:
    """How many records of the page look like jobs and are none: their params are no objects, for example."""
    return sum(1 for seen in page.listing.sightings if seen.ulid not in known and read_record(seen) is None)


def taken_twice(context: Context, page: Page, known: dict[str, Known], rules: Rules) -> list[str]:
    """Jobs that are under way here and there: the cloud shows them as taken, and we have not told it so."""
    found = []
    for seen in page.listing.sightings if rules.is_primary else ():
        ours = known.get(seen.ulid)
        if ours is None or ours.state != OURS or ours.status in (None, *WAITING) or seen.status in _NOT_TAKEN:
            continue
        handed_seq = store.first_handout(context.queue.database, ours.job_seq)
        if handed_seq > ours.pushed_seq and rules.untold(seen.ulid, handed_seq):
            found.append(seen.ulid)
    return found


def _differs(known: Known | None, seen: Sighting, rules: Rules) -> bool:
    if known is None:
        return read_record(seen) is not None
    return known.status not in (None, seen.status) and _wish(known, seen, rules) is not None


def _wish(known: Known, seen: Sighting, rules: Rules) -> str | None:
    """What a difference between the cloud and us would ask for, before the log is consulted."""
    if known.status == seen.status:
        return None
    if known.state == ELSEWHERE:
        # A known job is never queued again, whatever the cloud says.
        return FOLLOW if seen.status != UNREAD else None
    if known.state != OURS:
        return None
    if known.status == FORWARDED and seen.status != UNREAD:
        # It does not run under this id; all that matters is that nobody else runs it.
        return None
    if known.status in WAITING:
        return TAKEN if seen.status != UNREAD else None
    may_repair = rules.is_primary and known.repairs < rules.repairs and rules.settled(seen.ulid)
    return REPAIR if may_repair else None


def store_page(
    transaction: Transaction, context: Context, page: Page, news: list[Sighting], rules: Rules
) -> list[tuple[str, str]]:
    """Apply the news and raise the mark; returns (what was done, ulid) of each job."""
    done = []
    known: dict[str, Known] = {}
    if news:
        known = store.known_between(transaction, page.site, news[0].ulid, news[-1].ulid)
    for seen in news:
        before = known.get(seen.ulid)
        word = insert(transaction, context, page, seen, rules) if before is None else None
        if before is not None and before.status is not None and (wish := _wish(before, seen, rules)):
            word = _carry_out(transaction, context, before, seen, wish)
        if word:
            done.append((word, seen.ulid))
    context.queue.failpoints.passing("import_before_commit")
    store.raise_low(transaction, page.site, page.start_ms, page.low_ms)
    return done


def _carry_out(transaction: Transaction, context: Context, known: Known, seen: Sighting, wish: str) -> str | None:
    if store.newest_change(transaction, known.job_seq) > known.pushed_seq and wish != TAKEN:
        # Our status is on its way and wins.
        return None
    if wish == REPAIR:
        store.send_again(transaction, known.ulid, repairs=1)
        return REPAIR
    if wish == TAKEN and store.was_handed(transaction, known.job_seq):
        # It came back from its lease: what the cloud shows is our own report.
        return None
    if wish == TAKEN and seen.status in (CANCELLED, EXPIRED):
        # A hub keeps what was withdrawn; the original deletes it.
        wish = WITHDRAWN
    note = {TAKEN: "another program took it", WITHDRAWN: WITHDRAWN}.get(wish, "")
    row = _row(transaction, known.job_seq)
    event = Event(PRIMARY, seen.status, context.queue.clock.now_ms(), WHO, note, _estimate_s(seen))
    log.apply(transaction, [row], event)
    store.needs_no_push(transaction, [known.job_seq], ELSEWHERE)
    return wish


def _estimate_s(seen: Sighting) -> int | None:
    record = read_record(seen)
    return record.estimate_s if record else None


def _row(transaction: Transaction, job_seq: int) -> JobRow:
    return JobRow(*transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ?", (job_seq,))[0])


# ---- jobs that were not known


def insert(transaction: Transaction, context: Context, page: Page, seen: Sighting, rules: Rules) -> str | None:
    """Store a job of the cloud that is not known here; what was done, None when there was nothing to do."""
    record = read_record(seen)
    if record is None:
        return GHOST
    if transaction.fetch("SELECT 1 FROM job WHERE ulid = ?", (record.ulid,)):
        # An id of our own: the hub's copy of a job that was made here.
        return None
    waits, word = seen.status == UNREAD, None
    copied = record.marker is not None and not markers.may_run(
        transaction, context, record.site, record.marker, record.ulid
    )
    if waits and copied:
        _store_not_run(transaction, context, page, record, rules, FORWARDED)
        word = RUNS_HERE
    elif (
        waits and not record.marker and rules.is_primary and stops.came_before_stop(transaction, context, page, record)
    ):
        _store_not_run(transaction, context, page, record, rules, CANCELLED, stops.STOPPED_HERE)
        word = STOPPED
    else:
        row = _stored(transaction, context, page, record, rules)
        store.remember(transaction, record.ulid, record.site, row.seq, OURS if waits else ELSEWHERE)
    if is_cancel_all(record.action):
        stops.hold_older(transaction, context, page, record.ulid, copied)
    return word or (NEW if waits else SEEN_LATE)


def _store_not_run(
    transaction: Transaction,
    context: Context,
    page: Page,
    record: Record,
    rules: Rules,
    status: str,
    note: str = "",
) -> None:
    """A job that does not run under this id; the cloud is told so."""
    record = msgspec.structs.replace(record, status=status, alternate_status=status)
    row = _stored(transaction, context, page, record, rules, note)
    store.remember(transaction, record.ulid, record.site, row.seq, OURS)
    store.send_again(transaction, record.ulid)


def _stored(
    transaction: Transaction, context: Context, page: Page, record: Record, rules: Rules, note: str = ""
) -> JobRow:
    """The job as a row of ours, in both queues as the cloud has it."""
    row = as_row(context, record)
    if context.queue.settings.cloud_bell == "alternate" and rules.is_primary and row.status == UNREAD:
        # Our own bell took it from the alternate queue there, not an observatory.
        row = row._replace(alternate_status=UNREAD)
    if not rules.is_primary:
        row = row._replace(status=_held(row.status), alternate_status=_held(row.alternate_status))
    row = submission.insert_row(transaction, context.queue, row, WHO, note)
    if row.expires_ms:
        # Its age counts by the cloud's clock: ours may be wrong.
        left_ms = row.expires_ms - (context.queue.clock.now_ms() + page.offset_ms)
        expiry.begin(transaction, context.queue, row, left_ms / 1000)
    return row


def _held(status: str) -> str:
    return HELD if status == UNREAD else status


def as_row(context: Context, record: Record) -> JobRow:
    """The record as a job of ours, not stored yet."""
    command_class = catalogue.command_class(record.device, record.action, record.values)
    created_ms, expiry_s = ulid_ms(record.ulid), context.queue.settings.expiry_s(command_class)
    row = JobRow(
        seq=0,
        ulid=record.ulid,
        site=record.site,
        created_ms=created_ms,
        device=record.device,
        instance=record.instance,
        action=record.action,
        command_class=command_class,
        user_id=record.user_id,
        user_name=record.user_name,
        user_roles=record.user_roles,
        required_params=record.required_params,
        optional_params=record.optional_params,
        status=record.status,
        estimate_s=record.estimate_s,
        alternate_status=record.alternate_status,
        alternate_estimate_s=None,
        changed_ms=context.queue.clock.now_ms(),
        expires_ms=created_ms + expiry_s * 1000 if expiry_s else None,
        again_of=None,
        origin=WHO,
        attempts=0,
        checksum=0,
        idempotency_key=None,
    )
    return row._replace(checksum=checksum(row))
