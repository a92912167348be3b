"""Jobs under /api/: listed, looked at, cancelled, closed and sent again; and the catalogue of commands."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Annotated

import msgspec
from msgspec import Meta

from prjobs.access import rights
from prjobs.appliance import Appliance
from prjobs.base import catalogue
from prjobs.base.errors import BadRequest, Conflict, DiskFull, Forbidden, LockedOut, NotFound, TooLarge, TooMany
from prjobs.base.parameters import limits_of, range_words
from prjobs.base.ulids import is_ulid
from prjobs.jobs import log, lookup, withdrawals
from prjobs.jobs.states import PHASES, phase_of
from prjobs.monitor import views
from prjobs.monitor.command_notes import Draft, notes_on
from prjobs.web import caller, connection, sending, wire
from prjobs.web.answers import Commands, CommandView, JobsPage, Notes
from prjobs.web.endpoint import (
    Answer,
    Needs,
    Route,
    Whole,
    in_page,
    parse_body,
    parse_query,
    reply_json,
    require_names,
)
from prjobs.web.few import Few

logger = logging.getLogger(__name__)
DEFAULT_LIMIT = 200
# The conditions for which SQLite reads every job of the time asked for.
SEARCHED = ("status", "device", "action", "user", "text")
MAX_TEXT = 100
LIMIT_SAID = f"a whole number of at least 1, and {views.MAX_LIMIT} is the most that comes"
SEARCHES = Few(2, "Two searches are running: ask again in a few seconds.")


Word = Annotated[str, Meta(max_length=MAX_TEXT, description=f"a text of up to {MAX_TEXT} characters")]


class JobsQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/jobs."""

    site: str | None = None
    since_ms: Whole | None = None
    until_ms: Whole | None = None
    phase: str = ""
    status: Word | None = None
    device: Word | None = None
    action: Word | None = None
    user: Word | None = None
    text: Word | None = None
    before: str | None = None
    limit: Annotated[int, Meta(ge=1, le=10**15, description=LIMIT_SAID)] = DEFAULT_LIMIT


class GivenReason(msgspec.Struct, frozen=True):
    """The body of POST /api/jobs/ULID/cancel and close."""

    reason: Annotated[str, Meta(max_length=500, description="a text of up to 500 characters")] = ""


def get_jobs(appliance: Appliance) -> Answer:
    """List the jobs that pass the filter, newest first."""
    sites_asked = caller.sites_asked(appliance.desk)
    require_names(JobsQuery)
    asked = _filter(sites_asked)
    with SEARCHES.place() if any(getattr(asked, name) for name in SEARCHED) else nullcontext():
        return _list(appliance, asked)


def _list(appliance: Appliance, asked: views.Filter) -> Answer:
    database = appliance.queue.database
    seq = log.last_seq(database)
    rows, next_before = views.list_jobs(database, asked)
    page = in_page(map(views.view_job, rows))
    return reply_json(
        JobsPage(
            seq=seq,
            time_ms=appliance.queue.clock.now_ms(),
            jobs=page,
            counts=None if asked.before else views.count_phases(database, asked),
            next=rows[len(page) - 1].ulid if len(page) < len(rows) else next_before,
        )
    )


def _filter(sites: Sequence[str]) -> views.Filter:
    asked = parse_query(JobsQuery)
    phases = [phase for phase in asked.phase.split(",") if phase]
    if unknown := set(phases) - set(PHASES):
        raise BadRequest(f"phase must be of {', '.join(PHASES)}; {len(unknown)} other words came.")
    if asked.before and not is_ulid(asked.before):
        raise BadRequest("before must be the id of a job, 26 characters.")
    return views.Filter(
        sites=sites,
        since_ms=asked.since_ms,
        until_ms=asked.until_ms,
        phases=phases,
        before=asked.before,
        limit=min(asked.limit, views.MAX_LIMIT),
        **{name: getattr(asked, name) for name in SEARCHED},
    )


def get_job(appliance: Appliance, ulid: str) -> Answer:
    """Return one job with params and timeline."""
    identity = caller.require_reader(appliance.desk)
    row = lookup.find_job(appliance.queue.database, ulid)
    if identity is not None and not identity.reaches(row.site):
        raise NotFound("There is no job with this ulid at this site.")
    return reply_json(views.view_detail(appliance.queue.database, row))


