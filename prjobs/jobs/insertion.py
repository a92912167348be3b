"""Insertion: a command becomes a new row of `job`, with a first row in the log."""

from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import Command, carried
from prjobs.jobs.states import BOTH, PRIMARY, UNREAD
from prjobs.store.models import JOB_COLUMNS, JobRow, checksum
from prjobs.store.numbers import insert_numbered
from prjobs.store.transaction import Transaction

LOCAL = "local"
_INSERT_JOB = f"INSERT INTO job ({JOB_COLUMNS}) VALUES ({', '.join('?' * len(JobRow._fields))})"


def new_row(
    queue: Queue, command: Command, ulid: str, created_ms: int, origin: str = LOCAL, status: str = UNREAD
) -> JobRow:
    """Return the command as a job with the status in both queues, not stored yet; `created_ms` begins its time."""
    command_class = command.command_class
    expiry_s = queue.settings.expiry_s(command_class)
    return JobRow(
        seq=0,
        ulid=ulid,
        created_ms=created_ms,
        command_class=command_class,
        status=status,
        estimate_s=None,
        alternate_status=status,
        alternate_estimate_s=None,
        changed_ms=queue.clock.now_ms(),
        expires_ms=created_ms + expiry_s * 1000 if expiry_s else None,
        origin=origin,
        attempts=0,
        checksum=checksum(ulid, command),
        **carried(command),
    )


def insert_row(transaction: Transaction, queue: Queue, row: JobRow, who: str, note: str = "") -> JobRow:
    """Store a new job and log the insertion; return the job with the number."""
    row = log.begun(row)._replace(note=note)
    row = row._replace(seq=insert_numbered(transaction, "job", _INSERT_JOB, row[1:]))
    transaction.execute("DELETE FROM removed_site WHERE site = ?", (row.site,))
    queue_name = BOTH if row.status == row.alternate_status else PRIMARY
    event = Event(queue_name, row.status, row.changed_ms, who, note, estimate_s=row.estimate_s)
    log.append_created(transaction, row, event)
    transaction.after_commit(queue.polls.know, row.site)
    return row
