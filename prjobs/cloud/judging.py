"""Judging a cancel_all of the cloud: a complete look, never a single page, finds the withdrawn jobs."""

from prjobs.base.notices import Code
from prjobs.base.ulids import floor_ulid, ulid_ms
from prjobs.cloud import tables, withdrawals
from prjobs.cloud.context import Context
from prjobs.cloud.network import Failure, Overflow
from prjobs.cloud.sweep import Reader, Walk
from prjobs.cloud.tables import ELSEWHERE, GONE, GONE_NOTE, NEWEST, OURS
from prjobs.cloud.wire import Page
from prjobs.jobs import log, lookup, stops
from prjobs.jobs.log import Event
from prjobs.jobs.states import ALTERNATE, CANCELLED, CLOUD, HELD, PRIMARY, UNREAD, is_finished
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.source import Source, Store
from prjobs.store.transaction import Transaction

# The look for a job handed out earlier could read a month of the cloud's list for one status.
HANDED_MS = 7 * 86_400_000
RELEASED, KEPT = "released after a cancel_all", "kept after a cancel_all"
WITHDRAWN = "withdrawn by a stop"
_SPARED = tuple(sorted(stops.SPARED))
SPARED_HERE = "deleted in the cloud, and still to close or park here"
CANCELLED_THERE, DELETED_THERE = "cancelled in the cloud", "deleted in the cloud after its hand-out"


class Judgement:
    """A look at all jobs from the oldest job in question to now."""

    def __init__(self, context: Context, reader: Reader, cancel_ulid: str) -> None:
        self._context = context
        self._site = reader.site
        self._time = reader.connection.time
        self._cancel_ulid = cancel_ulid
        self._present: dict[str, str] = {}
        since = floor_ulid(reader.connection.time.now_ms() - HANDED_MS)
        self._questions = self._find_questions(since)
        self._walk = Walk(reader, ulid_ms(self._questions[0])) if self._questions else None

    def _held_before(self, source: Source) -> set[str]:
        return {ulid for ulid in _held(source, self._site) if ulid < self._cancel_ulid}

    def _find_questions(self, since: str) -> list[str]:
        """Return the older jobs in question: held, or with statuses still to push, now or later."""
        database = self._context.queue.database
        handed = database.fetch(
            f"SELECT k.ulid, j.status, CASE WHEN k.pushed_seq < {NEWEST} THEN 1 ELSE 0 END "
            "FROM cloud_job k JOIN job j ON j.seq = k.job_seq "
            f"WHERE k.site = ? AND k.ulid < ? AND k.ulid >= ? AND k.state = '{OURS}' "
            f"AND (j.status NOT IN (?, ?) OR j.command_class IN {_SPARED})",
            (self._site, self._cancel_ulid, since, UNREAD, HELD),
        )
        pushed_for = [ulid for ulid, status, unsent in handed if unsent or not is_finished(status)]
        return sorted({*self._held_before(database), *pushed_for})

    def step(self) -> bool:
        """Read a page; return True after the last page, or without a job in question. Failure."""
        return self._walk is None or self._walk.step(self._keep)

    def _keep(self, page: Page) -> None:
        """Note the present jobs."""
        self._present.update((seen.ulid, seen.status) for seen in page.listing.sightings)

    def decide(self) -> dict[str, int]:
        """Decide about all jobs in a transaction, after the last page; return counts by decision."""
        return self._context.queue.database.write(self._decide)

    def _decide(self, transaction: Transaction) -> dict[str, int]:
        if tables.cancel_of(transaction, self._site) != self._cancel_ulid:
            # A newer cancel_all came during the look: jobs older than it were not all in question.
            return {}
        counts: dict[str, int] = {}
        for ulid in self._questions:
            found = transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE ulid = ?", (ulid,))
            if not found:
                continue
            word = self._decide_one(transaction, JobRow(*found[0]))
            counts[word] = counts.get(word, 0) + 1
        if not self._held_before(transaction) - set(self._questions):
            # An older cancel_all, visible only later, may have held jobs during the look: another look decides.
            tables.clear_cancel(transaction, self._site)
        return counts

    def _decide_one(self, transaction: Transaction, row: JobRow) -> str:
        """Release or cancel the job in each holding queue; return the word for the decision."""
        present, queue = self._present.get(row.ulid), self._context.queue
        # A job that arrived at a standby was not compared with the stops at the site.
        stop = withdrawals.stop_after(transaction, queue, self._time.offset_ms, row)
        stays = present is not None or row.command_class in stops.SPARED
        for queue_name, status in ((PRIMARY, row.status), (ALTERNATE, row.alternate_status)):
            if status != HELD or (stays and not self._context.is_primary):
                continue
            word = UNREAD if stays else CANCELLED
            if present is not None and queue_name == PRIMARY and not tables.was_handed(transaction, row.seq):
                # For a job that was handed out and came back, the cloud shows a status pushed by this appliance.
                word = present
            note = GONE_NOTE if present is None else ""
            if stop and word == UNREAD:
                word, note = CANCELLED, stop.note
            log.apply(transaction, [row], Event(queue_name, word, queue.clock.now_ms(), CLOUD, note))
        if present is None:
            tables.needs_no_push(transaction, [row.seq], GONE)
            if stays and row.status in (UNREAD, HELD):
                return SPARED_HERE
            return CANCELLED_THERE if row.status == HELD else DELETED_THERE
        if row.status == HELD and stop and present == UNREAD:
            # The cloud is told: it shows the job as waiting.
            return WITHDRAWN
        if row.status == HELD:
            elsewhere = present != UNREAD and not tables.was_handed(transaction, row.seq)
            tables.needs_no_push(transaction, [row.seq], ELSEWHERE if elsewhere else None)
            return RELEASED
        return KEPT


