"""The calendar service: a background thread fetches present and coming events and keeps them in the store.

The contract (§8) defines the two endpoints and the form of the events. Every answer is validated: an answer that is
wrong as a whole changes nothing, and a wrong event is counted in a notice. While the answer has an event without clear
site, times or user, the setting `calendar_stale` decides for the users whom no event names: the site is not known to be
free.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from prjobs.access import reservations, reserving
from prjobs.access.desk import Desk
from prjobs.access.http import LIMITS, Limits, Outside, post_json
from prjobs.access.reservations import CALENDAR, MAX_TIME_MS, REFRESH_S, UNCLEAR, Event
from prjobs.base.clock import moment
from prjobs.base.errors import Unavailable
from prjobs.base.notices import Code
from prjobs.base.places import parse_zones
from prjobs.base.proxies import NONE
from prjobs.base.sites import stations
from prjobs.base.sockets import is_loopback

logger = logging.getLogger(__name__)
HOUR_MS = 3_600_000
AHEAD_MS = 48 * HOUR_MS
# The service finds events by their end: without these days a long event that starts in the coming hours is missed.
LONGEST_MS = 7 * 24 * HOUR_MS
SITES = 200
ID_CHARS = 200
NAME_CHARS = 200
NOT_UNDERSTOOD = "an event that is not understood"
# The forms of ISO 8601 that calendars write; datetime.fromisoformat reads them, and more that no calendar writes.
_DAY = r"(\d{4}-\d\d-\d\d|\d{8})"
_DATE = re.compile(rf"{_DAY}\Z", re.ASCII)
_TIME = re.compile(
    rf"{_DAY}[Tt ](\d\d:\d\d(:\d\d([.,]\d{{1,9}})?)?|\d{{4}}(\d\d)?) ?([Zz]|[+-]\d\d(:?\d\d)?)?\Z", re.ASCII
)
_NO_EVENT = Event(event_id="", start_ms=-1, end_ms=-1, creator_id="", creator=NOT_UNDERSTOOD, title="")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Answer(NamedTuple):
    """The site's events of one answer: those with clear times, and the unclear ones.

    An entry without a site is unclear: it may be an event of the site. `wrong` counts the unclear events, the events
    without a user, and the events of other sites.
    """

    events: list[Event]
    unclear: list[Event]
    wrong: int

    @property
    def fault(self) -> str:
        """The number of wrong events, and their effect, in words; empty without any."""
        if not self.wrong:
            return ""
        holds = self.unclear or any(not event.creator_id for event in self.events)
        effect = "so the site is not known to be free" if holds else "as events of other sites"
        return f"{self.wrong} events were wrong in form, {effect}"


class Calendar:
    """The reader of the calendar: asks for every known site once a period, and immediately for a new site.

    `polled()` returns the sites that poll or have jobs, those in use first: where the calendar is asked for some sites
    only, invented names must not displace a real site.
    """

    def __init__(self, desk: Desk, polled: Callable[[], Iterable[str]], limits: Limits = LIMITS) -> None:
        self._desk = desk
        self._polled = polled
        self._limits = limits
        self._due_s: dict[str, float] = {}
        self._odd: dict[str, str] = {}

    def run(self, stop: threading.Event) -> None:
        """Ask whenever a site is due, until `stop` is set. Return immediately when no calendar is used."""
        while self._desk.settings.reservations == "calendar" and not stop.is_set():
            try:
                self.once()
            except Exception:
                logger.exception("asking the calendar failed, and is tried again in a second")
            stop.wait(1)

    def once(self) -> None:
        """Ask for each site that is due; a failure becomes a notice and never an error."""
        sites = known_sites(self._desk, self._polled())
        for site in sites[:SITES]:
            now_s = self._desk.clock.elapsed_s()
            if now_s < self._due_s.get(site, 0) or self._desk.stopping.is_set():
                continue
            self._due_s[site] = now_s + REFRESH_S
            self._refresh(site)
        self._tell(len(sites))

    def _refresh(self, site: str) -> None:
        try:
            odd = refresh_site(self._desk, site, self._limits)
        except Outside as outside:
            odd = str(outside)
        except Unavailable as unavailable:
            odd = f"the answer cannot be stored: {unavailable}"
        if odd and odd != self._odd.get(site):
            logger.warning("the calendar, for %s: %s", site, odd)
        self._odd[site] = odd

    def _tell(self, count: int) -> None:
        odd = {site: said for site, said in sorted(self._odd.items()) if said}
        if count > SITES:
            odd["other sites"] = f"{count} sites are known, but the calendar is asked for {SITES} only"
        if odd:
            said = "; ".join(f"{site}: {words}" for site, words in list(odd.items())[:5])
            sentence = (
                f"The calendar does not answer as it should. {said}. Check calendar_url and the calendar service."
            )
            self._desk.notices.say(Code.CALENDAR, sentence)
        else:
            self._desk.notices.end(Code.CALENDAR)


def refresh_once(desk: Desk, polled: Callable[[], Iterable[str]], limits: Limits = LIMITS) -> None:
    """Ask for every known site now."""
    Calendar(desk, polled, limits).once()


def known_sites(desk: Desk, polled: Iterable[str]) -> list[str]:
    """Return every enclosure station with its observatories, then the other sites in the given order."""
    tied = stations(desk.settings)
    return list(dict.fromkeys([*sorted({*tied, *chain.from_iterable(tied.values())}), *polled]))


def refresh_site(desk: Desk, site: str, limits: Limits = LIMITS) -> str:
    """Ask for one site and store the answer. Return the answer's fault, else an empty text. Raise Outside."""
    now_ms = desk.clock.now_ms()
    horizon_ms = now_ms + AHEAD_MS + LONGEST_MS
    span = {"site": site, "start": wire_time(now_ms), "end": wire_time(horizon_ms)}
    coming = _asked(desk, "siteevents", span, limits)
    try:
        running = _asked(desk, "get-event-at-time", {"site": site, "time": wire_time(now_ms)}, limits)
        fault = coming.fault or running.fault
    except Outside as outside:
        # Only this endpoint finds events that end beyond the horizon: keep the stored ones, or a reservation is lost.
        running = Answer([one for one in _known(desk, site, CALENDAR, UNCLEAR) if one.end_ms > horizon_ms], [], 0)
        fault = coming.fault or str(outside)
    clear, unclear = [*running.events, *coming.events], [*running.unclear, *coming.unclear]
    if not clear and set(unclear) == {_NO_EVENT}:
        # The answer is nonsense: the stored reservations may still hold.
        clear = _known(desk, site, CALENDAR)
    lasts_ms = desk.settings.calendar_max_age_s * 1000
    unclear = [_assume_times(event, now_ms, lasts_ms) for event in unclear]
    # A user who cannot be read makes the event unclear as well, at its own times.
    unclear += [event for event in clear if not event.creator_id]
    clear = [event for event in clear if event.creator_id]

    def coming_up(events: list[Event]) -> list[Event]:
        return [one for one in dict.fromkeys(events) if one.end_ms > now_ms and one.start_ms < now_ms + AHEAD_MS]

    reserving.replace_calendar(desk, site, coming_up(clear), now_ms, coming_up(unclear))
    return fault


