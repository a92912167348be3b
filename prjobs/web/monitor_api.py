"""The appliance's own endpoints under /api/ that only look: what the monitor and the command line ask for."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from bottle import HTTPResponse, request

from prjobs.appliance import Appliance
from prjobs.base import catalogue
from prjobs.base.errors import BadRequest, Forbidden, NotFound
from prjobs.base.ulids import is_ulid
from prjobs.cloud.status import state_of
from prjobs.jobs import log, lookup
from prjobs.jobs.states import PHASES
from prjobs.monitor import alarms, health, sites, views
from prjobs.version import VERSION
from prjobs.web import caller
from prjobs.web.cloud_api import describe_for
from prjobs.web.respond import reply_json
from prjobs.web.wire import MAX_WAIT_S

Handler = Callable[..., HTTPResponse]
JOBS_QUERY = ["site", "since_ms", "until_ms", "phase", "status", "device", "action", "user", "text", "before", "limit"]
NUMBER = re.compile(r"-?\d{1,15}\Z")


def get_healthz(appliance: Appliance) -> HTTPResponse:
    """200 while everything works, 503 with the reasons while something does not. Open to everybody."""
    found = health.examine(appliance.queue)
    said = msgspec.to_builtins(found)
    if appliance.queue.settings.cloud_mode != "off":
        state, sentence = state_of(appliance.cloud)
        said["cloud"] = {"state": state, "sentence": sentence}
    return reply_json(said, status=200 if found.ok else 503)


def get_now(appliance: Appliance) -> HTTPResponse:
    """The state of every site, at one glance."""
    identity = caller.require_reader(appliance)
    reaches = identity.reaches if identity else lambda _site: True
    return reply_json(
        {
            "time_ms": appliance.queue.clock.now_ms(),
            "version": VERSION,
            "seq": log.last_seq(appliance.queue.database),
            "demo": appliance.queue.demo,
            "store": appliance.queue.identity,
            "alarms": alarms.list_alarms(appliance.board, reaches),
            "stations": appliance.queue.settings.stations,
            "user": caller.shown(identity) if identity else None,
            "health": health.examine(appliance.queue),
            "cloud": describe_for(appliance, identity),
            "sites": [site for site in sites.list_sites(appliance.board) if reaches(site.site)],
        }
    )


def get_changes(appliance: Appliance) -> HTTPResponse:
    """The log after `since`; held up to `wait` seconds while there is nothing new."""
    sites = _sites(appliance)
    since = _query_number("since")
    if since is None:
        return reply_json({"seq": log.last_seq(appliance.queue.database), "changes": [], "more": False, "again_s": 0})
    again_s = _wait_for_changes(appliance, since, sites, min(_query_number("wait") or 0, MAX_WAIT_S))
    newest = log.last_seq(appliance.queue.database)
    changes = log.list_changes(appliance.queue.database, since, sites)
    return reply_json(
        {
            "seq": changes[-1].seq if changes else newest,
            "changes": [views.view_change(change) for change in changes],
            "more": len(changes) == log.LIMIT,
            "again_s": again_s,
        }
    )


def _wait_for_changes(appliance: Appliance, since: int, sites: Sequence[str], wait_s: float) -> int:
    """Wait until there is something after `since`. Returns 1 when there was no place to wait: come again then."""
    if wait_s <= 0 or log.has_changes(appliance.queue.database, since, sites):
        return 0
    gone = request.environ["waitress.client_disconnected"]
    with appliance.queue.waiters.waiter(sites[0] if len(sites) == 1 else None) as waiter:
        if waiter is None:
            return 1
        end_s = appliance.queue.clock.elapsed_s() + wait_s
        while not log.has_changes(appliance.queue.database, since, sites) and not appliance.queue.stopping.is_set():
            if not waiter.wait(end_s - appliance.queue.clock.elapsed_s(), gone):
                break
    return 0


def get_jobs(appliance: Appliance) -> HTTPResponse:
    """Jobs that pass the filter, newest first."""
    sites_asked = _sites(appliance)
    _require_known(JOBS_QUERY)
    asked = _filter(sites_asked)
    seq = log.last_seq(appliance.queue.database)
    rows = views.list_jobs(appliance.queue.database, asked)
    return reply_json(
        {
            "seq": seq,
            "time_ms": appliance.queue.clock.now_ms(),
            "jobs": [views.view_job(row) for row in rows],
            "counts": None if asked.before else views.count_phases(appliance.queue.database, asked),
            "next": rows[-1].ulid if len(rows) == asked.limit else None,
        }
    )


def _filter(sites: Sequence[str]) -> views.Filter:
    phases = [phase for phase in (_query_text("phase") or "").split(",") if phase]
    if unknown := set(phases) - set(PHASES):
        raise BadRequest(f"phase must be of {', '.join(PHASES)}; {len(unknown)} other words came.")
    before = _query_text("before")
    if before and not is_ulid(before):
        raise BadRequest("before must be the id of a job, 26 characters.")
    texts = {name: _query_text(name) for name in ("status", "device", "action", "user", "text")}
    limit = _query_number("limit")
    if limit is not None and limit < 1:
        raise BadRequest(f"limit must be a whole number of at least 1, and {views.MAX_LIMIT} is the most that comes.")
    return views.Filter(
        sites=sites,
        since_ms=_query_number("since_ms"),
        until_ms=_query_number("until_ms"),
        phases=phases,
        before=before,
        limit=200 if limit is None else min(limit, views.MAX_LIMIT),
        **texts,
    )


def get_job(appliance: Appliance, ulid: str) -> HTTPResponse:
    """One job with its params and timeline."""
    identity = caller.require_reader(appliance)
    row = lookup.find_job(appliance.queue.database, ulid)
    if identity is not None and not identity.reaches(row.site):
        raise NotFound("There is no job with this ulid at this site.")
    return reply_json(views.view_detail(appliance.queue.database, row))


def _sites(appliance: Appliance) -> Sequence[str]:
    """The site that the query names, else the sites that the token is good for; empty for all."""
    identity = caller.require_reader(appliance)
    site = _query_text("site")
    if site is None:
        return identity.sites if identity else ()
    if identity is not None and not identity.reaches(site):
        raise Forbidden("This token is not for this site.")
    return (site,)


def _require_known(names: Sequence[str]) -> None:
    """A misspelled name would give a list that looks as if it were asked for."""
    if unknown := set(request.query) - set(names):
        raise BadRequest(f"The query may hold {', '.join(names)}; {len(unknown)} other names came.")


def _query_text(name: str) -> str | None:
    """A text of the query; None when it is absent or empty."""
    try:
        # Bottle hands out the bytes as Latin-1.
        return str(request.query.get(name, "")).encode("latin-1").decode() or None
    except UnicodeError:
        raise BadRequest(f"{name} must be a text in UTF-8; other bytes came.") from None


def _query_number(name: str) -> int | None:
    text = _query_text(name)
    if text is None:
        return None
    if not NUMBER.match(text):
        raise BadRequest(f"{name} must be a whole number; something else came.")
    return int(text)


def get_commands(appliance: Appliance) -> HTTPResponse:
    """The catalogue of commands, for a form that sends them."""
    caller.require_reader(appliance)
    return reply_json({"commands": [_command_view(command) for command in catalogue.commands()]})


def _command_view(command: catalogue.Command) -> dict[str, Any]:
    names = ("device", "action", "script", "command_class", "label", "required", "optional", "note")
    return {name: getattr(command, name) for name in names}


# (method, path, handler)
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/healthz", get_healthz),
    ("GET", "/api/now", get_now),
    ("GET", "/api/changes", get_changes),
    ("GET", "/api/jobs", get_jobs),
    ("GET", "/api/jobs/<ulid>", get_job),
    ("GET", "/api/commands", get_commands),
]
