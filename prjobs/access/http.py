"""JSON requests to outside services: short timeouts, small answers, no redirects, verified TLS.

Every answer other than one JSON document with status 200 raises Outside, never an error of the user.
"""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, NamedTuple

from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Url, make_headers, parse_url

from prjobs.base.decoding import parse_json, strip_mark
from prjobs.base.errors import BadRequest, Unusable
from prjobs.base.proxies import NONE, PROXY_ASKS, PROXY_LOGIN, TUNNEL, Proxy, proxy_for


class Outside(Exception):
    """A failed request to an outside service. The text names the service and the cause, for the operator."""


@dataclass(frozen=True)
class Limits:
    """The seconds to wait for the connection, the first byte and the whole answer; the largest size in bytes."""

    connect_s: float = 5.0
    first_byte_s: float = 10.0
    total_s: float = 20.0
    body_bytes: int = 1_000_000


LIMITS = Limits()


class _Cutter:
    """A timer that cuts the connection at the total limit: a slow server may send single bytes for ever."""

    def __init__(self, connection: HTTPConnection, total_s: float) -> None:
        self.fired = False
        self._connection = connection
        self._sock: socket.socket | None = None
        self._timer = threading.Timer(total_s, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> "_Cutter":
        self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()
        self._connection.close()

    def connect(self) -> None:
        """Open the connection and keep the socket: the connection drops its own reference once the answer begins."""
        self._connection.connect()
        self._sock = self._connection.sock
        self.require_time()

    def require_time(self) -> None:
        """Raise TimeoutError when the connection was cut."""
        if self.fired:
            raise TimeoutError

    def _cut(self) -> None:
        self.fired = True
        # The answer of a proxy and TLS come before the connection is open.
        sock = self._sock or self._connection.sock
        try:
            if sock is not None:
                sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            # The connection ended between the timer and the shutdown.
            return


Heard = Callable[[Mapping[str, str]], None]


def get_json(
    url: str, headers: Mapping[str, str], limits: Limits = LIMITS, proxies: str = NONE, heard: Heard | None = None
) -> Any:
    """Return the JSON at an address. Raise Outside. `proxies`: the setting.

    `heard(headers)` gets the headers of the answer.
    """
    return _json(*_ask(_Request("GET", _address(url), None, headers, heard=heard), limits, proxies))


def post_json(url: str, body: Mapping[str, Any], limits: Limits = LIMITS, proxies: str = NONE) -> Any:
    """Return the JSON that answers a JSON body. Raise Outside. `proxies`: the setting."""
    headers = {"Content-Type": "application/json"}
    return _json(*_ask(_Request("POST", _address(url), json.dumps(body).encode(), headers), limits, proxies))


def touch(url: str, limits: Limits = LIMITS, proxies: str = NONE) -> None:
    """Ask an address for nothing but a status of success. Raise Outside. `proxies`: the setting."""
    _ask(_Request("GET", _address(url), None, {"Accept": "*/*"}, most_status=299), limits, proxies)


def _ask(asked: "_Request", limits: Limits, proxies: str) -> tuple[bytes, str]:
    """Return the body of the answer, and the name of the service for errors."""
    try:
        proxy = None if proxies == NONE else proxy_for(asked.address.url)
    except Unusable as unusable:
        raise Outside(f"{asked.address.netloc} cannot be asked: {unusable}") from None
    asked = asked.through(proxy)
    where = asked.where
    try:
        connection = _connection(asked.address, proxy, limits)
        with _Cutter(connection, limits.total_s) as cutter:
            try:
                return _exchange(connection, cutter, asked, limits), where
            except (HTTPError, HTTPException, OSError) as error:
                if cutter.fired:
                    raise Outside(f"{where} took longer than {limits.total_s:g} s") from error
                raise
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        raise Outside(f"{where} {_reason(error)}") from error


class _Request(NamedTuple):
    method: str
    address: Url
    body: bytes | None
    headers: Mapping[str, str]
    # The highest status of a success.
    most_status: int = 200
    target: str = ""
    where: str = ""
    heard: Heard | None = None

    def through(self, proxy: Proxy | None) -> "_Request":
        """Return the request as it is sent: to a proxy with the whole address, unless through a tunnel."""
        # A compressed answer could unpack to far more than the limit of bytes.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "prjobs", **self.headers}
        where = f"{self.address.netloc} through the proxy {proxy}" if proxy else str(self.address.netloc)
        if proxy is None or self.address.scheme == "https":
            return self._replace(headers=headers, target=self.address.request_uri, where=where)
        return self._replace(headers=headers | _credentials(proxy), target=self.address.url, where=where)


def _credentials(proxy: Proxy) -> dict[str, str]:
    return dict(make_headers(proxy_basic_auth=proxy.credentials)) if proxy.credentials else {}


def _exchange(connection: HTTPConnection, cutter: _Cutter, asked: _Request, limits: Limits) -> bytes:
    cutter.connect()
    connection.timeout = limits.first_byte_s
    connection.request(
        asked.method,
        asked.target,
        body=asked.body,
        headers=asked.headers,
        preload_content=False,
        decode_content=False,
    )
    response = connection.getresponse()
    _require_status(response, asked)
    if asked.heard:
        asked.heard(response.headers)
    data = response.read(limits.body_bytes + 1, decode_content=False)
    # An answer without a length ends with the connection: a cut connection would make half an answer look whole.
    cutter.require_time()
    if len(data) > limits.body_bytes:
        raise Outside(f"{asked.where} answered with more than {limits.body_bytes} bytes")
    return data


def _require_status(response: BaseHTTPResponse, asked: _Request) -> None:
    where = asked.where
    if 300 <= response.status < 400:
        raise Outside(f"{where} redirects to another address, and prjobs follows none: check the address")
    if response.status == PROXY_LOGIN:
        raise Outside(f"{where} cannot be asked: {PROXY_ASKS}")
    if not 200 <= response.status <= asked.most_status:
        raise Outside(f"{where} answered with status {response.status}")


def _json(data: bytes, where: str) -> Any:
    try:
        return parse_json(strip_mark(data))
    except BadRequest:
        raise Outside(f"{where} did not answer with JSON: check the address") from None


def _address(url: str) -> Url:
    try:
        address = parse_url(url.strip())
    except HTTPError:
        raise Outside("the address that is set for it is not a web address") from None
    if address.scheme not in ("http", "https") or not address.host:
        raise Outside("the address that is set for it is not a web address")
    return address._replace(auth=None, path=address.path or "/", fragment=None)


def _connection(address: Url, proxy: Proxy | None, limits: Limits) -> HTTPConnection:
    host = str(address.host).strip("[]")
    is_secure = address.scheme == "https"
    if proxy is None:
        return (HTTPSConnection if is_secure else HTTPConnection)(host, address.port, timeout=limits.connect_s)
    if not is_secure:
        kind = HTTPSConnection if proxy.scheme == "https" else HTTPConnection
        return kind(proxy.host, proxy.port, timeout=limits.connect_s)
    config = ProxyConfig(None, False, None, None)
    tunnel = HTTPSConnection(proxy.host, proxy.port, timeout=limits.connect_s, proxy_config=config)
    tunnel.set_tunnel(host, address.port or 443, _credentials(proxy), proxy.scheme)
    return tunnel


def _reason(error: Exception) -> str:
    cause = error.__cause__ or error.__context__ or error
    for one in (error, cause):
        if isinstance(one, ssl.SSLError):
            return f"has no secure connection to offer: {getattr(one, 'verify_message', '') or one.reason}"
        if isinstance(one, TimeoutError) or "timed out" in str(one):
            return "did not answer in time"
    if refused := TUNNEL.search(str(error)):
        return f"cannot be reached: {PROXY_ASKS if refused[1] == str(PROXY_LOGIN) else f'it answered {refused[1]}'}"
    if isinstance(cause, OSError) and cause.strerror:
        return f"cannot be reached: {cause.strerror}"
    return "closed the connection without a whole answer"
