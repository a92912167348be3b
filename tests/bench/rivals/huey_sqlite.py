"""huey, a task queue in Python, on SQLite."""

from pathlib import Path

from tests.bench.rivals.programs import free_port
from tests.bench.rivals.rival import Rival


class Huey(Rival):
    """SqliteHuey with fsync=True behind the bare echo."""

    name = "huey on SQLite behind the echo"
    calls = "enqueue; dequeue; put of a result twice"
    packages = ("huey", "bottle", "waitress", "python-ulid")
    keeps = ("STARTED", "COMPLETE")

    def start(self, folder: Path) -> None:
        """Start the echo with huey behind it."""
        self.port = free_port()
        self.programs.start_app("huey_queue", self.port, folder)
