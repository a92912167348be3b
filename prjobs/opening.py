"""The opening of a data folder as an appliance, and the closing."""

import logging
import os
from collections.abc import Callable
from typing import Any

import msgspec

from prjobs.access import anchor, audit_notes, known
from prjobs.access.desk import Desk
from prjobs.access.lockouts import Lockouts
from prjobs.access.provider import Fetch, Provider
from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.deadlines import Deadlines
from prjobs.base.errors import LIBRARY_MISSING, Fault, Unavailable, Unusable
from prjobs.base.failpoints import Failpoints, planned
from prjobs.base.files import reason_of
from prjobs.base.folder import Folder
from prjobs.base.limits import Rate
from prjobs.base.moves import ARRIVING, require_here, require_there
from prjobs.base.settings import Settings
from prjobs.base.ulids import Ulids
from prjobs.cloud.context import Context
from prjobs.jobs import leases, locking, lookup, proofs, repeats, settling, shared_stops
from prjobs.jobs.connections import Connections
from prjobs.jobs.polls import Polls
from prjobs.jobs.queue import Queue
from prjobs.jobs.saved_polls import save_polls
from prjobs.jobs.waiters import Waiters
from prjobs.monitor import alarms, views
from prjobs.monitor.board import new_board
from prjobs.store.common import Common
from prjobs.store.database import Database
from prjobs.store.hub_state import brought_ulid
from prjobs.store.joining import SECRET, digest, require_not_set_back, require_secret, say_new_secret
from prjobs.store.losses import Seen
from prjobs.store.numbers import note_for_older_versions
from prjobs.store.schema import open_database, schema_number
from prjobs.store.source import Store
from prjobs.store.transaction import Transaction

logger = logging.getLogger(__name__)
# Writes that wait for a store in trouble take at most a third of the threads.
SHARE = 3


class Start(msgspec.Struct, frozen=True):
    """The findings of a start."""

    first: bool
    clean: bool
    waiting: int
    picked_up: int
    unconfirmed: int

    @property
    def sentence(self) -> str:
        """The findings in words, after an unclean stop."""
        return (
            f"The last stop was not clean. No answered request is lost: {self.waiting} jobs wait, "
            f"{self.picked_up} were picked up without a report, {self.unconfirmed} more hand-outs are unconfirmed."
        )


def _offline(_url: str, _headers: dict[str, str]) -> Any:
    raise OSError("this process asks no provider")


def _no_upgrade(first: str) -> None:
    raise Unusable(f"The store is of an older version, from before {first}, and this process upgrades no store.")


class Purpose(msgspec.Struct, frozen=True):
    """The purpose of opening a folder. `fetch(url, headers)` gets JSON from the provider of outside users.

    Without `serving` the marks of an unclean stop stay in the store, for the next start of a server to report.
    `before_upgrade(first)` keeps a store of an older version, before the migration `first` changes the store.
    """

    demo: bool = False
    serving: bool = True
    fetch: Fetch = _offline
    before_upgrade: Callable[[str], object] = _no_upgrade
    # The id of this process among those of a hub, and the act once another process is the active one.
    member: str = ""
    on_replaced: Callable[[], object] = lambda: None
    seen: Seen | None = None


SERVING = Purpose()


def require_settings(folder: Folder, settings: Settings, clock: Clock) -> None:
    """Raise Unusable for settings with which no server starts: asked by the server, and by the doctor."""
    planned(os.environ, settings.host)
    if settings.backup_copy:
        folder.require_outside(settings.backup_copy)
        if not settings.backup_keep:
            raise Unusable("backup_copy copies the nightly backups, and backup_keep = 0 makes none: set backup_keep.")
    Provider(folder.path, settings, clock, _offline)
    if settings.cloud_mode != "off":
        # Imported late, as other clients are: the library of HTTP takes ten megabytes, which many sites do not need.
        from prjobs.cloud.transport import open_transport

        open_transport(settings, clock)
    if settings.notify:
        # Imported late: the library of services takes 29 megabytes.
        from prjobs.notify.sending import recipients

        recipients(settings)


def open_appliance(
    folder: Folder, settings: Settings, clock: Clock, purpose: Purpose = SERVING
) -> tuple[Appliance, Start]:
    """Open the folder, whose lock the caller holds. Raises Unusable with a sentence that names the remedy."""
    identity = folder.identity()
    failpoints = planned(os.environ, settings.host)
    if settings.store_url:
        database = _open_hub(settings, purpose)
    else:
        require_store(folder, identity, purpose.demo)
        database = _open_store(folder, failpoints, purpose)
    try:
        return _open(folder, settings, clock, purpose, (database, failpoints, identity))
    except BaseException:
        # A hub's process tries again: the threads and the connections of the store must not stay.
        database.close()
        raise


