"""HTML and SVG from parts. Every text is escaped at the output; no function takes markup as text."""

import html
from collections.abc import Iterable
from xml.etree.ElementTree import Element, tostring

from prjobs.base.marks import marked

Part = Element | str | None


def el(tag: str, *parts: Part | Iterable[Part], **attributes: str | float | None) -> Element:
    """Return an element. `class_` is the attribute class, other underscores are hyphens; None is left out."""
    element = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            element.set(name.rstrip("_").replace("_", "-"), text_of(value))
    for part in parts:
        for one in [part] if part is None or isinstance(part, str | Element) else part:
            _append(element, one)
    return element


def _append(element: Element, part: Part) -> None:
    if isinstance(part, Element):
        element.append(part)
    elif part and len(element):
        element[-1].tail = (element[-1].tail or "") + text_of(part)
    elif part:
        element.text = (element.text or "") + text_of(part)


def text_of(value: str | float) -> str:
    """Return a text fit for a page: invisible characters become marks, numbers have one decimal at most."""
    if not isinstance(value, str):
        return f"{value:.1f}".removesuffix(".0")
    return marked(value)


def markup(element: Element) -> str:
    """Return the element as HTML."""
    return tostring(element, encoding="unicode", method="html")


def table_row(cells: Iterable[tuple[str, str]]) -> str:
    """Return a table row as HTML, from (class, text) pairs; fast enough for a hundred thousand rows."""
    return "<tr>" + "".join(f'<td class="{name}">{html.escape(text_of(text))}</td>' for name, text in cells) + "</tr>\n"
