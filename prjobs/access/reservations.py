"""Reservations of telescopes, and the judgement on a user's command by them.

Reservations are made here (`local`) or copied from a calendar service (`calendar`), by `access/reserving.py`. A
judgement reads the store only and sends no request, so judgements work without the Internet. Times are Unix
milliseconds by the wall clock; a reservation is on while start ≤ now < end. A command for an enclosure station is
judged by the reservations of the station and of all its observatories.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from prjobs.access.desk import Desk, Reservation, Window, remember
from prjobs.base.clock import utc
from prjobs.base.errors import NotFound
from prjobs.base.fields import Site, UserId, UserName
from prjobs.base.settings import Settings
from prjobs.base.sites import stations
from prjobs.store.source import marks

LOCAL = "local"
CALENDAR = "calendar"
# An event of the calendar that cannot be read, with assumed times where those are unclear: `calendar_stale` decides.
UNCLEAR = "unclear"
# The period of the calendar's requests; an answer younger than two periods counts as live.
REFRESH_S = 60
MAX_TIME_MS = 253_370_764_800_000  # the year 9999

Time = Annotated[int, Meta(ge=0, le=MAX_TIME_MS, description="a time in Unix milliseconds")]
Title = Annotated[str, Meta(max_length=200, description="a text of up to 200 characters")]


class NewReservation(msgspec.Struct, frozen=True):
    """A reservation to be made here."""

    site: Site
    creator_id: UserId
    start_ms: Time
    end_ms: Time
    creator: UserName = ""
    title: Title = ""


class ShownReservation(Reservation, frozen=True):
    """A reservation as people see it. `counts` is False while the setting `reservations` leaves it out."""

    counts: bool


class Event(NamedTuple):
    """An event of the calendar service, with the field names of this package."""

    event_id: str
    start_ms: int
    end_ms: int
    creator_id: str
    creator: str
    title: str


class Reason(StrEnum):
    """The code of a judgement's reason."""

    NOT_USED = "not_used"
    ROLE = "role"
    OWN = "own"
    RESERVED = "reserved"
    FREE = "free"
    UNKNOWN = "unknown"
    MAKES_SAFE = "makes_safe"
    NO_RIGHT = "no_right"


class Judgement(msgspec.Struct, frozen=True):
    """The decision on a user's command, with the names of the users whose reservation is on.

    `reason` is the code of the decision and `sentence` its words. `basis` names the source of the decision: `none`
    (reservations are not used), `local`, `live`, or `cached age=S` (S: seconds, or `never`).
    """

    allowed: bool
    basis: str
    reason: Reason
    sentence: str
    holders: list[str]

    @property
    def despite(self) -> str:
        """For the audit, the reservation that did not keep the command back; empty when there was none."""
        if self.reason != Reason.MAKES_SAFE:
            return ""
        return f"despite the reservation of {', '.join(self.holders)}" if self.holders else "with the calendar unknown"


# The reservations that count, by the setting `reservations`.
_SOURCES: dict[str, tuple[str, ...]] = {"none": (), LOCAL: (LOCAL,), CALENDAR: (LOCAL, CALENDAR, UNCLEAR)}
COLUMNS = ", ".join(Reservation.__struct_fields__)
RESERVED = "Someone else has a reservation right now. Please see the calendar for details."
UNREADABLE = "The calendar has an event that cannot be read, so the present reservation is unknown."
ASK = "Administrators can still command: ask one, or have the event corrected in the calendar."
_NOT_USED_SAID = "Reservations are not used here: every user with a token may command."
MAKES_SAFE = "Every user who may command a site at some time may stop, close and park at any time."
NOT_USED = Judgement(True, "none", Reason.NOT_USED, _NOT_USED_SAID, [])


# ---- judging


def judge(desk: Desk, user_id: str, always: bool, site: str) -> Judgement:
    """Return the judgement on a command of the user for the site, now.

    `always`: the user's role allows the command despite reservations. Judging takes microseconds from memory; after a
    change, or a reservation's start or end, the store is read. Raise Unavailable when the store cannot be read then.
    """
    settings = desk.settings
    if settings.reservations == "none":
        return NOT_USED
    now_ms = desk.clock.now_ms()
    window = _window(desk, site, now_ms)
    basis, is_fresh = _freshness(settings, window.answered_ms, now_ms)
    if always:
        said = "Administrators may always command, and owners may always stop, close and park."
        return Judgement(True, basis, Reason.ROLE, said, _names(window.on))
    allowed, reason, sentence = _decide(settings, window, is_fresh, user_id)
    return Judgement(allowed, basis, reason, sentence, _names(window.on))


