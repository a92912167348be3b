"""The appliance's own endpoints under /api/: what the monitor and the command line ask for."""

import logging
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from bottle import HTTPResponse, request
from msgspec import Meta

from prjobs import access, alarms, audit, catalogue, feed, health, jobs, rights, views
from prjobs.access import NewToken, TokenInfo
from prjobs.appliance import Appliance
from prjobs.audit import By
from prjobs.cloud.status import describe
from prjobs.decoding import parse_object
from prjobs.errors import BadRequest, Forbidden, NotFound, Unauthorized
from prjobs.identity import Identity
from prjobs.settings import reference
from prjobs.states import PHASES
from prjobs.ulids import is_ulid
from prjobs.version import VERSION
from prjobs.web import caller, cloud_api
from prjobs.web.respond import reply_json
from prjobs.wire import MAX_WAIT_S

logger = logging.getLogger(__name__)
Handler = Callable[..., HTTPResponse]
Shape = TypeVar("Shape", bound=msgspec.Struct)
COOKIE_DAYS = 30
LOGIN_LINK = "login link"
STAFF = NewToken("staff", "Staff", ["admin"], [], COOKIE_DAYS)
NUMBER = re.compile(r"-?\d{1,15}\Z")


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


# ---- reading


def get_healthz(appliance: Appliance) -> HTTPResponse:
    """200 while everything works, 503 with the reasons while something does not. Open to everybody."""
    found = health.examine(appliance)
    return reply_json(found, status=200 if found.ok else 503)


def get_now(appliance: Appliance) -> HTTPResponse:
    """The state of every site, at one glance."""
    identity = caller.require_reader(appliance)
    sites = views.list_sites(appliance)
    return reply_json(
        {
            "time_ms": appliance.clock.now_ms(),
            "version": VERSION,
            "seq": feed.last_seq(appliance.database),
            "demo": appliance.demo,
            "store": appliance.store,
            "acks": alarms.list_acks(appliance),
            "user": _user(identity) if identity else None,
            "health": health.examine(appliance),
            "cloud": describe(appliance),
            "sites": [site for site in sites if identity is None or identity.reaches(site.site)],
        }
    )


def _user(identity: Identity) -> dict[str, Any]:
    return {"user_id": identity.user_id, "user_name": identity.user_name, "roles": identity.roles}


def get_changes(appliance: Appliance) -> HTTPResponse:
    """The log after `since`; held up to `wait` seconds while there is nothing new."""
    sites = _sites(appliance)
    since = _query_number("since")
    if since is None:
        return reply_json({"seq": feed.last_seq(appliance.database), "changes": [], "more": False, "again_s": 0})
    again_s = _wait_for_changes(appliance, since, sites, min(_query_number("wait") or 0, MAX_WAIT_S))
    newest = feed.last_seq(appliance.database)
    changes = feed.list_changes(appliance.database, since, sites)
    return reply_json(
        {
            "seq": changes[-1].seq if changes else newest,
            "changes": [views.view_change(change) for change in changes],
            "more": len(changes) == feed.LIMIT,
            "again_s": again_s,
        }
    )


def _wait_for_changes(appliance: Appliance, since: int, sites: Sequence[str], wait_s: float) -> int:
    """Wait until there is something after `since`. Returns 1 when there was no place to wait: come again then."""
    if wait_s <= 0 or feed.has_changes(appliance.database, since, sites):
        return 0
    gone = request.environ["waitress.client_disconnected"]
    with appliance.bell.waiter(sites[0] if len(sites) == 1 else None) as waiter:
        if waiter is None:
            return 1
        end_s = appliance.clock.elapsed_s() + wait_s
        while not feed.has_changes(appliance.database, since, sites) and not appliance.stopping.is_set():
            if not waiter.wait(end_s - appliance.clock.elapsed_s(), gone):
                break
    return 0


def get_jobs(appliance: Appliance) -> HTTPResponse:
    """Jobs that pass the filter, newest first."""
    asked = _filter(_sites(appliance))
    seq = feed.last_seq(appliance.database)
    rows = views.list_jobs(appliance.database, asked)
    return reply_json(
        {
            "seq": seq,
            "time_ms": appliance.clock.now_ms(),
            "jobs": [views.view_job(row) for row in rows],
            "counts": None if asked.before else views.count_phases(appliance.database, asked),
            "next": rows[-1].ulid if len(rows) == asked.limit else None,
        }
    )


