"""The five endpoints of the wire contract, under every path that deployed programs use."""

import logging
from collections.abc import Callable, Iterator

from bottle import HTTPResponse, request

from prjobs.access import audit, rights, tokens
from prjobs.access.audit import Actor
from prjobs.access.identity import Identity
from prjobs.appliance import Appliance
from prjobs.base import catalogue
from prjobs.base.errors import BadRequest, Fault, Forbidden, TooMany, Unavailable
from prjobs.jobs import handouts, lookup, proofs, reports, submission
from prjobs.jobs.requests import Command, PollRequest, StatusUpdate
from prjobs.monitor import health
from prjobs.store.models import JobRow
from prjobs.web import caller, wire
from prjobs.web.respond import reply
from prjobs.web.wire import NewJob

logger = logging.getLogger(__name__)
# The upkeep gives its reserve up within a quarter of a second.
MAKE_ROOM_S = 0.6
Handler = Callable[[Appliance], HTTPResponse]
# How base URLs and names are joined in the field. The server strips double slashes at the start of a path.
PREFIXES = ("/", "/jobs/", "/dev/", "/test/", "/prod/", "/jobs//", "/jobs")


def paths_of(name: str) -> list[str]:
    """Every path under which the endpoint answers."""
    return [f"{prefix}{name}{end}" for prefix in PREFIXES for end in ("", "/")]


def post_newjob(appliance: Appliance) -> HTTPResponse:
    """Queue a command. The token is judged before the body."""
    with caller.audited(appliance, "newjob") as refusable:
        identity = refusable.identity = caller.require_identity(appliance)
        rights.require_commander(identity)
        new_job, values = wire.parse_newjob(caller.read_body())
        command = _command(new_job, values, identity.roles_json)
        refusable.asked = f"{command.site} {command.device} {command.action}"
        judged = rights.require_rights(appliance.desk, identity, command.site, command.user_id, command.command_class)
    health.require_room(appliance.queue, command.command_class)
    _require_pace(appliance, identity, command.command_class)
    row = _submit(appliance, command, audit.actor_of(identity, caller.peer()))
    logger.info("newjob %s %s by %s: %s %s", row.site, row.ulid, identity.user_id, row.device, row.action)
    return reply(wire.job_document(row), X_Prjobs_Reservations=judged.basis)


def _require_pace(appliance: Appliance, identity: Identity, command_class: str) -> None:
    """A program that runs wild is held back; a stop never is."""
    of_user = appliance.desk.new_jobs.take(f"user {identity.user_id}")
    of_address = appliance.desk.new_jobs.take(f"address {request.environ['REMOTE_ADDR']}")
    if command_class != "stop" and not (of_user and of_address):
        raise TooMany("Too many new jobs from this user or address: wait a moment.")


def _submit(appliance: Appliance, command: Command, actor: Actor) -> JobRow:
    """Store the job. What must always get through is tried again once room was made on a full disk."""
    try:
        return _submit_once(appliance, command, actor)
    except Unavailable as unavailable:
        if unavailable.fault != Fault.FULL or command.command_class not in catalogue.MAKES_SAFE:
            raise
        appliance.queue.stopping.wait(MAKE_ROOM_S)
        return _submit_once(appliance, command, actor)


def _submit_once(appliance: Appliance, command: Command, actor: Actor) -> JobRow:
    forward, token = appliance.cloud.contact.forward, caller.bearer_token()
    if forward is None or not token or tokens.is_own(token):
        return submission.submit_job(appliance.queue, command, actor)
    forwarded: JobRow = forward(command, token, actor)
    return forwarded


def _command(new_job: NewJob, values: dict[str, object], roles_json: str) -> Command:
    key = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not (0 < len(key) <= 128 and key.isprintable()):
        raise BadRequest("Idempotency-Key must be a text of 1 to 128 printable characters.")
    return Command(
        new_job.site,
        new_job.device,
        new_job.instance,
        new_job.action,
        new_job.user_id,
        new_job.user_name,
        roles_json,
        bytes(new_job.required_params).decode(),
        bytes(new_job.optional_params).decode(),
        values,
        idempotency_key=key,
    )


def post_getnewjobs(appliance: Appliance) -> HTTPResponse:
    """Hand out what waits; hold the answer only when the poll asks for it."""
    peer = caller.peer()
    own_connection = caller.has_own_connection()
    if own_connection:
        proofs.heard(appliance.queue, peer)
    poll = wire.parse_getnewjobs(caller.read_body())
    caller.require_observatory(appliance, poll.site)
    gap_ms = handouts.begin_poll(appliance.queue, poll, peer, own_connection)
    rows = handouts.take_jobs(appliance.queue, poll, peer, gap_ms)
    if rows or not poll.wait_s:
        return reply(wire.taken_document(rows, poll.alternate))
    return _held_poll(appliance, poll, peer, gap_ms)


def _held_poll(appliance: Appliance, poll: PollRequest, peer: str, gap_ms: int | None) -> HTTPResponse:
    gone = request.environ["waitress.client_disconnected"]
    with appliance.queue.waiters.waiter(poll.site) as waiter:
        if waiter is None:
            return reply(b"[]", Retry_After="1")
        # A job may have come between the first look and the place in the queue.
        rows = handouts.take_jobs(appliance.queue, poll, peer, gap_ms)
        end_s = appliance.queue.clock.elapsed_s() + poll.wait_s
        while not rows and waiter.wait(end_s - appliance.queue.clock.elapsed_s(), gone) and not gone():
            if appliance.queue.stopping.is_set():
                break
            rows = handouts.take_jobs(appliance.queue, poll, peer, gap_ms)
    return reply(wire.taken_document(rows, poll.alternate))


def post_updatejobstatus(appliance: Appliance) -> HTTPResponse:
    """Store what an observatory reports on a job."""
    return _post_status(appliance, wire.parse_updatejobstatus)


def post_startjob(appliance: Appliance) -> HTTPResponse:
    """The same with the status STARTED."""
    return _post_status(appliance, wire.parse_startjob)


def _post_status(appliance: Appliance, parse: Callable[[bytes], StatusUpdate]) -> HTTPResponse:
    peer = caller.peer()
    if caller.has_own_connection():
        proofs.heard(appliance.queue, peer)
    update = parse(caller.read_body())
    identity = caller.require_observatory(appliance, update.site)
    reports.update_status(appliance.queue, update, identity.user_id if identity else peer)
    return reply(wire.status_document(update))


def post_getrecentjobs(appliance: Appliance) -> HTTPResponse:
    """Every job young enough, streamed in pages so that a year of history needs no memory."""
    site, range_ms = wire.parse_getrecentjobs(caller.read_body())
    identity = caller.require_reader(appliance)
    if identity is not None and not identity.reaches(site):
        raise Forbidden("This token is not for this site.")
    pages = lookup.list_recent(appliance.queue, site, range_ms)
    first = next(pages)
    if len(first) < lookup.PAGE:
        return reply(wire.jobs_document(first))
    answer = reply(b"")
    answer.body = _streamed(first, pages)
    return answer


def _streamed(first: list[JobRow], pages: Iterator[list[JobRow]]) -> Iterator[bytes]:
    yield wire.jobs_document(first)[:-1]
    for page in pages:
        if page:
            yield b"," + wire.jobs_document(page)[1:-1]
    yield b"]"


# The handler of each endpoint, by its name.
ENDPOINTS: dict[str, Handler] = {
    "newjob": post_newjob,
    "getnewjobs": post_getnewjobs,
    "updatejobstatus": post_updatejobstatus,
    "getrecentjobs": post_getrecentjobs,
    "startjob": post_startjob,
}
