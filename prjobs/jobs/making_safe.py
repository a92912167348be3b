"""Making a site safe: stop, then park, then close, carried out by the server and kept in the store.

A step is sent once the step before was picked up, or after its patience, and not while a stop of its site is under way.
A second act at the same site replaces the first, and sends the steps of the first that it does not have itself, as the
first user: the second user's rights may not reach the enclosure station. A restart of the process goes on with the next
step. A locked site gets the stop too; the other steps are motions, and wait up to an hour for the end of the lock.
"""

import logging
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from prjobs.access import audit, lockouts
from prjobs.access.audit import Act, Actor, Entry
from prjobs.access.identity import Identity
from prjobs.jobs import repeats, submission
from prjobs.jobs.queue import Queue, write_command
from prjobs.jobs.requests import Command
from prjobs.jobs.safe_acts import STOP_STEP, Making, Sender, Step, Told, decode, encode, job_of, newest_stop
from prjobs.jobs.states import UNREAD, phase_of
from prjobs.store.models import JobRow
from prjobs.store.source import Source
from prjobs.store.transaction import Transaction

logger = logging.getLogger(__name__)
MAKE_SAFE = "make safe"
PATIENCE_MS = 15_000
# A site's program empties its queue when it stops: a step that arrives at once would be lost.
AFTER_MS = 5_000
# The longest time after the act's stop that other stops may keep a step back: a roof must still close.
HELD_MS = 45_000
# The longest time after the act's stop that a lock of the site may keep a step back: later nobody expects the motion.
LOCKED_MS = 3_600_000
# The newest jobs of a site tell how its users name the instances.
LOOKED_AT = 1000
MINUTE_MS = 60_000


class Begun(NamedTuple):
    """An act that began: its number, and the stop. `is_new` is False for an earlier act that stands for a repeat."""

    number: int
    stop: JobRow
    is_new: bool = True


def begin(queue: Queue, site: str, station: str, identity: Identity, actor: Actor, *, is_repeat: bool = False) -> Begun:
    """Send the stop and keep the steps that follow.

    `station` is empty for a site without a station. A station out of the user's reach is left out. `is_repeat`: the
    waiting stop of an earlier act of the user may stand for this act.
    """
    reached = station if identity.reaches(station) else ""
    making = Making(
        who=actor.who,
        where_from=actor.where_from,
        is_staff=actor.is_staff,
        despite=actor.despite,
        roles=identity.roles_json,
        steps=_steps(queue.database, site, reached),
        left_out="" if reached else station,
        is_surplus=is_repeat,
    )
    begun: Begun = write_command(queue, partial(_begin, is_repeat=is_repeat), queue, making, identity, makes_safe=True)
    return begun


def _steps(source: Source, site: str, station: str) -> list[Step]:
    steps = [
        Step(word=STOP_STEP, site=site, device="all", instance="all", action="cancel_all_commands"),
        Step(word="PARK", site=site, device="mount", instance=_instance(source, site, "mount"), action="park"),
    ]
    if station:
        instance = _instance(source, station, "enclosure")
        steps.append(Step(word="CLOSE", site=station, device="enclosure", instance=instance, action="close"))
    return steps


def _begin(transaction: Transaction, queue: Queue, making: Making, identity: Identity, is_repeat: bool) -> Begun:
    if is_repeat and (standing := _standing_for(transaction, queue, making)):
        return standing
    now_ms, steps = queue.clock.now_ms(), making.steps
    site = steps[0].site
    steps += _carried_over(transaction, making)
    transaction.execute(
        "UPDATE make_safe SET ended_ms = ?, replaced = 1 WHERE site = ? AND ended_ms IS NULL", (now_ms, site)
    )
    stop = _send(transaction, queue, making, steps[0], identity.user_name, is_repeat=is_repeat)
    named = [f"{step.site} {step.action}" + (f" of {step.sender.who}" if step.sender else "") for step in steps]
    detail = " ".join([*named, *filter(None, [making.despite])])
    if not (is_repeat and _settle_surplus(transaction, queue, making.who, now_ms)):
        audit.record(transaction, now_ms, Entry(making.who, MAKE_SAFE, site, making.where_from, detail))
    row = (site, now_ms, identity.user_id, identity.user_name, encode(making))
    sql = "INSERT INTO make_safe (site, since_ms, user_id, user_name, act) VALUES (?, ?, ?, ?, ?) RETURNING id"
    return Begun(transaction.execute(sql, row).fetchone()[0], stop)


