"""Redelivery: jobs of an unconfirmed or thrown-away hand-out are handed out once more.

Stops come back unless the setting `redeliver_stop` is off: a stop twice does no harm, a lost stop does. A stop does
not come back once another job was handed out since, because the stop would end that job. Other jobs come back only
where the setting `redeliver` is `once`. Excluded are jobs with a report, with a later stop, or handed out twice.
Hand-outs with a lease are left alone, since the lease returns the jobs; of hand-outs with a `poll_id` only stops come
back, since the observatory repeats the poll.
"""

from prjobs.jobs import log, lookup, stops
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import STOP_CLASS
from prjobs.jobs.states import APPLIANCE, PRIMARY, RETURNED, UNREAD
from prjobs.store.models import JobRow
from prjobs.store.transaction import Transaction

NOTE = "nothing confirmed its hand-out: it is handed out once more"
THROWN_NOTE = "its answer was probably thrown away: it is handed out once more"
# A RETURNED hand-out never left: counting it would keep a lost stop from a second hand-out.
_TIMES = (
    "SELECT count(*) FROM change c JOIN handout h ON h.id = c.handout_id "
    f"WHERE c.job_seq = ? AND c.queue = ? AND h.state <> '{RETURNED}'"
)


def return_once(transaction: Transaction, queue: Queue, handout_id: int, is_thrown: bool = False) -> int:
    """Return the jobs that may be handed out once more from the hand-out to the queue, and return their number.

    Of an answer that was thrown away only stops come back.
    """
    site, queue_name, poll_id, lease_s = transaction.fetch(
        "SELECT site, queue, poll_id, lease_s FROM handout WHERE id = ?", (handout_id,)
    )[0]
    if lease_s is not None:
        return 0
    others = queue_name == PRIMARY and poll_id is None and queue.settings.redeliver_at(site) == "once"
    rows = [
        row
        for row in lookup.given_by(transaction, handout_id)
        if transaction.fetch(_TIMES, (row.seq, queue_name)) == [(1,)]
        and (_may_stop_return(transaction, queue, row, queue_name) if row.command_class == STOP_CLASS else others)
        and not (is_thrown and row.command_class != STOP_CLASS)
    ]
    free, _ = stops.split_covered(transaction, queue.settings, rows)
    note = THROWN_NOTE if is_thrown else NOTE
    log.apply(transaction, free, Event(queue_name, UNREAD, queue.clock.now_ms(), APPLIANCE, note))
    return len(free)


def _may_stop_return(transaction: Transaction, queue: Queue, row: JobRow, queue_name: str) -> bool:
    return queue.settings.redeliver_stop and not stops.is_overtaken(transaction, row, queue_name)
