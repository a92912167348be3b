"""prjobs by the same rules: its endpoints, with a token for newjob."""

import sqlite3
from contextlib import closing
from pathlib import Path

from prjobs.version import VERSION
from tests.bench import sending
from tests.bench.processes import Appliance
from tests.bench.rivals.rival import Rival, post

STORED = "SELECT ulid, change.status FROM change JOIN job ON job.seq = change.job_seq ORDER BY change.seq"


class Itself(Rival):
    """`prjobs serve` on a folder."""

    name = "prjobs"
    calls = "newjob; getnewjobs; updatejobstatus twice"

    def versions(self) -> dict[str, str]:
        """Return its version."""
        return {"prjobs": VERSION}

    def start(self, folder: Path) -> None:
        """Start it and make a token."""
        appliance = Appliance(folder / "data")
        self.programs.adopt(appliance.process)
        self.port, self._token, self._file = appliance.port, appliance.token(), folder / "data" / "prjobs.sqlite3"

    def submit(self, site: str) -> bytes:
        """Return newjob with the token."""
        return post("/newjob", {**sending.JOB, "site": site}, f"Authorization: Bearer {self._token}")

    def stored(self) -> dict[str, list[str]]:
        """Return the statuses of each job from the log in its file."""
        found: dict[str, list[str]] = {}
        with closing(sqlite3.connect(self._file)) as connection:
            for ulid, status in connection.execute(STORED):
                found.setdefault(ulid, []).append(status)
        return found
