"""Forwarding: a job made at the site is handed to the cloud with the user's own token, and stands in both places.

The appliance stores the job first, as FORWARDING, and sends the job's id to the cloud as a marker. A clear answer
decides at once. Without a clear answer the request is never repeated: the sweeps look for the marker, and without the
marker the job runs at the site. So a job runs exactly once. A stop never waits: the site gets the stop at once, the
cloud gets a copy, and the copy never runs.

Late registration: a job made while the cloud is unreachable runs at the site and gets a record in the cloud afterwards,
within ten minutes and while the user's token is valid. The token stays in memory only.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial

from jwt import PyJWTError

from prjobs.access import tokens
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
from prjobs.jobs.queue import write_command
from prjobs.jobs.requests import Command
from prjobs.jobs.states import CANCELLED, EXPIRED, FORWARDED, FORWARDING, HELD, UNREAD
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

logger = logging.getLogger(__name__)
LATE_S = 600.0
MOST_UNREGISTERED = 1000
REFUSED_NOTE = "the cloud refused the job"
UNREACHABLE_NOTE = "the cloud cannot be reached: it runs as a job of the site"
_REFUSALS: dict[int, type[Refused]] = {401: Unauthorized, 403: Forbidden}


def forwarder(context: Context, network: Network) -> Callable[[Command, str, Actor], JobRow]:
    """Return the function for newjob, to call with a command, the user's token and the actor."""

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
    """Store a job and hand it to the cloud; return the job to answer with. Refused if the cloud refuses the job."""
    if command.makes_safe:
        row, is_new = _store(context, command, UNREAD, actor)
        if is_new:
            # A second copy of a stop would withdraw jobs that users asked for in the cloud since the first.
            sending = (network, command, row.ulid, token)
            threading.Thread(target=_send_copy, args=sending, name="forward", daemon=True).start()
        return row
    row, is_new = _store(context, command, FORWARDING, actor)
    if not is_new:
        # The same Idempotency-Key again: a second request would make a second job in the cloud.
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
    """Return the stored job, and True if it is new: False with a known idempotency key."""
    insert = partial(_insert, context=context, command=command, status=status, act=submission.act_of(command, actor))
    stored: tuple[JobRow, bool] = write_command(context.queue, insert, makes_safe=command.makes_safe)
    return stored


def _insert(transaction: Transaction, context: Context, command: Command, status: str, act: Act) -> tuple[JobRow, bool]:
    last_seq = transaction.fetch("SELECT coalesce(max(seq), 0) FROM job")[0][0]
    row = submission.insert_job(transaction, context.queue, command, act, status)
    return row, row.seq > last_seq


def _send(network: Network, command: Command, marker: str, token: str) -> Answer:
    """Ask the cloud for the job and return the answer. Failure, with the cloud's own words after a refusal."""
    answer = network.call("newjob", wire.newjob_body(command, marker), token)
    require_job_taken(answer)
    return answer


def _send_copy(network: Network, command: Command, marker: str, token: str) -> None:
    try:
        _send(network, command, marker, token)
    except Failure:
        # A repeated copy could arrive late and withdraw newer jobs: the site has the stop, which is enough.
        return


def _without_answer(context: Context, row: JobRow, failure: Failure) -> JobRow:
    queue = context.queue
    if failure.kind in (CREDENTIALS, PERMANENT):
        queue.database.write(copies.decide, queue, row.ulid, CANCELLED, REFUSED_NOTE)
        raise _REFUSALS.get(failure.status, BadRequest)(str(failure)) from None
    if failure.kind == UNSENT:
        queue.database.write(copies.decide, queue, row.ulid, UNREAD, UNREACHABLE_NOTE)
        return row._replace(status=UNREAD, alternate_status=UNREAD)
    return _as_unread(row)


def _as_unread(row: JobRow) -> JobRow:
    """Return the job as waiting: the user's view during the search for the marker."""
    shown = {FORWARDING: UNREAD, FORWARDED: UNREAD}
    return row._replace(
        status=shown.get(row.status, row.status), alternate_status=shown.get(row.alternate_status, row.alternate_status)
    )


# ---- late registration


def register_later(context: Context, command: Command, row: JobRow, token: str) -> None:
    """Remember a job of the site and the user's token, to register the job once the cloud answers."""
    waiting = context.memory.unregistered
    if context.queue.settings.cloud_late_register == "on" and len(waiting) < MOST_UNREGISTERED:
        until_s = context.queue.clock.elapsed_s() + min(LATE_S, valid_s(token, context.queue.clock.now_ms()))
        waiting.setdefault(row.ulid, Unregistered(command, until_s, token))


def valid_s(token: str, now_ms: int) -> float:
    """Return the rest of the token's validity by its own claim; the token was verified before."""
    try:
        return tokens.left_s(token, now_ms)
    except (PyJWTError, KeyError):
        return LATE_S


def forget_once(context: Context) -> None:
    """Forget expired tokens."""
    now_s, waiting = context.queue.clock.elapsed_s(), context.memory.unregistered
    for ulid in [ulid for ulid, one in list(waiting.items()) if one.until_s <= now_s]:
        del waiting[ulid]


def register_once(context: Context, network: Network, pusher: Pusher) -> None:
    """Register a job in the cloud. Failure if the cloud cannot be reached."""
    waiting = context.memory.unregistered
    ulid = next(iter(waiting), None)
    if ulid is None:
        return
    # A request repeated without a clear answer could register the job twice: its marker shows whether it arrived.
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
