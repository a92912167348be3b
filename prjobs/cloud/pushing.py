"""Pushing statuses to the cloud. The log is the outbox: changes after a job's `pushed_seq` are unsent.

The link sends the latest status of a job only, oldest job first, a request at a time. After an unclear answer the job
rests until the request cannot take effect any more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from prjobs.cloud import tables
from prjobs.cloud.connection import Connection
from prjobs.cloud.context import Context
from prjobs.cloud.network import AMBIGUOUS, CREDENTIALS, PERMANENT, Failure, require_usable
from prjobs.cloud.tables import GONE, NEWEST
from prjobs.cloud.wire import read_status_answer, status_body
from prjobs.jobs import log
from prjobs.jobs.states import ALTERNATE, FORWARDED, HELD, UNREAD

LOOK = 2000
# A failure of the cloud itself counts against one job only after so many statuses of others were taken.
OTHERS_TAKEN = 3


@dataclass
class Rest:
    """A job's rest before the next try, by elapsed time, and the failures so far.

    `refused` counts the failures of the job alone; `denied` is True after a refusal of the credentials.
    """

    site: str
    until_s: float
    tries: int = 0
    refused: int = 0
    denied: bool = False
    taken_before: int = 0


class Unsent(NamedTuple):
    """A job with an unsent status."""

    ulid: str
    site: str
    status: str
    estimate_s: int | None
    newest_seq: int


class Pusher:
    """The sender of statuses. Its list of jobs with unsent statuses is in memory: a look at the log restores it."""

    def __init__(self, context: Context, connection: Connection) -> None:
        self._context = context
        self._connection = connection
        self._clock = connection.clock
        self._timings = connection.timings
        self._database = context.queue.database
        self._taken = 0
        self._last_push_s: dict[str, float] = {}
        self._began_s = self._clock.elapsed_s()
        # A push of an earlier process may still take effect, and would overwrite a newer status.
        fresh = self._began_s + self._timings.quarantine_s
        self._first_seq = self._log_seq = log.last_seq(self._database)
        self._sites = frozenset(context.linked_sites)
        self._words: dict[str, str] = {}
        unsent = tables.unsent_jobs(self._database)
        self._waiting = {ulid: Rest(site, fresh) for ulid, site in unsent if site in self._sites}

    @property
    def count(self) -> int:
        """The number of jobs with a possibly unsent status."""
        return len(self._waiting)

    @property
    def sites(self) -> set[str]:
        """The sites of jobs with a possibly unsent status."""
        return {rest.site for rest in self._waiting.values()}

    @property
    def oldest(self) -> str | None:
        """The oldest job with a possibly unsent status."""
        return min(self._waiting, default=None)

    def look(self) -> bool:
        """Find the news of the log since the last look; return True for changes of the cloud's jobs."""
        found = self._database.fetch(
            "SELECT c.seq, k.ulid, k.site FROM change c LEFT JOIN cloud_job k ON k.job_seq = c.job_seq "
            f"WHERE c.seq > ? AND (k.ulid IS NULL OR c.queue <> '{ALTERNATE}') ORDER BY c.seq LIMIT {LOOK}",
            (self._log_seq,),
        )
        while self._context.memory.retries:
            self._retry(self._context.memory.retries.popleft())
        if not found:
            return False
        self._log_seq = found[-1][0]
        fresh = {ulid: site for _, ulid, site in found if site in self._sites}
        for ulid, site in fresh.items():
            self._begin(ulid, site)
        for ulid in fresh.keys() & {parked[0] for parked in tables.parked_rows(self._database)}:
            # The refused status was another one.
            self._database.write(tables.unpark, ulid, False)
        return bool(fresh)

    def _begin(self, ulid: str, site: str) -> None:
        """Have a new status sent. The refusals of the status before say nothing of the new one."""
        before = self._waiting.setdefault(ulid, Rest(site, 0.0))
        if before.refused:
            before.refused, before.tries = 0, 0
            before.until_s = min(before.until_s, self._last_push_s.get(ulid, 0.0) + self._timings.quarantine_s)
            self._context.memory.refused.pop(ulid, None)

    def _retry(self, ulid: str) -> None:
        """Try a job afresh at a person's request, once the last push cannot take effect any more."""
        for (site,) in self._database.fetch("SELECT site FROM cloud_job WHERE ulid = ?", (ulid,)):
            until_s = self._last_push_s.get(ulid, self._began_s) + self._timings.quarantine_s
            self._waiting[ulid] = Rest(site, until_s)

    def again(self, ulid: str, site: str) -> None:
        """Try a job after a difference to the cloud."""
        if site in self._sites:
            self._waiting.setdefault(ulid, Rest(site, 0.0))

    def settled(self, ulid: str) -> bool:
        """Return True if no push of the job can take effect any more."""
        now_s = self._clock.elapsed_s()
        return now_s - self._last_push_s.get(ulid, self._began_s) >= self._timings.quarantine_s

    def untold(self, ulid: str, handed_seq: int) -> bool:
        """Return True if no push of the job was tried, even in vain, since the hand-out by change `handed_seq`."""
        return handed_seq > self._first_seq and ulid not in self._last_push_s

    def tell_of_copy(self, ulid: str, status: str) -> None:
        """Send `status` for a copy in place of FORWARDED, for the life of the process."""
        self._words[ulid] = status

    def push_once(self, sites: set[str], must_stop: Callable[[], bool] = lambda: False) -> int:
        """Push a batch of statuses of these sites; return the number taken. Failure if the cloud takes none now.

        The batch ends early if `must_stop` returns True for more urgent work.
        """
        taken, failed = 0, 0
        for ulid in self._ready(sites):
            unsent = self._unsent(ulid)
            if unsent is None:
                continue
            try:
                self._push(unsent)
                taken += 1
            except Failure as failure:
                failed += 1
                if not self._rest(unsent, failure) or failed >= OTHERS_TAKEN:
                    raise
            if taken + failed >= self._timings.push_batch or must_stop():
                break
        self._forget_old_pushes()
        return taken

    def _ready(self, sites: set[str]) -> list[str]:
        """Return the jobs to push now, the oldest first; denied jobs last, since the cloud may take the others."""
        now_s = self._clock.elapsed_s()
        # During the judgement of a cancel_all a job may be deleted in the cloud: a push would make a ghost.
        judged = {site: tables.cancel_of(self._database, site) or "" for site in self.sites & sites}
        ready = [
            (rest.denied, ulid)
            for ulid, rest in self._waiting.items()
            if rest.site in judged and rest.until_s <= now_s and ulid >= judged[rest.site]
        ]
        return [ulid for _, ulid in sorted(ready)]

    def _unsent(self, ulid: str) -> Unsent | None:
        """Return the job's unsent status; forget a job with all statuses sent."""
        found = self._database.fetch(
            f"SELECT k.ulid, k.site, j.status, j.estimate_s, {NEWEST}, k.pushed_seq, k.state, k.parked "
            "FROM cloud_job k JOIN job j ON j.seq = k.job_seq WHERE k.ulid = ?",
            (ulid,),
        )
        unsent = Unsent(*found[0][:5]) if found else None
        pushed_seq, state, parked = found[0][5:] if found else (0, GONE, None)
        if (
            unsent is None
            or unsent.newest_seq <= pushed_seq
            or state == GONE
            or parked
            or unsent.status in (UNREAD, HELD)
        ):
            del self._waiting[ulid]
            self._context.memory.refused.pop(ulid, None)
            return None
        if unsent.status == FORWARDED:
            return unsent._replace(status=self._words.get(ulid, FORWARDED))
        return unsent

    def _push(self, unsent: Unsent) -> None:
        self._last_push_s[unsent.ulid] = self._clock.elapsed_s()
        body = status_body(unsent.site, unsent.ulid, unsent.status, unsent.estimate_s)
        try:
            answer = self._connection.call("updatejobstatus", body)
            date_ms = require_usable(answer)
            read_status_answer(answer.body)
        finally:
            self._last_push_s[unsent.ulid] = self._clock.elapsed_s()
        self._context.queue.failpoints.passing("push_after_answer")
        self._connection.time.heard(date_ms)
        self._connection.backoff.worked()
        self._taken += 1
        self._database.write(tables.mark_pushed, unsent.ulid, unsent.newest_seq)
        self._context.memory.refused.pop(unsent.ulid, None)
        # A newer status may have been logged during the push: the next look at the job finds it.
        self._waiting[unsent.ulid] = Rest(unsent.site, 0.0)

    def _rest(self, unsent: Unsent, failure: Failure) -> bool:
        """Let the job rest after a failure, or park the status; return True if other jobs may be tried at once."""
        rest = self._waiting[unsent.ulid]
        rest.tries += 1
        if not (rest.refused or rest.denied):
            rest.taken_before = self._taken
        others_work = self._taken - rest.taken_before >= OTHERS_TAKEN
        denied = failure.kind == CREDENTIALS
        is_its_own = failure.kind == PERMANENT or (others_work and (failure.is_server_error or denied))
        if is_its_own or (failure.is_server_error and not rest.refused):
            rest.refused += 1
            self._context.memory.refused[unsent.ulid] = str(failure)
        rest.denied = rest.denied or denied
        delay_s = self._connection.backoff.delay_s(rest.tries)
        if failure.kind == AMBIGUOUS:
            delay_s = max(delay_s, self._timings.quarantine_s)
        if is_its_own:
            delay_s = max(delay_s, self._timings.refused_first_s * 2.0 ** (rest.refused - 1))
        rest.until_s = self._clock.elapsed_s() + max(delay_s, failure.retry_after_s)
        if rest.refused >= self._timings.park_after:
            self._park(unsent, failure)
        return is_its_own or not (failure.concerns_all or denied or failure.retry_after_s)

    def _park(self, unsent: Unsent, failure: Failure) -> None:
        self._database.write(tables.park, unsent.ulid, str(failure), self._clock.now_ms())
        self._context.memory.refused.pop(unsent.ulid, None)
        del self._waiting[unsent.ulid]

    def _forget_old_pushes(self) -> None:
        if len(self._last_push_s) < 1000:
            return
        now_s = self._clock.elapsed_s()
        self._began_s = max(self._began_s, now_s - 2 * self._timings.quarantine_s)
        self._last_push_s = {
            ulid: at_s for ulid, at_s in self._last_push_s.items() if at_s > self._began_s or ulid in self._waiting
        }
