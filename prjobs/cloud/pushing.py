"""Pushing statuses to the cloud. The log is the outbox: unsent is what came after the job's `pushed_seq`.

Only the latest status of a job is sent, oldest job first, one request at a time. After an answer that leaves open
whether the cloud took the status, the job rests until the request cannot take effect any more.
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
# A failure of the cloud itself counts against one job only when this many others were taken since.
OTHERS_TAKEN = 3


@dataclass
class Rest:
    """A job's rest until it may be tried again, by elapsed time, and its failures so far.

    `refused` counts the tries that concern the job alone; `denied` is True once the cloud refused the credentials.
    """

    site: str
    until_s: float
    tries: int = 0
    refused: int = 0
    denied: bool = False
    taken_before: int = 0


class Unsent(NamedTuple):
    """A job whose latest status the cloud does not have."""

    ulid: str
    site: str
    status: str
    estimate_s: int | None
    newest_seq: int


class Pusher:
    """Sends statuses. It knows which jobs have unsent ones; forgetting that costs a look at the log, nothing else."""

    def __init__(self, context: Context, connection: Connection) -> None:
        self._context = context
        self._connection = connection
        self._clock = connection.clock
        self._timings = connection.timings
        self._database = context.queue.database
        self._taken = 0
        self._last_push_s: dict[str, float] = {}
        self._began_s = self._clock.elapsed_s()
        # A request of the process before may still take effect.
        fresh = self._began_s + self._timings.quarantine_s
        self._first_seq = self._log_seq = log.last_seq(self._database)
        self._sites = frozenset(context.linked_sites)
        self._words: dict[str, str] = {}
        unsent = tables.unsent_jobs(self._database)
        self._waiting = {ulid: Rest(site, fresh) for ulid, site in unsent if site in self._sites}

    @property
    def count(self) -> int:
        """The number of jobs that may have an unsent status."""
        return len(self._waiting)

    @property
    def sites(self) -> set[str]:
        """The sites of the jobs that may have an unsent status."""
        return {rest.site for rest in self._waiting.values()}

    @property
    def oldest(self) -> str | None:
        """The oldest job that may have an unsent status."""
        return min(self._waiting, default=None)

    def look(self) -> bool:
        """Find what the log got since the last look; return True if it concerns jobs of the cloud."""
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
            self._waiting.setdefault(ulid, Rest(site, 0.0))
        for ulid in fresh.keys() & {parked[0] for parked in tables.parked_rows(self._database)}:
            # Another status than the one that was refused.
            self._database.write(tables.unpark, ulid, False)
        return bool(fresh)

    def _retry(self, ulid: str) -> None:
        """Try a job as if it had never failed, once its last request cannot take effect any more: a person asks."""
        for (site,) in self._database.fetch("SELECT site FROM cloud_job WHERE ulid = ?", (ulid,)):
            until_s = self._last_push_s.get(ulid, self._began_s) + self._timings.quarantine_s
            self._waiting[ulid] = Rest(site, until_s)

    def again(self, ulid: str, site: str) -> None:
        """Try a job whose difference to the cloud was noticed."""
        if site in self._sites:
            self._waiting.setdefault(ulid, Rest(site, 0.0))

    def settled(self, ulid: str) -> bool:
        """Return True if no request about this job can take effect any more."""
        now_s = self._clock.elapsed_s()
        return now_s - self._last_push_s.get(ulid, self._began_s) >= self._timings.quarantine_s

    def untold(self, ulid: str, handed_seq: int) -> bool:
        """Return True if no request about this job was ever sent, not even in vain, since that change handed it out."""
        return handed_seq > self._first_seq and ulid not in self._last_push_s

    def tell_of_copy(self, ulid: str, status: str) -> None:
        """Send this word for a copy that does not run under its id, as long as this process lives."""
        self._words[ulid] = status

    def push_once(self, sites: set[str], must_stop: Callable[[], bool] = lambda: False) -> int:
        """Push a batch of statuses of these sites; return how many the cloud took. Failure when it takes none now.

        The batch ends early when `must_stop` returns True: something else is more urgent.
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
        """Return the jobs that may be sent now, the oldest first; denied ones last, since the cloud may take others."""
        now_s = self._clock.elapsed_s()
        # While a cancel_all is being judged a job may be gone, and a status would make a ghost of it.
        judged = {site: tables.cancel_of(self._database, site) or "" for site in self.sites & sites}
        ready = [
            (rest.denied, ulid)
            for ulid, rest in self._waiting.items()
            if rest.site in judged and rest.until_s <= now_s and ulid >= judged[rest.site]
        ]
        return [ulid for _, ulid in sorted(ready)]

    def _unsent(self, ulid: str) -> Unsent | None:
        """Return the job's unsent status; without one forget the job."""
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
        # A newer status may have come meanwhile: the next look at the job says.
        self._waiting[unsent.ulid] = Rest(unsent.site, 0.0)

    def _rest(self, unsent: Unsent, failure: Failure) -> bool:
        """Let the job rest after a failure, or park it; return True if others may be tried at once."""
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
            delay_s = max(delay_s, self._timings.refused_s[min(rest.refused, len(self._timings.refused_s)) - 1])
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
