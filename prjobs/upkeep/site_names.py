"""The watch on the names of sites: unused names, and names that are easily mixed up."""

from collections.abc import Iterator

from prjobs.access import known
from prjobs.access.desk import Desk
from prjobs.base.clock import moment
from prjobs.base.notices import Code
from prjobs.jobs.polls import Polls
from prjobs.jobs.queue import Queue


def watch_once(queue: Queue, desk: Desk) -> None:
    """Read the names that settings, tokens and reservations give, and raise or end the notices about names."""
    polls = queue.polls
    polls.named = known.named_sites(desk)
    queue.notices.say(Code.INVENTED_SITES, " ".join(_invented(polls)))
    known.watch_once(desk, polls.sites())


def _invented(polls: Polls) -> Iterator[str]:
    """Yield a sentence for too many names in polls, and one for too many in jobs."""
    if crowd := polls.settle_crowd():
        yield (
            f"Since {moment(crowd.since_ms):%H:%M:%S} UTC a program polls for jobs of more than {polls.STRANGERS} "
            f"sites without a job, a setting, a token or a reservation, such as {crowd.last}: they raise no alarm. "
            "Find that program. Name a new site of your own in site_zones, or send it a job."
        )
    count = len(polls.unpolled())
    if count > polls.LISTED:
        yield (
            f"Jobs were sent to {count} sites that no program polls: only the newest {polls.LISTED} are listed. "
            "Find who sends them by the list of jobs."
        )
