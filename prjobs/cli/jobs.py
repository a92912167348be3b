"""`prjobs send`, `prjobs jobs`, `prjobs watch`, `prjobs cancel`."""

import argparse
import json
import sys
import time
from contextlib import suppress
from typing import Any

import msgspec

from prjobs.base import catalogue
from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.marks import marked
from prjobs.base.suggestions import did_you_mean
from prjobs.cli.running import require_client
from prjobs.cli.stored import reading_database
from prjobs.cli.terminal import Commands, Namespace, Parser, duration_s, folder_of, print_json, stderr, utc
from prjobs.client import CallFailed, Client
from prjobs.jobs import log, lookup
from prjobs.jobs.states import WORDS
from prjobs.monitor import views
from prjobs.monitor.views import Filter, view_job
from prjobs.store.database import Database
from prjobs.store.models import JobRow

PAGE = 1000
WATCH_S = 0.3
REPORTED_SHOWN = 20


def add_send(commands: Commands, data: Parser) -> None:
    """Declare `send`."""
    send = commands.add_parser("send", parents=[data], help="send a job from the terminal")
    for name in ("SITE", "DEVICE", "INSTANCE", "ACTION"):
        send.add_argument(name.lower(), metavar=name)
    for flag, name in (("-r", "required"), ("-o", "optional")):
        text = f"a {name} parameter: key=text, or key:=JSON for a number, true, false, a list …"
        send.add_argument(flag, dest=name, action="append", default=[], type=parameter, metavar="key=value", help=text)
    send.add_argument("--json", action="store_true", help="print the stored job instead of its id")
    send.set_defaults(run=run_send)


def add_jobs(commands: Commands, data: Parser) -> None:
    """Declare `jobs`."""
    jobs = commands.add_parser("jobs", parents=[data], help="list jobs, newest first")
    jobs.add_argument("--site")
    jobs.add_argument("--status", help="a status word such as UNREAD or FAILED")
    jobs.add_argument("--since", type=duration_s, default=86_400.0, help="how far back: 15m, 24h, 7d (default: 24h)")
    jobs.add_argument("--json", action="store_true", help="one JSON object a line")
    jobs.set_defaults(run=run_jobs)


def add_watch(commands: Commands, data: Parser) -> None:
    """Declare `watch`."""
    watch = commands.add_parser("watch", parents=[data], help="print every change at once")
    watch.add_argument("--site")
    watch.add_argument("--json", action="store_true", help="one JSON object a line")
    watch.set_defaults(run=run_watch)


def add_cancel(commands: Commands, data: Parser) -> None:
    """Declare `cancel`."""
    cancel = commands.add_parser("cancel", parents=[data], help="cancel a waiting job, or stop a whole site")
    what = cancel.add_mutually_exclusive_group(required=True)
    what.add_argument("ulid", nargs="?", metavar="ULID")
    what.add_argument("--all", metavar="SITE", help="send cancel_all_commands: cancel waiting jobs, stop the site")
    cancel.set_defaults(run=run_cancel)


