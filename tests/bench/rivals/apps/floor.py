"""The floor: the bare echo and one durable commit of the two rows, with nothing else."""

import json
import sys
from threading import Lock

from tests.bench.rivals.apps import bare
from tests.bench.rivals.apps.rows import Rows


class Floor:
    """The rows behind a lock."""

    def __init__(self, folder: str) -> None:
        self._rows, self._lock = Rows(folder), Lock()

    def submit(self, job: bare.Document) -> None:
        """Insert a job."""
        with self._lock:
            self._rows.submit(job["ulid"], job["site"], json.dumps(job))

    def take(self, site: str) -> list[bare.Document]:
        """Take what waits."""
        with self._lock:
            return [json.loads(document) for document in self._rows.take(site)]

    def report(self, ulid: str, report: bare.Document) -> None:
        """Store a report."""
        with self._lock:
            self._rows.report(ulid, report["newStatus"], report["secondsUntilComplete"])

    def stored(self) -> dict[str, list[str]]:
        """Read the statuses back."""
        with self._lock:
            return self._rows.stored()


if __name__ == "__main__":
    bare.serve(Floor(sys.argv[2]), int(sys.argv[1]))
