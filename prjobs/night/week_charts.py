"""Pictures of weeks as SVG: jobs by class, failures, waiting times, silences, users. Colours come from night.css."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from xml.etree.ElementTree import Element

from prjobs.base.catalogue import CLASSES
from prjobs.night.drawing import (
    LANE,
    LANE_GAP,
    LEFT,
    PLOT,
    TICKS_S,
    TOP,
    figure,
    scale,
    short,
    step,
    swatch,
)
from prjobs.night.drawing import WIDTH as WHOLE
from prjobs.night.markup import el
from prjobs.night.weeks import UserLine, Week, Weeks
from prjobs.night.words import counted, duration

HEIGHT, LOW = 170, 110
SPARK_WIDTH, SPARK_HEIGHT = 120, 16
# A week in which nothing waited has no mark; the axis begins at a second.
LONGEST_S = 60.0


def week_name(monday: str) -> str:
    """Return the name of a week on an axis: `23 Nov`."""
    day = date.fromisoformat(monday)
    return f"{day.day} {day:%b}"


def draw(weeks: Weeks) -> list[Element]:
    """Return the figures; none for weeks without a night."""
    if not weeks.total.nights:
        return []
    axis = _Axis(weeks.weeks)
    return [
        figure("Jobs, by class", "Each bar is a week.", _jobs(axis), _legend(weeks.total)),
        figure("Failed jobs", "Each bar is a week.", _bars(axis, _failed, "Failed jobs in each week")),
        figure(
            "Waiting times, until a job was picked up",
            "From the median, the dot, to the time that nine of ten jobs did not pass.",
            _waits(axis),
        ),
        figure("Silences", "Hours without a poll.", _bars(axis, _silent, "Hours of silence in each week")),
        *([figure("Use, by user", "Each bar is a user's jobs.", _users(weeks.users))] if weeks.users else []),
    ]


class _Axis:
    """The horizontal axis: a place for each week."""

    def __init__(self, weeks: Sequence[Week]) -> None:
        self.weeks = weeks
        self.width = PLOT / len(weeks)

    def x(self, place: int) -> float:
        return LEFT + place * self.width

    def canvas(self, height: float, said: str) -> Element:
        # On a phone the chart scrolls; without a tab stop the keyboard could not scroll.
        svg = el("svg", viewBox=f"0 0 {WHOLE} {TOP + height + 24:.0f}", role="img", aria_label=said, tabindex="0")
        every = max(1, math.ceil(len(self.weeks) / 13))
        for place in range(0, len(self.weeks), every):
            x, bottom = self.x(place), TOP + height
            svg.append(el("path", d=f"M{x:.1f} {TOP}V{bottom + 4:.1f}", class_="grid"))
            name = week_name(self.weeks[place].monday)
            svg.append(el("text", name, x=x + self.width / 2, y=bottom + 18, class_="hour"))
        return svg

    def bar(self, place: int, y: float, height: float, said: str, style: str) -> Element:
        x, width = self.x(place) + self.width * 0.12, self.width * 0.76
        return el("rect", el("title", said), x=x, y=y, width=width, height=height, class_=style)


def _legend(total: Week) -> Element:
    counts = _by_class(total)
    names = [name for name in (*CLASSES, "other") if counts[name]]
    return el("ul", [el("li", swatch(f"c-{n}"), f"{n} ", el("b", f"{counts[n]:,}")) for n in names], class_="legend")


def _by_class(week: Week) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name, count in week.classes.items():
        counts[name if name in CLASSES else "other"] += count
    return counts


def _jobs(axis: _Axis) -> Element:
    svg = axis.canvas(HEIGHT, "Jobs in each week, by class")
    top = _marked(svg, HEIGHT, max(week.jobs for week in axis.weeks))
    for place, week in enumerate(axis.weeks):
        below, counts = 0, _by_class(week)
        for name in dict.fromkeys((*CLASSES, "other")):
            if count := counts[name]:
                below += count
                said = f"{week_name(week.monday)}, {name}: {counted(count, 'job')} of {week.jobs:,}"
                y, height = TOP + HEIGHT * (1 - below / top), HEIGHT * count / top
                svg.append(axis.bar(place, y, height, said, f"c-{name}"))
    return svg


def _marked(svg: Element, height: float, most: float) -> float:
    """Draw the vertical axis from 0 to a round number of at least `most`; return the number."""
    distance = step(max(1, math.ceil(most)))
    top = max(1, math.ceil(most / distance)) * distance
    scale(svg, ((TOP + height * (1 - value / top), f"{value:,}") for value in range(0, top + 1, distance)))
    return top


def _failed(week: Week) -> tuple[float, str, str]:
    failed = week.ends["failed"]
    return failed, f"{counted(failed, 'failed job')} of {week.jobs:,}", "bad"


def _silent(week: Week) -> tuple[float, str, str]:
    return week.silent_s / 3600, f"{counted(week.silences, 'silence')}, {duration(week.silent_s)}", "silent"


def _bars(axis: _Axis, find: Callable[[Week], tuple[float, str, str]], said: str) -> Element:
    svg = axis.canvas(LOW, said)
    found = [find(week) for week in axis.weeks]
    top = _marked(svg, LOW, max(value for value, *_ in found))
    for place, (value, words, style) in enumerate(found):
        if value:
            height = LOW * value / top
            name = week_name(axis.weeks[place].monday)
            svg.append(axis.bar(place, TOP + LOW - height, height, f"{name}: {words}", style))
    return svg


def _waits(axis: _Axis) -> Element:
    longest_s = max(LONGEST_S, *(week.wait_p90_s or 0 for week in axis.weeks))
    top = 100 * math.log10(longest_s * 1.3)
    svg = axis.canvas(HEIGHT, "Median and 90th percentile of the waiting times in each week, on a logarithmic scale")

    def y(seconds: float) -> float:
        return TOP + HEIGHT * (1 - 100 * math.log10(max(seconds, 1)) / top)

    scale(svg, ((y(seconds), said) for seconds, said in TICKS_S if 100 * math.log10(seconds) <= top))
    for place, week in enumerate(axis.weeks):
        if week.wait_median_s is None or week.wait_p90_s is None:
            continue
        median, most = duration(week.wait_median_s), duration(week.wait_p90_s)
        x, low, high = axis.x(place) + axis.width / 2, y(week.wait_median_s), y(week.wait_p90_s)
        said = f"{week_name(week.monday)}: median {median}, nine of ten within {most}"
        reach = f"M{x:.1f} {low:.1f}V{high:.1f}M{x - 7:.1f} {high:.1f}h14"
        svg.append(el("path", el("title", said), d=reach, class_="range"))
        svg.append(el("path", el("title", said), d=f"M{x:.1f} {low:.1f}h0", class_="dot s-text"))
    return svg


def _users(users: Sequence[UserLine]) -> Element:
    height = len(users) * (LANE + LANE_GAP) - LANE_GAP
    svg = el("svg", viewBox=f"0 0 {WHOLE} {TOP + height + 4}", role="img", aria_label="Jobs of each user", tabindex="0")
    most = max(user.jobs for user in users)
    for number, user in enumerate(users):
        y, name = TOP + number * (LANE + LANE_GAP), user.user_name or user.user_id
        width = max(1.6, (PLOT - 90) * user.jobs / most)
        said = f"{name}: {counted(user.jobs, 'job')}, {duration(user.used_s)} from start to end"
        svg.append(el("text", short(name), x=LEFT - 8, y=y + LANE - 4.5, class_="name"))
        svg.append(el("rect", el("title", said), x=LEFT, y=y, width=width, height=LANE, class_="use"))
        svg.append(el("text", f"{user.jobs:,}", x=LEFT + width + 6, y=y + LANE - 4.5))
    return svg


def spark(by_week: Sequence[int]) -> Element:
    """Return a small picture of the counts of each week, for a row of a table."""
    svg = el("svg", viewBox=f"0 0 {SPARK_WIDTH} {SPARK_HEIGHT}", class_="spark", aria_hidden="true")
    svg.extend(_spark_bars(by_week))
    return svg


def _spark_bars(by_week: Sequence[int]) -> Iterator[Element]:
    width, most = SPARK_WIDTH / len(by_week), max(by_week, default=0)
    for place, count in enumerate(by_week):
        if count:
            height = max(1.0, SPARK_HEIGHT * count / most)
            yield el("rect", x=place * width, y=SPARK_HEIGHT - height, width=max(0.8, width * 0.8), height=height)
