"""`prjobs reserve add|list|remove`."""

import msgspec

from prjobs.access import audit, reservations, reserving
from prjobs.access.reservations import ShownReservation
from prjobs.access.reserving import AskedReservation, Reserved
from prjobs.appliance import Appliance
from prjobs.base.decoding import convert
from prjobs.base.marks import marked
from prjobs.cli.stored import ask_or_open
from prjobs.cli.terminal import (
    Commands,
    Namespace,
    Parser,
    add_actions,
    folder_of,
    future_ms,
    print_json,
    stderr,
    utc,
)
from prjobs.client import Client


def add_reserve(commands: Commands, data: Parser) -> None:
    """Declare `reserve add`, `reserve list` and `reserve remove`."""
    reserve = commands.add_parser("reserve", help="reserve a site for a user; list and remove reservations")
    actions = add_actions(reserve)
    add = actions.add_parser("add", parents=[data], help="reserve a site for a user; prints the reservation's id")
    add.add_argument("site", metavar="SITE")
    add.add_argument("--user", required=True, metavar="ID", help="the user's id, as jobs carry it in user_id")
    add.add_argument("--name", default="", help="the user's name, for display")
    when = "2022-06-20T20:00 (UTC, or with an offset), now, or +2h from now"
    add.add_argument("--start", required=True, type=future_ms, metavar="TIME", help=when)
    add.add_argument("--end", required=True, type=future_ms, metavar="TIME", help="the same, exclusive")
    add.add_argument("--title", default="", help="what it is for")
    add.add_argument("--force", action="store_true", help="also for a user or a site that is not known here")
    add.set_defaults(run=run_add)
    listing = actions.add_parser("list", parents=[data], help="list the reservations that are on or to come")
    listing.add_argument("--site")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    remove = actions.add_parser("remove", parents=[data], help="remove a reservation that was made here")
    remove.add_argument("id", metavar="ID", type=int)
    remove.set_defaults(run=run_remove)


def run_add(asked: Namespace) -> None:
    """Print the id, alone, on stdout; the reservation and the notes go to stderr."""
    body = {
        "site": asked.site,
        "creator_id": asked.user,
        "creator": asked.name,
        "start_ms": asked.start,
        "end_ms": asked.end,
        "title": asked.title,
        "force": asked.force,
    }
    wanted = convert(body, AskedReservation)

    def ask(client: Client) -> Reserved:
        return msgspec.convert(client.api("POST", "/api/reservations", body), Reserved)

    def act(appliance: Appliance) -> Reserved:
        return reserving.reserve(appliance.desk, wanted, appliance.queue.polls.sites(), audit.operator())

    added = ask_or_open(folder_of(asked), ask, act, create=True)
    print(added.id)
    for line in (_line(added), *added.notes):
        stderr(marked(line))


def run_list(asked: Namespace) -> None:
    """Print one line for each reservation, by start."""

    def ask(client: Client) -> list[ShownReservation]:
        answer = client.api("GET", "/api/reservations", query={"site": asked.site})
        return msgspec.convert(answer["reservations"], list[ShownReservation])

    def act(appliance: Appliance) -> list[ShownReservation]:
        found = reservations.list_reservations(appliance.desk, asked.site)
        return [reservations.show(appliance.desk.settings, one) for one in found]

    for one in ask_or_open(folder_of(asked), ask, act):
        print_json(msgspec.to_builtins(one)) if asked.json else print(_line(one))


def _line(one: ShownReservation) -> str:
    who, span = f"{one.creator} ({one.creator_id})", f"{utc(one.start_ms)} - {utc(one.end_ms)} UTC"
    unused = "" if one.counts else "does not count now"
    return marked("  ".join(filter(None, [str(one.id), one.site, span, who, one.source, one.title, unused])))


def run_remove(asked: Namespace) -> None:
    """Remove one reservation."""
    ask_or_open(
        folder_of(asked),
        lambda client: client.api("DELETE", f"/api/reservations/{asked.id}"),
        lambda appliance: reservations.remove_reservation(appliance.desk, asked.id, audit.operator()),
    )
    stderr(f"reservation {asked.id} is removed")
