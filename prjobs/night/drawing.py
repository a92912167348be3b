"""The parts that the pictures of a night and of weeks share: measures, axes, legends. Colours come from night.css."""

import math
from collections.abc import Iterable
from xml.etree.ElementTree import Element

from prjobs.night.markup import el

WIDTH, LEFT, RIGHT, TOP = 1000, 112, 20, 8
PLOT = WIDTH - LEFT - RIGHT
LANE, LANE_GAP = 17, 5
TICKS_S = ((1, "≤ 1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"), (21_600, "6 h"), (86_400, "1 d"))


def figure(title: str, said: str, svg: Element, legend: Element | None = None) -> Element:
    """Return a picture with its title, an explanation and maybe a legend."""
    return el("figure", el("figcaption", el("b", title), " ", el("span", said)), legend, svg)


def swatch(name: str) -> Element:
    """Return the colour of a class for a legend."""
    return el(
        "svg", el("rect", width=12, height=12, class_=name), viewBox="0 0 12 12", class_="swatch", aria_hidden="true"
    )


def scale(svg: Element, ticks: Iterable[tuple[float, str]]) -> None:
    """Add the lines and texts of the vertical axis to a picture."""
    for y, said in ticks:
        svg.append(el("path", d=f"M{LEFT} {y:.1f}H{WIDTH - RIGHT}", class_="grid"))
        svg.append(el("text", said, x=LEFT - 8, y=y + 4, class_="name"))


def step(most: int) -> int:
    """Return the distance of three to six round ticks up to `most`."""
    power: int = 10 ** max(0, math.floor(math.log10(max(most, 1) / 4)))
    return next(power * round_ for round_ in (1, 2, 5, 10) if power * round_ * 5 >= most)


def short(name: str) -> str:
    """Return a name cut to the space left of a picture."""
    return name if len(name) <= 15 else name[:14] + "…"
