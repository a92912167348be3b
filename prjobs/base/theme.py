"""The themes of the pages: known to the server by a cookie, so that the first byte is right. Strict red has no green
and no blue, in three brightnesses."""

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import NamedTuple

COOKIE = "prjobs_theme"


class Theme(NamedTuple):
    """A look: its name and level as the style sheets know them, and what stands in a page's head."""

    name: str
    level: str
    scheme: str
    ground: str
    text: str
    icon: str


_RED_ICON = "favicon-red.svg"
# By the words of the cookie; the colours are those of static/theme.css.
THEMES = {
    "day": Theme("day", "", "light", "#f2f3f5", "#12161d", "favicon.svg"),
    "dark": Theme("dark", "", "dark", "#0b0e13", "#e6eaf0", "favicon.svg"),
    "red": Theme("red", "", "dark", "#000000", "#ff0000", _RED_ICON),
    "red2": Theme("red", "2", "dark", "#000000", "#a80000", _RED_ICON),
    "red3": Theme("red", "3", "dark", "#000000", "#6b0000", _RED_ICON),
}


def theme_of(environ: Mapping[str, object]) -> Theme | None:
    """The theme that the request's cookie names; None when it names none."""
    sent = str(environ.get("HTTP_COOKIE", ""))
    if COOKIE not in sent:
        return None
    try:
        morsel = SimpleCookie(sent).get(COOKIE)
    except CookieError:
        return None
    return THEMES.get(morsel.value) if morsel else None
