"""Sites for which no program ever polled here: often a typing error in the site of a command."""

from collections.abc import Callable
from itertools import islice

from prjobs.base.sites import sites_in_settings
from prjobs.base.suggestions import did_you_mean
from prjobs.jobs.queue import Queue

# A caller may poll for many invented names, and comparing takes time: the sites that polled first count.
COMPARED = 200


def _everywhere(_site: str) -> bool:
    return True


def note_of(queue: Queue, site: str, reaches: Callable[[str], bool] = _everywhere) -> str:
    """Return the note for the sender of a job to a site that never polled; empty for any other site.

    The note suggests only sites that the sender `reaches`.
    """
    if queue.polls.has_polled(site):
        return ""
    said = f"No program has ever polled for jobs of {site}: the job waits until a program does."
    return f"{said} {site_meant(queue, site, reaches)}".rstrip()


def site_meant(queue: Queue, site: str, reaches: Callable[[str], bool] = _everywhere) -> str:
    """Return `Did you mean saf?` for a name like a site that polled or stands in the settings; else an empty text."""
    known = dict.fromkeys([*sites_in_settings(queue.settings), *queue.polls.polled_sites()])
    near = (one for one in known if one != site and reaches(one))
    return did_you_mean(site, islice(near, COMPARED))
