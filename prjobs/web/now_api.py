"""The state of the appliance and its sites under /api/: now."""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from prjobs.access.identity import User
from prjobs.access.lockouts import ShownLock
from prjobs.appliance import Appliance
from prjobs.base.sites import stations
from prjobs.cloud.status import CloudStatus, describe_for
from prjobs.jobs import log
from prjobs.monitor import alarms, health, makings, sites
from prjobs.monitor.alarms import AlarmView
from prjobs.monitor.board import Board
from prjobs.monitor.health import Health
from prjobs.monitor.rules import MANY_SITES, Rules, rules_of
from prjobs.monitor.sites import SiteView
from prjobs.version import VERSION
from prjobs.web import caller
from prjobs.web.endpoint import Answer, Needs, Route, parse_query, reply_json
from prjobs.web.pages import build_name


class Now(msgspec.Struct, frozen=True):
    """The state of every site that the caller may see, or of those asked for; `site_count` counts all."""

    time_ms: int
    version: str
    build: str
    seq: int
    demo: bool
    store: str
    alarms: list[AlarmView] | None
    alarms_mark: str
    rules: Rules
    user: User | None
    make_safe: list[makings.MakingView]
    locks: list[ShownLock]
    health: Health
    cloud: CloudStatus | None
    site_count: int
    sites: list[SiteView]


class NowQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/now: `site` has up to 20 names with commas between them."""

    sites: Annotated[
        Literal["all", "few", "named"],
        Meta(
            description="all: every site; named: those of `site` alone; few: every site up to 20 sites, else those of "
            "`site` alone"
        ),
    ] = "all"
    alarms: Annotated[
        str,
        Meta(
            max_length=64,
            description="the `alarms_mark` of an earlier answer, up to 64 characters: the alarms are null while they "
            "are the same",
        ),
    ] = ""
    site: (
        Annotated[
            str,
            Meta(
                pattern=r"^[A-Za-z0-9_-]{1,64}(,[A-Za-z0-9_-]{1,64}){0,19}$(?!\n)",
                description="up to 20 sites with commas between them; unknown ones are left out",
            ),
        ]
        | None
    ) = None


def get_now(appliance: Appliance) -> Answer:
    """Return the state of every site, or of the sites asked for."""
    identity = caller.require_reader(appliance.desk)
    asked = parse_query(NowQuery)
    reaches = caller.reach(identity)
    queue = appliance.queue
    mark = alarms.mark_of(appliance.board, identity.sites if identity else ())
    names = list(filter(reaches, sites.names(appliance.board)))
    return reply_json(
        Now(
            time_ms=queue.clock.now_ms(),
            version=VERSION,
            build=build_name(),
            seq=log.last_seq(queue.database),
            demo=queue.demo,
            store=queue.identity,
            alarms=None if asked.alarms == mark else alarms.list_texts(appliance.board, reaches),
            alarms_mark=mark,
            rules=rules_of(stations(queue.settings), reaches),
            user=caller.shown(identity) if identity else None,
            make_safe=[one for one in makings.list_makings(queue) if reaches(one.site)],
            locks=queue.lockouts.shown_to(reaches),
            health=health.examine(queue, reaches),
            cloud=describe_for(appliance.cloud, identity),
            site_count=len(names),
            sites=_sites_asked(appliance.board, asked, names, reaches),
        )
    )


def _sites_asked(board: Board, asked: NowQuery, names: list[str], reaches: Callable[[str], bool]) -> list[SiteView]:
    if asked.sites == "all":
        return sites.list_texts(board, reaches)
    if asked.sites == "few" and len(names) <= MANY_SITES:
        return sites.list_named(board, names)
    return sites.list_named(board, filter(reaches, (asked.site or "").split(",")))


ROUTES = [Route("GET", "/api/now", get_now, Needs.READER, Now, query=NowQuery)]
