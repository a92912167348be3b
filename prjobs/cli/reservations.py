"""`prjobs reserve add|list|remove`."""

from typing import Any

from prjobs.base.marks import marked
from prjobs.cli.running import running_client
from prjobs.cli.terminal import Namespace, Parser, add_actions, add_data, folder_of, future_ms, print_json, stderr, utc


def add_reserve(reserve: Parser) -> None:
    """Declare `reserve add`, `reserve list` and `reserve remove`."""
    actions = add_actions(reserve)
    add = add_data(actions.add_parser("add", help="reserve a site for a user; prints the reservation's id"))
    add.add_argument("site", metavar="SITE")
    add.add_argument("--user", required=True, metavar="ID", help="the user's id, as jobs carry it in user_id")
    add.add_argument("--name", default="", help="the user's name, for display")
    when = "2022-06-20T20:00 (UTC, or with an offset), now, or +2h from now"
    add.add_argument("--start", required=True, type=future_ms, metavar="TIME", help=when)
    add.add_argument("--end", required=True, type=future_ms, metavar="TIME", help="the same, exclusive")
    add.add_argument("--title", default="", help="what it is for")
    add.add_argument("--force", action="store_true", help="also for a user or a site that is not known here")
    add.set_defaults(run=run_add)
    listing = add_data(actions.add_parser("list", help="list the reservations that are on or to come"))
    listing.add_argument("--site")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    remove = add_data(actions.add_parser("remove", help="remove a reservation that was made here"))
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
    folder = folder_of(asked)
    if client := running_client(folder):
        added = client.api("POST", "/api/reservations", body)
    else:
        from prjobs.cli import stored

        added = stored.add_reservation(folder, body)
    print(added["id"])
    for line in (_line(added), *added["notes"]):
        stderr(marked(line))


def run_list(asked: Namespace) -> None:
    """Print one line for each reservation, by start."""
    folder = folder_of(asked)
    if client := running_client(folder):
        found = client.api("GET", "/api/reservations", query={"site": asked.site})
    else:
        from prjobs.cli import stored

        found = stored.list_reservations(folder, asked.site)
    for one in found["reservations"]:
        print_json(one) if asked.json else print(_line(one))


def _line(one: dict[str, Any]) -> str:
    who, span = f"{one['creator']} ({one['creator_id']})", f"{utc(one['start_ms'])} - {utc(one['end_ms'])} UTC"
    unused = "" if one["counts"] else "does not count now"
    words = [str(one["id"]), one["site"], span, who, one["source"], one["title"], unused]
    return marked("  ".join(filter(None, words)))


def run_remove(asked: Namespace) -> None:
    """Remove one reservation."""
    folder = folder_of(asked)
    if client := running_client(folder):
        client.api("DELETE", f"/api/reservations/{asked.id}")
    else:
        from prjobs.cli import stored

        stored.remove_reservation(folder, asked.id)
    stderr(f"reservation {asked.id} is removed")
