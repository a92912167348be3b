"""One connection of the server: requests and answers, also without a worker while a request waits."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from prjobs.base.sockets import is_ended
from prjobs.web.ending import EndingChannel
from prjobs.web.holding import Held, Parked
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
# The bytes read at once of a body in chunks, and first of a connection: many small chunks or requests take long.
PIECE = 1024

_serving = threading.local()


class Channel(EndingChannel):
    """One connection. A worker serves the first request; held requests and long answers wait without a worker."""

    error_task_class = Refusal
    parser_class = Parser
    # The time that requests took in the loop lately.
    spent_s = 0.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # The last request; the last time when the client had read enough.
        self.active_s = self.paced_s = time.monotonic()
        self.moved = 0
        self.has_asked = False
        self.request_began_s: float | None = None
        self.deaf = False
        self.writing = False
        # A long answer of which no piece is being made; only the loop wakes it.
        self.suspended: Task | None = None
        self.is_parked = False
        # The first request waits for something to tell.
        self.held: Held | None = None
        # The request was no valid one: the client is to end the connection.
        self.is_refused = False
        # Names the call of `service` that answers a request.
        self.service_call: object | None = None
        # The first bytes at a process of a hub, until the relay knows whose connection begins; later, and else, None.
        self.first: bytes | None = b"" if self.server.relay else None
        # Of a connection that a standby of the hub relays: the names of the standby's machine.
        self.relayed: frozenset[str] | None = None

    def urgency(self) -> Urgency:
        """Return the urgency of the next request."""
        return Urgency.PIECE if self.suspended else urgency_of(self.requests[0])

    def task_class(self, channel: "Channel", request: Any) -> Task:
        """Return the suspended answer to the request, else a new one."""
        task, self.suspended = self.suspended or Task(channel, request, self.held), None
        self.held = None
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
        self.active_s, self.has_asked, call = time.monotonic(), True, object()
        with self.requests_lock:
            self.service_call = call
        held = self.held
        try:
            super().service()
            if self.has_ended and not self.requests:
                self.close_when_flushed = True
                self.server.pull_trigger()
        except Suspended:
            # From now on the loop may give the channel to another worker.
            self.service_call, self.is_parked = None, True
            self.server.pull_trigger()
            return
        except Parked as parked:
            self._park(parked.held)
            return
        finally:
            _serving.channel = None
        with self.requests_lock:
            # Another worker may answer a further request by now.
            if self.service_call is call:
                self.service_call = None
        if held:
            held.end()

    def _park(self, held: Held) -> None:
        """Let the request wait without a worker. Another worker may serve the channel at once."""
        self.held, self.service_call = held, None
        self.server.timers.add(held)
        held.waiter.park(self._go_on)
        if self.has_ended or not self.connected:
            held.waiter.wake()

    def _go_on(self) -> None:
        self.server.add_task(self)

    def end(self) -> None:
        """Note that the client ended its side; close, but answer the pending requests before, held ones at once."""
        super().end()
        if held := self.held:
            held.waiter.wake()

    def needs_loop(self) -> bool:
        """Return True if the loop has work on the connection, or does not listen to the client.

        Asked after the answer and the end of the request: a loop that asks `readable` from now on will listen.
        """
        waits = self.total_outbufs_len or self.is_parked
        return bool(self.deaf or waits or self.will_close or self.close_when_flushed)

    def notice_end(self) -> None:
        """Look for the end of a client with a request in line behind the held one: the loop does not read there."""
        if self.held and self.deaf and not self.has_ended and is_ended(self.socket):
            self.end()

    def handle_read(self) -> None:
        """Read requests. At the client's end close, but answer the pending requests before."""
        try:
            is_dear = self.request.chunked if self.request else not self.has_asked
            data = self.socket.recv(PIECE if is_dear else self.adj.recv_bytes)
        except BlockingIOError:
            return
        except OSError:
            self.handle_close()
            return
        if not data:
            self.end()
        elif not self.waits_for_end:
            self.last_activity = time.time()
            if self.first is not None:
                data = self.server.relay.begin(self, data)
            if data:
                self.received(data)

    def detach(self) -> socket.socket:
        """Return the open socket to another owner, and forget the connection."""
        opened: socket.socket = self.socket
        self.del_channel(self._map)
        self.socket, self.connected = None, False
        return opened

    def handle_write(self) -> None:
        """Send the bytes that did not fit, and let a worker make the next piece of a long answer."""
        super().handle_write()
        if self.waits_for_end:
            # What the client still sends is thrown away, which takes no time.
            self.spent_s = 0.0
        if self.is_parked and self.connected and self.total_outbufs_len <= WAITING:
            # What waits for the client leaves meanwhile.
            self.is_parked = False
            self.server.add_task(self)

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

        The order, from the least worth: a refused request, no request so far, a page or list that waits for a worker,
        idle connections and held pages, an end that proves the arrival of jobs, long answers, commands and polls that
        wait or are held; in each group the oldest first.
        """
        if self.service_call and not self.is_parked:
            return None
        if self.waits_for_end and self.is_refused:
            return -1, self.active_s
        requests = list(self.requests)
        if self.total_outbufs_len or self.is_parked:
            return 4, self.active_s
        if requests:
            reads = 2 if self.held else 1
            return (reads if urgency_of(requests[0]) == Urgency.READ else 5), self.active_s
        if not self.has_asked:
            return 0, self.active_s
        return (3 if self.lets_client_end else 2), self.active_s

    def handle_close(self) -> None:
        """Close the connection, and forget the requests that wait without a worker."""
        is_parked, self.is_parked = self.is_parked, False
        super().handle_close()
        # After the end of the connection: a worker that parks the request meanwhile looks whether it is connected.
        held = self.held
        if is_parked or (held and held.waiter.unpark()):
            self.suspended = self.held = None
            for request in self.requests:
                request.close()
            self.requests = []
            if held:
                held.end()


def sparing(pull_trigger: Callable[[], None], tell: Callable[[Channel], None]) -> Callable[[], None]:
    """Wake the loop after an answer only when the loop has work, and `tell` it of the connection."""

    def pull() -> None:
        channel = getattr(_serving, "channel", None)
        if channel is None:
            pull_trigger()
        elif channel.needs_loop():
            channel.writing = False
            tell(channel)
            pull_trigger()

    return pull
