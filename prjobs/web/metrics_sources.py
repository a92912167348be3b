"""The values of the metrics at a look: plain numbers with the values of their labels."""

import platform
import shutil
from collections.abc import Callable, Iterator
from typing import NamedTuple

from prjobs.appliance import Appliance
from prjobs.base.folder import Folder
from prjobs.base.ulids import ulid_ms
from prjobs.cloud import tables
from prjobs.cloud.status import state_of
from prjobs.jobs.polls import Poller
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import ALTERNATE, CONFIRMED, OPEN, PRIMARY, RETURNED, UNCONFIRMED
from prjobs.monitor import health, measuring
from prjobs.monitor.alarms import KINDS
from prjobs.monitor.board import Alarm
from prjobs.monitor.measures import Measures
from prjobs.store.schema import schema_number
from prjobs.version import VERSION
from prjobs.web.metric import Sample, Samples

MB = 1_000_000
HANDOUT_STATES = (OPEN, CONFIRMED, UNCONFIRMED, RETURNED)
LINK_STATES = ("starting", "in step", "behind", "down")


class Look(NamedTuple):
    """A look at all metrics, with the lock of the measures; `reaches(site)`: whether the caller may read the site."""

    appliance: Appliance
    reaches: Callable[[str], bool]

    @property
    def queue(self) -> Queue:
        """Return the queue."""
        return self.appliance.queue

    @property
    def measures(self) -> Measures:
        """Return the counts since the start."""
        return self.appliance.board.measures

    @property
    def folder(self) -> Folder:
        """Return the data folder."""
        return Folder(self.queue.folder)


def build(look: Look) -> Samples:
    """Return the versions as labels."""
    sqlite = "" if look.queue.settings.store_url else look.queue.database.version
    yield (VERSION, platform.python_version(), sqlite, schema_number()), 1


def healthy(look: Look) -> Samples:
    """Return 1 while no problem is raised."""
    yield (), health.examine(look.queue).ok


# ---- requests


def requests(look: Look) -> Samples:
    """Return the answers by method, endpoint and status."""
    for (method, endpoint), statuses in sorted(look.measures.requests.items()):
        for status, count in sorted(statuses.copy().items()):
            yield (method, endpoint, str(status)), count


def held_polls(look: Look) -> Samples:
    """Return the number of held polls."""
    yield (), look.queue.waiters.held_polls


# ---- polls


def polls(look: Look) -> Samples:
    """Return the polls by site and queue."""
    yield from sorted(look.measures.polls.items())


def _of_pollers(look: Look, value: Callable[[Queue, Poller], float | None]) -> Iterator[Sample]:
    for site in look.measures.labels.sites():
        for name in (PRIMARY, ALTERNATE):
            poller = look.queue.polls.of(site, name)
            if poller and (found := value(look.queue, poller)) is not None:
                yield (site, name), found


def poll_age(look: Look) -> Samples:
    """Return the seconds since the last poll."""
    return _of_pollers(look, lambda queue, poller: queue.polls.silence_ms(poller) / 1000)


def poll_gap(look: Look) -> Samples:
    """Return the usual gap between two polls."""
    return _of_pollers(look, lambda _queue, poller: _seconds(poller.usual_gap_ms))


def longest_gap(look: Look) -> Samples:
    """Return the longest of the last gaps."""
    return _of_pollers(look, lambda _queue, poller: _seconds(max(poller.gaps_ms.copy(), default=None)))


def _seconds(time_ms: int | None) -> float | None:
    return None if time_ms is None else time_ms / 1000


def silent(look: Look) -> Samples:
    """Return 1 for each silent site, 0 for each other site."""
    for site in look.measures.labels.sites():
        found = measuring.is_silent(look.queue.polls, site)
        if found is not None:
            yield (site,), found


def locked_out(look: Look) -> Samples:
    """Return 1 for each site that is locked out, 0 for each other site."""
    held = look.queue.lockouts.held
    for site in look.measures.labels.sites():
        yield (site,), site in held


