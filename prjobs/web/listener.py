"""The server waitress with four additions: errors in the contract's form, idle and slow connections closed by elapsed
time, a call for each closed connection, and a stop that answers the requests in flight.
"""

import logging
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import waitress
from waitress.channel import HTTPChannel
from waitress.task import ErrorTask, WSGITask

from prjobs.base.errors import BadRequest, HeadersTooLarge, Refused, TooLarge
from prjobs.base.settings import Settings
from prjobs.base.sockets import bind_sockets
from prjobs.web.endpoint import MAX_BODY
from prjobs.web.respond import refusal_parts
from prjobs.web.workers import Workers

logger = logging.getLogger(__name__)
MAX_HEADERS = 16 * 1024
IDLE_S = 75.0
SLOW_S = 20.0
STOP_S = 4.0
HEAD = 500
SEND_BYTES = 256 * 1024


class _ErrorTask(ErrorTask):  # type: ignore[misc]
    """The answer to a request that waitress itself refuses: too large, malformed, not HTTP."""

    def execute(self) -> None:
        error = self.request.error
        status, content_type, headers, body = refusal_parts(_refused(error), _path(self.channel.head))
        self.status = f"{status} {error.reason}"
        self.response_headers += [("Content-Type", content_type), *headers.items()]
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


def _path(head: bytes) -> str:
    """Return the path of a request that could not be parsed, as far as the first bytes tell."""
    words = head.partition(b"\r\n")[0].decode("latin-1").split()
    return words[1].partition("?")[0] if len(words) > 1 else ""


def _refused(error: Any) -> Refused:
    known = {
        413: TooLarge("The body is too large: 1 MiB is the limit."),
        431: HeadersTooLarge("The headers are too large: 16 KiB is the limit."),
    }
    refused: Refused = known.get(error.code, BadRequest("This is not a valid HTTP request."))
    refused.status = error.code
    return refused


class _Task(WSGITask):  # type: ignore[misc]
    """One request."""

    wrote_header: bool

    def write(self, data: bytes) -> None:
        """Send header and body in one packet, where waitress sends two: a packet costs as much as an empty poll."""
        if self.wrote_header or not data or not self.has_body or self.content_length is None:
            super().write(data)
            return
        header = self.build_response_header()
        body = data[: self.content_length]
        self.content_bytes_written += len(body)
        self.wrote_header = True
        self.channel.write_soon(header + body)


_serving = threading.local()


class _Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    error_task_class = _ErrorTask
    task_class = _Task

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.active_s = self.moved_s = time.monotonic()
        self.request_began_s: float | None = None
        self.head = b""
        self.deaf = False
        self.writing = False

    def writable(self) -> bool:
        """Return True if the loop is to write. Not while a worker writes: the loop would spin until the end."""
        return bool(self.will_close or self.close_when_flushed or (self.total_outbufs_len and not self.writing))

    def write_soon(self, data: Any) -> int:
        """Write, in a worker; the loop sends the bytes that do not fit."""
        self.writing = True
        if not self.total_outbufs_len:
            self.moved_s = time.monotonic()
        try:
            return int(super().write_soon(data))
        finally:
            self.writing = False

    def _flush_some(self, do_close: bool = True) -> bool:
        moved: bool = super()._flush_some(do_close)
        if moved:
            self.moved_s = time.monotonic()
        return moved

    def readable(self) -> bool:
        """Return True if the loop may read. `needs_loop` relies on the order: deaf first, then the answer."""
        self.deaf = True
        answer: bool = super().readable()
        self.deaf = not answer
        return answer

    def service(self) -> None:
        """Answer one request, in a worker."""
        _serving.channel = self
        try:
            super().service()
        finally:
            _serving.channel = None

    def needs_loop(self) -> bool:
        """Return True if the loop has work on the connection, or does not listen to the client.

        Asked after the answer and the end of the request: a loop that asks `readable` from now on will listen.
        """
        return bool(self.deaf or self.total_outbufs_len or self.will_close or self.close_when_flushed)

    def received(self, data: bytes) -> bool:
        self.active_s = time.monotonic()
        if self.request is None and not self.requests:
            self.head = data[:HEAD]
        answer: bool = super().received(data)
        if self.request is None:
            self.request_began_s = None
        elif self.request_began_s is None:
            self.request_began_s = self.active_s
        return answer

    def is_over(self, now_s: float) -> bool:
        """Return True if the client idles too long, sends a request too slowly, or does not read the answer."""
        if self.request_began_s is not None and now_s - self.request_began_s > SLOW_S:
            return True
        if self.total_outbufs_len:
            return now_s - self.moved_s > SLOW_S
        return not self.requests and now_s - self.active_s > IDLE_S

    def handle_close(self) -> None:
        super().handle_close()
        self.server.connection_ended(f"{self.addr[0]}:{self.addr[1]}")


