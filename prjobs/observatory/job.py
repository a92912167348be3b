"""A job in the hands of the program, as a handler sees the job."""

import threading
import time
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]
# (device, instance): one job of a lane runs at a time.
Lane = tuple[str, str]
_TEXTS = ("ulid", "deviceType", "deviceInstance", "action")
_PARAMS = ("required_params", "optional_params")


class Stopped(Exception):
    """Raised in a handler by the job's methods once the job is over: a stop came, or the program ends."""


class Job:
    """One job. `required` and `optional` are the parameters as sent: a number may come as text.

    `resumed` is True for a job that an earlier run of the program had begun.
    """

    def __init__(self, document: Document, resumed: bool = False) -> None:
        self.document = document
        self.ulid: str = document["ulid"]
        self.device: str = document["deviceType"]
        self.instance: str = document["deviceInstance"]
        self.action: str = document["action"]
        self.required: dict[str, Any] = document["required_params"]
        self.optional: dict[str, Any] = document["optional_params"]
        self.user_id = str(document.get("user_id", ""))
        self.user_name = str(document.get("user_name", ""))
        self.resumed = resumed
        # The place among all jobs of the program, of a stop that of the next job; set by `work.Work`.
        self.order = 0
        # The outcome is decided; set by `work.Work` alone. Without an outcome the service refused the start.
        self.is_over = False
        self.outcome = ""
        # A message that goes with the outcome.
        self.note: str | None = None
        # The handler was called; before that the service has taken the report of the start.
        self.is_running = False
        self.is_accepted = False
        self.tell: Callable[[str, float | None, str | None], None] = lambda *_report: None
        self._began_s = time.monotonic()
        self._stopped = threading.Event()

    def __str__(self) -> str:
        return f"{self.device} {self.action} ({self.ulid})"

    @property
    def sent_ms(self) -> int:
        """Return the time of sending by the clock that made the id; 0, before all others, for a job without a time."""
        sent_ms = self.document.get("timestamp_ms")
        return sent_ms if isinstance(sent_ms, int) else 0

    @property
    def lane(self) -> Lane:
        """Return the device and instance: a lane runs a job at a time."""
        return self.device.strip().lower(), self.instance.strip().lower()

    @property
    def stopped(self) -> bool:
        """Return True once a stop has ended the job: the handler should end the motion and return."""
        return self._stopped.is_set()

    def check(self) -> None:
        """Raise Stopped once a stop has ended the job."""
        if self.stopped:
            raise Stopped(f"{self} was stopped")

    def wait(self, seconds: float) -> None:
        """Sleep; raise Stopped as soon as a stop ends the job."""
        self._stopped.wait(seconds)
        self.check()

    def progress(
        self,
        share: float,
        message: str | None = None,
        seconds_left: float | None = None,
        status: str = "STARTED",
    ) -> None:
        """Report how much is done, from 0 to 1, in words too if given. Raise Stopped once a stop has ended the job.

        Without `seconds_left` the estimate follows from the time so far. `status`: another word, such as EXPOSING.
        """
        self.check()
        share = min(max(float(share), 0.0), 1.0)
        if seconds_left is None and share > 0:
            seconds_left = (time.monotonic() - self._began_s) * (1 - share) / share
        self.tell(status, seconds_left, f"{share:.0%}" + (f": {message}" if message else ""))

    # ---- for the package

    def begin(self) -> None:
        """Note the start of the handler."""
        self.is_running, self._began_s = True, time.monotonic()

    def stop(self) -> None:
        """Wake the handler: its job is over."""
        self._stopped.set()


def fault_of(document: object) -> str | None:
    """Return the reason why the document is no job, in words; None for a job."""
    if not isinstance(document, dict):
        return "the job is not an object"
    wrong = [name for name in _TEXTS if not isinstance(document.get(name), str)]
    wrong += [name for name in _PARAMS if not isinstance(document.get(name), dict)]
    return f"the job has no {wrong[0]}" if wrong else None
