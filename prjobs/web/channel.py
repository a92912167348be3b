"""One connection of the server: its requests, its answers, and its end."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from waitress.channel import HTTPChannel

from prjobs.base.sockets import is_ended, unacknowledged
from prjobs.web.parsing import Parser, Refusal
from prjobs.web.task import Suspended, Task
from prjobs.web.urgency import Urgency, urgency_of

IDLE_S = 75.0
SLOW_S = 20.0
# A program sends its first request within this time after the connection.
NEW_S = 0.5
# The least bytes a second that a client must read of an answer.
LEAST_RATE = 1000
# The bytes of a long answer that wait for the client while the next piece is not made yet.
WAITING = 64 * 1024
# Where the system does not tell what has arrived, a client that ends later may have given up on a lost answer.
PROMPT_END_S = 10.0


_serving = threading.local()


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection.

    The end of a connection proves or refutes that the client got the answer: a client that read the whole answer ends
    the connection in order, and the system resets the connection of a client that did not.
    """

    error_task_class = Refusal
    parser_class = Parser
    requests: list[Any]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # The last request; the last byte that left; the last time when the client had read enough.
        self.active_s = self.moved_s = self.paced_s = time.monotonic()
        self.moved = 0
        self.has_asked = False
        self.request_began_s: float | None = None
        self.deaf = False
        self.writing = False
        # The client ended its side; it did so before an important answer; this side waits for the client's end.
        self.has_ended = self.ended_early = self.waits_for_end = False
        # The client is to end the connection: that proves the arrival of the answer, or the client is still sending.
        self.lets_client_end = False
        self.ended_s = 0.0
        # A long answer of which no piece is being made; only the loop wakes it.
        self.suspended: Task | None = None
        self.is_parked = False
        # A worker answers a request.
        self.is_served = False

    def urgency(self) -> Urgency:
        """Return the urgency of the next request."""
        return Urgency.PIECE if self.suspended else urgency_of(self.requests[0])

    def task_class(self, channel: "Channel", request: Any) -> Task:
        """Return the suspended answer to the request, else a new one."""
        task, self.suspended = self.suspended or Task(channel, request), None
        return task

    def writable(self) -> bool:
        """Return True if the loop is to write. Not while a worker writes: the loop would spin until the end."""
        waits = self.is_parked or (self.total_outbufs_len and not self.writing)
        return bool(self.will_close or self.close_when_flushed or waits)

    def write_soon(self, data: Any) -> int:
        """Write, in a worker; the loop sends the bytes that do not fit."""
        self.writing = True
        if not self.total_outbufs_len:
            self.moved_s = self.paced_s = time.monotonic()
        try:
            return int(super().write_soon(data))
        finally:
            self.writing = False

    def _flush_some(self, do_close: bool = True) -> bool:
        before = self.total_outbufs_len
        moved: bool = super()._flush_some(do_close)
        if moved:
            self.moved_s = time.monotonic()
            self.moved += before - self.total_outbufs_len
            if self.moved >= LEAST_RATE * SLOW_S or not self.total_outbufs_len:
                self.paced_s, self.moved = self.moved_s, 0
        return moved

    def readable(self) -> bool:
        """Return True if the loop may read. `needs_loop` relies on the order: deaf first, then the answer."""
        self.deaf = True
        # At its end a socket stays readable: the loop would spin until the answer.
        answer: bool = not self.has_ended and super().readable()
        self.deaf = not answer
        return answer

    def service(self) -> None:
        """Answer one request, in a worker."""
        _serving.channel = self
        self.active_s, self.has_asked, self.is_served = time.monotonic(), True, True
        try:
            super().service()
            if self.has_ended and not self.requests:
                self.close_when_flushed = True
                self.server.pull_trigger()
        except Suspended:
            # From now on the loop may give the channel to another worker.
            self.is_parked = True
            self.server.pull_trigger()
        finally:
            self.is_served = False
            _serving.channel = None

    def needs_loop(self) -> bool:
        """Return True if the loop has work on the connection, or does not listen to the client.

        Asked after the answer and the end of the request: a loop that asks `readable` from now on will listen.
        """
        waits = self.total_outbufs_len or self.is_parked
        return bool(self.deaf or waits or self.will_close or self.close_when_flushed)

    def handle_read(self) -> None:
        """Read requests. At the client's end close, but answer the pending requests before."""
        try:
            data = self.socket.recv(self.adj.recv_bytes)
        except BlockingIOError:
            return
        except OSError:
            self.handle_close()
            return
        if not data:
            self._end()
        elif not self.waits_for_end:
            self.last_activity = time.time()
            self.received(data)

    def _end(self) -> None:
        # A worker that ends a request after this looks at `has_ended`, and closes.
        with self.requests_lock:
            self.has_ended, self.ended_s = True, time.monotonic()
            is_pending = bool(self.requests)
        if is_pending:
            return
        if self.total_outbufs_len:
            self.close_when_flushed = True
        else:
            self.handle_close()

    def check_client_disconnected(self) -> bool:
        """Return True if the client has closed the connection, or has ended its side: the two look the same."""
        # The loop may close the connection meanwhile, and then takes the socket away.
        opened = self.socket
        return not self.connected or self.has_ended or opened is None or is_ended(opened)

    def note_important_answer(self) -> None:
        """Note that an answer leaves whose arrival is to be proved by the end of the connection."""
        self.lets_client_end = True
        self.ended_early = self.ended_early or self.check_client_disconnected()

    def handle_write(self) -> None:
        """Send the bytes that did not fit, and let a worker make the next piece of a long answer."""
        self._send()
        if self.is_parked and self.connected and self.total_outbufs_len <= WAITING:
            # What waits for the client leaves meanwhile.
            self.is_parked = False
            self.server.add_task(self)

    def _send(self) -> None:
        """Send; then close, after the client where `lets_client_end` says so."""
        if not (self.close_when_flushed and self.lets_client_end) or self.has_ended or self.will_close:
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif not self.total_outbufs_len:
            self.close_when_flushed, self.waits_for_end = False, True
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                self.handle_close()

    def may_prove(self, is_unproved: Callable[[str], bool]) -> bool:
        """End this side at the stop; return True while the client's end may still prove the arrival of an answer."""
        if self.socket is None or self.has_ended or not is_unproved(self.peer):
            return False
        if not self.waits_for_end:
            self.waits_for_end = True
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                self.handle_close()
                return False
        return True

    @property
    def peer(self) -> str:
        """The address and port of the client."""
        return f"{self.addr[0]}:{self.addr[1]}"

    def received(self, data: bytes) -> bool:
        answer: bool = super().received(data)
        if self.request is None:
            self.request_began_s = None
        elif self.request_began_s is None:
            self.request_began_s = time.monotonic()
        return answer

    def is_over(self, now_s: float) -> bool:
        """Return True if the client idles too long, sends a request too slowly, or reads the answer too slowly.

        Blank lines between requests are no activity.
        """
        if self.request_began_s is not None and now_s - self.request_began_s > SLOW_S:
            return True
        if self.total_outbufs_len or self.waits_for_end:
            return now_s - self.paced_s > SLOW_S
        return not self.requests and now_s - self.active_s > IDLE_S

    def is_busy(self) -> bool:
        """Return True while an answer is on its way, or the first request on a new connection may be."""
        is_new = not self.has_asked and self.connected and time.monotonic() - self.active_s < NEW_S
        return bool(self.requests or self.total_outbufs_len or is_new)

    def worth(self) -> tuple[int, float] | None:
        """Return how much closing the connection would hurt, for a comparison; None while a worker answers a request.

        Least worth: connections that never asked anything, then those whose request for a page or list waits for a
        worker, then idle ones, then those whose end proves that jobs arrived, then long answers, then those whose
        command or poll waits for a worker; in each group the oldest first.
        """
        if self.is_served and not self.is_parked:
            return None
        requests = list(self.requests)
        if self.total_outbufs_len or self.is_parked:
            return 4, self.active_s
        if requests:
            return (1 if urgency_of(requests[0]) == Urgency.READ else 5), self.active_s
        if not self.has_asked:
            return 0, self.active_s
        return (3 if self.lets_client_end else 2), self.active_s

    def handle_close(self) -> None:
        """Close the connection, and tell the server how it ended."""
        if self.socket is None:
            # The loop calls again for a socket that was at its end and hung up in the same look.
            return
        is_orderly = self._is_orderly()
        if self.is_parked:
            self.is_parked, self.suspended = False, None
            for request in self.requests:
                request.close()
            self.requests = []
        super().handle_close()
        self.server.connection_ended(self.peer, is_orderly)

    def _is_orderly(self) -> bool:
        """Return True if the client ended its side after all answers had arrived."""
        if not self.has_ended or self.ended_early or self.requests or self.request or self.total_outbufs_len:
            return False
        try:
            if self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return False
            left = unacknowledged(self.socket)
        except OSError:
            return False
        if left is None:
            return self.ended_s - self.moved_s < PROMPT_END_S
        # The end of this side counts as a byte.
        return left <= self.waits_for_end


def sparing(pull_trigger: Callable[[], None]) -> Callable[[], None]:
    """Wake the loop after an answer only when the loop has work: a wake-up looks at every open connection."""

    def pull() -> None:
        channel = getattr(_serving, "channel", None)
        if channel is None or channel.needs_loop():
            if channel is not None:
                channel.writing = False
            pull_trigger()

    return pull
