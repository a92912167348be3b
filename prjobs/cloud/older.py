"""Jobs of the cloud that waited there before the first look: listed, and taken in when a person decides so.

They keep their age: what expired by its class arrives as EXPIRED and never runs.
"""

import threading
from collections.abc import Callable

import msgspec

from prjobs.base.errors import Conflict
from prjobs.cloud import importing, stops, store
from prjobs.cloud.answers import Failure, Overflow
from prjobs.cloud.context import Context
from prjobs.cloud.importing import Page, Rules
from prjobs.cloud.sweep import CloudTime, Walk
from prjobs.cloud.wire import Sighting, read_record, ulid_ms
from prjobs.jobs.states import UNREAD
from prjobs.store.transaction import Transaction

MOST = 5000
TRIES = 5
TOO_MANY = f"More than {MOST} older jobs wait in the cloud: ask for a shorter time."


class Older(msgspec.Struct, frozen=True):
    """A job that waits in the cloud and is not known here.

    `expired_s` is its age when its time is over; `stopped`: a stop at the site since then withdraws it.
    """

    ulid: str
    site: str
    created_ms: int
    device: str
    action: str
    user_name: str
    expired_s: float | None
    stopped: bool


class OlderView(msgspec.Struct, frozen=True, kw_only=True):
    """How far a look is. `problems` holds a sentence for each site that could not be read."""

    since_ms: int
    take: bool
    done: bool
    jobs: list[Older]
    taken: int
    problems: list[str]


class Asked:
    """What a person asked for: everything since then, of these sites; `take` it in, or only list it."""

    def __init__(self, since_ms: int, sites: list[str], take: bool) -> None:
        self.since_ms, self.sites, self.take = since_ms, sites, take
        self._lock = threading.Lock()
        self._jobs: dict[str, Older] = {}
        self._done: dict[str, str] = {}
        self._taken = 0

    def is_done(self, site: str) -> bool:
        """Whether nothing of this site is to be read for it any more."""
        return site not in self.sites or site in self._done

    def found(self, jobs: list[Older], taken: int) -> bool:
        """A page was read; False when that is more than a person could look at."""
        with self._lock:
            self._jobs.update((job.ulid, job) for job in jobs)
            self._taken += taken
            return len(self._jobs) <= MOST

    def end(self, site: str, problem: str = "") -> None:
        """The site was read to the end, or cannot be."""
        self._done[site] = problem

    @property
    def is_over(self) -> bool:
        """Whether all sites were read."""
        return all(site in self._done for site in self.sites)

    def view(self) -> OlderView:
        """How it is now, the oldest job first."""
        with self._lock:
            jobs = sorted(self._jobs.values(), key=lambda job: job.ulid)
            return OlderView(
                since_ms=self.since_ms,
                take=self.take,
                done=self.is_over,
                jobs=jobs,
                taken=self._taken,
                problems=[problem for problem in self._done.values() if problem],
            )


def ask(context: Context, since_ms: int, sites: list[str], take: bool) -> OlderView:
    """Have the link read the older jobs of these sites, or of all. Conflict while it cannot, or does so already."""
    settings = context.queue.settings
    if settings.cloud_mode not in ("primary", "standby"):
        raise Conflict("The link to the cloud takes nothing in: cloud_mode must be primary or standby.")
    if unknown := [site for site in sites if site not in settings.cloud_sites]:
        raise Conflict(f"{len(unknown)} of these sites are not in cloud_sites.")
    before = context.contact.older
    if before is not None and not before.is_over:
        raise Conflict("Older jobs are being read already: wait until that is done.")
    asked = Asked(since_ms, sites or list(dict.fromkeys(settings.cloud_sites)), take)
    context.contact.older = asked
    return asked.view()


class Look:
    """The walk for one site. A step that failed is repeated, not for ever: somebody waits for it."""

    def __init__(self, context: Context, asked: Asked, site: str, walk: Walk, rules: Rules) -> None:
        self.asked = asked
        self._context, self._site, self._walk, self._rules = context, site, walk, rules
        self._due_s, self._failures = 0.0, 0

    def step(self, now_s: float, pause_s: float, time: CloudTime) -> None:
        """A page when one is due. Failure."""
        if now_s < self._due_s:
            return
        self._due_s = now_s + pause_s
        try:
            done = self._walk.step(self._keeper(time))
        except Failure as failure:
            self._failures += 1
            if isinstance(failure, Overflow) or self._failures == TRIES:
                self.asked.end(self._site, f"{self._site}: {failure}")
            return
        self._failures = 0
        if done and not self.asked.is_done(self._site):
            self.asked.end(self._site)

    def _keeper(self, time: CloudTime) -> Callable[[Page], None]:
        def keep(page: Page) -> None:
            waiting = self._unknown(page)
            jobs = [job for seen in waiting if (job := _older(self._context, page, seen, time.now_ms()))]
            taken = self._take(page, waiting) if self.asked.take and jobs else 0
            if not self.asked.found(jobs, taken):
                self.asked.end(self._site, TOO_MANY)

        return keep

    def _unknown(self, page: Page) -> list[Sighting]:
        """What waits there, is not known here and is older than what the sweeps bring by themselves."""
        sightings = page.listing.sightings
        low_ms = store.low_of(self._context.queue.database, self._site)
        if low_ms is None or not sightings:
            return []
        known = store.known_between(self._context.queue.database, self._site, sightings[0].ulid, sightings[-1].ulid)
        return [
            seen
            for seen in sightings
            if seen.status == UNREAD and seen.ulid not in known and ulid_ms(seen.ulid) < low_ms
        ]

    def _take(self, page: Page, waiting: list[Sighting]) -> int:
        return self._context.queue.database.write(_take_in, self._context, page, waiting, self._rules)


def _take_in(transaction: Transaction, context: Context, page: Page, waiting: list[Sighting], rules: Rules) -> int:
    """How many became jobs of ours. The mark stays: it is past them already."""
    known = store.known_between(transaction, page.site, waiting[0].ulid, waiting[-1].ulid)
    done = [importing.insert(transaction, context, page, seen, rules) for seen in waiting if seen.ulid not in known]
    return sum(1 for word in done if word in (importing.NEW, importing.STOPPED))


def _older(context: Context, page: Page, seen: Sighting, cloud_now_ms: int) -> Older | None:
    record = read_record(seen)
    if record is None:
        return None
    row = importing.as_row(context, record)
    over = row.expires_ms is not None and row.expires_ms <= cloud_now_ms
    expired_s = (cloud_now_ms - row.created_ms) / 1000 if over else None
    stopped = not record.marker and stops.came_before_stop(context.queue.database, context, page, record)
    return Older(row.ulid, row.site, row.created_ms, row.device, row.action, row.user_name, expired_s, stopped)
