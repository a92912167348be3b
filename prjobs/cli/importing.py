"""`prjobs import`: the jobs in the cloud from before the first reading."""

import sys
import time
from typing import Any

from prjobs.base.errors import Unusable
from prjobs.base.marks import marked
from prjobs.base.progress import shown_on, step
from prjobs.cli.running import require_client
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, past_ms, print_json, stderr, utc
from prjobs.client import Client

IMPORT_LOOK_S = 0.3


def add_import(importing: Parser) -> None:
    """Declare `import`."""
    add_data(importing)
    importing.add_argument(
        "--since", required=True, type=past_ms, metavar="WHEN", help="36h, 7d, 2026-11-20 or 2026-11-20T18:30 (UTC)"
    )
    importing.add_argument("--site", action="append", default=[], help="only this site; may be repeated")
    importing.add_argument("--yes", action="store_true", help="take in the listed jobs")
    importing.add_argument("--json", action="store_true", help="one JSON object")
    importing.set_defaults(run=run_import)


def run_import(asked: Namespace) -> int:
    """List the jobs that wait in the cloud, and take them in with --yes. Return 1 when a decision is left."""
    client = require_client(folder_of(asked))
    wish = {"since_ms": asked.since, "sites": asked.site, "take": asked.yes}
    found = client.api("POST", "/api/cloud/import", wish)["import"]
    with shown_on(sys.stderr), step("Reading the jobs in the cloud"):
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
