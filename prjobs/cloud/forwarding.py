"""Forwarding: a job asked for at the site is handed to the cloud with its user's own token, and stands there as well.

The job is stored here first, as FORWARDING under an id of ours, and carries that id to the cloud as a marker. A clear
answer decides at once. Without one the request is never repeated: the sweeps look for the marker, and when it does not
appear the job becomes one of the site. So it runs exactly once whatever happens. A stop never waits: it is delivered
at once, and the cloud gets a copy that is not run a second time.

Late registration: a job made while the cloud could not be reached runs here and gets its record there afterwards, while
its user's token is valid and never later than ten minutes. The token is in memory only.
"""

import logging
import threading
from collections.abc import Callable

from jwt import PyJWTError

from prjobs.access import audit, tokens
from prjobs.access.audit import Act, Actor
from prjobs.base.errors import BadRequest, Forbidden, NotFound, Refused, Unauthorized
from prjobs.cloud import copies, importing, wire
from prjobs.cloud.context import Context
from prjobs.cloud.memory import Unregistered
from prjobs.cloud.network import (
    CREDENTIALS,
    PERMANENT,
    REFUSED,
    UNSENT,
    Answer,
    Failure,
    Network,
    require_job_taken,
)
from prjobs.cloud.pushing import Pusher
from prjobs.jobs import lookup, submission
from prjobs.jobs.requests import Command
from prjobs.jobs.states import CANCELLED, EXPIRED, FORWARDED, FORWARDING, HELD, UNREAD
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

logger = logging.getLogger(__name__)
LATE_S = 600.0
MOST_UNREGISTERED = 1000
REFUSED_NOTE = "the cloud refused it"
UNREACHABLE_NOTE = "the cloud cannot be reached: it runs as a job of the site"
_REFUSALS: dict[int, type[Refused]] = {401: Unauthorized, 403: Forbidden}


def forwarder(context: Context, network: Network) -> Callable[[Command, str, Actor], JobRow]:
    """Return the function that the endpoint newjob calls with a command, its user's token and its actor."""

    def forward(command: Command, token: str, actor: Actor) -> JobRow:
        if command.site not in context.linked_sites:
            return submission.submit_job(context.queue, command, actor)
        if not context.memory.is_reachable:
            row = submission.submit_job(context.queue, command, actor)
            if not command.makes_safe:
                register_later(context, command, row, token)
            return row
        return submit(context, network, command, token, actor)

    return forward


def submit(context: Context, network: Network, command: Command, token: str, actor: Actor) -> JobRow:
    """Store a job and hand it to the cloud; return it as it is to be answered. Refused when the cloud refuses it."""
    if command.makes_safe:
        row, is_new = _store(context, command, UNREAD, actor)
        if is_new:
            # A second copy of a stop would withdraw in the cloud what was asked for since.
            sending = (network, command, row.ulid, token)
            threading.Thread(target=_send_copy, args=sending, name="forward", daemon=True).start()
        return row
    row, is_new = _store(context, command, FORWARDING, actor)
    if not is_new:
        # The same Idempotency-Key again: that request is on its way, or was decided.
        return _as_unread(row)
    try:
        answer = _send(network, command, row.ulid, token)
    except Failure as failure:
        if failure.kind == UNSENT:
            register_later(context, command, row, token)
        return _without_answer(context, row, failure)
    ulid = importing.import_answer(context, row.site, answer)
    return _as_unread(row) if ulid is None else lookup.find_job(context.queue.database, ulid)


def _store(context: Context, command: Command, status: str, actor: Actor) -> tuple[JobRow, bool]:
    """Return (the stored job, True if it is new and not the first job of a known idempotency key)."""
    act, database = Act(actor, audit.NEWJOB), context.queue.database
    return database.write(_insert, context, command, status, act, makes_safe=command.makes_safe)


