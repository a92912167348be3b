"""A way to PostgreSQL that can be spoiled: it forwards bytes, holds them, or cuts the connections.

`cut_at` is a text of a message to the server, such as COMMIT: the connection that sends it is cut, `before` the server
gets the message or after the server has answered.
"""

import select
import socket
import threading
import time
from contextlib import suppress


class FaultProxy:
    """Listens on a free port of 127.0.0.1 and forwards to `port`."""

    def __init__(self, port: int) -> None:
        self.target = ("127.0.0.1", port)
        self.holding = threading.Event()
        self.refusing = False
        self.cut_at = b""
        self.before = False
        self.cuts = 0
        self._stopped = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database: str) -> str:
        """The address of a database of the server, by this way."""
        return database.replace(f":{self.target[1]}/", f":{self.port}/")

    def cut(self) -> None:
        """End all connections with a reset."""
        opened, self._open = self._open, []
        for one in opened:
            with suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def stop(self) -> None:
        self._stopped = True
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        while not self._stopped:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self.refusing:
                client.close()
                continue
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target)
        except OSError:
            client.close()
            return
        self._open += [client, server]
        try:
            while True:
                for one in select.select([client, server], [], [], 1.0)[0]:
                    data = one.recv(65536)
                    if not data:
                        return
                    while self.holding.is_set():
                        time.sleep(0.01)
                    if one is client and self.cut_at and self.cut_at in data:
                        self._cut_one(server, data)
                        return
                    (server if one is client else client).sendall(data)
        except (OSError, ValueError):
            # ValueError: another thread has cut the connection, and a closed socket is waited for.
            pass
        finally:
            client.close()
            server.close()

    def _cut_one(self, server: socket.socket, data: bytes) -> None:
        self.cut_at = b""
        self.cuts += 1
        if not self.before:
            server.sendall(data)
            server.recv(65536)
