"""Lockouts: while a person is in the dome, only stops are handed out at the site.

Each person sets a lock, as each person hangs a padlock: a site is locked out until every lock has ended. A lock of an
observatory holds for the enclosure station too, which moves the roof, and a lock of a station for its
observatories. The store decides; memory follows after each commit, for notices and idle polls.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from prjobs.access.identity import Identity
from prjobs.base.clock import Clock, utc
from prjobs.base.errors import Forbidden, LockedOut
from prjobs.base.fields import Site, UserName
from prjobs.base.settings import Settings
from prjobs.base.sites import tied_sites
from prjobs.store.source import Source, marks

# Locks named in one sentence; the rest is counted.
NAMED = 3
# The web UI shows sentences as HTML, and names and reasons are texts of users.
_HARMLESS = str.maketrans({"<": "(", ">": ")", "&": "+"})
_ONLY_STOPS = "Only stops are taken and handed out until every lock has ended."

Reason = Annotated[
    str,
    Meta(
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f\u2028\u2029]*$(?!\n)",
        min_length=1,
        max_length=200,
        description="a text of 1 to 200 characters without control characters, and not blank",
    ),
]
Until = Annotated[
    Annotated[int, Meta(ge=0, le=253_402_300_799_000)] | None,
    Meta(description="a time in Unix milliseconds, or null for no end"),
]


class Lock(msgspec.Struct, frozen=True):
    """A lock as stored; without `until_ms` it lasts until unlocked. `user_id` is empty for a lock without a login."""

    id: int
    site: str
    user_id: str
    user_name: str
    reason: str
    since_ms: int
    until_ms: int | None

    @property
    def words(self) -> str:
        """Return the person, the end and the reason, for a sentence."""
        end = "unlocked" if self.until_ms is None else f"{utc(self.until_ms)} UTC"
        return f"by {self.user_name} until {end} ({self.reason})".translate(_HARMLESS)


class NewLock(msgspec.Struct, frozen=True):
    """The body of POST /api/lock. `name` is the person in the dome, else the user; `stop` sends a stop as well."""

    site: Site
    reason: Reason
    until_ms: Until = None
    name: UserName = ""
    stop: bool = False


class LockEnd(msgspec.Struct, frozen=True):
    """The body of POST /api/lock/LOCK_ID: a new end, null for no end, and perhaps a new reason.

    `name` is needed without a login.
    """

    until_ms: Until
    reason: Reason | None = None
    name: UserName = ""


class ShownLock(Lock, frozen=True):
    """A lock with the sites that the lock holds: the site, and those tied to it by the setting `stations`."""

    holds: tuple[str, ...]


COLUMNS = ", ".join(Lock.__struct_fields__)
_OPEN = f"SELECT {COLUMNS} FROM lockout WHERE ended_ms IS NULL"


class PastLock(Lock, frozen=True):
    """A lock with its end: `ended_by` is a user, or `its time`; None and empty for an open lock."""

    ended_ms: int | None
    ended_by: str


def list_past(source: Source, since_ms: int, until_ms: int, site: str | None = None) -> list[PastLock]:
    """Return the locks that were open between two moments, oldest first."""
    where, parameters = ("AND site = ?", [site]) if site else ("", [])
    found = source.fetch(
        f"SELECT {COLUMNS}, ended_ms, ended_by FROM lockout WHERE since_ms < ? AND coalesce(ended_ms, ?) >= ? {where} "
        "ORDER BY since_ms, id",
        (until_ms, until_ms, since_ms, *parameters),
    )
    return [PastLock(*row) for row in found]


def list_open(source: Source) -> list[Lock]:
    """Return every lock that has not ended, oldest first."""
    return [Lock(*row) for row in source.fetch(f"{_OPEN} ORDER BY id")]


def holding(settings: Settings, site: str) -> tuple[str, ...]:
    """Return the sites whose locks hold the site: the site, the enclosure stations and the observatories of it."""
    return tied_sites(settings, site)


def locks_at(source: Source, settings: Settings, site: str) -> list[Lock]:
    """Return the locks that hold the site, oldest first."""
    sites = holding(settings, site)
    return [Lock(*row) for row in source.fetch(f"{_OPEN} AND site IN ({marks(sites)}) ORDER BY id", sites)]


def require_unlocked(source: Source, settings: Settings, site: str) -> None:
    """Raise LockedOut while a lock holds the site."""
    if locks := locks_at(source, settings, site):
        raise LockedOut(sentence(site, locks))


def sentence(site: str, locks: Sequence[Lock]) -> str:
    """Return the sentence on a locked site: persons, ends, reasons, and the commands still taken."""
    named = [f"{lock.site} {lock.words}" if lock.site != site else lock.words for lock in locks[:NAMED]]
    more = f" and {len(locks) - NAMED} more locks" if len(locks) > NAMED else ""
    return f"{site} is LOCKED OUT: somebody is in the dome, locked {'; '.join(named)}{more}. {_ONLY_STOPS}"


def notice(site: str) -> str:
    """Return the sentence on a locked site for everybody: without persons and reasons."""
    return f"{site} is LOCKED OUT. {_ONLY_STOPS}"


def after_unlock(site: str, left: Sequence[Lock]) -> str:
    """Return the sentence on a site after the end of a lock, with the locks that are left."""
    return sentence(site, left) if left else f"{site} is unlocked: jobs are handed out again."


def may_end(identity: Identity | None, name: str, lock: Lock) -> bool:
    """Return True for the person of the lock, and for administrators of the site.

    A caller without a login may end a lock of the same name without a login.
    """
    if identity is None:
        return not lock.user_id and name.strip().casefold() == lock.user_name.casefold()
    return identity.reaches(lock.site) and (identity.is_admin or identity.user_id == lock.user_id)


def require_may_end(identity: Identity | None, name: str, lock: Lock) -> None:
    """Raise Forbidden for other callers than `may_end` has."""
    if not may_end(identity, name, lock):
        whose = f"{lock.user_name} ({lock.user_id})" if lock.user_id else lock.user_name
        said = f"Lock {lock.id} of {lock.site} is that of {whose}: only that person or an administrator may end it."
        raise Forbidden(said.translate(_HARMLESS))


class Lockouts:
    """The open locks, in memory. Verbs replace the locks after the commit only.

    A lock ends once the clock reads the end, and the time of the lock has passed: a step of the clock forward ends no
    lock early.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.open: tuple[Lock, ...] = ()
        self.shown: tuple[ShownLock, ...] = ()
        self.held: frozenset[str] = frozenset()
        # The end of each lock, and the elapsed time of the end.
        self._ends: dict[int, tuple[int, float]] = {}

    def replace(self, settings: Settings, locks: Iterable[Lock]) -> None:
        """Take over the open locks of the store."""
        self.open = tuple(locks)
        now_ms, now_s = self._clock.now_ms(), self._clock.elapsed_s()
        ends = {lock.id: lock.until_ms for lock in self.open if lock.until_ms is not None}
        known = self._ends
        self._ends = {
            number: known[number]
            if number in known and known[number][0] == until_ms
            else (until_ms, now_s + (until_ms - now_ms) / 1000)
            for number, until_ms in ends.items()
        }
        self.shown = tuple(
            ShownLock(**msgspec.structs.asdict(lock), holds=holding(settings, lock.site)) for lock in self.open
        )
        self.held = frozenset(site for lock in self.shown for site in lock.holds)

    def of(self, site: str) -> list[Lock]:
        """Return the locks of the site itself, oldest first."""
        return [lock for lock in self.open if lock.site == site]

    def shown_to(self, reaches: Callable[[str], bool]) -> list[ShownLock]:
        """Return the locks that hold a site within a caller's reach: also the lock of a station of the site.

        Other sites that the lock holds are left out.
        """
        found = [(lock, tuple(filter(reaches, lock.holds))) for lock in self.shown]
        return [lock if held == lock.holds else replace(lock, holds=held) for lock, held in found if held]

    def left_s(self, lock: Lock) -> float | None:
        """Return the seconds until the end of a lock, by the later of clock and elapsed time; None without an end."""
        if lock.until_ms is None:
            return None
        by_clock_s = (lock.until_ms - self._clock.now_ms()) / 1000
        _, at_s = self._ends.get(lock.id, (0, self._clock.elapsed_s()))
        return max(by_clock_s, at_s - self._clock.elapsed_s())
