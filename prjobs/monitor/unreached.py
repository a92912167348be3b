"""The late stops, closings and parkings at many sites without a polling program, as a single alarm.

Users can send stops to invented names: an alarm for each would hide the alarms of real sites.
"""

from collections.abc import Sequence
from functools import partial

from prjobs.base.catalogue import MAKES_SAFE
from prjobs.jobs.polls import Polls
from prjobs.monitor.alarms import EXAMPLES, STOP, UNREACHED, Wrong

# So many sites have alarms of their own.
FEW_SITES = 3
NAMED = 3


def put_together(polls: Polls, found: Sequence[Wrong]) -> list[Wrong]:
    """Return the faults; a single fault stands for the commands at sites without a program, if the sites are many."""
    apart = [one for one in found if _waits(one) and not polls.is_reached(one.site)]
    sites = list(dict.fromkeys(one.site for one in apart))
    if len(sites) <= FEW_SITES:
        return list(found)
    keys = {one.key for one in apart}
    since_ms = min(one.since_ms for one in apart)
    words = partial(_words, len(apart), sites)
    together = Wrong(f"{UNREACHED}/{STOP}", STOP, since_ms, words, changes=True)
    return [together, *(one for one in found if one.key not in keys)]


def _waits(one: Wrong) -> bool:
    """Return True for a command that makes a telescope safe and was never handed out."""
    return one.key.partition("/")[0] in MAKES_SAFE


def _words(count: int, sites: Sequence[str]) -> str:
    return (
        f"{count} stops, closings and parkings wait at {len(sites)} sites for which no program polls"
        f"{EXAMPLES}{', '.join(sorted(sites)[:NAMED])}"
    )
