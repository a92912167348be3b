"""The relay of a standby: connections of clients are passed on to the active process of the hub, byte for byte.

A relayed connection proves nothing about the arrival of an answer, like one behind a proxy: bytes that reached the
standby may never reach the client. Only `arm`, `aim` and `is_passing` are for other threads than the loop's.
"""

import errno
import logging
import os
import socket
from typing import NamedTuple

from prjobs.access.relayed import HEAD_BYTES, MAGIC, HeadReader, HeadWriter
from prjobs.base.clock import Clock
from prjobs.base.sockets import Address
from prjobs.web.channel import IDLE_S, SLOW_S, Channel
from prjobs.web.endpoint import MAX_WAIT_S
from prjobs.web.loop import Loop

logger = logging.getLogger(__name__)
# A standby answers these requests by itself: each process has a health of its own, and a standby has no metrics. What a
# watchdog asks, `/healthz?for=watchdog`, is about the sites: only the active process knows.
OWN = (b"GET /healthz ", b"HEAD /healthz ", b"GET /metrics")
# What waits for a slow reader on one side stops the reading on the other.
BUFFER = 128 * 1024
CONNECT_S = 2.0
# The time for a client to close a connection that the active process has ended.
END_S = 2.0
# A process that slept for so long passes nothing on: the jobs of an answer may be handed out elsewhere by now.
SLEPT_S = 3.0
WARN_EVERY_S = 60.0
_WAITING = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


class Target(NamedTuple):
    """The active process: its id and URL, and an address at which the process gave its proof."""

    id: str
    url: str
    address: Address


class Side:
    """One end of a relayed connection, as the loop sees an open socket."""

    accepting = False

    def __init__(self, pair: "Pair", opened: socket.socket) -> None:
        self.pair, self.socket = pair, opened
        self.spent_s = 0.0
        self.unsent = bytearray()
        # The peer ended its side; the peer was told of the end of the other side.
        self.has_ended = self.is_told = False
        self._fileno: int | None = opened.fileno()

    @property
    def other(self) -> "Side":
        """Return the other end."""
        return self.pair.upstream if self is self.pair.client else self.pair.client

    def readable(self) -> bool:
        """Return True if the loop is to read."""
        return self.pair.is_connected and not self.has_ended and len(self.other.unsent) < BUFFER

    def writable(self) -> bool:
        """Return True if the loop is to write."""
        if not self.pair.is_connected:
            return self is self.pair.upstream
        return bool(self.unsent) or (self.other.has_ended and not self.is_told)

    def handle_read_event(self) -> None:
        """Pass on what the peer sent."""
        if self.pair.relay.has_slept():
            return
        try:
            data = self.socket.recv(BUFFER)
        except BlockingIOError:
            return
        except OSError:
            self.pair.close()
            return
        self.pair.moved_s = self.pair.relay.clock.elapsed_s()
        if data:
            self.other.unsent += data
        else:
            self.has_ended = True
        self.other.send()

    def handle_write_event(self) -> None:
        """Send what waits; first look whether the connection to the active process is made."""
        if self.pair.is_connected or self.pair.finish_connecting():
            self.send()

    def send(self) -> None:
        """Send what waits, then tell the end of the other side."""
        if self.pair.relay.has_slept():
            return
        try:
            while self.unsent and (sent := self.socket.send(self.unsent)):
                del self.unsent[:sent]
                self.pair.moved_s = self.pair.relay.clock.elapsed_s()
            if self.other.has_ended and not self.unsent and not self.is_told:
                self.is_told = True
                self.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            if self is self.pair.client:
                self.pair.close()
                return
            # The active process takes no more of the request; its answer may be here already.
            self.unsent.clear()
            self.is_told = True
        if self.is_told and self.other.is_told:
            self.pair.close()
            return
        self.pair.tell()

    def handle_close(self) -> None:
        """Close both ends."""
        self.pair.close()

    def handle_error(self) -> None:
        """Close both ends after a defect."""
        logger.exception("a relayed connection ends by a defect")
        self.pair.close()

    def close(self) -> None:
        """Close the socket."""
        self._fileno = None
        self.socket.close()