def _decide(settings: Settings, window: Window, is_fresh: bool, user_id: str) -> tuple[bool, Reason, str]:
    denies_unsure = not is_fresh and settings.calendar_stale == "deny"
    # Local reservations are certain, also when the calendar does not answer.
    counted = [one for one in window.on if one.source == LOCAL] if denies_unsure else window.on
    is_unclear = any(one.source == UNCLEAR for one in counted)
    if settings.calendar_stale == "allow":
        counted = [one for one in counted if one.source != UNCLEAR]
    # An event of the calendar whose user is not understood has an empty id, and is nobody's own.
    own = [one for one in counted if one.creator_id == user_id != ""]
    if own:
        return True, Reason.OWN, f"You have a reservation until {utc(max(one.end_ms for one in own))} UTC."
    if any(one.source != UNCLEAR for one in counted):
        return False, Reason.RESERVED, RESERVED
    if is_unclear:
        said = f"{UNREADABLE} {ASK if counted else 'No other reservation is known right now.'}"
        return not counted, Reason.UNKNOWN, said
    if is_fresh:
        return True, Reason.FREE, "Nobody has a reservation right now: every user with a token may command."
    since = f"since {utc(window.answered_ms)} UTC" if window.answered_ms is not None else "yet"
    if denies_unsure:
        return (
            False,
            Reason.UNKNOWN,
            (
                f"The calendar was not reached {since}, so the present reservation is unknown. "
                "Administrators can still command: ask one, or check the calendar service."
            ),
        )
    said = f"No reservation is known right now; the calendar was not reached {since}."
    return True, Reason.UNKNOWN, said


def _freshness(settings: Settings, answered_ms: int | None, now_ms: int) -> tuple[str, bool]:
    """Return the basis, and True if the basis is young enough to rely on."""
    if settings.reservations == "local":
        return LOCAL, True
    if answered_ms is None:
        return "cached age=never", False
    # An answer from the future counts as old: the clock was set back after the answer, so its age is unknown.
    age_s = abs(now_ms - answered_ms) // 1000
    basis = "live" if age_s < 2 * REFRESH_S else f"cached age={age_s}"
    return basis, age_s <= settings.calendar_max_age_s


def _names(on: Sequence[Reservation]) -> list[str]:
    return list(dict.fromkeys(one.creator or one.creator_id for one in on))


def _window(desk: Desk, site: str, now_ms: int) -> Window:
    windows = desk.windows.by_key
    window = windows.get(site)
    if window is None or not window.since_ms <= now_ms < window.until_ms:
        window = remember(windows, site, _look(desk, site, now_ms))
    return window


def _look(desk: Desk, site: str, now_ms: int) -> Window:
    sites = sites_judged(desk.settings, site)
    sources = _SOURCES[desk.settings.reservations]
    ours, known = f"site IN ({marks(sites)}) AND source IN ({marks(sources)})", (*sites, *sources)
    fetch = desk.database.fetch
    on = _fetch(desk, f"{ours} AND end_ms > ? AND start_ms <= ?", (*known, now_ms, now_ms))
    coming = fetch(f"SELECT min(start_ms) FROM reservation WHERE {ours} AND start_ms > ?", (*known, now_ms))[0][0]
    answers = fetch(f"SELECT answered_ms FROM calendar_answer WHERE site IN ({marks(sites)})", sites)
    until_ms = min(coming or MAX_TIME_MS, *(one.end_ms for one in on), MAX_TIME_MS)
    return Window(now_ms, until_ms, tuple(on), min(answers)[0] if len(answers) == len(sites) else None)


def sites_judged(settings: Settings, site: str) -> tuple[str, ...]:
    """Return the site, and for an enclosure station its observatories too."""
    observatories = stations(settings).get(site, [])
    return tuple(dict.fromkeys([site, *observatories]))


# ---- looking


def list_reservations(desk: Desk, site: str | None = None) -> list[Reservation]:
    """Return the present and coming reservations of one site, or of all, by start."""
    now_ms = desk.clock.now_ms()
    if site is None:
        return _fetch(desk, "end_ms > ?", (now_ms,))
    return _fetch(desk, "site = ? AND end_ms > ?", (site, now_ms))


def list_overlapping(desk: Desk, made: Reservation) -> list[Reservation]:
    """Return the other reservations whose users may command the site in a part of the reservation's time."""
    sites = sites_judged(desk.settings, made.site)
    # While no reservation counts, name those that would count.
    sources = _SOURCES[desk.settings.reservations] or _SOURCES[CALENDAR]
    where = f"site IN ({marks(sites)}) AND source IN ({marks(sources)}) AND end_ms > ? AND start_ms < ? AND id <> ?"
    return _fetch(desk, where, (*sites, *sources, made.start_ms, made.end_ms, made.id))


def show(settings: Settings, one: Reservation) -> ShownReservation:
    """Return the reservation with the word whether it counts now."""
    counts = one.source in _SOURCES[settings.reservations]
    return ShownReservation(**msgspec.structs.asdict(one), counts=counts)


def uncounted_note(settings: Settings, found: Sequence[Reservation]) -> str:
    """Return a sentence on the reservations that do not count now; empty if all of them count."""
    if all(one.source in _SOURCES[settings.reservations] for one in found):
        return ""
    if settings.reservations == "none":
        return "Reservations do not count now: every user with a token may command (the setting reservations is none)."
    return "Reservations of the calendar do not count now: the setting reservations is local."


def find_reservation(desk: Desk, reservation_id: int) -> Reservation:
    """Return one reservation, also a past one. Raise NotFound."""
    return one_of(_fetch(desk, "id = ?", (reservation_id,)))


def _fetch(desk: Desk, where: str, parameters: Sequence[object]) -> list[Reservation]:
    sql = f"SELECT {COLUMNS} FROM reservation WHERE {where} ORDER BY start_ms, id"
    return [Reservation(*row) for row in desk.database.fetch(sql, parameters)]


def one_of(found: list[Reservation]) -> Reservation:
    """Return the only reservation of a list. Raise NotFound for an empty list."""
    if not found:
        raise NotFound("There is no reservation with this id.")
    return found[0]
