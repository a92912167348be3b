"""The program's threads: for polls, for reports, for stops, and for the handlers of each device."""

import logging
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Self

from prjobs.client import CallFailed, Client, Refused
from prjobs.observatory.handler import AfterRestart, Handler, Run, Seconds, Types
from prjobs.observatory.job import Job, Lane, Stopped
from prjobs.observatory.outbox import AGAIN_S, LONGEST_S, Outbox, Report
from prjobs.observatory.work import Work

logger = logging.getLogger(__name__)

WAIT_S = 20.0
# A service that knows no `wait` answers at once, and would be asked without a pause.
NOT_HELD_PAUSE_S = 1.0
LEASE_S = 60.0
# So many leases are renewed between two polls: a poll must not wait for hundreds, since the poll brings the stops.
RENEWED_AT_ONCE = 10
ENDS = "the observatory's program ended"


class Observatory:
    """The program of one site; `base_url`, `token` and `client`: the jobs service, as `prjobs.client.Client` has them.

    `lease_s`: a job in the hands of a program that died before the begin waits again after so many seconds.
    """

    def __init__(
        self,
        base_url: str,
        site: str,
        token: str | None = None,
        *,
        lease_s: float = LEASE_S,
        client: Client | None = None,
    ) -> None:
        self.site = site
        self.client = client or Client(base_url, token)
        self.outbox = Outbox()
        self.work = Work(self.outbox)
        self._lease_s = lease_s
        self._on_stop: Callable[[Job], object] = lambda _job: None
        self._stops: queue.SimpleQueue[tuple[Job, list[Job]] | None] = queue.SimpleQueue()
        self._lanes: dict[Lane, threading.Thread] = {}
        self._stopper = threading.Thread(target=self._carry_out_stops, name=f"{site} stop", daemon=True)
        self._ending = threading.Event()
        self._poll_id = uuid.uuid4().hex
        self._has_looked = False
        self._was_not_held = False
        self._renewed_s = time.monotonic()
        self._to_renew: deque[Job] = deque()

    # ---- for the program

    def on(
        self,
        device: str,
        action: str | None = None,
        *,
        seconds: Seconds = None,
        after_restart: AfterRestart = "fail",
        makes_safe: bool | None = None,
        uses: Types = (),
        after: Types = (),
    ) -> Callable[[Run], Run]:
        """Decorate the function for the jobs of a device type and action; without an action, for every other action.

        The function gets a `Job`. A return is reported as COMPLETE, an exception as FAILED with its words. `seconds`:
        the usual duration, or a function of the job. `after_restart`: what becomes of a job that a former run of the
        program had begun: "fail", "redo" (from the start), or "resume" (the same, with `job.resumed` True).
        `makes_safe`: the job is kept when a stop comes before its turn; closing and parking are, unless told otherwise.
        `uses`: other device types at work in the job: the job waits for earlier jobs there, and holds later ones up.
        `after`: the same, but later jobs do not wait. Both may be functions of the job.
        """
        name = action.strip().lower() if action is not None else None

        def keep(run: Run) -> Run:
            handler = Handler(run, seconds, after_restart, makes_safe, uses=uses, after=after)
            self.work.handlers[device.strip().lower(), name] = handler
            return run

        return keep

    def on_stop(self, act: Callable[[Job], object]) -> Callable[[Job], object]:
        """Decorate the function that ends all motion and exposures; the function gets the stop as a `Job`.

        The function runs at once, beside handlers that still block. No job begins before the function has returned.
        """
        self._on_stop = act
        return act

    def add_message(self, job: Job, message: str) -> None:
        """Report a message about a job that is COMPLETE, or is not over yet; a stopped or failed job gets none."""
        self.work.add_message(job, message)

    def run(self) -> None:
        """Work until Ctrl-C, or until another thread calls `close`."""
        with self:
            try:
                while not self._ending.wait(1.0):
                    pass
            except KeyboardInterrupt:
                logger.info("Ctrl-C: the program of %s ends", self.site)

    def __enter__(self) -> Self:
        for name, loop in (("poll", self._poll), ("report", self._report)):
            threading.Thread(target=loop, name=f"{self.site} {name}", daemon=True).start()
        self._stopper.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self, wait_s: float = 10.0) -> None:
        """End the running jobs and the program; wait so long at most for stops under way and the last reports."""
        until_s = time.monotonic() + wait_s
        self._ending.set()
        self.work.stop_all(ENDS)
        self._stops.put(None)
        if self._stopper.is_alive() and self._stopper is not threading.current_thread():
            self._stopper.join(wait_s)
        self.outbox.drain(until_s - time.monotonic())

    # ---- polling

    def _poll(self) -> None:
        pause_s = AGAIN_S
        while not self._ending.is_set():
            if self.poll_once(WAIT_S):
                pause_s = AGAIN_S
                self._ending.wait(NOT_HELD_PAUSE_S if self._was_not_held else 0)
            else:
                self._ending.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_S)

    def poll_once(self, wait_s: float) -> bool:
        """Ask for new jobs and take them; return False when the service did not answer.

        After a failure the same `poll_id` asks for the same jobs, and the first poll waits for nothing: a stop from
        the time out of touch comes before any job begins.
        """
        is_first, began_s = not (self.work.is_in_touch and self._has_looked), time.monotonic()
        wait_s = 0 if is_first or self._to_renew else wait_s
        try:
            documents = self.client.get_new_jobs(self.site, wait_s=wait_s, poll_id=self._poll_id, lease_s=self._lease_s)
            self._was_not_held = not documents and time.monotonic() - began_s < min(wait_s, 1.0)
            self._poll_id = uuid.uuid4().hex
            self._go_on(*self.work.take_in(documents))
            if not self._has_looked:
                self._go_on(*self.work.find_interrupted(self.client.get_recent_jobs(self.site)))
                self._has_looked = True
        except CallFailed as error:
            if self.work.is_in_touch and not self._ending.is_set():
                logger.warning("%s: out of touch with the jobs service: %s", self.site, error)
            self.work.set_in_touch(False)
            return False
        except Exception:
            # Whatever the answer was: a program that polls no more would never get a stop.
            logger.exception("%s: an answer of the jobs service could not be used", self.site)
            self.work.set_in_touch(False)
            return False
        self.work.set_in_touch(True)
        if self._to_renew or time.monotonic() - self._renewed_s > self._lease_s / 3:
            self._renewed_s = time.monotonic()
            return self.renew_once()
        return True

    def renew_once(self) -> bool:
        """Keep the leases of some waiting jobs; return False when the service does not answer.

        Right after a poll, and not through the outbox: a report that comes late would take a job for waiting here that
        a stop has withdrawn. The next poll goes on with the other jobs.
        """
        self._to_renew = self._to_renew or deque(self.work.to_renew())
        try:
            for _ in range(min(RENEWED_AT_ONCE, len(self._to_renew))):
                self._renew(self._to_renew.popleft())
        except CallFailed:
            self.work.set_in_touch(False)
            return False
        return True

    def _renew(self, job: Job) -> None:
        with self.work.renewing(job) as waits:
            try:
                if waits:
                    self.client.update_job_status(self.site, job.ulid, "RECEIVED")
            except Refused as refused:
                logger.warning("%s: a lease was not renewed: %s", self.site, refused)

    def _go_on(self, lanes: list[Lane], stops: list[Job]) -> None:
        for stop in stops:
            self._stops.put((stop, self.work.stop(stop)))
        self._start_lanes(lanes)

    def report_once(self, wait_s: float) -> bool:
        """Send the oldest report, if one comes within the time; return False when the service did not take it yet."""
        return self.outbox.send_first(self.client, self.site, wait_s)

    def _report(self) -> None:
        self.outbox.keep_sending(self.client, self.site)

    # ---- stops

    def _carry_out_stops(self) -> None:
        while (given := self._stops.get()) is not None:
            self.carry_out_stop(*given)

    def carry_out_stop(self, stop: Job, ended: list[Job]) -> None:
        """Run the program's function for stops, and report the stop with the number of ended jobs."""
        status, said = "COMPLETE", _counted(ended)
        try:
            self._on_stop(stop)
        except BaseException as error:
            # Also of sys.exit in the function: the next stop must be carried out.
            logger.exception("%s: the stop failed", self.site)
            status, said = "FAILED", f"{_words(error)} ({said})"
        self.outbox.put(Report(stop.ulid, status, 0, said))
        self.work.stopped()

    # ---- the lanes

    def _start_lanes(self, lanes: list[Lane]) -> None:
        for lane in lanes:
            if lane not in self._lanes:
                thread = threading.Thread(
                    target=self._run_lane, args=(lane,), name=f"{self.site} {' '.join(lane)}", daemon=True
                )
                self._lanes[lane] = thread
                thread.start()

    def _run_lane(self, lane: Lane) -> None:
        while not self._ending.is_set():
            with self.work.changed:
                self.work.changed.wait_for(lambda: self.work.can_begin(lane), 1.0)
            job = self.work.begin(lane)
            if job and self._await_start(job):
                self.carry_out(job)

    def _await_start(self, job: Job) -> bool:
        """Return True once the handler may run, False when the job is over before."""
        with self.work.changed:
            while not job.is_over:
                if self.work.may_run(job):
                    return True
                self.work.changed.wait(1.0)
        return False

    def carry_out(self, job: Job) -> None:
        """Run the job's handler and report the outcome, unless a stop came meanwhile."""
        handler = self.work.handler_of(job)
        try:
            if handler:
                handler.run(job)
        except Stopped:
            self.work.end(job, "ABORTED", "the handler ended the job")
        except BaseException as error:
            # Also of sys.exit in a handler: the lane must go on.
            logger.exception("%s: %s failed", self.site, job)
            self.work.end(job, "FAILED", _words(error))
        else:
            self.work.end(job, "COMPLETE")


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _counted(ended: list[Job]) -> str:
    running = sum(job.is_running for job in ended)
    return f"ended {running} running and {len(ended) - running} waiting jobs"
