"""The polls that were refused, by site, in memory."""

import threading

import msgspec

from prjobs.base.clock import moment

# A refused program polls again within seconds; without a further poll the refusals are over.
SHOWN_S = 600.0
# The longest usual time between two polls of a second program at the same address.
MIXED_S = 60.0


class RefusedPoll(msgspec.Struct, frozen=True):
    """A poll that was refused. `site` is empty when the request names none; `address` is without the port."""

    site: str
    address: str
    status: int
    reason: str


class Refusals(msgspec.Struct, frozen=True):
    """The refused polls of one site: the last one, when it came, and how many came since `first_ms`.

    `is_mixed`: polls from the same address were accepted shortly before, as when two programs run there.
    """

    last: RefusedPoll
    first_ms: int
    last_ms: int
    last_s: float
    count: int
    is_mixed: bool = False

    @property
    def sentence(self) -> str:
        """The refusals in words, with the reason of the last one."""
        last = self.last
        whose = f"for jobs of {last.site or 'an unknown site'}"
        times = f"since {_clock(self.first_ms)}, last at {_clock(self.last_ms)}" if self.count > 1 else ""
        times = times or f"at {_clock(self.last_ms)}"
        return f"A program at {last.address} asks {whose} and was refused {times} ({last.status}). {last.reason}"


class RefusedPolls:
    """The refusals by site, of a limited number of sites. Any thread may call any method."""

    LIMIT = 20

    def __init__(self) -> None:
        self._by_site: dict[str, Refusals] = {}
        # (site, address) of refused polls -> the elapsed time of an accepted poll from there.
        self._accepted_s: dict[tuple[str, str], float] = {}
        # Held too by whoever changes a refusal and its notice together.
        self.lock = threading.RLock()

    def add(self, poll: RefusedPoll, now_ms: int, now_s: float) -> Refusals:
        """Count a refused poll. Above the limit of sites a new site counts as unnamed: names can be invented."""
        with self.lock:
            if poll.site not in self._by_site and self.is_full:
                poll = RefusedPoll("", poll.address, poll.status, poll.reason)
            before = self._by_site.get(poll.site)
            first_ms, count = (before.first_ms, before.count) if before else (now_ms, 0)
            is_mixed = now_s - self._accepted_s.get((poll.site, poll.address), -SHOWN_S) < SHOWN_S
            made = self._by_site[poll.site] = Refusals(
                poll, first_ms, now_ms, last_s=now_s, count=count + 1, is_mixed=is_mixed
            )
            return made

    def accept(self, site: str, now_s: float) -> bool:
        """Note an accepted poll from the address of the refused ones. Return False if both kinds go on there."""
        with self.lock:
            found = self._by_site.get(site)
            if found is None:
                return True
            if found.is_mixed and now_s - found.last_s < MIXED_S:
                return False
            if len(self._accepted_s) >= self.LIMIT:
                del self._accepted_s[next(iter(self._accepted_s))]
            self._accepted_s[(site, found.last.address)] = now_s
            return True

    @property
    def is_full(self) -> bool:
        """Return True if there is no place for one more named site."""
        return len(self._by_site) - ("" in self._by_site) >= self.LIMIT

    def of(self, site: str) -> Refusals | None:
        """Return the refusals of a site; None without any."""
        return self._by_site.get(site)

    def all(self) -> list[Refusals]:
        """Return the refusals of all sites."""
        with self.lock:
            return list(self._by_site.values())

    def drop(self, site: str) -> None:
        """Forget the refusals of a site."""
        with self.lock:
            self._by_site.pop(site, None)


def _clock(time_ms: int) -> str:
    return moment(time_ms).strftime("%H:%M:%S UTC")
