"""The search for faults: stops not picked up or maybe not arrived, silent sites, stuck jobs, notices of the appliance.

Each rule yields what is wrong now, of the jobs that are kept in memory; alarms are raised and ended from the whole.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from prjobs.base.clock import moment
from prjobs.base.errors import NotFound, Unavailable
from prjobs.base.notices import Code
from prjobs.jobs import settling, shared_stops, stops
from prjobs.jobs.lookup import find_job
from prjobs.jobs.requests import STOP_CLASS
from prjobs.jobs.shared_stops import Missed
from prjobs.jobs.states import PRIMARY, Program
from prjobs.monitor import alarms, health, views
from prjobs.monitor.alarms import DOUBT, LOOK, NOTICE, PROBLEM, SAFETY, STOP, STUCK, Wrong
from prjobs.monitor.board import Board
from prjobs.monitor.reported import Reported
from prjobs.monitor.rules import ENDED_S, REPORTED_S, STOP_S, UNREPORTED_UNTIL_S
from prjobs.monitor.silence import Silence
from prjobs.monitor.unreached import put_together
from prjobs.monitor.watched import Seen, Watched, WatchedJobs
from prjobs.store.models import JobRow

_SAID = {
    "waiting": "was sent at {} and is not picked up",
    DOUBT: "was handed out at {}, and nothing shows that it arrived",
    "picked_up": "was picked up at {}, and no report came since",
    "running": "should have ended at {} by its own estimate",
}
# The beginning of the key of an alarm about a program that did not get a stop for all devices.
MISSED = "stop-missed"
# What closing and parking should lead to: where no report says so, a person must look.
_LOOK = {
    "close": ("nobody said that the roof closed", "look whether it closed"),
    "park": ("nobody said that the mount parked", "look whether it parked"),
}


class Watch:
    """The watch for faults; `once` is called every second."""

    def __init__(self, board: Board) -> None:
        self._board, self._queue = board, board.queue
        self._silence = Silence(board)
        self._reported = Reported(board)
        self._jobs = WatchedJobs(board, self._silence, self._reported)
        self._missed: list[Missed] = []

    def once(self) -> None:
        """Look for faults, and settle the alarms. When the store cannot be read, the jobs in memory still count."""
        with suppress(Unavailable):
            self._jobs.read()
            self._jobs.prove()
            self._reported.look()
            self._missed = shared_stops.find_missed(self._queue, STOP_S)
        self._jobs.forget_old()
        polls = self._queue.polls
        of_jobs = [one for one in self._of_jobs() if polls.knows(one.site)]
        of_jobs = put_together(polls, of_jobs)
        alarms.settle(self._board, [*of_jobs, *self._silence.find(polls.sites()), *self._of_house()])

    # ---- the rules

    def _of_jobs(self) -> Iterator[Wrong]:
        yield from self._stops()
        yield from self._programs_without_stop()
        yield from self._unseen()
        yield from self._reported.find()
        yield from self._stuck()

    def _stops(self) -> Iterator[Wrong]:
        for one in list(self._jobs.watched.values()):
            if one.phase == "waiting" and not self._settles(one) and self._is_late(one):
                yield self._of_job(one.job.command_class, _kind(one.job), one, one.job.created_ms)
        for seq in [seq for seq, is_doubted in self._jobs.unproved.items() if is_doubted]:
            if doubtful := self._jobs.watched.get(seq):
                job = doubtful.job
                yield self._of_job(f"{job.command_class}-{DOUBT}", _kind(job), doubtful, job.changed_ms)

    def _programs_without_stop(self) -> Iterator[Wrong]:
        for job, program in self._missed:
            key = f"{MISSED}/{job.ulid}/{shared_stops.asked_for(program)}"
            words = partial(self._missed_words, job, program)
            yield Wrong(key, STOP, job.created_ms, words, site=job.site, ulid=job.ulid)

    def _missed_words(self, job: JobRow, program: Program) -> str:
        of = " ".join(name for name in program[2:] if name)
        who = f"the program that asks for the jobs of {of}" if of else "the program that asks for all jobs"
        return (
            f"{job.site}: “{self._label(job)}”, sent at {_clock(job.created_ms)}, was picked up, but not by {who}, "
            "which polled before"
        )

    def _settles(self, one: Watched) -> bool:
        """Return True while settling keeps a closing or parking back; its wait begins at the end of the settling."""
        job = one.job
        if job.command_class not in stops.SPARED:
            return False
        left_s = settling.left_s(self._queue, job.site, PRIMARY, job.seq)
        if left_s:
            self._jobs.watched[job.seq] = one._replace(began_s=self._queue.clock.elapsed_s() + left_s)
        return left_s > 0

    def _unseen(self) -> Iterator[Wrong]:
        """Yield closings and parkings whose end nobody reported; an acknowledgement ends each after half an hour."""
        clock = self._queue.clock
        for job, phase, began_s in list(self._jobs.endings.values()):
            expected_s = REPORTED_S if phase == "running" or self._jobs.reports(job) else ENDED_S
            if phase == "running" and job.estimate_s is not None:
                expected_s = max(expected_s, self._jobs.late_s(job, phase) if job.estimate_s >= 0 else 0)
            is_early = phase != "failed" and clock.elapsed_s() - began_s < expected_s
            key = f"{job.command_class}-{LOOK}/{job.ulid}"
            if phase == "done" or job.ulid in self._jobs.looked or (is_early and key not in self._board.alarms):
                continue
            seen_ms = self._board.alarms.seen_ms(key)
            if seen_ms is not None and clock.now_ms() - seen_ms >= UNREPORTED_UNTIL_S * 1000:
                self._jobs.looked.add(job.ulid)
                continue
            said = partial(self._look_words, job, phase)
            yield Wrong(key, SAFETY, job.changed_ms, said, site=job.site, ulid=job.ulid)

    def _look_words(self, job: Seen, phase: str) -> str:
        nobody, look = _LOOK[job.command_class]
        did = {"picked_up": "was picked up", "failed": "was reported to have failed"}.get(phase, "was begun")
        why = "" if phase == "failed" else f"; {nobody}"
        return f"{job.site}: “{self._label(job)}” {did} at {_clock(job.changed_ms)}{why}: {look}"

    def _stuck(self) -> Iterator[Wrong]:
        for one in self._jobs.watched.values():
            if one.phase != "waiting" and self._is_late(one):
                estimate_s = (one.job.estimate_s or 0) if one.phase == "running" else 0
                yield self._of_job(STUCK, STUCK, one, one.job.changed_ms + estimate_s * 1000)

    def _is_late(self, one: Watched) -> bool:
        age_s = self._queue.clock.elapsed_s() - one.began_s
        if one.phase == "picked_up":
            return one.late_s < age_s <= UNREPORTED_UNTIL_S and self._jobs.reports(one.job)
        return age_s >= one.late_s if one.phase == "waiting" else age_s > one.late_s

    def _of_job(self, name: str, kind: str, one: Watched, since_ms: int) -> Wrong:
        words = _SAID[DOUBT if name.endswith(DOUBT) else one.phase]
        said = lambda: f"{one.job.site}: “{self._label(one.job)}” {words.format(_clock(since_ms))}"  # noqa: E731
        return Wrong(f"{name}/{one.job.ulid}", kind, since_ms, said, site=one.job.site, ulid=one.job.ulid)

    def _label(self, job: "Seen | JobRow") -> str:
        try:
            return views.view_job(find_job(self._queue.database, job.ulid)).label
        except (NotFound, Unavailable):
            return job.ulid

    def _of_house(self) -> Iterator[Wrong]:
        now_ms = self._queue.clock.now_ms()
        for one in health.raised(self._queue):
            kind = PROBLEM if one.is_problem else NOTICE
            key = f"{kind}/{one.code}" + (f"/{one.site}" if one.site else "")
            # The reason of the last refused poll counts: a program with a new address may be refused for its token.
            changes = one.code == Code.POLL_REFUSED
            yield Wrong(key, kind, now_ms, partial(str, one.sentence), one.site, loud=one.is_loud, changes=changes)


def _kind(job: Seen) -> str:
    return STOP if job.command_class == STOP_CLASS else SAFETY


def _clock(time_ms: int) -> str:
    return moment(time_ms).strftime("%H:%M:%S UTC")