def _filter(sites: Sequence[str]) -> views.Filter:
    phases = [phase for phase in (_query_text("phase") or "").split(",") if phase]
    if unknown := set(phases) - set(PHASES):
        raise BadRequest(f"phase must be of {', '.join(PHASES)}; {len(unknown)} other words came.")
    before = _query_text("before")
    if before and not is_ulid(before):
        raise BadRequest("before must be the id of a job, 26 characters.")
    texts = {name: _query_text(name) for name in ("status", "device", "action", "user", "text")}
    limit = _query_number("limit")
    return views.Filter(
        sites=sites,
        since_ms=_query_number("since_ms"),
        until_ms=_query_number("until_ms"),
        phases=phases,
        before=before,
        limit=min(max(200 if limit is None else limit, 1), views.MAX_LIMIT),
        **texts,
    )


def get_job(appliance: Appliance, ulid: str) -> HTTPResponse:
    """One job with its params and timeline."""
    identity = caller.require_reader(appliance)
    row = jobs.find_job(appliance, ulid)
    if identity is not None and not identity.reaches(row.site):
        raise NotFound("There is no job with this ulid at this site.")
    return reply_json(views.view_detail(appliance, row))


def _sites(appliance: Appliance) -> Sequence[str]:
    """The site that the query names, else the sites that the token is good for; empty for all."""
    identity = caller.require_reader(appliance)
    site = _query_text("site")
    if site is None:
        return identity.sites if identity else ()
    if identity is not None and not identity.reaches(site):
        raise Forbidden("This token is not for this site.")
    return (site,)


def _query_text(name: str) -> str | None:
    """A text of the query; None when it is absent or empty."""
    try:
        # Bottle hands out the bytes as Latin-1.
        return str(request.query.get(name, "")).encode("latin-1").decode() or None
    except UnicodeError:
        raise BadRequest(f"{name} must be a text in UTF-8; other bytes came.") from None


def _query_number(name: str) -> int | None:
    text = _query_text(name)
    if text is None:
        return None
    if not NUMBER.match(text):
        raise BadRequest(f"{name} must be a whole number; something else came.")
    return int(text)


# ---- changing


def _body(shape: type[Shape]) -> Shape:
    return parse_object(caller.read_body() or b"{}", shape)


