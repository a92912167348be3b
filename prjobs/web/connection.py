"""The connection of a request: its other end, and what the request has shown so far."""

from ipaddress import ip_address
from typing import Any

from bottle import request

from prjobs.access import audit
from prjobs.access.audit import Actor
from prjobs.access.identity import Identity
from prjobs.base.sockets import is_loopback
from prjobs.web.guard import RELAYED

# waitress removes it unless it comes from the trusted proxy.
PROXIED = "HTTP_X_FORWARDED_FOR"
# A key of the request's environ, set where a proxy on this machine forwards and `trusted_proxy` does not name it.
UNKNOWN_PROXY = "prjobs.unknown_proxy"
_FORWARDED = frozenset(
    f"HTTP_{name}"
    for name in (
        "X_FORWARDED_FOR",
        "X_FORWARDED_HOST",
        "X_FORWARDED_PROTO",
        "X_FORWARDED_PORT",
        "X_FORWARDED_BY",
        "FORWARDED",
        "X_FORWARDED_SERVER",
        "X_REAL_IP",
        "X_CLIENT_IP",
        "CF_CONNECTING_IP",
        "TRUE_CLIENT_IP",
        "VIA",
    )
)
# Keys of the request's environ: the identity once proved, and the act in the words of the audit.
IDENTITY = "prjobs.identity"
ACT = "prjobs.act"


def mark_forwarded(environ: dict[str, Any], trusted_proxy: str) -> None:
    """Mark a request that an unknown proxy on this machine forwards: its caller may be anywhere.

    Call this before waitress removes the headers of forwarded requests.
    """
    address = environ["REMOTE_ADDR"]
    if not environ.keys().isdisjoint(_FORWARDED) and address != trusted_proxy and is_loopback(address):
        environ[UNKNOWN_PROXY] = True


def peer() -> str:
    """Return the other end of the connection as address:port; the address alone behind a proxy or a standby."""
    environ = request.environ
    if not has_own_connection():
        return str(environ["REMOTE_ADDR"])
    # 127.0.0.1 and ::1 are one REMOTE_ADDR, but a port of each may be in use at the same time.
    return f"{environ['REMOTE_HOST']}:{environ['REMOTE_PORT']}"


def has_own_connection() -> bool:
    """Return True if the next request on the connection proves that the caller got the answer before."""
    environ = request.environ
    return PROXIED not in environ and UNKNOWN_PROXY not in environ and RELAYED not in environ


def shows_token() -> bool:
    """Return True if the request may hold a token, in the Authorization header or in a cookie."""
    environ = request.environ
    return "HTTP_AUTHORIZATION" in environ or "HTTP_COOKIE" in environ


def is_local() -> bool:
    """Return True if the caller is on this machine."""
    environ = request.environ
    address = environ["REMOTE_ADDR"]
    if UNKNOWN_PROXY in environ:
        return False
    try:
        return address == "127.0.0.1" or ip_address(address).is_loopback
    except ValueError:
        # A proxy may name the caller by anything: `unknown`, or with a port.
        return False


def known_identity() -> Identity | None:
    """Return the identity, if the request has proved one so far."""
    found: Identity | None = request.environ.get(IDENTITY)
    return found


def actor(found: Identity | None, despite: str = "") -> Actor:
    """Return the caller as the audit names users and programs."""
    return audit.actor_of(found, peer(), despite)


def asks_for(act: str) -> None:
    """Name the act that the request asks for, for the audit."""
    request.environ[ACT] = act


def act() -> str:
    """Return the act that the request asks for: the name given for the audit, else method and path."""
    return str(request.environ.get(ACT, f"{request.method} {request.path}"))
