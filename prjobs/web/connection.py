"""The connection of a request: its other end, and what the request has shown so far."""

from ipaddress import ip_address

from bottle import request

from prjobs.access import audit
from prjobs.access.audit import Actor
from prjobs.access.identity import Identity

# waitress removes it unless it comes from the trusted proxy.
PROXIED = "HTTP_X_FORWARDED_FOR"
# Keys of the request's environ: the identity once proved, and the act in the words of the audit.
IDENTITY = "prjobs.identity"
ACT = "prjobs.act"


def peer() -> str:
    """Return the other end of the connection as address:port; the address alone behind a trusted proxy."""
    environ = request.environ
    if PROXIED in environ:
        return str(environ["REMOTE_ADDR"])
    # 127.0.0.1 and ::1 are one REMOTE_ADDR, but a port of each may be in use at the same time.
    return f"{environ['REMOTE_HOST']}:{environ['REMOTE_PORT']}"


def has_own_connection() -> bool:
    """Return True if the next request on the connection proves that the caller got the answer before."""
    return PROXIED not in request.environ


def is_local() -> bool:
    """Return True if the caller is on this machine."""
    address = request.environ["REMOTE_ADDR"]
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
