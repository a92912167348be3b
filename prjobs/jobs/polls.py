"""The polls of each site and queue, kept in memory, since an empty poll writes nothing."""

import statistics
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from prjobs.base.clock import Clock
from prjobs.jobs.states import ALTERNATE, PRIMARY, phase_of

# The readings of a linked appliance, which asks for the recent jobs instead of polling a queue.
LINK = "link"
SILENT_AFTER_MS = 60_000
SILENT_GAPS = 4
STRAY_MS = 3_600_000
# So many polls in so long a time show that a site is in use.
USED_POLLS = 20
USED_S = 3600.0
FORGOTTEN_MS = 86_400_000
CROWD_S = 3600.0


@dataclass
class Poller:
    """The polls of one queue of one site since the start of the process."""

    last_ms: int = 0
    last_elapsed_s: float | None = None
    stored_gap_ms: int | None = None
    gaps_ms: deque[int] = field(default_factory=lambda: deque(maxlen=20))
    unsaved: bool = False
    count: int = 0
    # The polls that `count_new` has told.
    told: int = 0
    since_s: float | None = None
    # The user of the token with which a linked appliance read last; empty before its first reading of this process.
    reader: str = ""

    @property
    def usual_gap_ms(self) -> int | None:
        """Return the median of the last gaps, else the gap remembered from before the start."""
        return round(statistics.median(self.gaps_ms)) if self.gaps_ms else self.stored_gap_ms

    @property
    def silent_after_ms(self) -> int:
        """Return the age of the last poll at which the site counts as silent."""
        return max(SILENT_AFTER_MS, SILENT_GAPS * (self.usual_gap_ms or 0))


class Sent(Protocol):
    """A job, by the site and the time when the job was sent."""

    @property
    def site(self) -> str: ...
    @property
    def created_ms(self) -> int: ...


class Crowd(msgspec.Struct, frozen=True):
    """The polls beyond the limit of unused sites: the number of names since `since_ms`, and the last name."""

    since_ms: int
    count: int
    last: str


