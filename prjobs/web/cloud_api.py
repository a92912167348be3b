"""The link to the cloud under /api/cloud: state, parked statuses, and the import of older jobs."""

import logging
from typing import Annotated

import msgspec
from msgspec import Meta

from prjobs.access import audit
from prjobs.access.identity import Identity
from prjobs.appliance import Appliance
from prjobs.base.errors import Conflict, Forbidden
from prjobs.cloud import backlog, status
from prjobs.jobs import lookup
from prjobs.web import audited_acts, caller
from prjobs.web.answers import CloudAnswer, ImportAnswer
from prjobs.web.endpoint import Answer, Needs, Route, parse_body, reply_json

logger = logging.getLogger(__name__)


def get_cloud(appliance: Appliance) -> Answer:
    """Return the state of the link to the cloud; null while the link is off."""
    return reply_json(CloudAnswer(status.describe_for(appliance.cloud, caller.require_reader(appliance.desk))))


def post_retry(appliance: Appliance, ulid: str) -> Answer:
    """Send a parked status to the cloud again: staff."""
    return _decide(appliance, ulid, give_up=False)


class Import(msgspec.Struct, frozen=True):
    """The body of POST /api/cloud/import. Without `take` the jobs are only listed."""

    since_ms: Annotated[int, Meta(ge=0, le=2**47, description="a time in Unix milliseconds")]
    sites: Annotated[
        list[str], Meta(max_length=1000, description="a list of sites; empty: all that the caller reaches")
    ] = []
    take: Annotated[bool, Meta(description="true or false")] = False


def post_import(appliance: Appliance) -> Answer:
    """List the jobs that wait in the cloud since before the first reading, or import the list: staff."""
    identity = caller.require_staff(appliance.desk, "Only staff may take in older jobs of the cloud.")
    asked = parse_body(Import)
    sites, memory = _sites_within(appliance, identity, asked.sites), appliance.cloud.memory
    begun = backlog.begin(appliance.queue.settings, memory.backlog, asked.since_ms, sites, asked.take)
    memory.backlog = begun
    if asked.take:
        logger.info("import of the cloud's jobs since %d by %s", asked.since_ms, identity.user_id)
        audited_acts.note_act(appliance.desk, identity, audit.CLOUD_IMPORT, " ".join(sites), str(asked.since_ms))
    return reply_json(ImportAnswer(begun.view()))


def _sites_within(appliance: Appliance, identity: Identity, sites: list[str]) -> list[str]:
    """Return the sites named, else all of the link that the token reaches. Raises Forbidden for other sites."""
    within = sites or [site for site in appliance.queue.settings.cloud_sites if identity.reaches(site)]
    if not identity.covers(within):
        raise Forbidden("This token is not for these sites.")
    return within


def get_import(appliance: Appliance) -> Answer:
    """Return the progress of the import and the jobs found; null when none was asked for within the caller's sites."""
    identity = caller.require_staff(appliance.desk, "Only staff may look at older jobs of the cloud.")
    asked = appliance.cloud.memory.backlog
    return reply_json(ImportAnswer(asked.view() if asked and identity.covers(asked.sites) else None))


def post_giveup(appliance: Appliance, ulid: str) -> Answer:
    """Leave the cloud with the status that the cloud has of a job: staff."""
    return _decide(appliance, ulid, give_up=True)


def _decide(appliance: Appliance, ulid: str, give_up: bool) -> Answer:
    identity = caller.require_staff(appliance.desk, "Only staff may decide about parked statuses.")
    caller.require_site(identity, lookup.find_job(appliance.queue.database, ulid).site)
    status.decide_parked(appliance.cloud, ulid, give_up)
    audited_acts.note_act(appliance.desk, identity, audit.CLOUD_STATUS, ulid, "given up" if give_up else "sent again")
    return reply_json(CloudAnswer(status.describe_for(appliance.cloud, identity)))


ROUTES = [
    Route("GET", "/api/cloud", get_cloud, Needs.READER, CloudAnswer),
    Route("GET", "/api/cloud/import", get_import, Needs.STAFF, ImportAnswer),
    Route("POST", "/api/cloud/import", post_import, Needs.STAFF, ImportAnswer, body=Import, refuses=(Conflict,)),
    Route("POST", "/api/cloud/parked/<ulid>/retry", post_retry, Needs.STAFF, CloudAnswer),
    Route("POST", "/api/cloud/parked/<ulid>/giveup", post_giveup, Needs.STAFF, CloudAnswer),
]
