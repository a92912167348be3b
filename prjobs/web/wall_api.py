"""The link of a wall display under /api/: an address that a tablet reaches, and the link as a QR code."""

from typing import Annotated
from urllib.parse import urlencode, urlsplit

import msgspec
from bottle import request
from msgspec import Meta

from prjobs.appliance import Appliance
from prjobs.base.errors import BadRequest
from prjobs.base.sockets import EVERY_ADDRESS, address_for_others, is_loopback
from prjobs.web import caller
from prjobs.web.answers import QrCode, WallAnswer
from prjobs.web.endpoint import Answer, Needs, Route, parse_body, reply_json

# A scanner needs that much empty space around the code, in modules.
QUIET = 4
# The bytes of the longest QR code.
LONGEST = 2953
TOO_LONG = "The link is too long for a QR code: make a token with “prjobs token create” for the display."
ONLY_HERE = (
    "Only this machine reaches the link: prjobs listens on {host}. For a tablet set host to 0.0.0.0 in prjobs.toml, "
    "restart prjobs, and make a new link."
)


class WallLink(msgspec.Struct, frozen=True):
    """The body of POST /api/wall: the token in the link, and the address of the page that asks."""

    token: Annotated[str, Meta(min_length=1, max_length=8000, pattern=r"^[\w.-]+$", description="a token")]
    page: Annotated[
        str, Meta(max_length=300, pattern=r"^https?://[^\s?#@]+/$", description="the address of the monitor, with a /")
    ]


def post_wall(appliance: Appliance) -> Answer:
    """Return the link of a wall display at an address that other machines reach, and its QR code."""
    caller.require_admin(appliance.desk)
    asked = parse_body(WallLink)
    base = _base_for_others(asked.page, appliance.queue.settings.host)
    query = urlencode({"token": asked.token, "wall": "1"})
    if base is None:
        sentence = ONLY_HERE.format(host=appliance.queue.settings.host)
        return reply_json(WallAnswer(f"{asked.page}login#{query}", sentence, None))
    link = f"{base}login#{query}"
    if len(link.encode()) > LONGEST:
        return reply_json(WallAnswer(link, TOO_LONG, None))
    return reply_json(WallAnswer(link, "", qr_code(link)))


def _base_for_others(page: str, host: str) -> str | None:
    """Return the address of the monitor for other machines; None if prjobs listens for this machine alone."""
    if not is_loopback(_host_of(page)):
        return page
    if is_loopback(host):
        return None
    name = address_for_others() if host in EVERY_ADDRESS else host
    return f"http://{f'[{name}]' if ':' in name else name}:{request.environ['SERVER_PORT']}/"


def _host_of(page: str) -> str:
    """Return the host of the page's address. Raises BadRequest for half an IPv6 address."""
    try:
        return urlsplit(page).hostname or ""
    except ValueError:
        raise BadRequest("page must be the address of the monitor, with a /; another text came.") from None


def qr_code(text: str) -> QrCode:
    """Return the QR code as the size and the path of an SVG, a unit for each module, with the space around it."""
    # The start of the appliance does not wait for a module that one button needs.
    import segno

    rows = segno.make(text, error="l", micro=False).matrix
    cells = [(x + QUIET, y + QUIET) for y, row in enumerate(rows) for x, dark in enumerate(row) if dark]
    return QrCode(len(rows) + 2 * QUIET, "".join(f"M{x} {y}h1v1h-1z" for x, y in cells))


ROUTES = [Route("POST", "/api/wall", post_wall, Needs.ADMIN, WallAnswer, body=WallLink)]
