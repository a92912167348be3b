"""The page of weeks: one HTML document without scripts, in the manner of the page of a night."""

from collections.abc import Sequence
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

from prjobs.base.clock import moment
from prjobs.night.frame import Frame, document
from prjobs.night.markup import el, markup
from prjobs.night.tables import Pair
from prjobs.night.week_charts import draw, spark, week_name
from prjobs.night.weeks import UserLine, Week, Weeks, beside
from prjobs.night.words import counted, duration

Cell = Element | Pair
_WORDS = {"done": "done", "failed": "failed", "cancelled": "cancelled", "expired": "expired", "open": "open"}


def week_page(weeks: Weeks, frame: Frame) -> str:
    """Return the page."""
    title = f"Weeks until {weeks.until}, {weeks.site or 'all sites'}"
    body = el("main", _header(weeks, frame), _summary(weeks.total), draw(weeks), _sections(weeks))
    return "<!DOCTYPE html>\n" + markup(document(title, frame, body)) + "\n"


def _header(weeks: Weeks, frame: Frame) -> Element:
    last = beside(weeks.until, -1)
    ways: list[tuple[str, str, dict[str, str]]] = [
        ("← earlier", "weeks", {"date": beside(last, -len(weeks.weeks))}),
        ("later →", "weeks", {"date": beside(last, len(weeks.weeks))}),
        ("JSON", "api/weeks", {"date": last}),
        ("CSV", "weeks.csv", {"date": last}),
        ("Tonight", "night", {}),
    ]
    due = f"{counted(weeks.due, 'night')} of the history is still to be summed up." if weeks.due else ""
    links = [el("a", text, href=_address(weeks, path, query)) for text, path, query in ways]
    said = f"the nights from {weeks.since} on, by local noon · as known {moment(weeks.time_ms):%Y-%m-%d %H:%M} UTC"
    return el(
        "header",
        el("nav", links) if frame.has_links else None,
        el("h1", f"{counted(len(weeks.weeks), 'week')}", el("span", weeks.site or "all sites")),
        el("p", said),
        el("p", due) if due else None,
    )


def _address(weeks: Weeks, path: str, query: dict[str, str]) -> str:
    site = {"site": weeks.site} if weeks.site else {}
    count = {"weeks": str(len(weeks.weeks))} if query else {}
    asked = urlencode({**site, **query, **count})
    return f"{path}?{asked}" if asked else path


def _summary(total: Week) -> Element:
    failed = total.ends["failed"]
    tiles = [
        ("all", "jobs", f"{total.jobs:,}"),
        ("failed" if failed else "no", "failed", f"{failed:,}"),
        ("wait", "median wait", duration(total.wait_median_s)),
        ("wait", "nine of ten within", duration(total.wait_p90_s)),
        ("all", "silent", duration(total.silent_s)),
        ("failed" if total.late_stops else "no", "late stops", f"{total.late_stops:,} of {total.stops:,}"),
    ]
    return el("dl", [el("div", el("dt", word), el("dd", value), class_=name) for name, word, value in tiles])


# ---- the tables


def _sections(weeks: Weeks) -> list[Element]:
    return [
        _section("Every week", _week_heads(), [_week_row(week) for week in weeks.weeks]),
        _section(
            f"Failures, by device and reason: {weeks.total.ends['failed']:,}",
            [("d", "device"), ("l", "reason"), ("n", "jobs"), ("k", "by week")],
            [[("d", o.device), ("l", o.reason), ("n", f"{o.jobs:,}"), _by_week(o.by_week)] for o in weeks.failures],
        ),
        _section(
            "Use, by user",
            [("u", "user"), ("l", "id"), ("n", "jobs"), ("n", "start to end"), ("k", "by week")],
            [[("u", o.user_name or o.user_id), ("l", o.user_id), *_used(o), _by_week(o.by_week)] for o in weeks.users],
        ),
        el("section", [el("p", note, class_="note") for note in weeks.notes]),
    ]


def _used(user: UserLine) -> tuple[Pair, Pair]:
    return ("n", f"{user.jobs:,}"), ("n", duration(user.used_s))


def _by_week(counts: Sequence[int]) -> Element:
    said = ", ".join(f"{count:,}" for count in counts)
    return el("td", spark(counts), el("span", said, class_="unseen"), class_="k")


def _week_heads() -> list[Pair]:
    heads = ["jobs", *_WORDS.values(), "median wait", "nine of ten", "stops", "late", "silences", "silent"]
    return [("t", "week of"), ("n", "nights"), *(("n", head) for head in heads)]


def _week_row(week: Week) -> list[Cell]:
    numbers = [week.jobs, *(week.ends[end] for end in _WORDS)]
    return [
        ("t", week_name(week.monday)),
        ("n", f"{week.nights}"),
        *(("n", f"{number:,}") for number in numbers),
        ("n", duration(week.wait_median_s)),
        ("n", duration(week.wait_p90_s)),
        ("n", f"{week.stops:,}"),
        ("n", f"{week.late_stops:,}"),
        ("n", f"{week.silences:,}"),
        ("n", duration(week.silent_s or None)),
    ]


def _section(title: str, heads: Sequence[Pair], rows: Sequence[Sequence[Cell]]) -> Element:
    if not rows:
        return el("section", el("h2", title), el("p", "None.", class_="none"), tabindex="0")
    head = el("thead", el("tr", [el("th", text, class_=name, scope="col") for name, text in heads]))
    body = el("tbody", [el("tr", [_cell(cell) for cell in row]) for row in rows])
    return el("section", el("h2", title), el("table", head, body), tabindex="0")


def _cell(cell: Cell) -> Element:
    return cell if isinstance(cell, Element) else el("td", cell[1], class_=cell[0])
