"""The server waitress with four additions: errors in the contract's form, idle and slow connections closed by elapsed
time, a call for each closed connection, and a stop that answers the requests in flight.
"""

import logging
import select
import socket
import time
from collections.abc import Callable
from typing import Any

import waitress

from prjobs.base.settings import Settings
from prjobs.base.sockets import LOOPBACKS, bind_sockets
from prjobs.web.channel import Channel, sparing
from prjobs.web.endpoint import MAX_BODY
from prjobs.web.guard import origins
from prjobs.web.workers import Workers

logger = logging.getLogger(__name__)
MAX_HEADERS = 16 * 1024
STOP_S = 4.0
SEND_BYTES = 256 * 1024


def _proxy(address: str) -> dict[str, Any]:
    """Return the settings for a trusted proxy; without a proxy waitress removes the headers of forwarded requests."""
    if not address:
        return {}
    named = {"x-forwarded-for", "x-forwarded-proto"}
    if address == LOOPBACKS[1]:
        # The channel calls this address 127.0.0.1.
        address = LOOPBACKS[0]
    return {"trusted_proxy": address, "trusted_proxy_count": 1, "trusted_proxy_headers": named}


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
            server.channel_class = Channel
            server.allowed_origins = origins(settings.allowed_origins)
            server.connection_ended = lambda _peer, _is_orderly: None
            server.pull_trigger = sparing(server.pull_trigger)

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

    def on_connection_ended(self, told: Callable[[str, bool], None]) -> None:
        """Call `told(peer, is_orderly)` whenever a connection closes."""
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

    def _channels(self) -> list[Channel]:
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
