"""The acts of *make safe* as the page shows them: each step with the state of its job."""

from typing import Any

import msgspec

from prjobs.jobs.making_safe import PATIENCE_MS
from prjobs.jobs.queue import Queue
from prjobs.jobs.safe_acts import STOP_STEP, Making, Step, Told, decode, job_of, newest_stop
from prjobs.jobs.states import phase_of
from prjobs.store.source import Source

SHOWN_MS = 3_600_000


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step for the page. `state`: next, locked, unsent, sent, late, picked_up, running, done, failed or gone.

    Locked: the site is locked out, and the step waits until the unlocking. Unsent: the act ended before the step.

    State and pick-up of a stop that a newer stop withdrew are those of the newer one, by `gave_way_to`.
    """

    word: str
    site: str
    action: str
    ulid: str
    state: str
    sent_ms: int | None
    picked_up_ms: int | None
    gave_way_to: str


class MakingView(msgspec.Struct, frozen=True):
    """An act for the page; `replaced` by a newer one at the same site, `ended_ms` when nothing is left to send.

    `left_out` is the enclosure station that the user's rights do not reach, and that no step closes; empty for none.
    """

    id: int
    site: str
    since_ms: int
    ended_ms: int | None
    user_id: str
    user_name: str
    replaced: bool
    steps: list[StepView]
    left_out: str


def list_makings(queue: Queue) -> list[MakingView]:
    """Return the acts that are under way, and those of the last hour, newest first."""
    now_ms = queue.clock.now_ms()
    found = queue.database.fetch(
        "SELECT id, site, since_ms, ended_ms, user_id, user_name, replaced, act FROM make_safe "
        "WHERE since_ms > ? OR ended_ms IS NULL ORDER BY id DESC LIMIT 20",
        (now_ms - SHOWN_MS,),
    )
    acts = [(row, decode(act)) for *row, act in found]
    return [_view(queue, row, making, now_ms) for row, making in acts if making]


def _view(queue: Queue, row: list[Any], making: Making, now_ms: int) -> MakingView:
    *shown, replaced = row
    steps = [_held(queue, _view_step(queue.database, step, now_ms), ended_ms=row[3]) for step in making.steps]
    return MakingView(*(*shown, bool(replaced), steps, making.left_out))


def _held(queue: Queue, step: StepView, ended_ms: int | None) -> StepView:
    """Return the step as locked where a lock holds it back, and as unsent where the act ended before the step."""
    if step.state == "next" and ended_ms is not None:
        return msgspec.structs.replace(step, state="unsent")
    is_motion = step.word != STOP_STEP and step.state in ("next", "sent", "late")
    return msgspec.structs.replace(step, state="locked") if is_motion and step.site in queue.lockouts.held else step


def _view_step(source: Source, step: Step, now_ms: int) -> StepView:
    job = job_of(source, step.ulid) if step.ulid else None
    gave_way_to = ""
    if step.word == STOP_STEP and job and phase_of(job.status) == "gone":
        newer = newest_stop(source, step.site)
        if newer and newer.ulid > job.ulid:
            job, gave_way_to = newer, newer.user_name
    return StepView(
        word=step.word,
        site=step.site,
        action=step.action,
        ulid=job.ulid if job else step.ulid,
        state=_state(step, job, now_ms),
        sent_ms=step.sent_ms,
        picked_up_ms=job.picked_up_ms if job else None,
        gave_way_to=gave_way_to,
    )


def _state(step: Step, job: Told | None, now_ms: int) -> str:
    if not step.ulid:
        return "next"
    phase = phase_of(job.status) if job else "gone"
    if job and phase == "waiting":
        return "late" if now_ms - job.sent_ms >= PATIENCE_MS else "sent"
    return phase
