"""`prjobs night`: the log of a night, as a table, JSON, a printable page or a spreadsheet."""

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.marks import marked
from prjobs.base.settings_sources import load_settings
from prjobs.cli.reading import reading_database
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of
from prjobs.night.files import write_document, write_sheet
from prjobs.night.nights import Night, night_at, night_named, zones_note
from prjobs.night.report import Source, night_report, stored_source
from prjobs.night.shapes import NightJob, NightReport
from prjobs.night.tables import Cell, Table, Tables
from prjobs.night.words import PHASE_WORDS, counted, duration

if TYPE_CHECKING:
    from prjobs.night.frame import Frame

WIDTHS = {"i": 8, "t": 8, "d": 12, "l": 44, "u": 20, "n": 8, "s": 0}
Write = Callable[[Source, str | None, Night, IO[bytes]], None]


def add_night(night: Parser) -> None:
    """Declare `night`."""
    add_data(night)
    night.add_argument(
        "date", nargs="?", metavar="DATE", help="the date of its evening, such as 2026-11-23 (default: now)"
    )
    night.add_argument("--site", metavar="SITE", help="one site (default: all, by UTC unless they share a zone)")
    form = night.add_mutually_exclusive_group()
    form.add_argument("--json", dest="form", action="store_const", const="json", help="one JSON object")
    form.add_argument("--html", dest="form", action="store_const", const="html", help="a page to print, in one file")
    form.add_argument("--csv", dest="form", action="store_const", const="csv", help="its jobs, for a spreadsheet")
    night.add_argument("--output", type=Path, metavar="FILE", help="a new file (default: the output)")
    night.set_defaults(run=run_night, form="text")


def run_night(asked: Namespace) -> None:
    """Write the log of a night, with or without a running server."""
    folder = folder_of(asked)
    settings, _ = load_settings(folder.path)
    database = reading_database(folder)
    now_ms = Clock().now_ms()
    source = stored_source(database, settings, now_ms, folder.is_served())
    night = night_named(settings, asked.site, asked.date) if asked.date else night_at(settings, asked.site, now_ms)
    with output_of(asked.output) as out:
        _WRITE[asked.form](source, asked.site, night, out)


@contextmanager
def output_of(path: Path | None) -> Iterator[IO[bytes]]:
    """Yield a file of bytes: a page and a spreadsheet are UTF-8 on every terminal."""
    if path is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with path.open("xb") as file:
            yield file
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror}.") from None


def frame_of_page() -> "Frame":
    """Return the frame of a printable page, with its styles inside: the file is read without a server."""
    # Imported late: the other forms need no library of XML, nor the routes of the server.
    from prjobs.night.frame import Frame
    from prjobs.night.markup import el
    from prjobs.web.pages import load_files

    style = el("style")
    style.text = load_files()["night.css"][1].decode()
    return Frame(style)


def _write_page(source: Source, site: str | None, night: Night, out: IO[bytes]) -> None:
    # Imported late: the other forms need no library of XML.
    from prjobs.night.page import write_page

    write_page(source, site, night, frame_of_page(), out)


def _write_sheet(source: Source, site: str | None, night: Night, out: IO[bytes]) -> None:
    with text_of(out) as text:
        write_sheet(source, site, night, text)


@contextmanager
def text_of(out: IO[bytes]) -> Iterator[IO[str]]:
    """Yield the file as one of texts."""
    text = io.TextIOWrapper(out, encoding="utf-8", errors="replace", newline="", write_through=True)
    try:
        yield text
    finally:
        text.detach()


# ---- for a terminal


def _write_text(source: Source, site: str | None, night: Night, out: IO[bytes]) -> None:
    tables = Tables(night, site)
    with text_of(out) as text:
        print(_line(tables.job_heads()), file=text)

        def take(jobs: Sequence[NightJob]) -> None:
            text.writelines(_line(tables.job(job)) + "\n" for job in jobs)

        report = night_report(source, site, night, take)
        for title, table in _tables(tables, report):
            print(f"\n{title}", file=text)
            text.writelines(_line(row) + "\n" for row in (table.heads, *table.rows))
        note = zones_note(source.settings, site)
        print("\n".join(["", *([note] if note else []), *_summary(report)]), file=text)


def _tables(tables: Tables, report: NightReport) -> Iterator[tuple[str, Table]]:
    reserved = "\n".join(["Reservations", *report.notes[2:]])
    found = [
        ("Notes", tables.notes(report.observer_notes.first)),
        ("Stops", tables.stops(report.stops.first)),
        ("Silences", tables.silences(report.silences)),
        ("Alarms", tables.alarms(report.alarms)),
        ("Locks: somebody was in the dome", tables.locks(report.locks)),
        ("Messages about alarms", tables.told(report.told)),
        (reserved, tables.reservations(report.reservations)),
        ("Failed", tables.changed(report.failed.first)),
        ("Expired or cancelled", tables.changed([*report.expired.first, *report.cancelled.first])),
        ("Hand-outs in doubt", tables.doubts(report.doubts.first)),
    ]
    return ((title, table) for title, table in found if table.rows)


def _line(row: Sequence[Cell]) -> str:
    return "  ".join(_fitted(marked(text), WIDTHS[name[0]]) for name, text, *_ in row).rstrip()


def _fitted(text: str, width: int) -> str:
    return f"{text[: width - 1]}…" if 0 < width < len(text) else f"{text:{width}}"


def _summary(report: NightReport) -> Iterator[str]:
    """Yield the last lines, which stay in sight on a terminal."""
    yield f"Night {report.title}, {report.site or 'all sites'}, noon to noon {report.zone}"
    phases = ", ".join(f"{word} {report.counts[phase]:,}" for phase, word in PHASE_WORDS.items())
    yield f"{counted(report.total, 'job')}: {phases}"
    if report.classes:
        yield ", ".join(f"{name} {count:,}" for name, count in report.classes.items())
    waits = report.waits
    yield f"waited until picked up: usually {duration(waits.median_s)}, longest {duration(waits.longest_s)}"
    stops, silences = counted(report.stops.total, "stop"), counted(len(report.silences), "silence")
    unseen = sum(alarm.seen_by is None for alarm in report.alarms)
    alarms = f"{counted(len(report.alarms), 'alarm')}, {unseen:,} seen by nobody"
    yield f"{stops}, {report.stops.late:,} late; {silences}; {alarms}"


_WRITE: dict[str, Write] = {"text": _write_text, "json": write_document, "html": _write_page, "csv": _write_sheet}
