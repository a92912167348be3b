"""Commands that make a telescope safe, above the pace of their user: none is refused, and the store stays small.

An equal waiting command of the same user stands for a new command, so that nothing more is stored. Where no such
command waits, since a program picks each up at once, the new command is stored. Of such jobs the newest stay, and every
job that still waits, may still return to a queue, or fences older jobs.
"""

import dataclasses
from collections.abc import Sequence

from prjobs.base.catalogue import MAKES_SAFE
from prjobs.jobs import log, lookup
from prjobs.jobs.log import Event
from prjobs.jobs.queue import Queue, Stop
from prjobs.jobs.requests import STOP_CLASS, Command, is_stop
from prjobs.jobs.states import (
    ALTERNATE,
    CANCELLED,
    CLOUD,
    CONFIRMED,
    FORWARDING,
    HELD,
    OPEN,
    OPEN_PHASES,
    PHASES,
    PRIMARY,
    UNCONFIRMED,
    UNREAD,
    in_phases,
)
from prjobs.jobs.surplus import Kind
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.source import Source, marks
from prjobs.store.transaction import Transaction

# A user sends so many a minute before the waiting ones stand for the repeats.
PER_MINUTE = 60
# A waiting closing or parking that is older does not stand for a new one: a job of the cloud that was sent in between,
# and has not arrived here yet, would run after it, and an expiry would end the new command early.
YOUNG_MS = 2000
# The largest size of a whole command in bytes; the full disk keeps room for such commands of other users.
BYTES = 4096
SURPLUS_NOTE = "sent above the pace: of such jobs only the newest, and those that wait, stay in the list"
RENEWED_NOTE = "withdrawn by a stop that was sent again"
_BARE: dict[str, dict[str, object]] = {"{}": {}, '{"script": "stopScript"}': {"script": "stopScript"}}
_WAITING = (
    f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND status = '{UNREAD}' AND alternate_status = '{UNREAD}' "
    "AND command_class = ? ORDER BY seq DESC"
)
# What was sent since the waiting command, and waits itself: a repeat comes after it.
_CAME_SINCE = " UNION ALL ".join(
    f"SELECT 1 FROM job WHERE site = ? AND seq > ? AND {waits} AND command_class NOT IN {tuple(sorted(MAKES_SAFE))}"
    for waits in (f"status = '{UNREAD}'", f"alternate_status = '{UNREAD}'", f"status IN ('{HELD}', '{FORWARDING}')")
)


def size_of(command: Command) -> int:
    """Return the size of the parts of a command in bytes."""
    parts = (getattr(command, field.name) for field in dataclasses.fields(command))
    return sum(len(part.encode()) for part in parts if isinstance(part, str))


def shortened(command: Command) -> Command:
    """Return a command that makes safe without its params where it is too large: such a command needs none.

    The class stays: a run of stopScript keeps the name of the script. Any other command is returned as it is.
    """
    if not command.makes_safe or size_of(command) <= BYTES:
        return command
    for text, values in _BARE.items():
        bare = dataclasses.replace(command, required_params=text, optional_params="{}", values=values)
        if bare.command_class == command.command_class:
            return bare
    return command


def standing_for(transaction: Transaction, queue: Queue, command: Command) -> JobRow | None:
    """Return the waiting job that stands for a command above the pace; None when a new job is needed.

    A standing stop withdraws the jobs sent since, as a new stop would.
    """
    rows = [JobRow(*row) for row in transaction.fetch(_WAITING, (command.site, command.command_class))]
    if command.command_class == STOP_CLASS:
        stop = rows[0] if rows else None
        if not stop or not _stops_as_much(queue, stop, command) or not _is_of_user(transaction, stop, command):
            return None
        # A stop that comes back from an answer in doubt is handed out once more only: a new stop has more chances.
        is_at_end = _was_handed_out(transaction, stop) or (stop.expires_ms and not _is_young(queue, stop))
        return None if is_at_end else _renew(transaction, queue, stop, command)
    same = next((row for row in rows if row.user_id == command.user_id and _target(row) == _target(command)), None)
    return same if same and _is_last(transaction, queue, same) else None


