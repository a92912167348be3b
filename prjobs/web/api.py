"""The appliance's own endpoints under /api/: what the monitor and the command line ask for."""

import logging
import re
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from bottle import HTTPResponse, request
from msgspec import Meta

from prjobs import access, feed, health, jobs, views
from prjobs.access import Identity, NewToken, TokenInfo
from prjobs.appliance import Appliance
from prjobs.cloud.status import describe
from prjobs.decoding import parse_object
from prjobs.errors import BadRequest, Forbidden, NotFound
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
    site = _one_site(appliance)
    since = _query_number("since")
    if since is None:
        return reply_json({"seq": feed.last_seq(appliance.database), "changes": [], "more": False, "again_s": 0})
    again_s = _wait_for_changes(appliance, since, site, min(_query_number("wait") or 0, MAX_WAIT_S))
    newest = feed.last_seq(appliance.database)
    changes = feed.list_changes(appliance.database, since, site)
    return reply_json(
        {
            "seq": changes[-1].seq if changes else newest,
            "changes": [views.view_change(change) for change in changes],
            "more": len(changes) == feed.LIMIT,
            "again_s": again_s,
        }
    )


def _wait_for_changes(appliance: Appliance, since: int, site: str | None, wait_s: float) -> int:
    """Wait until there is something after `since`. Returns 1 when there was no place to wait: come again then."""
    if wait_s <= 0 or feed.has_changes(appliance.database, since, site):
        return 0
    gone = request.environ["waitress.client_disconnected"]
    with appliance.bell.waiter(site) as waiter:
        if waiter is None:
            return 1
        end_s = appliance.clock.elapsed_s() + wait_s
        while not feed.has_changes(appliance.database, since, site) and not appliance.stopping.is_set():
            if not waiter.wait(end_s - appliance.clock.elapsed_s(), gone):
                break
    return 0


def get_jobs(appliance: Appliance) -> HTTPResponse:
    """Jobs that pass the filter, newest first."""
    site = _one_site(appliance)
    asked = _filter(site)
    seq = feed.last_seq(appliance.database)
    rows = views.list_jobs(appliance.database, asked)
    return reply_json(
        {
            "seq": seq,
            "time_ms": appliance.clock.now_ms(),
            "jobs": [views.view_job(row) for row in rows],
            "next": rows[-1].ulid if len(rows) == asked.limit else None,
        }
    )


def _filter(site: str | None) -> views.Filter:
    query = request.query.decode()
    phases = [phase for phase in query.get("phase", "").split(",") if phase]
    if unknown := set(phases) - set(PHASES):
        raise BadRequest(f"phase must be of {', '.join(PHASES)}; {len(unknown)} other words came.")
    before = query.get("before")
    if before and not is_ulid(before):
        raise BadRequest("before must be the id of a job, 26 characters.")
    texts = {name: query.get(name) or None for name in ("status", "device", "action", "user", "text")}
    limit = _query_number("limit")
    return views.Filter(
        site=site,
        since_ms=_query_number("since_ms"),
        until_ms=_query_number("until_ms"),
        phases=phases,
        before=before or None,
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


def _one_site(appliance: Appliance) -> str | None:
    """The site that the query names; a token that is good for some sites only must name one of them."""
    identity = caller.require_reader(appliance)
    site: str | None = request.query.decode().get("site") or None
    if identity is None or not identity.sites:
        return site
    if site is None and len(identity.sites) == 1:
        return identity.sites[0]
    if site is None or not identity.reaches(site):
        raise Forbidden("This token is not for this site: name one that it is for.")
    return site


def _query_number(name: str) -> int | None:
    text = request.query.get(name)
    if text is None or text == "":
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
    row = jobs.cancel_job(appliance, ulid, identity.user_id, reason)
    logger.info("cancel %s %s by %s", row.site, ulid, identity.user_id)
    return reply_json(views.view_job(row))


def post_again(appliance: Appliance, ulid: str) -> HTTPResponse:
    """Send a job again, as a new one in the caller's own name."""
    identity = caller.require_identity(appliance)
    access.require_commander(identity)
    old = jobs.find_job(appliance, ulid)
    access.require_command(identity, old.site, identity.user_id)
    health.require_room(appliance, old.command_class)
    row = jobs.again(appliance, ulid, identity.user_id, identity.user_name, identity.roles_json)
    logger.info("newjob %s %s by %s: %s again", row.site, row.ulid, identity.user_id, ulid)
    return reply_json(views.view_job(row))


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
    token, info = access.create_token(appliance, _body(NewToken), identity.user_id)
    logger.info("token %s for %s made by %s", info.id, info.user_id, identity.user_id)
    return reply_json({"token": token, "info": info})


def delete_token(appliance: Appliance, token_id: str) -> HTTPResponse:
    """Revoke a token."""
    identity = _admin(appliance)
    access.revoke_token(appliance, token_id)
    logger.info("token %s revoked by %s", token_id, identity.user_id)
    return reply_json({"revoked": token_id})


def post_login(appliance: Appliance) -> HTTPResponse:
    """Log a browser in by a one-time key or a token; it gets a cookie that scripts cannot read."""
    asked = _body(Login)
    if asked.once:
        access.use_login_key(appliance, asked.once)
        token, info = access.create_token(appliance, STAFF, LOGIN_LINK)
        logger.info("a browser logged in by the one-time link: token %s", info.id)
    else:
        token = asked.token.strip()
    identity = access.identify(appliance, token)
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
        access.revoke_token(appliance, identity.token_id)
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
    ("GET", "/api/tokens", get_tokens),
    ("POST", "/api/tokens", post_token),
    ("DELETE", "/api/tokens/<token_id>", delete_token),
    ("POST", "/api/login", post_login),
    ("POST", "/api/login-key", post_login_key),
    ("POST", "/api/logout", post_logout),
    *cloud_api.ROUTES,
]
