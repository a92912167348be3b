"""A service of one's own: FastAPI on uvicorn, and PostgreSQL with FOR UPDATE SKIP LOCKED."""

import subprocess
import time
from pathlib import Path

from tests.bench.rivals.programs import START_S, find_program, free_port, own_account
from tests.bench.rivals.rival import Rival


class FastPostgreSQL(Rival):
    """A cluster of its own at PostgreSQL's defaults: fsync and synchronous_commit are on."""

    name = "FastAPI + PostgreSQL, SKIP LOCKED"
    calls = "the same names; typed bodies, no token"
    packages = ("fastapi", "uvicorn", "asyncpg", "orjson", "python-ulid")
    debian = {"postgres": "postgresql"}

    def start(self, folder: Path) -> None:
        """Start the cluster, made when the folder has none, and uvicorn."""
        cluster, database = folder / "cluster", free_port()
        cluster.mkdir(exist_ok=True)
        account = own_account(cluster, "postgres")
        if not (cluster / "PG_VERSION").exists():
            initdb = [_program("initdb"), "-D", str(cluster), "-U", "bench", "-A", "trust"]
            subprocess.run(initdb, check=True, capture_output=True, cwd=cluster, **account)
        command = [_program("postgres"), "-D", str(cluster), "-p", str(database)]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={cluster}"]
        self.programs.start(command, database, cwd=cluster, **account)
        _wait_until_recovered(database)
        self.port = free_port()
        self.programs.start_app("fast_postgresql", self.port, folder, database)


def _wait_until_recovered(port: int) -> None:
    end_s = time.monotonic() + START_S
    ask = [_program("pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
    while subprocess.run(ask, check=False).returncode and time.monotonic() < end_s:
        time.sleep(0.1)


def _program(name: str) -> str:
    program = find_program(name)
    assert program is not None
    return program