def _asked(desk: Desk, endpoint: str, body: dict[str, str], limits: Limits) -> Answer:
    if not desk.settings.calendar_url:
        raise Outside("the setting calendar_url is empty: set it to the address of the calendar service")
    site = body["site"]
    url = f"{desk.settings.calendar_url.rstrip('/')}/{endpoint}"
    # A proxy elsewhere does not reach a calendar on this machine.
    proxies = NONE if is_loopback(urlsplit(url).hostname or "") else desk.settings.proxies
    document = post_json(url, body, limits, proxies)
    answer = parse_events(document, site, parse_zones(desk.settings.site_zones).get(site, UTC))
    if answer.wrong and not answer.events and not answer.unclear:
        raise Outside(f"{endpoint} answered {answer.wrong} events, and all are wrong in form")
    return answer


def _assume_times(unclear: Event, now_ms: int, lasts_ms: int) -> Event:
    """Return the event as one from now on, where the start is not known; the next answer replaces the event."""
    start_ms, end_ms = unclear.start_ms, unclear.end_ms
    if start_ms >= 0 and end_ms >= 0:
        # The end comes before the start: neither can be relied on.
        start_ms = end_ms = -1
    start_ms = now_ms if start_ms < 0 else start_ms
    return unclear._replace(start_ms=start_ms, end_ms=max(start_ms, now_ms) + lasts_ms if end_ms < 0 else end_ms)


