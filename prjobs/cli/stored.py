"""The acts of commands on a data folder without a running server: this process opens the store itself.

Each act returns the same JSON as the server's answer. Commands import this module late: with a running server they
need a small part of the program.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from prjobs.access import audit, lockouts, reservations, reserving, tokens
from prjobs.access.lockouts import LockEnd, NewLock
from prjobs.access.reserving import AskedReservation
from prjobs.access.tokens import NewToken
from prjobs.appliance import Appliance
from prjobs.base.clock import Clock
from prjobs.base.decoding import convert
from prjobs.base.errors import Unusable
from prjobs.base.folder import Folder
from prjobs.base.moves import require_here
from prjobs.base.settings_sources import load_settings
from prjobs.cli.acting import acting
from prjobs.cloud import status
from prjobs.jobs import lock_notes, locking, removal
from prjobs.jobs.locking import Asked
from prjobs.monitor import sites, views
from prjobs.night import noting
from prjobs.night.noting import NewNote
from prjobs.opening import Purpose, close_appliance, open_appliance
from prjobs.upkeep.upgrading import keep_older

if TYPE_CHECKING:
    from prjobs.cloud.link import Link

Document = dict[str, Any]


@contextmanager
def own_appliance(folder: Folder, create: bool = True) -> Iterator[Appliance]:
    """Yield the folder opened by this process. Raises Unusable for an empty folder unless `create`."""
    settings, _ = load_settings(folder.path)
    if not settings.store_url:
        require_here(folder, folder.identity())
    if not create and not settings.store_url and not folder.database.exists():
        raise Unusable(f"{folder.path} holds no appliance yet. Start one there with `prjobs serve`.")
    folder.create()
    lock = folder.lock()
    try:
        with acting(settings) if settings.store_url else nullcontext((Clock(), "")) as (clock, member):
            is_demo = bool(folder.identity().get("demo"))
            purpose = Purpose(is_demo, False, before_upgrade=partial(keep_older, folder, clock), member=member)
            appliance, _ = open_appliance(folder, settings, clock, purpose)
            try:
                yield appliance
            finally:
                close_appliance(appliance, folder, serving=False)
    finally:
        lock.release()


# ---- tokens


def create_token(folder: Folder, body: Document) -> Document:
    """Make a token."""
    wanted = convert(body, NewToken)
    with own_appliance(folder) as appliance:
        token, info = tokens.create_token(appliance.desk, wanted, audit.operator())
        return {"token": token, "info": msgspec.to_builtins(info)}


def list_tokens(folder: Folder) -> Document:
    """List the tokens."""
    with own_appliance(folder, create=False) as appliance:
        return {"tokens": msgspec.to_builtins(tokens.list_tokens(appliance.desk))}


def revoke_token(folder: Folder, token_id: str) -> None:
    """Revoke a token."""
    with own_appliance(folder, create=False) as appliance:
        tokens.revoke_token(appliance.desk, token_id, audit.operator())


# ---- reservations


def add_reservation(folder: Folder, body: Document) -> Document:
    """Reserve a site."""
    wanted = convert(body, AskedReservation)
    with own_appliance(folder) as appliance:
        known = appliance.queue.polls.sites()
        added: Document = msgspec.to_builtins(reserving.reserve(appliance.desk, wanted, known, audit.operator()))
        return added


def list_reservations(folder: Folder, site: str | None) -> Document:
    """List the present and coming reservations."""
    with own_appliance(folder, create=False) as appliance:
        found = reservations.list_reservations(appliance.desk, site)
        shown = [reservations.show(appliance.desk.settings, one) for one in found]
        return {"reservations": msgspec.to_builtins(shown)}


def remove_reservation(folder: Folder, reservation_id: int) -> None:
    """Remove a reservation."""
    with own_appliance(folder, create=False) as appliance:
        reserving.remove_reservation(appliance.desk, reservation_id, audit.operator())


# ---- notes


def write_note(folder: Folder, body: Document) -> Document:
    """Write a note in the name of the user at the terminal."""
    wanted = convert(body, NewNote)
    with own_appliance(folder, create=False) as appliance:
        author = audit.operator()
        written: Document = msgspec.to_builtins(noting.write_note(appliance.queue, wanted, author.who, author))
        return written


def strike_note(folder: Folder, number: int) -> None:
    """Strike a note out."""
    with own_appliance(folder, create=False) as appliance:
        noting.strike_note(appliance.queue, number, audit.operator())


# ---- locks


def list_locks(folder: Folder, site: str) -> list[Document]:
    """List the open locks of a site."""
    with own_appliance(folder, create=False) as appliance:
        found: list[Document] = msgspec.to_builtins(appliance.queue.lockouts.of(site))
        return found


def lock(folder: Folder, body: Document) -> Document:
    """Lock a site out, in a folder that holds an appliance: any other folder is no observatory's."""
    with own_appliance(folder, create=False) as appliance:
        wanted, actor = convert(body, NewLock), audit.operator()
        asked = Asked(
            site=wanted.site,
            user_id=actor.who,
            user_name=wanted.name or actor.who,
            reason=wanted.reason,
            until_ms=wanted.until_ms,
        )
        made = locking.lock(appliance.queue, asked, actor)
        return {
            "lock": msgspec.to_builtins(made.lock),
            "sentence": lockouts.sentence(asked.site, appliance.queue.lockouts.of(asked.site)),
            "under_way": [msgspec.to_builtins(views.view_job(row)) for row in made.under_way],
            "stops": [],
            "notes": lock_notes.of_name(appliance.desk, appliance.queue, asked.site),
        }


