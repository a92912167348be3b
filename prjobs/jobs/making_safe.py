"""Making a site safe: stop, then park, then close, carried out by the server and kept in the store.

A step is sent once the step before was picked up, or after its patience. A step that a stop withdrew is sent again. A
second act at the same site replaces the first. A restart of the process goes on with the next step.
"""

from typing import Any

import msgspec

from prjobs.access import audit
from prjobs.access.audit import Act, Actor, Entry
from prjobs.access.identity import Identity
from prjobs.jobs import submission
from prjobs.jobs.queue import Queue
from prjobs.jobs.requests import Command
from prjobs.jobs.states import phase_of
from prjobs.store.engine import Source
from prjobs.store.transaction import Transaction

MAKE_SAFE = "make safe"
PATIENCE_MS = 15_000
# A site's program empties its queue when it stops: a step that arrives at once would be lost.
AFTER_MS = 5_000
# A step that stops keep withdrawing is sent so often, then left to the alarms.
TRIES = 5
SHOWN_MS = 3_600_000


class Step(msgspec.Struct, kw_only=True):
    """A step of an act; `ulid` is the newest job of the step, empty before it is sent."""

    word: str
    site: str
    device: str
    instance: str
    action: str
    ulid: str = ""
    sent_ms: int | None = None
    tries: int = 0


class Making(msgspec.Struct, kw_only=True):
    """An act as it is stored: the sender, as rights and audit need it, and the steps."""

    who: str
    where_from: str
    is_staff: bool
    despite: str
    roles: str
    steps: list[Step]


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step for the page. `state`: next, sent, late, picked_up, running, done, failed or gone."""

    word: str
    site: str
    action: str
    ulid: str
    state: str
    sent_ms: int | None
    picked_up_ms: int | None


class MakingView(msgspec.Struct, frozen=True, kw_only=True):
    """An act for the page; `replaced` by a newer one at the same site, `ended_ms` when nothing is left to send."""

    id: int
    site: str
    since_ms: int
    ended_ms: int | None
    replaced: bool
    user_id: str
    user_name: str
    steps: list[StepView]


def begin(queue: Queue, site: str, station: str, identity: Identity, actor: Actor) -> int:
    """Send the stop and keep the steps that follow; return the number of the act. `station` is empty without one."""
    making = Making(
        who=actor.who,
        where_from=actor.where_from,
        is_staff=actor.is_staff,
        despite=actor.despite,
        roles=identity.roles_json,
        steps=_steps(queue.database, site, station),
    )
    number: int = queue.database.write(_begin, queue, making, identity, makes_safe=True)
    return number


def _steps(source: Source, site: str, station: str) -> list[Step]:
    steps = [
        Step(word="STOP", site=site, device="all", instance="all", action="cancel_all_commands"),
        Step(word="PARK", site=site, device="mount", instance=_instance(source, site, "mount"), action="park"),
    ]
    if station:
        instance = _instance(source, station, "enclosure")
        steps.append(Step(word="CLOSE", site=station, device="enclosure", instance=instance, action="close"))
    return steps


def _begin(transaction: Transaction, queue: Queue, making: Making, identity: Identity) -> int:
    now_ms, steps = queue.clock.now_ms(), making.steps
    site = steps[0].site
    transaction.execute(
        "UPDATE make_safe SET ended_ms = ?, replaced = 1 WHERE site = ? AND ended_ms IS NULL", (now_ms, site)
    )
    _send(transaction, queue, making, steps[0], identity.user_name)
    detail = " ".join(f"{step.site} {step.action}" for step in steps) + (f" {making.despite}" if making.despite else "")
    audit.record(transaction, now_ms, Entry(making.who, MAKE_SAFE, site, making.where_from, detail))
    row = (site, now_ms, identity.user_id, identity.user_name, _encode(making))
    return int(
        transaction.execute(
            "INSERT INTO make_safe (site, since_ms, user_id, user_name, act) VALUES (?, ?, ?, ?, ?) RETURNING id", row
        ).fetchone()[0]
    )


def _instance(source: Source, site: str, device: str) -> str:
    """Return the instance of the newest command for the device, as the site's users name it."""
    sql = "SELECT instance FROM job WHERE site = ? AND device = ? ORDER BY ulid DESC LIMIT 1"
    found = source.fetch(sql, (site, device))
    return str(found[0][0]) if found else ""


