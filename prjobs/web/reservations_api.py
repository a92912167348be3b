"""Reservations under /api/, and the question whether one may command."""

import logging
from collections.abc import Callable

import msgspec
from bottle import HTTPResponse, request

from prjobs.access import audit, reservations, rights
from prjobs.access.identity import Identity
from prjobs.access.reservations import NewReservation
from prjobs.appliance import Appliance
from prjobs.base import catalogue
from prjobs.base.decoding import convert, parse_object
from prjobs.base.errors import Forbidden, NotFound
from prjobs.base.fields import Instance, Site
from prjobs.web import caller
from prjobs.web.respond import reply_json

logger = logging.getLogger(__name__)
Handler = Callable[..., HTTPResponse]


class MayQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/may."""

    site: Site
    device: Instance = ""
    action: Instance = ""


def get_reservations(appliance: Appliance) -> HTTPResponse:
    """Reservations that are on or to come, and the mode that says whether they count."""
    identity = caller.require_reader(appliance)
    found = reservations.list_reservations(appliance.desk, request.query.get("site") or None)
    return reply_json(
        {
            "time_ms": appliance.queue.clock.now_ms(),
            "mode": appliance.queue.settings.reservations,
            "reservations": [one for one in found if identity is None or identity.reaches(one.site)],
        }
    )


def post_reservation(appliance: Appliance) -> HTTPResponse:
    """Reserve a site for a user: admins and owners."""
    identity = _staff(appliance)
    asked = parse_object(caller.read_body(), NewReservation)
    _require_site(identity, asked.site)
    added = reservations.add_reservation(appliance.desk, asked, audit.actor_of(identity, caller.peer()))
    logger.info("reservation %s of %s for %s by %s", added.id, added.site, added.creator_id, identity.user_id)
    return reply_json(added)


def delete_reservation(appliance: Appliance, reservation_id: str) -> HTTPResponse:
    """Remove a reservation that was made here: admins and owners."""
    identity = _staff(appliance)
    number = _number(reservation_id)
    _require_site(identity, reservations.find_reservation(appliance.desk, number).site)
    reservations.remove_reservation(appliance.desk, number, audit.actor_of(identity, caller.peer()))
    logger.info("reservation %s removed by %s", number, identity.user_id)
    return reply_json({"removed": number})


def get_may(appliance: Appliance) -> HTTPResponse:
    """Whether the caller may command a site now, and why; for one command when device and action are given."""
    identity = caller.require_identity(appliance)
    query = {name: request.query.get(name) for name in MayQuery.__struct_fields__}
    asked = convert({name: text for name, text in query.items() if text is not None}, MayQuery)
    command_class = catalogue.command_class(asked.device, asked.action, {}) if asked.action else ""
    judged = rights.may_command(appliance.desk, identity, asked.site, command_class)
    return reply_json({"may": judged.allowed, "why": judged.sentence, "basis": judged.basis, "holders": judged.holders})


def _staff(appliance: Appliance) -> Identity:
    identity = caller.require_identity(appliance)
    if not identity.is_staff:
        raise Forbidden("Only an administrator or an owner may do this.")
    return identity


def _require_site(identity: Identity, site: str) -> None:
    if not identity.reaches(site):
        raise Forbidden("This token is not for this site.")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise NotFound("There is no reservation with this id.")
    return int(text)


# (method, path, handler) of every route here.
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/api/reservations", get_reservations),
    ("POST", "/api/reservations", post_reservation),
    ("DELETE", "/api/reservations/<reservation_id>", delete_reservation),
    ("GET", "/api/may", get_may),
]
