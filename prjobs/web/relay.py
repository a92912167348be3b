"""The relay of a standby: connections of clients are passed on to the active process of the hub.

A relayed connection proves nothing about the arrival of an answer, like one behind a proxy: bytes that reached the
standby may never reach the client. Only `arm`, `aim`, `is_passing` and `has_failed` are for other threads than the
loop's.
"""

import logging
import socket
import threading

from prjobs.access.relayed import HEAD_BYTES, MAGIC, HeadReader, HeadWriter
from prjobs.base.clock import Clock
from prjobs.web.channel import IDLE_S, SLOW_S, Channel
from prjobs.web.endpoint import MAX_WAIT_S
from prjobs.web.loop import Loop
from prjobs.web.relay_pair import Begun, Pair, Target

logger = logging.getLogger(__name__)
# A standby answers these requests by itself: each process has a health of its own, and a standby has no metrics. What a
# watchdog asks, `/healthz?for=watchdog`, is about the sites: only the active process knows.
OWN = (b"GET /healthz ", b"HEAD /healthz ", b"GET /metrics")
CONNECT_S = 2.0
# The time for a client to close a connection that the active process has ended.
END_S = 2.0
# A process that slept for so long passes nothing on: the jobs of an answer may be handed out elsewhere by now.
SLEPT_S = 3.0
WARN_EVERY_S = 60.0


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
        # Set when no connection to the target could be made.
        self.has_failed = threading.Event()

    def arm(self, writer: HeadWriter, reader: HeadReader) -> None:
        """Take and write heads from now on."""
        self._writer, self._reader = writer, reader

    def aim(self, target: Target | None, kept: str = "") -> None:
        """Pass connections on to the target from now on; without a target to nobody.

        Connections to the target go on, or to the process with the id `kept`; all others are cut.
        """
        # In this order: the loop must not cut what it begins now.
        self._kept = target.id if target else kept
        self._target = target

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
        if self._pairs:
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
            # A look at the active process tells more.
            self.has_failed.set()
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
            elif pair.target.id != kept or _is_over(pair, now_s):
                pair.close()
            else:
                # Old connections must not come after all new ones.
                pair.client.spent_s /= 2
                pair.upstream.spent_s /= 2

    def answer_here(self, opened: socket.socket, begun: Begun) -> None:
        """Have this process answer the client, or close the connection: the active process is not reached."""
        self.has_failed.set()
        try:
            channel = Channel(begun.server, opened, begun.address, begun.server.adj, map=self.sockets)
            channel.first = None
            channel.received(begun.data)
        except OSError:
            # The client has gone.
            opened.close()

    def end_clients(self) -> None:
        """Let the active process finish the requests in flight: this process ends."""
        for pair in list(self._pairs):
            pair.end_client()

    def close(self) -> None:
        """Close all relayed connections."""
        for pair in list(self._pairs):
            pair.close()


def _is_over(pair: Pair, now_s: float) -> bool:
    """Return True for a pair that its ends have left: a slow reader, a client that does not close, or none."""
    still_s = now_s - pair.moved_s
    if pair.upstream.has_ended and not pair.client.unsent:
        return still_s > END_S
    if pair.client.unsent or pair.upstream.unsent:
        return still_s > SLOW_S
    # The active process closes idle connections itself, a little earlier.
    return still_s > IDLE_S + SLOW_S
