"""The link's own rows: what each cloud job is to us, and how far each site was read.

OURS       we hand it out, and its statuses go to the cloud.
ELSEWHERE  another program took it, or it was no longer UNREAD when it was first seen: shown with the cloud's
           status, never handed out; a report of the site's own observatory makes it OURS.
GONE       deleted in the cloud: nothing is pushed any more, since that would make a ghost there.

A status is unsent while the log has a change of the job's primary queue after `pushed_seq`: the log is the outbox.
"""

from typing import NamedTuple

from prjobs.jobs.states import ALTERNATE, PRIMARY
from prjobs.store.engine import Engine, Row, Source
from prjobs.store.transaction import Transaction

OURS, ELSEWHERE, GONE = "OURS", "ELSEWHERE", "GONE"
GONE_NOTE = "cancel_all_commands in the cloud deleted it"

# The newest change of a job's primary queue.
NEWEST = f"(SELECT coalesce(max(c.seq), 0) FROM change c WHERE c.job_seq = k.job_seq AND c.queue <> '{ALTERNATE}')"
_HANDED = (
    f"EXISTS (SELECT 1 FROM change c WHERE c.job_seq = k.job_seq AND c.queue = '{PRIMARY}' "
    "AND c.handout_id IS NOT NULL)"
)


class Known(NamedTuple):
    """A cloud job as we have it; `status` is None when its history was removed."""

    ulid: str
    job_seq: int
    state: str
    pushed_seq: int
    repairs: int
    status: str | None


_KNOWN = (
    "SELECT k.ulid, k.job_seq, k.state, k.pushed_seq, k.repairs, j.status "
    "FROM cloud_job k LEFT JOIN job j ON j.seq = k.job_seq"
)


def known_between(source: Source, site: str, first: str, last: str) -> dict[str, Known]:
    """The site's cloud jobs from one id to another, by id."""
    found = source.fetch(f"{_KNOWN} WHERE k.site = ? AND k.ulid BETWEEN ? AND ?", (site, first, last))
    return {row[0]: Known(*row) for row in found}


def newest_change(source: Source, job_seq: int) -> int:
    """The number of the newest change of its primary queue."""
    return int(source.fetch(f"SELECT {NEWEST} FROM cloud_job k WHERE k.job_seq = ?", (job_seq,))[0][0])


def was_handed(source: Source, job_seq: int) -> bool:
    """Whether our primary queue ever handed the job out."""
    return bool(source.fetch(f"SELECT {_HANDED} FROM cloud_job k WHERE k.job_seq = ?", (job_seq,))[0][0])


def first_handout(source: Source, job_seq: int) -> int:
    """The number of the change with which our primary queue handed the job out first; 0 when it never did."""
    sql = f"SELECT min(seq) FROM change WHERE job_seq = ? AND queue = '{PRIMARY}' AND handout_id IS NOT NULL"
    return source.fetch(sql, (job_seq,))[0][0] or 0


def remember(transaction: Transaction, ulid: str, site: str, job_seq: int, state: str) -> None:
    """A cloud job that was just stored; what the log says of it so far came from the cloud."""
    transaction.execute(
        "INSERT INTO cloud_job (ulid, site, job_seq, state, pushed_seq) "
        f"SELECT ?, ?, ?, ?, {NEWEST} FROM (SELECT ? AS job_seq) k",
        (ulid, site, job_seq, state, job_seq),
    )


def send_again(transaction: Transaction, ulid: str, repairs: int = 0) -> None:
    """The cloud does not have the job's status, whatever was sent before; `repairs` are added to those made."""
    sql = "UPDATE cloud_job SET pushed_seq = 0, repairs = repairs + ? WHERE ulid = ?"
    transaction.execute(sql, (repairs, ulid))


def needs_no_push(transaction: Transaction, job_seqs: list[int], state: str | None = None) -> None:
    """What the log says of these jobs needs no push: it came from the cloud."""
    marks = ", ".join("?" * len(job_seqs))
    set_state = ", state = ?" if state else ""
    transaction.execute(
        f"UPDATE cloud_job AS k SET pushed_seq = {NEWEST}{set_state} WHERE job_seq IN ({marks})",
        [*([state] if state else []), *job_seqs],
    )


# ---- how far a site was read


def low_of(source: Source, site: str) -> int | None:
    """Cloud time in ms up to which every job of the site was seen; None before the first look."""
    found = source.fetch("SELECT low_ms FROM cloud_site WHERE site = ?", (site,))
    return found[0][0] if found else None


def begin_site(transaction: Transaction, site: str, low_ms: int) -> None:
    """The first look at a site begins here."""
    transaction.execute("INSERT OR IGNORE INTO cloud_site (site, low_ms) VALUES (?, ?)", (site, low_ms))


def raise_low(transaction: Transaction, site: str, start_ms: int, low_ms: int) -> None:
    """Everything from `start_ms` to `low_ms` was seen. A gap before `start_ms` keeps the mark where it is."""
    transaction.execute(
        "UPDATE cloud_site SET low_ms = max(low_ms, ?) WHERE site = ? AND low_ms >= ?", (low_ms, site, start_ms)
    )


def cancel_of(source: Source, site: str) -> str | None:
    """The id of the newest cancel_all that is being judged."""
    found = source.fetch("SELECT cancel_ulid FROM cloud_site WHERE site = ?", (site,))
    return found[0][0] if found else None


def set_cancel(transaction: Transaction, site: str, ulid: str) -> None:
    """What is older than this id is to be judged."""
    transaction.execute(
        "UPDATE cloud_site SET cancel_ulid = max(coalesce(cancel_ulid, ''), ?) WHERE site = ?", (ulid, site)
    )


def clear_cancel(transaction: Transaction, site: str) -> None:
    """Everything was judged."""
    transaction.execute("UPDATE cloud_site SET cancel_ulid = NULL WHERE site = ?", (site,))


# ---- parked statuses


def park(transaction: Transaction, ulid: str, reason: str, now_ms: int) -> None:
    """The cloud will not take this job's status: a person decides."""
    transaction.execute("UPDATE cloud_job SET parked = ?, parked_ms = ? WHERE ulid = ?", (reason, now_ms, ulid))


def parked_rows(source: Engine) -> list[Row]:
    """(ulid, site, status, reason, since_ms) of every status that is parked, oldest first."""
    return source.fetch(
        "SELECT k.ulid, k.site, j.status, k.parked, k.parked_ms FROM cloud_job k JOIN job j ON j.seq = k.job_seq "
        "WHERE k.parked IS NOT NULL ORDER BY k.ulid"
    )


def unpark(transaction: Transaction, ulid: str, give_up: bool) -> bool:
    """Try the job's status again, or leave the cloud with what it has; False when it is not parked."""
    if not transaction.execute(
        "UPDATE cloud_job SET parked = NULL, parked_ms = NULL WHERE ulid = ? AND parked IS NOT NULL", (ulid,)
    ).rowcount:
        return False
    if give_up:
        transaction.execute(f"UPDATE cloud_job AS k SET pushed_seq = {NEWEST}, repairs = 1000 WHERE ulid = ?", (ulid,))
    return True


def begin_after_restore(transaction: Transaction) -> None:
    """A restored store is behind the cloud: nothing in it may overwrite what the cloud knows by now."""
    transaction.execute(f"UPDATE cloud_job AS k SET pushed_seq = {NEWEST}, repairs = 1000, parked = NULL")
