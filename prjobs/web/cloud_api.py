"""The cloud link under /api/cloud: how it is, what becomes of parked statuses, and older jobs that are taken in."""

import logging
from collections.abc import Callable
from typing import Annotated

import msgspec
from bottle import HTTPResponse
from msgspec import Meta

from prjobs.appliance import Appliance
from prjobs.cloud import older, status
from prjobs.decoding import parse_object
from prjobs.errors import Forbidden
from prjobs.identity import Identity
from prjobs.web import caller
from prjobs.web.respond import reply_json

logger = logging.getLogger(__name__)


def get_cloud(appliance: Appliance) -> HTTPResponse:
    """How the cloud link is; null while it is off."""
    caller.require_reader(appliance)
    return reply_json({"cloud": status.describe(appliance)})


def post_retry(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Send a parked status to the cloud again."""
    return _decide(appliance, ulid, give_up=False)


class Import(msgspec.Struct, frozen=True):
    """The body of POST /api/cloud/import. Without `take` the jobs are only listed."""

    since_ms: Annotated[int, Meta(ge=0, le=2**47, description="a time in Unix milliseconds")]
    sites: Annotated[list[str], Meta(max_length=1000, description="a list of sites; empty: all of cloud_sites")] = []
    take: Annotated[bool, Meta(description="true or false")] = False


def post_import(appliance: Appliance) -> HTTPResponse:
    """List the jobs that wait in the cloud since before the first look, or take them in: staff."""
    identity = _require_staff(appliance, "Only staff may take in older jobs of the cloud.")
    asked = parse_object(caller.read_body(), Import)
    view = older.ask(appliance, asked.since_ms, asked.sites, asked.take)
    if asked.take:
        logger.info("import of the cloud's jobs since %d by %s", asked.since_ms, identity.user_id)
    return reply_json({"import": view})


def get_import(appliance: Appliance) -> HTTPResponse:
    """How far that is, and which jobs were found; null when nobody asked."""
    _require_staff(appliance, "Only staff may look at older jobs of the cloud.")
    asked = appliance.contact.older
    return reply_json({"import": asked.view() if asked else None})


def post_giveup(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Leave the cloud with the status that it has of a job."""
    return _decide(appliance, ulid, give_up=True)


def _decide(appliance: Appliance, ulid: str, give_up: bool) -> HTTPResponse:
    _require_staff(appliance, "Only staff may decide about parked statuses.")
    status.decide_parked(appliance, ulid, give_up)
    return reply_json({"cloud": status.describe(appliance)})


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
