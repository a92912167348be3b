"""The five endpoints of the wire contract, under every path that deployed programs use."""

import logging
from collections.abc import Callable

from bottle import HTTPResponse, request

from prjobs.access import rights, tokens
from prjobs.access.audit import Actor
from prjobs.access.desk import Desk
from prjobs.access.identity import Identity
from prjobs.appliance import Appliance
from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.errors import BadRequest, Conflict, Refused, TooMany
from prjobs.jobs import handouts, lookup, proofs, refused_polls, reports, submission, unpolled
from prjobs.jobs.recent_polls import never
from prjobs.jobs.requests import Command, StatusUpdate
from prjobs.monitor import health
from prjobs.store.models import JobRow
from prjobs.web import caller, poll_refusals, wire
from prjobs.web.endpoint import IMPORTANT, Handler, Route, read_body, reply
from prjobs.web.holding import hold

logger = logging.getLogger(__name__)
# Base URLs and names as deployed programs join them. The server strips double slashes at the start of a path.
PREFIXES = ("/", "/jobs/", "/dev/", "/test/", "/prod/", "/jobs//", "/jobs")

# The answer to nearly every poll: made once, since making it costs a tenth of the poll.
_NOTHING = reply(b"[]")


def paths_of(name: str) -> list[str]:
    """Return every path under which the endpoint answers."""
    return [f"{prefix}{name}{end}" for prefix in PREFIXES for end in ("", "/")]


# ---- for users


def post_newjob(appliance: Appliance) -> HTTPResponse:
    """Queue a command. The token is judged before the body."""
    desk = appliance.desk
    with caller.audited(desk, "newjob") as refusable:
        identity = refusable.identity = caller.require_identity(desk)
        rights.require_commander(identity)
        command = wire.parse_newjob(read_body(), identity.roles_json, _idempotency_key())
        refusable.asked = f"{command.site} {command.device} {command.action}"
        judged = rights.require_rights(desk, identity, command.site, command.user_id, command.command_class)
    health.require_room(appliance.queue, command.command_class)
    _require_pace(desk, identity, command.command_class)
    row = _submit(appliance, command, caller.actor(identity, judged.despite))
    logger.info("newjob %s %s by %s: %s", row.site, row.ulid, identity.user_id, f"{row.device} {row.action}")
    note = unpolled.note_of(appliance.queue, row.site, identity.reaches)
    return reply(wire.job_document(row), X_Prjobs_Reservations=judged.basis, X_Prjobs_Note=note)


def _idempotency_key() -> str | None:
    key: str | None = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not (0 < len(key) <= 128 and key.isprintable()):
        raise BadRequest("Idempotency-Key must be a text of 1 to 128 printable characters.")
    return key


def _require_pace(desk: Desk, identity: Identity, command_class: str) -> None:
    """Raise TooMany for a program that sends too many new jobs; a stop, a close and a park always pass."""
    of_user = desk.new_jobs.take(f"user {identity.user_id}")
    of_address = desk.new_jobs.take(f"address {request.environ['REMOTE_ADDR']}")
    if command_class not in MAKES_SAFE and not (of_user and of_address):
        raise TooMany("Too many new jobs from this user or address: wait a moment.")


def _submit(appliance: Appliance, command: Command, actor: Actor) -> JobRow:
    forward, token = appliance.cloud.memory.forward, caller.bearer_token()
    if forward is None or not token or tokens.is_own(token):
        return submission.submit_job(appliance.queue, command, actor)
    forwarded: JobRow = forward(command, token, actor)
    return forwarded


def post_getrecentjobs(appliance: Appliance) -> HTTPResponse:
    """List every job of a site that is young enough; streamed, so that a year of history needs no memory."""
    reader = caller.require_reader(appliance.desk)
    site, range_ms = wire.parse_getrecentjobs(read_body())
    caller.require_site(reader, site)
    queue = appliance.queue
    pages = lookup.list_since(queue.database, site, queue.clock.now_ms() - range_ms)
    first = next(pages)
    if len(first) < lookup.PAGE:
        return reply(wire.jobs_document(first))
    answer = reply(b"")
    answer.body = wire.jobs_stream(first, pages)
    return answer


# ---- for observatories


def post_getnewjobs(appliance: Appliance) -> HTTPResponse:
    """Hand out the jobs that wait; the answer is held only when the poll asks for it."""
    queue, peer, own_connection = appliance.queue, caller.peer(), caller.has_own_connection()
    if own_connection:
        proofs.heard(queue, peer)
    try:
        identity = caller.require_observatory(appliance.desk)
        poll = wire.parse_getnewjobs(read_body())
        caller.require_site(identity, poll.site)
    except Refused as refused:
        poll_refusals.note_refusal(queue, request.environ, refused)
        raise
    refused_polls.note_accepted(queue, poll.site, request.environ["REMOTE_ADDR"])
    noted = handouts.begin_poll(queue, poll, peer, own_connection)
    noted.has_ended = request.environ["waitress.client_disconnected"]

    def take() -> list[JobRow]:
        return handouts.take_jobs(queue, poll, peer, noted)

    try:
        rows: list[JobRow] | None = take()
        if not rows and poll.wait_s:
            rows = hold(queue, poll.site, poll.wait_s, take)
            if not rows and noted.has_ended():
                raise Conflict(handouts.HAS_ENDED)
    finally:
        # The poll is kept for a while to be judged; its connection is not.
        noted.has_ended = never
    if rows is None:
        return reply(b"[]", Retry_After="1")
    if not rows:
        return _NOTHING
    if own_connection:
        request.environ[IMPORTANT] = True
    return reply(wire.taken_document(rows, poll.alternate))


def post_updatejobstatus(appliance: Appliance) -> HTTPResponse:
    """Store the report of an observatory on a job."""
    return _post_status(appliance, wire.parse_updatejobstatus)


def post_startjob(appliance: Appliance) -> HTTPResponse:
    """Store the report that a job has started: updatejobstatus with the status STARTED."""
    return _post_status(appliance, wire.parse_startjob)


def _post_status(appliance: Appliance, parse: Callable[[bytes], StatusUpdate]) -> HTTPResponse:
    peer = caller.peer()
    if caller.has_own_connection():
        proofs.heard(appliance.queue, peer)
    desk = appliance.desk
    identity = caller.require_observatory(desk)
    update = parse(read_body())
    caller.require_site(identity, update.site)
    identity = identity or caller.observatory_if_shown(desk, update.site)
    who, is_trusted = (identity.user_id, True) if identity else (peer, False)
    reports.update_status(appliance.queue, update, who, is_trusted)
    return reply(wire.status_document(update))


ENDPOINTS: dict[str, Handler] = {
    "newjob": post_newjob,
    "getnewjobs": post_getnewjobs,
    "updatejobstatus": post_updatejobstatus,
    "getrecentjobs": post_getrecentjobs,
    "startjob": post_startjob,
}
ROUTES = [Route("POST", path, handler) for name, handler in ENDPOINTS.items() for path in paths_of(name)]
