"""The state of the queue: the store, and what is known in memory of its jobs, polls and hand-outs."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from prjobs.base.deadlines import Deadlines
from prjobs.base.errors import Unavailable
from prjobs.base.ulids import Ulids
from prjobs.jobs.connections import Connections
from prjobs.jobs.polls import Polls
from prjobs.jobs.waiters import Waiters
from prjobs.store.common import Common


class Stop(NamedTuple):
    """The newest command of this process that withdrew everything of a site: its job, and when, by elapsed time."""

    job_seq: int
    at_s: float


@dataclass(frozen=True, kw_only=True)
class Queue(Common):
    """What the verbs of this package work with. Memory follows the store: verbs change it after the commit only.

    `expiries` by job number, `leases` by (job number, queue), `repeats` by hand-out: until when a `poll_id` gives the
    same jobs again. `stops` by site. `first_seq` is the number of the newest job from before this process.
    """

    ulids: Ulids
    waiters: Waiters
    polls: Polls
    connections: Connections
    expiries: Deadlines
    leases: Deadlines
    repeats: Deadlines
    first_seq: int
    stops: dict[str, Stop] = field(default_factory=dict)


def post(queue: Queue, verb: Callable[..., None], *arguments: Any) -> None:
    """Hand to the writer what no request waits for, and what is left out when the writer takes nothing.

    A hand-out whose proof is left out stays OPEN and becomes UNCONFIRMED at the next start: doubt is the safe side.
    """
    with suppress(Unavailable):
        queue.database.post(verb, *arguments)
