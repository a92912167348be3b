"""The relay of a standby: connections of clients are passed on to the active process of the hub, byte for byte.

Everything but `aim` runs in the thread of the loop. A relayed connection proves nothing about the arrival of an answer,
like one behind a proxy: bytes that reached the standby may never reach the client.
"""

import errno
import logging
import os
import socket
from typing import NamedTuple

from prjobs.access.relayed import HEAD_BYTES, MAGIC, HeadReader, HeadWriter
from prjobs.base.sockets import Address
from prjobs.web.channel import Channel
from prjobs.web.loop import Loop

logger = logging.getLogger(__name__)
# A standby answers these requests by itself: each process has a health of its own, and a standby has no metrics. What a
# watchdog asks, `/healthz?for=watchdog`, is about the sites: only the active process knows.
OWN = (b"GET /healthz ", b"HEAD /healthz ", b"GET /metrics")
# What waits for a slow reader on one side stops the reading on the other.
BUFFER = 128 * 1024
CONNECT_S = 2.0
_WAITING = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


class Target(NamedTuple):
    """The active process: its URL, and the address that its name has."""

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
        try:
            data = self.socket.recv(BUFFER)
        except BlockingIOError:
            return
        except OSError:
            self.pair.close()
            return
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
        try:
            while self.unsent and (sent := self.socket.send(self.unsent)):
                del self.unsent[:sent]
            if self.other.has_ended and not self.unsent and not self.is_told:
                self.is_told = True
                self.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            self.pair.close()
            return
        if self.is_told and self.other.is_told:
            self.pair.close()
            return
        self.pair.look()

    def handle_close(self) -> None:
        """Close both ends."""
        self.pair.close()

    def handle_error(self) -> None:
        """Close both ends after a defect."""
        logger.exception("a relayed connection ends by a defect")
        self.pair.close()

    def end(self) -> None:
        """Close the socket."""
        self._fileno = None
        self.socket.close()


class Pair:
    """A connection of a client, and the one to the active process. Raises OSError if none can be made."""

    def __init__(self, relay: "Relay", target: Target, channel: Channel, data: bytes) -> None:
        self.relay, self.target = relay, target
        self._server, self._addr, self._data = channel.server, channel.addr, data
        self.is_connected = False
        # The first look of the second that found no connection yet.
        self.waits_since_s: float | None = None
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

    def look(self) -> None:
        """Have the loop look what both ends wait for."""
        for side in (self.client, self.upstream):
            self.relay.sockets.tell(side)

    def give_back(self) -> None:
        """Let the standby answer: nothing was sent to the active process."""
        self.relay.forget(self)
        self.upstream.end()
        channel = Channel(self._server, self.client.socket, self._addr, self._server.adj, map=self.relay.sockets)
        channel.first = None
        channel.received(self._data)

    def close(self) -> None:
        """Close both ends. Called again, does nothing."""
        if self.relay.forget(self):
            self.client.end()
            self.upstream.end()


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

    At most `most` connections are passed on at a time.
    """

    def __init__(self, sockets: Loop, most: int) -> None:
        self.sockets, self._most = sockets, most
        self._pairs: set[Pair] = set()
        self._target: Target | None = None
        self._writer: HeadWriter | None = None
        self._reader: HeadReader | None = None

    def arm(self, writer: HeadWriter, reader: HeadReader) -> None:
        """Take and write heads from now on. Any thread may call."""
        self._writer, self._reader = writer, reader

    def aim(self, target: Target | None) -> None:
        """Pass connections on to the target from now on; without a target to nobody. Any thread may call."""
        self._target = target

    @property
    def target(self) -> Target | None:
        """Return the target; None while this process answers by itself."""
        return self._target

    def head(self, channel: Channel, target: Target) -> bytes:
        """Return the head of the channel's connection to the active process."""
        assert self._writer is not None
        return self._writer.head(str(channel.addr[0]), target.url, str(channel.socket.getsockname()[0]))

    def begin(self, channel: Channel, data: bytes) -> bytes:
        """Take the first bytes of a connection; return those that the channel is to read as a request."""
        data = (channel.first or b"") + data
        if data.startswith(MAGIC):
            return self._read_head(channel, data)
        channel.first, target = None, self._target
        if target is None or len(self._pairs) >= self._most or data.startswith(OWN):
            return data
        return self._pass_on(target, channel, data)

    def _read_head(self, channel: Channel, data: bytes) -> bytes:
        line, end, rest = data.partition(b"\n")
        if not end and len(data) <= HEAD_BYTES:
            channel.first = data
            return b""
        relayed = self._reader.read(line) if end and self._reader else None
        channel.first = None
        if relayed is None:
            logger.warning("%s relays a connection without a good proof: it was closed", channel.addr[0])
            channel.handle_close()
            return b""
        # No connection of this machine has the port 0.
        channel.addr, channel.relayed = (relayed.client, 0), frozenset(relayed.names)
        return rest

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

    def close_over(self, now_s: float) -> None:
        """Close what leads to a process that is not the active one any more; called each second by elapsed time."""
        for pair in list(self._pairs):
            if pair.is_connected:
                if pair.target != self._target:
                    pair.close()
            elif pair.waits_since_s is None:
                pair.waits_since_s = now_s
            elif now_s - pair.waits_since_s >= CONNECT_S:
                pair.give_back()

    def close(self) -> None:
        """Close all relayed connections."""
        for pair in list(self._pairs):
            pair.close()
