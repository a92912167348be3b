"""Access under /api/: tokens, logging in and out, and the question whether a caller may command."""

import logging
from typing import Annotated

import msgspec
from bottle import request
from msgspec import Meta

from prjobs.access import audit, login, rights, server_proof, tokens
from prjobs.access.desk import Desk
from prjobs.access.identity import Identity
from prjobs.access.login import LOGIN_LINK, LinkUser
from prjobs.access.provider import MAX_TOKEN
from prjobs.access.tokens import NewToken, TokenInfo
from prjobs.appliance import Appliance
from prjobs.base import catalogue
from prjobs.base.cookies import login_cookie
from prjobs.base.errors import BadRequest, Forbidden, NotFound, TooMany, Unauthorized, Unavailable
from prjobs.base.fields import Instance, Site
from prjobs.web import caller, connection
from prjobs.web.answers import LoggedIn, LoggedOut, LoginKey, MadeToken, May, Proof, RevokedToken, Tokens
from prjobs.web.endpoint import Answer, Needs, Route, parse_body, parse_query, reply_json

logger = logging.getLogger(__name__)
LOGIN_DAYS = 30
# Browsers keep no longer cookie, and no cookie for a longer time.
MAX_COOKIE = 3800
MAX_AGE_S = 400 * 86_400
LONG_TOKEN = (
    "The token is good, but too long for the login of a browser: it has {size} characters, and about 3,700 fit. Let "
    "the login provider put fewer claims into its tokens, or log in with a token of “prjobs token create”."
)


class Login(msgspec.Struct, frozen=True):
    """The body of POST /api/login: the key of a one-time link, or a token."""

    once: Annotated[str, Meta(max_length=200, description="the key of a one-time link")] = ""
    token: Annotated[str, Meta(max_length=MAX_TOKEN, description=f"a token of up to {MAX_TOKEN} characters")] = ""


class MayQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/may."""

    site: Site
    device: Instance = ""
    action: Instance = ""


def get_may(appliance: Appliance) -> Answer:
    """Tell whether the caller may command a site now, and why; with device and action for one command."""
    identity = caller.require_identity(appliance.desk)
    asked = parse_query(MayQuery)
    command_class = catalogue.command_class(asked.device, asked.action, {}) if asked.action else ""
    judged = rights.may_command(appliance.desk, identity, asked.site, command_class)
    return reply_json(May(judged.allowed, judged.sentence, judged.basis, judged.holders))


class ProofQuery(msgspec.Struct, frozen=True):
    """The query of GET /api/proof."""

    challenge: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="32 random bytes in hexadecimal")]


def get_proof(appliance: Appliance) -> Answer:
    """Prove that the server has the secret of the folder, for a challenge on this port. Open to everybody."""
    challenge = parse_query(ProofQuery).challenge
    port = int(request.environ["SERVER_PORT"])
    return reply_json(Proof(server_proof.prove(appliance.desk.secret, challenge, port)))


# ---- tokens


def get_tokens(appliance: Appliance) -> Answer:
    """List the tokens that reach no further than the caller's; each by id, user, roles, sites and times."""
    identity = caller.require_admin(appliance.desk)
    return reply_json(Tokens(_tokens_within(appliance.desk, identity)))


def _tokens_within(desk: Desk, identity: Identity) -> list[TokenInfo]:
    return [info for info in tokens.list_tokens(desk) if identity.covers(info.sites)]


def post_token(appliance: Appliance) -> Answer:
    """Make a token that reaches no further than the caller's; only this answer ever holds the token."""
    identity = caller.require_admin(appliance.desk)
    asked = parse_body(NewToken, empty=b"{}")
    if not identity.covers(asked.sites):
        raise Forbidden("This token is for some sites only: name the sites of the new token among them.")
    token, info = tokens.create_token(appliance.desk, asked, caller.actor(identity))
    logger.info("token %s for %s made by %s", info.id, info.user_id, identity.user_id)
    return reply_json(MadeToken(token, info))


