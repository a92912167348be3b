"""Locks of sites under /api/lock: somebody is in the dome."""

import msgspec

from prjobs.access import lockouts
from prjobs.access.audit import Actor
from prjobs.access.desk import Desk
from prjobs.access.identity import Identity
from prjobs.access.lockouts import Lock, LockEnd, NewLock, ShownLock
from prjobs.appliance import Appliance
from prjobs.base.errors import BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from prjobs.base.fields import UserName
from prjobs.jobs import lock_notes, locking
from prjobs.jobs.locking import Asked
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import Command
from prjobs.monitor import views
from prjobs.web import caller, connection, sending
from prjobs.web.endpoint import Answer, Needs, Route, parse_body, parse_number, parse_query, reply_json

LOCK = "/api/lock"
NAME_ASKED = "name must say who is in the dome: without a login nothing else tells."
STAFF = "Only an administrator or an owner may lock a site."


class LockName(msgspec.Struct, frozen=True):
    """The body of DELETE /api/lock/LOCK_ID. `name` is needed without a login."""

    name: UserName = ""


class MadeLock(msgspec.Struct, frozen=True):
    """The answer to a new lock: the jobs that were handed out before and may still move, the stops, and notes."""

    lock: Lock
    sentence: str
    under_way: list[views.JobView]
    stops: list[views.JobView]
    notes: list[str]


class EndedLock(msgspec.Struct, frozen=True):
    """The answer to the end of a lock: the number, and the locks that still hold the site."""

    unlocked: int
    site: str
    sentence: str
    locks: list[Lock]


class LocksQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/lock."""

    site: str | None = None


class Locks(msgspec.Struct, frozen=True):
    """The answer to GET /api/lock."""

    time_ms: int
    locks: list[ShownLock]


def get_locks(appliance: Appliance) -> Answer:
    """List the open locks, each with person, end and reason."""
    identity = caller.require_reader(appliance.desk)
    site, queue = parse_query(LocksQuery).site, appliance.queue
    seen = queue.lockouts.shown_to(identity.reaches if identity else lambda _site: True)
    found = [lock for lock in seen if site in (None, lock.site)]
    return reply_json(Locks(queue.clock.now_ms(), found))


def post_lock(appliance: Appliance) -> Answer:
    """Lock a site out: only stops are handed out until every lock has ended. Staff; on this machine a name."""
    connection.asks_for("lock")
    identity = _locker(appliance.desk)
    asked = parse_body(NewLock)
    connection.asks_for(f"{asked.site} lock")
    name = asked.name.strip() or (identity.user_name or identity.user_id if identity else "")
    if not name:
        raise BadRequest(NAME_ASKED)
    caller.require_site(identity, asked.site)
    queue = appliance.queue
    stops = _stops(queue, asked, identity) if asked.stop else []
    new = Asked(
        site=asked.site,
        user_id=identity.user_id if identity else "",
        user_name=name,
        reason=asked.reason.strip(),
        until_ms=asked.until_ms,
        stops=stops,
    )
    locked = locking.lock(queue, new, caller.actor(identity))
    for stop in locked.stops:
        sending.copy_to_cloud(appliance, stop)
    made = MadeLock(
        locked.lock,
        lockouts.sentence(asked.site, queue.lockouts.of(asked.site) or [locked.lock]),
        [views.view_job(row) for row in locked.under_way],
        [views.view_job(row) for row in locked.stops],
        lock_notes.of_name(appliance.desk, queue, asked.site),
    )
    return reply_json(made)


def _locker(desk: Desk) -> Identity | None:
    """Return the identity of staff; None for a caller without a login where none is needed."""
    found = caller.identity(desk)
    if found is None:
        if _needs_no_login(desk):
            return None
        raise Unauthorized("Please log in: a lock needs a login or a token of staff.")
    if not found.is_staff:
        raise Forbidden(STAFF)
    return found


def _needs_no_login(desk: Desk) -> bool:
    """Return True for programs and people on this machine, where the observatory's program needs no token either."""
    return connection.is_local() and caller.is_open(desk)


def _stops(queue: Queue, asked: NewLock, identity: Identity | None) -> list[Command]:
    """Return the stops for all devices of the site, and of the tied sites within the caller's reach."""
    if identity is None:
        raise Unauthorized("Please log in: a stop with the lock needs a login. Lock without stop, and stop by hand.")
    sites = [site for site in lockouts.holding(queue.settings, asked.site) if identity.reaches(site)]
    return [_stop(site, identity) for site in sites]


def _stop(site: str, identity: Identity) -> Command:
    return Command(
        site=site,
        device="all",
        instance="all",
        action="cancel_all_commands",
        user_id=identity.user_id,
        user_name=identity.user_name or identity.user_id,
        user_roles=identity.roles_json,
        required_params="{}",
        optional_params="{}",
        values={},
    )


def post_lock_end(appliance: Appliance, lock_id: str) -> Answer:
    """Give a lock another end: the person of the lock, or an administrator."""
    connection.asks_for(f"lock {lock_id}")
    asked = parse_body(LockEnd)
    lock, actor = _own(appliance, lock_id, asked.name)
    changed = msgspec.structs.replace(lock, until_ms=asked.until_ms, reason=asked.reason or lock.reason)
    return reply_json(locking.change(appliance.queue, changed, actor))


def delete_lock(appliance: Appliance, lock_id: str) -> Answer:
    """End a lock, and list the locks that still hold the site: the person of the lock, or an administrator."""
    connection.asks_for(f"unlock {lock_id}")
    asked = parse_body(LockName, empty=b"{}")
    lock, actor = _own(appliance, lock_id, asked.name)
    left = locking.unlock(appliance.queue, lock.id, actor)
    return reply_json(EndedLock(lock.id, lock.site, lockouts.after_unlock(lock.site, left), left))


def _own(appliance: Appliance, lock_id: str, name: str) -> tuple[Lock, Actor]:
    """Return the lock, and the caller who may end it. Raise NotFound, Forbidden or Unauthorized."""
    identity = caller.identity(appliance.desk)
    if identity is None and not _needs_no_login(appliance.desk):
        raise Unauthorized("Please log in: unlocking needs a login or a token.")
    lock = locking.find(appliance.queue.database, parse_number(lock_id, "There is no open lock with this id."))
    if identity is None and not name.strip():
        raise BadRequest(NAME_ASKED)
    lockouts.require_may_end(identity, name, lock)
    connection.asks_for(f"{lock.site} lock {lock.id}")
    return lock, caller.actor(identity)


ROUTES = [
    Route("GET", LOCK, get_locks, Needs.READER, Locks, query=LocksQuery),
    Route("POST", LOCK, post_lock, Needs.LOCKER, MadeLock, body=NewLock, refuses=(Conflict,)),
    Route("POST", f"{LOCK}/<lock_id>", post_lock_end, Needs.LOCK_OWNER, Lock, body=LockEnd, refuses=(NotFound,)),
    Route("DELETE", f"{LOCK}/<lock_id>", delete_lock, Needs.LOCK_OWNER, EndedLock, body=LockName, refuses=(NotFound,)),
]
