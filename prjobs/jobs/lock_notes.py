"""The notes on a new lock of a site: a name that may be a typing error."""

from prjobs.access.desk import Desk
from prjobs.access.known import known_sites
from prjobs.base.sites import same_but_case
from prjobs.jobs import unpolled
from prjobs.jobs.queue import Queue


def of_name(desk: Desk, queue: Queue, site: str) -> list[str]:
    """Return notes on the name of a locked site that may be a typing error: the wrong dome would be locked."""
    notes = []
    known = known_sites(desk, queue.polls.sites()) | {lock.site for lock in queue.lockouts.open}
    if not queue.polls.has_polled(site):
        meant = unpolled.site_meant(queue, site)
        notes.append(f"No program has ever polled for jobs of {site}: see whether the name is right. {meant}".rstrip())
    return notes + same_but_case({one for one in {*known, site} if one.casefold() == site.casefold()})
