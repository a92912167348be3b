"""HTTP to the cloud: pooled connections, no redirects, certificates always verified, bounded answers."""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from prjobs.base.clock import Clock
from prjobs.base.errors import Unusable
from prjobs.base.proxies import NONE, PROXY_ASKS, PROXY_LOGIN, TUNNEL, Proxy, proxy_for
from prjobs.base.settings import Settings
from prjobs.cloud.network import AMBIGUOUS, UNSENT, Answer, Failure, TooLong
from prjobs.cloud.timings import MAX_BODY
from prjobs.version import VERSION

CONNECT_S = 5.0
FIRST_BYTE_S = 30.0
WHOLE_S = 60.0
CHUNK = 65_536
TOO_LONG = (
    f"The cloud's list is larger than {MAX_BODY // 1_000_000} MB and cannot be asked for in parts: nothing is skipped, "
    "but reading stands still: have the cloud list fewer jobs."
)
_CLOCKS = "The certificate is not valid at this machine's time: compare the machine's clock with the cloud's."


class Transport:
    """The network of the link's own thread and of users' forwarded requests. Connections are kept."""

    def __init__(self, base_url: str, ca_file: str, clock: Clock, proxies: str = NONE) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise Unusable("cloud_base_url must be an address such as https://jobs.photonranch.org/jobs.")
        self._base = base_url.rstrip("/")
        self._clock = clock
        self._proxy, self._no_way = None, ""
        try:
            self._proxy = None if proxies == NONE else proxy_for(base_url)
        except Unusable as unusable:
            # The site works without the cloud: a proxy of another kind must not keep the appliance from its start.
            self._no_way = f"The cloud cannot be reached: {unusable}."
        self._through = f" through the proxy {self._proxy}" if self._proxy else ""
        self._pool = _pool(self._proxy, ca_file)

    def call(self, name: str, body: Mapping[str, object], token: str | None = None) -> Answer:
        """POST the body to the endpoint. Raises Failure without a whole answer."""
        if self._no_way:
            raise Failure(UNSENT, self._no_way)
        headers = {**self._pool.headers, **({"Authorization": f"Bearer {token}"} if token else {})}
        until_s = self._clock.elapsed_s() + WHOLE_S
        try:
            answer = self._pool.request(
                "POST",
                f"{self._base}/{name}",
                body=msgspec.json.encode(body),
                headers=headers,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            return self._without_login(self._read(answer, until_s))
        except (NewConnectionError, ConnectTimeoutError, ProxyError, LocationParseError) as error:
            raise Failure(UNSENT, f"The cloud cannot be reached{self._through} ({_short(error)}).") from None
        except SSLError as error:
            raise Failure(
                UNSENT, f"The cloud's certificate is not accepted{self._through}: {_tls_reason(error)}"
            ) from None
        except HTTPError as error:
            raise Failure(AMBIGUOUS, f"The cloud's answer did not arrive{self._through} ({_short(error)}).") from None

    def _without_login(self, answer: Answer) -> Answer:
        """Return the answer; raise Failure for a proxy that asks for a login, and did not pass the request on."""
        if self._proxy and answer.status == PROXY_LOGIN:
            raise Failure(UNSENT, f"The cloud cannot be reached{self._through} ({PROXY_ASKS}).")
        return answer

    def _read(self, answer: urllib3.BaseHTTPResponse, until_s: float) -> Answer:
        """Return the whole body; close a connection with an unread rest."""
        chunks, size = [], 0
        try:
            # Waiting for a full chunk would let a trickle last for hours.
            while chunk := answer.read1(CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_BODY:
                    raise TooLong(AMBIGUOUS, TOO_LONG)
                if self._clock.elapsed_s() > until_s:
                    raise Failure(AMBIGUOUS, f"The cloud's answer takes longer than {WHOLE_S:.0f} s.")
        except Failure:
            answer.close()
            raise
        finally:
            answer.release_conn()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, headers, b"".join(chunks))


def _pool(proxy: Proxy | None, ca_file: str) -> urllib3.PoolManager:
    named: dict[str, Any] = {
        "num_pools": 1,
        "maxsize": 2,
        "retries": False,
        "timeout": urllib3.Timeout(connect=CONNECT_S, read=FIRST_BYTE_S),
        "cert_reqs": "CERT_REQUIRED",
        "ca_certs": ca_file or None,
        "headers": {"Content-Type": "application/json", "User-Agent": f"prjobs/{VERSION}"},
    }
    if proxy is None:
        return urllib3.PoolManager(**named)
    login = urllib3.make_headers(proxy_basic_auth=proxy.credentials) if proxy.credentials else None
    return urllib3.ProxyManager(proxy.url, proxy_headers=login, **named)


def _tls_reason(error: SSLError) -> str:
    """Return OpenSSL's words on the certificate, or on the lack of TLS."""
    cause = error.args[0] if error.args else error
    said = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or _short(error)
    if "expired" in said or "not yet valid" in said:
        return _CLOCKS
    if "self-signed" in said or "local issuer" in said:
        return f"{said}. Name the authority of a cloud of your own in cloud_ca_file."
    return f"{said}."


# The reasons name no addresses or contents. A subclass stands before its parent.
_REASONS = (
    (NameResolutionError, "its name is not known here"),
    (NewConnectionError, "no connection: check cloud_base_url and this machine's network"),
    (ConnectTimeoutError, f"no connection within {CONNECT_S:.0f} s"),
    (ReadTimeoutError, f"nothing came for {FIRST_BYTE_S:.0f} s; check http or https in cloud_base_url"),
    (ProtocolError, "the connection broke"),
)


def _short(error: Exception) -> str:
    if isinstance(error, ProxyError):
        return _proxy_reason(error)
    return next((said for kind, said in _REASONS if isinstance(error, kind)), type(error).__name__)


def _proxy_reason(error: ProxyError) -> str:
    if refused := TUNNEL.search(str(error.original_error)):
        return PROXY_ASKS if refused[1] == str(PROXY_LOGIN) else f"the proxy answered {refused[1]}"
    return "no connection to the proxy: check HTTP_PROXY and HTTPS_PROXY, or set the setting proxies to none"


def _require_certificates(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except (ssl.SSLError, OSError):
        raise Unusable(f"cloud_ca_file: {Path(path).absolute()} holds no certificate in PEM form.") from None


def token_source(path: str) -> Callable[[bool], str | None]:
    """Return a reader of the token in the settings' file: at first use, and again after a refusal by the cloud."""
    kept: list[str | None] = []

    def token(again: bool) -> str | None:
        if again or not kept:
            try:
                text = Path(path).read_text(encoding="utf-8").strip() if path else ""
            except (OSError, UnicodeDecodeError):
                text = ""
            kept[:] = [text or None]
        return kept[0]

    return token


def open_transport(settings: Settings, clock: Clock) -> Transport:
    """Return the way to the cloud by the settings. Unusable with wrong settings."""
    if not settings.cloud_sites:
        raise Unusable("cloud_sites must name the sites whose jobs are kept in step with the cloud.")
    for name in ("cloud_ca_file", "cloud_token_file"):
        if (path := getattr(settings, name)) and not Path(path).is_file():
            raise Unusable(f"{name}: {Path(path).absolute()} is not a file.")
    if settings.cloud_ca_file:
        _require_certificates(settings.cloud_ca_file)
    return Transport(settings.cloud_base_url, settings.cloud_ca_file, clock, settings.proxies)
