"""A night of very many jobs, written straight into the store."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prjobs.base.ulids import floor_ulid
from prjobs.store.models import JOB_COLUMNS, JobRow, checksum

EVERY_MS = 430  # 100,000 of them fill twelve hours


def last_night() -> tuple[str, int]:
    """The name of the last night that is over in UTC, and its evening at 18:00 in Unix milliseconds."""
    noon = (datetime.now(UTC) - timedelta(hours=12)).replace(hour=12, minute=0, second=0, microsecond=0)
    evening = noon - timedelta(days=1) + timedelta(hours=6)
    return f"{evening:%Y-%m-%d}", int(evening.timestamp() * 1000)


def fill_night(store: Path, count: int, evening_ms: int) -> None:
    """So many finished jobs, the first in the evening: each has its number in its action, act0, act1 and so on."""
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("PRAGMA synchronous = off")
    connection.execute("BEGIN")
    marks = ", ".join("?" * len(JobRow._fields))
    connection.executemany(f"INSERT INTO job ({JOB_COLUMNS}) VALUES ({marks})", _rows(count, evening_ms))
    connection.execute(
        "INSERT INTO change (job_seq, site, queue, status, time_ms, who, note) "
        "SELECT seq, site, 'primary', status, changed_ms, 'night', '' FROM job"
    )
    connection.execute("COMMIT")
    connection.close()


def _rows(count: int, evening_ms: int) -> Iterator[JobRow]:
    for number in range(count):
        yield _row(number, evening_ms + number * EVERY_MS)


def _row(number: int, created_ms: int) -> JobRow:
    row = JobRow(
        seq=number + 1,
        ulid=floor_ulid(created_ms)[:18] + f"{number:08d}",
        site="saf",
        created_ms=created_ms,
        device="camera",
        instance="camera1",
        action=f"act{number}",
        command_class="other",
        user_id="auth0|night",
        user_name="Ann Night",
        user_roles="[]",
        required_params=json.dumps({"time": "60", "image_type": "light"}),
        optional_params=json.dumps({"object_name": f"M{number % 110}", "filter": "R", "count": 10}),
        status="COMPLETE",
        estimate_s=None,
        alternate_status="UNREAD",
        alternate_estimate_s=None,
        changed_ms=created_ms + 65_000,
        expires_ms=None,
        again_of=None,
        origin="local",
        attempts=1,
        checksum=0,
        idempotency_key=None,
        picked_up_ms=created_ms + 3000,
        started_ms=created_ms + 4000,
        ended_ms=created_ms + 65_000,
    )
    return row._replace(checksum=checksum(row.ulid, row))
