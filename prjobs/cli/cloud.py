"""`prjobs cloud status|once|shadow-report` and `prjobs import`."""

import time
from typing import Any

import msgspec

from prjobs.appliance import Appliance
from prjobs.base.errors import Unusable
from prjobs.base.marks import marked
from prjobs.cli.running import require_client
from prjobs.cli.stored import ask_or_open, own_appliance, reading_database
from prjobs.cli.terminal import (
    Commands,
    Namespace,
    Parser,
    add_actions,
    folder_of,
    past_ms,
    print_json,
    stderr,
    utc,
)
from prjobs.client import Client
from prjobs.cloud import shadow, status
from prjobs.cloud.link import open_link
from prjobs.cloud.status import CloudStatus

IMPORT_LOOK_S = 0.3
OFF = "The cloud link is off: set cloud_mode, cloud_base_url and cloud_sites."


def add_cloud(commands: Commands, data: Parser) -> None:
    """Declare `cloud status`, `cloud once` and `cloud shadow-report`."""
    cloud = add_actions(commands.add_parser("cloud", help="the link to the cloud"))
    stating = cloud.add_parser("status", parents=[data], help="the state of the link and the parked statuses")
    stating.add_argument("--json", action="store_true", help="one JSON object")
    stating.set_defaults(run=run_status)
    once = cloud.add_parser("once", parents=[data], help="without a server: read and push once, then print the state")
    once.add_argument("--json", action="store_true", help="one JSON object")
    once.set_defaults(run=run_once)
    reporting = cloud.add_parser(
        "shadow-report",
        parents=[data],
        help="the losses, doubles and delays of the present way, as the link saw them",
    )
    reporting.add_argument("--json", action="store_true", help="one JSON object")
    reporting.set_defaults(run=run_shadow_report)


def add_import(commands: Commands, data: Parser) -> None:
    """Declare `import`."""
    importing = commands.add_parser(
        "import",
        parents=[data],
        help="list the jobs in the cloud from before the first reading, or take them in",
    )
    importing.add_argument(
        "--since", required=True, type=past_ms, metavar="WHEN", help="36h, 7d, 2026-11-20 or 2026-11-20T18:30 (UTC)"
    )
    importing.add_argument("--site", action="append", default=[], help="only this site; may be repeated")
    importing.add_argument("--yes", action="store_true", help="take in the listed jobs")
    importing.add_argument("--json", action="store_true", help="one JSON object")
    importing.set_defaults(run=run_import)


def run_status(asked: Namespace) -> None:
    """Print the state of the link, with or without a running server."""

    def ask(client: Client) -> CloudStatus | None:
        return msgspec.convert(client.api("GET", "/api/cloud")["cloud"], CloudStatus | None)

    _print(asked, ask_or_open(folder_of(asked), ask, lambda one: status.describe_store(one.cloud), create=True))


def run_once(asked: Namespace) -> None:
    """Read and push until all is done; for a test of the settings, or a cron job."""
    with own_appliance(folder_of(asked)) as appliance:
        link = open_link(appliance.cloud)
        if link is None:
            raise Unusable(OFF)
        stderr(f"prjobs: asking {appliance.queue.settings.cloud_base_url}")
        link.finish()
        _print(asked, status.describe_store(appliance.cloud))
        if said := [
            *_unusable(appliance),
            *(notice.sentence for notice in appliance.queue.notices.all() if notice.is_problem),
        ]:
            raise Unusable(said[0])


def _unusable(appliance: Appliance) -> list[str]:
    memory = appliance.cloud.memory
    unread = [f"{site}: {reason}" for site, (_, reason) in memory.unread.items()]
    untaken = [memory.untaken[1]] if memory.untaken else []
    return [said for said in (memory.reason, *unread, *untaken, *memory.refused.values()) if said]


def _print(asked: Namespace, found: CloudStatus | None) -> None:
    if asked.json:
        print_json(msgspec.to_builtins(found))
        return
    if found is None:
        print(OFF)
        return
    print(marked(f"{found.mode}: {found.sentence}"))
    for site in found.sites:
        read = (
            f"read until {utc(site.read_until_ms)} UTC of the cloud's clock" if site.read_until_ms else "not read yet"
        )
        print(marked(f"{site.site}: {read}{', a cancel_all is being looked into' if site.judging else ''}"))
    if found.oldest_unsent_ms:
        print(f"the oldest unsent status is of a job of {utc(found.oldest_unsent_ms)} UTC")
    if found.offset_ms is not None:
        off_s = round(found.offset_ms / 1000)
        said = f"is {status.clock_words(off_s)} this machine's" if abs(off_s) > 1 else "agrees with this machine's"
        print(f"the cloud's clock {said}")
    if found.ghosts:
        print(f"records that are no jobs, and were ignored in the last list: {found.ghosts}")
    for notice in found.notices:
        print(marked(notice))
    for row in found.parked:
        print(marked(f"parked: {row.site} {row.ulid} {row.status} since {utc(row.since_ms)} UTC: {row.reason}"))


def run_import(asked: Namespace) -> int:
    """List the jobs that wait in the cloud, and take them in with --yes. Return 1 when a decision is left."""
    client = require_client(folder_of(asked))
    wish = {"since_ms": asked.since, "sites": asked.site, "take": asked.yes}
    found = client.api("POST", "/api/cloud/import", wish)["import"]
    while not found["done"]:
        _require_contact(client)
        time.sleep(IMPORT_LOOK_S)
        found = client.api("GET", "/api/cloud/import")["import"]
    if asked.json:
        print_json(found)
    else:
        for job in found["jobs"]:
            print(_older_line(job))
    if found["problems"]:
        raise Unusable(" ".join(found["problems"]))
    return _say_import(asked, found)


def _require_contact(client: Client) -> None:
    """Raise Unusable while the cloud does not answer: a person at a prompt does not wait for hours."""
    now = client.api("GET", "/api/cloud")["cloud"]
    if now["state"] == "down":
        raise Unusable(f"{now['sentence']} The server imports the jobs once the cloud answers.")


def _older_line(job: dict[str, Any]) -> str:
    age_s = job["expired_s"]
    becomes = "waits for the next poll" if age_s is None else f"EXPIRED, {age_s / 3600:.1f} h old: does not run"
    if job["stopped"]:
        becomes = "CANCELLED: the site was stopped since: does not run"
    what = f"{job['site']:8} {job['ulid']}  {job['device']} {job['action']}  ({job['user_name']})"
    return marked(f"{utc(job['created_ms'])}  {what}  {becomes}")


def _say_import(asked: Namespace, found: dict[str, Any]) -> int:
    count = len(found["jobs"])
    over = sum(1 for job in found["jobs"] if job["expired_s"] is not None or job["stopped"])
    if not count:
        stderr("Nothing new waits in the cloud since then: all its jobs are known here.")
        return 0
    if not asked.yes:
        stderr(
            f"prjobs: {count} jobs wait in the cloud since then, {over} of them expired or stopped. Nothing was taken "
            "in: add --yes to do it."
        )
        return 1
    stderr(f"{found['taken']} jobs were taken in; {over} of them expired or were stopped, and do not run.")
    return 0


def run_shadow_report(asked: Namespace) -> None:
    """Print the report on the present way."""
    report = shadow.report(reading_database(folder_of(asked)))
    if asked.json:
        print_json(msgspec.to_builtins(report))
    else:
        print("\n".join(marked(line) for line in shadow.lines(report)))
