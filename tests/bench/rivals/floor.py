"""The bare floor: what no service on SQLite can do without."""

import sys
from pathlib import Path

from tests.bench.rivals.programs import free_port
from tests.bench.rivals.rival import Rival


class Floor(Rival):
    """waitress, Bottle, JSON, and one commit of the two rows, with prjobs's Python."""

    name = "the floor: echo + commit of the two rows"
    calls = "the same names; no token, no checks"

    def start(self, folder: Path) -> None:
        """Start the echo with the rows behind it."""
        self.port = free_port()
        command = [sys.executable, "-m", "tests.bench.rivals.apps.floor", str(self.port), str(folder)]
        self.programs.start(command, self.port)