def change_lock(folder: Folder, lock_id: int, body: Document) -> Document:
    """Give a lock another end."""
    with own_appliance(folder, create=False) as appliance:
        found = locking.find(appliance.queue.database, lock_id)
        wanted = convert(body, LockEnd)
        changed = msgspec.structs.replace(found, until_ms=wanted.until_ms, reason=wanted.reason or found.reason)
        said: Document = msgspec.to_builtins(locking.change(appliance.queue, changed, audit.operator()))
        return said


def unlock(folder: Folder, lock_id: int) -> Document:
    """End a lock."""
    with own_appliance(folder, create=False) as appliance:
        lock = locking.find(appliance.queue.database, lock_id)
        left = locking.unlock(appliance.queue, lock_id, audit.operator())
        return {"site": lock.site, "sentence": lockouts.after_unlock(lock.site, left)}


# ---- sites and the cloud


def list_sites(folder: Folder) -> Document:
    """List the sites."""
    with own_appliance(folder, create=False) as appliance:
        return {"sites": msgspec.to_builtins(sites.list_sites(appliance.board))}


def remove_site(folder: Folder, site: str, force: bool) -> Document:
    """Remove a site."""
    with own_appliance(folder, create=False) as appliance:
        return {"cancelled": removal.remove_site(appliance.queue, site, audit.operator(), force)}


def describe_cloud(folder: Folder) -> Document:
    """Describe the link to the cloud, from the store alone."""
    with own_appliance(folder) as appliance:
        return {"cloud": msgspec.to_builtins(status.describe_store(appliance.cloud))}


class OwnLink:
    """The link to the cloud of a folder opened here."""

    def __init__(self, appliance: Appliance, link: "Link") -> None:
        self._appliance = appliance
        self.finish = link.finish
        self.base_url = appliance.queue.settings.cloud_base_url

    def describe(self) -> Document | None:
        """Describe the link, from the store alone."""
        found: Document | None = msgspec.to_builtins(status.describe_store(self._appliance.cloud))
        return found

    def problems(self) -> list[str]:
        """Return the reasons why the cloud gave or took something not, and the problems of the appliance."""
        memory, notices = self._appliance.cloud.memory, self._appliance.queue.notices
        unread = [f"{site}: {reason}" for site, (_, reason) in memory.unread.items()]
        untaken = [memory.untaken[1]] if memory.untaken else []
        said = [memory.reason, *unread, *untaken, *memory.refused.values()]
        return [one for one in said if one] + [notice.sentence for notice in notices.all() if notice.is_problem]


@contextmanager
def own_link(folder: Folder) -> Iterator[OwnLink | None]:
    """Yield the link to the cloud; None while the link is off."""
    # Imported late: the other acts need no link, nor the library of HTTP.
    from prjobs.cloud.link import open_link

    with own_appliance(folder) as appliance:
        link = open_link(appliance.cloud)
        yield OwnLink(appliance, link) if link else None
