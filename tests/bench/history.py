"""A poll and getrecentjobs (100 rows) with few and with very many old jobs."""

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from prjobs.base.ulids import floor_ulid
from prjobs.store.models import JOB_COLUMNS, JobRow, checksum
from tests.bench import sending
from tests.bench.load import Load
from tests.bench.processes import Appliance, scratch
from tests.bench.rounds import Compared, Line, Plan, compare

FEW = 1_000
DAY_MS = 86_400_000
YEARS_MS = 2 * 365 * DAY_MS
GOAL = "≤ 1.10"


def measure(plan: Plan) -> list[Line]:
    """How much longer a request takes with the long history."""
    many = 100_000 if plan.quick else 1_000_000
    with scratch() as scratch_folder:
        short = prepare(scratch_folder / "short", FEW)
        long = prepare(scratch_folder / "long", many)
        servers = [Appliance(long), Appliance(short)]
        try:
            ports = (servers[0].port, servers[1].port)
            return [
                _line(f"empty poll, {many:,} / {FEW:,} old jobs", _compare(plan, ports, sending.poll())),
                _line(f"getrecentjobs, {many:,} / {FEW:,} old jobs", _compare(plan, ports, sending.recent())),
            ]
        finally:
            for server in servers:
                server.stop()


def prepare(folder: Path, old: int, recent: int = 100) -> Path:
    """A data folder with so many finished jobs of two years, and some of the last hour."""
    Appliance(folder).stop()
    connection = sqlite3.connect(folder / "prjobs.sqlite3", isolation_level=None)
    connection.execute("PRAGMA synchronous = off")
    connection.execute("PRAGMA cache_size = -200000")
    connection.execute("BEGIN")
    now_ms = int(time.time() * 1000)
    marks = ", ".join("?" * len(JobRow._fields))
    insert = f"INSERT INTO job ({JOB_COLUMNS}) VALUES ({marks})"
    connection.executemany(insert, _rows(1, old, now_ms - YEARS_MS, now_ms - 2 * DAY_MS))
    connection.executemany(insert, _rows(old + 1, recent, now_ms - 3_600_000, now_ms))
    connection.execute(
        "INSERT INTO change (job_seq, site, queue, status, time_ms, who, note) "
        "SELECT seq, site, 'primary', status, changed_ms, 'bench', '' FROM job"
    )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return folder


def _rows(first_seq: int, count: int, from_ms: int, to_ms: int) -> Iterator[JobRow]:
    for number in range(count):
        created_ms = from_ms + (to_ms - from_ms) * number // count
        yield _row(first_seq + number, created_ms)


def _row(seq: int, created_ms: int) -> JobRow:
    job = sending.JOB
    row = JobRow(
        seq=seq,
        ulid=floor_ulid(created_ms)[:18] + f"{seq:08d}",
        site="saf",
        created_ms=created_ms,
        device="camera",
        instance="camera1",
        action="expose",
        command_class="exposure",
        user_id="auth0|bench",
        user_name="A. Bench",
        user_roles="[]",
        required_params=json.dumps(job["required_params"]),
        optional_params=json.dumps(job["optional_params"]),
        status="COMPLETE",
        estimate_s=10,
        alternate_status="COMPLETE",
        alternate_estimate_s=10,
        changed_ms=created_ms + 5000,
        expires_ms=created_ms + 1_800_000,
        again_of=None,
        origin="local",
        attempts=1,
        checksum=0,
        idempotency_key=None,
        picked_up_ms=created_ms + 1000,
        started_ms=created_ms + 2000,
        ended_ms=created_ms + 5000,
    )
    return row._replace(checksum=checksum(row.ulid, row))


def _compare(plan: Plan, ports: tuple[int, int], request: bytes) -> Compared:
    """Medians of the latency in microseconds: long history, short history."""
    loads = [Load(port, [request]) for port in ports]
    try:
        long, short = (lambda load=load: _median_us(load, plan.round_s) for load in loads)
        return compare(plan, long, short)
    finally:
        for load in loads:
            load.close()


def _median_us(load: Load, seconds: float) -> float:
    latencies = sorted(load.run(seconds).latencies_s)
    return latencies[len(latencies) // 2] * 1e6


def _line(name: str, found: Compared) -> Line:
    return Line(name, f"{found.ours:,.0f} µs", f"{found.reference:,.0f} µs", f"{found.ratio:.2f}", GOAL)
