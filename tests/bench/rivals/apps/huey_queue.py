"""huey on SQLite with synchronous=FULL, a queue for each site. Reports are results that it keeps under the job's id."""

import sqlite3
import sys
from pathlib import Path

from huey import SqliteHuey
from huey.api import Huey

from tests.bench.rivals.apps import bare

FILE = "huey.sqlite3"


class Queue:
    """One task, `expose`, whose arguments are the job."""

    def __init__(self, folder: str) -> None:
        self._path = str(Path(folder) / FILE)
        self._queues: dict[str, Huey] = {}
        self._reports = self._open("reports")

    def submit(self, job: bare.Document) -> None:
        """Enqueue a task."""
        queue = self._at(job["site"])
        queue.enqueue(queue.expose.s(**job))

    def take(self, site: str) -> list[bare.Document]:
        """Dequeue one task."""
        task = self._at(site).dequeue()
        return [task.kwargs] if task else []

    def report(self, ulid: str, report: bare.Document) -> None:
        """Put a result."""
        self._reports.put(f"{ulid} {report['newStatus']}", report)

    def stored(self) -> dict[str, list[str]]:
        """Read the results back, and what is in a queue still."""
        waiting = [(task.kwargs["ulid"], "UNREAD") for queue in self._queues.values() for task in queue.pending()]
        found: dict[str, list[str]] = {}
        connection = sqlite3.connect(self._path)
        for ulid, status in waiting + [
            key.split() for (key,) in connection.execute("SELECT key FROM kv ORDER BY rowid")
        ]:
            found.setdefault(ulid, []).append(status)
        connection.close()
        return found

    def _at(self, site: str) -> Huey:
        if site not in self._queues:
            self._queues[site] = self._open(site)
        return self._queues[site]

    def _open(self, name: str) -> Huey:
        queue = SqliteHuey(name, filename=self._path, fsync=True)
        queue.expose = queue.task(name="expose")(lambda **_job: None)
        return queue


if __name__ == "__main__":
    bare.serve(Queue(sys.argv[2]), int(sys.argv[1]))
