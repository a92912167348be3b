"""Reports on the jobs of a program without reports: the fate of each job, put into the outbox."""

import atexit
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from prjobs.client import Client, is_stop
from prjobs.observatory.job import Document, fault_of
from prjobs.observatory.outbox import Outbox, Report
from prjobs.observatory.work import ENDED, INTERRUPTED, NOT_BEGUN, word_of

logger = logging.getLogger(__name__)

THROWN_AWAY = "the observatory's program threw it away: it empties the queue when it starts, and after long sequences"
NOT_TAKEN = "the observatory's program did not take the job"
NOT_BEGUN_BY_IT = "the observatory's program took the job, and did not begin it"
NOT_STOPPED = "the observatory's program took the stop, and did not carry it out"
LOST = "the observatory's program ended, or threw the job away, before the job began"
CANCELLED_BY_IT = "the observatory's program cancelled all activity"
# The words in which the program tells its user that it does nothing.
REFUSES = re.compile(r"\b(refus|reject|not available)", re.IGNORECASE)
KNOWN = 10_000
# A poll that was under way when the jobs were looked up may still bring one of them.
POLLS_TO_WAIT = 2
LAST_REPORTS_S = 3.0


@dataclass
class Followed:
    """A job fetched by the program. `stopped_by` is empty until a stop comes while the job runs."""

    document: Document
    is_queued: bool = False
    is_leaving: bool = False
    is_running: bool = False
    stopped_by: str = ""
    said: list[str] = field(default_factory=list)

    @property
    def ulid(self) -> str:
        """Return the id of the job."""
        return str(self.document["ulid"])

    @property
    def is_stop(self) -> bool:
        """Return True for a stop of the site."""
        return is_stop(self.document)

    @property
    def words(self) -> str:
        """Return the last words of the program to the user about the job."""
        return self.said[-1] if self.said else ""


