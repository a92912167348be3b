"""`prjobs token create|list|revoke`."""

import argparse

import msgspec

from prjobs.access import audit, tokens
from prjobs.access.identity import ROLES
from prjobs.access.tokens import NewToken, TokenInfo
from prjobs.base.decoding import convert
from prjobs.cli.shared import Commands, folder_of, own_appliance, plain, print_json, running_client, stderr, utc


def add_commands(commands: Commands, shared: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    token = commands.add_parser("token", help="make, list and revoke tokens")
    actions = token.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", parents=[shared], help="print a new token")
    create.add_argument("--user", required=True, metavar="ID", help="the user's id, as jobs carry it in user_id")
    create.add_argument("--name", default="", help="the user's name, for display")
    create.add_argument("--role", action="append", default=[], choices=ROLES, help="may be given again")
    create.add_argument("--site", action="append", default=[], help="good for this site only; may be given again")
    create.add_argument("--days", type=float, default=tokens.DEFAULT_DAYS, help="until it expires (default: 365)")
    create.set_defaults(run=run_create)
    listing = actions.add_parser("list", parents=[shared], help="all tokens, without the tokens themselves")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=run_list)
    revoke = actions.add_parser("revoke", parents=[shared], help="make a token worthless")
    revoke.add_argument("id", metavar="ID")
    revoke.set_defaults(run=run_revoke)


def run_create(asked: argparse.Namespace) -> None:
    """Print the token, alone, on stdout; what it is goes to stderr."""
    folder = folder_of(asked)
    client = running_client(folder)
    body = {
        "user_id": asked.user,
        "user_name": asked.name,
        "roles": asked.role,
        "sites": asked.site,
        "days": asked.days,
    }
    if client:
        made = client.api("POST", "/api/tokens", body)
        token, info = made["token"], msgspec.convert(made["info"], TokenInfo)
    else:
        wanted = convert(body, NewToken)
        with own_appliance(folder) as appliance:
            token, info = tokens.create_token(appliance.desk, wanted, audit.OPERATOR)
    print(token)
    stderr(f"token {info.id} for {plain(info.user_id)}, until {utc(info.expires_ms)} UTC")


def run_list(asked: argparse.Namespace) -> None:
    """One line a token."""
    folder = folder_of(asked)
    client = running_client(folder)
    if client:
        infos = msgspec.convert(client.api("GET", "/api/tokens")["tokens"], list[TokenInfo])
    else:
        with own_appliance(folder, create=False) as appliance:
            infos = tokens.list_tokens(appliance.desk)
    if asked.json:
        print_json(msgspec.to_builtins(infos))
        return
    for info in infos:
        state = f"revoked {utc(info.revoked_ms)}" if info.revoked_ms else f"until {utc(info.expires_ms)}"
        roles, sites = ",".join(info.roles) or "user", ",".join(info.sites) or "all sites"
        print(f"{info.id}  {plain(info.user_id)}  {plain(info.user_name)}  {roles}  {sites}  {state}")


def run_revoke(asked: argparse.Namespace) -> None:
    """Revoke one token."""
    folder = folder_of(asked)
    client = running_client(folder)
    if client:
        client.api("DELETE", f"/api/tokens/{asked.id}")
    else:
        with own_appliance(folder, create=False) as appliance:
            tokens.revoke_token(appliance.desk, asked.id, audit.OPERATOR)
    stderr(f"token {asked.id} is revoked")
