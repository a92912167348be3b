"""The calendar service: a background thread fetches present and coming events and keeps them in the store.

The contract (§8) defines the two endpoints and the form of the events. Every answer is validated: an answer that is
wrong as a whole changes nothing, and a wrong event is left out and counted in a notice.
"""

import logging
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

from prjobs.access import reservations
from prjobs.access.desk import Desk
from prjobs.access.http import LIMITS, Limits, Outside, post_json
from prjobs.access.reservations import CALENDAR, MAX_TIME_MS, REFRESH_S, Event
from prjobs.base.clock import moment
from prjobs.base.errors import Unavailable
from prjobs.base.notices import Code

logger = logging.getLogger(__name__)
HOUR_MS = 3_600_000
AHEAD_MS = 48 * HOUR_MS
# The service finds events by their end: without these days a long event that starts in the coming hours is missed.
LONGEST_MS = 7 * 24 * HOUR_MS
SITES = 200
ID_CHARS = 200
NAME_CHARS = 200
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)\Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Calendar:
    """The reader of the calendar: asks for every known site once a period, and immediately for a new site.

    `polled()` returns the sites that poll or have jobs.
    """

    def __init__(self, desk: Desk, polled: Callable[[], set[str]], limits: Limits = LIMITS) -> None:
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


def refresh_once(desk: Desk, polled: Callable[[], set[str]], limits: Limits = LIMITS) -> None:
    """Ask for every known site now."""
    Calendar(desk, polled, limits).once()


def known_sites(desk: Desk, polled: set[str]) -> list[str]:
    """Return every site that polls or has jobs, and every enclosure station with its observatories."""
    tied = reservations.stations(desk.settings)
    return sorted(polled.union(tied, *tied.values()))


def refresh_site(desk: Desk, site: str, limits: Limits = LIMITS) -> str:
    """Ask for one site and store the answer. Return the answer's fault, else an empty text. Raise Outside."""
    now_ms = desk.clock.now_ms()
    horizon_ms = now_ms + AHEAD_MS + LONGEST_MS
    span = {"site": site, "start": wire_time(now_ms), "end": wire_time(horizon_ms)}
    events, odd = _asked(desk, "siteevents", span, limits)
    try:
        running, odd_too = _asked(desk, "get-event-at-time", {"site": site, "time": wire_time(now_ms)}, limits)
    except Outside as outside:
        # Only this endpoint finds events that end beyond the horizon: keep the stored ones, or a reservation is lost.
        running, odd_too = _known_beyond(desk, site, horizon_ms), str(outside)
    found = {(event.event_id, event.start_ms): event for event in [*running, *events]}
    coming = [event for event in found.values() if event.end_ms > now_ms and event.start_ms < now_ms + AHEAD_MS]
    reservations.replace_calendar(desk, site, coming, now_ms)
    return odd or odd_too


def _asked(desk: Desk, endpoint: str, body: dict[str, str], limits: Limits) -> tuple[list[Event], str]:
    if not desk.settings.calendar_url:
        raise Outside("the setting calendar_url is empty: set it to the address of the calendar service")
    answer = post_json(f"{desk.settings.calendar_url.rstrip('/')}/{endpoint}", body, limits)
    events, wrong = parse_events(answer, body["site"])
    if wrong and not events:
        raise Outside(f"{endpoint} answered {wrong} events, and all are wrong in form")
    return events, f"{wrong} events were wrong in form and do not count" if wrong else ""


def _known_beyond(desk: Desk, site: str, horizon_ms: int) -> list[Event]:
    return [
        Event(*(getattr(one, name) for name in Event._fields))
        for one in reservations.list_reservations(desk, site)
        if one.source == CALENDAR and one.end_ms > horizon_ms
    ]


# ---- its form


def parse_events(answer: Any, site: str) -> tuple[list[Event], int]:
    """Return the events of an answer, and the number of wrong ones. Raise Outside when the answer is no list."""
    if not isinstance(answer, list):
        raise Outside("the answer is not a list of events")
    events = [parse_event(value, site) for value in answer]
    good = [event for event in events if event is not None]
    return good, len(events) - len(good)


def parse_event(value: Any, site: str) -> Event | None:
    """Return one event; None when a field that decides is missing or wrong. Fields that are only shown may be wrong."""
    if not isinstance(value, dict) or value.get("site") != site:
        return None
    event_id, creator_id = value.get("event_id"), value.get("creator_id")
    start_ms, end_ms = parse_time(value.get("start")), parse_time(value.get("end"))
    if not _is_id(event_id) or not _is_id(creator_id) or start_ms is None or end_ms is None or start_ms >= end_ms:
        return None
    return Event(
        event_id=event_id,
        start_ms=start_ms,
        end_ms=end_ms,
        creator_id=creator_id,
        creator=_shown(value.get("creator")),
        title=_shown(value.get("title")),
    )


def _is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= ID_CHARS


def _shown(value: Any) -> str:
    return value[:NAME_CHARS] if isinstance(value, str) else ""


def parse_time(value: Any) -> int | None:
    """Return a text such as `2022-06-20T16:15:00Z`, also with fraction or offset, in Unix milliseconds; else None."""
    if not isinstance(value, str) or not _TIME.match(value):
        return None
    try:
        time_ms = (datetime.fromisoformat(value) - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
    return time_ms if 0 <= time_ms <= MAX_TIME_MS else None


def wire_time(time_ms: int) -> str:
    """Return a time in the form of the service, to the second."""
    return moment(time_ms).strftime("%Y-%m-%dT%H:%M:%SZ")
