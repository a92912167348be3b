"""The end of a connection, and what it proves.

A client that read the whole answer ends the connection in order; the system resets the connection of a client that did
not.
"""

import socket
import time
from collections.abc import Callable
from typing import Any

from waitress.channel import HTTPChannel

from prjobs.base.sockets import is_ended, unacknowledged

# Where the system does not tell what has arrived, a client that ends later may have given up on a lost answer.
PROMPT_END_S = 10.0


class EndingChannel(HTTPChannel):  # type: ignore[misc]
    """A connection: the end proves or refutes the arrival of the answer at the client."""

    requests: list[Any]
    # The open socket; None after the end.
    socket: Any

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # The last byte that left.
        self.moved_s = time.monotonic()
        # The client ended its side; it did so before an important answer; this side waits for the client's end.
        self.has_ended = self.ended_early = self.waits_for_end = False
        # The client is to end the connection: that proves the arrival of the answer, or the client is still sending.
        self.lets_client_end = False
        self.ended_s = 0.0

    @property
    def peer(self) -> str:
        """The address and port of the client."""
        return f"{self.addr[0]}:{self.addr[1]}"

    def end(self) -> None:
        """Note that the client ended its side; close, but answer the pending requests before."""
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
        """Send the bytes that did not fit; then close, after the client where `lets_client_end` says so."""
        if not (self.close_when_flushed and self.lets_client_end) or self.has_ended or self.will_close:
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.socket is None:
            return
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

    def handle_close(self) -> None:
        """Close the connection, and tell the server how it ended."""
        if self.socket is None:
            # The loop calls again for a socket that was at its end and hung up in the same look.
            return
        is_orderly = self._is_orderly()
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
