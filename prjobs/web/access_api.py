"""What people do through /api/: jobs withdrawn, closed and sent again, alarms seen, tokens, logging in and out."""

import logging
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from bottle import HTTPResponse, request
from msgspec import Meta

from prjobs.access import audit, login, rights, tokens
from prjobs.access.audit import Actor
from prjobs.access.identity import Identity
from prjobs.access.tokens import NewToken, TokenInfo
from prjobs.appliance import Appliance
from prjobs.base.decoding import parse_object
from prjobs.base.errors import BadRequest, Forbidden, NotFound, Unauthorized, Unavailable
from prjobs.base.settings import reference
from prjobs.jobs import lookup, submission, withdrawals
from prjobs.monitor import alarms, health, views
from prjobs.web import caller
from prjobs.web.respond import reply_json

logger = logging.getLogger(__name__)
Handler = Callable[..., HTTPResponse]
Shape = TypeVar("Shape", bound=msgspec.Struct)
STAFF_DAYS = 30
LOGIN_LINK = "login link"
STAFF = NewToken("staff", "Staff", ["admin"], [], STAFF_DAYS)


class Login(msgspec.Struct, frozen=True):
    """The body of POST /api/login: the key of a one-time link, or a token."""

    once: Annotated[str, Meta(max_length=200, description="the key of a one-time link")] = ""
    token: Annotated[str, Meta(max_length=8000, description="a token")] = ""


class Reason(msgspec.Struct, frozen=True):
    """The body of POST /api/jobs/ULID/cancel."""

    reason: Annotated[str, Meta(max_length=500, description="a text of up to 500 characters")] = ""


class Alarm(msgspec.Struct, frozen=True):
    """The body of POST and DELETE /api/alarms/ack."""

    key: Annotated[str, Meta(min_length=1, max_length=200, description="the key of an alarm, 1 to 200 characters")]


def _body(shape: type[Shape]) -> Shape:
    return parse_object(caller.read_body() or b"{}", shape)


