"""The state of a hub, as its tables and the views of the server show it: processes, standbys, long transactions.

The functions take `fetch(sql, parameters)` of any reader of a database on PostgreSQL.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Fetch = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
# A process without a sign of life for so long is replaced.
GONE_MS = 10_000
ACTIVE, READY, SILENT = "active", "ready", "silent"
NOW_MS = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_MEMBERS = (
    f"SELECT m.url, m.version, {NOW_MS} - m.seen_ms, m.clock_offset_ms, (d.holder = m.id)::int "
    "FROM member m, door d WHERE d.id = 1 ORDER BY m.started_ms DESC, m.id"
)
# A user without the rights of pg_read_all_stats sees that there are standbys, but none of their columns.
_STANDBYS = (
    "SELECT application_name, coalesce(max((sync_state IN ('sync', 'quorum'))::int), 0), "
    "coalesce(max(extract(epoch FROM replay_lag)), 0)::float8, "
    "coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn)), 0)::bigint "
    "FROM pg_stat_replication WHERE application_name IS NOT NULL AND state <> 'backup' GROUP BY application_name "
    "ORDER BY application_name LIMIT ?"
)
_LONG = (
    "SELECT pid::bigint, coalesce(usename, ''), coalesce(application_name, ''), coalesce(datname, ''), "
    "extract(epoch FROM clock_timestamp() - xact_start)::bigint FROM pg_stat_activity "
    "WHERE xact_start < clock_timestamp() - ? * interval '1 second' AND backend_type <> 'walsender' "
    "ORDER BY xact_start LIMIT 3"
)
_PREPARED = (
    "SELECT gid, extract(epoch FROM clock_timestamp() - prepared)::bigint FROM pg_prepared_xacts "
    "WHERE prepared < clock_timestamp() - ? * interval '1 second' ORDER BY prepared LIMIT 3"
)


class HubMember(NamedTuple):
    """A process of the hub. `age_ms` is the time since the last sign of life, by the database's clock.

    `clock_offset_ms`: by how much the database's clock is ahead of the clock of the process's machine.
    """

    url: str
    version: str
    age_ms: int
    clock_offset_ms: int
    is_holder: int

    @property
    def role(self) -> str:
        """Return ACTIVE, READY, or SILENT for a process that gave no sign of life in time."""
        if self.age_ms >= GONE_MS:
            return SILENT
        return ACTIVE if self.is_holder else READY


class Standby(NamedTuple):
    """A standby of the database's server. `lag_bytes` of the write-ahead log are not on its disk yet."""

    name: str
    is_synchronous: int
    lag_s: float
    lag_bytes: int


class LongTransaction(NamedTuple):
    """An open transaction of any program at the server; a user with few rights sees own transactions only."""

    pid: int
    user: str
    program: str
    database: str
    age_s: int


def list_members(fetch: Fetch) -> list[HubMember]:
    """Return the processes of the last day, the youngest first."""
    return [HubMember(*row) for row in fetch(_MEMBERS, ())]


def list_standbys(fetch: Fetch, limit: int) -> list[Standby]:
    """Return the standbys that receive the write-ahead log, as far as the user may see."""
    return [Standby(*row) for row in fetch(_STANDBYS, (limit,))]


def list_long_transactions(fetch: Fetch, age_s: int) -> list[LongTransaction]:
    """Return the oldest of the transactions that are open for longer."""
    return [LongTransaction(*row) for row in fetch(_LONG, (age_s,))]


def list_long_prepared(fetch: Fetch, age_s: int) -> list[tuple[str, int]]:
    """Return the names and seconds of the oldest transactions that were prepared so long ago and never ended."""
    return [(str(name), int(age)) for name, age in fetch(_PREPARED, (age_s,))]


def brought_ulid(fetch: Fetch) -> str:
    """Return the highest id of a job that a move or a restore brought; empty for none."""
    return str(fetch("SELECT last_ulid FROM door WHERE id = 1", ())[0][0])
