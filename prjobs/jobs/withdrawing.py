"""The withdrawal of the waiting jobs before a stop: at once, and of very many jobs step by step.

The stop is handed out with the next poll, whatever its site has waiting.
"""

from prjobs.jobs import log
from prjobs.jobs.log import Event
from prjobs.jobs.lookup import WITHDRAWS
from prjobs.jobs.queue import Queue, Stop
from prjobs.jobs.states import ALTERNATE, BOTH, CANCELLED, COLUMNS, FORWARDING, HELD, PRIMARY, UNREAD
from prjobs.jobs.stops import NOT_SPARED, STOP, withdrawal_of
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.transaction import Transaction

# A stop withdraws so many waiting jobs at once: the poll that fetches the stop must not wait for thousands. The rest is
# named by a fact in the same transaction, is handed out no more from then on, and is withdrawn step by step.
STEP = 500
STEPS = 10
_OLDER = f"site = :site AND seq < :before_seq AND {NOT_SPARED}"
# Each condition has an index of its own.
_HELD = {
    queue_name: f"{_OLDER} AND {status} IN ('{HELD}', '{FORWARDING}')" for queue_name, (status, _) in COLUMNS.items()
}
# One row of the log for a job that waits in both queues.
_WAITING = {
    BOTH: f"{_OLDER} AND status = '{UNREAD}' AND alternate_status = '{UNREAD}'",
    PRIMARY: f"{_OLDER} AND status = '{UNREAD}' AND alternate_status <> '{UNREAD}'",
    ALTERNATE: f"{_OLDER} AND alternate_status = '{UNREAD}' AND status <> '{UNREAD}'",
}
_NAMED = f"SELECT name, CAST(value AS BIGINT) FROM fact WHERE name >= '{WITHDRAWS}' AND name < '{WITHDRAWS.rstrip()}!'"


def withdraw_older(transaction: Transaction, queue: Queue, stop: JobRow) -> None:
    """Withdraw every older waiting or held job of the stop's site, in both queues; remember the stop.

    Of very many waiting jobs the oldest and all stops are withdrawn now, the rest by `withdraw_rest_once`.
    """
    for queue_name, where in _HELD.items():
        log.apply_where(transaction, stop.site, where, stop.seq, _withdrawn(queue, stop, queue_name))
    for queue_name, where in _WAITING.items():
        stops = f"{where} AND command_class = '{STOP}'"
        log.apply_where(transaction, stop.site, stops, stop.seq, _withdrawn(queue, stop, queue_name))
    if _withdraw_step(transaction, queue, stop):
        name = WITHDRAWS + stop.site
        transaction.execute("DELETE FROM fact WHERE name = ?", (name,))
        transaction.execute("INSERT INTO fact (name, value) VALUES (?, ?)", (name, str(stop.seq)))
    transaction.after_commit(queue.stops.__setitem__, stop.site, Stop(stop.seq, queue.clock.elapsed_s()))


def _withdrawn(queue: Queue, stop: JobRow, queue_name: str) -> Event:
    return Event(queue_name, CANCELLED, queue.clock.now_ms(), stop.user_id, withdrawal_of(stop).note)


def _withdraw_step(transaction: Transaction, queue: Queue, stop: JobRow) -> bool:
    """Withdraw the oldest waiting jobs before a stop; return True if more are left."""
    is_more = False
    for queue_name, where in _WAITING.items():
        values = {"site": stop.site, "before_seq": stop.seq}
        next_one = transaction.execute(f"SELECT seq FROM job WHERE {where} ORDER BY seq LIMIT 1 OFFSET {STEP}", values)
        before_seq = (next_one.fetchone() or (stop.seq,))[0]
        log.apply_where(transaction, stop.site, where, before_seq, _withdrawn(queue, stop, queue_name))
        is_more |= before_seq < stop.seq
    return is_more


def withdraw_rest_once(queue: Queue) -> None:
    """Withdraw the rest of very many jobs before a stop, step by step; a crash in between leaves the rest named."""
    for name, stop_seq in queue.database.fetch(_NAMED):
        for _ in range(STEPS):
            if not queue.database.write(_withdraw_rest, queue, name, stop_seq):
                break


def _withdraw_rest(transaction: Transaction, queue: Queue, name: str, stop_seq: int) -> bool:
    """Do one step, and forget the rest after the last one; return True if more is left."""
    found = transaction.fetch(f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ?", (stop_seq,))
    if found and _withdraw_step(transaction, queue, JobRow(*found[0])):
        return True
    # A newer stop may have named more meanwhile.
    transaction.execute("DELETE FROM fact WHERE name = ? AND value = ?", (name, str(stop_seq)))
    return False
