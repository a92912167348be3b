"""A proxy of the environment, on loopback."""

import socket
import threading


class Proxy:
    """A proxy that answers every plain request by itself, and joins tunnels to `target`; `status` refuses both."""

    def __init__(self, target=None):
        self.target, self.status = target, None
        self.heads = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._run, daemon=True).start()

    def close(self):
        self._listening.close()

    def _run(self):
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        self.heads.append(head.decode())
        if self.status:
            client.sendall(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % self.status)
        elif head.startswith(b"CONNECT"):
            self._join(client)
        else:
            date = b"Date: Mon, 20 Jun 2022 16:15:00 GMT\r\n"
            client.sendall(b"HTTP/1.1 200 OK\r\n" + date + b"Content-Length: 2\r\nConnection: close\r\n\r\n[]")
        client.close()

    def _join(self, client):
        there = socket.create_connection(("127.0.0.1", self.target))
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")

        def carry(source, sink):
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
            except OSError:
                return

        threading.Thread(target=carry, args=(client, there), daemon=True).start()
        carry(there, client)
