"""The five endpoints of the wire contract, under every path that deployed programs use."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from bottle import request

from prjobs.access import audit, rights
from prjobs.appliance import Appliance
from prjobs.base.errors import Conflict, DiskFull, LockedOut, NotFound, Refused, TooMany
from prjobs.jobs import handouts, lookup, proofs, refused_polls, reports
from prjobs.jobs.queue import Queue
from prjobs.jobs.recent_polls import NotedPoll
from prjobs.jobs.requests import PollRequest, StatusUpdate
from prjobs.store.models import JobRow
from prjobs.web import audited_acts, caller, connection, poll_refusals, sending, wire
from prjobs.web.endpoint import IMPORTANT, Answer, Handler, Needs, Route, read_body, reply, reply_in_pieces
from prjobs.web.holding import Parked, hold, kept

logger = logging.getLogger(__name__)
# The time of a read in a poll: with the wait for the writer a poll is answered within a quarter of a second.
READ_S = 0.1
# Base URLs and names as deployed programs join them. The server strips double slashes at the start of a path.
PREFIXES = ("/", "/jobs/", "/dev/", "/test/", "/prod/", "/jobs//", "/jobs")

# The answer to nearly every poll: made once, since making it costs a tenth of the poll.
_NOTHING = reply(b"[]")


def paths_of(name: str) -> list[str]:
    """Return every path under which the endpoint answers."""
    return [f"{prefix}{name}{end}" for prefix in PREFIXES for end in ("", "/")]


# ---- for users


def post_newjob(appliance: Appliance) -> Answer:
    """Queue a command. The token is judged before the body."""
    desk = appliance.desk
    connection.asks_for("newjob")
    identity = caller.require_identity(desk)
    rights.require_commander(identity)
    command = wire.parse_newjob(read_body(), identity.roles_json, sending.idempotency_key())
    command = sending.named(command, identity)
    connection.asks_for(f"{command.site} {command.device} {command.action}")
    judged = rights.require_rights(desk, identity, command.site, command.user_id, command.command_class)
    sent = sending.send(appliance, identity, command, judged)
    return reply(wire.job_document(sent.row), X_Prjobs_Reservations=sent.basis, X_Prjobs_Note=sent.note)


def post_getrecentjobs(appliance: Appliance) -> Answer:
    """List every job of a site that is young enough, with params; streamed: a year of history needs no memory."""
    reader = caller.require_reader(appliance.desk)
    site, range_ms = wire.parse_getrecentjobs(read_body())
    caller.require_site(reader, site)
    queue = appliance.queue
    if reader and "observatory" in reader.roles:
        # A linked appliance never polls otherwise: without this the site would count as silent.
        queue.polls.note_reading(site, reader.user_id)
    since_ms = queue.clock.now_ms() - range_ms
    pages = lookup.list_since(queue.database, site, since_ms)
    first = next(pages, [])
    if not next(pages, []):
        return reply(wire.jobs_document(first))
    # The two pages are read again: those of many slow clients would fill the memory.
    return reply_in_pieces(wire.jobs_stream(lookup.list_since(queue.database, site, since_ms)))


# ---- for observatories


class _Poll(NamedTuple):
    """A poll that is held, as noted once."""

    asked: PollRequest
    noted: NotedPoll


def post_getnewjobs(appliance: Appliance) -> Answer:
    """Hand out the jobs that wait; the answer is held only when the poll asks for it."""
    queue, peer, own_connection = appliance.queue, connection.peer(), connection.has_own_connection()
    before: _Poll | None = kept()
    if own_connection and not before:
        proofs.heard(queue, peer)
    try:
        # The token may have been revoked, or may have ended, while the poll was held.
        identity = caller.require_observatory(appliance.desk)
        poll = before.asked if before else wire.parse_getnewjobs(read_body())
        caller.require_site(identity, poll.site)
    except Refused as refused:
        poll_refusals.note_refusal(queue, request.environ, refused)
        raise
    noted = before.noted if before else _begin(queue, poll, peer, own_connection)
    rows = _take(queue, _Poll(poll, noted), peer)
    if rows is not None and not handouts.may_leave(queue, poll, noted):
        rows = None
    audited_acts.note_fetch(appliance.desk, identity, poll.site, rows or [])
    if rows is None:
        return reply(b"[]", Retry_After="1")
    if not rows:
        return _NOTHING
    if own_connection:
        request.environ[IMPORTANT] = True
    return reply(wire.taken_document(rows, poll.alternate))


def _begin(queue: Queue, poll: PollRequest, peer: str, own_connection: bool) -> NotedPoll:
    refused_polls.note_accepted(queue, poll.site, request.environ["REMOTE_ADDR"])
    noted = handouts.begin_poll(queue, poll, peer, own_connection)
    noted.has_ended = request.environ["waitress.client_disconnected"]
    return noted


def _take(queue: Queue, poll: _Poll, peer: str) -> list[JobRow] | None:
    """Return the jobs for the poll, which may be held; None when a stop of the appliance ends the wait."""
    asked, noted = poll

    def take() -> list[JobRow]:
        return handouts.take_jobs(queue, asked, peer, noted)

    try:
        if not asked.wait_s:
            rows: list[JobRow] | None = take()
        else:
            rows = hold(queue, asked.site, asked.wait_s, take, keep=poll, at_end=noted.forget_connection)
            if not rows and noted.has_ended():
                raise Conflict(handouts.HAS_ENDED)
    except Parked:
        raise
    except BaseException:
        noted.forget_connection()
        raise
    noted.forget_connection()
    return rows


def answering_soon(handler: Handler) -> Handler:
    """Return the handler of a hub's endpoint: a poll ends its reads in time though the server of the store hangs."""
    if handler is not post_getnewjobs:
        return handler

    def answer(appliance: Appliance) -> Answer:
        with appliance.queue.database.limited(READ_S):
            return handler(appliance)

    return answer


