"""A way to the cloud that can be spoiled: it forwards requests and does what its plan says to each.

cut:n (the answer ends after n bytes) · delay:s · late:s (the client is cut off, the request arrives s later) ·
corrupt · reset · refuse · rubbish · redirect · swallow (the request arrives, its answer does not)
"""

import http.client
import random
import socket
import socketserver
import struct
import threading
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

FAULTS = (
    "cut:20",
    "cut:150",
    "delay:0.3",
    "late:1.5",
    "corrupt",
    "reset",
    "refuse",
    "rubbish",
    "redirect",
    "swallow",
)


class FaultProxy:
    """Listens on a free port of 127.0.0.1; `share` of the requests meet a fault while `left` allows."""

    def __init__(self, target: str, seed: int = 0) -> None:
        self.target = urlsplit(target)
        self.chance = random.Random(seed)
        self.share, self.left = 0.0, 0
        self.down = False
        self.plan: list[str] = []
        self.faults: Counter[str] = Counter()
        self._lock = threading.Lock()
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while proxy.exchange(self.connection, self.rfile):
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def start(self) -> "FaultProxy":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def next_fault(self) -> str:
        with self._lock:
            if self.plan:
                fault = self.plan.pop(0)
            elif self.left > 0 and self.chance.random() < self.share:
                self.left -= 1
                fault = self.chance.choice(FAULTS)
            else:
                return ""
            self.faults[fault] += 1
            return fault

    def exchange(self, client: socket.socket, stream: Any) -> bool:
        """One request and its answer; False when the connection is over."""
        request = read_request(stream)
        if request is None:
            return False
        fault, _, number = ("reset", "", "") if self.down else self.next_fault().partition(":")
        if fault in ("reset", "refuse"):
            reset(client, stream)
            return False
        if fault == "late":
            reset(client, stream)
            time.sleep(float(number))
            self.forward(*request)
            return False
        if fault == "delay":
            time.sleep(float(number))
        answer = self.forward(*request) if fault not in ("rubbish", "redirect") else b""
        if fault == "rubbish":
            client.sendall(bytes(self.chance.randrange(256) for _ in range(300)))
        elif fault == "redirect":
            client.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
        elif fault == "cut":
            client.sendall(answer[: int(number)])
        elif fault == "corrupt":
            place = answer.index(b"\r\n\r\n") + 4
            client.sendall(answer[:place] + b"\x00\xff" + answer[place + 2 :])
        elif fault == "swallow":
            reset(client, stream)
        else:
            client.sendall(answer)
            return True
        return False

    def forward(self, line: str, body: bytes) -> bytes:
        """Send the request on; the whole answer as bytes."""
        _, path, _ = line.split(" ")
        connection = http.client.HTTPConnection(self.target.hostname or "", self.target.port, timeout=60)
        try:
            connection.request("POST", path, body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        skipped = ("content-length", "connection", "transfer-encoding")
        named = [(name, value) for name, value in answer.getheaders() if name.lower() not in skipped]
        head = "".join(f"{name}: {value}\r\n" for name, value in [*named, ("Content-Length", str(len(content)))])
        return f"HTTP/1.1 {answer.status} {answer.reason}\r\n{head}\r\n".encode() + content


def read_request(stream: Any) -> tuple[str, bytes] | None:
    """(request line, body); None at the end of the connection, and for a request that its sender did not end."""
    try:
        line = stream.readline().decode("latin-1").strip()
        length = 0
        while line and (header := stream.readline().decode("latin-1").strip()):
            name, _, value = header.partition(":")
            length = int(value) if name.lower() == "content-length" else length
        body = stream.read(length)
        return (line, body) if line and len(body) == length else None
    except OSError:
        return None


def reset(client: socket.socket, stream: Any) -> None:
    """End the connection with RST instead of FIN, now: it stays open as long as its stream does."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.shutdown(socket.SHUT_RD)
    stream.close()
    client.close()
