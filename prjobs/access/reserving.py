"""The making of a reservation here: only for a known user and a known site, unless forced, with notes for the maker."""

from collections.abc import Iterator

import msgspec

from prjobs.access import reservations
from prjobs.access.audit import Actor
from prjobs.access.desk import Desk, Reservation
from prjobs.access.known import known_sites, known_users
from prjobs.access.reservations import NewReservation, ShownReservation
from prjobs.base.clock import moment
from prjobs.base.errors import UnknownName
from prjobs.base.sites import same_but_case
from prjobs.base.suggestions import did_you_mean

NOTES = 5


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
    made = reservations.add_reservation(desk, asked, actor)
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
        who, span = one.creator or one.creator_id, f"{_utc(one.start_ms)} to {_utc(one.end_ms)} UTC"
        yield f"The reservation overlaps that of {who} for {one.site}, {span}: both may command in the common time."
    if len(overlapping) > NOTES:
        yield f"The reservation overlaps {len(overlapping) - NOTES} more."


def _utc(time_ms: int) -> str:
    return moment(time_ms).strftime("%Y-%m-%d %H:%M")
