"""The log of a night, the weeks and the sky over a site: /api/night, /api/weeks, /api/sky, and the pages."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated

import msgspec
from bottle import request
from msgspec import Meta

from prjobs.appliance import Appliance
from prjobs.base.errors import Forbidden, TooMany
from prjobs.base.fields import Site
from prjobs.base.places import parse_zones
from prjobs.base.theme import theme_of
from prjobs.night.nights import Night, night_at, night_named
from prjobs.night.sky import place_of, sidereal_h, sky_around
from prjobs.night.weeks import MOST_WEEKS, USUAL, Weeks, read_weeks, write_sheet
from prjobs.web import caller
from prjobs.web.answers import SkyAnswer
from prjobs.web.endpoint import (
    HTML,
    JSON,
    Answer,
    Needs,
    Route,
    parse_query,
    reply,
    reply_json,
)
from prjobs.web.few import Few

IN_MEMORY = 4_000_000
CSV = "text/csv; charset=utf-8"
Count = Annotated[int, Meta(ge=1, le=MOST_WEEKS, description=f"a whole number from 1 to {MOST_WEEKS}")]
# A night of 100,000 jobs takes seconds: two at a time would delay the polls of observatories.
READING = Few(1, "Another night is being read: ask again in a few seconds.")
# A night is read by several queries.
LIMIT_S = 20.0
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


class WeeksQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/weeks, /weeks and /weeks.csv; `date` is a date of the last week."""

    site: Site | None = None
    date: str | None = None
    weeks: Count = USUAL


class SkyQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/sky."""

    site: Site


def get_night(appliance: Appliance) -> Answer:
    """Return the log of a night: every job, stop, alarm and silence."""
    # Imported late, as the page is: a server that nobody asks for a night needs neither.
    from prjobs.night.files import write_document
    from prjobs.night.report import source_of

    site, night = _asked(appliance)
    with READING.place(), appliance.queue.database.limited(LIMIT_S), _spool() as out:
        write_document(source_of(appliance.queue), site, night, out)
        return _whole(out, JSON)


def get_night_page(appliance: Appliance) -> Answer:
    """Return the log of a night as a page to print, in the browser's theme on the screen."""
    from prjobs.night.frame import Frame
    from prjobs.night.markup import el
    from prjobs.night.page import write_page
    from prjobs.night.report import source_of

    site, night = _asked(appliance)
    style = el("link", rel="stylesheet", href="/static/night.css")
    frame = Frame(style, theme_of(request.environ), has_links=True)
    with READING.place(), appliance.queue.database.limited(LIMIT_S), _spool() as out:
        write_page(source_of(appliance.queue), site, night, frame, out)
        return _whole(out, HTML, **_PAGE_HEADERS)


def get_sky(appliance: Appliance) -> Answer:
    """Return the sidereal time now, and sunset, dusk, dawn and sunrise of the present night."""
    identity = caller.require_reader(appliance.desk)
    site = parse_query(SkyQuery).site
    caller.require_site(identity, site)
    queue = appliance.queue
    now_ms = queue.clock.now_ms()
    zone = parse_zones(queue.settings.site_zones).get(site)
    place = place_of(queue.settings, site)
    sky = sky_around(place, now_ms) if place else None
    return reply_json(
        SkyAnswer(
            site=site,
            time_ms=now_ms,
            zone=str(zone) if zone else None,
            lst_h=sidereal_h(place, now_ms) if place else None,
            **(msgspec.structs.asdict(sky) if sky else {}),
        )
    )


def get_weeks(appliance: Appliance) -> Answer:
    """Return weeks of a site or of all sites: jobs, failures, waiting times, silences, and use by user."""
    return reply_json(_asked_weeks(appliance))


def get_weeks_page(appliance: Appliance) -> Answer:
    """Return the weeks as a page, in the browser's theme."""
    # Imported late, as the page of a night is.
    from prjobs.night.frame import Frame
    from prjobs.night.markup import el
    from prjobs.night.week_page import week_page

    style = el("link", rel="stylesheet", href="/static/night.css")
    page = week_page(_asked_weeks(appliance), Frame(style, theme_of(request.environ), has_links=True))
    return reply(page.encode(), HTML, status=200, **_PAGE_HEADERS)


def get_weeks_sheet(appliance: Appliance) -> Answer:
    """Return the weeks as CSV, a line for each number."""
    weeks, out = _asked_weeks(appliance), io.StringIO()
    write_sheet(weeks, out)
    name = f"weeks-{weeks.site or 'all'}-{weeks.since}.csv"
    headers = {"Content_Disposition": f'attachment; filename="{name}"'}
    return reply(out.getvalue().encode(), CSV, status=200, **headers)


def _asked_weeks(appliance: Appliance) -> Weeks:
    asked = parse_query(WeeksQuery)
    site, queue = _site_asked(appliance, asked.site), appliance.queue
    settings, now_ms = queue.settings, queue.clock.now_ms()
    night = night_named(settings, site, asked.date) if asked.date else night_at(settings, site, now_ms)
    with READING.place():
        return read_weeks(queue.database, site, night.date, asked.weeks, now_ms)


def _asked(appliance: Appliance) -> tuple[str | None, Night]:
    """Return the site and night of the query; the caller of a token for some sites only must name one of the sites."""
    asked = parse_query(NightQuery)
    site, settings = _site_asked(appliance, asked.site), appliance.queue.settings
    if asked.date:
        return site, night_named(settings, site, asked.date)
    return site, night_at(settings, site, appliance.queue.clock.now_ms())


def _site_asked(appliance: Appliance, site: str | None) -> str | None:
    """Return the site that a reader asks for, or None for all sites; a token for one site stands for that site.

    Raise Unauthorized, or Forbidden for a site that the token is not for.
    """
    identity = caller.require_reader(appliance.desk)
    if identity is not None and identity.sites:
        site = site or (identity.sites[0] if len(identity.sites) == 1 else None)
        if site is None or not identity.reaches(site):
            raise Forbidden("This token is not for this site: name one that it is for.")
    return site


@contextmanager
def _spool() -> Iterator[IO[bytes]]:
    """Yield a file for an answer of any length, on disk when long. Sending the answer closes the file."""
    out = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115
    try:
        yield out
    except BaseException:
        out.close()
        raise


def _whole(out: IO[bytes], content_type: str, **headers: str) -> Answer:
    out.seek(0)
    return reply(request.environ["wsgi.file_wrapper"](out), content_type, status=200, **headers)


def _document() -> type:
    from prjobs.night.files import NightDocument

    return NightDocument


FEW, SAVED = (TooMany,), ("Content-Disposition",)
ROUTES = [
    Route("GET", "/api/night", get_night, Needs.READER, _document, query=NightQuery, refuses=FEW),
    Route("GET", "/api/sky", get_sky, Needs.READER, SkyAnswer, query=SkyQuery),
    Route("GET", "/night", get_night_page, Needs.READER, HTML, query=NightQuery, refuses=FEW),
    Route("GET", "/api/weeks", get_weeks, Needs.READER, Weeks, query=WeeksQuery, refuses=FEW),
    Route("GET", "/weeks", get_weeks_page, Needs.READER, HTML, query=WeeksQuery, refuses=FEW),
    Route("GET", "/weeks.csv", get_weeks_sheet, Needs.READER, CSV, query=WeeksQuery, refuses=FEW, headers=SAVED),
]
