"""The check of every request before a route is looked for: path, Host header and web origin.

A page anywhere on the web can post to an address on this machine without asking first, and can make a name of the
web resolve to this machine. Programs send neither Origin nor Sec-Fetch-Site; browsers cannot leave the headers out.
"""

import re
from typing import Any

from prjobs.base.errors import BadRequest, Forbidden, NotFound, WrongHost
from prjobs.base.notices import Code
from prjobs.base.sockets import EVERY_ADDRESS, is_loopback, is_own_host, own_names

Environ = dict[str, Any]
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?P<port>:\d{1,5})?\Z")
_LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
# Pages that take the server long to make, and the headers of a browser that opens one.
_COSTLY = frozenset({"/night", "/night/"})
_NAVIGATION = {"MODE": "navigate", "DEST": "document"}
_FOREIGN = ("cross-site", "same-site")
# A key of the request's environ, for a connection that a standby of a hub relays: the names of the standby's machine.
RELAYED = "prjobs.relayed"
ALLOWED_HEADERS = (
    "authorization, content-type, idempotency-key, x-amz-date, x-api-key, x-amz-security-token, x-prjobs-page"
)


def names_for_others(host: str, allowed_hosts: list[str]) -> list[str]:
    """Return the names in a Host header that mean this machine, for another process of a hub; settings come first."""
    named = [name.lower() for name in allowed_hosts]
    if is_loopback(host):
        return named
    return [name for name in (host.lower(), *named, *sorted(own_names())) if name not in EVERY_ADDRESS]


class Guard:
    """The check by the settings. `host` is the address on which the appliance listens."""

    def __init__(self, host: str, allowed_hosts: list[str], allowed_origins: list[str]) -> None:
        names = (*_LOCAL_NAMES, host, f"[{host}]" if ":" in host else host, *allowed_hosts)
        self._names = frozenset(name.lower() for name in names) - {"0.0.0.0", "::", "[::]"}
        self._origins = origins(allowed_origins)
        # A name of the web may be made to lead to this machine, and never is one of the machine's own names.
        self._takes_own = not is_loopback(host)
        self._good_hosts: set[str] = set()

    def check(self, environ: Environ) -> str | None:
        """Return the origin that may read the answer; None for a program. Raises NotFound, WrongHost, Forbidden."""
        self._check_host(str(environ.get("HTTP_HOST", "")), environ.get(RELAYED, ()))
        check_path(str(environ["PATH_INFO"]))
        origin = environ.get("HTTP_ORIGIN")
        fetch_site = environ.get("HTTP_SEC_FETCH_SITE")
        if environ["PATH_INFO"] in _COSTLY and not (origin and self._is_allowed(environ, str(origin))):
            _check_navigation(environ)
        if origin is None and fetch_site is None:
            return None
        return self._check_origin(environ, str(origin) if origin is not None else None, str(fetch_site))

    def allowed_origin(self, environ: Environ) -> str | None:
        """Return the origin of a refused request if a setting allows its pages to read the answer; else None."""
        origin = str(environ.get("HTTP_ORIGIN", ""))
        return origin if allowed_origin(origin, self._origins) else None

    def _check_host(self, host: str, also: Any) -> None:
        if host in self._good_hosts:
            return
        if not host:
            raise BadRequest("The Host header is missing.")
        match = _HOST.match(host)
        is_host = match is not None and int((match["port"] or ":0")[1:]) < 65536
        if match and is_host and match["name"].lower() in also:
            return
        if match is None or not is_host or not self._is_named(match["name"].lower()):
            raise WrongHost("The Host header does not name this appliance; the setting allowed_hosts adds names.")
        if len(self._good_hosts) < 1000:
            self._good_hosts.add(host)

    def _is_named(self, name: str) -> bool:
        return name in self._names or (self._takes_own and is_own_host(name))

    def _check_origin(self, environ: Environ, origin: str | None, fetch_site: str) -> str | None:
        if origin is not None:
            if self._is_allowed(environ, origin):
                return origin
            if acts(environ):
                sentence = "This web site is not allowed to call the appliance: allowed_origins does not name it."
                raise Forbidden(sentence).about(Code.WEB_ORIGIN)
            return None
        if fetch_site in _FOREIGN and acts(environ):
            raise Forbidden("A page of another web site is not allowed to call the appliance.").about(Code.WEB_ORIGIN)
        return None

    def _is_allowed(self, environ: Environ, origin: str) -> bool:
        return self._is_own_page(environ, origin) or allowed_origin(origin, self._origins)

    @staticmethod
    def _is_own_page(environ: Environ, origin: str) -> bool:
        return origin.rstrip("/").lower() == f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST')}".lower()


def origins(allowed: list[str]) -> frozenset[str]:
    """Return the web origins of the setting `allowed_origins`, in the form for comparison."""
    return frozenset(origin.rstrip("/").lower() for origin in allowed)


def allowed_origin(origin: str, allowed: frozenset[str]) -> bool:
    """Return True if a setting allows the pages of the origin to call the appliance."""
    return origin.rstrip("/").lower() in allowed


def acts(environ: Environ) -> bool:
    """Return True if a foreign page must not make the request: for every change, and for all data."""
    path = str(environ["PATH_INFO"])
    return environ["REQUEST_METHOD"] not in ("GET", "HEAD") or path.startswith("/api/")


def _check_navigation(environ: Environ) -> None:
    """Raise Forbidden for a costly page as a part of a foreign page, or fetched ahead by one; links to it work."""
    if environ.get("HTTP_SEC_FETCH_SITE") in ("same-origin", "none"):
        return
    mode, dest = (environ.get(f"HTTP_SEC_FETCH_{name}", good) for name, good in _NAVIGATION.items())
    is_opened = mode == _NAVIGATION["MODE"] and dest == _NAVIGATION["DEST"]
    if not is_opened or "HTTP_SEC_PURPOSE" in environ or "HTTP_ORIGIN" in environ:
        raise Forbidden("This page opens in a window of its own, not inside a page of another web site.").about(
            "web_origin"
        )


def check_path(path: str) -> None:
    """Raise NotFound for a path with other characters than printable ASCII: NUL, half a UTF-8 character, a line end."""
    if not (path.isascii() and path.isprintable()):
        raise NotFound("There is nothing at this address.")


def cors_headers(origin: str) -> list[tuple[str, str]]:
    """Return the headers with which a browser lets an allowed page read the answer."""
    return [
        ("Access-Control-Allow-Origin", origin),
        ("Vary", "Origin"),
        ("Access-Control-Expose-Headers", "X-Prjobs-Error, X-Prjobs-Note, X-Prjobs-Reservations, Retry-After"),
    ]


def preflight_headers(environ: Environ) -> list[tuple[str, str]]:
    """Return the headers that let the browser send the request it asks for by OPTIONS; none for another method."""
    if environ["REQUEST_METHOD"] != "OPTIONS":
        return []
    headers = [
        ("Access-Control-Allow-Methods", "GET, POST, DELETE, OPTIONS"),
        ("Access-Control-Allow-Headers", ALLOWED_HEADERS),
        ("Access-Control-Max-Age", "600"),
    ]
    if environ.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true":
        headers.append(("Access-Control-Allow-Private-Network", "true"))
    return headers
