"""The promises on a disk after a cut: the fold of all marks before the cut.

A question without an answer may have been carried out or not. So a job may have one of several statuses, and during a
restore there are two whole stores.
"""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

# Status and digest by ulid.
Jobs = dict[str, tuple[str, str]]
UNREAD, RECEIVED, CANCELLED = "UNREAD", "RECEIVED", "CANCELLED"


@dataclass
class Job:
    """A job as the answers say."""

    site: str
    digest: str
    is_stop: bool
    statuses: set[str]


@dataclass
class Seen:
    """A start on a disk, seen over HTTP: the jobs, the ulids handed out and given anew, the good tokens."""

    jobs: Jobs = field(default_factory=dict)
    polled: list[str] = field(default_factory=list)
    good: dict[str, bool] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)
    reservations: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


@dataclass
class Store:
    """The store that the answers promise."""

    jobs: dict[str, Job] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)
    tokens: dict[str, set[bool]] = field(default_factory=dict)
    reservations: set[str] = field(default_factory=set)
    unknown: int = 0

    def waiting_at(self, site: str) -> list[Job]:
        """Return the jobs of a site that may still wait."""
        return [job for job in self.jobs.values() if job.site == site and UNREAD in job.statuses]

    def restored_from(self, backup: "Store") -> "Store":
        """Return the store after the restore of the backup: what waits in it is cancelled."""
        restored = deepcopy(backup)
        restored.delivered = set(self.delivered)
        for job in restored.jobs.values():
            if job.statuses == {UNREAD}:
                job.statuses = {CANCELLED}
        restored.tokens = {token: backup.tokens.get(token, {True, False}) for token in self.tokens}
        return restored

    def differences(self, seen: Seen) -> list[str]:
        """Return what was seen and must not be, in sentences; nothing on a good disk."""
        lost = [f"the reservation {one} is lost" for one in self.reservations - seen.reservations]
        return [*seen.wrong, *lost, *self.differing_jobs(seen.jobs), *self._of_polls(seen), *self._of_tokens(seen)]

    def differing_jobs(self, jobs: Jobs) -> Iterable[str]:
        """Yield what is wrong with the jobs of a store."""
        for ulid, job in self.jobs.items():
            if ulid not in jobs:
                yield f"the answered job {ulid} at {job.site} is lost"
                continue
            status, digest = jobs[ulid]
            # A stop that nothing confirmed waits once more.
            if status not in job.statuses and not (job.is_stop and status == UNREAD):
                yield f"the job {ulid} at {job.site} is {status}, answered was {sorted(job.statuses)}"
            if digest != job.digest:
                yield f"the job {ulid} at {job.site} has other contents"
        if len(others := jobs.keys() - self.jobs.keys()) > self.unknown:
            yield f"the store has jobs of another time: {sorted(others)}"

    def _of_polls(self, seen: Seen) -> Iterable[str]:
        stops = {ulid for ulid, job in self.jobs.items() if job.is_stop}
        for ulid in seen.polled:
            if ulid in self.delivered - stops:
                yield f"the job {ulid} is handed out again"
            elif ulid in self.jobs and UNREAD not in self.jobs[ulid].statuses and ulid not in stops:
                yield f"the job {ulid} is handed out, answered was {sorted(self.jobs[ulid].statuses)}"
        for ulid, (status, _) in seen.jobs.items():
            if status == UNREAD and ulid not in seen.polled:
                yield f"the job {ulid} waits and is not handed out"
        known = max([*self.jobs, *self.delivered], default="")
        yield from [f"the id {ulid} is not above all given before" for ulid in seen.given if ulid <= known]

    def _of_tokens(self, seen: Seen) -> Iterable[str]:
        for token, may_be in self.tokens.items():
            if seen.good[token] not in may_be:
                yield f"the token …{token[-6:]} is {'good' if seen.good[token] else 'refused'}"