class Pair:
    """A connection of a client, and the one to the active process. Raises OSError if none can be made."""

    def __init__(self, relay: "Relay", target: Target, channel: Channel, data: bytes) -> None:
        self.relay, self.target = relay, target
        self._server, self._addr, self._data = channel.server, channel.addr, data
        self.is_connected = False
        # The elapsed time of the last bytes, either way.
        self.moved_s = relay.clock.elapsed_s()
        opened = _connect(target)
        head = relay.head(channel, target)
        self.client, self.upstream = Side(self, channel.detach()), Side(self, opened)
        self.upstream.unsent += head + data

    def finish_connecting(self) -> bool:
        """Return True once connected; give the client back to the standby if no connection can be made."""
        if self.upstream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self.give_back()
            return False
        self.is_connected = True
        return True

    def tell(self) -> None:
        """Have the loop look what both ends wait for."""
        for side in (self.client, self.upstream):
            self.relay.sockets.tell(side)

    def give_back(self) -> None:
        """Let the standby answer: nothing was sent to the active process."""
        if not self.relay.forget(self):
            return
        self.upstream.close()
        opened, self.client._fileno = self.client.socket, None
        try:
            channel = Channel(self._server, opened, self._addr, self._server.adj, map=self.relay.sockets)
            channel.first = None
            channel.received(self._data)
        except OSError:
            # The client has gone.
            opened.close()

    def end_client(self) -> None:
        """Act as if the client had ended its side: the active process answers what it has begun, and closes."""
        self.client.has_ended = True
        if self.is_connected:
            self.upstream.send()
        else:
            self.close()

    def is_over(self, now_s: float) -> bool:
        """Return True for a pair that its ends have left: a slow reader, a client that does not close, or none."""
        still_s = now_s - self.moved_s
        if self.upstream.has_ended and not self.client.unsent:
            return still_s > END_S
        if self.client.unsent or self.upstream.unsent:
            return still_s > SLOW_S
        # The active process closes idle connections itself, a little earlier.
        return still_s > IDLE_S + SLOW_S

    def close(self) -> None:
        """Close both ends. Called again, does nothing."""
        if self.relay.forget(self):
            self.client.close()
            self.upstream.close()


def _connect(target: Target) -> socket.socket:
    """Return a socket that is connected, or about to be. Raise OSError."""
    family, kind, protocol, address = target.address
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if (code := opened.connect_ex(address)) not in _WAITING:
            raise OSError(code, os.strerror(code))
    except OSError:
        opened.close()
        raise
    return opened


