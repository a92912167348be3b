"""Who is calling: the connection, and the identity that a token or the login cookie proves."""

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from bottle import request

from prjobs.access import audit, audit_notes, rights, tokens
from prjobs.access.identity import LOG_IN, Identity
from prjobs.appliance import Appliance
from prjobs.base.errors import Forbidden, TooLarge, TooMany, Unauthorized
from prjobs.web.wire import MAX_BODY

# waitress removes it unless it comes from the trusted proxy.
PROXIED = "HTTP_X_FORWARDED_FOR"
PAGE_HEADER = "HTTP_X_PRJOBS_PAGE"


def peer() -> str:
    """The other end of the connection, as address:port; the address alone when a trusted proxy stands between."""
    environ = request.environ
    if PROXIED in environ:
        return str(environ["REMOTE_ADDR"])
    return f"{environ['REMOTE_ADDR']}:{environ['REMOTE_PORT']}"


def has_own_connection() -> bool:
    """Whether the next request on the connection proves that the caller got the answer before it."""
    return PROXIED not in request.environ


def is_local() -> bool:
    """Whether the caller is on this machine."""
    address = request.environ["REMOTE_ADDR"]
    try:
        return address == "127.0.0.1" or ip_address(address).is_loopback
    except ValueError:
        # A proxy may name the caller by anything: `unknown`, or with a port.
        return False


def read_body() -> bytes:
    """The body of the request, whatever its headers call it."""
    environ = request.environ
    if int(environ.get("CONTENT_LENGTH") or 0) > MAX_BODY:
        raise TooLarge("The body is too large: 1 MiB is the limit.")
    body: bytes = environ["wsgi.input"].read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise TooLarge("The body is too large: 1 MiB is the limit.")
    return body


def bearer_token(basic: bool = False) -> str | None:
    """The token of the Authorization header; with `basic`, also the password of Basic authentication."""
    scheme, _, value = str(request.environ.get("HTTP_AUTHORIZATION", "")).partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if basic and scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return None


def cookie_name(appliance: Appliance) -> str:
    """The name of the login cookie: cookies ignore ports, and two appliances on one machine must not share theirs."""
    return f"prjobs_login_{appliance.queue.identity}"


def _cookie(name: str) -> str:
    """A cookie of the request, whatever other programs on this machine left beside it."""
    pairs = (pair.strip().partition("=") for pair in str(request.environ.get("HTTP_COOKIE", "")).split(";"))
    return next((value for key, _, value in pairs if key == name), "")


def _sent_token(appliance: Appliance, basic: bool) -> str | None:
    """The token of the Authorization header, else that of the login cookie."""
    token = bearer_token(basic)
    if token is not None:
        return token
    cookie = _cookie(cookie_name(appliance))
    if cookie and request.method not in ("GET", "HEAD") and request.environ.get(PAGE_HEADER) != "1":
        raise Forbidden("A change with the login cookie needs the page's own header.")
    return cookie or None


def identity(appliance: Appliance, basic: bool = False) -> Identity | None:
    """Who the token or the cookie says it is; None without either. Unauthorized for a bad one."""
    token = _sent_token(appliance, basic)
    return None if token is None else identify(appliance, token)


def identity_if_good(appliance: Appliance) -> Identity | None:
    """The same where nobody needs a token: a bad one is no failed attempt, and stands for nobody."""
    try:
        token = _sent_token(appliance, basic=True)
        return None if token is None else _identify(appliance, token)
    except (Unauthorized, Forbidden):
        return None


def identify(appliance: Appliance, token: str) -> Identity:
    """Whose token this is. Wrong ones are counted: TooMany after too many from one address."""
    try:
        return _identify(appliance, token)
    except Unauthorized:
        count_failure(appliance)
        raise


def _identify(appliance: Appliance, token: str) -> Identity:
    found = tokens.identify(appliance.desk, token)
    audit_notes.note_use(appliance.desk, found, peer())
    return found


def shown(found: Identity) -> dict[str, Any]:
    """Who somebody is, for the page."""
    return {"user_id": found.user_id, "user_name": found.user_name, "roles": found.roles}


@dataclass
class Refusable:
    """What is known of a command while it is judged."""

    asked: str
    identity: Identity | None = None


@contextmanager
def audited(appliance: Appliance, asked: str) -> Iterator[Refusable]:
    """Refusals for want of a right inside this block stand in the audit."""
    refusable = Refusable(asked)
    try:
        yield refusable
    except (Unauthorized, Forbidden, TooMany) as refused:
        actor = audit.actor_of(refusable.identity, peer())
        audit_notes.note(appliance.desk, audit.refusal(actor, refusable.asked, refused.sentence))
        raise


def count_failure(appliance: Appliance) -> None:
    """One more wrong token or key from this address. Right ones are never held back."""
    if not appliance.desk.wrong_tokens.take(request.environ["REMOTE_ADDR"]):
        refused = TooMany("Too many wrong tokens from this address: wait a minute.")
        raise refused.about("wrong_tokens") from None


def require_identity(appliance: Appliance) -> Identity:
    """Who asks; Unauthorized without a token or login."""
    found = identity(appliance)
    if found is None:
        raise Unauthorized(LOG_IN + "this needs a token.")
    return found


def require_reader(appliance: Appliance) -> Identity | None:
    """Reading is open where the observatory endpoints are; elsewhere it takes a token of any role."""
    open_here = appliance.queue.settings.observatory_access
    if open_here == "open" or (open_here == "loopback" and is_local()):
        return identity_if_good(appliance)
    return require_identity(appliance)


def require_observatory(appliance: Appliance, site: str) -> Identity | None:
    """May the caller fetch and report for the site? Programs on this machine may, unless the setting says otherwise."""
    open_here = appliance.queue.settings.observatory_access
    if open_here == "open" or (open_here == "loopback" and is_local()):
        return None
    found = identity(appliance, basic=True)
    if found is None:
        raise Unauthorized(LOG_IN + "from another machine this needs an observatory token.")
    rights.require_observatory(found, site)
    return found
