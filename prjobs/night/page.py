"""The printable page of a night: one HTML document without scripts, for the web and for a file."""

import shutil
from collections.abc import Sequence
from tempfile import SpooledTemporaryFile
from typing import IO
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

from prjobs.night.charts import Charts
from prjobs.night.frame import Frame, document
from prjobs.night.markup import el, markup, table_row
from prjobs.night.nights import Night, zones_note
from prjobs.night.report import Source, night_report
from prjobs.night.shapes import NightJob, NightReport
from prjobs.night.sky import Sky, place_of
from prjobs.night.tables import Pair, Table, Tables
from prjobs.night.words import PHASE_WORDS, duration

IN_MEMORY = 4_000_000
Around = tuple[str, str]
# The place of the rows in the document: the last such text there, since texts of jobs come before.
_ROWS = "ROWS"
# A browser needs half a minute for one table of a hundred thousand rows, and no time for a table out of sight.
LEAF = 500
_BESIDE = (("← the night before", -1), ("the night after →", 1))


def write_page(source: Source, site: str | None, night: Night, frame: Frame, out: IO[bytes]) -> None:
    """Write the page, with memory for one page of jobs and for the pictures. Raises Unavailable."""
    place = place_of(source.settings, site)
    charts = Charts(night, site, place, source.now_ms)
    tables = Tables(night, site)
    with SpooledTemporaryFile(IN_MEMORY) as rows:
        leaf = _Leaf(tables)

        def take(jobs: Sequence[NightJob]) -> None:
            charts.add(jobs)
            rows.write("".join(leaf.row(job) for job in jobs).encode())

        report = night_report(source, site, night, take)
        before, after = _around_rows(tables, night, report, charts.draw(report), frame)
        note = zones_note(source.settings, site)
        if note:
            before = before.replace("</h1>", f"</h1>{markup(el('p', note))}", 1)
        rows.seek(0)
        out.write(before.encode())
        shutil.copyfileobj(rows, out)
        out.write(after.encode())


def _around_rows(tables: Tables, night: Night, report: NightReport, figures: list[Element], frame: Frame) -> Around:
    """Return the document before and after the rows of the last table: too many rows to be held as elements."""
    parts = [_header(night, report, frame), _summary(report), *figures]
    body = el("main", *parts, _sections(tables, report), _every_job(tables, report))
    whole = (
        "<!DOCTYPE html>\n"
        + markup(document(f"Night {report.title}, {report.site or 'all sites'}", frame, body))
        + "\n"
    )
    before, mark, after = whole.rpartition(f">{_ROWS}<") if report.total else (whole, "", "")
    return (f"{before}>\n", f"<{after}") if mark else (before, after)