def post_cancel(appliance: Appliance, ulid: str) -> Answer:
    """Cancel one waiting job: staff, or the user who sent the job."""
    identity = caller.require_identity(appliance.desk)
    reason = parse_body(GivenReason, empty=b"{}").reason
    row = lookup.find_job(appliance.queue.database, ulid)
    if not rights.may_cancel(identity, row.site, row.user_id):
        raise Forbidden("Only staff or the user who sent a job may cancel the job.")
    sending.require_cancel_pace(appliance.desk, identity, row)
    row = withdrawals.cancel_job(appliance.queue, ulid, caller.actor(identity), reason)
    logger.info("cancel %s %s by %s", row.site, ulid, identity.user_id)
    return reply_json(views.view_job(row))


def post_close(appliance: Appliance, ulid: str) -> Answer:
    """Close a job on which no report comes any more: staff, with a reason; administrators also what still waits."""
    identity = caller.require_identity(appliance.desk)
    reason = parse_body(GivenReason, empty=b"{}").reason
    row = lookup.find_job(appliance.queue.database, ulid)
    if not (identity.is_staff and identity.reaches(row.site)):
        raise Forbidden("Only staff may close a job.")
    if not reason.strip():
        raise BadRequest("reason must say why the job is closed; an empty text came.")
    is_cancelled = identity.is_admin and phase_of(row.status) == "waiting"
    end = withdrawals.cancel_job if is_cancelled else withdrawals.close_job
    row = end(appliance.queue, ulid, caller.actor(identity), reason)
    logger.info("close %s %s by %s", row.site, ulid, identity.user_id)
    return reply_json(views.view_job(row))


def post_again(appliance: Appliance, ulid: str) -> Answer:
    """Send a job again, as a new job in the caller's own name, checked as newjob is."""
    desk = appliance.desk
    connection.asks_for(f"{ulid} again")
    identity = caller.require_identity(desk)
    rights.require_commander(identity)
    old = lookup.find_job(appliance.queue.database, ulid)
    caller.require_site(identity, old.site)
    command = wire.parse_again(old, identity, sending.idempotency_key())
    judged = rights.require_rights(desk, identity, command.site, command.user_id, command.command_class)
    sent = sending.send(appliance, identity, command, judged)
    return reply_json(views.view_job(sent.row), X_Prjobs_Reservations=sent.basis, X_Prjobs_Note=sent.note)


def get_commands(appliance: Appliance) -> Answer:
    """Return the catalogue of commands, for a form that sends commands."""
    caller.require_reader(appliance.desk)
    return reply_json(Commands([_command_view(command) for command in catalogue.commands()]))


def _command_view(command: catalogue.Command) -> CommandView:
    given = {name: getattr(command, name) for name in CommandView.__struct_fields__ if name != "ranges"}
    return CommandView(**given, ranges={name: range_words(limit) for name, limit in limits_of(command.limits).items()})


def post_command_notes(appliance: Appliance) -> Answer:
    """Return notes on a command that somebody is typing: odd values, likely misspellings, what the site never had."""
    identity = caller.require_reader(appliance.desk)
    draft = parse_body(Draft)
    caller.require_site(identity, draft.site)
    return reply_json(Notes(notes_on(appliance.queue.database, draft)))


COMMAND = (Conflict, LockedOut, TooMany, TooLarge, DiskFull)
ROUTES = [
    Route("GET", "/api/jobs", get_jobs, Needs.READER, JobsPage, query=JobsQuery, refuses=(TooMany,)),
    Route("GET", "/api/jobs/<ulid>", get_job, Needs.READER, views.JobDetail),
    Route(
        "POST",
        "/api/jobs/<ulid>/cancel",
        post_cancel,
        Needs.USER,
        views.JobView,
        body=GivenReason,
        refuses=(Conflict, TooMany),
    ),
    Route(
        "POST",
        "/api/jobs/<ulid>/again",
        post_again,
        Needs.COMMANDER,
        views.JobView,
        refuses=COMMAND,
        sends=("Idempotency-Key",),
        headers=sending.HEADERS,
    ),
    Route(
        "POST", "/api/jobs/<ulid>/close", post_close, Needs.STAFF, views.JobView, body=GivenReason, refuses=(Conflict,)
    ),
    Route("GET", "/api/commands", get_commands, Needs.READER, Commands),
    Route("POST", "/api/commands/notes", post_command_notes, Needs.READER, Notes, body=Draft),
]
