"""HTML and SVG from parts. Every text is escaped on its way out; nothing here takes markup as text."""

import html
from collections.abc import Iterable
from xml.etree.ElementTree import Element, tostring

Part = Element | str | None


def el(tag: str, *parts: Part | Iterable[Part], **attributes: str | float | None) -> Element:
    """An element. `class_` is the attribute class, other underscores are hyphens; what is None is left out."""
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
    """A text fit for a page: what cannot be printed becomes a question mark. Numbers have at most one decimal."""
    if not isinstance(value, str):
        return f"{value:.1f}".removesuffix(".0")
    return value if value.isprintable() else "".join(char if char.isprintable() else "?" for char in value)


def markup(element: Element) -> str:
    """The element as HTML."""
    return tostring(element, encoding="unicode", method="html")


def table_row(cells: Iterable[tuple[str, str]]) -> str:
    """A row from (class, text) pairs, as HTML: what tables of a hundred thousand rows are made of."""
    return "<tr>" + "".join(f'<td class="{name}">{html.escape(text_of(text))}</td>' for name, text in cells) + "</tr>\n"
