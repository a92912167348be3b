"""The log of a night and the sky over a site: /api/night, /api/sky, and /night, the page to print."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO

import msgspec
from bottle import HTTPResponse, request

from prjobs.appliance import Appliance
from prjobs.base.decoding import convert
from prjobs.base.errors import Forbidden, TooMany
from prjobs.base.fields import Site
from prjobs.base.places import parse_places, parse_zones
from prjobs.base.theme import theme_of
from prjobs.night.document import write_document
from prjobs.night.markup import el
from prjobs.night.nights import Night, night_at, night_named
from prjobs.night.page import Frame, write_page
from prjobs.night.report import source_of
from prjobs.night.sky import sidereal_h, sky_around
from prjobs.web import caller
from prjobs.web.respond import HTML, JSON, reply, reply_json

Handler = Callable[..., HTTPResponse]
IN_MEMORY = 4_000_000
# A night of 100,000 jobs takes seconds: two at a time would be felt by the observatories that poll meanwhile.
READING = threading.Lock()
PATIENCE_S = 1.0
_PAGE_HEADERS = {
    "Content_Security_Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Referrer_Policy": "no-referrer",
    "X_Frame_Options": "DENY",
    "Cross_Origin_Opener_Policy": "same-origin",
    "Cross_Origin_Resource_Policy": "same-origin",
    "Vary": "Cookie",
}


class NightQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/night and /night."""

    site: Site | None = None
    date: str | None = None


class SkyQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/sky."""

    site: Site


def get_night(appliance: Appliance) -> HTTPResponse:
    """The log of a night: every job, and what is worth knowing of them."""
    site, night = _asked(appliance)
    with _alone(), _spool() as out:
        write_document(source_of(appliance.queue), site, night, out)
        return _whole(out, JSON)


def get_night_page(appliance: Appliance) -> HTTPResponse:
    """The same as a page to print, in the browser's theme on the screen."""
    site, night = _asked(appliance)
    style = el("link", rel="stylesheet", href="/static/night.css")
    frame = Frame(style, theme_of(request.environ), has_links=True)
    with _alone(), _spool() as out:
        write_page(source_of(appliance.queue), site, night, frame, out)
        return _whole(out, HTML, **_PAGE_HEADERS)


def get_sky(appliance: Appliance) -> HTTPResponse:
    """Sidereal time now, and the sunset, dusk, dawn and sunrise of the night that now belongs to."""
    identity = caller.require_reader(appliance)
    site = convert({name: request.query.get(name) for name in request.query}, SkyQuery).site
    if identity is not None and not identity.reaches(site):
        raise Forbidden("This token is not for this site.")
    now_ms = appliance.queue.clock.now_ms()
    zone = parse_zones(appliance.queue.settings.site_zones).get(site)
    place = parse_places(appliance.queue.settings.site_places).get(site)
    sky = sky_around(place, now_ms) if place else None
    return reply_json(
        {
            "site": site,
            "time_ms": now_ms,
            "zone": str(zone) if zone else None,
            "lst_h": sidereal_h(place, now_ms) if place else None,
            **{name: getattr(sky, name, None) for name in ("sunset_ms", "dusk_ms", "dawn_ms", "sunrise_ms")},
        }
    )


def _asked(appliance: Appliance) -> tuple[str | None, Night]:
    """The site and night that the query names; a token that is good for some sites only must name one of them."""
    identity = caller.require_reader(appliance)
    given = {name: request.query.get(name) for name in NightQuery.__struct_fields__}
    asked = convert({name: text for name, text in given.items() if text}, NightQuery)
    site = asked.site
    if identity is not None and identity.sites:
        site = site or (identity.sites[0] if len(identity.sites) == 1 else None)
        if site is None or not identity.reaches(site):
            raise Forbidden("This token is not for this site: name one that it is for.")
    settings = appliance.queue.settings
    if asked.date:
        return site, night_named(settings, site, asked.date)
    return site, night_at(settings, site, appliance.queue.clock.now_ms())


@contextmanager
def _alone() -> Iterator[None]:
    if not READING.acquire(timeout=PATIENCE_S):
        raise TooMany("Another night is being read: ask again in a few seconds.")
    try:
        yield
    finally:
        READING.release()


@contextmanager
def _spool() -> Iterator[IO[bytes]]:
    """Room for an answer of any length: in memory, or on disk when it is long. The answer closes it."""
    out = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
    try:
        yield out
    except BaseException:
        out.close()
        raise


def _whole(out: IO[bytes], content_type: str, **headers: str) -> HTTPResponse:
    out.seek(0)
    answer = reply(b"", content_type, status=200, **headers)
    answer.body = out
    return answer


# (method, path, handler) of every route here.
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/api/night", get_night),
    ("GET", "/api/sky", get_sky),
    ("GET", "/night", get_night_page),
]
