"""Commands that make a telescope safe, above the pace of their user: no command is lost, and the disk stays free.

A stop, a closing or a parking is never refused for its number. Above the pace a waiting command of the same user that
does the same stands for the new one, so that nothing more is stored. The rest of such a command is small.
"""

import dataclasses

from prjobs.base.catalogue import MAKES_SAFE
from prjobs.base.errors import TooMany
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import Command, is_stop
from prjobs.jobs.states import CANCELLED, FORWARDING, HELD, UNREAD
from prjobs.store.engine import Source
from prjobs.store.models import JOB_COLUMNS, JobRow
from prjobs.store.transaction import Transaction

STOP = "stop"
# A user sends so many a minute before the waiting ones stand for the repeats.
PER_MINUTE = 60
# A waiting command that is older does not stand for a new one: a job of the cloud that was sent in between, and has not
# arrived here yet, would run after the stop, and an expiry would end the new command early.
FRESH_MS = 2000
# The largest size of a whole command in bytes; the full disk keeps room for such commands of other users.
BYTES = 4096
# A site has few enclosures and mounts: above the pace more waiting names of one class are invented.
TARGETS = 20
_BARE: dict[str, dict[str, object]] = {"{}": {}, '{"script": "stopScript"}': {"script": "stopScript"}}
_WAITING = (
    f"SELECT {JOB_COLUMNS} FROM job WHERE site = ? AND status = '{UNREAD}' AND alternate_status = '{UNREAD}' "
    "AND command_class = ? ORDER BY seq DESC"
)
# What was sent since the waiting command, and waits itself: a repeat withdraws that, or comes after it.
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
    """Return the newest waiting job that does the same as a command above the pace; None when a new job is needed.

    Raise TooMany for a site that nobody uses, and for a closing or parking of the 21st device or instance: a program
    that invents names would fill the disk.
    """
    rows = [JobRow(*row) for row in transaction.fetch(_WAITING, (command.site, command.command_class))]
    if command.command_class == STOP:
        found = [row for row in rows[:1] if _stops_as_much(queue, row, command) and _is_own(transaction, row, command)]
    else:
        rows = [row for row in rows if row.user_id == command.user_id]
        found = [row for row in rows if _target(row) == _target(command)][:1]
    if found and _is_fresh(transaction, queue, found[0]):
        return found[0]
    if not found and not queue.polls.is_reached(command.site):
        raise TooMany(f"Too many commands in a minute, and no program polls for jobs of {command.site}: wait a moment.")
    if not found and len({_target(row) for row in rows}) >= TARGETS:
        raise TooMany(f"Too many commands in a minute, for {TARGETS} devices that wait already: wait a moment.")
    return None


def _is_fresh(transaction: Transaction, queue: Queue, row: JobRow) -> bool:
    """Return True if the job was sent a moment ago, was never handed out, and nothing to withdraw was sent since."""
    # A job that comes back from an answer in doubt is handed out once more only: the new command has more chances.
    handed = "SELECT 1 FROM change WHERE job_seq = ? AND handout_id IS NOT NULL LIMIT 1"
    is_young = 0 <= queue.clock.now_ms() - row.created_ms < FRESH_MS
    came_since = (row.site, row.seq) * 3
    return is_young and not (transaction.fetch(handed, (row.seq,)) or transaction.fetch(_CAME_SINCE, came_since))


def _target(command: Command | JobRow) -> tuple[str, str, str]:
    return command.device, command.instance, command.action


def _stops_as_much(queue: Queue, stop: JobRow, command: Command) -> bool:
    """Return True if the waiting stop withdraws what the command would."""
    return is_stop(queue.settings, stop) or not is_stop(queue.settings, command)


def _is_own(transaction: Transaction, stop: JobRow, command: Command) -> bool:
    """Return True if the user sent the stop, or if a stop of the user gave way to it: nobody can cancel it then."""
    if stop.user_id == command.user_id:
        return True
    seqs = [seq for seq, _ in withdrawn_in_a_row(transaction, stop.site, stop.seq)]
    sql = "SELECT 1 FROM job WHERE seq = ? AND user_id = ?"
    return any(transaction.fetch(sql, (seq, command.user_id)) for seq in seqs)


_IN_A_ROW = (
    "SELECT s.seq, s.created_ms, s.status, (SELECT min(c.seq) FROM change c WHERE c.job_seq = s.seq), "
    f"(SELECT max(c.seq) FROM change c WHERE c.job_seq = s.seq AND c.status = '{CANCELLED}') FROM job s "
    f"WHERE s.site = ? AND s.command_class = '{STOP}' AND s.seq <= ? ORDER BY s.seq DESC LIMIT 1000"
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
