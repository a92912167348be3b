"""The link's own tables: `cloud_job` for the state of each job of the cloud, `cloud_site` for the progress of reading.

OURS       the appliance hands the job out and sends the statuses to the cloud.
ELSEWHERE  another program took the job, or the first look saw another status than UNREAD: shown with the cloud's
           status, never handed out; a report of the site's own observatory makes the job OURS.
GONE       deleted in the cloud: no status is pushed, since a push would make a ghost.

A status is unsent if the log has a change of the job's primary queue after `pushed_seq`: the log is the outbox.
"""

from typing import NamedTuple

from prjobs.jobs.states import ALTERNATE, HELD, PRIMARY, UNREAD
from prjobs.store.source import Row, Source, marks
from prjobs.store.transaction import Transaction

OURS, ELSEWHERE, GONE = "OURS", "ELSEWHERE", "GONE"
GONE_NOTE = "cancel_all_commands in the cloud deleted it"
# With so many repairs made, the cloud keeps its status.
NO_REPAIRS = 1000

# The newest change of a job's primary queue.
NEWEST = f"(SELECT coalesce(max(c.seq), 0) FROM change c WHERE c.job_seq = k.job_seq AND c.queue <> '{ALTERNATE}')"
_HANDED = f"SELECT 1 FROM change WHERE job_seq = ? AND queue = '{PRIMARY}' AND handout_id IS NOT NULL LIMIT 1"


class Known(NamedTuple):
    """A known job of the cloud; `status` is None after the removal of the job's history."""

    ulid: str
    job_seq: int
    state: str
    pushed_seq: int
    repairs: int
    status: str | None
    command_class: str | None


_KNOWN = (
    "SELECT k.ulid, k.job_seq, k.state, k.pushed_seq, k.repairs, j.status, j.command_class "
    "FROM cloud_job k LEFT JOIN job j ON j.seq = k.job_seq"
)


def known_between(source: Source, site: str, first: str, last: str) -> dict[str, Known]:
    """Return the site's jobs of the cloud from id `first` to id `last`, by id."""
    found = source.fetch(f"{_KNOWN} WHERE k.site = ? AND k.ulid BETWEEN ? AND ? ORDER BY k.ulid", (site, first, last))
    return {row[0]: Known(*row) for row in found}


def newest_change(source: Source, job_seq: int) -> int:
    """Return the number of the newest change of the job's primary queue."""
    return int(source.fetch(f"SELECT {NEWEST} FROM cloud_job k WHERE k.job_seq = ?", (job_seq,))[0][0])


def was_handed(source: Source, job_seq: int) -> bool:
    """Return True if the primary queue ever handed the job out."""
    return bool(source.fetch(_HANDED, (job_seq,)))


def first_handout(source: Source, job_seq: int) -> int:
    """Return the number of the first change by a hand-out of the primary queue; 0 without a hand-out."""
    sql = f"SELECT min(seq) FROM change WHERE job_seq = ? AND queue = '{PRIMARY}' AND handout_id IS NOT NULL"
    return source.fetch(sql, (job_seq,))[0][0] or 0


def remember(transaction: Transaction, ulid: str, site: str, job_seq: int, state: str) -> None:
    """Add a job of the cloud, just stored; the log so far came from the cloud."""
    transaction.execute(
        "INSERT INTO cloud_job (ulid, site, job_seq, state, pushed_seq) "
        f"SELECT ?, ?, ?, ?, {NEWEST} FROM (SELECT CAST(? AS BIGINT) AS job_seq) k",
        (ulid, site, job_seq, state, job_seq),
    )


# ---- the outbox


def unsent_jobs(source: Source, since: str = "") -> list[tuple[str, str]]:
    """Return (ulid, site) of the jobs with an unsent status, from id `since` on, oldest first."""
    return source.fetch(
        "SELECT k.ulid, k.site FROM cloud_job k JOIN job j ON j.seq = k.job_seq "
        f"WHERE k.ulid >= ? AND k.state <> '{GONE}' AND k.parked IS NULL "
        f"AND j.status NOT IN ('{UNREAD}', '{HELD}') AND k.pushed_seq < {NEWEST} ORDER BY k.ulid",
        (since,),
    )


def mark_pushed(transaction: Transaction, ulid: str, seq: int) -> None:
    """Note the job's changes up to `seq` as sent."""
    transaction.execute(
        "UPDATE cloud_job SET pushed_seq = CASE WHEN pushed_seq < ? THEN ? ELSE pushed_seq END, "
        f"state = '{OURS}' WHERE ulid = ? AND state <> '{GONE}'",
        (seq, seq, ulid),
    )