def _held(source: Source, site: str) -> set[str]:
    rows = [row for queue in (PRIMARY, ALTERNATE) for row in lookup.held_of(source, site, queue)]
    return {row.ulid for row in rows if row.origin == CLOUD}


def judge_held(database: Store, site: str) -> None:
    """Have a new primary look again at the jobs held as a standby, before their hand-out."""
    if held := _held(database, site):
        database.write(tables.set_cancel, site, floor_ulid(ulid_ms(max(held)) + 1))


class Judging:
    """The judgements of a site, one by one. Held jobs stay held until a judgement is complete."""

    def __init__(self, context: Context, reader: Reader) -> None:
        self._context = context
        self._reader = reader
        self._connection = reader.connection
        self._judgement: Judgement | None = None
        self._backoff = self._connection.look_backoff()
        self._due_s = context.queue.clock.elapsed_s() + self._connection.timings.cancel_after_s

    def postpone(self) -> None:
        """Wait for the cloud's other answers after a page with news, in case of a cancel_all."""
        if tables.cancel_of(self._context.queue.database, self._reader.site):
            due_s = self._context.queue.clock.elapsed_s() + self._connection.timings.cancel_after_s
            self._due_s = max(self._due_s, due_s)

    def step(self, now_s: float) -> None:
        """Read a page of the judgement if due, and decide after the last page."""
        cancel_ulid = tables.cancel_of(self._context.queue.database, self._reader.site)
        if cancel_ulid is None or now_s < self._due_s or not self._connection.time.is_known:
            return
        if self._judgement is None:
            self._judgement = Judgement(self._context, self._reader, cancel_ulid)
        try:
            # A failed step is repeated; the pages before it stay valid.
            done = self._judgement.step()
        except Failure as failure:
            self._failed(now_s, failure)
            return
        self._backoff.worked()
        self._due_s = now_s if done else now_s + self._connection.timings.walk_pause_s
        if done:
            self._context.queue.notices.end(Code.CLOUD_JUDGING, self._reader.site)
            decided, self._judgement = self._judgement.decide(), None
            self._context.memory.counts.update(decided)

    def _failed(self, now_s: float, failure: Failure) -> None:
        self._backoff.failed(failure)
        site = self._reader.site
        sentence = f"{site}: jobs are held after a cancel_all until the cloud lists them. {failure}"
        self._context.queue.notices.say(Code.CLOUD_JUDGING, sentence, site)
        self._due_s = now_s + max(self._backoff.wait_s, self._connection.pause_s(failure))
        if isinstance(failure, Overflow):
            self._judgement = None