def _renew(transaction: Transaction, queue: Queue, stop: JobRow, command: Command) -> JobRow:
    """Withdraw the waiting jobs that came after a waiting stop; the stop counts as sent now."""
    event = Event(PRIMARY, CANCELLED, queue.clock.now_ms(), command.user_id, RENEWED_NOTE)
    for queue_name in (PRIMARY, ALTERNATE) if is_stop(queue.settings, stop) and _came_since(transaction, stop) else ():
        waiting = lookup.waiting_of(transaction, stop.site, queue_name)
        rows = [*waiting, *lookup.held_of(transaction, stop.site, queue_name)]
        newer = [row for row in rows if row.seq > stop.seq and row.command_class not in MAKES_SAFE]
        log.apply(transaction, newer, dataclasses.replace(event, queue=queue_name))
    if is_stop(queue.settings, stop):
        transaction.after_commit(queue.stops.__setitem__, stop.site, Stop(stop.seq, queue.clock.elapsed_s()))
    return stop


def _came_since(transaction: Transaction, row: JobRow) -> bool:
    return bool(transaction.fetch(_CAME_SINCE, (row.site, row.seq) * 3))


def _was_handed_out(transaction: Transaction, row: JobRow) -> bool:
    sql = "SELECT 1 FROM change WHERE job_seq = ? AND handout_id IS NOT NULL LIMIT 1"
    return bool(transaction.fetch(sql, (row.seq,)))


def _is_last(transaction: Transaction, queue: Queue, row: JobRow) -> bool:
    """Return True if a closing or parking was sent a moment ago, was never handed out, and no job was sent since."""
    return _is_young(queue, row) and not (_was_handed_out(transaction, row) or _came_since(transaction, row))


def _is_young(queue: Queue, row: JobRow) -> bool:
    return 0 <= queue.clock.now_ms() - row.created_ms < YOUNG_MS


_FINISHED = sorted(set(PHASES) - OPEN_PHASES)
_HANDED = "EXISTS (SELECT 1 FROM change c JOIN handout h ON h.id = c.handout_id WHERE c.job_seq = j.seq AND h.state"
_CANCELS_ALL = "(lower({job}.action) = 'cancel_all_commands')"
_IS_FOR_ALL = "(lower({job}.device) = 'all' OR lower({job}.action) = 'cancel_all_commands')"
_SAME_SCOPE = " AND ".join(f"{part.format(job='n')} = {part.format(job='j')}" for part in (_CANCELS_ALL, _IS_FOR_ALL))
# The withdrawal of very many jobs is not at its end.
_WITHDRAWS = (
    f"EXISTS (SELECT 1 FROM fact f WHERE f.name = '{lookup.WITHDRAWS}' || j.site AND f.value = CAST(j.seq AS TEXT))"
)
# Nobody polls for the site of the job.
_IS_UNSEEN = f"NOT {_WITHDRAWS} AND NOT EXISTS (SELECT 1 FROM change c WHERE c.job_seq = j.seq AND c.handout_id > 0)"
# A job that nobody needs any more: both queues are done with it, each program surely got it, and for a stop a newer one
# of the same scope fences the older jobs.
_IS_OVER = " AND ".join(
    (
        f"j.status NOT IN ('{UNREAD}', '{HELD}', '{FORWARDING}')",
        f"j.alternate_status NOT IN ('{UNREAD}', '{HELD}', '{FORWARDING}')",
        "NOT EXISTS (SELECT 1 FROM lease l WHERE l.job_seq = j.seq)",
        f"NOT {_HANDED} IN ('{OPEN}', '{UNCONFIRMED}'))",
        f"(({in_phases('j.status', _FINISHED)} AND {in_phases('j.alternate_status', _FINISHED)}) "
        f"OR {_HANDED} = '{CONFIRMED}'))",
        f"NOT {_WITHDRAWS}",
        f"(j.command_class <> '{STOP_CLASS}' OR EXISTS (SELECT 1 FROM job n WHERE n.site = j.site AND n.seq > j.seq "
        f"AND n.command_class = '{STOP_CLASS}' AND n.origin <> '{CLOUD}' AND n.status <> '{CANCELLED}' "
        f"AND {_SAME_SCOPE}))",
    )
)


