"""Pictures of a night as SVG: jobs by class, waiting times, and the work of each device over time.

The pictures grow with each page of jobs; memory is needed for the visible marks, not for all jobs. Colours and lines
come from night.css, by class name.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple
from xml.etree.ElementTree import Element

from prjobs.base.catalogue import CLASSES
from prjobs.base.clock import moment
from prjobs.base.places import Place
from prjobs.night.drawing import (
    LANE,
    LANE_GAP,
    LEFT,
    PLOT,
    TICKS_S,
    TOP,
    WIDTH,
    figure,
    scale,
    short,
    step,
    swatch,
)
from prjobs.night.markup import el
from prjobs.night.nights import Night
from prjobs.night.shapes import NightJob, NightReport
from prjobs.night.sky import sky_between, sun_altitude_deg
from prjobs.night.words import counted

BIN_MS = 900_000
# An axis of up to so long has a label for each hour.
HOURLY_MS = 15 * 3_600_000
BARS, WAITS = 190, 190
# Dots closer than this are drawn as one.
DOT = 2
LANES = 24
OTHER_LANES = "other devices"


@dataclass
class Block:
    """A bar on a lane, or a moment without an end. `count` neighbours too close to be drawn apart are one bar."""

    since_ms: int
    until_ms: int | None
    style: str
    said: str
    count: int = 1


class Span(NamedTuple):
    """The time from the left to the right end of the pictures."""

    since_ms: int
    until_ms: int


class Charts:
    """The pictures of a night: from dusk to dawn, from sunset to sunrise, or of the whole, by the times of the jobs.

    `place` gives the hours of darkness, `now_ms` ends a night that still lasts.
    """

    def __init__(self, night: Night, site: str | None, place: Place | None, now_ms: int) -> None:
        self._night, self._site, self._place = night, site, place
        self._end_ms = min(now_ms, night.until_ms)
        self._spans = list(_spans(night, place))
        # The jobs decide on the span at the end: until then times are kept as exactly as the shortest span needs.
        self._span = self._spans[-1]
        self._pixel_ms = (self._spans[0].until_ms - self._spans[0].since_ms) / PLOT
        self._seen: tuple[int, int] | None = None
        self._bins: Counter[tuple[int, str]] = Counter()
        self._dots: defaultdict[str, set[tuple[int, int]]] = defaultdict(set)
        self._longest_s = 60.0
        self._lanes: dict[str, list[Block]] = {}
        self._open: dict[tuple[str, str], Block] = {}

    # ---- gathering

    def add(self, jobs: Iterable[NightJob]) -> None:
        """Add the next jobs, in the order of time."""
        for job in jobs:
            self._bins[((job.created_ms - self._night.since_ms) // BIN_MS, _class(job))] += 1
            self._add_wait(job)
            self._add_block(job)
            self._see(job.created_ms)

    def _add_wait(self, job: NightJob) -> None:
        seconds = job.waited_s
        if seconds is None:
            seconds = max(0, (job.left_queue_ms or self._end_ms) - job.created_ms) / 1000
        self._longest_s = max(self._longest_s, seconds)
        # A waiting time of w seconds has the height 100 log10 w: exact enough for a dot, and bounded in number.
        key = "never" if job.waited_s is None else _class(job)
        place = (job.created_ms - self._night.since_ms) / (self._pixel_ms * DOT)
        self._dots[key].add((round(place), round(100 * math.log10(max(seconds, 1)))))

    def _add_block(self, job: NightJob) -> None:
        begun_ms = job.picked_up_ms if job.started_ms is None else job.started_ms
        if begun_ms is None:
            return
        lane = self._lane(job)
        ended_ms = self._end_ms if job.phase == "running" else job.ended_ms
        for time_ms in filter(None, (begun_ms, ended_ms)):
            self._see(time_ms)
        kind = "moment" if ended_ms is None else "failed" if job.phase == "failed" else job.phase
        style = f"c-{_class(job)} {kind}"
        last = self._open.get((lane, style))
        if last and last.since_ms <= begun_ms <= (last.until_ms or last.since_ms) + self._pixel_ms:
            last.count += 1
            last.until_ms = max(last.until_ms, ended_ms) if last.until_ms and ended_ms else None
            return
        block = Block(begun_ms, ended_ms, style, job.label)
        self._lanes[lane].append(block)
        self._open[(lane, style)] = block

    def _lane(self, job: NightJob) -> str:
        lane = job.device if self._site else f"{job.site} {job.device}"
        if lane not in self._lanes and len(self._lanes) >= LANES:
            lane = OTHER_LANES
        self._lanes.setdefault(lane, [])
        return lane

    def _see(self, time_ms: int) -> None:
        first, last = self._seen or (time_ms, time_ms)
        self._seen = (min(first, time_ms), max(last, time_ms))

    def _x(self, time_ms: float) -> float:
        since_ms, until_ms = self._span
        inside = min(max(time_ms, since_ms), until_ms)
        return LEFT + PLOT * (inside - since_ms) / (until_ms - since_ms)

    # ---- drawing

    def draw(self, report: NightReport) -> list[Element]:
        """Return the figures; none for a night without jobs."""
        if not report.total or self._seen is None:
            return []
        first, last = self._seen
        self._span = next(
            (span for span in self._spans if span.since_ms <= first and last <= span.until_ms), self._spans[-1]
        )
        return [
            figure("Jobs, by class", "Each bar is a quarter of an hour.", self._bars(report), self._legend(report)),
            figure(
                "Waiting times, until a job was picked up",
                "Each dot is a job, at the time it was sent; a cross was never picked up.",
                self._waits(report),
            ),
            figure(
                "Devices",
                "A bar lasts from the start to the reported end; a thin line is a job that was picked up and never "
                "reported on. What failed has an edge.",
                self._devices(report),
            ),
        ]

    def _legend(self, report: NightReport) -> Element:
        items = [(name, report.classes[name]) for name in CLASSES if name in report.classes]
        rest = sum(count for name, count in report.classes.items() if name not in CLASSES)
        return el(
            "ul",
            [
                el("li", swatch(f"c-{name}"), f"{name} ", el("b", f"{count:,}"))
                for name, count in [*items, *([("other", rest)] if rest else [])]
            ],
            class_="legend",
        )

    def _bars(self, report: NightReport) -> Element:
        totals: Counter[int] = Counter()
        for (index, _), count in self._bins.items():
            totals[index] += count
        distance = step(max(totals.values()))
        top = math.ceil(max(totals.values()) / distance) * distance
        svg = self._canvas(BARS, report, "Jobs in each quarter of an hour, by class")
        scale(svg, ((TOP + BARS * (1 - value / top), f"{value:,}") for value in range(0, top + 1, distance)))
        heights: Counter[int] = Counter()
        for name in CLASSES:
            for index in sorted(index for index, of in self._bins if of == name):
                count = self._bins[(index, name)]
                heights[index] += count
                since_ms = self._night.since_ms + index * BIN_MS
                said = f"{self._night.clock(since_ms, '%H:%M')}, {name}: {counted(count, 'job')} of {totals[index]:,}"
                y, height = TOP + BARS * (1 - heights[index] / top), BARS * count / top
                x, width = self._x(since_ms) + 0.5, max(0.5, self._x(since_ms + BIN_MS) - self._x(since_ms) - 1)
                svg.append(el("rect", el("title", said), x=x, y=y, width=width, height=height, class_=f"c-{name}"))
        return svg

    def _waits(self, report: NightReport) -> Element:
        top = 100 * math.log10(self._longest_s * 1.3)
        svg = self._canvas(WAITS, report, "Waiting times of all jobs, on a logarithmic scale")
        ticks = [(seconds, said) for seconds, said in TICKS_S if 100 * math.log10(seconds) <= top]
        scale(svg, ((TOP + WAITS * (1 - 100 * math.log10(seconds) / top), said) for seconds, said in ticks))
        for name in (*CLASSES, "never"):
            mark = "m-2.5-2.5l5 5m0-5l-5 5" if name == "never" else "h0"
            places = {(round(self._x(self._time_of(x)) / DOT), y) for x, y in self._dots[name]}
            dots = (f"M{x * DOT} {TOP + WAITS * (1 - y / top):.1f}{mark}" for x, y in sorted(places))
            if path := "".join(dots):
                svg.append(el("path", d=path, class_="never" if name == "never" else f"dot s-{name}"))
        return svg

    def _time_of(self, dot: int) -> float:
        return self._night.since_ms + dot * DOT * self._pixel_ms

    def _devices(self, report: NightReport) -> Element:
        lanes = [
            *self._house_lanes(report),
            *sorted(self._lanes.items(), key=lambda lane: (lane[0] == OTHER_LANES, lane)),
        ]
        svg = self._canvas(len(lanes) * (LANE + LANE_GAP) - LANE_GAP, report, "What each device did, and when")
        for number, (name, blocks) in enumerate(lanes):
            y = TOP + number * (LANE + LANE_GAP)
            svg.append(el("rect", x=LEFT, y=y, width=PLOT, height=LANE, class_="lane"))
            svg.append(el("text", short(name), x=LEFT - 8, y=y + LANE - 4.5, class_="name"))
            # A long bar drawn last would cover the short bars.
            for block in sorted(blocks, key=lambda block: block.since_ms - (block.until_ms or block.since_ms)):
                svg.append(self._block(block, y))
        return svg

    def _house_lanes(self, report: NightReport) -> Iterator[tuple[str, list[Block]]]:
        reserved = [
            Block(one.start_ms, one.end_ms, "reserved", one.creator or one.creator_id)
            for one in report.reservations
            if one.counts
        ]
        silent = [Block(one.since_ms, one.until_ms, "silent", "no poll") for one in report.silences]
        for name, blocks in (("reserved", reserved), ("no poll", silent)):
            if shown := [block for block in blocks if self._is_in_span(block)]:
                yield name, shown

    def _is_in_span(self, block: Block) -> bool:
        end_ms = self._end_ms if block.until_ms is None else block.until_ms
        return block.since_ms < self._span.until_ms and end_ms > self._span.since_ms

    def _block(self, block: Block, y: float) -> Element:
        x = self._x(block.since_ms)
        width = 1.6 if block.until_ms is None else max(1.6, self._x(block.until_ms) - x)
        clock = self._night.clock
        said = (
            f"{clock(block.since_ms)}{'' if block.until_ms is None else ' to ' + clock(block.until_ms)}: {block.said}"
        )
        more = f" and {counted(block.count - 1, 'more job')}" if block.count > 1 else ""
        return el("rect", el("title", said + more), x=x, y=y, width=width, height=LANE, class_=block.style)

    def _canvas(self, height: float, report: NightReport, said: str) -> Element:
        # On a phone the chart scrolls; without a tab stop the keyboard could not scroll.
        svg = el("svg", viewBox=f"0 0 {WIDTH} {TOP + height + 24:.0f}", role="img", aria_label=said, tabindex="0")
        for since_ms, until_ms, name in self._darkness(report):
            x, width = self._x(since_ms), self._x(until_ms) - self._x(since_ms)
            if width > 0:
                svg.append(el("rect", x=x, y=TOP, width=width, height=height, class_=name))
        for hours in range(0, 26, 2 if self._span.until_ms - self._span.since_ms > HOURLY_MS else 1):
            time_ms = self._night.since_ms + hours * 3_600_000
            if self._span.since_ms <= time_ms <= self._span.until_ms:
                x, bottom = self._x(time_ms), TOP + height
                svg.append(el("path", d=f"M{x:.1f} {TOP}V{bottom + 4:.1f}", class_="grid"))
                said_hour = moment(time_ms, self._night.zone).strftime("%H:%M")
                svg.append(el("text", said_hour, x=x, y=bottom + 18, class_="hour"))
        return svg

    def _darkness(self, report: NightReport) -> Iterator[tuple[int, int, str]]:
        if report.sky is None or self._place is None:
            return
        sky = report.sky
        known = [
            time_ms for time_ms in (sky.sunset_ms, sky.dusk_ms, sky.dawn_ms, sky.sunrise_ms) if time_ms is not None
        ]
        edges = sorted([report.since_ms, *known, report.until_ms])
        for since_ms, until_ms in pairwise(edges):
            height_deg = sun_altitude_deg(self._place, (since_ms + until_ms) // 2)
            if height_deg < -0.83:
                yield since_ms, until_ms, "dark" if height_deg < -18 else "twilight"


def _spans(night: Night, place: Place | None) -> Iterator[Span]:
    """Return the possible spans, the shortest first, the whole night last."""
    if place is not None:
        sky = sky_between(place, night.since_ms, night.until_ms)
        for since_ms, until_ms in ((sky.dusk_ms, sky.dawn_ms), (sky.sunset_ms, sky.sunrise_ms)):
            if since_ms is not None and until_ms is not None and since_ms < until_ms:
                yield Span(since_ms, until_ms)
    yield Span(night.since_ms, night.until_ms)


def _class(job: NightJob) -> str:
    return job.command_class if job.command_class in CLASSES else "other"
