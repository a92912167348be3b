"""The shared request files beside the project: placeholders filled in, sent as they are written."""

import base64
import json
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent.parent / "shared" / "data"


def load(name: str) -> list[dict[str, Any]]:
    """The request lines of one file; none when the shared folder is not beside the project."""
    path = FOLDER / name
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def sentence(self) -> str:
        """The words for a person: the body's, or the header's where getnewjobs answers a list."""
        return self.headers.get("x-prjobs-error") or self.body.decode()


def send(line: dict[str, Any], port: int, values: dict[str, str]) -> Answer:
    """Send one request line over a socket of its own and read the whole answer."""
    request = _raw(line, values) or _composed(line, port, values)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        _send_all(connection, request)
        return _read(connection)


def _fill(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\{\{(.+?)\}\}", lambda match: values[match[1]], text)


def _generated(part: dict[str, Any], values: dict[str, str]) -> bytes:
    text = part["prefix"] + part["repeat"] * part["count"] + part["suffix"]
    return _fill(text + part.get("closing", "") * (part["count"] + 1), values).encode()


def _raw(line: dict[str, Any], values: dict[str, str]) -> bytes | None:
    if "raw_b64" in line:
        raw = base64.b64decode(line["raw_b64"])
        return raw.replace(b"{{port}}", values["port"].encode())
    return _generated(line["raw_gen"], values) if "raw_gen" in line else None


def _composed(line: dict[str, Any], port: int, values: dict[str, str]) -> bytes:
    if "body_b64" in line:
        body = base64.b64decode(line["body_b64"])
    elif "body_gen" in line:
        body = _generated(line["body_gen"], values)
    else:
        body = _fill(line.get("body") or "", values).encode()
    headers = {"Host": f"127.0.0.1:{port}", "Content-Length": str(len(body)), "Connection": "close"}
    headers |= {name: _fill(value, values) for name, value in line["headers"].items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"{line['method']} {line['path']} HTTP/1.1\r\n{head}\r\n".encode() + body


def _send_all(connection: socket.socket, request: bytes) -> None:
    try:
        connection.sendall(request)
    except OSError:
        # The server may refuse and close before it has read everything: its answer is what counts.
        return


def _read(connection: socket.socket) -> Answer:
    data = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            break
        if not part:
            break
        data += part
        if _is_whole(data):
            break
    while data.startswith(b"HTTP/1.1 100"):
        data = data.partition(b"\r\n\r\n")[2]
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)


def _is_whole(data: bytes) -> bool:
    if data.startswith(b"HTTP/1.1 100"):
        data = data.partition(b"\r\n\r\n")[2]
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(end and length and len(body) >= int(length[1]))
