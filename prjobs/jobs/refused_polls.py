"""The notices of refused polls: a program with a wrong address or token would otherwise look like no program."""

from prjobs.base.notices import Code
from prjobs.jobs.queue import Queue
from prjobs.jobs.refusals import SHOWN_S, RefusedPoll


def note_refused(queue: Queue, poll: RefusedPoll) -> None:
    """Remember a refused poll, and raise the notice. Known sites keep their place when many names are invented."""
    with queue.refused.lock:
        if queue.refused.is_full and queue.refused.of(poll.site) is None:
            _make_place(queue, poll.site)
        found = queue.refused.add(poll, queue.clock.now_ms(), queue.clock.elapsed_s())
        queue.notices.say(Code.POLL_REFUSED, found.sentence, found.last.site)


def _make_place(queue: Queue, site: str) -> None:
    """Forget a site that has no jobs and never polled, for one that has or did."""
    named = [found.last.site for found in queue.refused.all() if found.last.site]
    unknown = [one for one in named if not queue.polls.knows(one)]
    if queue.polls.knows(site) and unknown:
        _end(queue, unknown[0])


def note_accepted(queue: Queue, site: str, address: str) -> None:
    """End the notice of a site once a poll from the refused address is accepted.

    When refused polls come from there again, a second program is at work, and the notice stays while they come: an
    alarm that ends and sounds again with each poll would be worse.
    """
    found = queue.refused.of(site)
    if found and found.last.address == address and queue.refused.accept(site, queue.clock.elapsed_s()):
        _end(queue, site)


def end_old_once(queue: Queue) -> None:
    """End the notices of programs that stopped asking."""
    now_s = queue.clock.elapsed_s()
    for found in queue.refused.all():
        if now_s - found.last_s > SHOWN_S:
            _end(queue, found.last.site)


def _end(queue: Queue, site: str) -> None:
    with queue.refused.lock:
        queue.refused.drop(site)
        queue.notices.end(Code.POLL_REFUSED, site)
