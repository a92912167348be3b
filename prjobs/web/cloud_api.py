"""The cloud link under /api/cloud: how it is, and what becomes of parked statuses."""

from collections.abc import Callable

from bottle import HTTPResponse

from prjobs.appliance import Appliance
from prjobs.cloud import status
from prjobs.errors import Forbidden
from prjobs.web import caller
from prjobs.web.respond import reply_json


def get_cloud(appliance: Appliance) -> HTTPResponse:
    """How the cloud link is; null while it is off."""
    caller.require_reader(appliance)
    return reply_json({"cloud": status.describe(appliance)})


def post_retry(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Send a parked status to the cloud again."""
    return _decide(appliance, ulid, give_up=False)


def post_giveup(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Leave the cloud with the status that it has of a job."""
    return _decide(appliance, ulid, give_up=True)


def _decide(appliance: Appliance, ulid: str, give_up: bool) -> HTTPResponse:
    if not caller.require_identity(appliance).is_staff:
        raise Forbidden("Only staff may decide about parked statuses.")
    status.decide_parked(appliance, ulid, give_up)
    return reply_json({"cloud": status.describe(appliance)})


ROUTES: list[tuple[str, str, Callable[..., HTTPResponse]]] = [
    ("GET", "/api/cloud", get_cloud),
    ("POST", "/api/cloud/parked/<ulid>/retry", post_retry),
    ("POST", "/api/cloud/parked/<ulid>/giveup", post_giveup),
]
