"""Importing: the jobs of a page of the cloud become jobs here, stored together with the site's mark."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from prjobs.base.notices import Code
from prjobs.base.ulids import ulid_ms
from prjobs.cloud import comparison, copies, tables, wire, withdrawals
from prjobs.cloud.comparison import REPAIR, TAKEN, Rules
from prjobs.cloud.context import Context
from prjobs.cloud.network import Answer, Failure, require_usable
from prjobs.cloud.tables import ELSEWHERE, OURS, Known
from prjobs.cloud.wire import Page, Record, Sighting, read_record
from prjobs.jobs import expiry, insertion, log, lookup, stops
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import is_stop
from prjobs.jobs.states import ALTERNATE, CANCELLED, CLOUD, EXPIRED, FORWARDED, HELD, PRIMARY, UNREAD, phase_of
from prjobs.jobs.stops import Withdrawal
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

logger = logging.getLogger(__name__)
# The words for the counts in the link's status.
NEW, SEEN_LATE, GHOST, RUNS_HERE = "new", "first seen as not UNREAD", "ghost", "copy of a job of the site"
WITHDRAWN, STOPPED = "withdrawn in the cloud", "withdrawn by a stop"
_NOTES = {TAKEN: "another program took it", WITHDRAWN: WITHDRAWN}


@dataclass(frozen=True)
class PageImport:
    """The import of a page, within a transaction."""

    transaction: Transaction
    queue: Queue
    page: Page
    rules: Rules

    def change(self, known: Known, seen: Sighting) -> str | None:
        """Apply a difference to a known job; return the word for the change, or None."""
        wish = comparison.consequence(known, seen, self.rules) if known.status is not None else None
        return self._carry_out(known, seen, wish) if wish else None

    def _carry_out(self, known: Known, seen: Sighting, wish: str) -> str | None:
        if tables.newest_change(self.transaction, known.job_seq) > known.pushed_seq and wish != TAKEN:
            # A newer status of the site is unsent: the older one of the cloud must not overwrite it.
            return None
        if wish == REPAIR:
            tables.send_again(self.transaction, known.ulid, repairs=1)
            return REPAIR
        if wish == TAKEN and tables.was_handed(self.transaction, known.job_seq):
            # The job came back from its lease: the cloud shows a status pushed by this appliance.
            return None
        if wish == TAKEN and seen.status in (CANCELLED, EXPIRED):
            # A hub keeps withdrawn jobs; the original deletes them.
            wish = WITHDRAWN
        record = read_record(seen)
        estimate_s, now_ms = record.estimate_s if record else None, self.queue.clock.now_ms()
        event = Event(PRIMARY, seen.status, now_ms, CLOUD, _NOTES.get(wish, ""), estimate_s=estimate_s)
        log.apply(self.transaction, [lookup.find_job(self.transaction, known.ulid)], event)
        tables.needs_no_push(self.transaction, [known.job_seq], ELSEWHERE)
        return wish

    def insert(self, seen: Sighting) -> str | None:
        """Store an unknown job; return the word for the act, or None."""
        record = read_record(seen)
        if record is None:
            return GHOST
        if self.transaction.fetch("SELECT 1 FROM job WHERE ulid = ?", (record.ulid,)):
            # A hub lists jobs made at this site under their own ids: such a job must not run twice.
            return None
        if phase_of(seen.status) == "gone":
            # The cloud takes no status for the alternate queue: there the job would still run.
            record = msgspec.structs.replace(record, alternate_status=seen.status)
        may_run = copies.may_run(self.transaction, self.queue, record)
        waits, copied = seen.status == UNREAD, may_run is False
        stop = self._stop_after(record) if may_run is None else None
        if waits and copied:
            word, row = RUNS_HERE, self._store_not_run(record, FORWARDED)
        elif waits and stop is not None:
            word, row = STOPPED, self._store_not_run(record, CANCELLED, stop.note)
        else:
            word, row = NEW if waits else SEEN_LATE, self._store(record)
            tables.remember(self.transaction, record.ulid, self.page.site, row.seq, OURS if waits else ELSEWHERE)
            if stop is not None:
                stops.withdraw(self.transaction, self.queue, [(row, stop)], ALTERNATE)
        if is_stop(self.queue.settings, row):
            withdrawals.withdraw_older(self.transaction, self.queue, self.page, row)
        return word

    def _stop_after(self, record: Record) -> Withdrawal | None:
        """Return the stop that withdraws the job where the job waits, if any."""
        if not self.rules.is_primary or UNREAD not in (record.status, record.alternate_status):
            return None
        row = new_row(self.queue, record)
        return withdrawals.stop_after(self.transaction, self.queue, self.page.offset_ms, row)

    def _store_not_run(self, record: Record, status: str, note: str = "") -> JobRow:
        """Store a job that must not run under its id, and have the cloud told."""
        row = self._store(msgspec.structs.replace(record, status=status, alternate_status=status), note)
        tables.remember(self.transaction, record.ulid, self.page.site, row.seq, OURS)
        tables.send_again(self.transaction, record.ulid)
        return row

    def _store(self, record: Record, note: str = "") -> JobRow:
        """Store the job in both queues with the cloud's statuses."""
        row = new_row(self.queue, record)
        if self.queue.settings.cloud_bell == "alternate" and self.rules.is_primary and row.status == UNREAD:
            # The link's own bell took the job from the cloud's alternate queue, not an observatory.
            row = row._replace(alternate_status=UNREAD)
        if not self.rules.is_primary:
            row = row._replace(status=_held(row.status), alternate_status=_held(row.alternate_status))
        row = insertion.insert_row(self.transaction, self.queue, row, CLOUD, note)
        if row.expires_ms:
            # The age counts by the cloud's clock: by a wrong clock here a job would expire early, or never.
            left_ms = row.expires_ms - (self.queue.clock.now_ms() + self.page.offset_ms)
            expiry.begin(self.transaction, self.queue, row, left_ms / 1000)
        return row


