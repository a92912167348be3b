"""Sending statuses to the cloud. The log is the outbox: unsent is what came after the job's `pushed_seq`.

Only the latest status of a job is sent, oldest job first, one request at a time. After an answer that leaves open
whether the cloud took the status, the job rests until the request cannot take effect any more.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from prjobs.cloud import store
from prjobs.cloud.answers import AMBIGUOUS, CREDENTIALS, PERMANENT, Failure, Network, require_usable
from prjobs.cloud.backoff import Backoff, Token
from prjobs.cloud.context import Context
from prjobs.cloud.store import GONE, NEWEST, OURS
from prjobs.cloud.sweep import CloudTime
from prjobs.cloud.timings import Timings
from prjobs.cloud.wire import read_status_answer, status_body
from prjobs.jobs.states import ALTERNATE, FORWARDED, HELD, UNREAD
from prjobs.store.transaction import Transaction

LOOK = 2000
# A failure of the cloud itself counts against one job only when this many others were taken since.
OTHERS_TAKEN = 3


@dataclass
class Rest:
    """When a job may be tried again, by elapsed time, and what happened so far. `denied`: for want of a right."""

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
    """Knows which jobs have unsent statuses; forgetting that costs a look at the log, nothing else."""

    def __init__(
        self, context: Context, network: Network, time: CloudTime, timings: Timings, backoff: Backoff, token: Token
    ) -> None:
        self._context = context
        self._network = network
        self._time = time
        self._timings = timings
        self._backoff = backoff
        self._token = token
        self._taken = 0
        self._last_push_s: dict[str, float] = {}
        self._began_s = context.queue.clock.elapsed_s()
        # A request of the process before may still take effect.
        fresh = self._began_s + timings.quarantine_s
        self._first_seq = self._log_seq = _last_change(context)
        self._sites = frozenset(context.queue.settings.cloud_sites)
        self._words: dict[str, str] = {}
        self._waiting = {ulid: Rest(site, fresh) for ulid, site in unsent_jobs(context) if site in self._sites}

    @property
    def count(self) -> int:
        """How many jobs may have an unsent status."""
        return len(self._waiting)

    @property
    def sites(self) -> set[str]:
        """Theirs."""
        return {rest.site for rest in self._waiting.values()}

    @property
    def oldest(self) -> str | None:
        """The oldest of them."""
        return min(self._waiting, default=None)

    def look(self) -> bool:
        """Find what the log got since the last look; whether there was anything of the cloud's jobs."""
        found = self._context.queue.database.fetch(
            "SELECT c.seq, k.ulid, k.site FROM change c LEFT JOIN cloud_job k ON k.job_seq = c.job_seq "
            f"WHERE c.seq > ? AND (k.ulid IS NULL OR c.queue <> '{ALTERNATE}') ORDER BY c.seq LIMIT {LOOK}",
            (self._log_seq,),
        )
        while self._context.contact.again:
            self._retry(self._context.contact.again.popleft())
        if not found:
            return False
        self._log_seq = found[-1][0]
        fresh = {ulid: site for _, ulid, site in found if site in self._sites}
        for ulid, site in fresh.items():
            self._waiting.setdefault(ulid, Rest(site, 0.0))
        for ulid in fresh.keys() & {parked[0] for parked in store.parked_rows(self._context.queue.database)}:
            # Another status than the one that was refused.
            self._context.queue.database.write(store.unpark, ulid, False)
        return bool(fresh)

    def _retry(self, ulid: str) -> None:
        """A person asks: as if it had never failed, as soon as the last request cannot take effect any more."""
        for (site,) in self._context.queue.database.fetch("SELECT site FROM cloud_job WHERE ulid = ?", (ulid,)):
            until_s = self._last_push_s.get(ulid, self._began_s) + self._timings.quarantine_s
            self._waiting[ulid] = Rest(site, until_s)

    def again(self, ulid: str, site: str) -> None:
        """Try this job; its difference to the cloud was noticed."""
        if site in self._sites:
            self._waiting.setdefault(ulid, Rest(site, 0.0))

    def settled(self, ulid: str) -> bool:
        """Whether no request about this job can take effect any more."""
        now_s = self._context.queue.clock.elapsed_s()
        return now_s - self._last_push_s.get(ulid, self._began_s) >= self._timings.quarantine_s

    def untold(self, ulid: str, handed_seq: int) -> bool:
        """Whether no request about this job, which that change handed out, was ever sent: not even in vain."""
        return handed_seq > self._first_seq and ulid not in self._last_push_s

    def tell_of_copy(self, ulid: str, status: str) -> None:
        """Send this word for a copy that does not run under its id, as long as this process lives."""
        self._words[ulid] = status

    def push_once(self, sites: set[str], must_stop: Callable[[], bool] = lambda: False) -> int:
        """One batch of these sites; how many statuses the cloud took. Failure when it takes none at the moment.

        It ends early when `must_stop` says that something else is more urgent.
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
        """What may be sent now, the oldest first; last what the cloud denied, since it may take the others."""
        now_s = self._context.queue.clock.elapsed_s()
        # While a cancel_all is being judged a job may be gone, and a status would make a ghost of it.
        judged = {site: store.cancel_of(self._context.queue.database, site) or "" for site in self.sites & sites}
        ready = [
            (rest.denied, ulid)
            for ulid, rest in self._waiting.items()
            if rest.site in judged and rest.until_s <= now_s and ulid >= judged[rest.site]
        ]
        return [ulid for _, ulid in sorted(ready)]

    def _unsent(self, ulid: str) -> Unsent | None:
        """What is to be sent for the job; forgets it when that is nothing."""
        found = self._context.queue.database.fetch(
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
            self._context.contact.refused.pop(ulid, None)
            return None
        if unsent.status == FORWARDED:
            return unsent._replace(status=self._words.get(ulid, FORWARDED))
        return unsent

    def _push(self, unsent: Unsent) -> None:
        self._last_push_s[unsent.ulid] = self._context.queue.clock.elapsed_s()
        body = status_body(unsent.site, unsent.ulid, unsent.status, unsent.estimate_s)
        try:
            answer = self._network.call("updatejobstatus", body, self._token())
            date_ms = require_usable(answer)
            read_status_answer(answer.body)
        finally:
            self._last_push_s[unsent.ulid] = self._context.queue.clock.elapsed_s()
        self._context.queue.failpoints.passing("push_after_answer")
        self._time.heard(date_ms)
        self._backoff.worked()
        self._taken += 1
        self._context.queue.database.write(_mark_pushed, unsent)
        self._context.contact.refused.pop(unsent.ulid, None)
        # A newer status may have come meanwhile: the next look at the job says.
        self._waiting[unsent.ulid] = Rest(unsent.site, 0.0)

    def _rest(self, unsent: Unsent, failure: Failure) -> bool:
        """How long the job rests, or is parked; whether others may be tried at once."""
        rest = self._waiting[unsent.ulid]
        rest.tries += 1
        if not (rest.refused or rest.denied):
            rest.taken_before = self._taken
        others_work = self._taken - rest.taken_before >= OTHERS_TAKEN
        denied = failure.kind == CREDENTIALS
        is_its_own = failure.kind == PERMANENT or (others_work and (failure.is_server_error or denied))
        if is_its_own or (failure.is_server_error and not rest.refused):
            rest.refused += 1
            self._context.contact.refused[unsent.ulid] = str(failure)
        rest.denied = rest.denied or denied
        delay_s = self._backoff.delay_s(rest.tries)
        if failure.kind == AMBIGUOUS:
            delay_s = max(delay_s, self._timings.quarantine_s)
        if is_its_own:
            delay_s = max(delay_s, self._timings.refused_s[min(rest.refused, len(self._timings.refused_s)) - 1])
        rest.until_s = self._context.queue.clock.elapsed_s() + max(delay_s, failure.retry_after_s)
        if rest.refused >= self._timings.park_after:
            self._park(unsent, failure)
        return is_its_own or not (failure.concerns_all or denied or failure.retry_after_s)

    def _park(self, unsent: Unsent, failure: Failure) -> None:
        self._context.queue.database.write(store.park, unsent.ulid, str(failure), self._context.queue.clock.now_ms())
        self._context.contact.refused.pop(unsent.ulid, None)
        del self._waiting[unsent.ulid]

    def _forget_old_pushes(self) -> None:
        if len(self._last_push_s) < 1000:
            return
        now_s = self._context.queue.clock.elapsed_s()
        self._began_s = max(self._began_s, now_s - 2 * self._timings.quarantine_s)
        self._last_push_s = {
            ulid: at_s for ulid, at_s in self._last_push_s.items() if at_s > self._began_s or ulid in self._waiting
        }


def _mark_pushed(transaction: Transaction, unsent: Unsent) -> None:
    transaction.execute(
        f"UPDATE cloud_job SET pushed_seq = max(pushed_seq, ?), state = '{OURS}' WHERE ulid = ? AND state <> '{GONE}'",
        (unsent.newest_seq, unsent.ulid),
    )


def _last_change(context: Context) -> int:
    return int(context.queue.database.fetch("SELECT coalesce(max(seq), 0) FROM change")[0][0])


def unsent_jobs(context: Context, since: str = "") -> list[tuple[str, str]]:
    """(ulid, site) of the jobs, from this id on, whose latest status the cloud does not have; oldest first."""
    found = context.queue.database.fetch(
        "SELECT k.ulid, k.site FROM cloud_job k JOIN job j ON j.seq = k.job_seq "
        f"WHERE k.ulid >= ? AND k.state <> '{GONE}' AND k.parked IS NULL "
        f"AND j.status NOT IN ('{UNREAD}', '{HELD}') AND k.pushed_seq < {NEWEST} ORDER BY k.ulid",
        (since,),
    )
    return [(ulid, site) for ulid, site in found]
