"""Redelivery: jobs of a hand-out that nothing confirmed are handed out once more where the setting says so.

Excluded are jobs that were reported on, that a stop or a cancel_all came after, or that were repeated before. A stop
does not come back once something newer was handed out: it would end that. Hand-outs with a `poll_id` or a lease are
left alone: their observatory repeats its poll, or their jobs come back by themselves.
"""

from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import APPLIANCE, CANCELLED, EXPIRED, FORWARDING, HELD, PRIMARY, RECEIVED, UNREAD
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

NOTE = "nothing confirmed its hand-out: it is handed out once more"
_HANDED = "SELECT count(*) FROM change h WHERE h.job_seq = j.seq AND h.queue = 'primary' AND h.handout_id IS NOT NULL"
# By arrival or by id: a cloud job may arrive long after its id was made.
# The plus keeps SQLite from walking through all jobs of the site.
_STOPPED = (
    "EXISTS (SELECT 1 FROM job s WHERE +s.site = j.site AND s.command_class = 'stop' AND s.seq > j.seq) OR "
    "EXISTS (SELECT 1 FROM job s WHERE s.site = j.site AND s.command_class = 'stop' AND s.ulid > j.ulid)"
)
_RESUMED = (
    "j.command_class = 'stop' AND EXISTS (SELECT 1 FROM job s WHERE +s.site = j.site AND s.seq > j.seq AND s.status "
    f"NOT IN ('{UNREAD}', '{HELD}', '{FORWARDING}', '{CANCELLED}', '{EXPIRED}'))"
)


def return_once(transaction: Transaction, queue: Queue, handout_id: int) -> int:
    """Return the jobs of a hand-out that just became unconfirmed to their queue, if they may; how many they are."""
    if queue.settings.redeliver != "once":
        return 0
    columns = ", ".join(f"j.{column}" for column in JobRow._fields)
    found = transaction.fetch(
        f"SELECT {columns} FROM change c JOIN job j ON j.seq = c.job_seq JOIN handout o ON o.id = c.handout_id "
        f"WHERE c.handout_id = ? AND o.queue = '{PRIMARY}' AND o.poll_id IS NULL AND o.lease_s IS NULL "
        f"AND j.status = '{RECEIVED}' AND ({_HANDED}) = 1 AND NOT ({_STOPPED}) AND NOT ({_RESUMED}) ORDER BY j.seq",
        (handout_id,),
    )
    rows = [JobRow(*row) for row in found]
    log.apply(transaction, rows, Event(PRIMARY, UNREAD, queue.clock.now_ms(), APPLIANCE, NOTE))
    return len(rows)
