"""Proofs that an answer with jobs arrived.

A hand-out is OPEN until a proof that the answer arrived: the next request on the same connection, the orderly end of
the connection, a report on any of the jobs, the next poll_id. Then the hand-out is CONFIRMED. When the connection is
reset, the program polls on another connection or the process ends before a proof, the hand-out is UNCONFIRMED: shown,
and never sent again without a setting (see `redelivery`).
"""

from prjobs.jobs import redelivery
from prjobs.jobs.connections import Handed
from prjobs.jobs.queue import Queue, post
from prjobs.jobs.recent_polls import NotedPoll, Verdict
from prjobs.jobs.requests import PollRequest
from prjobs.jobs.rivals import Kind
from prjobs.jobs.states import CONFIRMED, OPEN, RETURNED, UNCONFIRMED, Program
from prjobs.store.transaction import Transaction

# The program did not throw an answer away when a job of the answer has a report.
_THROWN = (
    "UPDATE handout SET maybe_flushed = 1 WHERE id = ? AND maybe_flushed = 0 AND NOT EXISTS ("
    "SELECT 1 FROM change c JOIN change r ON r.job_seq = c.job_seq AND r.queue = c.queue AND r.seq > c.seq "
    "WHERE c.handout_id = handout.id)"
)
_NOT_THROWN = "UPDATE handout SET maybe_flushed = 0 WHERE id = ?"


def note_poll(queue: Queue, poll: PollRequest, peer: str | None) -> None:
    """Confirm or doubt the earlier hand-outs of the program by a new poll; `peer` is None behind a proxy."""
    program = poll.program
    if program in queue.rivals:
        # With two programs at work, a poll of the one says nothing of the answers to the other.
        return
    others = queue.connections.superseded(program, peer)
    if not others:
        return
    new_id = poll.poll_id
    confirm(queue, [handed for handed in others if new_id and handed.poll_id and handed.poll_id != new_id])
    doubt(queue, [handed for handed in others if not (new_id and handed.poll_id)])


def find_flushes(queue: Queue, program: Program, poll: NotedPoll) -> None:
    """Judge by a new plain poll which of the program's last answers were thrown away.

    Of two programs each is judged alone, as far as the connections tell them apart.
    """
    known = queue.rivals.get(program)
    kind = known.rivals.kind if known else Kind.ADDRESS
    verdicts = queue.recent_polls.add(program, poll, by_connection=kind == Kind.CONNECTION)
    for verdict in verdicts if kind != Kind.TIME else ():
        post(queue, _judge_each, queue, program[0], verdict)
        if verdict.is_thrown:
            queue.returning.add(program[:2])


def heard(queue: Queue, peer: str) -> None:
    """Confirm the last answer on the connection: the peer sent another request there."""
    confirm(queue, queue.connections.ended(peer))


def connection_ended(queue: Queue, peer: str, is_orderly: bool = False) -> None:
    """Confirm the last answer on a connection that the peer ended in order; doubt the answer after any other end."""
    handed = queue.connections.ended(peer)
    if is_orderly:
        confirm(queue, handed)
    else:
        doubt(queue, handed)


def confirm(queue: Queue, handed: list[Handed]) -> None:
    """Mark the answers as CONFIRMED: a proof of arrival was found."""
    _mark(queue, f"UPDATE handout SET state = '{CONFIRMED}' WHERE id = ? AND state <> '{RETURNED}'", handed)


def doubt(queue: Queue, handed: list[Handed]) -> None:
    """Mark the answers as UNCONFIRMED: no proof of arrival can come any more."""
    if handed:
        post(queue, _doubt_each, queue, handed)
        # The poll that raises the doubt looks before the writer returns the stop.
        queue.returning.update(one.program[:2] for one in handed if one.has_stop)


def prove_by_report(transaction: Transaction, job_seq: int, queue_name: str) -> None:
    """Confirm the hand-out of a job with a report."""
    transaction.execute(
        f"UPDATE handout SET state = '{CONFIRMED}', maybe_flushed = 0 "
        f"WHERE (state <> '{CONFIRMED}' OR maybe_flushed <> 0) AND id = ("
        "SELECT handout_id FROM change WHERE job_seq = ? AND queue = ? AND handout_id IS NOT NULL "
        "ORDER BY seq DESC LIMIT 1)",
        (job_seq, queue_name),
    )


def _mark(queue: Queue, sql: str, handed: list[Handed]) -> None:
    if handed:
        post(queue, _execute_each, sql, handed)


def _execute_each(transaction: Transaction, sql: str, handed: list[Handed]) -> None:
    transaction.executemany(sql, [(one.id,) for one in handed])
    for one in handed:
        transaction.tell(one.site)


def _judge_each(transaction: Transaction, queue: Queue, site: str, verdict: Verdict) -> None:
    """Mark the answers as thrown away or not; hand the stops in thrown answers out once more."""
    for handout_id in verdict.handout_ids:
        found = transaction.execute(_THROWN if verdict.is_thrown else _NOT_THROWN, (handout_id,)).rowcount
        if found and verdict.is_thrown:
            redelivery.return_once(transaction, queue, handout_id, is_thrown=True)
    transaction.tell(site)


def _doubt_each(transaction: Transaction, queue: Queue, handed: list[Handed]) -> None:
    for one in handed:
        _doubt_one(transaction, queue, one.id)
        transaction.tell(one.site)


def _doubt_one(transaction: Transaction, queue: Queue, handout_id: int) -> None:
    sql = f"UPDATE handout SET state = '{UNCONFIRMED}' WHERE id = ? AND state = '{OPEN}'"
    if transaction.execute(sql, (handout_id,)).rowcount:
        redelivery.return_once(transaction, queue, handout_id)


def doubt_all_open(transaction: Transaction, queue: Queue) -> int:
    """Doubt every hand-out left open by an earlier process, and return their number."""
    found = transaction.fetch(f"SELECT id FROM handout WHERE state = '{OPEN}' ORDER BY id")
    for (handout_id,) in found:
        _doubt_one(transaction, queue, handout_id)
    return len(found)


def count_unconfirmed(queue: Queue, since_ms: int) -> int:
    """Return the number of UNCONFIRMED hand-outs since `since_ms`."""
    sql = f"SELECT count(*) FROM handout WHERE state = '{UNCONFIRMED}' AND time_ms >= ?"
    return int(queue.database.fetch(sql, (since_ms,))[0][0])
