"""A night as one JSON object: `jobs` with every job, oldest first, then the fields of the report."""

from collections.abc import Sequence
from typing import IO

import msgspec

from prjobs.night.nights import Night
from prjobs.night.report import Source, night_report
from prjobs.night.shapes import NightJob

_encode = msgspec.json.Encoder().encode


def write_document(source: Source, site: str | None, night: Night, out: IO[bytes]) -> None:
    """Write the object, page by page. Raises Unavailable."""
    separator = b""

    def take(jobs: Sequence[NightJob]) -> None:
        nonlocal separator
        for job in jobs:
            out.write(separator + _encode(job))
            separator = b",\n"

    out.write(b'{"jobs":[')
    report = night_report(source, site, night, take)
    out.write(b"]," + _encode(report)[1:] + b"\n")
