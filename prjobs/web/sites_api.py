"""The sites under /api/: the rows of the table of many sites, and the removal of a site."""

import logging
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from prjobs.appliance import Appliance
from prjobs.base.errors import Conflict
from prjobs.jobs import removal
from prjobs.monitor import site_rows
from prjobs.monitor.site_rows import SiteRow
from prjobs.web import caller
from prjobs.web.answers import RemovedSite
from prjobs.web.endpoint import Answer, Needs, Route, parse_query, reply_json, require_names

logger = logging.getLogger(__name__)


class SitesQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/sites."""

    since: Annotated[str, Meta(max_length=64, description="the `mark` of an earlier answer, up to 64 characters")] = ""


class SiteTable(msgspec.Struct, frozen=True):
    """The rows of the sites that the caller may see, by name: all if `whole`, else those changed since the mark."""

    time_ms: Annotated[int, Meta(description="The time of the answer.")]
    mark: Annotated[str, Meta(description="What the next request gives as `since`.")]
    whole: Annotated[bool, Meta(description="True if the answer has every row: forget all others.")]
    sites: Annotated[list[SiteRow], Meta(description="The rows.")]
    gone: Annotated[list[str], Meta(description="The sites that were removed since the mark.")]


class RemovalQuery(msgspec.Struct, frozen=True):
    """The query of DELETE /api/sites/SITE."""

    force: str = ""


def get_sites(appliance: Appliance) -> Answer:
    """Return a row for each site, for a table of many sites; with `since` the rows that changed."""
    identity = caller.require_reader(appliance.desk)
    since = parse_query(SitesQuery).since
    feed = site_rows.refreshed(appliance.board)
    found = feed.since(since, caller.reach(identity), identity.sites if identity else ())
    rows = cast(list[SiteRow], found.rows)
    return reply_json(SiteTable(appliance.queue.clock.now_ms(), found.mark, found.is_whole, rows, found.gone))


def delete_site(appliance: Appliance, site: str) -> Answer:
    """Remove a site that does not poll, as after a typing error; `force=1` cancels what waits there: administrators."""
    identity = caller.require_admin(appliance.desk)
    caller.require_site(identity, site)
    require_names(RemovalQuery)
    force = parse_query(RemovalQuery).force == "1"
    cancelled = removal.remove_site(appliance.queue, site, caller.actor(identity), force)
    logger.info("site removed by %s: %s, %s jobs cancelled", identity.user_id, site, cancelled)
    return reply_json(RemovedSite(site, cancelled))


ROUTES = [
    Route("GET", "/api/sites", get_sites, Needs.READER, SiteTable, query=SitesQuery),
    Route(
        "DELETE", "/api/sites/<site>", delete_site, Needs.ADMIN, RemovedSite, query=RemovalQuery, refuses=(Conflict,)
    ),
]
