"""Locking a site out, changing a lock, unlocking, and the end of locks at their time.

A lock is a write in the same order as all hand-outs: a poll after the lock gets only stops. The
answer to a lock names the jobs handed out before, and can send a stop in the same transaction.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from prjobs.access import audit, lockouts
from prjobs.access.audit import Act, Actor, Entry
from prjobs.access.lockouts import Lock
from prjobs.base.clock import utc
from prjobs.base.errors import BadRequest, Conflict, NotFound
from prjobs.base.notices import Code
from prjobs.base.ulids import floor_ulid
from prjobs.jobs import submission
from prjobs.jobs.queue import Queue, write_command
from prjobs.jobs.requests import STOP_CLASS, Command
from prjobs.jobs.states import ALTERNATE, RETURNED, in_phases
from prjobs.jobs.stops import PICKED_UP_MS, RUNNING_MS
from prjobs.store.models import BRIEF_COLUMNS, JobRow
from prjobs.store.source import Source
from prjobs.store.transaction import Transaction

logger = logging.getLogger(__name__)
# Locks without a login come from any program on this machine: they must not fill the store, nor keep a person with a
# login, or at another site, from a lock. So both kinds are counted apart, and those without a login at each site.
MOST_OPEN, MOST_WITHOUT_LOGIN = 500, 20
# The most jobs that the answer to a lock names.
NAMED = 50
# The end of a lock is announced so long before.
SOON_S = 600.0
BY_TIME = "its time"
_INSERT = (
    "INSERT INTO lockout (site, user_id, user_name, reason, since_ms, until_ms) VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
)
_AT_WORK = (
    f"({in_phases('status', ['running'])} OR (picked_up_ms >= :picked_up_ms AND {in_phases('status', ['picked_up'])}) "
    f"OR {in_phases('alternate_status', ['running'])} OR ({in_phases('alternate_status', ['picked_up'])} AND EXISTS "
    "(SELECT 1 FROM change c JOIN handout h ON h.id = c.handout_id WHERE c.job_seq = job.seq "
    f"AND c.queue = '{ALTERNATE}' AND h.state <> '{RETURNED}' AND h.time_ms >= :picked_up_ms)))"
)
# A job without a time limit, such as a close, may wait for days and leave a moment before the lock: the log tells.
# The log has no index by time; no more than so many of its newest rows are looked at.
_NEWEST = 100_000
_SINCE = (
    f"SELECT coalesce((SELECT seq FROM change WHERE seq > last - {_NEWEST} AND time_ms < ? ORDER BY seq DESC LIMIT 1), "
    f"last - {_NEWEST}) FROM (SELECT coalesce(max(seq), 0) AS last FROM change) AS newest"
)
_UNDER_WAY = (
    f"SELECT {BRIEF_COLUMNS} FROM job WHERE seq IN (SELECT seq FROM job WHERE site = :site AND ulid >= :ulid "
    "UNION SELECT job_seq FROM change WHERE seq > :since AND site = :site) AND site = :site "
    f"AND command_class <> '{STOP_CLASS}' AND {_AT_WORK} ORDER BY seq DESC LIMIT {NAMED}"
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a lock. `stops` are the stops for all devices that go with the lock, if any."""

    site: str
    user_id: str
    user_name: str
    reason: str
    until_ms: int | None = None
    stops: Sequence[Command] = ()


class Locked(NamedTuple):
    """A new lock, the jobs at the telescope, newest first, and the stops sent with the lock."""

    lock: Lock
    under_way: list[JobRow]
    stops: list[JobRow]


def load(queue: Queue) -> None:
    """Take the open locks from the store into memory, at the start."""
    _show(queue, lockouts.list_open(queue.database))


def lock(queue: Queue, asked: Asked, actor: Actor) -> Locked:
    """Lock a site out. Raise BadRequest for an end in the past, and Conflict for too many locks.

    Each lock is its own, also of the same person: the site is locked out until every lock has ended.
    """
    _require_future(queue, asked.until_ms)
    locked: Locked = write_command(queue, _lock, queue, asked, actor, makes_safe=True)
    logger.warning("%s is locked out, lock %d %s", asked.site, locked.lock.id, locked.lock.words)
    return locked


def _require_future(queue: Queue, until_ms: int | None) -> None:
    if until_ms is not None and until_ms <= queue.clock.now_ms():
        raise BadRequest("until_ms must be in the future: this lock would have ended already.")


def _lock(transaction: Transaction, queue: Queue, asked: Asked, actor: Actor) -> Locked:
    _require_few(lockouts.list_open(transaction), asked)
    now_ms = queue.clock.now_ms()
    values = (asked.site, asked.user_id, asked.user_name, asked.reason, now_ms, asked.until_ms)
    made = Lock(transaction.execute(_INSERT, values).fetchone()[0], *values)
    _record(transaction, queue, audit.LOCK, made, actor)
    act = Act(actor, audit.NEWJOB)
    stops = [submission.insert_job(transaction, queue, stop, act) for stop in asked.stops]
    _changed(transaction, queue, made.site)
    return Locked(made, under_way(transaction, queue, made.site), stops)


def _require_few(opened: list[Lock], asked: Asked) -> None:
    """Raise Conflict for too many locks of the kind that is asked for: with a login, or without."""
    same_kind = [one for one in opened if bool(one.user_id) == bool(asked.user_id)]
    at_site = sum(one.site == asked.site for one in same_kind)
    if not asked.user_id and at_site >= MOST_WITHOUT_LOGIN:
        raise Conflict(f"{asked.site} has too many locks without a login: unlock those that nobody needs, or log in.")
    if len(same_kind) >= MOST_OPEN:
        raise Conflict("There are too many locks: unlock those that nobody needs.")


