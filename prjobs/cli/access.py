"""`prjobs token create|list|revoke` and `prjobs login`."""

import msgspec

from prjobs.access import audit, tokens
from prjobs.access.identity import ROLES
from prjobs.access.tokens import NewToken, TokenInfo
from prjobs.appliance import Appliance
from prjobs.base.decoding import convert
from prjobs.base.errors import Unusable
from prjobs.base.marks import marked
from prjobs.cli.running import require_client
from prjobs.cli.stored import ask_or_open
from prjobs.cli.terminal import Commands, Namespace, Parser, add_actions, folder_of, print_json, stderr, utc
from prjobs.client import Client


def add_token(commands: Commands, data: Parser) -> None:
    """Declare `token create`, `token list` and `token revoke`."""
    token = commands.add_parser("token", help="make, list and revoke tokens")
    actions = add_actions(token)
    create = actions.add_parser("create", parents=[data], help="print a new token")
    create.add_argument("--user", required=True, metavar="ID", help="the user's id, as jobs carry it in user_id")
    create.add_argument("--name", default="", help="the user's name, for display")
    create.add_argument("--role", action="append", default=[], choices=ROLES, help="may be given again")
    create.add_argument("--site", action="append", default=[], help="good for this site only; may be given again")
    create.add_argument("--days", type=float, default=tokens.DEFAULT_DAYS, help="until it expires (default: 365)")
    create.set_defaults(run=run_create)
    listing = actions.add_parser("list", parents=[data], help="list all tokens, without their secrets")
    listing.add_argument("--json", action="store_true", help="one JSON list")
    listing.set_defaults(run=run_list)
    revoke = actions.add_parser("revoke", parents=[data], help="make a token worthless")
    revoke.add_argument("id", metavar="ID")
    revoke.set_defaults(run=run_revoke)


def run_create(asked: Namespace) -> None:
    """Print the token, alone, on stdout; id, user and end go to stderr."""
    body = {
        "user_id": asked.user,
        "user_name": asked.name,
        "roles": asked.role,
        "sites": asked.site,
        "days": asked.days,
    }
    wanted = convert(body, NewToken)

    def ask(client: Client) -> tuple[str, TokenInfo]:
        made = client.api("POST", "/api/tokens", body)
        return made["token"], msgspec.convert(made["info"], TokenInfo)

    def act(appliance: Appliance) -> tuple[str, TokenInfo]:
        return tokens.create_token(appliance.desk, wanted, audit.operator())

    token, info = ask_or_open(folder_of(asked), ask, act, create=True)
    print(token)
    stderr(f"token {info.id} for {marked(info.user_id)}, until {utc(info.expires_ms)} UTC")


def run_list(asked: Namespace) -> None:
    """Print one line for each token."""

    def ask(client: Client) -> list[TokenInfo]:
        return msgspec.convert(client.api("GET", "/api/tokens")["tokens"], list[TokenInfo])

    infos = ask_or_open(folder_of(asked), ask, lambda appliance: tokens.list_tokens(appliance.desk))
    if asked.json:
        print_json(msgspec.to_builtins(infos))
        return
    for info in infos:
        state = f"revoked {utc(info.revoked_ms)}" if info.revoked_ms else f"until {utc(info.expires_ms)}"
        roles, sites = ",".join(info.roles) or "user", ",".join(info.sites) or "all sites"
        print(f"{info.id}  {marked(info.user_id)}  {marked(info.user_name)}  {roles}  {sites}  {state}")


def run_revoke(asked: Namespace) -> None:
    """Revoke one token."""
    ask_or_open(
        folder_of(asked),
        lambda client: client.api("DELETE", f"/api/tokens/{asked.id}"),
        lambda appliance: tokens.revoke_token(appliance.desk, asked.id, audit.operator()),
    )
    stderr(f"token {asked.id} is revoked")


def add_login(commands: Commands, data: Parser) -> None:
    """Declare `login`."""
    login = commands.add_parser("login", parents=[data], help="print a link that logs a browser in, once")
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
