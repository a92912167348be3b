"""Jobs that were made here because the cloud could not be reached, told to it afterwards.

Only while their user's token is still in memory and valid, and never longer than ten minutes: it is written nowhere.
The record in the cloud carries our id as its marker, so it is never run: not here, and there it says so at once.
"""

import logging
from dataclasses import dataclass, field

from jwt import PyJWTError

from prjobs.access import tokens
from prjobs.base.errors import NotFound
from prjobs.cloud import newjobs
from prjobs.cloud.answers import REFUSED, UNSENT, Failure, Network, require_usable
from prjobs.cloud.context import Context
from prjobs.cloud.pushing import Pusher
from prjobs.jobs import lookup
from prjobs.jobs.requests import Command
from prjobs.jobs.states import CANCELLED, EXPIRED, FORWARDED, HELD, UNREAD
from prjobs.store.models import JobRow

logger = logging.getLogger(__name__)
LATE_S = 600.0
MOST = 1000


@dataclass(frozen=True)
class Late:
    """A job whose record the cloud does not have, and until when it may be told, by elapsed time."""

    command: Command
    until_s: float
    token: str = field(repr=False)


def remember(context: Context, command: Command, row: JobRow, token: str) -> None:
    """The job runs here; perhaps the cloud can be told soon."""
    late = context.contact.late
    if context.queue.settings.cloud_late_register == "on" and len(late) < MOST:
        now_s = context.queue.clock.elapsed_s()
        late.setdefault(row.ulid, Late(command, now_s + min(LATE_S, _valid_s(context, token)), token))


def _valid_s(context: Context, token: str) -> float:
    """How long the token is valid as far as it says; it was verified before."""
    try:
        return tokens.left_s(token, context.queue.clock.now_ms())
    except (PyJWTError, KeyError):
        return LATE_S


def forget_once(context: Context) -> None:
    """Tokens whose time is over are not kept."""
    now_s = context.queue.clock.elapsed_s()
    for ulid, one in list(context.contact.late.items()):
        if one.until_s <= now_s:
            del context.contact.late[ulid]


def register_once(context: Context, network: Network, pusher: Pusher) -> None:
    """Tell the cloud of one of them. Failure when it still cannot be reached."""
    late = context.contact.late
    ulid = next(iter(late), None)
    if ulid is None:
        return
    # Never repeated without a clear answer: what arrived all the same is found by its marker.
    one = late.pop(ulid)
    try:
        row = lookup.find_job(context.queue.database, ulid)
        if row.status in (CANCELLED, EXPIRED):
            return
        answer = newjobs.send(network, one.command, ulid, one.token)
        require_usable(answer)
    except NotFound:
        return
    except Failure as failure:
        if failure.kind not in (UNSENT, REFUSED):
            context.contact.counts["told late without success"] += 1
            logger.warning("cloud: it may not have a record of job %s, which ran at the site: %s", ulid, failure)
            return
        late[ulid] = one
        raise
    copy = newjobs.take_in(context, row.site, answer)
    if copy:
        status = lookup.find_job(context.queue.database, ulid).status
        pusher.tell_of_copy(copy, FORWARDED if status in (UNREAD, HELD) else status)
        context.contact.counts["told late"] += 1