def post_cancel(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Withdraw one waiting job: staff, or whoever asked for it."""
    identity = caller.require_identity(appliance)
    reason = _body(Reason).reason
    row = jobs.find_job(appliance, ulid)
    if not access.may_cancel(identity, row.site, row.user_id):
        raise Forbidden("Only staff or the user who sent a job may cancel it.")
    row = jobs.cancel_job(appliance, ulid, audit.by(identity, caller.peer()), reason)
    logger.info("cancel %s %s by %s", row.site, ulid, identity.user_id)
    return reply_json(views.view_job(row))


def post_close(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Close a job that nobody reports on any more: staff, with a reason."""
    identity = caller.require_identity(appliance)
    reason = _body(Reason).reason
    row = jobs.find_job(appliance, ulid)
    if not (identity.is_staff and identity.reaches(row.site)):
        raise Forbidden("Only staff may close a job.")
    if not reason.strip():
        raise BadRequest("reason must say why the job is closed; an empty text came.")
    row = jobs.close_job(appliance, ulid, audit.by(identity, caller.peer()), reason)
    logger.info("close %s %s by %s", row.site, ulid, identity.user_id)
    return reply_json(views.view_job(row))


def post_ack(appliance: Appliance) -> HTTPResponse:
    """Say that somebody has seen an alarm."""
    identity = caller.require_identity(appliance)
    alarms.acknowledge(appliance, _body(Alarm).key, audit.by(identity, caller.peer()))
    return reply_json({"acks": alarms.list_acks(appliance)})


def delete_ack(appliance: Appliance) -> HTTPResponse:
    """Let an alarm sound again."""
    caller.require_identity(appliance)
    alarms.forget(appliance, _body(Alarm).key)
    return reply_json({"acks": alarms.list_acks(appliance)})


def get_commands(appliance: Appliance) -> HTTPResponse:
    """The catalogue of commands, for a form that sends them."""
    caller.require_reader(appliance)
    return reply_json({"commands": [_command_view(command) for command in catalogue.commands()]})


def _command_view(command: catalogue.Command) -> dict[str, Any]:
    names = ("device", "action", "script", "command_class", "label", "required", "optional", "note")
    return {name: getattr(command, name) for name in names}


def get_settings(appliance: Appliance) -> HTTPResponse:
    """The settings in force: administrators."""
    _admin(appliance)
    values = {name: getattr(appliance.settings, name) for name in appliance.settings.__struct_fields__}
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
        old = jobs.find_job(appliance, ulid)
        judged = rights.require_rights(appliance, identity, old.site, identity.user_id, old.command_class)
    health.require_room(appliance, old.command_class)
    row = jobs.again(appliance, ulid, identity, audit.by(identity, caller.peer()))
    logger.info("newjob %s %s by %s: %s again", row.site, row.ulid, identity.user_id, ulid)
    return reply_json(views.view_job(row), X_Prjobs_Reservations=judged.basis)


def _admin(appliance: Appliance) -> Identity:
    identity = caller.require_identity(appliance)
    access.require_admin(identity)
    return identity


def get_tokens(appliance: Appliance) -> HTTPResponse:
    """All tokens, without the tokens themselves."""
    _admin(appliance)
    return reply_json({"tokens": access.list_tokens(appliance)})


def post_token(appliance: Appliance) -> HTTPResponse:
    """Make a token; the answer is the only place where it ever stands."""
    identity = _admin(appliance)
    token, info = access.create_token(appliance, _body(NewToken), audit.by(identity, caller.peer()))
    logger.info("token %s for %s made by %s", info.id, info.user_id, identity.user_id)
    return reply_json({"token": token, "info": info})


def delete_token(appliance: Appliance, token_id: str) -> HTTPResponse:
    """Revoke a token."""
    identity = _admin(appliance)
    access.revoke_token(appliance, token_id, audit.by(identity, caller.peer()))
    logger.info("token %s revoked by %s", token_id, identity.user_id)
    return reply_json({"revoked": token_id})


def post_login(appliance: Appliance) -> HTTPResponse:
    """Log a browser in by a one-time key or a token; it gets a cookie that scripts cannot read."""
    asked = _body(Login)
    if asked.once:
        try:
            access.use_login_key(appliance, asked.once)
        except Unauthorized:
            caller.count_failure(appliance)
            raise
        token, info = access.create_token(appliance, STAFF, By(LOGIN_LINK, caller.peer()), audit.LOGIN)
        logger.info("a browser logged in by the one-time link: token %s", info.id)
    else:
        token = asked.token.strip()
    identity = caller.identify(appliance, token)
    answer = reply_json({"user": _user(identity)})
    answer.set_cookie(
        caller.COOKIE,
        token,
        httponly=True,
        samesite="strict",
        path="/",
        max_age=COOKIE_DAYS * access.DAY_S,
        secure=request.environ["wsgi.url_scheme"] == "https",
    )
    return answer


def post_login_key(appliance: Appliance) -> HTTPResponse:
    """A new key for the one-time link; the one before is worth nothing from now on."""
    _admin(appliance)
    return reply_json({"once": access.create_login_key(appliance)})


def post_logout(appliance: Appliance) -> HTTPResponse:
    """Forget the cookie; a token that was made by the login link is revoked."""
    identity = caller.identity(appliance)
    if identity is not None and _made_by_link(appliance, identity.token_id):
        access.revoke_token(appliance, identity.token_id, audit.by(identity, caller.peer()))
    answer = reply_json({"user": None})
    answer.delete_cookie(caller.COOKIE, path="/")
    return answer


def _made_by_link(appliance: Appliance, token_id: str) -> bool:
    tokens: list[TokenInfo] = access.list_tokens(appliance)
    return any(info.id == token_id and info.created_by == LOGIN_LINK for info in tokens)


# (method, path, handler) of every route under /api/, and /healthz.
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/healthz", get_healthz),
    ("GET", "/api/now", get_now),
    ("GET", "/api/changes", get_changes),
    ("GET", "/api/jobs", get_jobs),
    ("GET", "/api/jobs/<ulid>", get_job),
    ("POST", "/api/jobs/<ulid>/cancel", post_cancel),
    ("POST", "/api/jobs/<ulid>/again", post_again),
    ("POST", "/api/jobs/<ulid>/close", post_close),
    ("POST", "/api/alarms/ack", post_ack),
    ("DELETE", "/api/alarms/ack", delete_ack),
    ("GET", "/api/commands", get_commands),
    ("GET", "/api/settings", get_settings),
    ("GET", "/api/tokens", get_tokens),
    ("POST", "/api/tokens", post_token),
    ("DELETE", "/api/tokens/<token_id>", delete_token),
    ("POST", "/api/login", post_login),
    ("POST", "/api/login-key", post_login_key),
    ("POST", "/api/logout", post_logout),
    *cloud_api.ROUTES,
]