class Relay:
    """The relay of a process of a hub. The active process only reads the heads of relayed connections.

    At most `most` connections are passed on at a time; then the one that is idle for longest gives way.
    """

    def __init__(self, sockets: Loop, most: int, clock: Clock) -> None:
        self.sockets, self._most, self.clock = sockets, most, clock
        self._pairs: set[Pair] = set()
        self._target: Target | None = None
        # The id of the process to which relayed connections may go on.
        self._kept = ""
        self._writer: HeadWriter | None = None
        self._reader: HeadReader | None = None
        self._turn_s = self.clock.elapsed_s()
        self._warned_s: float | None = None

    def arm(self, writer: HeadWriter, reader: HeadReader) -> None:
        """Take and write heads from now on."""
        self._writer, self._reader = writer, reader

    def aim(self, target: Target | None, kept: str = "") -> None:
        """Pass connections on to the target from now on; without a target to nobody.

        Connections to the target go on, or to the process with the id `kept`; all others are cut.
        """
        self._target, self._kept = target, target.id if target else kept

    @property
    def target(self) -> Target | None:
        """Return the target; None while this process answers by itself."""
        return self._target

    def is_passing(self) -> bool:
        """Return True if the next connection would be passed on."""
        return self._target is not None and len(self._pairs) < self._most

    @property
    def is_idle(self) -> bool:
        """Return True without any relayed connection."""
        return not self._pairs

    def head(self, channel: Channel, target: Target) -> bytes:
        """Return the head of the channel's connection to the active process."""
        assert self._writer is not None
        return self._writer.head(str(channel.addr[0]), target.id, str(channel.socket.getsockname()[0]))

    def begin_turn(self) -> None:
        """Note that the loop runs. Called before each turn, which waits for a second at most."""
        self.has_slept()
        self._turn_s = self.clock.elapsed_s()

    def has_slept(self) -> bool:
        """Return True, and close all relayed connections, if the process slept since the loop's turn began."""
        if self.clock.elapsed_s() - self._turn_s < SLEPT_S:
            return False
        logger.warning("this process slept: %s relayed connections were cut", len(self._pairs))
        self.close()
        return True

    def begin(self, channel: Channel, data: bytes) -> bytes:
        """Take the first bytes of a connection; return those that the channel is to read as a request."""
        data = (channel.first or b"") + data
        if data.startswith(MAGIC):
            return self._read_head(channel, data)
        channel.first, target = None, self._target
        if target is None or data.startswith(OWN) or not self._has_room():
            return data
        return self._pass_on(target, channel, data)

    def _has_room(self) -> bool:
        if len(self._pairs) < self._most:
            return True
        # A held request is silent for so long.
        idlest = min(self._pairs, key=lambda pair: pair.moved_s)
        if self.clock.elapsed_s() - idlest.moved_s < MAX_WAIT_S + END_S:
            return False
        idlest.close()
        return True

    def _read_head(self, channel: Channel, data: bytes) -> bytes:
        line, end, rest = data.partition(b"\n")
        if not end and len(data) <= HEAD_BYTES:
            channel.first = data
            return b""
        relayed = self._reader.read(line) if end and self._reader else None
        channel.first = None
        if relayed is None:
            self._warn(str(channel.addr[0]))
            channel.handle_close()
            return b""
        # No connection of this machine has the port 0.
        channel.addr, channel.relayed = (relayed.client, 0), frozenset(relayed.names)
        return rest

    def _warn(self, address: str) -> None:
        now_s = self.clock.elapsed_s()
        if self._warned_s is None or now_s - self._warned_s > WARN_EVERY_S:
            self._warned_s = now_s
            logger.warning("%s relays a connection without a good proof: it was closed", address)

    def _pass_on(self, target: Target, channel: Channel, data: bytes) -> bytes:
        try:
            pair = Pair(self, target, channel, data)
        except OSError:
            # The next look at the active process tells more.
            return data
        self._pairs.add(pair)
        for side in (pair.client, pair.upstream):
            self.sockets[side.socket.fileno()] = side
        return b""

    def forget(self, pair: Pair) -> bool:
        """Take the pair out of the loop, while its sockets are open. Return False for a closed pair."""
        if pair not in self._pairs:
            return False
        self._pairs.remove(pair)
        for side in (pair.client, pair.upstream):
            del self.sockets[side.socket.fileno()]
        return True

    def close_over(self) -> None:
        """Close what leads to a process that is not the active one any more, and what is idle; called each second."""
        now_s, kept = self.clock.elapsed_s(), self._kept
        for pair in list(self._pairs):
            if not pair.is_connected:
                if now_s - pair.moved_s > CONNECT_S:
                    pair.give_back()
            elif pair.target.id != kept or pair.is_over(now_s):
                pair.close()
            else:
                # Old connections must not come after all new ones.
                pair.client.spent_s /= 2
                pair.upstream.spent_s /= 2

    def end_clients(self) -> None:
        """Let the active process finish what it has begun: this process ends."""
        for pair in list(self._pairs):
            pair.end_client()

    def close(self) -> None:
        """Close all relayed connections."""
        for pair in list(self._pairs):
            pair.close()
