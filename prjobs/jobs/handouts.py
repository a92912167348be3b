"""Handing jobs out: each to one poller, once; and what becomes of each answer.

A hand-out is OPEN until something proves that it arrived (the next request on the same connection, a report on one
of its jobs, the next poll_id): then CONFIRMED. When its connection ends, another one polls or the process ends
first, it is UNCONFIRMED: shown, and never sent again by itself unless the setting `redeliver` says so.
"""

from prjobs.appliance import Appliance
from prjobs.base.errors import Unavailable
from prjobs.jobs import leaving, log, lookup, redelivery
from prjobs.jobs.connections import POLL_ID_S, Handed
from prjobs.jobs.expiry import APPLIANCE, expire_rows, split_expired
from prjobs.jobs.log import Event
from prjobs.jobs.states import BOTH, CANCELLED, RECEIVED
from prjobs.jobs.submission import is_sound
from prjobs.store.database import Database, Transaction
from prjobs.store.models import JobRow
from prjobs.web.wire import PollRequest

OPEN, CONFIRMED, UNCONFIRMED = "OPEN", "CONFIRMED", "UNCONFIRMED"
TAKE_PATIENCE_S = 0.15
DAMAGED = "damaged_job"


def begin_poll(appliance: Appliance, poll: PollRequest, peer: str, own_connection: bool = True) -> int | None:
    """Note that the peer polls; the gap to the queue's poll before in milliseconds, None for the first.

    `own_connection`: whether its next request proves its last answer. Behind a proxy it does not, and what the
    same peer got before is as open to doubt as what others got.
    """
    _note_earlier(appliance, poll, peer if own_connection else None)
    return appliance.presence.polled(poll.site, poll.queue)


def take_jobs(appliance: Appliance, poll: PollRequest, peer: str, gap_ms: int | None) -> list[JobRow]:
    """Hand out the site's waiting jobs of one queue, oldest first; they become RECEIVED in the same transaction.

    Nothing new: an empty list and no write at all. A repeated `poll_id` gives the same jobs again. Raises
    Unavailable when the store cannot do it in 150 ms; jobs that were committed too late for this answer leave
    with the next one.
    """
    given = _handed_before(appliance.database, appliance, poll) or _new(appliance, poll, peer, gap_ms)
    if not given:
        return []
    appliance.failpoints.passing("handout_after_commit")
    for handed in given:
        if handed.lease_s:
            for row in handed.rows:
                appliance.leases.set((row.seq, poll.queue), handed.lease_s)
    left = appliance.handouts.leave(given, poll, peer)
    late = [handed for handed in left if handed.late]
    if late:
        leaving.post(appliance, leaving.note_left, appliance, late, peer)
    return sorted((row for handed in left for row in handed.rows), key=lambda row: row.seq)


def _new(appliance: Appliance, poll: PollRequest, peer: str, gap_ms: int | None) -> list[Handed]:
    """What waits, and what never left: looked up last, so that a stop which came meanwhile counts."""
    taken, refusal = [], None
    queue = poll.queue
    try:
        if lookup.has_waiting(appliance, poll.site, queue):
            taken = appliance.database.write(
                _take,
                appliance,
                poll,
                queue,
                peer,
                gap_ms,
                patience_s=TAKE_PATIENCE_S,
                late=appliance.handouts.keep_unsent,
            )
    except Unavailable as unavailable:
        refusal = unavailable
    never_left = appliance.handouts.unsent((poll.site, queue))
    given = [*leaving.still_due(appliance, poll, never_left), *taken] if never_left else taken
    if refusal and not given:
        raise refusal
    return given


def _take(
    transaction: Transaction, appliance: Appliance, poll: PollRequest, queue: str, peer: str, gap_ms: int | None
) -> list[Handed]:
    # The same poll_id may have been in the writer just before.
    if given := _handed_before(transaction, appliance, poll):
        return given
    waiting = lookup.waiting_of(transaction, poll.site, queue, poll.device, poll.instance)
    sound = _set_aside(transaction, appliance, waiting, queue)
    fresh, expired = split_expired(transaction, appliance, sound)
    expire_rows(transaction, appliance, expired, queue)
    if not fresh:
        return []
    now_ms = appliance.clock.now_ms()
    handout_id = transaction.execute(
        "INSERT INTO handout (site, queue, time_ms, peer, poll_id, gap_ms, lease_s, state, maybe_flushed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) RETURNING id",
        (poll.site, queue, now_ms, peer, poll.poll_id, gap_ms, poll.lease_s, OPEN),
    ).fetchone()[0]
    log.apply(transaction, fresh, Event(queue, RECEIVED, now_ms, peer, handout_id=handout_id))
    transaction.executemany("UPDATE job SET attempts = attempts + 1 WHERE seq = ?", [(row.seq,) for row in fresh])
    for row in fresh if poll.lease_s else ():
        transaction.execute("DELETE FROM lease WHERE job_seq = ? AND queue = ?", (row.seq, queue))
        transaction.execute(
            "INSERT INTO lease (job_seq, queue, lease_s, handed_ms) VALUES (?, ?, ?, ?)",
            (row.seq, queue, poll.lease_s, now_ms),
        )
    return [Handed(handout_id, poll.program, fresh, poll.is_plain, poll.poll_id, poll.lease_s)]


