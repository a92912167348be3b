"""Marked flushes: polls with `flush`, sent by programs before ignoring the answer.

Without the mark, the ignored jobs count as handed out, and only the times of the polls tell of the flush. A marked
flush withdraws the same jobs instead.
"""

from prjobs.access import lockouts
from prjobs.jobs import log, lookup, settling
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import PollRequest
from prjobs.jobs.states import CANCELLED
from prjobs.store.transaction import Transaction

NOTE = "the observatory's program threw it away: it empties the queue when it starts, and after long sequences"


def throw_away(transaction: Transaction, queue: Queue, poll: PollRequest, peer: str) -> None:
    """Withdraw the jobs for the poll, in the polled queue.

    Stops, closings and parkings stay for the next poll: commands for safety are not thrown away unread.
    """
    waiting = lookup.find_waiting(transaction, poll.site, poll.queue, poll.device, poll.instance)
    if any(job.is_stop for job in waiting) or lockouts.locks_at(transaction, queue.settings, poll.site):
        # Such a poll would get the stops alone, or nothing.
        return
    leaving = [job.seq for job in waiting if not settling.left_s(queue, poll.site, poll.queue, job.seq)]
    spared = {job.seq for job in waiting if job.is_spared}
    event = Event(poll.queue, CANCELLED, queue.clock.now_ms(), peer, NOTE)
    for rows in lookup.complete(transaction, [seq for seq in leaving if seq not in spared]):
        log.apply(transaction, rows, event)