def _insert(transaction: Transaction, context: Context, command: Command, status: str, act: Act) -> tuple[JobRow, bool]:
    last_seq = transaction.fetch("SELECT coalesce(max(seq), 0) FROM job")[0][0]
    row = submission.insert_job(transaction, context.queue, command, act, status)
    return row, row.seq > last_seq


def _send(network: Network, command: Command, marker: str, token: str) -> Answer:
    """Ask the cloud for the job and return its answer. Failure, with the cloud's own words when it refuses the job."""
    answer = network.call("newjob", wire.newjob_body(command, marker), token)
    require_job_taken(answer)
    return answer


def _send_copy(network: Network, command: Command, marker: str, token: str) -> None:
    try:
        _send(network, command, marker, token)
    except Failure:
        # The site has the command; the cloud is told nothing more.
        return


def _without_answer(context: Context, row: JobRow, failure: Failure) -> JobRow:
    queue = context.queue
    if failure.kind in (CREDENTIALS, PERMANENT):
        queue.database.write(copies.decide, queue, row.seq, CANCELLED, REFUSED_NOTE)
        raise _REFUSALS.get(failure.status, BadRequest)(str(failure)) from None
    if failure.kind == UNSENT:
        queue.database.write(copies.decide, queue, row.seq, UNREAD, UNREACHABLE_NOTE)
        return row._replace(status=UNREAD, alternate_status=UNREAD)
    return _as_unread(row)


def _as_unread(row: JobRow) -> JobRow:
    """Return the job as one that waits: so its user sees it while its marker is looked for."""
    shown = {FORWARDING: UNREAD, FORWARDED: UNREAD}
    return row._replace(
        status=shown.get(row.status, row.status), alternate_status=shown.get(row.alternate_status, row.alternate_status)
    )


# ---- late registration


def register_later(context: Context, command: Command, row: JobRow, token: str) -> None:
    """Remember a job that runs here, and its user's token, for when the cloud can be reached."""
    waiting = context.memory.unregistered
    if context.queue.settings.cloud_late_register == "on" and len(waiting) < MOST_UNREGISTERED:
        until_s = context.queue.clock.elapsed_s() + min(LATE_S, valid_s(token, context.queue.clock.now_ms()))
        waiting.setdefault(row.ulid, Unregistered(command, until_s, token))


def valid_s(token: str, now_ms: int) -> float:
    """Return for how long the token is valid, as far as it says; it was verified before."""
    try:
        return tokens.left_s(token, now_ms)
    except (PyJWTError, KeyError):
        return LATE_S


def forget_once(context: Context) -> None:
    """Forget the tokens whose time is over."""
    now_s, waiting = context.queue.clock.elapsed_s(), context.memory.unregistered
    for ulid in [ulid for ulid, one in list(waiting.items()) if one.until_s <= now_s]:
        del waiting[ulid]


def register_once(context: Context, network: Network, pusher: Pusher) -> None:
    """Register one job in the cloud. Failure when the cloud still cannot be reached."""
    waiting = context.memory.unregistered
    ulid = next(iter(waiting), None)
    if ulid is None:
        return
    # Never repeated without a clear answer: what arrived all the same is found by its marker.
    one = waiting.pop(ulid)
    try:
        row = lookup.find_job(context.queue.database, ulid)
        if row.status in (CANCELLED, EXPIRED):
            return
        answer = _send(network, one.command, ulid, one.token)
    except NotFound:
        return
    except Failure as failure:
        if failure.kind in (UNSENT, REFUSED):
            waiting[ulid] = one
            raise
        context.memory.counts["perhaps not registered"] += 1
        logger.warning("cloud: job %s ran at the site, and the cloud may have no record of it: %s", ulid, failure)
        return
    copy = importing.import_answer(context, row.site, answer)
    if copy:
        status = lookup.find_job(context.queue.database, ulid).status
        pusher.tell_of_copy(copy, FORWARDED if status in (UNREAD, HELD) else status)
        context.memory.counts["registered late"] += 1
