"""A simulated observatory, a plain client of the HTTP API: polls, runs each command as long as real, and reports.

Jobs run in the order of arrival. Devices move side by side, but camera and sequencer need the whole telescope: such
a job waits for all earlier jobs, and all later jobs wait for such a job.
"""

import logging
import math
import random
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from prjobs.base import catalogue
from prjobs.client import Client, NotReached, Refused

logger = logging.getLogger(__name__)

POLL_S = 4.0
TICK_S = 0.2
UNKNOWN_S = 10.0
LONGEST_S = 3600.0
FRAMES_REPORTED = 10
REPORTS_KEPT = 1000
TRY_LATER = (429, 503)

NEEDS_TELESCOPE = frozenset({"camera", "sequencer"})
APART = frozenset({"obs", "all", "enclosure", "screen"})


@dataclass(slots=True)
class Task:
    """A job that the observatory has taken on; times are readings of the observatory's clock."""

    ulid: str
    device: str
    action: str
    required: dict[str, Any]
    optional: dict[str, Any]
    running: bool = False
    fails: bool = False
    started_s: float = 0.0
    expected_s: float = 0.0  # the end as reported
    ends_s: float = 0.0  # the real end
    frames: int = 0
    frame: int = -1

    @property
    def stops(self) -> bool:
        return catalogue.command_class(self.device, self.action, self.required) == "stop"

    def must_wait_for(self, other: "Task") -> bool:
        if self.device == other.device:
            return True
        pair = {self.device, other.device}
        return bool(pair & NEEDS_TELESCOPE) and not pair & APART

    def begin(self, now_s: float, expected_s: float, lasts_s: float, fails: bool) -> None:
        self.running, self.fails = True, fails
        self.started_s, self.expected_s, self.ends_s = now_s, now_s + expected_s, now_s + lasts_s
        self.frames = _frames(self)

    def seconds_left(self, now_s: float) -> int:
        return max(0, math.ceil(self.expected_s - now_s))

    def new_frame(self, now_s: float) -> bool:
        """Return True if a frame of an exposure has begun since the last call."""
        if not self.frames:
            return False
        part = (now_s - self.started_s) / max(self.expected_s - self.started_s, 1e-9)
        frame = min(int(part * self.frames), self.frames - 1)
        begun, self.frame = frame > self.frame, max(frame, self.frame)
        return begun


@dataclass(frozen=True, slots=True)
class Report:
    """A status to report to the service; `seconds` is the estimate of the time left."""

    ulid: str
    status: str
    seconds: int | None = None


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """The behaviour of a simulated observatory. `pace` divides every duration and the gap between polls, `poll_s`.

    `devices`: the device types present (None: all; an enclosure station has only "enclosure"). `flush`: throw the
    first answer away, as the real program does at the start; `flush_probability`: of a thrown answer after a poll, as
    the real sequencer does. `failure_probability`: of each job. `poll_ids`: ask again for the jobs of a lost answer.
    """

    pace: float = 1.0
    devices: Collection[str] | None = None
    flush: bool = True
    flush_probability: float = 0.0
    failure_probability: float = 0.03
    poll_s: float = POLL_S
    poll_ids: bool = False


