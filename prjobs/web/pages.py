"""The monitor's files, served from a dictionary of known names: no other file of the disk can be asked for."""

import hashlib
import re
from functools import cache
from pathlib import Path

from bottle import request

from prjobs.appliance import Appliance
from prjobs.base.errors import NotFound, Unusable
from prjobs.base.theme import Theme, theme_of
from prjobs.version import VERSION
from prjobs.web.endpoint import HTML, Answer, Needs, Route, reply

# Windows keeps content types in the registry, where .js may be text/plain: the page would stay blank.
CONTENT_TYPES = {
    ".html": HTML,
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content_Security_Policy": _POLICY,
    "Referrer_Policy": "no-referrer",
    "X_Frame_Options": "DENY",
    "Cross_Origin_Opener_Policy": "same-origin",
    "Cross_Origin_Resource_Policy": "same-origin",
    "Cache_Control": "no-cache",
}


# The page names its build: the first answer to its questions may come from a newer server.
_BUILD = re.compile(rb'(?<=<meta name="prjobs-build" content=")')
# The places in a page's head that name the theme, and the text for the theme of the cookie.
_THEMED = (
    (re.compile(rb'data-theme="[^"]*"'), b'data-theme="%(name)s" data-level="%(level)s"'),
    (re.compile(rb'(?<=<meta name="color-scheme" content=")[^"]*'), b"%(scheme)s"),
    (re.compile(rb'(?<=<meta name="theme-color" content=")[^"]*'), b"%(ground)s"),
    (re.compile(rb"favicon\.svg"), b"%(icon)s"),
    (re.compile(rb'(?<=<body bgcolor=")[^"]*'), b"%(ground)s"),
)


@cache
def load_files() -> dict[str, tuple[str, bytes]]:
    """Return the content type and content of every file in the static folder, by name."""
    folder = static_folder()
    return {
        path.name: (CONTENT_TYPES[path.suffix], path.read_bytes())
        for path in sorted(folder.iterdir())
        if path.suffix in CONTENT_TYPES
    }


@cache
def build_name() -> str:
    """Return a name of this version and its files: an open page notices an upgrade by a new name."""
    digest = hashlib.sha256(VERSION.encode())
    for name, (_, content) in load_files().items():
        digest.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()[:12]


def static_folder() -> Path:
    """Return the folder of the monitor and the manual. Raises Unusable when the installation lacks it."""
    package = Path(__file__).parent.parent
    for folder in (package / "static", package.parent / "static"):
        if (folder / "index.html").is_file():
            return folder
    raise Unusable("The monitor's files are missing from this installation: install prjobs again.")


def get_index(_appliance: Appliance) -> Answer:
    """The monitor."""
    return _file("index.html")


def get_login(_appliance: Appliance) -> Answer:
    """The page that logs a browser in."""
    return _file("login.html")


def get_icon(_appliance: Appliance) -> Answer:
    """The icon that every browser asks for, in the theme of the cookie."""
    theme = theme_of(request.environ)
    return _file(theme.icon if theme else "favicon.svg", Vary="Cookie")


def get_file(_appliance: Appliance, name: str) -> Answer:
    """A file of the monitor, a page in the theme of the cookie."""
    return _file(name)


def _file(name: str, **headers: str) -> Answer:
    """Return a file of the monitor. Raises NotFound for every other name."""
    files = load_files()
    if name not in files:
        raise NotFound("There is nothing at this address.")
    content_type, content = files[name]
    if name.endswith(".html"):
        return reply_page(_BUILD.sub(build_name().encode(), content))
    return reply(content, content_type, status=200, **_HEADERS, **headers)


def reply_page(page: bytes) -> Answer:
    """A page in the theme that the cookie names."""
    theme = theme_of(request.environ)
    content = dressed(page, theme) if theme else page
    return reply(content, CONTENT_TYPES[".html"], status=200, Vary="Cookie", **_HEADERS)


def dressed(page: bytes, theme: Theme) -> bytes:
    """Return a page with the theme in the first bytes."""
    values = {name.encode(): text.encode() for name, text in theme._asdict().items()}
    for found, written in _THEMED:
        page = found.sub(written % values, page, count=1)
    return page


ROUTES = [
    Route("GET", "/", get_index, Needs.NOTHING, HTML),
    Route("GET", "/login", get_login, Needs.NOTHING, HTML),
    Route("GET", "/favicon.ico", get_icon, Needs.NOTHING, CONTENT_TYPES[".svg"]),
    Route("GET", "/static/<name>", get_file, Needs.NOTHING, "*/*"),
]
