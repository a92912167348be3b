"""`prjobs token create|list|revoke` and `prjobs login`."""

import argparse
import math
from contextlib import suppress

from prjobs.access.identity import ROLES
from prjobs.access.signing import DEFAULT_DAYS
from prjobs.base.errors import Unusable
from prjobs.base.marks import marked
from prjobs.cli.running import require_client, running_client
from prjobs.cli.terminal import Namespace, Parser, add_actions, add_data, folder_of, print_json, stderr, utc


def add_token(token: Parser) -> None:
    """Declare `token create`, `token list` and `token revoke`."""
    actions = add_actions(token)
    create = add_data(actions.add_parser("create", help="print a new token"))
    create.add_argument("--user", required=True, metavar="ID", help="the user's id, as jobs carry it in user_id")
    create.add_argument("--name", default="", help="the user's name, for display")
    create.add_argument("--role", action="append", default=[], choices=ROLES, help="may be given again")
    create.add_argument("--site", action="append", default=[], help="good for this site only; may be given again")
    create.add_argument("--days", type=_days, default=DEFAULT_DAYS, help="until it expires (default: 365)")
    create.set_defaults(run=run_create)
    listing = add_data(actions.add_parser("list", help="list all tokens, without their secrets"))
    listing.add_argument("--json", action="store_true", help="one JSON list")
    listing.set_defaults(run=run_list)
    revoke = add_data(actions.add_parser("revoke", help="make a token worthless"))
    revoke.add_argument("id", metavar="ID")
    revoke.set_defaults(run=run_revoke)


def _days(text: str) -> float:
    with suppress(ValueError):
        if math.isfinite(days := float(text)):
            return days
    raise argparse.ArgumentTypeError(f"{text!r} is no number of days")


def run_create(asked: Namespace) -> None:
    """Print the token, alone, on stdout; id, user and end go to stderr."""
    body = {
        "user_id": asked.user,
        "user_name": asked.name,
        "roles": asked.role,
        "sites": asked.site,
        "days": asked.days,
    }
    folder = folder_of(asked)
    if client := running_client(folder):
        made = client.api("POST", "/api/tokens", body)
    else:
        from prjobs.cli import stored

        made = stored.create_token(folder, body)
    info = made["info"]
    print(made["token"])
    stderr(f"token {info['id']} for {marked(info['user_id'])}, until {utc(info['expires_ms'])} UTC")


def run_list(asked: Namespace) -> None:
    """Print one line for each token."""
    folder = folder_of(asked)
    if client := running_client(folder):
        infos = client.api("GET", "/api/tokens")["tokens"]
    else:
        from prjobs.cli import stored

        infos = stored.list_tokens(folder)["tokens"]
    if asked.json:
        print_json(infos)
        return
    for info in infos:
        revoked_ms, expires_ms = info["revoked_ms"], info["expires_ms"]
        state = f"revoked {utc(revoked_ms)}" if revoked_ms else f"until {utc(expires_ms)}"
        roles, sites = ",".join(info["roles"]) or "user", ",".join(info["sites"]) or "all sites"
        print(f"{info['id']}  {marked(info['user_id'])}  {marked(info['user_name'])}  {roles}  {sites}  {state}")


def run_revoke(asked: Namespace) -> None:
    """Revoke one token."""
    folder = folder_of(asked)
    if client := running_client(folder):
        client.api("DELETE", f"/api/tokens/{asked.id}")
    else:
        from prjobs.cli import stored

        stored.revoke_token(folder, asked.id)
    stderr(f"token {asked.id} is revoked")


def add_login(login: Parser) -> None:
    """Declare `login`."""
    add_data(login)
    login.add_argument("--user", metavar="ID", help="the user whom the link logs in, as an administrator: jobs, audit")
    login.add_argument("--name", default="", help="the user's name, for display")
    login.set_defaults(run=run_login)


def run_login(asked: Namespace) -> None:
    """Print a new one-time link; links printed before become worthless."""
    folder = folder_of(asked)
    if asked.name and not asked.user:
        raise Unusable("--name names the user of --user: give both.")
    user = {"user_id": asked.user, "user_name": asked.name} if asked.user else {}
    key = require_client(folder).api("POST", "/api/login-key", user)["once"]
    print(f"{folder.server()['url']}/login#once={key}")