def _held(status: str) -> str:
    return HELD if status == UNREAD else status


def new_row(queue: Queue, record: Record) -> JobRow:
    """Return the record as a job, not stored yet."""
    row = insertion.new_row(queue, record.command, record.ulid, ulid_ms(record.ulid), CLOUD)
    return row._replace(status=record.status, alternate_status=record.alternate_status, estimate_s=record.estimate_s)


def store_page(
    transaction: Transaction, queue: Queue, page: Page, news: list[Sighting], rules: Rules
) -> list[tuple[str, str]]:
    """Apply the news of a page and raise the site's mark; return (word for the act, ulid) of each job."""
    known = tables.known_between(transaction, page.site, news[0].ulid, news[-1].ulid) if news else {}
    taking, done = PageImport(transaction, queue, page, rules), []
    for seen in news:
        before = known.get(seen.ulid)
        word = taking.insert(seen) if before is None else taking.change(before, seen)
        if word:
            done.append((word, seen.ulid))
    queue.failpoints.passing("import_before_commit")
    tables.raise_mark(transaction, page.site, page.start_ms, page.mark_ms)
    return done


def import_answer(context: Context, site: str, answer: Answer) -> str | None:
    """Import the record in the cloud's answer to a new job; return the record's id, or None for a doubtful answer."""
    queue = context.queue
    try:
        listing = wire.read_listing(b"[" + answer.body + b"]", site, require_usable(answer))
    except Failure:
        return None
    if len(listing.sightings) != 1:
        return None
    # With a start in the far future the mark stays: the answer proves nothing about other jobs.
    offset_ms = context.memory.offset_ms or 0
    page = Page(site=site, listing=listing, start_ms=2**62, mark_ms=0, offset_ms=offset_ms, is_last=False)
    queue.database.write(store_page, queue, page, listing.sightings, Rules(is_primary=True))
    return next(iter(comparison.known_of(queue.database, page)), None)


class Importer:
    """The importer of a site's pages. `heard` is called after a page with news."""

    def __init__(
        self, context: Context, site: str, rules: Rules, mark_every_s: float, heard: Callable[[], None]
    ) -> None:
        self._context = context
        self._site = site
        self._rules = rules
        self._mark_every_s = mark_every_s
        self._heard = heard
        self._saved_s = -1e9

    def keep(self, page: Page) -> None:
        """Import a page and raise the mark."""
        news, now_s = self._look(page), self._context.queue.clock.elapsed_s()
        lately = page.is_last and now_s - self._saved_s < self._mark_every_s
        if lately and not news and not self._is_behind(page):
            # A mark behind the jobs seen costs a longer list; a mark before them would lose jobs.
            return
        self._store(page, news)
        self._saved_s = now_s

    def keep_news(self, page: Page) -> None:
        """Import the news of a page only: the mark may be far behind the page."""
        if news := self._look(page):
            self._store(msgspec.structs.replace(page, mark_ms=0), news)

    def _is_behind(self, page: Page) -> bool:
        mark_ms = tables.mark_of(self._context.queue.database, self._site) or 0
        return page.mark_ms - mark_ms > 2 * self._mark_every_s * 1000

    def _look(self, page: Page) -> list[Sighting]:
        """Return the news of a page, read without the writer: most pages bring none. Note ghosts and second readers."""
        database, memory = self._context.queue.database, self._context.memory
        known = comparison.known_of(database, page)
        ghosts = comparison.unreadable(page, known)
        memory.ghosts = page.listing.ghosts + len(ghosts)
        self._note_safe_ghosts(page.listing.safe_ghosts + sum(1 for seen in ghosts if wire.makes_safe(seen.raw)))
        for ulid in comparison.taken_twice(database, page, known, self._rules):
            if ulid not in memory.doubled:
                memory.doubled.append(ulid)
                self._note_reader(ulid)
        return comparison.news_of(page, known, self._rules)

    def _note_safe_ghosts(self, count: int) -> None:
        sentence = (
            f"{self._site}: the cloud lists records of a stop, a close or a park that cannot be read: {count}. Send "
            "these commands again at the site, and have the program that made the records checked."
        )
        self._context.queue.notices.say(Code.CLOUD_ODD, sentence if count else "", self._site)

    def _store(self, page: Page, news: list[Sighting]) -> None:
        queue = self._context.queue
        statuses = {seen.ulid: seen.status for seen in news}
        for word, ulid in queue.database.write(store_page, queue, page, news, self._rules):
            self._context.memory.counts[word] += 1
            if word == TAKEN and self._rules.is_primary:
                self._note_reader(ulid)
            if word == REPAIR:
                self._rules.again(ulid, self._site)
                if statuses[ulid] == UNREAD:
                    self._context.memory.reset_ms = queue.clock.now_ms()
        if news:
            self._heard()

    def _note_reader(self, ulid: str) -> None:
        """Note a job taken by another program."""
        memory = self._context.memory
        memory.reader_ms, memory.reader_of = self._context.queue.clock.now_ms(), f"{self._site}, job {ulid}"
        here = "; it was handed out here as well" if ulid in memory.doubled else ""
        logger.warning("cloud: another program took job %s of %s%s", ulid, self._site, here)
