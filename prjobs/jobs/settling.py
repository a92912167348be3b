"""Settling: the time after the hand-out of a stop in which nothing but stops is handed out.

A newer command would clear the site's stop flag. Stops that keep coming must not keep a roof open: a closing or parking
leaves at the latest when the first settling time since it was sent is over.
"""

from prjobs.jobs import lookup
from prjobs.jobs.queue import Queue
from prjobs.store.transaction import Transaction


def begin(transaction: Transaction, queue: Queue, site: str, queue_name: str) -> None:
    """Start or extend the settling time; a closing or parking that waits keeps the end of its first one."""
    key, now_s = (site, queue_name), queue.clock.elapsed_s()
    end_s = now_s + queue.settings.stop_settle_s
    over_s = queue.settling.over_s(key)
    first_s = end_s if over_s is None or over_s >= 0 else now_s - over_s
    for seq in lookup.waiting_spared(transaction, site, queue_name):
        if (seq, queue_name) not in queue.settled:
            transaction.after_commit(queue.settled.set, (seq, queue_name), first_s)
    transaction.after_commit(queue.settling.set, key, end_s)


def left_s(queue: Queue, site: str, queue_name: str, job_seq: int) -> float:
    """Return the seconds for which settling still keeps a waiting job back; 0 when the job may leave."""
    found = queue.settling.over_s((site, queue_name)), queue.settled.over_s((job_seq, queue_name))
    return max(0.0, -max((over_s for over_s in found if over_s is not None), default=0.0))


def go_on(queue: Queue) -> None:
    """Continue the settling times of stops handed out by an earlier process."""
    settle_ms, now_ms = queue.settings.stop_settle_s * 1000, queue.clock.now_ms()
    if not settle_ms:
        return
    for site, queue_name, time_ms in queue.database.fetch(
        "SELECT h.site, h.queue, max(h.time_ms) FROM handout h JOIN change c ON c.handout_id = h.id "
        "JOIN job j ON j.seq = c.job_seq WHERE j.command_class = 'stop' "
        "AND h.id > (SELECT max(id) FROM handout) - 1000 AND h.time_ms > ? GROUP BY h.site, h.queue",
        (now_ms - settle_ms,),
    ):
        left_s = min(settle_ms, time_ms + settle_ms - now_ms) / 1000
        queue.settling.set((site, queue_name), queue.clock.elapsed_s() + left_s)


def wake_settled(queue: Queue) -> None:
    """Wake the held polls of sites that settle: a closing or parking may leave before the other jobs."""
    sites = {site for site, _ in queue.settling}
    queue.settling.take_over()
    if sites:
        queue.waiters.wake(sites)
