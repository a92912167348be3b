"""The sums of a night at a site: counts that stay small, and that add up to those of weeks."""

import math
from collections import Counter, defaultdict
from typing import TypeVar

import msgspec

# A waiting time of w seconds counts in step 40 log10 w: each step is 6 % longer than the one before.
STEPS_A_DECADE = 40
SHORTEST_S = 0.1
# The most failures and users that a night names; the others are one entry with empty names.
NAMED = 100
# The most that are told apart while a night is read.
TOLD_APART = 5000
Key = TypeVar("Key")
ENDS = ("done", "failed", "cancelled", "expired", "open")


class NightSums(msgspec.Struct, omit_defaults=True):
    """The sums. `ends` counts jobs by their end, `waits` by the step of their waiting time.

    `failures` are (device, reason, jobs), `users` (user id, name, jobs, seconds from start to end); the last entry of
    empty names is all others.
    """

    jobs: int = 0
    classes: dict[str, int] = msgspec.field(default_factory=dict)
    ends: dict[str, int] = msgspec.field(default_factory=dict)
    waits: dict[int, int] = msgspec.field(default_factory=dict)
    failures: list[tuple[str, str, int]] = msgspec.field(default_factory=list)
    users: list[tuple[str, str, int, float]] = msgspec.field(default_factory=list)
    stops: int = 0
    late_stops: int = 0
    silences: int = 0
    silent_s: float = 0.0


encode_sums = msgspec.json.Encoder().encode
decode_sums = msgspec.json.Decoder(NightSums).decode


class Summing:
    """The adding up of a night's jobs, or of several nights."""

    def __init__(self) -> None:
        self._sums = NightSums()
        self._classes: Counter[str] = Counter()
        self._ends: Counter[str] = Counter()
        self._waits: Counter[int] = Counter()
        self._failures: Counter[tuple[str, str]] = Counter()
        self._users: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._names: dict[str, str] = {}

    def fail(self, device: str, reason: str, count: int) -> None:
        """Add failures of a kind."""
        key = (device, reason)
        is_told = key in self._failures or len(self._failures) < TOLD_APART
        self._failures[key if is_told else ("", "")] += count

    def use(self, user_id: str, name: str, count: int, seconds: float) -> None:
        """Add jobs of a user."""
        if user_id not in self._users and len(self._users) >= TOLD_APART:
            user_id, name = "", ""
        self._users[user_id] += count
        self._seconds[user_id] += seconds
        self._names[user_id] = name or self._names.get(user_id, "")

    def add(self, night: NightSums) -> None:
        """Add the sums of a night."""
        own = self._sums
        own.jobs += night.jobs
        own.stops += night.stops
        own.late_stops += night.late_stops
        own.silences += night.silences
        own.silent_s += night.silent_s
        self._classes.update(night.classes)
        self._ends.update(night.ends)
        self._waits.update(night.waits)
        for device, reason, count in night.failures:
            self.fail(device, reason, count)
        for user_id, name, count, seconds in night.users:
            self.use(user_id, name, count, seconds)

    def sums(self, named: int = NAMED) -> NightSums:
        """Return the sums, with so many failures and users by name, the most first."""
        own = self._sums
        own.classes, own.ends, own.waits = dict(self._classes), dict(self._ends), dict(self._waits)
        failures = _most(self._failures, ("", ""), named)
        own.failures = [(*key, count) for key, count in failures]
        users = _most(self._users, "", named)
        known = {user_id for user_id, _ in users if user_id}
        others_s = sum(seconds for user_id, seconds in self._seconds.items() if user_id not in known)
        own.users = [
            (user_id, self._names.get(user_id, ""), count, round(self._seconds[user_id] if user_id else others_s, 1))
            for user_id, count in users
        ]
        own.silent_s = round(own.silent_s, 1)
        return own


def _most(counts: Counter[Key], others: Key, named: int) -> list[tuple[Key, int]]:
    """Return the highest counts, equal ones by key, and at the end the sum of the others under their own key."""
    ordered = sorted(((key, count) for key, count in counts.items() if key != others), key=_by_count)
    rest = counts[others] + sum(count for _, count in ordered[named:])
    return ordered[:named] + ([(others, rest)] if rest else [])


def _by_count(entry: tuple[object, int]) -> tuple[int, str]:
    return -entry[1], str(entry[0])


# ---- waiting times


def wait_step(seconds: float) -> int:
    """Return the step of a waiting time."""
    return round(STEPS_A_DECADE * math.log10(max(seconds, SHORTEST_S)))


def wait_at(waits: dict[int, int], share: float) -> float | None:
    """Return the waiting time that the share of the jobs does not pass, to 3 % or 0.1 s; None without a job."""
    total = sum(waits.values())
    place = min(total - 1, int(total * share))
    for found in sorted(waits):
        place -= waits[found]
        if place < 0:
            seconds = float(10 ** (found / STEPS_A_DECADE))
            return round(seconds, 2) if seconds > SHORTEST_S else 0.0
    return None
