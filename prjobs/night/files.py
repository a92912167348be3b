"""The log of a night as files for programs: one JSON object, and a CSV sheet of the jobs."""

import csv
from collections.abc import Callable, Sequence
from typing import IO

import msgspec

from prjobs.base.clock import moment
from prjobs.night.nights import Night
from prjobs.night.report import Source, night_report
from prjobs.night.shapes import NightJob, NightReport
from prjobs.night.sheets import defused

_encode = msgspec.json.Encoder().encode
COLUMNS = (
    "sent_utc",
    "sent_local",
    "site",
    "device",
    "instance",
    "action",
    "label",
    "command_class",
    "user_name",
    "user_id",
    "waited_s",
    "duration_s",
    "status",
    "phase",
    "note",
    "picked_up_utc",
    "started_utc",
    "ended_utc",
    "ulid",
)
_FROM_JOB: dict[str, Callable[[NightJob], object]] = {
    "sent_utc": lambda job: _utc(job.created_ms),
    "picked_up_utc": lambda job: _utc(job.picked_up_ms),
    "started_utc": lambda job: _utc(job.started_ms),
    "ended_utc": lambda job: _utc(job.ended_ms),
}


class NightDocument(NightReport, frozen=True, kw_only=True):
    """The log of a night: the report, and every job."""

    jobs: list[NightJob]


def write_document(source: Source, site: str | None, night: Night, out: IO[bytes]) -> None:
    """Write one object: `jobs` with every job, oldest first, then the fields of the report. Raises Unavailable."""
    separator = b""

    def take(jobs: Sequence[NightJob]) -> None:
        nonlocal separator
        for job in jobs:
            out.write(separator + _encode(job))
            separator = b",\n"

    out.write(b'{"jobs":[')
    report = night_report(source, site, night, take)
    out.write(b"]," + _encode(report)[1:] + b"\n")


def write_sheet(source: Source, site: str | None, night: Night, out: IO[str]) -> None:
    """Write a line of heads and a line for each job as CSV. Raises Unavailable."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)

    def take(jobs: Sequence[NightJob]) -> None:
        writer.writerows([defused(value) for value in _values(job, night)] for job in jobs)

    night_report(source, site, night, take)


def _values(job: NightJob, night: Night) -> list[object]:
    made: dict[str, object] = {name: find(job) for name, find in _FROM_JOB.items()}
    made["sent_local"] = moment(job.created_ms, night.zone).isoformat(timespec="milliseconds")
    return [made[name] if name in made else getattr(job, name) for name in COLUMNS]


def _utc(time_ms: int | None) -> str | None:
    if time_ms is None:
        return None
    return moment(time_ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03}Z"
