"""Late registration: a job made while the cloud is unreachable runs at the site, and gets a record in the cloud later.

The appliance registers the job within ten minutes and while the user's token is valid. The token stays in memory only.
"""

import logging

from prjobs.base.errors import NotFound
from prjobs.cloud import importing
from prjobs.cloud.context import Context
from prjobs.cloud.network import REFUSED, UNSENT, Failure, Network
from prjobs.cloud.pushing import Pusher
from prjobs.cloud.requesting import send
from prjobs.jobs import lookup
from prjobs.jobs.states import CANCELLED, EXPIRED, FORWARDED, HELD, UNREAD

logger = logging.getLogger(__name__)


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
        answer = send(network, one.command, ulid, one.token)
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