def _send(transaction: Transaction, queue: Queue, making: Making, step: Step, user_name: str) -> None:
    command = Command(
        site=step.site,
        device=step.device,
        instance=step.instance,
        action=step.action,
        user_id=making.who,
        user_name=user_name or making.who,
        user_roles=making.roles,
        required_params="{}",
        optional_params="{}",
        values={},
    )
    actor = Actor(making.who, making.where_from, making.is_staff, making.despite)
    row = submission.insert_job(transaction, queue, command, Act(actor, audit.NEWJOB))
    step.ulid, step.sent_ms, step.tries = row.ulid, row.created_ms, step.tries + 1


def _encode(making: Making) -> str:
    return msgspec.json.encode(making).decode()


# ---- going on


def advance_once(queue: Queue) -> None:
    """Send the steps whose turn it is, and end the acts that have nothing left to send; a chore."""
    for number, _, _ in _open(queue.database):
        queue.database.write(_advance, queue, number, makes_safe=True)


def _open(source: Source) -> list[tuple[Any, ...]]:
    return source.fetch("SELECT id, user_name, act FROM make_safe WHERE ended_ms IS NULL ORDER BY id")


def _advance(transaction: Transaction, queue: Queue, number: int) -> None:
    found = [(user_name, act) for one, user_name, act in _open(transaction) if one == number]
    if not found:
        return
    user_name, act = found[0]
    making, now_ms = msgspec.json.decode(act, type=Making), queue.clock.now_ms()
    due = _due(transaction, making, now_ms)
    if due is None:
        return
    if isinstance(due, Step):
        _send(transaction, queue, making, due, user_name)
        transaction.execute("UPDATE make_safe SET act = ? WHERE id = ?", (_encode(making), number))
    else:
        transaction.execute("UPDATE make_safe SET ended_ms = ? WHERE id = ?", (now_ms, number))


def _due(source: Source, making: Making, now_ms: int) -> Step | bool | None:
    """Return the step to send now; True when nothing is left, None while the last step sent has its time."""
    for step in making.steps:
        if not step.ulid:
            return step
        status, picked_up_ms = _job(source, step.ulid)
        phase = phase_of(status)
        if phase == "gone" and picked_up_ms is None and step.word != "STOP" and step.tries < TRIES:
            return step
        since_ms, wait_ms = (step.sent_ms or 0, PATIENCE_MS) if picked_up_ms is None else (picked_up_ms, AFTER_MS)
        # A clock that was set back must not keep the next step back.
        if phase != "gone" and 0 <= now_ms - since_ms < wait_ms:
            return None
    return True


def _job(source: Source, ulid: str) -> tuple[str, int | None]:
    found = source.fetch("SELECT status, picked_up_ms, started_ms FROM job WHERE ulid = ?", (ulid,))
    if not found:
        return "CANCELLED", None
    status, picked_up_ms, started_ms = found[0]
    return status, picked_up_ms if picked_up_ms is not None else started_ms


# ---- looking


def list_makings(queue: Queue) -> list[MakingView]:
    """Return the acts that are under way, and those of the last hour, newest first."""
    now_ms = queue.clock.now_ms()
    found = queue.database.fetch(
        "SELECT id, site, since_ms, ended_ms, replaced, user_id, user_name, act FROM make_safe "
        "WHERE since_ms > ? OR ended_ms IS NULL ORDER BY id DESC LIMIT 20",
        (now_ms - SHOWN_MS,),
    )
    return [_view(queue.database, row, now_ms) for row in found]


def _view(source: Source, row: tuple[Any, ...], now_ms: int) -> MakingView:
    number, site, since_ms, ended_ms, replaced, user_id, user_name, act = row
    making = msgspec.json.decode(act, type=Making)
    return MakingView(
        id=number,
        site=site,
        since_ms=since_ms,
        ended_ms=ended_ms,
        replaced=bool(replaced),
        user_id=user_id,
        user_name=user_name,
        steps=[_view_step(source, step, now_ms) for step in making.steps],
    )


def _view_step(source: Source, step: Step, now_ms: int) -> StepView:
    status, picked_up_ms = _job(source, step.ulid) if step.ulid else ("", None)
    phase = phase_of(status) if step.ulid else "next"
    if phase == "waiting":
        phase = "late" if now_ms - (step.sent_ms or 0) >= PATIENCE_MS else "sent"
    return StepView(
        word=step.word,
        site=step.site,
        action=step.action,
        ulid=step.ulid,
        state=phase,
        sent_ms=step.sent_ms,
        picked_up_ms=picked_up_ms,
    )