class _Leaf:
    """The writer of rows; a new table begins after every 500 rows."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        begun, _, ended = markup(_leaf_of(tables, _ROWS)).rpartition(_ROWS)
        self._turn = f"{ended}\n{begun}\n"
        self._count = 0

    def row(self, job: NightJob) -> str:
        turn = self._turn if self._count and self._count % LEAF == 0 else ""
        self._count += 1
        return turn + table_row(self._tables.job(job))


def _leaf_of(tables: Tables, rows: str) -> Element:
    return el("div", el("table", _head(tables.job_heads()), el("tbody", rows), class_="jobs"), class_="leaf")


def _every_job(tables: Tables, report: NightReport) -> Element:
    title = el("h2", f"Every job, oldest first: {report.total:,}")
    if not report.total:
        return el("section", title, _none())
    return el("section", title, _leaf_of(tables, _ROWS), el("p", report.notes[1], class_="note"), tabindex="0")


def _none() -> Element:
    return el("p", "None.", class_="none")


# ---- the top


def _header(night: Night, report: NightReport, frame: Frame) -> Element:
    lasting = "not over yet" if report.time_ms >= report.since_ms else "not begun"
    until = "noon to noon" if report.is_over else f"from noon, {lasting}"
    made = f"{until}, {report.zone} · as known {night.clock(report.time_ms, '%Y-%m-%d %H:%M:%S')}"
    links = [el("a", text, href=_address(report, night.beside(days))) for text, days in _BESIDE]
    return el(
        "header",
        el("nav", [*links, el("a", "Weeks", href=_weeks(report))]) if frame.has_links else None,
        el("h1", f"Night {report.title}", el("span", report.site or "all sites")),
        el("p", made),
        el("p", _sky(night, report.sky)) if report.sky else None,
    )


def _address(report: NightReport, date: str) -> str:
    site = {"site": report.site} if report.site else {}
    return "?" + urlencode({**site, "date": date})


def _weeks(report: NightReport) -> str:
    site = {"site": report.site} if report.site else {}
    return "weeks?" + urlencode({**site, "date": report.date})


def _sky(night: Night, sky: Sky) -> str:
    moments = ((sky.sunset_ms, "sunset"), (sky.dusk_ms, "dark"), (sky.dawn_ms, "dawn"), (sky.sunrise_ms, "sunrise"))
    known = sorted((time_ms, word) for time_ms, word in moments if time_ms is not None)
    said = " · ".join(f"{word} {night.clock(time_ms, '%H:%M')}" for time_ms, word in known)
    return said or "The Sun neither sets nor rises."


def _summary(report: NightReport) -> Element:
    tiles = [("all", "jobs", f"{report.total:,}")]
    counts = ((phase, word, report.counts[phase]) for phase, word in PHASE_WORDS.items())
    tiles += [(phase if count else "no", word, f"{count:,}") for phase, word, count in counts]
    tiles.append(("wait", "usual wait", duration(report.waits.median_s)))
    tiles.append(("wait", "longest wait", duration(report.waits.longest_s)))
    return el("dl", [el("div", el("dt", word), el("dd", value), class_=name) for name, word, value in tiles])


# ---- the sections


def _sections(tables: Tables, report: NightReport) -> list[Element]:
    stops, doubts, waits = report.stops, report.doubts, report.waits
    failed, expired, cancelled = report.failed, report.expired, report.cancelled
    late = f", {stops.late:,} late" if stops.late else ""
    noted = report.observer_notes
    return [
        _section(f"Notes: {noted.total:,}", tables.notes(noted.first), noted.total),
        _section(f"Stops: {stops.total:,}{late}", tables.stops(stops.first), stops.total),
        _section("Silences", tables.silences(report.silences), note=report.notes[0]),
        _section(_alarms_title(report), tables.alarms(report.alarms)),
        *([_section("Locks: somebody was in the dome", tables.locks(report.locks))] if report.locks else []),
        *([_section("Messages about alarms", tables.told(report.told))] if report.told else []),
        _section("Reservations", tables.reservations(report.reservations), note=" ".join(report.notes[2:])),
        _section(f"Failed: {failed.total:,}", tables.changed(failed.first), failed.total),
        _section(f"Expired, nobody fetched them: {expired.total:,}", tables.changed(expired.first), expired.total),
        _section(f"Cancelled: {cancelled.total:,}", tables.changed(cancelled.first), cancelled.total),
        _section(f"Hand-outs in doubt: {doubts.total:,}", tables.doubts(doubts.first), doubts.total),
        _section("Longest waits", Table(tables.job_heads(), [tables.job(job) for job in waits.longest])),
    ]


def _alarms_title(report: NightReport) -> str:
    unseen = sum(alarm.seen_by is None for alarm in report.alarms)
    return f"Alarms: {len(report.alarms):,}" + (f", {unseen:,} seen by nobody" if unseen else "")


def _section(title: str, table: Table, total: int = 0, note: str = "") -> Element:
    more = total - len(table.rows)
    rows = el("tbody", [el("tr", [_cell(*cell) for cell in row]) for row in table.rows])
    return el(
        "section",
        el("h2", title),
        el("table", _head(table.heads), rows) if table.rows else _none(),
        el("p", f"and {more:,} more", class_="note") if more > 0 else None,
        el("p", note, class_="note") if note else None,
        tabindex="0",
    )


def _cell(name: str, text: str, tip: str = "") -> Element:
    return el("td", text, class_=name, data_tip=tip or None)


def _head(heads: Sequence[Pair]) -> Element:
    return el("thead", el("tr", [el("th", text, class_=name, scope="col") for name, text in heads]))
