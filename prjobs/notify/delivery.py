"""The delivery to an address: a thread for each message, without a wait for the thread."""

import logging
import queue
import threading
from collections import deque
from typing import Protocol

from prjobs.base.clock import Clock, moment
from prjobs.base.logs import SECRET_THREADS
from prjobs.base.notify_addresses import Address
from prjobs.monitor.alarms import SAFETY, STOP
from prjobs.monitor.told import RAISED
from prjobs.notify.news import Message

logger = logging.getLogger(__name__)
# After a failure the next try comes after so many seconds, then after twice as many, up to the most.
FIRST_WAIT_S, MOST_WAIT_S = 5.0, 60.0
# An address without an answer for so long does not get its messages through.
HANGS_S = 30.0
# So many messages go to an address in ten minutes; new alarms of stops and of closing or parking go out beyond that.
PACE_S, PACE, URGENT_PACE = 600.0, 4, 20
HANGING = "the service does not answer"


class Recipient(Protocol):
    """The address of a person, and the service behind the address."""

    @property
    def address(self) -> Address:
        """Return the address."""
        ...

    def send(self, message: Message) -> str:
        """Send a message; return the reason of a failure, without secrets, or an empty text."""
        ...


class Delivery:
    """The messages to a recipient, one at a time. A single thread calls the methods."""

    def __init__(self, recipient: Recipient, clock: Clock) -> None:
        self._recipient, self._clock = recipient, clock
        self.name = str(recipient.address)
        self._under_way: Message | None = None
        self._begun_s = self._not_before_s = 0.0
        self._results: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._wait_s = 0.0
        self._sent_s: deque[float] = deque(maxlen=URGENT_PACE)
        # The moment of the first failure since the last success, and the reason of the last.
        self.failing_ms: int | None = None
        self.reason = ""

    @property
    def is_free(self) -> bool:
        """Return True if a message may be begun: none is under way, and the wait after a failure is over."""
        return self._under_way is None and self._clock.elapsed_s() >= self._not_before_s

    def is_within_pace(self, message: Message) -> bool:
        """Return True if the message is within the pace of the address."""
        now_s = self._clock.elapsed_s()
        recent = sum(now_s - sent_s < PACE_S for sent_s in self._sent_s)
        is_urgent = any(one.what == RAISED and one.alarm.kind in (STOP, SAFETY) for one in message.news)
        return recent < (URGENT_PACE if is_urgent else PACE)

    def begin(self, message: Message) -> None:
        """Send a message in a thread."""
        self._under_way, self._begun_s = message, self._clock.elapsed_s()
        name = f"{SECRET_THREADS} {self._recipient.address.number}"
        threading.Thread(target=self._send, args=(message,), name=name, daemon=True).start()

    def _send(self, message: Message) -> None:
        reason = "the message could not be sent"
        try:
            reason = self._recipient.send(message)
        finally:
            self._results.put(reason)

    def take_sent(self) -> Message | None:
        """Return the message under way once sent, else None; note a failure."""
        message = self._under_way
        if message is None:
            return None
        try:
            reason = self._results.get_nowait()
        except queue.Empty:
            if self._clock.elapsed_s() - self._begun_s >= HANGS_S:
                self._failed(HANGING)
            return None
        self._under_way = None
        if reason:
            self._wait_s = min(max(FIRST_WAIT_S, 2 * self._wait_s), MOST_WAIT_S)
            self._not_before_s = self._clock.elapsed_s() + self._wait_s
            self._failed(reason)
            return None
        self._worked()
        return message

    def _failed(self, reason: str) -> None:
        if reason != self.reason:
            logger.warning("a message to %s was not sent and waits: %s", self.name, reason)
        self.reason = reason
        if self.failing_ms is None:
            self.failing_ms = self._clock.now_ms()

    def _worked(self) -> None:
        self._sent_s.append(self._clock.elapsed_s())
        if self.failing_ms is not None:
            logger.info("messages to %s get through again", self.name)
        self._wait_s, self._not_before_s, self.failing_ms, self.reason = 0.0, 0.0, None, ""

    @property
    def failure(self) -> str:
        """Return a sentence on why messages do not get through; empty before half a minute of failures."""
        if self.failing_ms is None or self._clock.now_ms() - self.failing_ms < HANGS_S * 1000:
            return ""
        since = moment(self.failing_ms).strftime("%H:%M UTC")
        return f"Messages to {self.name} have not got through since {since}: {self.reason}."