def under_way(source: Source, queue: Queue, site: str) -> list[JobRow]:
    """Return the jobs handed out and not finished, of all sites that a lock of the site holds."""
    now_ms = queue.clock.now_ms()
    ((since,),) = source.fetch(_SINCE, (now_ms - RUNNING_MS,))
    values = {"ulid": floor_ulid(now_ms - RUNNING_MS), "picked_up_ms": now_ms - PICKED_UP_MS, "since": since}
    rows = [
        JobRow(*row)
        for held in lockouts.holding(queue.settings, site)
        for row in source.fetch(_UNDER_WAY, {"site": held, **values})  # type: ignore[arg-type]
    ]
    return sorted(rows, key=lambda row: -row.seq)[:NAMED]


def find(source: Source, lock_id: int) -> Lock:
    """Return an open lock. Raise NotFound."""
    for one in lockouts.list_open(source):
        if one.id == lock_id:
            return one
    raise NotFound("There is no open lock with this id.")


def change(queue: Queue, changed: Lock, actor: Actor) -> Lock:
    """Give a lock the end and the reason of `changed`. Raise NotFound, or BadRequest for an end in the past."""
    _require_future(queue, changed.until_ms)
    queue.database.write(_change, queue, changed, actor, makes_safe=True)
    logger.warning("%s is locked out, lock %d has a new end: %s", changed.site, changed.id, changed.words)
    return changed


def _change(transaction: Transaction, queue: Queue, changed: Lock, actor: Actor) -> None:
    find(transaction, changed.id)
    values = (changed.until_ms, changed.reason, changed.id)
    transaction.execute("UPDATE lockout SET until_ms = ?, reason = ? WHERE id = ?", values)
    _record(transaction, queue, audit.LOCK_CHANGE, changed, actor)
    _changed(transaction, queue, changed.site)


def unlock(queue: Queue, lock_id: int, actor: Actor) -> list[Lock]:
    """End a lock; return the locks that still hold the site. Raise NotFound."""
    ended, left = queue.database.write(_unlock, queue, lock_id, actor, makes_safe=True)
    logger.warning("%s: lock %d %s was ended; %d locks left", ended.site, lock_id, ended.words, len(left))
    return left


def _unlock(transaction: Transaction, queue: Queue, lock_id: int, actor: Actor) -> tuple[Lock, list[Lock]]:
    ended = find(transaction, lock_id)
    _end(transaction, queue, ended, audit.UNLOCK, actor)
    return ended, lockouts.locks_at(transaction, queue.settings, ended.site)


def _end(transaction: Transaction, queue: Queue, ended: Lock, what: str, actor: Actor) -> None:
    transaction.execute(
        "UPDATE lockout SET ended_ms = ?, ended_by = ? WHERE id = ?", (queue.clock.now_ms(), actor.who, ended.id)
    )
    _record(transaction, queue, what, ended, actor)
    _changed(transaction, queue, ended.site)


def _record(transaction: Transaction, queue: Queue, what: str, one: Lock, actor: Actor) -> None:
    detail = f"lock {one.id} {one.words}"
    audit.record(transaction, queue.clock.now_ms(), Entry(actor.who, what, one.site, actor.where_from, detail))


def _changed(transaction: Transaction, queue: Queue, site: str) -> None:
    """Have memory follow the store after the commit, and the held polls of the site look again."""
    transaction.after_commit(_show, queue, lockouts.list_open(transaction))
    for held in lockouts.holding(queue.settings, site):
        transaction.tell(held)


def _show(queue: Queue, opened: list[Lock]) -> None:
    before = {lock.site for lock in queue.lockouts.open}
    queue.lockouts.replace(queue.settings, opened)
    for site in before | {lock.site for lock in opened}:
        locks = queue.lockouts.of(site)
        queue.notices.say(Code.LOCKED_OUT, lockouts.notice(site) if locks else "", site)
        queue.notices.say(Code.LOCK_ENDS, _ending(queue, locks), site)


# ---- the end of a lock at its time


def end_over_once(queue: Queue) -> None:
    """End the locks at their time, and announce ends that are near; a chore."""
    if not queue.lockouts.open:
        return
    if over := [lock.id for lock in queue.lockouts.open if _is_over(queue, lock)]:
        queue.database.write(_end_over, queue, over)
    for site in {lock.site for lock in queue.lockouts.open}:
        queue.notices.say(Code.LOCK_ENDS, _ending(queue, queue.lockouts.of(site)), site)


def _is_over(queue: Queue, lock: Lock) -> bool:
    left_s = queue.lockouts.left_s(lock)
    return left_s is not None and left_s <= 0


def _end_over(transaction: Transaction, queue: Queue, over: list[int]) -> None:
    appliance = Actor(BY_TIME, "appliance")
    for lock in lockouts.list_open(transaction):
        # The lock may have another end since the look at memory.
        if lock.id in over and _is_over(queue, lock):
            _end(transaction, queue, lock, audit.LOCK_END, appliance)
            transaction.after_commit(logger.warning, "%s: lock %d %s has ended", lock.site, lock.id, lock.words)


def _ending(queue: Queue, locks: list[Lock]) -> str:
    """Return the announcement of the end of the last lock of a site; empty while the site stays locked for longer."""
    left_s = [queue.lockouts.left_s(lock) for lock in locks]
    if not left_s or any(left is None or left > SOON_S for left in left_s):
        return ""
    last = max(locks, key=lambda lock: lock.until_ms or 0)
    return (
        f"{last.site} is unlocked by itself at {utc(last.until_ms or 0)} UTC, and jobs move the telescope again. "
        "Whoever is still in the dome gives the lock a later end: "
        f"prjobs lock {last.site} --change {last.id} --until +1h REASON."
    )
