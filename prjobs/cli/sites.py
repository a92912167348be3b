"""`prjobs sites list|remove`."""

from typing import Any
from urllib.parse import quote

from prjobs.base.marks import marked
from prjobs.cli.running import running_client
from prjobs.cli.terminal import Namespace, Parser, add_actions, add_data, folder_of, print_json, stderr, utc

SHOWN = ("site", "last_poll_ms", "usual_gap_ms", "silent", "counts", "note")


def add_sites(parser: Parser) -> None:
    """Declare `sites list` and `sites remove`."""
    actions = add_actions(parser)
    listing = add_data(actions.add_parser("list", help="list the sites with their last poll and jobs"))
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    remove = add_data(
        actions.add_parser(
            "remove", help="show a site no more; its past jobs stay, and a new poll or job brings the site back"
        )
    )
    remove.add_argument("site", metavar="SITE")
    text = "remove a site that polls or has open jobs too, and cancel the jobs that wait; the audit says so"
    remove.add_argument("--force", action="store_true", help=text)
    remove.set_defaults(run=run_remove)


def run_list(asked: Namespace) -> None:
    """Print one line for each site, by name."""
    folder = folder_of(asked)
    if client := running_client(folder):
        found = client.api("GET", "/api/now")
    else:
        from prjobs.cli import stored

        found = stored.list_sites(folder)
    for one in found["sites"]:
        print_json({name: one[name] for name in SHOWN}) if asked.json else print(_line(one))


def _line(one: dict[str, Any]) -> str:
    counts = one["counts"]
    jobs = " · ".join(f"{counts[phase]} {phase.replace('_', ' ')}" for phase in counts if counts[phase])
    polled = f"polled {utc(one['last_poll_ms'])} UTC" if one["last_poll_ms"] else "never polled"
    return marked(f"{one['site']:8} {polled}  {jobs or 'no jobs'} in 24 h".rstrip())


def run_remove(asked: Namespace) -> None:
    """Remove one site."""
    folder = folder_of(asked)
    if client := running_client(folder):
        query = {"force": "1"} if asked.force else None
        removed = client.api("DELETE", f"/api/sites/{quote(asked.site, safe='')}", query=query)
    else:
        from prjobs.cli import stored

        removed = stored.remove_site(folder, asked.site, asked.force)
    cancelled = removed["cancelled"]
    jobs = {0: "", 1: "; 1 job was cancelled"}.get(cancelled, f"; {cancelled} jobs were cancelled")
    stderr(f"the site {marked(asked.site)} is removed{jobs}")
