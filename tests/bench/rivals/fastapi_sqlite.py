"""A service of one's own: FastAPI on uvicorn, and SQLite."""

from pathlib import Path

from tests.bench.rivals.programs import free_port
from tests.bench.rivals.rival import Rival


class FastSQLite(Rival):
    """WAL and synchronous=FULL."""

    name = "FastAPI + SQLite"
    calls = "the same names; typed bodies, no token"
    packages = ("fastapi", "uvicorn", "orjson", "python-ulid")

    def start(self, folder: Path) -> None:
        """Start uvicorn."""
        self.port = free_port()
        self.programs.start_app("fast_sqlite", self.port, folder)
