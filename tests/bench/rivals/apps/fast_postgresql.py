"""FastAPI on PostgreSQL: a pool of asyncpg, prepared statements, one statement and one commit a step, SKIP LOCKED."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tests.bench.rivals.apps import fast

TABLES = """
CREATE TABLE IF NOT EXISTS job (ulid text PRIMARY KEY, site text NOT NULL, status text NOT NULL, seconds integer,
    document text NOT NULL);
CREATE INDEX IF NOT EXISTS job_unread ON job (site, ulid) WHERE status = 'UNREAD';
CREATE TABLE IF NOT EXISTS change (seq bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, ulid text NOT NULL,
    status text NOT NULL, seconds integer);
CREATE INDEX IF NOT EXISTS change_job ON change (ulid);
"""
SUBMIT = """WITH made AS (INSERT INTO job (ulid, site, status, document) VALUES ($1, $2, 'UNREAD', $3) RETURNING ulid)
INSERT INTO change (ulid, status) SELECT ulid, 'UNREAD' FROM made"""
TAKE = """WITH waiting AS (SELECT ulid FROM job WHERE site = $1 AND status = 'UNREAD' ORDER BY ulid LIMIT 200
    FOR UPDATE SKIP LOCKED),
taken AS (UPDATE job SET status = 'RECEIVED' FROM waiting WHERE job.ulid = waiting.ulid RETURNING job.ulid, document),
logged AS (INSERT INTO change (ulid, status) SELECT ulid, 'RECEIVED' FROM taken)
SELECT document FROM taken ORDER BY ulid"""
REPORT = """WITH updated AS (UPDATE job SET status = $2, seconds = $3 WHERE ulid = $1 RETURNING ulid)
INSERT INTO change (ulid, status, seconds) SELECT ulid, $2, $3 FROM updated RETURNING seq"""


class PostgreSQL:
    """The two tables."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def submit(self, ulid: str, site: str, document: str) -> None:
        """Insert a job."""
        await self._pool.execute(SUBMIT, ulid, site, document)

    async def take(self, site: str) -> list[str]:
        """Take what waits for the site."""
        return [row[0] for row in await self._pool.fetch(TAKE, site)]

    async def report(self, report: fast.Report) -> bool:
        """Store a report."""
        done = await self._pool.fetchval(REPORT, report.ulid, report.newStatus, report.secondsUntilComplete)
        return done is not None

    async def stored(self) -> dict[str, list[str]]:
        """Read the statuses back."""
        read = "SELECT ulid, array_agg(status ORDER BY seq) FROM change GROUP BY ulid"
        return dict(await self._pool.fetch(read))


@asynccontextmanager
async def opening() -> AsyncIterator[PostgreSQL]:
    """Open the pool."""
    server = {"host": "127.0.0.1", "port": int(sys.argv[3]), "user": "bench", "database": "postgres"}
    async with asyncpg.create_pool(**server, min_size=4, max_size=8) as pool:
        await pool.execute(TABLES)
        yield PostgreSQL(pool)


if __name__ == "__main__":
    fast.serve(opening, int(sys.argv[1]))
