"""The server waitress with four additions: errors in the contract's form, idle and slow connections closed by elapsed
time, a call for each closed connection, and a stop that answers the requests in flight.
"""

import logging
import socket
import time
from collections.abc import Callable
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any

import waitress

from prjobs.base.clock import Clock
from prjobs.base.open_files import allow_open_files
from prjobs.base.passed_sockets import passed_sockets
from prjobs.base.settings import Settings
from prjobs.base.sockets import LOOPBACKS, bind_sockets
from prjobs.web.channel import Channel, sparing
from prjobs.web.connection import mark_forwarded
from prjobs.web.endpoint import MAX_BODY
from prjobs.web.guard import origins
from prjobs.web.holding import Timers
from prjobs.web.loop import Loop
from prjobs.web.parsing import refuse_malformed_proxy
from prjobs.web.relay import Relay
from prjobs.web.workers import Workers

logger = logging.getLogger(__name__)
# The files besides connections: of the process, and of each thread; and the connections that a server needs to work.
FILES, FILES_OF_THREAD = 64, 4
LEAST = 16
MAX_HEADERS = 16 * 1024
STOP_S = 4.0
# The time in which a client's end of the connection may still prove an answer.
PROOF_S = 2.0
SEND_BYTES = 256 * 1024
# What a slow client has not read of an answer goes to a temporary file beyond this size.
IN_MEMORY = 128 * 1024


def _proxy(address: str) -> dict[str, Any]:
    """Return the settings for a trusted proxy; without a proxy waitress removes the headers of forwarded requests."""
    if not address:
        return {}
    named = {"x-forwarded-for", "x-forwarded-proto"}
    if address == LOOPBACKS[1]:
        # The channel calls this address 127.0.0.1.
        address = LOOPBACKS[0]
    return {"trusted_proxy": address, "trusted_proxy_count": 1, "trusted_proxy_headers": named}


def allowed(settings: Settings) -> int:
    """Return the number of connections that the setting and the system's limit of open files allow."""
    spare = FILES + FILES_OF_THREAD * settings.threads
    allowed = allow_open_files(settings.connections + spare)
    if allowed >= settings.connections + spare:
        return settings.connections
    logger.warning(
        "the system lets this process open %s files: prjobs keeps %s connections instead of %s. Raise the limit "
        "(`LimitNOFILE=%s` in the service, or `ulimit -Hn`) or lower the setting connections",
        allowed,
        max(LEAST, allowed - spare),
        settings.connections,
        settings.connections + spare,
    )
    return max(LEAST, allowed - spare)


def _accept(server: Any, accept_one: Callable[[], None], most: int) -> None:
    """Accept several connections: with one in each turn of the loop a flood of connections would delay the others."""
    for _ in range(most):
        before = len(server.active_channels)
        accept_one()
        if len(server.active_channels) == before:
            return