# Names of sites can be invented: of the acts that a user began above the pace, at sites for which no program polls, so
# many go on, and so many replaced ones of a minute stay in the store.
MOST_ACTS = 20
_REPLACED = f"replaced = 1 AND user_id = ? AND since_ms > ? ORDER BY id DESC LIMIT 1000 OFFSET {MOST_ACTS}"
_REMOVE_REPLACED = f"DELETE FROM make_safe WHERE id IN (SELECT id FROM make_safe WHERE {_REPLACED})"


def _settle_surplus(transaction: Transaction, queue: Queue, who: str, now_ms: int) -> bool:
    """End and remove the oldest acts that a user began above the pace. Return True if some were removed.

    An act begun within the pace goes on to its end, and so does any act at a site for which a program polls.
    """
    acts = [(number, decode(act)) for number, _, act in _open(transaction)]
    surplus = [(number, act.steps[0].site) for number, act in acts if act and act.who == who and act.is_surplus]
    unreached = [number for number, site in surplus if not queue.polls.is_reached(site)]
    ended = [(now_ms, number) for number in unreached[:-MOST_ACTS]]
    transaction.executemany("UPDATE make_safe SET ended_ms = ?, replaced = 1 WHERE id = ?", ended)
    return transaction.execute(_REMOVE_REPLACED, (who, now_ms - MINUTE_MS)).rowcount > 0


def _standing_for(transaction: Transaction, queue: Queue, making: Making) -> Begun | None:
    """Return the act of the same user and site whose stop waits and does the same; None when a new act is needed."""
    stop = making.steps[0]
    waiting = repeats.standing_for(transaction, queue, _command(stop, making.sender("")))
    for number, _, act in _open(transaction):
        old = decode(act)
        if waiting and old and old.who == making.who and old.steps[0].ulid == waiting.ulid:
            return Begun(int(number), waiting, is_new=False)
    return None


def _carried_over(transaction: Transaction, making: Making) -> list[Step]:
    """Return the unsent steps of the acts at the same site that the new act does not have, each with its sender."""
    carried: list[Step] = []
    for _, user_name, act in _open(transaction):
        old = decode(act)
        if old is None or old.steps[0].site != making.steps[0].site:
            continue
        known = {step.target for step in (*making.steps, *carried)}
        for step in old.steps:
            if not step.ulid and step.target not in known:
                step.sender = step.sender or old.sender(user_name)
                carried.append(step)
    if making.left_out in {step.site for step in carried}:
        making.left_out = ""
    return carried


def _instance(source: Source, site: str, device: str) -> str:
    """Return the instance of the newest command for the device, as the site's users name it."""
    # Nothing may keep the stop waiting: of a site without such a command the whole history would be read.
    newest = f"SELECT ulid, device, instance FROM job WHERE site = ? ORDER BY ulid DESC LIMIT {LOOKED_AT}"
    sql = f"SELECT instance FROM ({newest}) AS newest WHERE device = ? ORDER BY ulid DESC LIMIT 1"
    found = source.fetch(sql, (site, device))
    return str(found[0][0]) if found else ""