def post_updatejobstatus(appliance: Appliance) -> Answer:
    """Store the report of an observatory on a job."""
    return _post_status(appliance, wire.parse_updatejobstatus)


def post_startjob(appliance: Appliance) -> Answer:
    """Store the report that a job has started: updatejobstatus with the status STARTED."""
    return _post_status(appliance, wire.parse_startjob)


def _post_status(appliance: Appliance, parse: Callable[[bytes], StatusUpdate]) -> Answer:
    peer = connection.peer()
    if connection.has_own_connection():
        proofs.heard(appliance.queue, peer)
    desk = appliance.desk
    identity = caller.require_observatory(desk)
    update = parse(read_body())
    caller.require_site(identity, update.site)
    identity = identity or caller.observatory_if_shown(desk, update.site)
    who, is_trusted = (identity.user_id, True) if identity else (peer, False)
    if not (is_trusted or desk.reports.take(request.environ["REMOTE_ADDR"])):
        reports.require_due(appliance.queue, update)
    reports.update_status(appliance.queue, update, who, is_trusted)
    if identity and identity.is_staff:
        reported = f"{update.site} {update.status} {update.message}"
        audited_acts.note_act(desk, identity, audit.REPORT, update.ulid, reported)
    return reply(wire.status_document(update))


# Each endpoint under its first path, with its description.
DESCRIBED = [
    Route(
        "POST",
        "/newjob",
        post_newjob,
        Needs.COMMANDER,
        wire.JobDocument,
        body=wire.NewJob,
        refuses=(Conflict, LockedOut, TooMany, DiskFull),
        sends=("Idempotency-Key",),
        headers=sending.HEADERS,
    ),
    Route(
        "POST",
        "/getnewjobs",
        post_getnewjobs,
        Needs.OBSERVATORY,
        list[wire.JobDocument],
        body=wire.GetNewJobs,
        refuses=(Conflict,),
        headers=("Retry-After",),
    ),
    Route(
        "POST",
        "/updatejobstatus",
        post_updatejobstatus,
        Needs.OBSERVATORY,
        wire.StatusDocument,
        body=wire.UpdateJobStatus,
        refuses=(NotFound, Conflict, TooMany),
    ),
    Route(
        "POST",
        "/getrecentjobs",
        post_getrecentjobs,
        Needs.READER,
        list[wire.JobDocument],
        body=wire.GetRecentJobs,
    ),
    Route(
        "POST",
        "/startjob",
        post_startjob,
        Needs.OBSERVATORY,
        wire.StatusDocument,
        body=wire.StartJob,
        refuses=(NotFound, Conflict, TooMany),
    ),
]
ENDPOINTS: dict[str, Handler] = {route.path[1:]: route.handler for route in DESCRIBED}
ROUTES = [route._replace(path=path) for route in DESCRIBED for path in paths_of(route.path[1:])]
