"""A relayed connection of a hub: the client's end, and the connection to the active process, byte for byte.

Used in the thread of the loop only.
"""

import errno
import logging
import os
import socket
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from prjobs.base.clock import Clock
from prjobs.base.sockets import Address
from prjobs.web.loop import Loop

logger = logging.getLogger(__name__)
# What waits for a slow reader on one side stops the reading on the other.
BUFFER = 128 * 1024
_WAITING = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


class Target(NamedTuple):
    """The active process: its id and URL, and an address at which the process gave its proof."""

    id: str
    url: str
    address: Address


class Begun(NamedTuple):
    """A connection that a client has begun: the listening server, the client's address, and the first bytes."""

    server: Any
    address: tuple[str, int]
    data: bytes


class Owner(Protocol):
    """The relay, as its connections see the relay."""

    sockets: Loop
    clock: Clock

    def head(self, channel: Any, target: Target) -> bytes:
        """Return the head of the channel's connection to the active process."""
        ...

    def answer_here(self, opened: socket.socket, begun: Begun) -> None:
        """Have this process answer the client, or close the connection."""
        ...

    def has_slept(self) -> bool:
        """Return True, and close all relayed connections, if the process slept since the loop's turn began."""
        ...

    def forget(self, pair: "Pair") -> bool:
        """Take the pair out of the loop, while its sockets are open. Return False for a closed pair."""
        ...


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
            self._send_some()
            if self.other.has_ended and not self.unsent and not self.is_told:
                self.is_told = True
                self.socket.shutdown(socket.SHUT_WR)
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

    def _send_some(self) -> None:
        """Send as many bytes as the peer takes now; the loop sends the rest."""
        with suppress(BlockingIOError):
            while self.unsent and (sent := self.socket.send(self.unsent)):
                del self.unsent[:sent]
                self.pair.moved_s = self.pair.relay.clock.elapsed_s()

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

    def __init__(self, relay: Owner, target: Target, channel: Any, data: bytes) -> None:
        self.relay, self.target = relay, target
        self.begun = Begun(channel.server, channel.addr, data)
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
        if self.relay.forget(self):
            self.upstream.close()
            self.client._fileno = None
            self.relay.answer_here(self.client.socket, self.begun)

    def end_client(self) -> None:
        """Act as if the client had ended its side: the active process answers what it has begun, and closes."""
        self.client.has_ended = True
        if self.is_connected:
            self.upstream.send()
        else:
            self.close()

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
