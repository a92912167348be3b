"""The cloud link under /api/cloud: how it is, what becomes of parked statuses, and older jobs that are taken in."""

import logging
from collections.abc import Callable
from typing import Annotated

import msgspec
from bottle import HTTPResponse
from msgspec import Meta

from prjobs.access.identity import Identity
from prjobs.appliance import Appliance
from prjobs.base.decoding import parse_object
from prjobs.base.errors import Forbidden
from prjobs.cloud import older, status
from prjobs.cloud.status import CloudStatus
from prjobs.jobs import lookup
from prjobs.web import caller
from prjobs.web.respond import reply_json

logger = logging.getLogger(__name__)


def get_cloud(appliance: Appliance) -> HTTPResponse:
    """How the cloud link is; null while it is off."""
    return reply_json({"cloud": describe_for(appliance, caller.require_reader(appliance))})


def describe_for(appliance: Appliance, identity: Identity | None) -> CloudStatus | None:
    """How the link is, with the sites and the parked statuses that the caller's token is good for."""
    found = status.describe(appliance.cloud)
    if found is None or identity is None:
        return found
    return msgspec.structs.replace(
        found,
        sites=[one for one in found.sites if identity.reaches(one.site)],
        parked=[one for one in found.parked if identity.reaches(one.site)],
    )


def post_retry(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Send a parked status to the cloud again."""
    return _decide(appliance, ulid, give_up=False)


class Import(msgspec.Struct, frozen=True):
    """The body of POST /api/cloud/import. Without `take` the jobs are only listed."""

    since_ms: Annotated[int, Meta(ge=0, le=2**47, description="a time in Unix milliseconds")]
    sites: Annotated[
        list[str], Meta(max_length=1000, description="a list of sites; empty: all that the caller reaches")
    ] = []
    take: Annotated[bool, Meta(description="true or false")] = False


def post_import(appliance: Appliance) -> HTTPResponse:
    """List the jobs that wait in the cloud since before the first look, or take them in: staff."""
    identity = _require_staff(appliance, "Only staff may take in older jobs of the cloud.")
    asked = parse_object(caller.read_body(), Import)
    view = older.ask(appliance.cloud, asked.since_ms, _sites_within(appliance, identity, asked.sites), asked.take)
    if asked.take:
        logger.info("import of the cloud's jobs since %d by %s", asked.since_ms, identity.user_id)
    return reply_json({"import": view})


def _sites_within(appliance: Appliance, identity: Identity, sites: list[str]) -> list[str]:
    """The sites named, else all of the link that the token is good for. Forbidden beyond them."""
    within = sites or [site for site in appliance.queue.settings.cloud_sites if identity.reaches(site)]
    if not identity.covers(within):
        raise Forbidden("This token is not for these sites.")
    return within


def get_import(appliance: Appliance) -> HTTPResponse:
    """How far that is, and which jobs were found; null when nobody asked, or for more than the caller reaches."""
    identity = _require_staff(appliance, "Only staff may look at older jobs of the cloud.")
    asked = appliance.cloud.contact.older
    return reply_json({"import": asked.view() if asked and identity.covers(asked.sites) else None})


def post_giveup(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Leave the cloud with the status that it has of a job."""
    return _decide(appliance, ulid, give_up=True)


def _decide(appliance: Appliance, ulid: str, give_up: bool) -> HTTPResponse:
    identity = _require_staff(appliance, "Only staff may decide about parked statuses.")
    if not identity.reaches(lookup.find_job(appliance.queue.database, ulid).site):
        raise Forbidden("This token is not for this site.")
    status.decide_parked(appliance.cloud, ulid, give_up)
    return reply_json({"cloud": describe_for(appliance, identity)})


def _require_staff(appliance: Appliance, sentence: str) -> Identity:
    identity = caller.require_identity(appliance)
    if not identity.is_staff:
        raise Forbidden(sentence)
    return identity


ROUTES: list[tuple[str, str, Callable[..., HTTPResponse]]] = [
    ("GET", "/api/cloud", get_cloud),
    ("GET", "/api/cloud/import", get_import),
    ("POST", "/api/cloud/import", post_import),
    ("POST", "/api/cloud/parked/<ulid>/retry", post_retry),
    ("POST", "/api/cloud/parked/<ulid>/giveup", post_giveup),
]