def settle_surplus(transaction: Transaction, queue: Queue, row: JobRow) -> bool:
    """Remove the oldest of the jobs that the user sent above the pace in a minute. Return True for more than may stay.

    A job stays that waits, that may still return to a queue, or that fences older jobs. Names of sites can be invented:
    the jobs of unused sites count together, and only the newest hundred of a minute wait there.
    """
    now_s = queue.clock.elapsed_s()
    is_reached = queue.polls.is_reached(row.site)
    kind = Kind(row.user_id, row.site, row.command_class) if is_reached else Kind(row.user_id)
    beyond = queue.surplus.beyond(kind, now_s)
    over = _select(transaction, beyond, _IS_OVER)
    if not is_reached:
        many = queue.surplus.beyond(kind, now_s, queue.surplus.LOOKED_AT)
        over += _select(transaction, [seq for seq in many if seq not in over], _IS_UNSEEN)
    if over:
        remove_jobs(transaction, over)
        transaction.after_commit(_forget, queue, over)
    transaction.after_commit(queue.surplus.add, kind, row.seq, over, now_s)
    return bool(beyond)


def _select(source: Source, seqs: Sequence[int], condition: str) -> list[int]:
    if not seqs:
        return []
    sql = f"SELECT j.seq FROM job j WHERE j.seq IN ({marks(seqs)}) AND {condition} ORDER BY j.seq"
    return [seq for (seq,) in source.fetch(sql, seqs)]


def remove_jobs(transaction: Transaction, seqs: Sequence[int]) -> None:
    """Remove jobs with their rows of the log and their leases, and hand-outs without a job left.

    The newest job, the job of the newest change and the newest hand-out stay: SQLite numbers the next rows by them.
    """
    chosen = f"IN ({marks(seqs)})"
    handouts = transaction.fetch(
        f"SELECT DISTINCT handout_id FROM change WHERE job_seq {chosen} AND handout_id IS NOT NULL", seqs
    )
    for table in ("change", "lease"):
        transaction.execute(f"DELETE FROM {table} WHERE job_seq {chosen}", seqs)
    transaction.execute(f"DELETE FROM job WHERE seq {chosen}", seqs)
    transaction.executemany(
        "DELETE FROM handout WHERE id = ? AND id < (SELECT max(id) FROM handout) "
        "AND NOT EXISTS (SELECT 1 FROM change WHERE handout_id = handout.id)",
        handouts,
    )


def _forget(queue: Queue, seqs: Sequence[int]) -> None:
    queue.removed.extend(seqs)
    for seq in seqs:
        queue.expiries.drop(seq)


def _target(command: Command | JobRow) -> tuple[str, str, str]:
    return command.device, command.instance, command.action


def _stops_as_much(queue: Queue, stop: JobRow, command: Command) -> bool:
    """Return True if the waiting stop withdraws what the command would."""
    return is_stop(queue.settings, stop) or not is_stop(queue.settings, command)


def _is_of_user(transaction: Transaction, stop: JobRow, command: Command) -> bool:
    """Return True if the user sent the stop, or if a stop of the user gave way to it: nobody can cancel it then."""
    if stop.user_id == command.user_id:
        return True
    seqs = [seq for seq, _ in withdrawn_in_a_row(transaction, stop.site, stop.seq)]
    sql = "SELECT 1 FROM job WHERE seq = ? AND user_id = ?"
    return any(transaction.fetch(sql, (seq, command.user_id)) for seq in seqs)


_IN_A_ROW = (
    "SELECT s.seq, s.created_ms, s.status, (SELECT min(c.seq) FROM change c WHERE c.job_seq = s.seq), "
    f"(SELECT max(c.seq) FROM change c WHERE c.job_seq = s.seq AND c.status = '{CANCELLED}') FROM job s "
    f"WHERE s.site = ? AND s.command_class = '{STOP_CLASS}' AND s.seq <= ? ORDER BY s.seq DESC LIMIT 1000"
)


def withdrawn_in_a_row(source: Source, site: str, seq: int) -> list[tuple[int, int]]:
    """Return (number, time sent) of the stops that gave way, each to the next, up to stop number `seq`; newest first.

    A stop that a user cancelled before the next stop came ends the row.
    """
    (_, _, _, next_began, _), *older = source.fetch(_IN_A_ROW, (site, seq)) or [(None,) * 5]
    found: list[tuple[int, int]] = []
    for number, created_ms, status, began, ended in older:
        if status != CANCELLED or ended is None or ended < next_began:
            break
        found.append((number, created_ms))
        next_began = began
    return found
