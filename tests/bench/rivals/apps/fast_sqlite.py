"""FastAPI on SQLite: one connection in the event loop: a commit on a local disk costs less than a switch of threads."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.bench.rivals.apps import fast
from tests.bench.rivals.apps.rows import Rows


class SQLite:
    """The rows as the web part asks for them."""

    def __init__(self, folder: str) -> None:
        self._rows = Rows(folder)

    async def submit(self, ulid: str, site: str, document: str) -> None:
        """Insert a job."""
        self._rows.submit(ulid, site, document)

    async def take(self, site: str) -> list[str]:
        """Take what waits for the site."""
        return self._rows.take(site)

    async def report(self, report: fast.Report) -> bool:
        """Store a report."""
        return self._rows.report(report.ulid, report.newStatus, report.secondsUntilComplete)

    async def stored(self) -> dict[str, list[str]]:
        """Read the statuses back."""
        return self._rows.stored()


@asynccontextmanager
async def opening() -> AsyncIterator[SQLite]:
    """Open the file."""
    yield SQLite(sys.argv[2])


if __name__ == "__main__":
    fast.serve(opening, int(sys.argv[1]))
