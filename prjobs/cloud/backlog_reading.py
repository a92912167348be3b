"""Reading the backlog of a site: list the jobs from before the first look, or import the jobs."""

from prjobs.base.ulids import ulid_ms
from prjobs.cloud import importing, tables, withdrawals
from prjobs.cloud.backlog import MOST, Backlog, BacklogJob
from prjobs.cloud.comparison import Rules, known_of
from prjobs.cloud.context import Context
from prjobs.cloud.importing import PageImport
from prjobs.cloud.network import Failure, Overflow
from prjobs.cloud.sweep import Reader, Walk
from prjobs.cloud.wire import Page, Sighting, read_record
from prjobs.jobs.states import UNREAD
from prjobs.store.transaction import Transaction

TRIES = 5
TOO_MANY = f"More than {MOST} older jobs wait in the cloud: ask for a shorter time."


class BacklogReading:
    """The reader of a site's backlog, at a person's request.

    A failed step is repeated a few times only: the person waits.
    """

    def __init__(self, context: Context, reader: Reader, rules: Rules) -> None:
        self._context, self._reader, self._rules = context, reader, rules
        self._backlog: Backlog | None = None
        self._walk: Walk | None = None
        self._due_s, self._failures = 0.0, 0

    def step(self, now_s: float) -> None:
        """Read a page if due."""
        asked = self._context.memory.backlog
        if asked is None or asked.is_done(self._reader.site) or not self._reader.connection.time.is_known:
            return
        if self._backlog is not asked or self._walk is None:
            self._backlog, self._walk = asked, Walk(self._reader, asked.since_ms)
            self._due_s, self._failures = 0.0, 0
        if now_s >= self._due_s:
            self._due_s = now_s + self._reader.connection.timings.walk_pause_s
            self._read(asked, self._walk)

    def _read(self, backlog: Backlog, walk: Walk) -> None:
        site = self._reader.site
        try:
            done = walk.step(lambda page: self._keep(backlog, page))
        except Failure as failure:
            self._failures += 1
            if isinstance(failure, Overflow) or self._failures == TRIES:
                backlog.end(site, f"{site}: {failure}")
            return
        self._failures = 0
        if done and not backlog.is_done(site):
            backlog.end(site)

    def _keep(self, backlog: Backlog, page: Page) -> None:
        waiting = self._unknown(page)
        jobs = [job for seen in waiting if (job := self._job(page, seen))]
        taken = 0
        if backlog.take and jobs:
            taken = self._context.queue.database.write(self._take_in, page, waiting)
        if not backlog.found(jobs, taken):
            backlog.end(self._reader.site, TOO_MANY)

    def _unknown(self, page: Page) -> list[Sighting]:
        """Return the waiting jobs, unknown here and too old for the sweeps."""
        database = self._context.queue.database
        mark_ms = tables.mark_of(database, self._reader.site)
        if mark_ms is None:
            return []
        known = known_of(database, page)
        return [
            seen
            for seen in page.listing.sightings
            if seen.status == UNREAD and seen.ulid not in known and ulid_ms(seen.ulid) < mark_ms
        ]

    def _take_in(self, transaction: Transaction, page: Page, waiting: list[Sighting]) -> int:
        """Import the jobs and return their number. The mark stays: the jobs are older."""
        known = known_of(transaction, page)
        taking = PageImport(transaction, self._context.queue, page, self._rules)
        done = [taking.insert(seen) for seen in waiting if seen.ulid not in known]
        return sum(1 for word in done if word in (importing.NEW, importing.STOPPED))

    def _job(self, page: Page, seen: Sighting) -> BacklogJob | None:
        record = read_record(seen)
        if record is None:
            return None
        queue, now_ms = self._context.queue, self._reader.connection.time.now_ms()
        row = importing.new_row(queue, record)
        over = row.expires_ms is not None and row.expires_ms <= now_ms
        return BacklogJob(
            ulid=row.ulid,
            site=row.site,
            created_ms=row.created_ms,
            device=row.device,
            action=row.action,
            user_name=row.user_name,
            expired_s=(now_ms - row.created_ms) / 1000 if over else None,
            stopped=withdrawals.stop_after(queue.database, queue, page.offset_ms, row) is not None,
        )
