"""What of a hand-out may still leave: of one whose poll is repeated, and of one that was stored too late for its poll.

What never left is kept in memory (`open_handouts`); what became of its jobs meanwhile says the store.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from prjobs.appliance import Appliance
from prjobs.base.errors import Unavailable
from prjobs.jobs import log, lookup
from prjobs.jobs.connections import Handed
from prjobs.jobs.expiry import APPLIANCE, expire_rows, split_expired
from prjobs.jobs.log import Event
from prjobs.jobs.states import CANCELLED, EXPIRED, HELD, RECEIVED, UNREAD
from prjobs.jobs.withdrawals import end_lease
from prjobs.store.database import Database, Transaction
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.web.wire import PollRequest

RETURNED = "RETURNED"


def still_due(appliance: Appliance, poll: PollRequest, never_left: list[Handed]) -> list[Handed]:
    """What of these hand-outs that never left may leave with this poll."""
    given = []
    for handed in never_left:
        mine = {row.seq for row in handed.rows}
        rows = [row for row in lookup.given_by(appliance.database, handed.id) if row.seq in mine]
        appliance.handouts.forget_unsent(handed, mine - {row.seq for row in rows})
        if rows := due(appliance.database, appliance, poll, handed.id, rows):
            given.append(replace(handed, rows=rows))
    return given


def due(
    source: Database | Transaction, appliance: Appliance, poll: PollRequest, handout_id: int, rows: list[JobRow]
) -> list[JobRow]:
    """Which of these jobs of a hand-out may leave now by this poll: not what expired, what a `cancel_all_commands`
    came after, or what its filters leave out. What never will is written down in the background.
    """
    if not rows:
        return []
    cancel_seq = lookup.newest_cancel_all(source, poll.site)
    fresh, expired = split_expired(source, appliance, [row for row in rows if row.seq >= cancel_seq])
    over = {row.seq: EXPIRED for row in expired} | {row.seq: CANCELLED for row in rows if row.seq < cancel_seq}
    if over:
        post(appliance, _drop, appliance, handout_id, poll.queue, over)
    wanted = ((poll.device, "device"), (poll.instance, "instance"))
    return [row for row in fresh if all(value in (None, getattr(row, name)) for value, name in wanted)]


def _drop(transaction: Transaction, appliance: Appliance, handout_id: int, queue: str, over: dict[int, str]) -> None:
    rows = lookup.given_by(transaction, handout_id)
    expire_rows(transaction, appliance, [row for row in rows if over.get(row.seq) == EXPIRED], queue)
    event = Event(queue, CANCELLED, appliance.clock.now_ms(), APPLIANCE, "cancel_all_commands")
    log.apply(transaction, [row for row in rows if over.get(row.seq) == CANCELLED], event)


def note_left(transaction: Transaction, appliance: Appliance, left: list[Handed], peer: str) -> None:
    """These hand-outs left by another poll than the one that took them."""
    note = "it left at the moment when it was withdrawn"
    for handed in left:
        poll_id = handed.poll_id if handed.whole else None
        transaction.execute("UPDATE handout SET poll_id = ?, peer = ? WHERE id = ?", (poll_id, peer, handed.id))
        queue = handed.queue[1]
        sql = f"SELECT {JOB_COLUMNS} FROM job WHERE seq = ? AND {log.COLUMNS[queue][0]} IN ('{HELD}', '{CANCELLED}')"
        withdrawn = [JobRow(*found) for row in handed.rows for found in transaction.fetch(sql, (row.seq,))]
        event = Event(queue, RECEIVED, appliance.clock.now_ms(), peer, note, handout_id=handed.id)
        log.apply(transaction, withdrawn, event)


def return_unsent(appliance: Appliance) -> None:
    """At a clean stop: what was handed out and never left waits again. Raises Unavailable."""
    # What was given to the writer before is known to be late or not when this is done.
    appliance.database.write(lambda _: None)
    if queues := appliance.handouts.unsent_queues():
        appliance.database.write(_return_unsent, appliance, queues)


def _return_unsent(transaction: Transaction, appliance: Appliance, queues: list[tuple[str, str]]) -> None:
    for site, queue in queues:
        rows = lookup.unsent_of(transaction, appliance, site, queue)
        note = "it was stored too late for its poll and never left: it waits again"
        log.apply(transaction, rows, Event(queue, UNREAD, appliance.clock.now_ms(), APPLIANCE, note))
        for row in rows:
            end_lease(transaction, appliance, row.seq, queue)
        for handed in appliance.handouts.unsent((site, queue)):
            if handed.whole:
                # Nothing of it is in doubt.
                sql = f"UPDATE handout SET state = '{RETURNED}' WHERE id = ?"
                transaction.execute(sql, (handed.id,))


def post(appliance: Appliance, verb: Callable[..., None], *arguments: Any) -> None:
    """Hand to the writer what nobody waits for, and what may be left out when it takes nothing."""
    try:
        appliance.database.post(verb, *arguments)
    except Unavailable:
        # A hand-out stays OPEN and becomes UNCONFIRMED at the next start: doubt is the safe side.
        return