def post_cancel(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Withdraw one waiting job: staff, or whoever asked for it."""
    identity = caller.require_identity(appliance)
    reason = _body(Reason).reason
    row = lookup.find_job(appliance.queue.database, ulid)
    if not rights.may_cancel(identity, row.site, row.user_id):
        raise Forbidden("Only staff or the user who sent a job may cancel it.")
    row = withdrawals.cancel_job(appliance.queue, ulid, audit.actor_of(identity, caller.peer()), reason)
    logger.info("cancel %s %s by %s", row.site, ulid, identity.user_id)
    return reply_json(views.view_job(row))


def post_close(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Close a job that nobody reports on any more: staff, with a reason."""
    identity = caller.require_identity(appliance)
    reason = _body(Reason).reason
    row = lookup.find_job(appliance.queue.database, ulid)
    if not (identity.is_staff and identity.reaches(row.site)):
        raise Forbidden("Only staff may close a job.")
    if not reason.strip():
        raise BadRequest("reason must say why the job is closed; an empty text came.")
    row = withdrawals.close_job(appliance.queue, ulid, audit.actor_of(identity, caller.peer()), reason)
    logger.info("close %s %s by %s", row.site, ulid, identity.user_id)
    return reply_json(views.view_job(row))


def post_ack(appliance: Appliance) -> HTTPResponse:
    """Say that somebody has seen an alarm."""
    identity = caller.require_identity(appliance)
    rights.require_commander(identity)
    key = _reached_alarm(appliance, identity)
    alarms.acknowledge(appliance.board, key, audit.actor_of(identity, caller.peer()))
    logger.info("alarm %s seen by %s", key, identity.user_id)
    return reply_json({"alarms": alarms.list_alarms(appliance.board, identity.reaches)})


def delete_ack(appliance: Appliance) -> HTTPResponse:
    """Let an alarm sound again."""
    identity = caller.require_identity(appliance)
    rights.require_commander(identity)
    key = _reached_alarm(appliance, identity)
    alarms.forget(appliance.board, key)
    logger.info("alarm %s to be heard again, by %s", key, identity.user_id)
    return reply_json({"alarms": alarms.list_alarms(appliance.board, identity.reaches)})


def _reached_alarm(appliance: Appliance, identity: Identity) -> str:
    key = _body(Alarm).key
    if key not in {alarm.key for alarm in alarms.list_alarms(appliance.board, identity.reaches)}:
        raise NotFound("This alarm is not raised any more.")
    return key


def get_settings(appliance: Appliance) -> HTTPResponse:
    """The settings in force: administrators of every site."""
    _house_admin(appliance)
    values = {name: getattr(appliance.queue.settings, name) for name in appliance.queue.settings.__struct_fields__}
    defaults = {name: default for name, default, _ in reference()}
    said = {
        name: {"value": value, "source": "default" if value == defaults[name] else "set"}
        for name, value in values.items()
    }
    return reply_json({"settings": said})


def post_again(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Send a job again, as a new one in the caller's own name."""
    with caller.audited(appliance, f"{ulid} again") as refusable:
        identity = refusable.identity = caller.require_identity(appliance)
        old = lookup.find_job(appliance.queue.database, ulid)
        judged = rights.require_rights(appliance.desk, identity, old.site, identity.user_id, old.command_class)
    health.require_room(appliance.queue, old.command_class)
    row = submission.again(appliance.queue, ulid, identity, audit.actor_of(identity, caller.peer()))
    logger.info("newjob %s %s by %s: %s again", row.site, row.ulid, identity.user_id, ulid)
    return reply_json(views.view_job(row), X_Prjobs_Reservations=judged.basis)


def _admin(appliance: Appliance) -> Identity:
    identity = caller.require_identity(appliance)
    rights.require_admin(identity)
    return identity


def _house_admin(appliance: Appliance) -> Identity:
    identity = _admin(appliance)
    if identity.sites:
        raise Forbidden("Only an administrator of every site may do this.")
    return identity


def _tokens_within(appliance: Appliance, identity: Identity) -> list[TokenInfo]:
    return [info for info in tokens.list_tokens(appliance.desk) if identity.covers(info.sites)]


def get_tokens(appliance: Appliance) -> HTTPResponse:
    """All tokens that reach no further than the caller's, without the tokens themselves."""
    identity = _admin(appliance)
    return reply_json({"tokens": _tokens_within(appliance, identity)})


def post_token(appliance: Appliance) -> HTTPResponse:
    """Make a token that reaches no further than the caller's; the answer is the only place where it ever stands."""
    identity = _admin(appliance)
    asked = _body(NewToken)
    if not identity.covers(asked.sites):
        raise Forbidden("This token is for some sites only: name those of them that the new one is for.")
    token, info = tokens.create_token(appliance.desk, asked, audit.actor_of(identity, caller.peer()))
    logger.info("token %s for %s made by %s", info.id, info.user_id, identity.user_id)
    return reply_json({"token": token, "info": info})


def delete_token(appliance: Appliance, token_id: str) -> HTTPResponse:
    """Revoke a token."""
    identity = _admin(appliance)
    if token_id not in {info.id for info in _tokens_within(appliance, identity)}:
        raise NotFound("There is no token with this id.")
    tokens.revoke_token(appliance.desk, token_id, audit.actor_of(identity, caller.peer()))
    logger.info("token %s revoked by %s", token_id, identity.user_id)
    return reply_json({"revoked": token_id})


def post_login(appliance: Appliance) -> HTTPResponse:
    """Log a browser in by a one-time key or a token; it gets a cookie that scripts cannot read."""
    asked = _body(Login)
    if asked.once:
        try:
            login.use_login_key(appliance.desk, asked.once)
        except Unauthorized:
            caller.count_failure(appliance)
            raise
        token, info = tokens.create_token(appliance.desk, STAFF, Actor(LOGIN_LINK, caller.peer()), audit.LOGIN)
        logger.info("a browser logged in by the one-time link: token %s", info.id)
    else:
        token = asked.token.strip()
    identity = caller.identify(appliance, token)
    answer = reply_json({"user": caller.shown(identity)})
    answer.set_cookie(
        caller.cookie_name(appliance),
        token,
        httponly=True,
        samesite="strict",
        path="/",
        max_age=tokens.left_s(token, appliance.desk.clock.now_ms()),
        secure=request.environ["wsgi.url_scheme"] == "https",
    )
    return answer


def post_login_key(appliance: Appliance) -> HTTPResponse:
    """A new key for the one-time link, which logs in for every site; the one before is worth nothing from now on."""
    _house_admin(appliance)
    return reply_json({"once": login.create_login_key(appliance.desk)})


def post_logout(appliance: Appliance) -> HTTPResponse:
    """Forget the cookie, good or not; a token that was made by the login link is revoked."""
    try:
        _revoke_of_link(appliance)
    except Unavailable as unavailable:
        logger.error("a browser logged out, and its token is not revoked: %s", unavailable)
    answer = reply_json({"user": None})
    answer.delete_cookie(caller.cookie_name(appliance), path="/")
    return answer


def _revoke_of_link(appliance: Appliance) -> None:
    identity = caller.identity_if_good(appliance)
    if identity is None:
        return
    if any(
        info.id == identity.token_id and info.created_by == LOGIN_LINK for info in tokens.list_tokens(appliance.desk)
    ):
        tokens.revoke_token(appliance.desk, identity.token_id, audit.actor_of(identity, caller.peer()))


# (method, path, handler)
ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", "/api/jobs/<ulid>/cancel", post_cancel),
    ("POST", "/api/jobs/<ulid>/again", post_again),
    ("POST", "/api/jobs/<ulid>/close", post_close),
    ("POST", "/api/alarms/ack", post_ack),
    ("DELETE", "/api/alarms/ack", delete_ack),
    ("GET", "/api/settings", get_settings),
    ("GET", "/api/tokens", get_tokens),
    ("POST", "/api/tokens", post_token),
    ("DELETE", "/api/tokens/<token_id>", delete_token),
    ("POST", "/api/login", post_login),
    ("POST", "/api/login-key", post_login_key),
    ("POST", "/api/logout", post_logout),
]
