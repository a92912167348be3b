"""Reservations under /api/."""

import logging

import msgspec

from prjobs.access import reservations, reserving
from prjobs.access.reserving import AskedReservation, Reserved
from prjobs.appliance import Appliance
from prjobs.base.errors import Conflict, UnknownName
from prjobs.web import caller
from prjobs.web.answers import RemovedReservation, Reservations
from prjobs.web.endpoint import Answer, Needs, Route, parse_body, parse_number, parse_query, reply_json

logger = logging.getLogger(__name__)


class ReservationsQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/reservations."""

    site: str | None = None


def get_reservations(appliance: Appliance) -> Answer:
    """List the reservations that are on or to come, and the mode that says whether reservations count."""
    identity = caller.require_reader(appliance.desk)
    settings = appliance.desk.settings
    found = reservations.list_reservations(appliance.desk, parse_query(ReservationsQuery).site)
    seen = [one for one in found if identity is None or identity.reaches(one.site)]
    return reply_json(
        Reservations(
            time_ms=appliance.desk.clock.now_ms(),
            mode=settings.reservations,
            reservations=[reservations.show(settings, one) for one in seen],
        )
    )


def post_reservation(appliance: Appliance) -> Answer:
    """Reserve a site for a user, and note overlaps: admins and owners; `force` also for an unknown user or site."""
    identity = caller.require_staff(appliance.desk)
    asked = parse_body(AskedReservation)
    caller.require_site(identity, asked.site)
    added = reserving.reserve(appliance.desk, asked, appliance.queue.polls.sites(), caller.actor(identity))
    logger.info("reservation %s of %s for %s by %s", added.id, added.site, added.creator_id, identity.user_id)
    return reply_json(added)


def delete_reservation(appliance: Appliance, reservation_id: str) -> Answer:
    """Remove a reservation that was made here: admins and owners."""
    identity = caller.require_staff(appliance.desk)
    number = parse_number(reservation_id, "There is no reservation with this id.")
    caller.require_site(identity, reservations.find_reservation(appliance.desk, number).site)
    reserving.remove_reservation(appliance.desk, number, caller.actor(identity))
    logger.info("reservation %s removed by %s", number, identity.user_id)
    return reply_json(RemovedReservation(number))


ROUTES = [
    Route("GET", "/api/reservations", get_reservations, Needs.READER, Reservations, query=ReservationsQuery),
    Route(
        "POST",
        "/api/reservations",
        post_reservation,
        Needs.STAFF,
        Reserved,
        body=AskedReservation,
        refuses=(UnknownName, Conflict),
    ),
    Route(
        "DELETE",
        "/api/reservations/<reservation_id>",
        delete_reservation,
        Needs.STAFF,
        RemovedReservation,
        refuses=(Conflict,),
    ),
]
