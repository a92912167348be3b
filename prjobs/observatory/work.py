"""The jobs in the hands of the program, and what a stop ends; without waits, and without calls of the service."""

import logging
import re
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import takewhile

from prjobs.client import is_stop
from prjobs.observatory.handler import Handler
from prjobs.observatory.job import Document, Job, Lane, fault_of
from prjobs.observatory.outbox import Outbox, Report

logger = logging.getLogger(__name__)

# Known again when the service hands a job out twice.
SEEN = 10_000
# The words of a job that no program has begun, or that is over; any other word is a report of a running job.
NOT_BEGUN = frozenset({"UNREAD", "RECEIVED", "HELD", "FORWARDING", "FORWARDED"})
ENDED = frozenset({"COMPLETE", "COMPLETED", "FAILED", "ERROR", "ABORTED", "CANCELLED", "EXPIRED"})
# The clocks of the site and of the cloud, where jobs come from too, are taken to agree to within so much.
CLOCKS_MS = 60_000
INTERRUPTED = "the observatory's program ended while the job ran; nobody knows how far it came"


class Work:
    """The jobs of the program: a lane a device, with at most one job in each that runs.

    A job begins when its lane is free, no stop is being carried out, the service is in touch and has taken the report
    of the start. So a job that the service gave to another program, or withdrew, never begins here.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.changed = threading.Condition()
        self.handlers: dict[tuple[str, str | None], Handler] = {}
        self._outbox = outbox
        self._lanes: dict[Lane, deque[Job]] = {}
        self._running: dict[Lane, Job] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()
        # The waiting job whose lease is being renewed.
        self._renewed: Job | None = None
        self._stops = 0
        self._next_order = 0
        self._in_touch = False

    # ---- what comes in

    def handler_of(self, job: Job) -> Handler | None:
        """Return the handler of the job's device and action, else the device's handler for every action."""
        device, action = job.device.strip().lower(), job.action.strip().lower()
        return self.handlers.get((device, action)) or self.handlers.get((device, None))

    @property
    def is_in_touch(self) -> bool:
        """Return True while the polls are answered."""
        return self._in_touch

    def set_in_touch(self, is_in_touch: bool) -> None:
        """Let jobs begin, or no more: out of touch, a stop may wait at the service."""
        with self.changed:
            self._in_touch = is_in_touch
            self.changed.notify_all()

    def take_in(self, documents: Iterable[object]) -> tuple[list[Lane], list[Job]]:
        """Take the jobs of an answer; return the lanes with new jobs, and the stops to carry out.

        A job that was here before is the same job again: nothing happens. A job that nobody can carry out is FAILED.
        """
        lanes, stops = [], []
        for document in documents:
            if (job := self._read(document)) is None:
                continue
            if is_stop(job.document):
                job.order = self._next_order
                stops.append(job)
            elif self._enqueue(job):
                lanes.append(job.lane)
        return lanes, stops

    def _read(self, document: object) -> Job | None:
        """Return the document as a job; None for a job seen before or for something else, which is reported."""
        ulid = document.get("ulid") if isinstance(document, dict) else None
        if not isinstance(ulid, str):
            logger.error("the service sent something that is no job: %.200r", document)
            return None
        with self.changed:
            is_known = ulid in self._seen
            self._seen[ulid] = None
            if len(self._seen) > SEEN:
                self._seen.popitem(last=False)
        if is_known:
            return None
        if fault := fault_of(document):
            self._outbox.put(Report(ulid, "FAILED", 0, fault))
            return None
        return Job(document)  # type: ignore[arg-type]

    def _enqueue(self, job: Job) -> bool:
        if self.handler_of(job) is None:
            self._outbox.put(Report(job.ulid, "FAILED", 0, f"this program knows no {job.action} for a {job.device}"))
            return False
        with self.changed:
            job.order = self._next_order
            self._next_order += 1
            self._lanes.setdefault(job.lane, deque()).append(job)
            self.changed.notify_all()
        return True

    def find_interrupted(self, documents: Iterable[object]) -> tuple[list[Lane], list[Job]]:
        """Settle the jobs that a former run of the program had taken; return lanes and stops as `take_in` does.

        The job's handler says whether a begun job fails (the usual case), is done again, or goes on; a job that may be
        from before a stop always fails. A stop that the former run did not report is to be carried out now.
        """
        jobs = [Job(one, resumed=True) for one in documents if isinstance(one, dict) and fault_of(one) is None]
        last_stop = max((job for job in jobs if is_stop(job.document)), key=lambda job: job.ulid, default=None)
        lanes, stops = [], []
        for job in jobs:
            handler, word, stops_all = self.handler_of(job), word_of(job.document), is_stop(job.document)
            if job.ulid in self._seen or word in ENDED or not (stops_all or handler):
                continue
            if stops_all and word == "RECEIVED":
                self._seen[job.ulid] = None
                stops.append(job)
            elif handler and word not in NOT_BEGUN:
                self._seen[job.ulid] = None
                if handler.after_restart == "fail" or (last_stop and self._may_be_older(job, last_stop)):
                    self._outbox.put(Report(job.ulid, "FAILED", 0, INTERRUPTED))
                elif self._enqueue(job):
                    lanes.append(job.lane)
        return lanes, stops

    def _may_be_older(self, job: Job, stop: Job) -> bool:
        """Return True for a job that may have come before the stop, by the clocks that made the ids.

        A closing or parking counts by its id alone: users send these right after a stop.
        """
        handler = self.handler_of(job)
        is_kept = handler is not None and handler.is_for_safety(job)
        return job.ulid < stop.ulid or (not is_kept and job.sent_ms <= stop.sent_ms + CLOCKS_MS)

    # ---- one job

    def can_begin(self, lane: Lane) -> bool:
        """Return True if the lane's next job may begin."""
        waiting = self._lanes.get(lane)
        if not waiting or lane in self._running or self._stops or not self._in_touch or waiting[0] is self._renewed:
            return False
        return not any(self._waits_for(waiting[0], older) for older in self._older_than(waiting[0]))

    def _older_than(self, job: Job) -> Iterator[Job]:
        """Yield the running and waiting jobs that are older, if any function names other devices at all."""
        if not any(handler.uses or handler.after for handler in self.handlers.values()):
            return
        yield from (other for other in self._running.values() if other.order < job.order)
        for waiting in self._lanes.values():
            # A lane is in order: a long one of newer jobs costs one look.
            yield from takewhile(lambda other: other.order < job.order, waiting)

    def _waits_for(self, job: Job, older: Job) -> bool:
        """Return True if the job must not begin before the end of an older job of another lane."""
        mine, other = self.handler_of(job), self.handler_of(older)
        return bool((mine and older.lane[0] in mine.awaited_by(job)) or (other and job.lane[0] in other.used_by(older)))

    def begin(self, lane: Lane) -> Job | None:
        """Take the lane's next job and have the start reported; None while no job may begin."""
        with self.changed:
            if not self.can_begin(lane):
                return None
            job = self._lanes[lane].popleft()
            self._running[lane] = job
        job.tell = lambda status, seconds, message: self._report_progress(job, status, seconds, message)
        handler = self.handler_of(job)
        estimate_s = handler.estimate_s(job) if handler else None
        with self.changed:
            # A stop may have ended the job meanwhile: a start reported after the end would stay the last word.
            if not job.is_over:
                start = Report(job.ulid, "STARTED", estimate_s, None, taken=lambda ok: self._accepted(job, ok))
                self._outbox.put(start)
        return job

    def _accepted(self, job: Job, is_taken: bool) -> None:
        with self.changed:
            job.is_accepted = is_taken
            if not is_taken:
                job.is_over = True
                self._free(job)
            self.changed.notify_all()

    def may_run(self, job: Job) -> bool:
        """Return True if the handler may run now; from then on the job counts as running."""
        with self.changed:
            if job.is_over or not job.is_accepted or self._stops or not self._in_touch:
                return False
            job.begin()
            return True

    def end(self, job: Job, status: str, message: str | None = None) -> None:
        """Report the outcome, unless a stop decided it before, and free the lane."""
        with self.changed:
            if not job.is_over:
                job.is_over, job.outcome = True, status
                self._outbox.put(Report(job.ulid, status, 0, message or job.note))
            self._free(job)
            self.changed.notify_all()

    def add_message(self, job: Job, message: str) -> None:
        """Report a message about a job: with the outcome, or after COMPLETE. Any other outcome keeps its own words."""
        with self.changed:
            if job.outcome == "COMPLETE":
                self._outbox.put(Report(job.ulid, "COMPLETE", 0, message))
            job.note = message

    def _free(self, job: Job) -> None:
        if self._running.get(job.lane) is job:
            del self._running[job.lane]

    def _report_progress(self, job: Job, status: str, seconds: float | None, message: str | None) -> None:
        with self.changed:
            job.check()
            if not job.is_over:
                self._outbox.put(Report(job.ulid, status, seconds, message, may_go=True))

    def to_renew(self) -> list[Job]:
        """Return the waiting jobs: each needs a report of RECEIVED, else its lease ends and it is handed out again."""
        with self.changed:
            return [] if self._stops else [job for lane in self._lanes.values() for job in lane]

    @contextmanager
    def renewing(self, job: Job) -> Iterator[bool]:
        """Yield True if the job still waits, and let the job wait until the end of the block.

        A renewal that arrives after a report of the start or of the end would be the last word.
        """
        with self.changed:
            waits = job in self._lanes.get(job.lane, ())
            self._renewed = job if waits else None
        try:
            yield waits
        finally:
            with self.changed:
                self._renewed = None
                self.changed.notify_all()

    # ---- the stop

    def stop(self, stop: Job) -> list[Job]:
        """End every job that is older than the stop, and let none begin until `stopped`; return the ended jobs.

        A closing or parking that has not begun waits until the stop is carried out.
        """
        with self.changed:
            self._stops += 1
            return self._end_all(f"stopped by {stop.user_name or stop.user_id}", lambda job: self._is_ended(job, stop))

    def _is_ended(self, job: Job, stop: Job) -> bool:
        handler = self.handler_of(job)
        is_kept = not job.is_running and handler is not None and handler.is_for_safety(job)
        # The id of a job from the cloud may bear a later time than the id of a stop that came after the job.
        is_older = job.order < stop.order or job.ulid < stop.ulid
        return is_older and not is_kept

    def stop_all(self, reason: str) -> list[Job]:
        """End every job for good, since the program ends; return the ended jobs."""
        with self.changed:
            self._stops += 1
            return self._end_all(reason, lambda _job: True)

    def _end_all(self, reason: str, is_ended: Callable[[Job], bool]) -> list[Job]:
        ended = [job for job in self._running.values() if not job.is_over and is_ended(job)]
        for lane, waiting in self._lanes.items():
            ended += [job for job in waiting if is_ended(job)]
            self._lanes[lane] = deque(job for job in waiting if not is_ended(job))
        for job in ended:
            job.is_over, job.outcome = True, "ABORTED"
            job.stop()
            if not job.is_running:
                self._free(job)
            self._outbox.put(Report(job.ulid, "ABORTED", 0, reason))
        self.changed.notify_all()
        return ended

    def stopped(self) -> None:
        """Let jobs begin again: the stop is carried out."""
        with self.changed:
            self._stops -= 1
            self.changed.notify_all()


def word_of(document: Document) -> str:
    """Return the status in the document, without what a report added to a known word."""
    status = str(document.get("statusId", "")).rpartition("#")[0]
    return re.split(r"[^A-Za-z]", status, maxsplit=1)[0].upper()