# ---- jobs


def jobs(look: Look) -> Samples:
    """Return the jobs of the last day by site, class and phase."""
    return sorted(measuring.jobs_of_day(look.measures, look.queue).items())


def job_changes(look: Look) -> Samples:
    """Return the changes of jobs by site, class and phase."""
    return sorted(look.measures.changes.items())


def waited(look: Look) -> Samples:
    """Return the waiting times by class."""
    for command_class, times in sorted(look.measures.waited.items()):
        yield (command_class,), times


def handouts(look: Look) -> Samples:
    """Return the hand-outs of the last day by state."""
    found = measuring.handouts_of_day(look.queue)
    for state in HANDOUT_STATES:
        yield (state,), found.get(state, 0)


def handouts_made(look: Look) -> Samples:
    """Return the number of hand-outs."""
    yield (), measuring.count_handouts(look.measures, look.queue)


# ---- alarms


def _of_kinds(look: Look, counts: Callable[[Alarm], bool]) -> Iterator[Sample]:
    raised = [alarm for alarm in look.appliance.board.alarms.raised() if not alarm.site or look.reaches(alarm.site)]
    for kind in KINDS:
        yield (kind,), sum(alarm.kind == kind and counts(alarm) for alarm in raised)


def alarms(look: Look) -> Samples:
    """Return the raised alarms by kind."""
    return _of_kinds(look, lambda _alarm: True)


def unseen_alarms(look: Look) -> Samples:
    """Return the raised alarms by kind that nobody has acknowledged."""
    return _of_kinds(look, lambda alarm: alarm.seen_by is None)


# ---- the store and the disk


def commits(look: Look) -> Samples:
    """Return the commit times."""
    yield (), look.queue.database.commits


def store_bytes(look: Look) -> Samples:
    """Return the size of the store's file."""
    yield (), look.folder.database.stat().st_size


def log_bytes(look: Look) -> Samples:
    """Return the size of the write-ahead log."""
    yield (), look.folder.database.with_name(f"{look.folder.database.name}-wal").stat().st_size


def free_bytes(look: Look) -> Samples:
    """Return the free bytes of the disk."""
    yield (), shutil.disk_usage(look.queue.folder).free


def needed_bytes(look: Look) -> Samples:
    """Return the free bytes that new jobs need."""
    yield (), look.queue.settings.min_free_mb * MB


def backup_age(look: Look) -> Samples:
    """Return the age of the newest backup."""
    if newest := look.folder.newest_backup():
        yield (), max(0.0, look.queue.clock.now_ms() / 1000 - newest.stat().st_mtime)


# ---- the link to the cloud


def _is_linked(look: Look) -> bool:
    return look.queue.settings.cloud_mode != "off"


def link_state(look: Look) -> Samples:
    """Return 1 for the present state of the link, 0 for each other state."""
    if _is_linked(look):
        state, _ = state_of(look.appliance.cloud)
        for name in LINK_STATES:
            yield (name,), name == state


def unsent(look: Look) -> Samples:
    """Return the number of statuses on the way to the cloud."""
    if _is_linked(look):
        yield (), look.appliance.cloud.memory.unsent


def unsent_age(look: Look) -> Samples:
    """Return the age of the oldest job with a status on the way to the cloud."""
    oldest = look.appliance.cloud.memory.oldest_unsent
    if _is_linked(look):
        yield (), max(0, look.queue.clock.now_ms() - ulid_ms(oldest)) / 1000 if oldest else 0


def parked(look: Look) -> Samples:
    """Return the number of statuses that the cloud refused."""
    if _is_linked(look):
        yield (), len(tables.parked_rows(look.queue.database))


def answer_age(look: Look) -> Samples:
    """Return the seconds since the last usable answer of the cloud."""
    last_ms = look.appliance.cloud.memory.last_ms
    if _is_linked(look) and last_ms is not None:
        yield (), max(0, look.queue.clock.now_ms() - last_ms) / 1000
