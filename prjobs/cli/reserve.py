"""`prjobs reserve add|list|remove`."""

import argparse
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from prjobs.access import audit, reservations
from prjobs.access.desk import Reservation
from prjobs.access.reservations import NewReservation
from prjobs.base.clock import Clock
from prjobs.base.decoding import convert
from prjobs.base.folder import Folder
from prjobs.cli.shared import (
    Commands,
    duration_s,
    folder_of,
    own_appliance,
    plain,
    print_json,
    running_client,
    stderr,
    utc,
)
from prjobs.client import Client

UNUSED = "the setting reservations is none: this reservation does not count until it is local or calendar."


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    reserve = commands.add_parser("reserve", help="reserve a site for a user; list and remove reservations")
    actions = reserve.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", parents=[shared], help="reserve a site for a user; prints the reservation's id")
    add.add_argument("site", metavar="SITE")
    add.add_argument("--user", required=True, metavar="ID", help="the user's id, as jobs carry it in user_id")
    add.add_argument("--name", default="", help="the user's name, for display")
    when = "2022-06-20T20:00 (UTC, or with an offset), now, or +2h from now"
    add.add_argument("--start", required=True, type=time_ms, metavar="TIME", help=when)
    add.add_argument("--end", required=True, type=time_ms, metavar="TIME", help="the same; not part of the reservation")
    add.add_argument("--title", default="", help="what it is for")
    add.set_defaults(run=run_add)
    listing = actions.add_parser("list", parents=[shared], help="reservations that are on or to come")
    listing.add_argument("--site")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    remove = actions.add_parser("remove", parents=[shared], help="remove a reservation that was made here")
    remove.add_argument("id", metavar="ID", type=int)
    remove.set_defaults(run=run_remove)


def time_ms(text: str) -> int:
    """A time for argparse, in Unix milliseconds: ISO 8601 (UTC without an offset), `now`, or `+2h` from now."""
    if text == "now":
        return Clock().now_ms()
    if text.startswith("+"):
        return Clock().now_ms() + round(duration_s(text[1:]) * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or not re.match(r"\d{4}-\d\d-\d\d[T ]\d", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2022-06-20T20:00, now or +2h")
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def run_add(asked: argparse.Namespace) -> None:
    """Print the id, alone, on stdout; what was reserved goes to stderr."""
    folder = folder_of(asked)
    body = {
        "site": asked.site,
        "creator_id": asked.user,
        "creator": asked.name,
        "start_ms": asked.start,
        "end_ms": asked.end,
        "title": asked.title,
    }
    added, mode = _add(folder, body)
    print(added.id)
    stderr(_line(added))
    if mode == "none":
        stderr(UNUSED)


def _add(folder: Folder, body: dict[str, Any]) -> tuple[Reservation, str]:
    if client := running_client(folder):
        added = msgspec.convert(client.api("POST", "/api/reservations", body), Reservation)
        return added, client.api("GET", "/api/reservations", query={"site": added.site})["mode"]
    wanted = convert(body, NewReservation)
    with own_appliance(folder) as appliance:
        return reservations.add_reservation(
            appliance.desk, wanted, audit.OPERATOR
        ), appliance.queue.settings.reservations


def run_list(asked: argparse.Namespace) -> None:
    """One line a reservation, by start."""
    folder = folder_of(asked)
    client = running_client(folder)
    if client:
        found = _listed(client, asked.site)
    else:
        with own_appliance(folder, create=False) as appliance:
            found = reservations.list_reservations(appliance.desk, asked.site)
    for one in found:
        print_json(msgspec.to_builtins(one)) if asked.json else print(_line(one))


def _listed(client: Client, site: str | None) -> list[Reservation]:
    answer = client.api("GET", "/api/reservations", query={"site": site})
    return msgspec.convert(answer["reservations"], list[Reservation])


def _line(one: Reservation) -> str:
    who = f"{one.creator} ({one.creator_id})"
    return plain(f"{one.id}  {one.site}  {utc(one.start_ms)} - {utc(one.end_ms)} UTC  {who}  {one.source}  {one.title}")


def run_remove(asked: argparse.Namespace) -> None:
    """Remove one reservation."""
    folder = folder_of(asked)
    client = running_client(folder)
    if client:
        client.api("DELETE", f"/api/reservations/{asked.id}")
    else:
        with own_appliance(folder, create=False) as appliance:
            reservations.remove_reservation(appliance.desk, asked.id, audit.OPERATOR)
    stderr(f"reservation {asked.id} is removed")
