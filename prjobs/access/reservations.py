"""Who has reserved a telescope, and whether a user may command it now.

Reservations are made here (`local`) or copied from a calendar service (`calendar`). A judgement looks at what is
stored and asks nobody, so it holds with the Internet down. Times are Unix milliseconds by the wall clock; a
reservation is on while start ≤ now < end. The sites of a station's observatories are judged together with its own.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
from msgspec import Meta

from prjobs.access import audit
from prjobs.access.audit import By, Entry
from prjobs.access.desk import Reservation, Window
from prjobs.access.tokens import RESERVED
from prjobs.appliance import Appliance
from prjobs.base.clock import moment
from prjobs.base.errors import BadRequest, Conflict, NotFound
from prjobs.base.settings import Settings
from prjobs.store.database import Transaction
from prjobs.web.wire import Site, UserId, UserName

LOCAL = "local"
CALENDAR = "calendar"
# How often the calendar is asked; an answer younger than two of these counts as live.
REFRESH_S = 60
MAX_TIME_MS = 253_370_764_800_000  # the year 9999
KEPT_SITES = 1000

Result = TypeVar("Result")
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


class Event(NamedTuple):
    """An event of the calendar service, in our own words."""

    event_id: str
    start_ms: int
    end_ms: int
    creator_id: str
    creator: str
    title: str


class Judgement(msgspec.Struct, frozen=True):
    """Whether a user may command, on what that was judged, why, and the names of those whose reservation is on.

    `basis`: `none` (reservations are not used), `local`, `live`, or `cached age=S` (S: seconds, or `never`).
    """

    allowed: bool
    basis: str
    sentence: str
    holders: list[str]


_COLUMNS = ", ".join(Reservation.__struct_fields__)
_INSERT = (
    "INSERT INTO reservation (site, source, event_id, start_ms, end_ms, creator_id, creator, title, created_by) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
)
NOT_USED = Judgement(True, "none", "Reservations are not used here: whoever has a token may command.", [])


# ---- judging


def judge(appliance: Appliance, user_id: str, always: bool, site: str) -> Judgement:
    """May the user command the site now? Microseconds, except after a change or a reservation's start or end.

    `always`: whatever is reserved, by the user's role.

    Raises Unavailable when it is not known in memory and the store cannot be read.
    """
    settings = appliance.settings
    if settings.reservations == "none":
        return NOT_USED
    now_ms = appliance.clock.now_ms()
    window = _window(appliance, site, now_ms)
    basis, is_fresh = _freshness(settings, window.answered_ms, now_ms)
    allowed, sentence = _decide(settings, window, is_fresh, user_id, always)
    return Judgement(allowed, basis, sentence, _names(window.on))


def _decide(settings: Settings, window: Window, is_fresh: bool, user_id: str, always: bool) -> tuple[bool, str]:
    if always:
        return True, "Administrators may always command, and owners may always stop, close and park."
    denies_unsure = not is_fresh and settings.calendar_stale == "deny"
    # What was made here is certain, whatever the calendar would say.
    counted = [one for one in window.on if one.source == LOCAL] if denies_unsure else window.on
    own = [one for one in counted if one.creator_id == user_id]
    if own:
        return True, f"You have a reservation until {_utc(max(one.end_ms for one in own))} UTC."
    if counted:
        return False, RESERVED
    if is_fresh:
        return True, "Nobody has a reservation right now: whoever has a token may command."
    since = f"since {_utc(window.answered_ms)} UTC" if window.answered_ms is not None else "yet"
    if denies_unsure:
        return False, (
            f"The calendar was not reached {since}, so that nobody knows who has a reservation right now. "
            "Administrators can still command."
        )
    return True, f"Nobody is known to have a reservation right now; the calendar was not reached {since}."


def _freshness(settings: Settings, answered_ms: int | None, now_ms: int) -> tuple[str, bool]:
    """The basis, and whether it is young enough to be relied on."""
    if settings.reservations == "local":
        return LOCAL, True
    if answered_ms is None:
        return "cached age=never", False
    # An answer from the future is as doubtful as an old one: the clock was set back since.
    age_s = abs(now_ms - answered_ms) // 1000
    basis = "live" if age_s < 2 * REFRESH_S else f"cached age={age_s}"
    return basis, age_s <= settings.calendar_max_age_s


def _names(on: Sequence[Reservation]) -> list[str]:
    return list(dict.fromkeys(one.creator or one.creator_id for one in on))


def _window(appliance: Appliance, site: str, now_ms: int) -> Window:
    windows = appliance.reserved.windows
    window = windows.get(site)
    if window is None or not window.since_ms <= now_ms < window.until_ms:
        window = _look(appliance, site, now_ms)
        if len(windows) >= KEPT_SITES:
            windows.clear()
        windows[site] = window
    return window


def _look(appliance: Appliance, site: str, now_ms: int) -> Window:
    sites = sites_judged(appliance.settings, site)
    sources = (LOCAL,) if appliance.settings.reservations == LOCAL else (LOCAL, CALENDAR)
    ours, known = f"site IN ({_marks(sites)}) AND source IN ({_marks(sources)})", (*sites, *sources)
    fetch = appliance.database.fetch
    on = _fetch(appliance, f"{ours} AND end_ms > ? AND start_ms <= ?", (*known, now_ms, now_ms))
    coming = fetch(f"SELECT min(start_ms) FROM reservation WHERE {ours} AND start_ms > ?", (*known, now_ms))[0][0]
    answers = fetch(f"SELECT answered_ms FROM calendar_answer WHERE site IN ({_marks(sites)})", sites)
    until_ms = min(coming or MAX_TIME_MS, *(one.end_ms for one in on), MAX_TIME_MS)
    return Window(now_ms, until_ms, tuple(on), min(answers)[0] if len(answers) == len(sites) else None)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def sites_judged(settings: Settings, site: str) -> tuple[str, ...]:
    """The site, and its observatories when it is an enclosure station."""
    observatories = stations(settings).get(site, [])
    return tuple(dict.fromkeys([site, *observatories]))


def stations(settings: Settings) -> dict[str, list[str]]:
    """Enclosure station -> its observatories, as the setting says."""
    tied: dict[str, list[str]] = {}
    for entry in settings.stations:
        station, _, observatories = entry.partition("=")
        tied.setdefault(station, []).extend(observatories.split("+"))
    return tied


def _utc(time_ms: int) -> str:
    return moment(time_ms).strftime("%Y-%m-%d %H:%M")


# ---- looking


def list_reservations(appliance: Appliance, site: str | None = None) -> list[Reservation]:
    """Those that are on or to come, by start; of one site or of all."""
    now_ms = appliance.clock.now_ms()
    if site is None:
        return _fetch(appliance, "end_ms > ?", (now_ms,))
    return _fetch(appliance, "site = ? AND end_ms > ?", (site, now_ms))


def find_reservation(appliance: Appliance, reservation_id: int) -> Reservation:
    """One reservation, over or not. NotFound."""
    return _one(_fetch(appliance, "id = ?", (reservation_id,)))


def _fetch(appliance: Appliance, where: str, parameters: Sequence[object]) -> list[Reservation]:
    sql = f"SELECT {_COLUMNS} FROM reservation WHERE {where} ORDER BY start_ms, id"
    return [Reservation(*row) for row in appliance.database.fetch(sql, parameters)]


def _one(found: list[Reservation]) -> Reservation:
    if not found:
        raise NotFound("There is no reservation with this id.")
    return found[0]


# ---- changing


def add_reservation(appliance: Appliance, asked: NewReservation, actor: By) -> Reservation:
    """Reserve a site for a user. BadRequest when it ends before it starts, or is over already.

    Other reservations for the same time are no obstacle: all their users may command.
    """
    if asked.end_ms <= asked.start_ms:
        raise BadRequest("end_ms must be after start_ms.")
    if asked.end_ms <= appliance.clock.now_ms():
        raise BadRequest("end_ms must be in the future: this reservation would be over already.")
    return _change(appliance, _add, appliance, asked, actor)


def _add(transaction: Transaction, appliance: Appliance, asked: NewReservation, actor: By) -> Reservation:
    event = Event("", asked.start_ms, asked.end_ms, asked.creator_id, asked.creator or asked.creator_id, asked.title)
    row = (asked.site, LOCAL, *event, actor.who)
    added = Reservation(transaction.execute(_INSERT, row).fetchone()[0], *row)  # type: ignore[arg-type]
    _record(transaction, appliance, audit.RESERVE_ADD, added, actor)
    return added


def remove_reservation(appliance: Appliance, reservation_id: int, actor: By) -> Reservation:
    """Remove one that was made here; returns it. NotFound, or Conflict for one of the calendar."""
    return _change(appliance, _remove, appliance, reservation_id, actor)


def _remove(transaction: Transaction, appliance: Appliance, reservation_id: int, actor: By) -> Reservation:
    sql = f"SELECT {_COLUMNS} FROM reservation WHERE id = ?"
    removed = _one([Reservation(*row) for row in transaction.fetch(sql, (reservation_id,))])
    if removed.source != LOCAL:
        raise Conflict("This reservation was made in the calendar and can only be removed there.")
    transaction.execute("DELETE FROM reservation WHERE id = ?", (reservation_id,))
    _record(transaction, appliance, audit.RESERVE_REMOVE, removed, actor)
    return removed


def _record(transaction: Transaction, appliance: Appliance, what: str, one: Reservation, actor: By) -> None:
    detail = f"{one.site} for {one.creator_id} from {_utc(one.start_ms)} until {_utc(one.end_ms)} UTC"
    audit.record(transaction, appliance, Entry(actor.who, what, str(one.id), actor.where_from, detail))


def replace_calendar(appliance: Appliance, site: str, events: Sequence[Event], at_ms: int) -> None:
    """The calendar answered for the site at that time: these events take the place of all it said before."""
    _change(appliance, _replace, site, events, at_ms)


def _replace(transaction: Transaction, site: str, events: Sequence[Event], at_ms: int) -> None:
    transaction.execute("DELETE FROM reservation WHERE site = ? AND source = ?", (site, CALENDAR))
    insert = _INSERT.removesuffix(" RETURNING id")
    transaction.executemany(insert, [(site, CALENDAR, *event, "") for event in events])
    transaction.execute("DELETE FROM calendar_answer WHERE site = ?", (site,))
    transaction.execute("INSERT INTO calendar_answer (site, answered_ms) VALUES (?, ?)", (site, at_ms))


def _change(appliance: Appliance, verb: Callable[..., Result], *arguments: Any) -> Result:
    """Write, and judge by what is stored from then on, also when the disk confirms it late."""

    def forget(_: object = None) -> None:
        appliance.reserved.forget()

    try:
        return appliance.database.write(verb, *arguments, late=forget)
    finally:
        forget()
