"""Sending a command: the checks of newjob after the judgement of the rights, the pace of each user, and the cloud."""

import logging
from dataclasses import replace
from typing import NamedTuple

from bottle import request

from prjobs.access import rights, tokens
from prjobs.access.audit import Actor
from prjobs.access.desk import Desk
from prjobs.access.identity import Identity
from prjobs.access.reservations import Judgement
from prjobs.appliance import Appliance
from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.errors import BadRequest, TooMany
from prjobs.jobs import repeats, submission, unpolled
from prjobs.jobs.requests import Command, require_size
from prjobs.monitor import health
from prjobs.store.models import JobRow
from prjobs.web import caller

logger = logging.getLogger(__name__)
# The headers of the answer to a command.
HEADERS = (rights.HEADER, "X-Prjobs-Note")


_NEWEST = "of those that were fetched, or that no program polls for, only the newest stay in the list of jobs"


class Sent(NamedTuple):
    """The job of a command; for the answer's headers, the basis of the judgement and a note for the sender."""

    row: JobRow
    basis: str
    note: str


def idempotency_key() -> str | None:
    """Return the key of the request, by which a repeated request gives the same job. Raise BadRequest."""
    key: str | None = request.environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is not None and not (0 < len(key) <= 128 and key.isprintable()):
        raise BadRequest("Idempotency-Key must be a text of 1 to 128 printable characters.")
    return key


def named(command: Command, identity: Identity) -> Command:
    """Return a user's own command with the name in the token, where the token has a name: jobs show the name."""
    if command.user_id != identity.user_id or identity.user_name in (command.user_name, identity.user_id):
        return command
    return replace(command, user_name=identity.user_name)


def send(appliance: Appliance, identity: Identity, command: Command, judged: Judgement) -> Sent:
    """Queue a command whose sender has the right. Raise TooLarge, DiskFull, TooMany, Conflict or Unavailable."""
    queue = appliance.queue
    short = repeats.shortened(command)
    require_size(queue.settings, short)
    health.require_room(queue, command.command_class)
    is_repeat = not is_within_pace(appliance.desk, identity, command.makes_safe)
    started_ms = queue.clock.now_ms()
    row, place = _submit(appliance, replace(short, is_repeat=is_repeat), caller.actor(identity, judged.despite))
    words = f"{row.device} {row.action}" + (f", {command.again_of} again" if command.again_of else "")
    logger.info("newjob %s %s by %s: %s", row.site, row.ulid, identity.user_id, words)
    notes = [place, unpolled.note_of(queue, row.site, identity.reaches)]
    if short is not command:
        notes.append("The command is larger than 4 kB, and needs no params: it is sent without them.")
    if is_repeat:
        stands = f"job {row.ulid}, which waits, stands for this one" if row.created_ms < started_ms else _NEWEST
        notes.append(f"Many such commands were sent in a minute: {stands}.")
    return Sent(row, judged.basis, " ".join(filter(None, notes)))


def is_within_pace(desk: Desk, identity: Identity, makes_safe: bool) -> bool:
    """Return True if the user is within the pace for such commands; above it raise TooMany, unless it makes safe."""
    # An address may be that of a whole control room: one user there must not hold another one back.
    if makes_safe:
        return desk.safe_jobs.take(identity.user_id)
    if not desk.new_jobs.take(identity.user_id):
        raise TooMany("Too many new jobs from this user: wait a moment.")
    return True


def require_cancel_pace(desk: Desk, identity: Identity, row: JobRow) -> None:
    """Raise TooMany above the pace for commands that make safe: sent and cancelled in turn they would fill the disk."""
    if row.command_class in MAKES_SAFE and not desk.safe_jobs.take(identity.user_id):
        raise TooMany("Too many stops, closings and parkings sent and cancelled in a minute: wait a moment.")


def _submit(appliance: Appliance, command: Command, actor: Actor) -> tuple[JobRow, str]:
    """Return the stored job, and a sentence on where the job is if it was handed to the cloud."""
    forward = appliance.cloud.memory.forward
    token = _outside_token() if forward else None
    if forward is None or token is None:
        return submission.submit_job(appliance.queue, command, actor), ""
    return forward.submit(command, token, actor)


def copy_to_cloud(appliance: Appliance, row: JobRow) -> None:
    """Send the cloud a copy of a stop that the caller made, as newjob does, where new jobs are forwarded."""
    forward = appliance.cloud.memory.forward
    if forward and (token := _outside_token()):
        forward.copy(row, token)


def _outside_token() -> str | None:
    """Return the caller's token of an outside provider, which the cloud may take; None for any other caller."""
    token = caller.bearer_token()
    return token if token and not tokens.is_own_token(token) else None
