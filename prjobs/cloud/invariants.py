"""Invariants of the link's tables: named checks, for tests after every step and for the doctor's deep look.

Each check takes a source with `fetch(sql, parameters)` and returns the ids in breach. I2, I6, I7 and parts of I8 and I9
show on the wire only, under the watch of tests.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from prjobs.cloud.tables import ELSEWHERE, GONE, GONE_NOTE, NEWEST, OURS
from prjobs.jobs.states import CANCELLED, HELD, PRIMARY, RECEIVED, UNREAD


class Source(Protocol):
    """A store with rows to read."""

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        ...


def i1_every_cloud_job_stands_with_its_mark(source: Source) -> list[str]:
    """Return jobs of the cloud without a row of the link or a mark of the site: both come in the job's transaction."""
    return _ulids(
        source,
        "SELECT j.ulid FROM job j WHERE j.origin = 'cloud' AND NOT EXISTS "
        "(SELECT 1 FROM cloud_job k JOIN cloud_site s ON s.site = k.site WHERE k.job_seq = j.seq AND k.ulid = j.ulid)",
    )


def i3_every_id_is_one_job(source: Source) -> list[str]:
    """Return rows of the link with an id or a site unlike the job's."""
    return _ulids(
        source,
        "SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq WHERE j.ulid <> k.ulid OR j.site <> k.site",
    )


def i3_what_went_elsewhere_is_never_queued(source: Source) -> list[str]:
    """Return jobs taken elsewhere, or deleted, yet waiting in a queue here."""
    return _ulids(
        source,
        "SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq "
        f"WHERE k.state IN ('{ELSEWHERE}', '{GONE}') AND j.status IN ('{UNREAD}', '{HELD}')",
    )


def i4_at_most_one_handout(source: Source) -> list[str]:
    """Return jobs in several hand-outs of the primary queue, without a lease or a return to UNREAD in between."""
    return _ulids(
        source,
        "SELECT k.ulid FROM cloud_job k JOIN change c ON c.job_seq = k.job_seq "
        f"WHERE c.queue = '{PRIMARY}' AND c.handout_id IS NOT NULL AND NOT EXISTS "
        f"(SELECT 1 FROM change u WHERE u.job_seq = k.job_seq AND u.status = '{UNREAD}' AND u.seq > c.seq) "
        "GROUP BY k.ulid HAVING count(DISTINCT c.handout_id) > 1",
    )


def i5_the_log_is_the_outbox(source: Source) -> list[str]:
    """Return jobs with a status unlike the newest change of the log: status and unsent row cannot differ."""
    return _ulids(
        source,
        f"SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq JOIN change c ON c.seq = {NEWEST} "
        "WHERE c.status <> j.status",
    )


def i5_nothing_is_sent_before_it_is_logged(source: Source) -> list[str]:
    """Return jobs marked as sent beyond the end of their log."""
    return _ulids(
        source, f"SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq WHERE k.pushed_seq > {NEWEST}"
    )


def i8_what_a_cancel_deleted_is_gone(source: Source) -> list[str]:
    """Return jobs deleted by the cloud's cancel_all before their hand-out, yet OURS: a push would make a ghost."""
    return _ulids(
        source,
        f"SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq JOIN change c ON c.seq = {NEWEST} "
        f"WHERE j.status = '{CANCELLED}' AND c.note = '{GONE_NOTE}' AND k.state = '{OURS}'",
    )


def i9_every_job_is_accounted_for(source: Source) -> list[str]:
    """Return RECEIVED jobs without a hand-out or a report in the log."""
    return _ulids(
        source,
        "SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq "
        f"WHERE k.state = '{OURS}' AND j.status = '{RECEIVED}' AND NOT EXISTS "
        "(SELECT 1 FROM change c WHERE c.job_seq = k.job_seq AND c.handout_id IS NOT NULL) AND NOT EXISTS "
        "(SELECT 1 FROM change c WHERE c.job_seq = k.job_seq AND c.who <> 'cloud')",
    )


def i10_only_jobs_were_taken_in(source: Source) -> list[str]:
    """Return jobs of the cloud without an action or a site, or with a bad id."""
    return _ulids(
        source, "SELECT ulid FROM job WHERE origin = 'cloud' AND (action = '' OR length(ulid) <> 26 OR site = '')"
    )


def _ulids(source: Source, sql: str) -> list[str]:
    return [str(row[0]) for row in source.fetch(sql)]


CHECKS: tuple[Callable[[Source], list[str]], ...] = (
    i1_every_cloud_job_stands_with_its_mark,
    i3_every_id_is_one_job,
    i3_what_went_elsewhere_is_never_queued,
    i4_at_most_one_handout,
    i5_the_log_is_the_outbox,
    i5_nothing_is_sent_before_it_is_logged,
    i8_what_a_cancel_deleted_is_gone,
    i9_every_job_is_accounted_for,
    i10_only_jobs_were_taken_in,
)


class Looking:
    """A plain connection as a source."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        return self._connection.execute(sql, parameters).fetchall()


def broken(source: Source) -> dict[str, list[str]]:
    """Return the ids in breach by the name of the check; empty if all hold."""
    found = {check.__name__: check(source) for check in CHECKS}
    return {name: ulids for name, ulids in found.items() if ulids}


def jobs_of(connection: sqlite3.Connection) -> int:
    """Return the number of the cloud's jobs in the store."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'cloud_job'").fetchone():
        return 0
    return int(connection.execute("SELECT count(*) FROM cloud_job").fetchone()[0])


def sentences(connection: sqlite3.Connection) -> list[str]:
    """Return the deep look's sentences on the file's jobs of the cloud; none if all hold, or for a link never switched
    on.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'cloud_job'").fetchone():
        return []
    return [
        f"Jobs of the cloud that break the rule {name.replace('_', ' ')}: {len(ulids)}, the first is {ulids[0]}. "
        "This is a defect of the program: keep a backup of the store and report it."
        for name, ulids in broken(Looking(connection)).items()
    ]