def _set_aside(transaction: Transaction, appliance: Appliance, rows: list[JobRow], queue: str) -> list[JobRow]:
    """The rows that are what was sent; a damaged one is withdrawn and shown, and costs the others nothing."""
    sound = []
    for row in rows:
        if is_sound(row):
            sound.append(row)
            continue
        queues = BOTH if row.status == row.alternate_status else queue
        note = "it is damaged: it is not what was sent"
        log.apply(transaction, [row], Event(queues, CANCELLED, appliance.clock.now_ms(), APPLIANCE, note))
        appliance.notices[DAMAGED] = (
            f"Job {row.ulid} of {row.site} is damaged and was not handed out: send the command anew and run "
            "`prjobs doctor --deep`."
        )
    return sound


# ---- what was handed out before


def _handed_before(source: Database | Transaction, appliance: Appliance, poll: PollRequest) -> list[Handed]:
    """What the same poll_id got in the last ten minutes: by elapsed time, or by the clock what is not known here."""
    if poll.poll_id is None:
        return []
    known = appliance.handouts.answered((poll.site, poll.queue), poll.poll_id)
    found = source.fetch(
        "SELECT id FROM handout WHERE site = ? AND queue = ? AND poll_id = ? AND time_ms > ? ORDER BY id",
        (poll.site, poll.queue, poll.poll_id, appliance.clock.now_ms() - round(POLL_ID_S * 1000)),
    )
    # Of what is known to have left, memory knows when, and by which poll.
    unknown = [handout_id for (handout_id,) in found if not appliance.handouts.has_left(handout_id)]
    given = []
    for handout_id in [*known, *unknown]:
        rows = lookup.given_by(source, handout_id, reported=True)
        mine = [row for row in rows if row.seq in known.get(handout_id, (row.seq,))]
        if due := leaving.due(source, appliance, poll, handout_id, mine):
            given.append(Handed(handout_id, poll.program, due, poll.is_plain, poll.poll_id, poll.lease_s))
    return given


# ---- what became of an answer

# Nothing that was reported on was thrown away.
_FLUSHED = (
    "UPDATE handout SET maybe_flushed = 1 WHERE id = ? AND NOT EXISTS ("
    "SELECT 1 FROM change c JOIN change r ON r.job_seq = c.job_seq AND r.queue = c.queue AND r.seq > c.seq "
    "WHERE c.handout_id = handout.id)"
)


def _note_earlier(appliance: Appliance, poll: PollRequest, peer: str | None) -> None:
    """What this poll says about the hand-outs before it."""
    program = poll.program
    _mark(appliance, _FLUSHED, appliance.handouts.flushed(program, poll.is_plain))
    others = appliance.handouts.superseded(program, peer)
    if not others:
        return
    new_id = poll.poll_id
    confirm(appliance, [handed for handed in others if new_id and handed.poll_id and handed.poll_id != new_id])
    doubt(appliance, [handed for handed in others if not (new_id and handed.poll_id)])


def heard(appliance: Appliance, peer: str) -> None:
    """The peer sent another request on its connection: the answer before it arrived."""
    confirm(appliance, appliance.handouts.ended(peer))


def connection_ended(appliance: Appliance, peer: str) -> None:
    """The connection closed before anything proved that its last answer arrived."""
    doubt(appliance, appliance.handouts.ended(peer))


def confirm(appliance: Appliance, handed: list[Handed]) -> None:
    """These answers arrived."""
    _mark(appliance, f"UPDATE handout SET state = '{CONFIRMED}' WHERE id = ?", handed)


def doubt(appliance: Appliance, handed: list[Handed]) -> None:
    """Nothing proves that these answers arrived."""
    if handed:
        leaving.post(appliance, _doubt_each, appliance, handed)


def _mark(appliance: Appliance, sql: str, handed: list[Handed]) -> None:
    if handed:
        leaving.post(appliance, _execute_each, sql, handed)


def _execute_each(transaction: Transaction, sql: str, handed: list[Handed]) -> None:
    transaction.executemany(sql, [(one.id,) for one in handed])
    for site in {one.queue[0] for one in handed}:
        transaction.tell(site)


def _doubt_each(transaction: Transaction, appliance: Appliance, handed: list[Handed]) -> None:
    for one in handed:
        _doubt_one(transaction, appliance, one.id)
        transaction.tell(one.queue[0])


def _doubt_one(transaction: Transaction, appliance: Appliance, handout_id: int) -> None:
    sql = f"UPDATE handout SET state = '{UNCONFIRMED}' WHERE id = ? AND state = '{OPEN}'"
    if transaction.execute(sql, (handout_id,)).rowcount:
        redelivery.return_once(transaction, appliance, handout_id)


def doubt_all_open(transaction: Transaction, appliance: Appliance) -> int:
    """At the start: what an earlier process left open will not be proved by a connection. How many there were."""
    found = transaction.fetch(f"SELECT id FROM handout WHERE state = '{OPEN}' ORDER BY id")
    for (handout_id,) in found:
        _doubt_one(transaction, appliance, handout_id)
    return len(found)


def unconfirmed(appliance: Appliance, since_ms: int) -> int:
    """How many hand-outs since then are in doubt."""
    sql = f"SELECT count(*) FROM handout WHERE state = '{UNCONFIRMED}' AND time_ms >= ?"
    return int(appliance.database.fetch(sql, (since_ms,))[0][0])
