"""What a cancel_all in the cloud withdrew: decided by one complete look, never by absence from a single page."""

from collections.abc import Callable

from prjobs.base.ulids import floor_ulid
from prjobs.cloud import store
from prjobs.cloud.context import Context
from prjobs.cloud.importing import Page
from prjobs.cloud.markers import WHO
from prjobs.cloud.store import ELSEWHERE, GONE, GONE_NOTE, NEWEST, OURS
from prjobs.cloud.sweep import Walk
from prjobs.cloud.wire import ulid_ms
from prjobs.jobs import log, lookup
from prjobs.jobs.log import Event
from prjobs.jobs.states import ALTERNATE, CANCELLED, HELD, PRIMARY, UNREAD, is_finished
from prjobs.store.engine import Source
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.transaction import Transaction

# A job handed out longer ago than this is not looked for: it may read a month of the cloud for one status.
HANDED_MS = 7 * 86_400_000
RELEASED, KEPT = "released after a cancel_all", "kept after a cancel_all"
CANCELLED_THERE, DELETED_THERE = "cancelled in the cloud", "deleted in the cloud after its hand-out"


class Judgement:
    """A look at everything from the oldest job in question to now. `walk` begins one at a moment of the cloud's."""

    def __init__(
        self, context: Context, site: str, cancel_ulid: str, cloud_now_ms: int, walk: Callable[[int], Walk]
    ) -> None:
        self._context = context
        self._site = site
        self._cancel_ulid = cancel_ulid
        self._present: dict[str, str] = {}
        since = floor_ulid(cloud_now_ms - HANDED_MS)
        self._questions = _questions(context, site, cancel_ulid, since)
        self._walk = walk(ulid_ms(self._questions[0])) if self._questions else None

    def step(self) -> bool:
        """Read one page; True when it was the last, or there is nothing to ask. Failure."""
        return self._walk is None or self._walk.step(self._keep)

    def _keep(self, page: Page) -> None:
        """Note what is present."""
        self._present.update((seen.ulid, seen.status) for seen in page.listing.sightings)

    def decide(self, is_primary: bool) -> dict[str, int]:
        """After the last page: one transaction for all. Counts by what became of the jobs."""
        return self._context.queue.database.write(self._decide, is_primary)

    def _decide(self, transaction: Transaction, is_primary: bool) -> dict[str, int]:
        if store.cancel_of(transaction, self._site) != self._cancel_ulid:
            # Another cancel_all came during the look: it asks for a look of its own.
            return {}
        counts: dict[str, int] = {}
        for ulid in self._questions:
            found = transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,))
            if not found:
                continue
            row = JobRow(*found[0])
            word = self._decide_one(transaction, row, is_primary)
            counts[word] = counts.get(word, 0) + 1
        if not set(_held(transaction, self._site, self._cancel_ulid)) - set(self._questions):
            # What an older cancel_all held during the look, which became visible later, asks for another.
            store.clear_cancel(transaction, self._site)
        return counts

    def _decide_one(self, transaction: Transaction, row: JobRow, is_primary: bool) -> str:
        """What becomes of a job: its held queues are released or cancelled, and a handed-out job may be gone."""
        present = self._present.get(row.ulid)
        now_ms = self._context.queue.clock.now_ms()
        for queue, status in ((PRIMARY, row.status), (ALTERNATE, row.alternate_status)):
            if status != HELD or (present is not None and not is_primary):
                continue
            word = CANCELLED if present is None else UNREAD
            if present is not None and queue == PRIMARY and not store.was_handed(transaction, row.seq):
                # What was handed out and never left shows there as our own word.
                word = present
            note = GONE_NOTE if present is None else ""
            log.apply(transaction, [row], Event(queue, word, now_ms, WHO, note))
        if present is None:
            store.needs_no_push(transaction, [row.seq], GONE)
            return CANCELLED_THERE if row.status == HELD else DELETED_THERE
        if row.status == HELD:
            elsewhere = present != UNREAD and not store.was_handed(transaction, row.seq)
            store.needs_no_push(transaction, [row.seq], ELSEWHERE if elsewhere else None)
            return RELEASED
        return KEPT


def _held(source: Source, site: str, cancel_ulid: str) -> list[str]:
    rows = [row for queue in (PRIMARY, ALTERNATE) for row in lookup.held_of(source, site, queue)]
    return [row.ulid for row in rows if row.ulid < cancel_ulid and row.origin == WHO]


def _questions(context: Context, site: str, cancel_ulid: str, since: str) -> list[str]:
    """The jobs older than the cancel_all that are held, or that a status may still be pushed for."""
    held = _held(context.queue.database, site, cancel_ulid)
    handed = context.queue.database.fetch(
        f"SELECT k.ulid, j.status, k.pushed_seq < {NEWEST} FROM cloud_job k JOIN job j ON j.seq = k.job_seq "
        f"WHERE k.site = ? AND k.ulid < ? AND k.ulid >= ? AND k.state = '{OURS}' AND j.status NOT IN (?, ?)",
        (site, cancel_ulid, since, UNREAD, HELD),
    )
    pushed_for = [ulid for ulid, status, unsent in handed if unsent or not is_finished(status)]
    return sorted({*held, *pushed_for})
