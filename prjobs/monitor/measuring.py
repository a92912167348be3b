"""A look at the polls and at the store for the metrics.

The log of changes is read at each look, from the end of the look before: reports and commands pay nothing for counting.
The functions that take measures are called with the lock of the measures.
"""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

from prjobs.base.errors import Unavailable
from prjobs.base.ulids import floor_ulid
from prjobs.jobs import log
from prjobs.jobs.polls import Polls
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import ALTERNATE, PRIMARY, RECEIVED, phase_of
from prjobs.monitor.measures import ByPhase, Measures, SiteLabels
from prjobs.store.numbers import last_number

DAY_MS = 86_400_000
# A look reads so many changes of jobs at most, and counts so many of the newest jobs and hand-outs of the last day.
CHANGES, JOBS, HANDOUTS = 50_000, 50_000, 20_000
# The jobs of the day are counted again after a time in proportion: so many in a second.
JOBS_A_SECOND = 1_000
_CHANGED = (
    "SELECT c.site, j.command_class, c.status, count(*) FROM change c JOIN job j ON j.seq = c.job_seq "
    f"WHERE c.seq > ? AND c.seq <= ? AND c.queue <> '{ALTERNATE}' GROUP BY c.site, j.command_class, c.status"
)
# The present pick-up alone: neither a hand-out that was taken back, nor the second program that gets a stop.
_PICKED_UP = (
    "SELECT j.command_class, c.time_ms - j.created_ms FROM change c JOIN job j ON j.seq = c.job_seq "
    f"WHERE c.seq > ? AND c.seq <= ? AND c.handout_id IS NOT NULL AND c.queue = '{PRIMARY}' "
    f"AND c.status = '{RECEIVED}' AND c.time_ms = j.picked_up_ms"
)
_DAY = (
    "SELECT site, command_class, status, count(*) FROM "
    f"(SELECT site, command_class, status FROM job WHERE ulid >= ? ORDER BY ulid DESC LIMIT {JOBS}) AS day "
    "GROUP BY site, command_class, status"
)
_HANDOUTS = "SELECT state, count(*) FROM handout WHERE id > ? AND time_ms >= ? GROUP BY state"


def begin(measures: Measures, queue: Queue) -> None:
    """Note the end of the log at the start. A store in trouble is left to the first look."""
    with suppress(Unavailable):
        measures.seq = log.last_seq(queue.database)
        measures.first_handout = last_number(queue.database.fetch, "handout")


def follow_polls(measures: Measures, polls: Polls) -> None:
    """Count the polls since the last look, and give labels to new sites."""
    measures.labels.add(polls)
    for site, queue_name, count in polls.count_new():
        measures.polls[(measures.labels.of(site), queue_name)] += count


def follow_log(measures: Measures, queue: Queue) -> None:
    """Count the changes of jobs since the last look. Raise Unavailable.

    The first look counts the newest changes since the start; later looks go through a long log step by step.
    """
    newest = log.last_seq(queue.database)
    since = newest if measures.seq is None else measures.seq
    if not measures.has_looked:
        since = max(since, newest - CHANGES)
    span = (since, min(newest, since + CHANGES))
    changed = queue.database.fetch(_CHANGED, span)
    picked_up = queue.database.fetch(_PICKED_UP, span)
    measures.seq, measures.has_looked = max(span), True
    measures.changes.update(_by_phase(measures.labels, changed))
    for command_class, waited_ms in picked_up:
        # The cloud's clock may be ahead.
        measures.add_waited(command_class, max(0, waited_ms) / 1000)


def _by_phase(labels: SiteLabels, rows: Iterable[tuple[str, str, str, int]]) -> ByPhase:
    found: ByPhase = Counter()
    for site, command_class, status, count in rows:
        found[(labels.of(site), command_class, phase_of(status))] += count
    return found


def jobs_of_day(measures: Measures, queue: Queue) -> ByPhase:
    """Return the jobs of the last day by site, class and present phase. Raise Unavailable."""
    now_s = queue.clock.elapsed_s()
    if now_s >= measures.day_until_s:
        since = floor_ulid(queue.clock.now_ms() - DAY_MS)
        measures.day = _by_phase(measures.labels, queue.database.fetch(_DAY, (since,)))
        measures.day_until_s = now_s + measures.day.total() / JOBS_A_SECOND
    return measures.day


def count_handouts(measures: Measures, queue: Queue) -> int:
    """Return the number of hand-outs since the start. Raise Unavailable."""
    newest = last_number(queue.database.fetch, "handout")
    if measures.first_handout is None:
        measures.first_handout = newest
    return max(0, newest - measures.first_handout)


def handouts_of_day(queue: Queue) -> dict[str, int]:
    """Return the hand-outs of the last day by state. Raise Unavailable."""
    newest = last_number(queue.database.fetch, "handout")
    return dict(queue.database.fetch(_HANDOUTS, (newest - HANDOUTS, queue.clock.now_ms() - DAY_MS)))


def is_silent(polls: Polls, site: str) -> bool | None:
    """Return True if the site is silent; None for a site that no program polled."""
    poller = polls.of(site, PRIMARY) or polls.of(site, ALTERNATE)
    return None if poller is None else polls.silence_ms(poller) > poller.silent_after_ms
