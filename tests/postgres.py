"""A real PostgreSQL for the tests: one server a session, on loopback, with data of its own that end with the server."""

import functools
import importlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.bench.rivals.programs import find_program, free_port
from tests.disks import folder_in_memory

# Without a server the tests are skipped; with one of these variables they fail: in CI nothing is left out unseen.
_ASKED = os.environ.get("TEST_PRJOBS_POSTGRES") == "required" or bool(os.environ.get("CI"))
REQUIRED = _ASKED and os.name == "posix"
START_S = 60.0
USER = "prjobs"
# What a commit means is as on a real server (fsync, synchronous_commit); the rest is small and quiet.
QUICK = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "120",
    "shared_buffers": "32MB",
    "jit": "off",
    "max_wal_size": "256MB",
    "checkpoint_timeout": "1h",
    "log_line_prefix": "%t [%p] ",
}
# The shell waits for a line or for the end of its input. The end comes however the tests end, also by kill -9: then the
# data go too.
GUARD = 'folder=$1; shift; "$@" & read _ && folder=; kill -QUIT $! 2>/dev/null; wait $!; rm -rf -- ${folder:+"$folder"}'
_numbers = count(1)


class NoServer(RuntimeError):
    """A PostgreSQL that does not start."""


def reason_for_none() -> str | None:
    """Return why this machine has no PostgreSQL for the tests; None where it has one."""
    if os.name != "posix":
        return "the tests start PostgreSQL on POSIX systems only"
    if not (find_program("initdb") and find_program("postgres")):
        return "no PostgreSQL server is installed (Debian: postgresql)"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed (pip install 'prjobs[hub]')"
    return None


def driver() -> Any:
    """Return psycopg; skip the module of tests where it is missing, unless the tests with PostgreSQL must run."""
    if REQUIRED:
        return importlib.import_module("psycopg")
    return pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed (pip install 'prjobs[hub]')")


def require_server() -> None:
    """Skip the test where no server can be had; fail it where one was promised."""
    if reason := reason_for_none():
        (pytest.fail if REQUIRED else pytest.skip)(f"PostgreSQL: {reason}")


def account() -> dict[str, Any]:
    """Return the account of the server: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    import pwd

    known = {one.pw_name: one for one in pwd.getpwall()}
    found = known.get("postgres") or known["nobody"]
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


class PostgresServer:
    """A cluster of its own in a temporary folder. `pid` is the postmaster's, for tests that kill or restart it.

    With `following` it is a standby of that cluster, until `promote`; `at` is its port, 0 for a free one.
    """

    def __init__(self, following: "PostgresServer | None" = None, at: int = 0, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="prjobs-postgres-", dir=folder_in_memory()))
        self.data, self.log = self.folder / "data", self.folder / "log"
        self.settings = QUICK | settings
        self._account = account()
        self._guard: subprocess.Popen[bytes] | None = None
        if self._account:
            os.chown(self.folder, self._account["user"], self._account["group"])
        self.port = at
        try:
            if following:
                source = f"host=127.0.0.1 port={following.port} user={USER} application_name=standby"
                self.run("pg_basebackup", "-R", "-c", "fast", "-X", "stream", "-d", source, "-D", str(self.data))
            else:
                self.run("initdb", "-N", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-D", str(self.data))
            self.start()
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """The address of the database that a new cluster has."""
        return _address(self.port, "postgres")

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().split("\n")[0])

    def run(self, name: str, *arguments: str) -> str:
        """Run one of PostgreSQL's programs under the account of the server, and return what it prints."""
        program = find_program(name)
        assert program is not None, name
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=False, cwd=self.folder, **self._account
        )
        if done.returncode:
            raise NoServer(f"{name}: {done.stderr or done.stdout}")
        return done.stdout

    def start(self) -> None:
        """Start the server, on the port of the last start or on a free one; another program may be first there."""
        for _ in range(3):
            port = self.port or free_port()
            self._launch(port)
            if self._becomes_ready(port):
                self.port = port
                return
            self._end_guard()
        raise NoServer(f"PostgreSQL does not start: {self._said()}")

    def _launch(self, port: int) -> None:
        program = find_program("postgres")
        assert program is not None
        words = [program, "-D", str(self.data), "-p", str(port), "-k", str(self.folder)]
        words += [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        self.log.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", GUARD, "sh", str(self.folder), *words],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._account,
            )

    def _becomes_ready(self, port: int) -> bool:
        import psycopg

        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s and "FATAL:  could not" not in self._said():
            with suppress(psycopg.Error), psycopg.connect(_address(port, "postgres"), connect_timeout=5) as connection:
                # A server of another session of tests may have been given the port meanwhile.
                row = connection.execute("SHOW data_directory").fetchone()
                return row == (str(self.data),)
            time.sleep(0.05)
        return False

    def _said(self) -> str:
        with suppress(OSError):
            return self.log.read_text(errors="replace")[-2000:]
        return ""

    def restart(self, mode: str = "immediate") -> None:
        """Stop the server as `pg_ctl stop -m MODE` does, and start it on the same port and data."""
        self.halt(mode)
        self.start()

    def halt(self, mode: str = "immediate") -> None:
        """Stop the server and keep the data."""
        self.run("pg_ctl", "stop", "-w", "-m", mode, "-D", str(self.data))
        self._end_guard()

    def promote(self) -> None:
        """Make a standby the primary, as after the loss of the primary."""
        self.run("pg_ctl", "promote", "-w", "-D", str(self.data))

    def stop(self) -> None:
        """Stop the server and remove the data."""
        self._end_guard()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end_guard(self) -> None:
        if self._guard is not None:
            self._guard.communicate(b"stop\n", timeout=30)
            self._guard = None

    def execute(self, sql: str) -> None:
        """Run a statement of the cluster, outside of any transaction."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, yield its address and drop the database, whoever is still connected."""
        name = f"test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield _address(self.port, name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _address(port: int, database: str) -> str:
    return f"postgresql://{USER}@127.0.0.1:{port}/{database}"


@functools.cache
def shared_server() -> PostgresServer:
    """Return the server of this session, started when the first test asks for one; `stop_shared` ends it.

    On a busy machine the process of the tests may pause for seconds in a transaction: the server waits longer for that
    process. The processes that tests start have the real limit.
    """
    require_server()
    from prjobs.store import postgres

    postgres.PAUSE_S = 60
    return PostgresServer()


def stop_shared() -> None:
    """Stop the server of this session, if one was started."""
    if shared_server.cache_info().currsize:
        shared_server().stop()
        shared_server.cache_clear()