class Observatory:
    """One simulated site."""

    def __init__(
        self,
        client: Client,
        site: str,
        behaviour: Behaviour | None = None,
        chance: random.Random | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.site = site
        self.tasks: list[Task] = []
        self._client = client
        self._behaviour = behaviour or Behaviour()
        self._chance = chance or random.Random()
        self._now = now
        self._flush_next = self._behaviour.flush
        self._poll_id = _new_poll_id() if self._behaviour.poll_ids else None
        self._next_poll_s = -math.inf
        self._reports: deque[Report] = deque(maxlen=REPORTS_KEPT)
        self._reachable = True

    def run(self, stop: threading.Event) -> None:
        """Observe until `stop` is set, whatever the service answers."""
        while not stop.is_set():
            try:
                self.step_once(self._now())
            except Exception:
                logger.exception("%s: a step of the simulated observatory failed", self.site)
            stop.wait(TICK_S)

    def step_once(self, now_s: float) -> None:
        """Poll when due, move every running job on, and send the reports."""
        if now_s >= self._next_poll_s:
            gap_s = self._behaviour.poll_s * self._chance.uniform(0.8, 1.2)
            self._next_poll_s = now_s + gap_s / self._behaviour.pace
            self.poll_once()
        self._advance(now_s)
        self._start_what_can(now_s)
        self._tell()

    def poll_once(self) -> int:
        """Ask for new jobs and take them on; return the number, 0 for a flush."""
        documents = self._fetch()
        if documents is None:
            return 0
        if self._flush_next:
            self._flush_next = False
            return 0
        tasks = _tasks(documents)
        for task in tasks:
            self._accept(task)
        if self._chance.random() < self._behaviour.flush_probability:
            self._fetch()
        return len(tasks)

    def _fetch(self) -> list[dict[str, Any]] | None:
        """Return the site's new jobs; None without an answer, or for an error."""
        try:
            documents = self._client.get_new_jobs(self.site, poll_id=self._poll_id)
        except (Refused, NotReached) as error:
            self._note_reachable(False, str(error))
            return None
        self._note_reachable(True, "answers again")
        if self._poll_id:
            self._poll_id = _new_poll_id()
        return documents

    def _note_reachable(self, reachable: bool, sentence: str) -> None:
        if reachable != self._reachable:
            self._reachable = reachable
            logger.info("%s: polling: %s", self.site, sentence)

    def _accept(self, task: Task) -> None:
        if task.stops:
            self._abort_everything()
            self._report(task, "COMPLETE", 0)
        elif self._can_run(task):
            self.tasks.append(task)
        else:
            self._report(task, "FAILED")

    def _can_run(self, task: Task) -> bool:
        devices = self._behaviour.devices
        if devices is not None and task.device not in devices:
            return False
        return catalogue.find(task.device, task.action, task.required) is not None

    def _abort_everything(self) -> None:
        for task in self.tasks:
            self._report(task, "ABORTED")
        self.tasks.clear()

    def _advance(self, now_s: float) -> None:
        for task in [task for task in self.tasks if task.running]:
            if now_s >= task.ends_s:
                self.tasks.remove(task)
                self._report(task, "FAILED" if task.fails else "COMPLETE", 0)
            elif task.new_frame(now_s):
                self._report(task, "EXPOSING", task.seconds_left(now_s))

    def _start_what_can(self, now_s: float) -> None:
        for place, task in enumerate(self.tasks):
            if not task.running and not any(task.must_wait_for(earlier) for earlier in self.tasks[:place]):
                self._start(task, now_s)

    def _start(self, task: Task, now_s: float) -> None:
        usual_s = catalogue.usual_seconds(task.device, task.action, task.required, task.optional)
        expected_s = min(UNKNOWN_S if usual_s is None else usual_s, LONGEST_S) / self._behaviour.pace
        fails = self._chance.random() < self._behaviour.failure_probability
        share = self._chance.uniform(0.1, 0.9) if fails else self._chance.uniform(0.9, 1.1)
        task.begin(now_s, expected_s, expected_s * share, fails)
        self._report(task, "STARTED", task.seconds_left(now_s))

    def _report(self, task: Task, status: str, seconds: int | None = None) -> None:
        self._reports.append(Report(task.ulid, status, seconds))

    def _tell(self) -> None:
        """Send the reports in order; a report that the service cannot take now stays for the next time."""
        while self._reports:
            report = self._reports[0]
            try:
                self._send(report)
            except NotReached:
                return
            except Refused as refused:
                if refused.status in TRY_LATER:
                    return
                logger.warning("%s: %s of %s refused: %s", self.site, report.status, report.ulid, refused)
            self._reports.popleft()

    def _send(self, report: Report) -> None:
        if report.status == "STARTED":
            self._client.start_job(self.site, report.ulid, report.seconds)
        else:
            self._client.update_job_status(self.site, report.ulid, report.status, report.seconds)


def _new_poll_id() -> str:
    return uuid.uuid4().hex


def _tasks(documents: list[dict[str, Any]]) -> list[Task]:
    """Return the jobs of a batch in the order of their times, without malformed entries."""
    jobs = [document for document in documents if _is_job(document)]
    if len(jobs) < len(documents):
        logger.warning("%d of %d jobs are malformed", len(documents) - len(jobs), len(documents))
    return [_task(job) for job in sorted(jobs, key=lambda job: job["timestamp_ms"])]


def _is_job(document: object) -> bool:
    if not isinstance(document, dict):
        return False
    texts = all(isinstance(document.get(name), str) for name in ("ulid", "deviceType", "action"))
    params = all(isinstance(document.get(name), dict) for name in ("required_params", "optional_params"))
    return texts and params and isinstance(document.get("timestamp_ms"), int)


def _task(job: dict[str, Any]) -> Task:
    return Task(
        ulid=job["ulid"],
        device=job["deviceType"],
        action=job["action"],
        required=job["required_params"],
        optional=job["optional_params"],
    )


def _frames(task: Task) -> int:
    """Return the number of frames of an exposure with a report each; 0 for other jobs."""
    if (task.device, task.action) != ("camera", "expose"):
        return 0
    try:
        count = int(task.optional.get("count", 1))
    except (TypeError, ValueError, OverflowError):
        count = 1
    return min(max(count, 1), FRAMES_REPORTED)
