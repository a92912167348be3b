"""What must hold of the link's rows at any moment: named checks, run by tests after every step and by a deep look.

Each takes something with `fetch(sql, parameters)` and returns the ids that break the invariant. I2, I6,
I7 and what of I8 and I9 is about the cloud can only be seen on the wire: tests watch it there.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from prjobs.cloud.tables import ELSEWHERE, GONE, GONE_NOTE, NEWEST, OURS
from prjobs.jobs.states import CANCELLED, HELD, PRIMARY, RECEIVED, UNREAD


class Source(Protocol):
    """A store that can be asked."""

    def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query."""
        ...


def i1_every_cloud_job_stands_with_its_mark(source: Source) -> list[str]:
    """A job is stored in the transaction that moves its site's mark: no cloud job without its row or its site."""
    return _ulids(
        source,
        "SELECT j.ulid FROM job j WHERE j.origin = 'cloud' AND NOT EXISTS "
        "(SELECT 1 FROM cloud_job k JOIN cloud_site s ON s.site = k.site WHERE k.job_seq = j.seq AND k.ulid = j.ulid)",
    )


def i3_every_id_is_one_job(source: Source) -> list[str]:
    """(site, ulid) is unique, and the link's row names the job of that id and site."""
    return _ulids(
        source,
        "SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq WHERE j.ulid <> k.ulid OR j.site <> k.site",
    )


def i3_what_went_elsewhere_is_never_queued(source: Source) -> list[str]:
    """A job that another program took, or that is gone, does not wait in our queue."""
    return _ulids(
        source,
        "SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq "
        f"WHERE k.state IN ('{ELSEWHERE}', '{GONE}') AND j.status IN ('{UNREAD}', '{HELD}')",
    )


def i4_at_most_one_handout(source: Source) -> list[str]:
    """A cloud job is in one hand-out of the primary queue at most, unless it was leased or made UNREAD again."""
    return _ulids(
        source,
        "SELECT k.ulid FROM cloud_job k JOIN change c ON c.job_seq = k.job_seq "
        f"WHERE c.queue = '{PRIMARY}' AND c.handout_id IS NOT NULL AND NOT EXISTS "
        f"(SELECT 1 FROM change u WHERE u.job_seq = k.job_seq AND u.status = '{UNREAD}' AND u.seq > c.seq) "
        "GROUP BY k.ulid HAVING count(DISTINCT c.handout_id) > 1",
    )


def i5_the_log_is_the_outbox(source: Source) -> list[str]:
    """A job's status is the one of the newest change of its log: status and unsent row cannot differ."""
    return _ulids(
        source,
        f"SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq JOIN change c ON c.seq = {NEWEST} "
        "WHERE c.status <> j.status",
    )


def i5_nothing_is_sent_before_it_is_logged(source: Source) -> list[str]:
    """What counts as sent is in the log."""
    return _ulids(
        source, f"SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq WHERE k.pushed_seq > {NEWEST}"
    )


def i8_what_a_cancel_deleted_is_gone(source: Source) -> list[str]:
    """A job that the cloud's cancel_all deleted before it was handed out is GONE: nothing is pushed for it."""
    return _ulids(
        source,
        f"SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq JOIN change c ON c.seq = {NEWEST} "
        f"WHERE j.status = '{CANCELLED}' AND c.note = '{GONE_NOTE}' AND k.state = '{OURS}'",
    )


def i9_every_job_is_accounted_for(source: Source) -> list[str]:
    """A cloud job waits, is held, was handed out, or has a reason in its log why it is not handed out."""
    return _ulids(
        source,
        "SELECT k.ulid FROM cloud_job k JOIN job j ON j.seq = k.job_seq "
        f"WHERE k.state = '{OURS}' AND j.status = '{RECEIVED}' AND NOT EXISTS "
        "(SELECT 1 FROM change c WHERE c.job_seq = k.job_seq AND c.handout_id IS NOT NULL) AND NOT EXISTS "
        "(SELECT 1 FROM change c WHERE c.job_seq = k.job_seq AND c.who <> 'cloud')",
    )


def i10_only_jobs_were_taken_in(source: Source) -> list[str]:
    """Nothing without an action or with a bad id is stored."""
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
    """Check name -> the ids that break it; empty when all hold."""
    found = {check.__name__: check(source) for check in CHECKS}
    return {name: ulids for name, ulids in found.items() if ulids}


def jobs_of(connection: sqlite3.Connection) -> int:
    """How many jobs of the cloud the store knows."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'cloud_job'").fetchone():
        return 0
    return int(connection.execute("SELECT count(*) FROM cloud_job").fetchone()[0])


def sentences(connection: sqlite3.Connection) -> list[str]:
    """What a deep look has to say of the file's cloud jobs; empty when all holds or the link was never on."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'cloud_job'").fetchone():
        return []
    return [
        f"Jobs of the cloud that break the rule {name.replace('_', ' ')}: {len(ulids)}, the first is {ulids[0]}. "
        "This is a defect of the program: keep a backup of the store and report it."
        for name, ulids in broken(Looking(connection)).items()
    ]
