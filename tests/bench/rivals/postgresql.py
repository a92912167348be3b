"""PostgreSQL as a queue: INSERT, claim by FOR UPDATE SKIP LOCKED, UPDATE; each its own durable commit."""

import importlib.util
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.processes import scratch
from tests.bench.rivals.programs import find_program, free_port, own_account, running

WHAT = "PostgreSQL, SKIP LOCKED"
INSTALL = "apt install postgresql; pip install 'psycopg[binary]'"
TABLE = """CREATE TABLE job (seq bigserial PRIMARY KEY, site text NOT NULL, params text NOT NULL, status text NOT NULL);
CREATE INDEX job_unread ON job (site, seq) WHERE status = 'UNREAD'"""
CLAIM = """UPDATE job SET status = 'RECEIVED' WHERE seq IN (SELECT seq FROM job WHERE site = 'saf' AND status = 'UNREAD'
ORDER BY seq FOR UPDATE SKIP LOCKED) RETURNING seq, params"""


def missing() -> str | None:
    """What is not installed."""
    if not (find_program("postgres") and find_program("initdb")):
        return "postgresql"
    return None if importlib.util.find_spec("psycopg") else "psycopg"


@contextmanager
def cycle() -> Iterator[Callable[[], object]]:
    """Insert, claim, two updates, on a cluster of its own."""
    import psycopg

    with scratch() as outer:
        folder = outer / "cluster"
        folder.mkdir()
        account = own_account(folder, "postgres")
        _init(folder, account)
        port = free_port()
        with running(_command(folder, port), port, cwd=folder, **account):
            url = f"host=127.0.0.1 port={port} user=bench dbname=postgres"
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(TABLE)
                yield lambda: _work(connection)


def _init(folder: Path, account: dict[str, Any]) -> None:
    program = find_program("initdb")
    assert program is not None
    command = [program, "-D", str(folder), "-U", "bench", "-A", "trust"]
    subprocess.run(command, check=True, capture_output=True, cwd=folder, **account)


def _command(folder: Path, port: int) -> list[str]:
    program = find_program("postgres")
    assert program is not None
    listen = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    return [program, "-D", str(folder), "-p", str(port), *listen]


def _work(connection: Any) -> None:
    connection.execute("INSERT INTO job (site, params, status) VALUES ('saf', '{\"time\": \"1\"}', 'UNREAD')")
    for seq, _ in connection.execute(CLAIM).fetchall():
        for status in ("STARTED", "COMPLETE"):
            connection.execute("UPDATE job SET status = %s WHERE seq = %s", (status, seq))
