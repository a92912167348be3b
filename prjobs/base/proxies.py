"""Proxies for requests to outside services: of HTTP_PROXY, HTTPS_PROXY and NO_PROXY, or of the system's settings."""

import re
import urllib.request
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from prjobs.base.errors import Unusable
from prjobs.base.sockets import is_loopback

# The value of the setting `proxies` for no proxy.
NONE = "none"
PROXY_LOGIN = 407
PROXY_ASKS = (
    "the proxy asks for a name and a password: set HTTP_PROXY and HTTPS_PROXY to http://NAME:PASSWORD@HOST:PORT"
)
TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
_PORTS = {"http": 80, "https": 443}


class Proxy(NamedTuple):
    """A proxy: its address, without the user's name and password, and `name:password` or an empty text."""

    scheme: str
    host: str
    port: int
    credentials: str

    @property
    def url(self) -> str:
        """Return the address for a program."""
        return f"{self.scheme}://{self}"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for an address of the web; None for a direct connection.

    Raise Unusable for a proxy that is no HTTP proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found or _is_exempt(host, parts.port):
        return None
    return _parse(found)


class Unused(NamedTuple):
    """The reason why a proxy of the environment is not used; `is_wish`: a person said so, by a setting or NO_PROXY."""

    reason: str
    is_wish: bool


def unused_proxy(url: str, setting: str) -> Unused | None:
    """Return the reason why requests to the address use no proxy of the environment; None if used, or without any."""
    named = {scheme for scheme, address in urllib.request.getproxies().items() if address and scheme != "no"}
    if not named & {*_PORTS, "all"}:
        return None
    parts = urlsplit(url)
    if setting == NONE:
        return Unused("the setting proxies is none", is_wish=True)
    try:
        if proxy_for(url):
            return None
    except Unusable as unusable:
        return Unused(str(unusable), is_wish=False)
    if not named & {parts.scheme, "all"}:
        variable = f"{parts.scheme}_proxy".upper()
        return Unused(f"the address begins with {parts.scheme}, and {variable} is not set", is_wish=False)
    return Unused(f"NO_PROXY, or the system's settings, exempt {parts.hostname}", is_wish=True)


def _is_exempt(host: str, port: int | None) -> bool:
    """Return True if NO_PROXY or the system's settings exempt the host.

    NO_PROXY decides of loopback addresses as well; the systems' own settings never send them to a proxy.
    """
    if not urllib.request.getproxies_environment() and is_loopback(host):
        return True
    return bool(urllib.request.proxy_bypass(host if port is None else f"{host}:{port}"))


def _parse(text: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in _PORTS or not host:
        raise Unusable(
            "the proxy of the environment is no HTTP proxy: set HTTP_PROXY and HTTPS_PROXY to addresses such as "
            "http://proxy.example.org:3128, or the setting proxies to none"
        )
    credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    return Proxy(parts.scheme, host, port or _PORTS[parts.scheme], credentials)
