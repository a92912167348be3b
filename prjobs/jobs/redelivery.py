"""Jobs of a hand-out that nothing confirmed, handed out once more where the setting says so.

Never what was reported on, what a stop or a cancel_all came after, or what was repeated before. A stop does not come
back once something newer was handed out: it would end that. Hand-outs with a `poll_id` or a lease are left alone:
their observatory repeats its poll, or they come back by themselves.
"""

from prjobs.appliance import Appliance
from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.states import CANCELLED, EXPIRED, FORWARDING, HELD, PRIMARY, RECEIVED, UNREAD
from prjobs.store.database import Transaction
from prjobs.store.models import JobRow

WHO = "appliance"
NOTE = "nothing confirmed its hand-out: it is handed out once more"
_HANDED = "SELECT count(*) FROM change h WHERE h.job_seq = j.seq AND h.queue = 'primary' AND h.handout_id IS NOT NULL"
# Whatever arrived or was asked for later: a cloud job may arrive long after its id was made.
# The plus keeps SQLite from walking through all jobs of the site.
_STOPPED = (
    "EXISTS (SELECT 1 FROM job s WHERE +s.site = j.site AND s.command_class = 'stop' AND s.seq > j.seq) OR "
    "EXISTS (SELECT 1 FROM job s WHERE s.site = j.site AND s.command_class = 'stop' AND s.ulid > j.ulid)"
)
_RESUMED = (
    "j.command_class = 'stop' AND EXISTS (SELECT 1 FROM job s WHERE +s.site = j.site AND s.seq > j.seq AND s.status "
    f"NOT IN ('{UNREAD}', '{HELD}', '{FORWARDING}', '{CANCELLED}', '{EXPIRED}'))"
)


def return_once(transaction: Transaction, appliance: Appliance, handout_id: int) -> int:
    """The hand-out just became unconfirmed: its jobs wait again, if they may. How many there are."""
    if appliance.settings.redeliver != "once":
        return 0
    columns = ", ".join(f"j.{column}" for column in JobRow._fields)
    found = transaction.fetch(
        f"SELECT {columns} FROM change c JOIN job j ON j.seq = c.job_seq JOIN handout o ON o.id = c.handout_id "
        f"WHERE c.handout_id = ? AND o.queue = '{PRIMARY}' AND o.poll_id IS NULL AND o.lease_s IS NULL "
        f"AND j.status = '{RECEIVED}' AND ({_HANDED}) = 1 AND NOT ({_STOPPED}) AND NOT ({_RESUMED}) ORDER BY j.seq",
        (handout_id,),
    )
    rows = [JobRow(*row) for row in found]
    log.apply(transaction, rows, Event(PRIMARY, UNREAD, appliance.clock.now_ms(), WHO, NOTE))
    return len(rows)
