"""The removal of a site, as after a typing error: staff see the site no more, and the past jobs stay in the history.

A new poll or a new job brings the site back.
"""

from collections.abc import Iterator

from prjobs.access import audit
from prjobs.access.audit import Actor
from prjobs.base.clock import moment
from prjobs.base.errors import Conflict, NotFound
from prjobs.base.ulids import floor_ulid
from prjobs.jobs import log, lookup
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue
from prjobs.jobs.states import ALTERNATE, CANCELLED, COLUMNS, FORWARDING, OPEN_PHASES, PRIMARY, in_phases
from prjobs.jobs.unpolled import site_meant
from prjobs.store.transaction import Transaction

DAY_MS = 86_400_000
NOTE = "the site was removed"


def remove_site(queue: Queue, site: str, actor: Actor, force: bool = False) -> int:
    """Remove a site; return the number of jobs that `force` cancelled.

    Raise NotFound for an unknown site and, without `force`, Conflict for a site in use or with open jobs.
    """
    return queue.database.write(_remove, queue, site, actor, force)


def _remove(transaction: Transaction, queue: Queue, site: str, actor: Actor, force: bool) -> int:
    if not queue.polls.knows(site):
        raise NotFound(f"No site of this name is known here. {site_meant(queue, site)}".rstrip())
    if not force:
        _require_unused(transaction, queue, site)
    now_ms = queue.clock.now_ms()
    cancelled = _cancel_waiting(transaction, queue, site, actor) if force else 0
    transaction.execute("DELETE FROM poll WHERE site = ?", (site,))
    transaction.execute("DELETE FROM removed_site WHERE site = ?", (site,))
    sql = "INSERT INTO removed_site (site, removed_ms, removed_by) VALUES (?, ?, ?)"
    transaction.execute(sql, (site, now_ms, actor.who))
    detail = f"by force, {cancelled} jobs cancelled" if force else ""
    audit.record(transaction, now_ms, audit.Entry(actor.who, audit.SITE_REMOVE, site, actor.where_from, detail))
    transaction.after_commit(queue.polls.forget, site)
    return cancelled


def _require_unused(transaction: Transaction, queue: Queue, site: str) -> None:
    """Raise Conflict for a site that polls, stopped polling within a day, or has open jobs."""
    last_ms = max(_recent_polls(queue, site), default=None)
    if last_ms is not None:
        raise Conflict(
            f"A program polled for jobs of {site} at {moment(last_ms):%Y-%m-%d %H:%M:%S} UTC, and its next poll would "
            "bring the site back: stop the program. --force removes the site all the same."
        )
    if count := _count_open(transaction, queue, site):
        jobs = "1 job" if count == 1 else f"{count} jobs"
        raise Conflict(
            f"{site} has {jobs} not finished: cancel what waits, and close what was picked up. --force cancels what "
            "waits, and removes the site."
        )


def _recent_polls(queue: Queue, site: str) -> Iterator[int]:
    for queue_name in (PRIMARY, ALTERNATE):
        poller = queue.polls.of(site, queue_name)
        if poller is None:
            continue
        # A single poll may come from a test by hand, not from a program that goes on polling.
        recent_ms = poller.silent_after_ms if poller.usual_gap_ms is None else DAY_MS
        if queue.polls.silence_ms(poller) <= recent_ms:
            yield poller.last_ms


def _count_open(transaction: Transaction, queue: Queue, site: str) -> int:
    """Count the jobs that wait, and the picked-up jobs of the last day without an end."""
    since = floor_ulid(queue.clock.now_ms() - DAY_MS)
    begun = in_phases("status", OPEN_PHASES - {"waiting"})
    sql = f"SELECT count(*) FROM job WHERE site = ? AND ulid >= ? AND {begun}"
    waiting = len(lookup.waiting_of(transaction, site, PRIMARY)) + len(lookup.held_of(transaction, site, PRIMARY))
    return waiting + int(transaction.fetch(sql, (site, since))[0][0])


def _cancel_waiting(transaction: Transaction, queue: Queue, site: str, actor: Actor) -> int:
    """Cancel the waiting and held jobs in both queues; count those of the primary queue.

    A job on the way to the cloud ends there.
    """
    cancelled = 0
    for queue_name in (PRIMARY, ALTERNATE):
        rows = [
            row
            for row in (
                *lookup.waiting_of(transaction, site, queue_name),
                *lookup.held_of(transaction, site, queue_name),
            )
            if getattr(row, COLUMNS[queue_name][0]) != FORWARDING
        ]
        log.apply(transaction, rows, Event(queue_name, CANCELLED, queue.clock.now_ms(), actor.who, NOTE))
        cancelled += len(rows) if queue_name == PRIMARY else 0
    return cancelled