def _known(desk: Desk, site: str, *sources: str) -> list[Event]:
    """Return the stored events of the calendar."""
    return [
        Event(*(getattr(one, name) for name in Event._fields))
        for one in reservations.list_reservations(desk, site)
        if one.source in sources
    ]


# ---- its form


def parse_events(document: Any, site: str, zone: tzinfo = UTC) -> Answer:
    """Return the events of the site in an answer. Raise Outside when the answer is no list.

    `zone`: the site's time zone, for dates and for times without an offset.
    """
    if not isinstance(document, list):
        raise Outside("the answer is not a list of events")
    events = [_parse_event(value, zone) for value in document if not _is_elsewhere(value, site)]
    return Answer(
        events=[event for event in events if _is_clear(event)],
        unclear=[event for event in events if not _is_clear(event)],
        wrong=len(document) - sum(_is_clear(event) and bool(event.creator_id) for event in events),
    )


def _is_elsewhere(value: Any, site: str) -> bool:
    """Return True for an event that names another site; capitals and spaces around the name make no other site."""
    named = value.get("site") if isinstance(value, dict) else None
    return isinstance(named, str) and named.strip().casefold() not in ("", site.casefold())


def _is_clear(event: Event) -> bool:
    return 0 <= event.start_ms < event.end_ms


def _parse_event(value: Any, zone: tzinfo) -> Event:
    """Return an event: an unreadable time as -1, an unreadable user as an empty text; all so without a site."""
    if not isinstance(value, dict) or not isinstance(value.get("site"), str):
        return _NO_EVENT
    creator_id = _id(value.get("creator_id"))
    start_ms, end_ms = _parse_span(value.get("start"), value.get("end"), zone)
    return Event(
        event_id=_id(value.get("event_id")),
        start_ms=start_ms,
        end_ms=end_ms,
        creator_id=creator_id,
        creator=_shown(value.get("creator")) or ("" if creator_id else NOT_UNDERSTOOD),
        title=_shown(value.get("title")),
    )


def _id(value: Any) -> str:
    return value if isinstance(value, str) and len(value) <= ID_CHARS and "\0" not in value else ""


def _shown(value: Any) -> str:
    return value[:NAME_CHARS].replace("\0", "\ufffd") if isinstance(value, str) else ""


def _parse_span(start: Any, end: Any, zone: tzinfo) -> tuple[int, int]:
    """Return start and end, -1 for an unreadable one. A day without an end, or with itself as the end, is whole."""
    start_ms = parse_time(start, zone)
    if isinstance(start, str) and _DATE.match(start) and end in (None, "", start):
        end_ms = parse_time(start, zone, days=1)
    else:
        end_ms = parse_time(end, zone)
    return -1 if start_ms is None else start_ms, -1 if end_ms is None else end_ms


def parse_time(value: Any, zone: tzinfo = UTC, days: int = 0) -> int | None:
    """Return a time in Unix milliseconds, as many days later by the calendar of the zone; None for no time.

    Times are such as `2022-06-20T16:15:00Z`, also with a fraction or an offset. A time without an offset, and the
    midnight of a date, are those of the zone.
    """
    if not isinstance(value, str) or not (_DATE.match(value) or _TIME.match(value)):
        return None
    try:
        time = datetime.fromisoformat(value.upper())
        time = (time if time.tzinfo else time.replace(tzinfo=zone)) + timedelta(days=days)
        time_ms = (time - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
    return time_ms if 0 <= time_ms <= MAX_TIME_MS else None


def wire_time(time_ms: int) -> str:
    """Return a time in the form of the service, to the second."""
    return moment(time_ms).strftime("%Y-%m-%dT%H:%M:%SZ")