def _proxy(address: str) -> dict[str, Any]:
    """Return the settings for a trusted proxy; without a proxy waitress removes the headers of forwarded requests."""
    if not address:
        return {}
    named = {"x-forwarded-for", "x-forwarded-proto"}
    return {"trusted_proxy": address, "trusted_proxy_count": 1, "trusted_proxy_headers": named}


def _sparing(pull_trigger: Callable[[], None]) -> Callable[[], None]:
    """Wake the loop after an answer only when the loop has work: a wake-up looks at every open connection."""

    def pull() -> None:
        channel = getattr(_serving, "channel", None)
        if channel is None or channel.needs_loop():
            if channel is not None:
                channel.writing = False
            pull_trigger()

    return pull


class Listener:
    """The listening sockets and their loop."""

    def __init__(self, app: Any, settings: Settings) -> None:
        self._sockets: dict[int, Any] = {}
        self._stopping = False
        bound = bind_sockets(settings.host, settings.port)
        for one in bound:
            # Connections inherit the size. In buffers of megabytes, reading by a slow client would go unseen for long.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        try:
            self._create(app, settings, bound)
        except OSError:
            for one in bound:
                one.close()
            raise
        self._servers = [one for one in self._sockets.values() if hasattr(one, "active_channels")]
        for server in self._servers:
            server.channel_class = _Channel
            server.connection_ended = lambda _peer: None
            server.pull_trigger = _sparing(server.pull_trigger)

    def _create(self, app: Any, settings: Settings, bound: list[socket.socket]) -> None:
        waitress.create_server(
            app,
            map=self._sockets,
            sockets=bound,
            threads=settings.threads,
            connection_limit=settings.connections,
            max_request_body_size=MAX_BODY + 1,
            max_request_header_size=MAX_HEADERS,
            channel_request_lookahead=1,
            channel_timeout=2**31,
            ident=None,
            _dispatcher=Workers(settings.threads),
            log_socket_errors=False,
            **_proxy(settings.trusted_proxy),
        )

    @property
    def port(self) -> int:
        """The TCP port in use."""
        return int(self._servers[0].effective_port)

    def on_connection_ended(self, told: Callable[[str], None]) -> None:
        """Call `told(peer)` whenever a connection closes."""
        for server in self._servers:
            server.connection_ended = told

    def run(self, on_stop: Callable[[], None]) -> None:
        """Serve until `stop()`; then call `on_stop` and answer the requests in flight, for four seconds at most."""
        use_poll = hasattr(select, "poll")
        looked_s = time.monotonic()
        while not self._stopping:
            self._servers[0].asyncore.loop(timeout=1.0, map=self._sockets, use_poll=use_poll, count=1)
            now_s = time.monotonic()
            if now_s - looked_s > 1:
                looked_s = now_s
                self._close_over(now_s)
        on_stop()
        self._drain(use_poll)

    def stop(self) -> None:
        """Stop serving. Any thread may call, and a signal handler that interrupts another call: no lock is taken."""
        if not self._stopping:
            self._stopping = True
            self._servers[0].pull_trigger()

    def _channels(self) -> list[_Channel]:
        return [channel for server in self._servers for channel in list(server.active_channels.values())]

    def _close_over(self, now_s: float) -> None:
        for channel in self._channels():
            if channel.is_over(now_s):
                # The loop looks at `will_close` only when the client can take bytes: that may be never.
                channel.handle_close()

    def _drain(self, use_poll: bool) -> None:
        for server in self._servers:
            server.accepting = False
            server.socket.close()
            self._sockets.pop(server._fileno, None)
        end_s = time.monotonic() + STOP_S
        while any(channel.requests or channel.total_outbufs_len for channel in self._channels()):
            if time.monotonic() > end_s:
                logger.warning("some requests were cut off by the stop")
                break
            self._servers[0].asyncore.loop(timeout=0.05, map=self._sockets, use_poll=use_poll, count=1)
        for channel in self._channels():
            channel.handle_close()
        self._servers[0].task_dispatcher.shutdown(cancel_pending=True, timeout=0.5)