def _send(
    transaction: Transaction, queue: Queue, making: Making, step: Step, user_name: str, is_repeat: bool = False
) -> JobRow:
    sender = step.sender or making.sender(user_name)
    actor = Actor(sender.who, sender.where_from, sender.is_staff, sender.despite)
    command = replace(_command(step, sender), is_repeat=is_repeat)
    row = submission.insert_job(transaction, queue, command, Act(actor, audit.NEWJOB))
    step.ulid, step.sent_ms = row.ulid, row.created_ms
    return row


def _command(step: Step, sender: Sender) -> Command:
    return Command(
        site=step.site,
        device=step.device,
        instance=step.instance,
        action=step.action,
        user_id=sender.who,
        user_name=sender.user_name or sender.who,
        user_roles=sender.roles,
        required_params="{}",
        optional_params="{}",
        values={},
    )


def _adopt(transaction: Transaction, step: Step) -> bool:
    """Take a job that waits for the same, such as that of a replaced act, as the job of the step: no second park."""
    found = transaction.fetch(
        f"SELECT ulid, created_ms FROM job WHERE site = ? AND device = ? AND action = ? AND status = '{UNREAD}' "
        "ORDER BY seq DESC LIMIT 1",
        (step.site, step.device, step.action),
    )
    if found:
        step.ulid, step.sent_ms = found[0]
    return bool(found)


# ---- going on


def advance_once(queue: Queue) -> None:
    """Send the steps that are due, and end the acts without steps to send; a chore."""
    for number, _, _ in _open(queue.database):
        queue.database.write(_advance, queue, number, makes_safe=True)


def _open(source: Source) -> list[tuple[Any, ...]]:
    return source.fetch("SELECT id, user_name, act FROM make_safe WHERE ended_ms IS NULL ORDER BY id")


def _advance(transaction: Transaction, queue: Queue, number: int) -> None:
    found = [(user_name, act) for one, user_name, act in _open(transaction) if one == number]
    if not found:
        return
    user_name, act = found[0]
    making, now_ms = decode(act), queue.clock.now_ms()
    if making is None:
        logger.error("make safe %d is damaged in the store: its later steps are not sent, send them by hand", number)
        transaction.execute("UPDATE make_safe SET ended_ms = ? WHERE id = ?", (now_ms, number))
        return
    due = _due(transaction, making, now_ms)
    if due is None:
        return
    if isinstance(due, Step) and lockouts.locks_at(transaction, queue.settings, due.site):
        if now_ms < (making.steps[0].sent_ms or 0) + LOCKED_MS:
            return
        logger.warning("make safe %d ends without %s at %s, which is locked out", number, due.action, due.site)
        due = True
    if isinstance(due, Step):
        if not _adopt(transaction, due):
            _send(transaction, queue, making, due, user_name)
        transaction.execute("UPDATE make_safe SET act = ? WHERE id = ?", (encode(making), number))
    else:
        transaction.execute("UPDATE make_safe SET ended_ms = ? WHERE id = ?", (now_ms, number))


def _due(source: Source, making: Making, now_ms: int) -> Step | bool | None:
    """Return the step to send now; True when nothing is left, None while a step or a stop of its site has its time."""
    held_until_ms = (making.steps[0].sent_ms or 0) + HELD_MS
    for step in making.steps:
        if not step.ulid:
            is_held = now_ms < held_until_ms and _is_awaited(newest_stop(source, step.site), now_ms)
            return None if is_held else step
        if step.word != STOP_STEP and _is_awaited(job_of(source, step.ulid), now_ms):
            return None
    return None if _is_awaited(newest_stop(source, making.steps[0].site), now_ms) else True


def _is_awaited(job: Told | None, now_ms: int) -> bool:
    """Return True while the job may still be picked up in time, or was picked up a moment ago: the next step waits."""
    if job is None or phase_of(job.status) == "gone":
        return False
    since_ms, wait_ms = (job.sent_ms, PATIENCE_MS) if job.picked_up_ms is None else (job.picked_up_ms, AFTER_MS)
    # A clock that was set back must not keep the next step back.
    return 0 <= now_ms - since_ms < wait_ms
