"""The making and removing of reservations: by people here, and by the calendar's answers.

People reserve only for a known user and a known site, unless forced, and get notes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from prjobs.access import audit, reservations
from prjobs.access.audit import Actor, Entry
from prjobs.access.desk import Desk, Reservation
from prjobs.access.known import known_sites, known_users
from prjobs.access.reservations import CALENDAR, LOCAL, UNCLEAR, Event, NewReservation, ShownReservation
from prjobs.base.clock import utc
from prjobs.base.errors import BadRequest, Conflict, UnknownName
from prjobs.base.sites import same_but_case
from prjobs.base.suggestions import did_you_mean
from prjobs.store.transaction import Transaction

NOTES = 5
_INSERT = (
    "INSERT INTO reservation (site, source, event_id, start_ms, end_ms, creator_id, creator, title, created_by) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
)
Result = TypeVar("Result")


class AskedReservation(NewReservation, frozen=True):
    """A request for a reservation. `force`: also for a user or a site that is not known here."""

    force: bool = False


class Reserved(ShownReservation, frozen=True):
    """A new reservation, with sentences that its maker should read."""

    notes: list[str]


def reserve(desk: Desk, asked: AskedReservation, polled: set[str], actor: Actor) -> Reserved:
    """Reserve a site for a user. Raise UnknownName unless forced; BadRequest for wrong times.

    `polled`: the sites with polls or jobs.
    """
    sites = known_sites(desk, polled)
    if not asked.force:
        _require_known(desk, asked, sites)
    made = add_reservation(desk, asked, actor)
    notes = list(_notes(desk, made, sites))
    return Reserved(**msgspec.structs.asdict(reservations.show(desk.settings, made)), notes=notes)


def _require_known(desk: Desk, asked: NewReservation, sites: set[str]) -> None:
    if asked.site not in sites:
        raise _unknown(
            "site: no observatory of this site ever polled, and no job or setting names it.", asked.site, sites
        )
    users = known_users(desk)
    if asked.creator_id not in users:
        said = "creator_id: no token, no recent job and no event of the calendar names this user."
        raise _unknown(said, asked.creator_id, users)


def _unknown(said: str, word: str, known: set[str]) -> UnknownName:
    remedy = "If the name is right, force the reservation (--force; in a request force: true)."
    return UnknownName(" ".join(filter(None, [said, did_you_mean(word, known), remedy])))


def _notes(desk: Desk, made: Reservation, sites: set[str]) -> Iterator[str]:
    if note := reservations.uncounted_note(desk.settings, [made]):
        yield note
    yield from same_but_case({site for site in {*sites, made.site} if site.casefold() == made.site.casefold()})
    overlapping = reservations.list_overlapping(desk, made)
    for one in overlapping[:NOTES]:
        who, span = one.creator or one.creator_id, f"{utc(one.start_ms)} to {utc(one.end_ms)} UTC"
        yield f"The reservation overlaps that of {who} for {one.site}, {span}: both may command in the common time."
    if len(overlapping) > NOTES:
        yield f"The reservation overlaps {len(overlapping) - NOTES} more."


# ---- changing the store


def add_reservation(desk: Desk, asked: NewReservation, actor: Actor) -> Reservation:
    """Reserve a site for a user. Raise BadRequest when the end is before the start, or in the past.

    Other reservations for the same time are no obstacle: all their users may command.
    """
    if asked.end_ms <= asked.start_ms:
        raise BadRequest("end_ms must be after start_ms.")
    if asked.end_ms <= desk.clock.now_ms():
        raise BadRequest("end_ms must be in the future: this reservation would be over already.")
    return _change(desk, _add, desk, asked, actor)


def _add(transaction: Transaction, desk: Desk, asked: NewReservation, actor: Actor) -> Reservation:
    creator = asked.creator or asked.creator_id
    event = Event("", asked.start_ms, asked.end_ms, asked.creator_id, creator=creator, title=asked.title)
    row = (asked.site, LOCAL, *event, actor.who)
    added = Reservation(transaction.execute(_INSERT, row).fetchone()[0], *row)  # type: ignore[arg-type]
    _record(transaction, desk, audit.RESERVE_ADD, added, actor)
    return added


def remove_reservation(desk: Desk, reservation_id: int, actor: Actor) -> Reservation:
    """Remove a local reservation and return it. Raise NotFound, or Conflict for a reservation of the calendar."""
    return _change(desk, _remove, desk, reservation_id, actor)


def _remove(transaction: Transaction, desk: Desk, reservation_id: int, actor: Actor) -> Reservation:
    sql = f"SELECT {reservations.COLUMNS} FROM reservation WHERE id = ?"
    removed = reservations.one_of([Reservation(*row) for row in transaction.fetch(sql, (reservation_id,))])
    if removed.source != LOCAL:
        raise Conflict("This reservation was made in the calendar and can only be removed there.")
    transaction.execute("DELETE FROM reservation WHERE id = ?", (reservation_id,))
    _record(transaction, desk, audit.RESERVE_REMOVE, removed, actor)
    return removed


def _record(transaction: Transaction, desk: Desk, what: str, one: Reservation, actor: Actor) -> None:
    detail = f"{one.site} for {one.creator_id} from {utc(one.start_ms)} until {utc(one.end_ms)} UTC"
    audit.record(transaction, desk.clock.now_ms(), Entry(actor.who, what, str(one.id), actor.where_from, detail))


def replace_calendar(desk: Desk, site: str, events: Sequence[Event], at_ms: int, unclear: Sequence[Event] = ()) -> None:
    """Replace the site's stored events of the calendar with those of its answer at `at_ms`, clear and unclear."""
    found = [(site, source, *event, "") for source, of in ((CALENDAR, events), (UNCLEAR, unclear)) for event in of]
    _change(desk, _replace, site, found, at_ms)


def _replace(transaction: Transaction, site: str, found: Sequence[Sequence[object]], at_ms: int) -> None:
    transaction.execute("DELETE FROM reservation WHERE site = ? AND source IN (?, ?)", (site, CALENDAR, UNCLEAR))
    transaction.executemany(_INSERT.removesuffix(" RETURNING id"), found)
    transaction.execute("DELETE FROM calendar_answer WHERE site = ?", (site,))
    transaction.execute("INSERT INTO calendar_answer (site, answered_ms) VALUES (?, ?)", (site, at_ms))


def _change(desk: Desk, verb: Callable[..., Result], *arguments: Any) -> Result:
    """Run the verb in a transaction; after the commit, forget all windows, so that judgements read the store again."""
    changed: Result = desk.database.write(_change_and_forget, desk, verb, arguments)
    return changed


def _change_and_forget(
    transaction: Transaction, desk: Desk, verb: Callable[..., Result], arguments: tuple[Any, ...]
) -> Result:
    transaction.after_commit(desk.windows.forget)
    return verb(transaction, *arguments)