@dataclass
class Expected:
    """The promises at a cut."""

    stores: list[Store]
    answered: int
    restoring: str | None
    """The backup that is being restored."""
    replaced: Store | None
    """The store that the restore replaces: it is kept, aside."""
    backups: list[str]

    @property
    def may_refuse(self) -> bool:
        """Return True if a start may be refused in words: nothing was answered yet, or a restore is on."""
        return not self.answered or self.restoring is not None


def expect(marks: Iterable[dict[str, Any]]) -> Expected:
    """Return what must be there after these marks."""
    story = _Story()
    for mark in marks:
        story.note(mark)
    return story.expected()


class _Story:
    def __init__(self) -> None:
        self.store = Store()
        self.backups: dict[str, Store] = {}
        self.open: dict[int, dict[str, Any]] = {}
        self.replaced: Store | None = None
        self.answered = 0

    def note(self, mark: dict[str, Any]) -> None:
        if "ask" in mark:
            self.open[mark["ask"]] = mark
            return
        asked = self.open.pop(mark["answer"])
        self.answered += 1
        getattr(self, f"_{asked['what']}")({**asked, **mark})

    def _new_job(self, done: dict[str, Any]) -> None:
        job = Job(done["site"], done["digest"], done["is_stop"], {UNREAD})
        if done["is_stop"]:
            for other in self.store.waiting_at(job.site):
                other.statuses = {CANCELLED}
        # A poll may have got the job before the sender had its answer.
        if known := self.store.jobs.get(done["ulid"]):
            job.statuses = known.statuses
        self.store.jobs[done["ulid"]] = job

    def _poll(self, done: dict[str, Any]) -> None:
        site = done["site"]
        # A job of which the sender has no answer may be a stop.
        may_stop = any(asked.get("is_stop") and asked["site"] == site for asked in self.open.values())
        self.store.delivered |= set(done["ulids"])
        for ulid, digest in zip(done["ulids"], done["digests"], strict=True):
            self.store.jobs.setdefault(ulid, Job(site, digest, may_stop, set())).statuses = {RECEIVED}

    def _report(self, done: dict[str, Any]) -> None:
        self.store.jobs[done["ulid"]].statuses = {done["status"]}

    def _make_token(self, done: dict[str, Any]) -> None:
        self.store.tokens[done["token"]] = {True}

    def _revoke(self, done: dict[str, Any]) -> None:
        self.store.tokens[done["token"]] = {False}

    def _reserve(self, done: dict[str, Any]) -> None:
        self.store.reservations.add(done["id"])

    def _back_up(self, done: dict[str, Any]) -> None:
        self.backups[done["name"]] = deepcopy(self.store)

    def _restore(self, done: dict[str, Any]) -> None:
        self.replaced = self.store
        self.store = self.store.restored_from(self.backups[done["name"]])

    def expected(self) -> Expected:
        """Return the promises, with what the open questions may have done."""
        restoring = next((asked["name"] for asked in self.open.values() if asked["what"] == "restore"), None)
        after = [self.store.restored_from(self.backups[restoring])] if restoring else []
        for asked in self.open.values():
            self._widen(asked)
        replaced = self.store if restoring else self.replaced
        return Expected([self.store, *after], self.answered, restoring, replaced, [*self.backups])

    def _widen(self, asked: dict[str, Any]) -> None:
        what, jobs = asked["what"], self.store.jobs
        if what == "new_job":
            self.store.unknown += 1
            for job in self.store.waiting_at(asked["site"]) if asked["is_stop"] else []:
                job.statuses = job.statuses | {CANCELLED}
        elif what == "poll":
            for job in self.store.waiting_at(asked["site"]):
                job.statuses = job.statuses | {RECEIVED}
        elif what == "report":
            jobs[asked["ulid"]].statuses = jobs[asked["ulid"]].statuses | {asked["status"]}
        elif what == "revoke":
            self.store.tokens[asked["token"]] = {True, False}
