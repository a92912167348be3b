"""Reports from a program with a loop of its own, such as the Photon Ranch loop: the program is watched, not changed.

The program has an object with `scan_requests` (polls, and puts commands into `cmd_queue`), `all_devices` (by type and
name, with `parse_command`), `cancel_all_activity` and `send_to_user`. Each is called as before, with the same result
and the same exceptions. Without one of the parts, the reports of that part are missing.
"""

import logging
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from prjobs.observatory import seen_polls
from prjobs.observatory.job import Document
from prjobs.observatory.reporter import NOT_STOPPED, NOT_TAKEN, REFUSES, Followed, Reporter
from prjobs.observatory.seen_polls import Poll
from prjobs.observatory.watched import Here, Scan, safely, wrap

logger = logging.getLogger(__name__)

# A job that is taken from the queue belongs to the round of the loop in which that happens.
ROUNDS = ("core_command_and_sequencer_loop", "run")
# Commands to the program itself: carried out while it reads the answer, without a device.
OWN_DEVICE = "obs"


def report(program: Any, url: str | None = None, token: str | None = None) -> "Watcher":
    """Report on the jobs of a program to the polled service; the program goes on after any fault of the reports.

    `program`: the object with the loop, or the class, before the object is made: then the first flush is marked too.
    `url` and `token`: the service for the reports, if not at the address of the polls.
    """
    watcher = Watcher(Reporter(url, None, token))
    safely(_watch_class if isinstance(program, type) else _watch, program, watcher)
    return watcher


def _watch(program: Any, watcher: "Watcher") -> None:
    watcher.attach(program)


def _watch_class(program: Any, watcher: "Watcher") -> None:
    original = program.__init__

    @wraps(original)
    def begin(self: Any, *args: Any, **named: Any) -> None:
        safely(watcher.attach, self)
        original(self, *args, **named)

    program.__init__ = begin


