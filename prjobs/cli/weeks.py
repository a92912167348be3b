"""`prjobs weeks`: the weeks of a site or of all sites, as a table, JSON, a page or a spreadsheet."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from prjobs.base.clock import Clock
from prjobs.base.errors import BadRequest
from prjobs.base.marks import marked
from prjobs.base.settings_sources import load_settings
from prjobs.cli.night import frame_of_page, output_of, text_of
from prjobs.cli.reading import reading_database
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of
from prjobs.night.nights import night_at, night_named
from prjobs.night.weeks import MOST_WEEKS, USUAL, Week, Weeks, read_weeks, write_sheet
from prjobs.night.words import counted, duration

_HEAD = "week of    nights    jobs    done  failed  cancelled  expired   open    median   9 of 10  silent"


def add_weeks(weeks: Parser) -> None:
    """Declare `weeks`."""
    add_data(weeks)
    weeks.add_argument("date", nargs="?", metavar="DATE", help="a date of the last week (default: now)")
    weeks.add_argument("--site", metavar="SITE", help="one site (default: all)")
    weeks.add_argument("--weeks", metavar="N", type=int, default=USUAL, help=f"so many weeks, up to {MOST_WEEKS}")
    form = weeks.add_mutually_exclusive_group()
    form.add_argument("--json", dest="form", action="store_const", const="json", help="one JSON object")
    form.add_argument("--html", dest="form", action="store_const", const="html", help="a page to print, in one file")
    form.add_argument("--csv", dest="form", action="store_const", const="csv", help="a line for each number")
    weeks.add_argument("--output", type=Path, metavar="FILE", help="a new file (default: the output)")
    weeks.set_defaults(run=run_weeks, form="text")


def run_weeks(asked: Namespace) -> None:
    """Write the weeks, with or without a running server."""
    if not 1 <= asked.weeks <= MOST_WEEKS:
        raise BadRequest(f"--weeks must be a whole number from 1 to {MOST_WEEKS}.")
    folder = folder_of(asked)
    settings, _ = load_settings(folder.path)
    database, now_ms = reading_database(folder), Clock().now_ms()
    night = night_named(settings, asked.site, asked.date) if asked.date else night_at(settings, asked.site, now_ms)
    weeks = read_weeks(database, asked.site, night.date, asked.weeks, now_ms)
    with output_of(asked.output) as out:
        _WRITE[asked.form](weeks, out)


def _write_json(weeks: Weeks, out: IO[bytes]) -> None:
    out.write(msgspec.json.encode(weeks) + b"\n")


def _write_page(weeks: Weeks, out: IO[bytes]) -> None:
    # Imported late: the other forms need no library of XML.
    from prjobs.night.week_page import week_page

    out.write(week_page(weeks, frame_of_page()).encode())


def _write_sheet(weeks: Weeks, out: IO[bytes]) -> None:
    with text_of(out) as text:
        write_sheet(weeks, text)


# ---- for a terminal


def _write_text(weeks: Weeks, out: IO[bytes]) -> None:
    with text_of(out) as text:
        text.writelines(marked(line) + "\n" for line in _lines(weeks))


def _lines(weeks: Weeks) -> Iterator[str]:
    yield _HEAD
    yield from map(_line, weeks.weeks)
    for title, entries in (
        ("Failures", [(one.jobs, f"{one.device}: {one.reason}".rstrip(": ")) for one in weeks.failures]),
        ("Users", [(one.jobs, one.user_name or one.user_id) for one in weeks.users]),
    ):
        if entries:
            yield ""
            yield title
            yield from (f"{jobs:>7,}  {name}" for jobs, name in entries)
    yield ""
    yield f"{counted(len(weeks.weeks), 'week')} of {weeks.site or 'all sites'}, {counted(weeks.total.jobs, 'job')}"
    if weeks.due:
        yield f"{counted(weeks.due, 'night')} of the history is still to be summed up by the running server."


def _line(week: Week) -> str:
    ends = week.ends
    numbers = f"{week.nights:>6}{week.jobs:>8,}{ends['done']:>8,}{ends['failed']:>8,}{ends['cancelled']:>11,}"
    waits = f"{duration(week.wait_median_s):>10}{duration(week.wait_p90_s):>10}{duration(week.silent_s or None):>10}"
    return f"{week.monday}{numbers}{ends['expired']:>9,}{ends['open']:>7,}{waits}"


_WRITE: dict[str, Callable[[Weeks, IO[bytes]], None]] = {
    "text": _write_text,
    "json": _write_json,
    "html": _write_page,
    "csv": _write_sheet,
}
