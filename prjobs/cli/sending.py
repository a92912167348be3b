"""`prjobs send`, `prjobs cancel`."""

import argparse
import json
import re
from contextlib import suppress
from typing import Any

from prjobs.base import catalogue
from prjobs.base.marks import marked
from prjobs.base.suggestions import did_you_mean
from prjobs.cli.running import require_client
from prjobs.cli.terminal import Namespace, Parser, add_data, folder_of, print_json, stderr
from prjobs.client import CallFailed, Client


def add_send(send: Parser) -> None:
    """Declare `send`."""
    add_data(send)
    for name in ("SITE", "DEVICE", "INSTANCE", "ACTION"):
        send.add_argument(name.lower(), metavar=name)
    for flag, name in (("-r", "required"), ("-o", "optional")):
        text = f"a {name} parameter: key=text, or key:=JSON for a number, true, false, a list …"
        send.add_argument(flag, dest=name, action="append", default=[], type=parameter, metavar="key=value", help=text)
    send.add_argument("--json", action="store_true", help="print the stored job instead of its id")
    send.set_defaults(run=run_send)


def add_cancel(cancel: Parser) -> None:
    """Declare `cancel`."""
    # Before Python 3.14 argparse shows an option and an operand of one group as if neither were needed.
    cancel.usage = "%(prog)s [-h] [--data DIR] (--all SITE | ULID)"
    add_data(cancel)
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
    # The state of every site takes seconds at a hub of a thousand sites: a stop must not wait for that, nor for
    # notes. A name that no site can have is refused with the command.
    is_name = re.fullmatch(r"[A-Za-z0-9_-]{1,64}", site)
    now = client.api("GET", f"/api/now?sites=named&site={site}" if is_name else "/api/now?sites=named")
    is_stop = catalogue.is_stop(command["action"], command.get("required_params", {}))
    if not _polled(now):
        said = f"note: no observatory of the site {marked(site)} has polled here yet; the job waits."
        meant = "" if is_stop else did_you_mean(site, _polled(client.api("GET", "/api/now")))
        stderr(f"{said} {meant}".rstrip())
    if not is_stop:
        _print_notes(client, {"site": site, "instance": "", **command})
    user = now["user"]
    return client.new_job(site, **command, user_id=user["user_id"], user_name=user["user_name"])


def _polled(now: dict[str, Any]) -> list[str]:
    """Return the sites of a state whose programs have polled."""
    return [one["site"] for one in now["sites"] if any(polls["last_ms"] for polls in one["polls"].values())]


def _print_notes(client: Client, draft: dict[str, Any]) -> None:
    """Print the server's notes on the command, if the server has any."""
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
