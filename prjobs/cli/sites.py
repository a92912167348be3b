"""`prjobs sites list|remove`."""

from typing import Any
from urllib.parse import quote

import msgspec

from prjobs.access import audit
from prjobs.appliance import Appliance
from prjobs.base.marks import marked
from prjobs.cli.stored import ask_or_open
from prjobs.cli.terminal import Commands, Namespace, Parser, add_actions, folder_of, print_json, stderr, utc
from prjobs.client import Client
from prjobs.jobs import removal
from prjobs.monitor import sites

SHOWN = ("site", "last_poll_ms", "usual_gap_ms", "silent", "counts", "note")


def add_sites(commands: Commands, data: Parser) -> None:
    """Declare `sites list` and `sites remove`."""
    actions = add_actions(commands.add_parser("sites", help="list the sites; remove a site that was a typing error"))
    listing = actions.add_parser("list", parents=[data], help="list the sites with their last poll and jobs")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    remove = actions.add_parser(
        "remove",
        parents=[data],
        help="show a site no more; its past jobs stay, and a new poll or job brings the site back",
    )
    remove.add_argument("site", metavar="SITE")
    text = "remove a site that polls or has open jobs too, and cancel the jobs that wait; the audit says so"
    remove.add_argument("--force", action="store_true", help=text)
    remove.set_defaults(run=run_remove)


def run_list(asked: Namespace) -> None:
    """Print one line for each site, by name."""

    def act(appliance: Appliance) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = msgspec.to_builtins(sites.list_sites(appliance.board))
        return found

    for one in ask_or_open(folder_of(asked), lambda client: client.api("GET", "/api/now")["sites"], act):
        print_json({name: one[name] for name in SHOWN}) if asked.json else print(_line(one))


def _line(one: dict[str, Any]) -> str:
    counts = one["counts"]
    jobs = " · ".join(f"{counts[phase]} {phase.replace('_', ' ')}" for phase in counts if counts[phase])
    polled = f"polled {utc(one['last_poll_ms'])} UTC" if one["last_poll_ms"] else "never polled"
    return marked(f"{one['site']:8} {polled}  {jobs or 'no jobs'} in 24 h".rstrip())


def run_remove(asked: Namespace) -> None:
    """Remove one site."""

    def ask(client: Client) -> int:
        query = {"force": "1"} if asked.force else None
        answer = client.api("DELETE", f"/api/sites/{quote(asked.site, safe='')}", query=query)
        return int(answer["cancelled"])

    def act(appliance: Appliance) -> int:
        return removal.remove_site(appliance.queue, asked.site, audit.operator(), asked.force)

    cancelled = ask_or_open(folder_of(asked), ask, act)
    jobs = {0: "", 1: "; 1 job was cancelled"}.get(cancelled, f"; {cancelled} jobs were cancelled")
    stderr(f"the site {marked(asked.site)} is removed{jobs}")