def send_again(transaction: Transaction, ulid: str, repairs: int = 0) -> None:
    """Have the job's status sent again, and add `repairs` to the repairs made."""
    sql = "UPDATE cloud_job SET pushed_seq = 0, repairs = repairs + ? WHERE ulid = ?"
    transaction.execute(sql, (repairs, ulid))


def needs_no_push(transaction: Transaction, job_seqs: list[int], state: str | None = None) -> None:
    """Note the log of these jobs as known to the cloud; set a new state if given."""
    set_state = ", state = ?" if state else ""
    transaction.execute(
        f"UPDATE cloud_job AS k SET pushed_seq = {NEWEST}{set_state} WHERE job_seq IN ({marks(job_seqs)})",
        [*([state] if state else []), *job_seqs],
    )


def park(transaction: Transaction, ulid: str, reason: str, now_ms: int) -> None:
    """Park a refused status until a person decides."""
    transaction.execute("UPDATE cloud_job SET parked = ?, parked_ms = ? WHERE ulid = ?", (reason, now_ms, ulid))


def parked_rows(source: Source) -> list[Row]:
    """Return (ulid, site, status, reason, since_ms) of every parked status, oldest first."""
    return source.fetch(
        "SELECT k.ulid, k.site, j.status, k.parked, k.parked_ms FROM cloud_job k JOIN job j ON j.seq = k.job_seq "
        "WHERE k.parked IS NOT NULL ORDER BY k.ulid"
    )


def unpark(transaction: Transaction, ulid: str, give_up: bool) -> bool:
    """Try a parked status again, or give up and keep the cloud's status; return False without a parked status."""
    if not transaction.execute(
        "UPDATE cloud_job SET parked = NULL, parked_ms = NULL WHERE ulid = ? AND parked IS NOT NULL", (ulid,)
    ).rowcount:
        return False
    if give_up:
        sql = f"UPDATE cloud_job AS k SET pushed_seq = {NEWEST}, repairs = {NO_REPAIRS} WHERE ulid = ?"
        transaction.execute(sql, (ulid,))
    return True


def begin_after_restore(transaction: Transaction) -> None:
    """Send no status of a restored store: the cloud may have newer statuses."""
    transaction.execute(f"UPDATE cloud_job AS k SET pushed_seq = {NEWEST}, repairs = {NO_REPAIRS}, parked = NULL")


# ---- sites


def mark_of(source: Source, site: str) -> int | None:
    """Return the site's mark, the end of complete reading in cloud time in ms; None before the first look."""
    found = source.fetch("SELECT low_ms FROM cloud_site WHERE site = ?", (site,))
    return found[0][0] if found else None


def begin_site(transaction: Transaction, site: str, mark_ms: int) -> None:
    """Set the first mark of a site."""
    transaction.execute(
        "INSERT INTO cloud_site (site, low_ms) VALUES (?, ?) ON CONFLICT (site) DO NOTHING", (site, mark_ms)
    )


def raise_mark(transaction: Transaction, site: str, start_ms: int, mark_ms: int) -> None:
    """Raise the mark after reading from `start_ms` to `mark_ms`. A gap before `start_ms` keeps the mark in place."""
    transaction.execute(
        "UPDATE cloud_site SET low_ms = ? WHERE site = ? AND low_ms >= ? AND low_ms < ?",
        (mark_ms, site, start_ms, mark_ms),
    )


def cancel_of(source: Source, site: str) -> str | None:
    """Return the id of the newest cancel_all under judgement."""
    found = source.fetch("SELECT cancel_ulid FROM cloud_site WHERE site = ?", (site,))
    return found[0][0] if found else None


def set_cancel(transaction: Transaction, site: str, ulid: str) -> None:
    """Have the jobs older than the id judged."""
    transaction.execute(
        "UPDATE cloud_site SET cancel_ulid = ? WHERE site = ? AND coalesce(cancel_ulid, '') < ?", (ulid, site, ulid)
    )


def clear_cancel(transaction: Transaction, site: str) -> None:
    """End the judgement."""
    transaction.execute("UPDATE cloud_site SET cancel_ulid = NULL WHERE site = ?", (site,))


# ---- the times of stops


def note_stop(transaction: Transaction, site: str, job_seq: int, cloud_ms: int) -> None:
    """Note the cloud's time of the site's newest stop."""
    name = _STOP_TIME + site
    transaction.execute("DELETE FROM fact WHERE name = ?", (name,))
    transaction.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (name, f"{job_seq} {cloud_ms}"))


def noted_stop(source: Source, site: str) -> tuple[int, int]:
    """Return (number, the cloud's time in ms) of the site's last noted stop; zeros without one."""
    found = source.fetch("SELECT value FROM fact WHERE name = ?", (_STOP_TIME + site,))
    job_seq, _, cloud_ms = (found[0][0] if found else "0 0").partition(" ")
    return int(job_seq), int(cloud_ms)


_STOP_TIME = "cloud_stop "