class Watcher:
    """Watches a program."""

    def __init__(self, reporter: Reporter) -> None:
        self.reporter = reporter
        self._here = Here()
        self._program: Any = None
        self._end_watching: Callable[[], None] | None = None
        self._has_scan = self._has_cancel = False
        self._is_queue_watched = False

    def attach(self, program: Any) -> None:
        """Watch the program's polls and functions."""
        self._program = program
        self._has_scan = self._wrap(program, "scan_requests", self._scan)
        if not self._has_scan:
            logger.warning("a %s has no scan_requests: its jobs may not be reported", type(program).__name__)
        self._has_cancel = self._wrap(program, "cancel_all_activity", self._cancel_all)
        self._wrap(program, "send_to_user", self._say)
        for name in ROUNDS:
            self._wrap(program, name, self._round)
        self._watch_parts()
        if self._end_watching is None:
            self._end_watching = seen_polls.watch(self._before_poll, self._after_poll)

    def close(self) -> None:
        """Send the last reports, and watch no more polls."""
        if self._end_watching:
            self._end_watching()
        self.reporter.close()

    def _wrap(self, holder: Any, name: str, around: Callable[..., Any]) -> bool:
        return wrap(self, holder, name, around)

    def _watch_parts(self) -> None:
        """Watch the present queue and devices: the program makes devices anew at times."""
        queue = getattr(self._program, "cmd_queue", None)
        was_watched = getattr(getattr(queue, "put", None), "watcher", None) is self
        self._is_queue_watched = queue is not None and self._wrap(queue, "put", self._put)
        self._is_queue_watched = self._is_queue_watched and self._wrap(queue, "get", self._get)
        if self._is_queue_watched and not was_watched:
            self.reporter.adopt(self._in_queue())
        for device in self._devices():
            self._wrap(device, "parse_command", self._parse)

    def _in_queue(self) -> list[Any]:
        return [one for one in list(self._program.cmd_queue.queue) if isinstance(one, dict)]

    def _devices(self) -> Iterator[Any]:
        for by_name in list((getattr(self._program, "all_devices", None) or {}).values()):
            yield from list(by_name.values())

    def _has_device(self, document: Document) -> bool:
        devices = (getattr(self._program, "all_devices", None) or {}).get(document["deviceType"]) or {}
        return document["deviceInstance"] in devices

    # ---- the polls

    def _before_poll(self, poll: Poll) -> bool:
        """Begin to report, at the first poll; return True for a poll outside `scan_requests`: a flush."""
        self.reporter.start(poll.url, poll.site)
        return self._has_scan and self._here.scan is None and poll.site == self.reporter.site

    def _after_poll(self, poll: Poll, documents: list[Any], is_flush: bool) -> None:
        if poll.site != self.reporter.site:
            return
        if is_flush:
            self.reporter.thrown_away(documents)
        else:
            jobs = self.reporter.taken(documents)
            if self._here.scan:
                self._here.scan.jobs = jobs

    # ---- the program's functions

    def _scan(self, original: Callable[..., Any], args: Any, named: Any) -> Any:
        here, scan = self._here, Scan()
        before = here.scan, here.job
        here.scan, here.job = scan, None
        safely(self._watch_parts)
        try:
            return self._round(original, args, named)
        finally:
            here.scan, here.job = before
            safely(self._settle, scan)

    def _settle(self, scan: Scan) -> None:
        """Report the jobs of an answer, if neither queued nor begun."""
        self._settle_stops(scan)
        for job in scan.jobs if self._is_queue_watched else []:
            if job.is_queued or job.is_running or job.is_stop or not self.reporter.is_open(job):
                continue
            said = scan.said_of(job)
            if said and job.document["deviceType"] == OWN_DEVICE and not REFUSES.search(said):
                self.reporter.carried_out(job, said)
            else:
                self.reporter.refused(job, said or NOT_TAKEN)
        self.reporter.settle_earlier(self._has_device)

    def _settle_stops(self, scan: Scan) -> None:
        for stop in [job for job in scan.jobs if job.is_stop and self.reporter.is_open(job)]:
            if self._has_cancel:
                said = scan.said_of(stop)
                self.reporter.stopped(stop, said if scan.has_stopped else said or NOT_STOPPED, scan.has_stopped)
            else:
                # Before `cancel_all_activity` had a name, the loop did the same by itself.
                self._cancelled(scan, stop, len(self.reporter.cancelling(stop)), None)

    def _cancel_all(self, original: Callable[..., Any], args: Any, named: Any) -> Any:
        scan = self._here.scan
        stop = safely(self._next_stop, scan)
        running = safely(self.reporter.cancelling, stop) or []
        try:
            answer = original(*args, **named)
        except BaseException as error:
            safely(self._cancelled, scan, stop, len(running), error)
            raise
        safely(self._cancelled, scan, stop, len(running), None)
        return answer

    def _next_stop(self, scan: Scan | None) -> Followed | None:
        return next((job for job in scan.jobs if job.is_stop and self.reporter.is_open(job)), None) if scan else None

    def _cancelled(self, scan: Scan | None, stop: Followed | None, running: int, error: BaseException | None) -> None:
        remaining = {str(command.get("ulid")) for command in self._in_queue()} if self._is_queue_watched else set()
        self.reporter.cancelled(stop, remaining, running, error)
        if scan and stop:
            scan.dealt_with(stop)
            scan.has_stopped = scan.has_stopped or error is None

    def _say(self, original: Callable[..., Any], args: Any, named: Any) -> Any:
        safely(self._note_words, args[0] if args else next(iter(named.values()), ""))
        return original(*args, **named)

    def _note_words(self, text: object) -> None:
        if self._here.job:
            self._here.job.said.append(str(text))
        elif self._here.scan:
            self._here.scan.events.append((str(text), False))

    def _put(self, original: Callable[..., Any], args: Any, named: Any) -> Any:
        safely(self._queued, args[0] if args else named.get("item"))
        return original(*args, **named)

    def _queued(self, command: object) -> None:
        self._watch_parts()
        if job := self.reporter.find(command):
            self.reporter.queued(job)
            if self._here.scan:
                self._here.scan.dealt_with(job)

    def _get(self, original: Callable[..., Any], args: Any, named: Any) -> Any:
        command = original(*args, **named)
        safely(self._leaving, command)
        return command

    def _leaving(self, command: object) -> None:
        self._settle_leaving(None)
        if job := self.reporter.find(command):
            self.reporter.leaving(job)
            self._here.leaving = job

    def _settle_leaving(self, error: BaseException | None) -> None:
        """Report the thread's last job from the queue, if not begun."""
        job, self._here.leaving = self._here.leaving, None
        if job:
            self.reporter.lost(job, error)

    def _parse(self, original: Callable[..., Any], args: Any, named: Any) -> Any:
        here = self._here
        job = safely(self._begin, args[0] if args else next(iter(named.values()), None))
        if job is None:
            return original(*args, **named)
        before = here.scan, here.job
        here.scan, here.job = None, job
        try:
            answer = original(*args, **named)
        except BaseException as error:
            safely(self.reporter.end, job, None, error)
            raise
        else:
            safely(self.reporter.end, job, answer)
            return answer
        finally:
            here.scan, here.job = before

    def _begin(self, command: object) -> Followed | None:
        job = self.reporter.find(command)
        if self._here.scan:
            self._settle_stops(self._here.scan)
        if job is None or not self.reporter.begin(job):
            return None
        if self._here.leaving is job:
            self._here.leaving = None
        return job

    def _round(self, original: Callable[..., Any], args: Any, named: Any) -> Any:
        try:
            answer = original(*args, **named)
        except BaseException as error:
            safely(self._settle_leaving, error)
            raise
        safely(self._settle_leaving, None)
        return answer