def _marking(app: Any, trusted_proxy: str) -> Any:
    """Return the application with requests of unknown proxies marked, before waitress removes the headers."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        mark_forwarded(environ, trusted_proxy)
        return app(environ, start_response)

    return application


class Listener:
    """The listening sockets and their loop."""

    def __init__(self, app: Any, settings: Settings) -> None:
        self._sockets = Loop()
        self._workers = Workers(settings.threads)
        connections = allowed(settings)
        self._stopping = False
        # The loop is woken for the stop: nobody writes into the pipe that wakes it any more.
        self._is_woken = False
        bound = passed_sockets(settings.host, settings.port)
        # Connections that come during a restart wait in the sockets of systemd.
        self._are_passed = bool(bound)
        bound = bound or bind_sockets(settings.host, settings.port)
        for one in bound:
            # Connections inherit the size. In buffers of megabytes, reading by a slow client would go unseen for long.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        try:
            self._create(app, settings, bound, connections)
        except OSError:
            for one in bound:
                one.close()
            raise
        self._servers = [one for one in self._sockets.values() if hasattr(one, "active_channels")]
        self._timers = Timers(self._servers[0].pull_trigger)
        for server in self._servers:
            server.application = _marking(server.application, _proxy(settings.trusted_proxy).get("trusted_proxy", ""))
            server.channel_class = Channel
            server.allowed_origins = origins(settings.allowed_origins)
            server.application = refuse_malformed_proxy(server.application)
            server.connection_ended = lambda _peer, _is_orderly: None
            server.timers = self._timers
            server.relay = None
            server.pull_trigger = sparing(server.pull_trigger, self._sockets.tell)
            server.handle_accept = partial(_accept, server, server.handle_accept, connections // 32 or 1)
        self._relay: Relay | None = None
        self._connections = connections
        self._most = connections - len(self._servers) * (connections // 32 or 1)
        # The newest connections have had no time to ask.
        self._fresh = min(32, connections // 8)

    def _create(self, app: Any, settings: Settings, bound: list[socket.socket], connections: int) -> None:
        waitress.create_server(
            app,
            map=self._sockets,
            sockets=bound,
            threads=settings.threads,
            connection_limit=connections,
            outbuf_overflow=IN_MEMORY,
            max_request_body_size=MAX_BODY + 1,
            max_request_header_size=MAX_HEADERS,
            channel_request_lookahead=1,
            channel_timeout=2**31,
            ident=None,
            _dispatcher=self._workers,
            log_socket_errors=False,
            **_proxy(settings.trusted_proxy),
        )

    @property
    def addresses(self) -> list[str]:
        """The addresses on which the server listens."""
        return [str(server.socket.getsockname()[0]) for server in self._servers]

    @property
    def port(self) -> int:
        """The TCP port in use."""
        return int(self._servers[0].effective_port)

    def on_connection_ended(self, told: Callable[[str, bool], None]) -> None:
        """Call `told(peer, is_orderly)` whenever a connection closes."""
        for server in self._servers:
            server.connection_ended = told

    def open_relay(self, clock: Clock) -> Relay:
        """Return the relay for the connections of a process of a hub. Call this before `run`."""
        # A relayed connection takes two sockets; a quarter of all stays for other connections.
        relay = self._relay = Relay(self._sockets, self._connections * 3 // 8, clock)
        for server in self._servers:
            server.relay = relay
        return relay

    def run(self, on_stop: Callable[[], None], is_unproved: Callable[[str], bool] = lambda _peer: False) -> None:
        """Serve until `stop()`; then call `on_stop` and answer the requests in flight, for four seconds at most.

        `is_unproved(peer)`: whether the end of the peer's connection would prove the arrival of an answer.
        """
        looked_s = time.monotonic()
        self._workers.begin_loop()
        while not self._stopping:
            self._turn(self._timers.wake_over())
            if len(self._sockets) > self._most:
                self._make_room()
            now_s = time.monotonic()
            if now_s - looked_s > 1:
                looked_s = now_s
                self._close_over(now_s)
        on_stop()
        self._drain(is_unproved)

    def _turn(self, timeout_s: float) -> None:
        if len(self._sockets) >= self._most or any(server.in_connection_overflow for server in self._servers):
            # A listening socket pauses at the limit of connections.
            for server in self._servers:
                self._sockets.tell(server)
        if self._relay:
            self._relay.begin_turn()
        # Requests whose time is over, and ends of connections, have no event in the turn.
        self._workers.hand_over()
        self._sockets.turn(min(timeout_s, self._workers.look_after()), self._workers.hand_over)

    def stop(self) -> None:
        """Stop serving. Any thread may call, and a signal handler that interrupts another call: no lock is taken."""
        if not self._stopping:
            self._stopping = True
            self._servers[0].pull_trigger()
            self._is_woken = True

    def channels(self) -> list[Channel]:
        """Return the open connections."""
        return [channel for server in self._servers for channel in list(server.active_channels.values())]

    def _close_over(self, now_s: float) -> None:
        """Close idle and slow connections; called each second."""
        for channel in self.channels():
            if channel.is_over(now_s):
                # The loop looks at `will_close` only when the client can take bytes: that may be never.
                channel.handle_close()
            else:
                channel.spent_s /= 2
                channel.notice_end()
        if self._relay:
            self._relay.close_over()

    def _make_room(self) -> None:
        """Close the connections that are worth least, so that each listening socket can accept the next ones.

        Called between two turns of the loop: within a turn a new connection could get the number of a closed one.
        """
        channels = sorted(self.channels(), key=attrgetter("active_s"))
        fresh = [channel for channel in channels if not channel.has_asked][-self._fresh :]
        known = [(worth, channel) for channel in channels if channel not in fresh and (worth := channel.worth())]
        for _, channel in sorted(known, key=itemgetter(0))[: len(self._sockets) - self._most]:
            channel.handle_close()

    def _drain(self, is_unproved: Callable[[str], bool]) -> None:
        end_s = time.monotonic() + STOP_S
        self._stop_listening()
        look = partial(self._turn, 0.05)
        if self.channels() or self._relay:
            # Requests and ends of connections may have come that the loop has not read yet.
            look()
        if self._relay:
            self._relay.end_clients()
        while any(channel.is_busy() for channel in self.channels()) or (self._relay and not self._relay.is_idle):
            if time.monotonic() > end_s:
                logger.warning("some requests were cut off by the stop")
                break
            look()
        end_s = min(end_s, time.monotonic() + PROOF_S)
        while [channel for channel in self.channels() if channel.may_prove(is_unproved)] and time.monotonic() < end_s:
            look()
        for channel in self.channels():
            channel.handle_close()
        if self._relay:
            self._relay.close()
        have_ended = self._workers.shutdown(cancel_pending=True, timeout=0.5)
        # The thread that stops the loop may be slow.
        end_s = time.monotonic() + STOP_S
        while not self._is_woken and time.monotonic() < end_s:
            time.sleep(0.001)
        if have_ended and self._is_woken:
            # A worker that still runs would write into a closed pipe, or into a file that got the pipe's number.
            for server in self._servers:
                server.trigger.close()

    def _stop_listening(self) -> None:
        for server in self._servers:
            # The system would reset the connections that were made before the stop and are not accepted yet.
            count = -1
            while not self._are_passed and len(server.active_channels) > count and server.readable():
                count = len(server.active_channels)
                server.handle_accept()
            server.accepting = False
            server.socket.close()
            del self._sockets[server._fileno]
