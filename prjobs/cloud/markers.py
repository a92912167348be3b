"""Which job of ours a record of the cloud is, when it carries our id as a marker."""

from prjobs.cloud.context import Context
from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.states import BOTH, FORWARDED, FORWARDING
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.transaction import Transaction

WHO = "cloud"


def may_run(transaction: Transaction, context: Context, site: str, marker: str | None, ulid: str) -> bool:
    """Whether the record is to run; False when our own job runs, ran or was withdrawn in its place.

    A job that was waiting for its marker is settled by it.
    """
    found = transaction.fetch(
        "SELECT seq, status FROM job WHERE site = ? AND ulid = ? AND origin <> ?", (site, marker, WHO)
    )
    if not found:
        return True
    seq, status = found[0]
    return status == FORWARDING and decide(transaction, context, seq, FORWARDED, f"runs as {ulid}, its cloud id")


def decide(transaction: Transaction, context: Context, seq: int, status: str, note: str) -> bool:
    """Only a job that is still undecided changes: a sweep and its own request may both want to."""
    found = transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ? AND status = '{FORWARDING}'", (seq,))
    rows = [JobRow(*one) for one in found]
    log.apply(transaction, rows, Event(BOTH, status, context.queue.clock.now_ms(), WHO, note))
    return bool(rows)
