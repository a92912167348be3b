"""The themes of the pages. A cookie tells the server the theme: a page that changed its theme later would flash white.

Strict red uses no green and no blue light, in three levels of brightness.
"""

from collections.abc import Mapping
from typing import NamedTuple

from prjobs.base.cookies import cookie_of

COOKIE = "prjobs_theme"


class Theme(NamedTuple):
    """A theme: name and level as in the style sheets, and the colours and icon in the head of a page."""

    name: str
    level: str
    scheme: str
    ground: str
    text: str
    icon: str


_RED_ICON = "favicon-red.svg"
# By the words of the cookie; the colours are those of static/theme.css.
THEMES = {
    "day": Theme("day", "", "light", ground="#f2f3f5", text="#12161d", icon="favicon.svg"),
    "dark": Theme("dark", "", "dark", ground="#0b0e13", text="#e6eaf0", icon="favicon.svg"),
    "red": Theme("red", "", "dark", ground="#000000", text="#ff0000", icon=_RED_ICON),
    "red2": Theme("red", "2", "dark", ground="#000000", text="#a80000", icon=_RED_ICON),
    "red3": Theme("red", "3", "dark", ground="#000000", text="#6b0000", icon=_RED_ICON),
}


def theme_of(environ: Mapping[str, object]) -> Theme | None:
    """Return the theme that the request's cookie names; None without the cookie or for an unknown name."""
    return THEMES.get(cookie_of(environ, COOKIE))
