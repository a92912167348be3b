"""The state of the queue: the store, and the memory of jobs, polls and hand-outs."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from prjobs.access.lockouts import Lockouts
from prjobs.base.deadlines import Deadlines
from prjobs.base.errors import Fault, Unavailable
from prjobs.base.ulids import Ulids
from prjobs.jobs.connections import Connections
from prjobs.jobs.polls import Polls
from prjobs.jobs.recent_polls import NotedPoll, RecentPolls
from prjobs.jobs.refusals import RefusedPolls
from prjobs.jobs.rivals import KnownRivals
from prjobs.jobs.states import Program
from prjobs.jobs.surplus import Surplus
from prjobs.jobs.waiters import Waiters
from prjobs.store.common import Common


class Stop(NamedTuple):
    """The newest stop of a site in this process: the job, and the elapsed time."""

    job_seq: int
    at_s: float


@dataclass
class Sweep:
    """The sweep of expired jobs: the elapsed time of the next look at all waiting jobs."""

    look_s: float = 0.0


# The upkeep gives the reserve on the disk up at once.
MAKE_ROOM_S = 0.6


@dataclass(frozen=True, kw_only=True)
class Queue(Common):
    """The state that the verbs of this package take. Verbs change memory after the commit only.

    Deadlines: `expiries` by job number; `leases` by (job number, queue); `repeats` by hand-out, the end of the time in
    which a `poll_id` gives the same jobs again; `settling` by (site, queue), the end of the time in which only stops
    are handed out, and `settled` by (job number, queue), that end for a closing or parking. `stops` has the newest stop
    of each site, `given_stops` the polls that got each of the last stops, `shared_stops` by (site, queue) the time of
    the first hand-out of each of the last stops for all devices, `rivals` two programs that poll the same queue,
    `reported` the numbers of stops, closings and parkings just reported without a hand-out. `returning` has the (site,
    queue) of the stops that the writer may be about to return. `surplus` has the jobs sent above the pace, `removed`
    the numbers of jobs just removed from the store, `lockouts` the locks of sites. `first_seq` is the
    number of the newest job from before the start.
    """

    ulids: Ulids
    waiters: Waiters
    polls: Polls
    connections: Connections
    expiries: Deadlines
    leases: Deadlines
    repeats: Deadlines
    settling: Deadlines
    settled: Deadlines
    lockouts: Lockouts
    first_seq: int
    stops: dict[str, Stop] = field(default_factory=dict)
    recent_polls: RecentPolls = field(default_factory=RecentPolls)
    rivals: dict[Program, KnownRivals] = field(default_factory=dict)
    given_stops: dict[Program, dict[int, tuple[NotedPoll, ...]]] = field(default_factory=dict)
    shared_stops: dict[tuple[str, str], dict[int, float]] = field(default_factory=dict)
    reported: set[int] = field(default_factory=set)
    returning: set[tuple[str, str]] = field(default_factory=set)
    sweep: Sweep = field(default_factory=Sweep)
    surplus: Surplus = field(default_factory=Surplus)
    removed: deque[int] = field(default_factory=lambda: deque(maxlen=10_000))
    refused: RefusedPolls = field(default_factory=RefusedPolls)


def write_command(queue: Queue, verb: Callable[..., Any], *arguments: Any, makes_safe: bool) -> Any:
    """Return the result of a verb that stores a command.

    On a full disk a command that makes a telescope safe is tried again once the upkeep made room.
    """
    try:
        return queue.database.write(verb, *arguments, makes_safe=makes_safe)
    except Unavailable as unavailable:
        if unavailable.fault != Fault.FULL or not makes_safe:
            raise
        queue.stopping.wait(MAKE_ROOM_S)
        return queue.database.write(verb, *arguments, makes_safe=makes_safe)


def post(queue: Queue, verb: Callable[..., None], *arguments: Any) -> None:
    """Hand a verb to the writer, without waiting; a writer in trouble drops the verb.

    A hand-out without the dropped proof stays OPEN, and becomes UNCONFIRMED at the next start: doubt is the safe side.
    """
    with suppress(Unavailable):
        queue.database.post(verb, *arguments)
