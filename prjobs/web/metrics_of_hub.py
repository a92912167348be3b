"""The metrics that only a hub has: its processes, the waits for the other writers, the standbys of its database."""

from collections import Counter

from prjobs.store import hub_state
from prjobs.store.hub_state import ACTIVE, READY, SILENT, HubMember, Standby
from prjobs.store.source import Store
from prjobs.web.metric import GAUGE, HISTOGRAM, INFO, Metric, Samples

ROLES = (ACTIVE, READY, SILENT)
# The most processes, and the most standbys, with series of their own.
LABELS = 20


def build(store: Store) -> Samples:
    """Return the version of the database and the id of this process as labels."""
    yield (store.version, store.member), 1


def _members(store: Store) -> list[HubMember]:
    return hub_state.list_members(store.fetch)


def members(store: Store) -> Samples:
    """Return the number of processes by role."""
    found = Counter(one.role for one in _members(store))
    for role in ROLES:
        yield (role,), found[role]


def clock_offsets(store: Store) -> Samples:
    """Return by how much the database's clock is ahead of the clocks of the living processes' machines."""
    living = [one for one in _members(store) if one.role != SILENT]
    # Two processes with one address, as behind a wrong setting, share a series.
    offsets = {one.url: one.clock_offset_ms / 1000 for one in living[:LABELS]}
    for url, offset_s in sorted(offsets.items()):
        yield (url,), offset_s


def door_waits(store: Store) -> Samples:
    """Return the waits for the row that all writers lock."""
    if waits := store.door_waits:
        yield (), waits


def _standbys(store: Store) -> list[Standby]:
    return hub_state.list_standbys(store.fetch, LABELS)


def synchronous(store: Store) -> Samples:
    """Return 1 for each standby that commits wait for, 0 for each other one."""
    for one in _standbys(store):
        yield (one.name,), one.is_synchronous


def lags(store: Store) -> Samples:
    """Return the seconds by which each standby is behind."""
    for one in _standbys(store):
        yield (one.name,), one.lag_s


def lag_bytes(store: Store) -> Samples:
    """Return the bytes that each standby has not on its disk yet."""
    for one in _standbys(store):
        yield (one.name,), one.lag_bytes


HUB_METRICS = [
    Metric(
        "prjobs_hub_info",
        INFO,
        ("postgresql", "member"),
        "Only on a hub, as all metrics of this name: the version of PostgreSQL, and the id of this process. Always 1.",
        build,
    ),
    Metric(
        "prjobs_hub_members",
        GAUGE,
        ("role",),
        "Processes of the hub: active, ready to take over, or silent, without a sign of life for 10 seconds. "
        "A silent process counts for a day.",
        members,
    ),
    Metric(
        "prjobs_hub_clock_offset_seconds",
        GAUGE,
        ("member",),
        "Seconds by which the database's clock is ahead of the clock of the process's machine. Negative: behind.",
        clock_offsets,
    ),
    Metric(
        "prjobs_hub_door_wait_seconds",
        HISTOGRAM,
        (),
        "Seconds that a transaction waited for the row that all writers of the hub lock, with the way to the database.",
        door_waits,
    ),
    Metric(
        "prjobs_hub_standby_synchronous",
        GAUGE,
        ("standby",),
        "1 for a standby of the database that commits wait for, 0 for another one. "
        "The metrics of standbys are absent where the user of store_url lacks the role pg_read_all_stats.",
        synchronous,
    ),
    Metric(
        "prjobs_hub_standby_lag_seconds",
        GAUGE,
        ("standby",),
        "Seconds until the newest writes were replayed by the standby; 0 while nothing is written.",
        lags,
    ),
    Metric(
        "prjobs_hub_standby_lag_bytes",
        GAUGE,
        ("standby",),
        "Bytes of the write-ahead log that are not on the disk of the standby yet.",
        lag_bytes,
    ),
]