class Polls:
    """The last poll and usual gap of each (site, queue) with jobs or polls.

    A program can invent names of sites. A site is in use by a job, by a name in `named`, or by polls that went on for
    an hour. Of other sites, the strangers, up to `STRANGERS` have a place. While more names poll there is a crowd: the
    strangers are not stored, raise no alarm, and stay in the list as long as they poll.
    """

    LIMIT = 10_000
    STRANGERS = 30
    # Sites with jobs for which no program polls: the names of so many newest ones are listed.
    LISTED = 100

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pollers: dict[tuple[str, str], Poller] = {}
        # The sites with jobs, the one with the newest job last.
        self._sites: dict[str, None] = {}
        self._lock = threading.Lock()
        # The sites that settings, tokens and reservations name.
        self.named: frozenset[str] = frozenset()
        self._crowd: Crowd | None = None
        self._crowded_s = 0.0
        # The untold polls of dropped sites, by queue.
        self._dropped: Counter[str] = Counter()

    def know(self, site: str) -> None:
        """Add a site with jobs."""
        with self._lock:
            self._sites.pop(site, None)
            self._sites[site] = None

    def remember(self, site: str, queue: str, last_ms: int, usual_gap_ms: int | None) -> bool:
        """Take over the last poll before the start from the file, the newest first. Return False beyond the limit."""
        with self._lock:
            if not self._is_named(site):
                others = {other for other, _ in self._pollers if not self._is_named(other)} - {site}
                if len(others) >= self.STRANGERS:
                    return False
            self._pollers[(site, queue)] = Poller(last_ms=last_ms, stored_gap_ms=usual_gap_ms)
            return True

    def polled(self, site: str, queue: str) -> int | None:
        """Note a poll and return the gap to the poll before in milliseconds; None for the first."""
        elapsed_s = self._clock.elapsed_s()
        with self._lock:
            poller = self._pollers.get((site, queue))
            if poller is None:
                if not self._make_place(site):
                    return None
                poller = self._pollers.setdefault((site, queue), Poller(since_s=elapsed_s))
            before, poller.last_elapsed_s = poller.last_elapsed_s, elapsed_s
            poller.count += 1
            poller.last_ms = self._clock.now_ms()
            poller.unsaved = True
            if before is None:
                return None
            gap_ms = int((elapsed_s - before) * 1000)
            poller.gaps_ms.append(gap_ms)
            return gap_ms

    def note_reading(self, site: str, reader: str) -> None:
        """Note that a linked appliance read the recent jobs with a token of the user `reader`."""
        self.polled(site, LINK)
        if poller := self._pollers.get((site, LINK)):
            poller.reader = reader

    def went_over_link(self, job: Sent, status: str, who: str) -> bool:
        """Return True if the appliance of a linked site read the job, and the same user reports no failure of the job.

        The user of a reading before the start of the process is not known, and may be any.
        """
        poller = self.of(job.site, PRIMARY)
        if poller is None or poller is not self._pollers.get((job.site, LINK)):
            return False
        has_arrived = phase_of(status) in ("picked_up", "running", "done")
        return has_arrived and poller.last_ms > job.created_ms and poller.reader in ("", who)

    def _make_place(self, site: str) -> bool:
        """Return True if there is a place for a new poller; a stranger takes that of another one."""
        if self._is_used(site):
            return len(self._pollers) < self.LIMIT
        strangers = self._strangers() - {site}
        if len(strangers) >= self.STRANGERS:
            self._drop(min(strangers, key=self._standing))
            now_ms = self._clock.now_ms()
            before = self._crowd or Crowd(now_ms, 0, site)
            self._crowd = Crowd(before.since_ms, before.count + 1, site)
            self._crowded_s = self._clock.elapsed_s()
        return True

    def _strangers(self) -> set[str]:
        return {site for site, _ in self._pollers if not self._is_used(site)}

    def _standing(self, site: str) -> tuple[bool, int, int]:
        """Return the order in which strangers give way: the silent ones, then those with few polls."""
        pollers = [self._pollers[key] for key in self._keys(site) if key in self._pollers]
        best = max(pollers, key=lambda poller: poller.last_ms)
        is_silent = self.silence_ms(best) > best.silent_after_ms
        return not is_silent, min(best.count, USED_POLLS), best.last_ms

    def _is_named(self, site: str) -> bool:
        return site in self._sites or site in self.named

    def _is_used(self, site: str) -> bool:
        pollers = (self._pollers.get(key) for key in self._keys(site))
        return self._is_named(site) or any(self._is_lasting(poller) for poller in pollers if poller)

    def _is_lasting(self, poller: Poller) -> bool:
        """Return True if the polls went on for long, today or before the start: the site is in use."""
        since_s, now_s = poller.since_s, self._clock.elapsed_s()
        lasted = poller.count >= USED_POLLS and since_s is not None and now_s - since_s >= USED_S
        return (lasted or poller.stored_gap_ms is not None) and self.silence_ms(poller) < FORGOTTEN_MS

    @staticmethod
    def _keys(site: str) -> tuple[tuple[str, str], ...]:
        return (site, PRIMARY), (site, ALTERNATE), (site, LINK)

    def _drop(self, site: str) -> None:
        for key in self._keys(site):
            if poller := self._pollers.pop(key, None):
                self._dropped[key[1]] += poller.count - poller.told

    def has_place(self, site: str) -> bool:
        """Return True for a site in use; without a crowd also for any other site that polls."""
        with self._lock:
            return self._is_used(site) or (self._crowd is None and self.has_polled(site))

    def settle_crowd(self) -> Crowd | None:
        """Drop the silent strangers of a crowd, and return the crowd; None without one, or after an hour without more.

        Without the drop the strangers would be silent sites at the end of the crowd.
        """
        with self._lock:
            if self._crowd is None:
                return None
            for site in self._strangers():
                if not self._standing(site)[0]:
                    self._drop(site)
            if self._clock.elapsed_s() - self._crowded_s > CROWD_S:
                self._crowd = None
            return self._crowd

    def of(self, site: str, queue: str) -> Poller | None:
        """Return the polls of one queue; None before the first poll.

        For the primary queue of a site without a poll of the last day, return the readings of a linked appliance if
        there are any. Beside a program, readings count for nothing: the silence of the program must show.
        """
        poller = self._pollers.get((site, queue))
        if queue == PRIMARY and (poller is None or self.silence_ms(poller) >= FORGOTTEN_MS):
            return self._pollers.get((site, LINK), poller)
        return poller

    def has_polled(self, site: str) -> bool:
        """Return True if a poll of either queue is known."""
        return any(key in self._pollers for key in self._keys(site))

    def polled_sites(self) -> list[str]:
        """Return every site with a known poll, in the order of the first polls."""
        return list(dict.fromkeys(site for site, _ in list(self._pollers)))

    def forget(self, site: str) -> None:
        """Forget a site until the next poll or job."""
        with self._lock:
            self._sites.pop(site, None)
            self._drop(site)

    def has_jobs(self, site: str) -> bool:
        """Return True if the site has jobs."""
        return site in self._sites

    def count_new(self) -> list[tuple[str, str, int]]:
        """Return (site, queue, number of polls since the last call); without a site for sites dropped since then."""
        with self._lock:
            found = [("", queue_name, count) for queue_name, count in self._dropped.items()]
            self._dropped.clear()
            for key, poller in self._pollers.items():
                found.append((*key, poller.count - poller.told))
                poller.told = poller.count
            return found

    def knows(self, site: str) -> bool:
        """Return True if the site has polls or jobs, also when it is not listed."""
        return site in self._sites or self.has_polled(site)

    def is_reached(self, site: str) -> bool:
        """Return True if a program polls for the site, or if settings, tokens or reservations name the site."""
        return site in self.named or self.has_polled(site)

    def unpolled(self) -> list[str]:
        """Return the sites with jobs that nothing names and no program polls, the newest job first."""
        with self._lock:
            return [site for site in reversed(self._sites) if not self.is_reached(site)]

    def sites(self) -> set[str]:
        """Return the sites to list, those with polls or jobs; a single stray poll counts for an hour only."""
        return set(self.sites_by_use())

    def sites_by_use(self) -> list[str]:
        """Return the sites to list, those in use first. Of the sites that no program polls only the newest count."""
        unpolled = self.unpolled()
        hidden = set(unpolled)
        used = [site for site in list(self._sites) if site not in hidden]
        polled = sorted({site for (site, _), poller in list(self._pollers.items()) if self._is_in_use(site, poller)})
        return list(dict.fromkeys([*used, *polled, *unpolled[: self.LISTED]]))

    def sites_named_first(self) -> list[str]:
        """Return the sites that settings, tokens and reservations name, then the other sites to list."""
        return list(dict.fromkeys([*sorted(self.named), *self.sites_by_use()]))

    def _is_in_use(self, site: str, poller: Poller) -> bool:
        # A median of each of a thousand sites would take milliseconds.
        has_gap = bool(poller.gaps_ms) or poller.stored_gap_ms is not None
        is_used = has_gap or self.silence_ms(poller) < STRAY_MS
        return is_used and (
            self._is_named(site) or self.has_place(site) or self.silence_ms(poller) <= poller.silent_after_ms
        )

    def silence_ms(self, poller: Poller) -> int:
        """Return the age of the last poll in milliseconds, by elapsed time for a poll since the start."""
        if poller.last_elapsed_s is not None:
            return int((self._clock.elapsed_s() - poller.last_elapsed_s) * 1000)
        return max(0, self._clock.now_ms() - poller.last_ms)

    def unsaved(self) -> list[tuple[str, str, int, int | None]]:
        """Return (site, queue, last_ms, usual_gap_ms) of the polls not yet in the file, of sites that have a place."""
        with self._lock:
            is_crowded = self._crowd is not None
            polled = [(key, poller) for key, poller in self._pollers.items() if poller.unsaved]
            fresh = [(key, poller) for key, poller in polled if not is_crowded or self._is_used(key[0])]
            return [(*key, poller.last_ms, poller.usual_gap_ms) for key, poller in fresh]

    def saved(self, polls: list[tuple[str, str, int, int | None]]) -> None:
        """Mark the polls as saved; a queue with a newer poll stays unsaved."""
        with self._lock:
            for site, queue_name, last_ms, _ in polls:
                if poller := self._pollers.get((site, queue_name)):
                    poller.unsaved = poller.last_ms != last_ms