def delete_token(appliance: Appliance, token_id: str) -> Answer:
    """Revoke a token."""
    identity = caller.require_admin(appliance.desk)
    if token_id not in {info.id for info in _tokens_within(appliance.desk, identity)}:
        raise NotFound("There is no token with this id.")
    tokens.revoke_token(appliance.desk, token_id, caller.actor(identity))
    logger.info("token %s revoked by %s", token_id, identity.user_id)
    return reply_json(RevokedToken(token_id))


# ---- logging in and out


def post_login(appliance: Appliance) -> Answer:
    """Log a browser in by a one-time key or a token; the answer sets a cookie that scripts cannot read."""
    desk = appliance.desk
    asked = parse_body(Login, empty=b"{}")
    token = _token_for_key(desk, asked.once) if asked.once else asked.token.strip()
    identity = caller.identify(desk, token)
    if len(caller.cookie_name(desk)) + len(token) > MAX_COOKIE:
        raise BadRequest(LONG_TOKEN.format(size=len(token)))
    max_age_s = min(tokens.left_s(token, desk.clock.now_ms()), MAX_AGE_S)
    return reply_json(LoggedIn(caller.shown(identity)), Set_Cookie=_cookie(desk, token, max_age_s))


def _cookie(desk: Desk, token: str, max_age_s: int) -> str:
    is_secure = request.environ["wsgi.url_scheme"] == "https"
    return login_cookie(caller.cookie_name(desk), token, max_age_s, is_secure)


def _token_for_key(desk: Desk, key: str) -> str:
    """Spend the key of the one-time link on a token. Raises Unauthorized for a wrong or used key."""
    try:
        user = login.use_login_key(desk, key)
    except Unauthorized:
        caller.count_failure(desk)
        raise
    new = NewToken(user.user_id, user.user_name, ["admin"], [], LOGIN_DAYS)
    token, info = tokens.create_token(desk, new, audit.Actor(LOGIN_LINK, connection.peer()), audit.LOGIN)
    logger.info("a browser of %s logged in by the one-time link: token %s", info.user_id, info.id)
    return token


def post_login_key(appliance: Appliance) -> Answer:
    """Make a new key for the one-time link, which logs in for every site; the key before becomes worthless."""
    identity = caller.require_admin_everywhere(appliance.desk)
    user = parse_body(LinkUser, empty=b"{}")
    return reply_json(LoginKey(login.create_login_key(appliance.desk, user, caller.actor(identity))))


def post_logout(appliance: Appliance) -> Answer:
    """Remove the login cookie, good or not, and revoke a token that the login link made."""
    try:
        _revoke_of_link(appliance.desk)
    except Unavailable as unavailable:
        logger.error("a browser logged out, and its token is not revoked: %s", unavailable)
    return reply_json(LoggedOut(None), Set_Cookie=_cookie(appliance.desk, "", 0))


def _revoke_of_link(desk: Desk) -> None:
    identity = caller.identity_if_good(desk)
    if identity is None:
        return
    if any(info.id == identity.token_id and info.created_by == LOGIN_LINK for info in tokens.list_tokens(desk)):
        tokens.revoke_token(desk, identity.token_id, caller.actor(identity))


LOGIN_REFUSALS = (Unauthorized, Forbidden, TooMany)
ROUTES = [
    Route("GET", server_proof.PATH, get_proof, Needs.NOTHING, Proof, query=ProofQuery),
    Route("GET", "/api/may", get_may, Needs.USER, May, query=MayQuery),
    Route("GET", "/api/tokens", get_tokens, Needs.ADMIN, Tokens),
    Route("POST", "/api/tokens", post_token, Needs.ADMIN, MadeToken, body=NewToken),
    Route("DELETE", "/api/tokens/<token_id>", delete_token, Needs.ADMIN, RevokedToken),
    Route(
        "POST",
        "/api/login",
        post_login,
        Needs.NOTHING,
        LoggedIn,
        body=Login,
        refuses=LOGIN_REFUSALS,
        headers=("Set-Cookie",),
    ),
    Route("POST", "/api/login-key", post_login_key, Needs.ADMIN_EVERYWHERE, LoginKey, body=LinkUser),
    Route("POST", "/api/logout", post_logout, Needs.NOTHING, LoggedOut, headers=("Set-Cookie",)),
]
