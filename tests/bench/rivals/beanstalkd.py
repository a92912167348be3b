"""beanstalkd with its log on disk and fsync on each job. It has no reports: `touch` and `delete` stand for them."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.processes import scratch
from tests.bench.rivals.programs import find_program, free_port, running

WHAT = "beanstalkd, fsync on each job"
INSTALL = "apt install beanstalkd"
JOB = b'{"site": "saf", "action": "expose", "required_params": {"time": "1", "image_type": "light"}}'


def missing() -> str | None:
    """What is not installed."""
    return None if find_program("beanstalkd") else "beanstalkd"


@contextmanager
def cycle() -> Iterator[Callable[[], object]]:
    """put, reserve, touch, delete."""
    with scratch() as folder:
        port = free_port()
        with running(_command(folder, port), port), socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield lambda: _work(connection)


def _command(folder: Path, port: int) -> list[str]:
    program = find_program("beanstalkd")
    assert program is not None
    return [program, "-l", "127.0.0.1", "-p", str(port), "-b", str(folder), "-f", "0"]


def _work(connection: socket.socket) -> None:
    _say(connection, b"put 0 0 60 %d\r\n%b" % (len(JOB), JOB), b"INSERTED")
    number = _say(connection, b"reserve", b"RESERVED").split()[1]
    _say(connection, b"touch " + number, b"TOUCHED")
    _say(connection, b"delete " + number, b"DELETED")


def _say(connection: socket.socket, words: bytes, expected: bytes) -> bytes:
    connection.sendall(words + b"\r\n")
    answer = connection.recv(65_536)
    if not answer.startswith(expected):
        raise RuntimeError(f"beanstalkd answered {answer[:80]!r}")
    return answer