def _open(
    folder: Folder,
    settings: Settings,
    clock: Clock,
    purpose: Purpose,
    opened: tuple[Database, Failpoints, dict[str, Any]],
) -> tuple[Appliance, Start]:
    database, failpoints, identity = opened
    facts: dict[str, str] = dict(database.fetch("SELECT name, value FROM fact"))
    require_there(identity, facts)
    _require_secret(folder, settings, identity, facts)
    require_identity(folder, settings, identity, facts)
    if settings.store_url:
        require_not_set_back(database, identity)
        say_new_secret(folder, facts)
    secret = folder.secret(clock)
    common = Common(
        folder=folder.path,
        settings=settings,
        clock=clock,
        database=database,
        identity=facts.get("identity") or clock.random_bytes(16).hex(),
        demo=purpose.demo,
        failpoints=failpoints,
    )
    appliance = _put_together(common, secret, Provider(folder.path, settings, clock, purpose.fetch), identity)
    database.start(appliance.queue.waiters.wake, places=settings.threads // SHARE)
    return appliance, _begin(appliance, folder, identity, facts, purpose.serving)


def require_identity(folder: Folder, settings: Settings, identity: dict[str, Any], facts: dict[str, str]) -> None:
    """Raise Unusable for a store that belongs to another folder."""
    if identity.get("identity") not in (None, facts.get("identity")):
        where = "The database of store_url" if settings.store_url else str(folder.database)
        raise Unusable(f"{where} is the store of another appliance. {folder.restore_advice()}")


def _require_secret(folder: Folder, settings: Settings, identity: dict[str, Any], facts: dict[str, str]) -> None:
    if settings.store_url:
        require_secret(folder, identity, facts)
    elif identity and not (folder.path / "secret").exists():
        logger.warning("the secret is missing and is made anew: all older tokens are worthless, make new ones")


def _put_together(common: Common, secret: bytes, provider: Provider, identity: dict[str, Any]) -> Appliance:
    clock, settings, database = common.clock, common.settings, common.database
    desk = Desk(
        **vars(common),
        secret=secret,
        provider=provider,
        wrong_tokens=Rate(clock, settings.login_failures),
        new_jobs=Rate(clock, settings.newjob_rate),
        safe_jobs=Rate(clock, repeats.PER_MINUTE),
        reports=Rate(clock, settings.newjob_rate),
    )
    queue = Queue(
        **vars(common),
        ulids=Ulids(clock, _last_ulid(database, identity, bool(settings.store_url))),
        waiters=Waiters(),
        polls=Polls(clock),
        connections=Connections(),
        expiries=Deadlines(clock),
        leases=Deadlines(clock),
        repeats=Deadlines(clock),
        settling=Deadlines(clock),
        settled=Deadlines(clock),
        lockouts=Lockouts(clock),
        first_seq=database.fetch("SELECT coalesce(max(seq), 0) FROM job")[0][0],
    )
    return Appliance(desk, queue, new_board(queue), Context(queue))


def require_store(folder: Folder, identity: dict[str, Any], demo: bool) -> None:
    """Raise Unusable for a lost file, which would open as an empty queue, and for the mix of a demo and real use."""
    require_here(folder, identity)
    empty = not folder.database.exists() or folder.database.stat().st_size == 0
    if identity and empty:
        raise Unusable(
            f"{folder.database} is missing or empty, but jobs were stored here before. {folder.restore_advice()}"
        )
    if demo and not identity.get("demo", empty):
        raise Unusable(f"{folder.path} holds an observatory's own jobs: choose another folder for the demo by --data.")
    if identity.get("demo") and not demo:
        raise Unusable(f"{folder.path} holds a demo: start it with --demo, or choose another folder by --data.")


def _open_store(folder: Folder, failpoints: Failpoints, purpose: Purpose) -> Database:
    try:
        return open_database(folder.database, failpoints=failpoints, before_upgrade=purpose.before_upgrade)
    except Unusable as unusable:
        if unusable.fault == Fault.DAMAGED:
            raise Unusable(f"{unusable} {folder.restore_advice()}", unusable.fault) from None
        if unusable.fault == Fault.NEWER:
            advice = folder.way_back_advice(int(schema_number()))
            raise Unusable(f"{unusable} {advice}".rstrip(), unusable.fault) from None
        raise


def _open_hub(settings: Settings, purpose: Purpose) -> Database:
    if purpose.demo:
        raise Unusable("A demo has a store of its own: leave store_url empty for --demo.")
    # Imported late: the library of PostgreSQL is an extra, for hubs only.
    try:
        from prjobs.store.hub import open_hub
    except ImportError:
        raise Unusable(LIBRARY_MISSING) from None
    return open_hub(settings.store_url, purpose.member, purpose.on_replaced, purpose.seen)


def _last_ulid(database: Store, identity: dict[str, Any], is_hub: bool) -> str | None:
    known = [database.fetch("SELECT max(ulid) FROM job")[0][0], identity.get("last_ulid")]
    if is_hub:
        known.append(brought_ulid(database.fetch))
    return max(filter(None, known), default=None)


def _begin(
    appliance: Appliance, folder: Folder, identity: dict[str, Any], facts: dict[str, str], serving: bool
) -> Start:
    queue, database = appliance.queue, appliance.queue.database
    secret = digest(appliance.desk.secret) if queue.settings.store_url else ""
    unconfirmed = database.write(_mark_open, queue, serving, secret)
    anchor.save_anchor(appliance.desk, joins=bool(queue.settings.store_url and not identity))
    _say_whose(folder, identity, queue)
    _remember_sites(appliance)
    locking.load(queue)
    if serving:
        alarms.adopt(appliance.board)
        # Without this step the leases of an earlier process would never run out.
        leases.return_once(queue)
        settling.go_on(queue)
        shared_stops.go_on(queue)
    pending = views.count_pending(queue)
    return Start("welcomed" not in facts, facts.get("running") != "yes", unconfirmed=unconfirmed, **pending)


def _remember_sites(appliance: Appliance) -> None:
    """Read the sites with jobs, and the last polls; polls of more invented names than have a place stay unread."""
    database, polls = appliance.queue.database, appliance.queue.polls
    polls.named = known.named_sites(appliance.desk)
    removed = {site for (site,) in database.fetch("SELECT site FROM removed_site")}
    for site in lookup.sites_with_jobs(database):
        if site not in removed:
            polls.know(site)
    for row in database.fetch("SELECT site, queue, last_ms, usual_gap_ms FROM poll ORDER BY last_ms DESC"):
        polls.remember(*row)


def _say_whose(folder: Folder, known: dict[str, Any], common: Common) -> None:
    ours = {**known, "identity": common.identity, "demo": common.demo}
    if ours == known:
        return
    try:
        folder.write_identity(ours)
    except OSError as error:
        raise Unusable(f"{folder.path}: cannot write identity.json: {reason_of(error)}.") from None


def _mark_open(transaction: Transaction, queue: Queue, serving: bool, secret: str) -> int:
    transaction.execute("DELETE FROM fact WHERE name IN ('identity', ?)", (ARRIVING,))
    transaction.execute("INSERT INTO fact (name, value) VALUES ('identity', ?)", (queue.identity,))
    if secret:
        transaction.execute("DELETE FROM fact WHERE name = ?", (SECRET,))
        transaction.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (SECRET, secret))
    if not serving:
        return 0
    transaction.execute("DELETE FROM fact WHERE name = 'running'")
    transaction.execute("INSERT INTO fact (name, value) VALUES ('running', 'yes')")
    return proofs.doubt_all_open(transaction, queue)


def close_appliance(appliance: Appliance, folder: Folder, serving: bool = True) -> bool:
    """Save the state and close the store. Return False if the store could not be closed well and stays marked so.

    The time is limited by the patience of a service manager: another program's lock is not waited for.
    """
    database = appliance.queue.database
    database.hurry()
    try:
        save_polls(appliance.queue, folder)
        audit_notes.settle(appliance.desk)
        if serving:
            alarms.save(appliance.board)
            database.post(_mark_closed, not appliance.queue.settings.store_url)
        well = True
    except Unavailable as unavailable:
        well = False
        logger.warning("the store could not be closed well: %s", unavailable)
    finally:
        closed = database.close()
    return well and closed


def _mark_closed(transaction: Transaction, is_file: bool) -> None:
    if is_file:
        note_for_older_versions(transaction)
    transaction.execute("UPDATE fact SET value = 'no' WHERE name = 'running'")
