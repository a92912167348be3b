"""The frame of a printable page: head, style and theme."""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from prjobs.base.theme import Theme
from prjobs.night.markup import el


@dataclass(frozen=True)
class Frame:
    """The surroundings of the page: the style, the browser's theme, and links to other nights or none."""

    style: Element
    theme: Theme | None = None
    has_links: bool = False


def document(title: str, frame: Frame, body: Element) -> Element:
    """Return a whole page in the theme of the frame."""
    theme = frame.theme
    icon = theme.icon if theme else "favicon.svg"
    metas = [
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content=theme.scheme if theme else "light"),
        el("meta", name="theme-color", content=theme.ground) if theme else None,
    ]
    head = el(
        "head",
        metas,
        el("link", rel="icon", type="image/svg+xml", href=f"/static/{icon}") if frame.has_links else None,
        el("title", title),
        None if theme else frame.style,
    )
    if theme is None:
        return el("html", head, el("body", body), lang="en")
    # A style sheet in the head would hold the first frame back: the frame has the ground's colour, and the text waits.
    looks = {"data_theme": theme.name, "data_level": theme.level}
    return el("html", head, el("body", frame.style, body, bgcolor=theme.ground), lang="en", **looks)
