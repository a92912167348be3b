"""A light load generator: raw sockets with keep-alive, prebuilt requests, one selector loop in this process.

A request costs this side some 20 µs, a tenth of what a server needs for it; http.client needs as much as the server.
"""

import selectors
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import cycle

TIMEOUT_S = 30.0
_LENGTH = b"\r\ncontent-length:"


def build_request(path: str, body: bytes, token: str = "", method: str = "POST") -> bytes:
    """The bytes of one request as a site's program sends it: no content type."""
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    if token:
        head.append(f"Authorization: Bearer {token}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Lost(Exception):
    """The server closed the connection or did not answer."""


class Connection:
    """One keep-alive connection; `ask` sends a prebuilt request and waits for its answer."""

    def __init__(self, port: int, timeout_s: float = TIMEOUT_S) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._got = b""

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """(status, body). Lost when there is no answer."""
        self.send(request)
        while True:
            if answer := self.receive():
                return answer

    def send(self, request: bytes) -> None:
        """Send a request; its answer is fetched by `receive`."""
        try:
            self.socket.sendall(request)
        except OSError as error:
            raise Lost(str(error)) from error

    def receive(self) -> tuple[int, bytes] | None:
        """Read what is there; the answer once it is complete."""
        try:
            data = self.socket.recv(262_144)
        except OSError as error:
            raise Lost(str(error)) from error
        if not data:
            raise Lost("the connection was closed")
        self._got += data
        return self._answer()

    def _answer(self) -> tuple[int, bytes] | None:
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return None
        start = end + 4
        length = _content_length(self._got[:start])
        if len(self._got) < start + length:
            return None
        status, body = int(self._got[9:12]), self._got[start : start + length]
        self._got = self._got[start + length :]
        return status, body

    def close(self) -> None:
        """Close it."""
        self.socket.close()


def _content_length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(_LENGTH)
    return int(lower[at + len(_LENGTH) : lower.index(b"\r\n", at + 2)]) if at >= 0 else 0


def ask_once(port: int, request: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own."""
    connection = Connection(port)
    try:
        return connection.ask(request)
    finally:
        connection.close()


@dataclass
class Round:
    """What one short round of load gave. Times in seconds."""

    elapsed_s: float = 0.0
    answered: int = 0
    failed: int = 0
    latencies_s: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.elapsed_s


class Load:
    """`connections` clients, each sending the next request as soon as its answer is there."""

    def __init__(self, port: int, requests: Iterable[bytes], connections: int = 1) -> None:
        self._requests: Iterator[bytes] = cycle(requests)
        self._connections = [Connection(port) for _ in range(connections)]

    def run(self, seconds: float) -> Round:
        """One round. Every answer is read; anything but 200 counts as failed."""
        result = Round()
        with selectors.DefaultSelector() as selector:
            began_s = time.perf_counter()
            sent_s = {connection: self._send(connection) for connection in self._connections}
            for connection in self._connections:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            while sent_s:
                ready = selector.select(TIMEOUT_S)
                if not ready:
                    raise Lost("no answer came")
                for key, _ in ready:
                    self._take(key.data, sent_s, result, began_s + seconds)
            result.elapsed_s = time.perf_counter() - began_s
        return result

    def _send(self, connection: Connection) -> float:
        connection.send(next(self._requests))
        return time.perf_counter()

    def _take(self, connection: Connection, sent_s: dict[Connection, float], result: Round, end_s: float) -> None:
        answer = connection.receive()
        if answer is None:
            return
        now_s = time.perf_counter()
        result.latencies_s.append(now_s - sent_s[connection])
        if answer[0] == 200:
            result.answered += 1
        else:
            result.failed += 1
        if now_s < end_s:
            sent_s[connection] = self._send(connection)
        else:
            del sent_s[connection]

    def close(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            connection.close()