def parameter(text: str) -> tuple[str, Any]:
    """Return name and value of `key=text` or `key:=JSON`."""
    key, equals, value = text.partition("=")
    if not equals or not key.rstrip(":"):
        raise argparse.ArgumentTypeError(f"{text!r} is no parameter: write key=value")
    if not key.endswith(":"):
        return key, value
    try:
        return key[:-1], json.loads(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is not JSON: write key=text for a text") from None


def _send(client: Client, site: str, **command: Any) -> dict[str, Any]:
    now = client.api("GET", "/api/now")
    polled = [one["site"] for one in now["sites"] if any(polls["last_ms"] for polls in one["polls"].values())]
    if site not in polled:
        said = f"note: no observatory of the site {marked(site)} has polled here yet; the job waits."
        stderr(f"{said} {did_you_mean(site, polled)}".rstrip())
    _print_notes(client, {"site": site, "instance": "", **command})
    user = now["user"]
    return client.new_job(site, **command, user_id=user["user_id"], user_name=user["user_name"])


def _print_notes(client: Client, draft: dict[str, Any]) -> None:
    """Print the server's notes on the command. Nothing holds a stop up: neither notes nor a server without them."""
    if catalogue.is_stop(draft["action"], draft.get("required_params", {})):
        return
    with suppress(CallFailed):
        for note in client.api("POST", "/api/commands/notes", draft)["notes"]:
            stderr(f"note: {marked(note)}")


def run_send(asked: Namespace) -> None:
    """Send one job and print the id."""
    client = require_client(folder_of(asked))
    job = _send(
        client,
        asked.site,
        device=asked.device,
        instance=asked.instance,
        action=asked.action,
        required_params=dict(asked.required),
        optional_params=dict(asked.optional),
    )
    print_json(job) if asked.json else print(job["ulid"])


def run_cancel(asked: Namespace) -> None:
    """Cancel one job, or stop a site."""
    client = require_client(folder_of(asked))
    if asked.all:
        print(_send(client, asked.all, device="all", instance="all", action="cancel_all_commands")["ulid"])
    else:
        job = client.api("POST", f"/api/jobs/{asked.ulid}/cancel", {"reason": "from the terminal"})
        print(f"{job['ulid']} {job['status']}")


def run_jobs(asked: Namespace) -> None:
    """List the jobs of the last hours, with or without a running server."""
    database = reading_database(folder_of(asked))
    if asked.status:
        _require_status(database, asked.status)
    before = None
    since_ms = Clock().now_ms() - int(asked.since * 1000)
    while True:
        page = Filter(
            sites=[asked.site] if asked.site else (), status=asked.status, since_ms=since_ms, before=before, limit=PAGE
        )
        rows = views.list_jobs(database, page)
        for row in rows:
            print_json(msgspec.to_builtins(view_job(row))) if asked.json else print(_job_line(row))
        if not rows and not before and asked.site:
            _note_site(database, asked.site)
        if len(rows) < PAGE:
            return
        before = rows[-1].ulid


def _note_site(database: Database, site: str) -> None:
    sites = lookup.sites_with_jobs(database)
    if site not in sites:
        stderr(f"note: no job of the site {marked(site)} is stored here. {did_you_mean(site, sites)}".rstrip())


def _require_status(database: Database, word: str) -> None:
    """Raise Unusable for an unknown status: neither a state of prjobs nor ever reported in this store."""
    if word.upper() in WORDS:
        return
    reported = {status for (status,) in database.fetch("SELECT DISTINCT status FROM change")} - WORDS
    if word.casefold() not in map(str.casefold, reported):
        near = did_you_mean(word, WORDS | reported)
        listed = ", ".join(map(marked, [*sorted(WORDS), *sorted(reported)[:REPORTED_SHOWN]]))
        raise Unusable(f"No job here ever had the status {marked(word)}. {near and f'{near} '}Known: {listed}.")


def _job_line(row: JobRow) -> str:
    job = view_job(row)
    line = f"{utc(job.created_ms)}  {job.site:8} {job.ulid}  {job.status:10}  {job.label}  ({job.user_name})"
    return marked(f"{line}  {job.note}".rstrip())


def run_watch(asked: Namespace) -> None:
    """Print changes until Ctrl-C."""
    database = reading_database(folder_of(asked))
    seq = log.last_seq(database)
    while True:
        for change in log.list_changes(database, seq, [asked.site] if asked.site else ()):
            seq = change.seq
            view = views.view_change(change)
            if asked.json:
                print_json(msgspec.to_builtins(view))
            else:
                job = view_job(change.job)
                queue = "" if view.queue != "alternate" else " (alternate queue)"
                line = (
                    f"{utc(view.time_ms)}  {job.site:8} {job.ulid}  {view.status:10}  {job.label}{queue}  {view.note}"
                )
                print(marked(line.rstrip()))
        sys.stdout.flush()
        time.sleep(WATCH_S)