class Reporter:
    """The jobs of a program, and their reports. Threads may share a reporter; no method waits for the network.

    `url`, `site` and `token`: as for `prjobs.client.Client`. Without `url` and `site` the first poll of the program
    names the service and the site.
    """

    def __init__(self, url: str | None = None, site: str | None = None, token: str | None = None) -> None:
        self.outbox = Outbox()
        self.url, self.site = url, site
        self._token = token
        self._lock = threading.RLock()
        self._jobs: OrderedDict[str, Followed] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()
        # What each stop ended.
        self._ended_by: OrderedDict[str, str] = OrderedDict()
        self._polls = 0
        self._earlier: tuple[int, list[Document]] | None = None
        self._has_started = False

    # ---- the service

    def start(self, url: str, site: str) -> None:
        """Begin to send, if not begun before; `url` and `site` come from a poll."""
        with self._lock:
            if self._has_started:
                return
            self._has_started = True
            self.url, self.site = self.url or url, self.site or site
        atexit.register(self.close)
        threading.Thread(target=self._send, name=f"{self.site} reports", daemon=True).start()

    def _send(self) -> None:
        try:
            client = Client(self.url or "", self._token)
            earlier = self._look(client)
            self._earlier = self._polls, earlier
            self.outbox.keep_sending(client, self.site or "")
        except Exception:
            logger.exception("%s: no reports can be sent to %s", self.site, self.url)

    def _look(self, client: Client) -> list[Document]:
        """Return the jobs handed out to the program before; an empty list without an answer."""
        try:
            return client.get_recent_jobs(self.site or "")
        except Exception as error:
            logger.warning("%s: the jobs of an earlier run are not known: %s", self.site, error)
            return []

    def close(self) -> None:
        """Wait a moment for the last reports."""
        atexit.unregister(self.close)
        if self._has_started:
            self.outbox.drain(LAST_REPORTS_S)

    # ---- what the polls bring

    def taken(self, documents: Iterable[object]) -> list[Followed]:
        """Note the jobs of a poll; return the jobs in the order of sending."""
        with self._lock:
            self._polls += 1
            jobs = [self._follow(document) for document in documents if fault_of(document) is None]
        return sorted(jobs, key=lambda job: (str(job.document.get("timestamp_ms", "")), job.ulid))

    def _follow(self, document: Any) -> Followed:
        job = Followed(document)
        known = self._jobs.get(job.ulid)
        if known and known.is_running:
            return known
        self._jobs[job.ulid] = job
        self._seen[job.ulid] = None
        for kept in (self._jobs, self._seen):
            if len(kept) > KNOWN:
                kept.popitem(last=False)
        return job

    def adopt(self, documents: Iterable[object]) -> None:
        """Note the jobs in the program's own queue from before."""
        with self._lock:
            for document in documents:
                if fault_of(document) is None:
                    self._follow(document).is_queued = True

    def thrown_away(self, documents: Iterable[object]) -> None:
        """Report the jobs of an ignored answer; a stop is left to the service, to be repeated."""
        with self._lock:
            for document in documents:
                if isinstance(document, dict) and fault_of(document) is None:
                    self._seen[document["ulid"]] = None
                    if not is_stop(document):
                        self._put(document["ulid"], "CANCELLED", THROWN_AWAY)

    def settle_earlier(self, has_device: Callable[[Document], bool]) -> None:
        """Report the jobs of an earlier run, and the jobs eaten by a flush before the first poll, as FAILED."""
        if self._earlier is None or self._polls < self._earlier[0] + POLLS_TO_WAIT:
            return
        documents, self._earlier = self._earlier[1], None
        with self._lock:
            for one in documents:
                if fault_of(one) is not None or one["ulid"] in self._seen or is_stop(one) or not has_device(one):
                    continue
                word = word_of(one)
                if word == "RECEIVED":
                    self._put(one["ulid"], "FAILED", LOST)
                elif word not in NOT_BEGUN | ENDED:
                    self._put(one["ulid"], "FAILED", INTERRUPTED)

    # ---- one job

    def find(self, command: object) -> Followed | None:
        """Return the unfinished job of a command of the program; None for a command of the program's own."""
        ulid = command.get("ulid") if isinstance(command, dict) else None
        with self._lock:
            return self._jobs.get(ulid) if isinstance(ulid, str) else None

    def queued(self, job: Followed) -> None:
        """Note the job as kept by the program for later."""
        job.is_queued = True

    def leaving(self, job: Followed) -> None:
        """Note the job as taken from the program's queue, and about to begin."""
        job.is_leaving = True

    def begin(self, job: Followed) -> bool:
        """Report the start; False for a running job."""
        with self._lock:
            if job.is_running or self._jobs.get(job.ulid) is not job:
                return False
            job.is_running = True
        self.outbox.put(Report(job.ulid, "STARTED", estimate_s(job.document)))
        return True

    def end(self, job: Followed, answer: object = None, error: BaseException | None = None) -> None:
        """Report the outcome of a begun job."""
        failed = words_of(error) if error else ""
        if job.stopped_by:
            self._finish(job, "ABORTED", f"{job.stopped_by}; {failed}" if failed else job.stopped_by)
        elif failed:
            self._finish(job, "FAILED", failed)
        elif REFUSES.search(str(answer) if isinstance(answer, str) else "") or REFUSES.search(job.words):
            self._finish(job, "FAILED", job.words or str(answer))
        else:
            self._finish(job, "COMPLETE", job.words)

    def lost(self, job: Followed, error: BaseException | None = None) -> None:
        """Report a job taken from the queue and not begun."""
        if not job.is_running:
            self._finish(job, "FAILED", words_of(error) if error else NOT_BEGUN_BY_IT)

    def carried_out(self, job: Followed, message: str) -> None:
        """Report a job carried out without a start."""
        self._finish(job, "COMPLETE", message)

    def refused(self, job: Followed, message: str) -> None:
        """Report a job not taken by the program."""
        self._finish(job, "FAILED", message)

    # ---- the stop

    def cancelling(self, stop: Followed | None) -> list[Followed]:
        """Note the end of all activity, for a stop or without one; return the running jobs."""
        with self._lock:
            running = [job for job in self._jobs.values() if job.is_running]
            for job in running:
                job.stopped_by = job.stopped_by or _reason(stop)
        return running

    def cancelled(self, stop: Followed | None, remaining: set[str], running: int, error: BaseException | None) -> None:
        """Report the stop, and the jobs removed from the program's queue. `remaining`: the ids in the queue."""
        with self._lock:
            waiting = [
                job
                for job in self._jobs.values()
                if job.is_queued and not (job.is_leaving or job.is_running or job.ulid in remaining)
            ]
            for job in waiting:
                self._finish(job, "ABORTED", _reason(stop))
        if stop:
            said = f"ended {running} running and {len(waiting)} waiting jobs"
            self.stopped(stop, said if error is None else f"{words_of(error)} ({said})", error is None)

    def stopped(self, stop: Followed, message: str, is_done: bool) -> None:
        """Report a stop; a stop that comes twice, as the service may hand it out, keeps the words of the first time."""
        if is_done:
            with self._lock:
                message = self._ended_by.setdefault(stop.ulid, message)
                if len(self._ended_by) > KNOWN:
                    self._ended_by.popitem(last=False)
        self._finish(stop, "COMPLETE" if is_done else "FAILED", message)

    def _finish(self, job: Followed, status: str, message: str) -> None:
        with self._lock:
            if self._jobs.get(job.ulid) is job:
                del self._jobs[job.ulid]
                self._put(job.ulid, status, message)

    def _put(self, ulid: str, status: str, message: str) -> None:
        self.outbox.put(Report(ulid, status, 0, message or None))

    def is_open(self, job: Followed) -> bool:
        """Return True while the job has no outcome."""
        with self._lock:
            return self._jobs.get(job.ulid) is job


def _reason(stop: Followed | None) -> str:
    if stop is None:
        return CANCELLED_BY_IT
    return f"stopped by {stop.document.get('user_name') or stop.document.get('user_id')}"


def words_of(error: BaseException) -> str:
    """Return an exception's words; the name too where the words alone are no sentence."""
    words, name = str(error), type(error).__name__
    return f"{name}: {words}" if words and isinstance(error, LookupError) else words or name


def estimate_s(document: Document) -> float | None:
    """Return the usual seconds of a job in the catalogue; None where the package stands alone, without a catalogue."""
    try:
        from prjobs.base import catalogue
    except ImportError:
        return None
    try:
        return catalogue.usual_seconds(
            document["deviceType"], document["action"], document["required_params"], document["optional_params"]
        )
    except Exception:
        return None
