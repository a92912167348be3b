"""HTTP to the cloud: pooled connections, no redirects, certificates always verified, bounded answers."""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
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
from prjobs.base.settings import Settings
from prjobs.cloud.network import AMBIGUOUS, UNSENT, Answer, Failure, TooLong
from prjobs.cloud.timings import MAX_BODY
from prjobs.version import VERSION

CONNECT_S = 5.0
FIRST_BYTE_S = 30.0
WHOLE_S = 60.0
CHUNK = 65_536
TOO_LONG = (
    f"The cloud's list is larger than {MAX_BODY // 1_000_000} MB, which is not taken and cannot be asked for in parts: "
    "nothing is skipped, but reading stands still there."
)
_CLOCKS = "The certificate is not valid at this machine's time: compare its clock with the cloud's."


class Transport:
    """The network of the link: its own thread, and users' requests that are forwarded. Connections are kept."""

    def __init__(self, base_url: str, ca_file: str, clock: Clock) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise Unusable("cloud_base_url must be an address such as https://jobs.photonranch.org/jobs.")
        self._base = base_url.rstrip("/")
        self._clock = clock
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=2,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_S, read=FIRST_BYTE_S),
            cert_reqs="CERT_REQUIRED",
            ca_certs=ca_file or None,
            headers={"Content-Type": "application/json", "User-Agent": f"prjobs/{VERSION}"},
        )

    def call(self, name: str, body: Mapping[str, object], token: str | None = None) -> Answer:
        """POST the body to the endpoint. Raises Failure when no whole answer came."""
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
            return self._read(answer, until_s)
        except (NewConnectionError, ConnectTimeoutError, ProxyError, LocationParseError) as error:
            raise Failure(UNSENT, f"The cloud cannot be reached ({_short(error)}).") from None
        except SSLError as error:
            raise Failure(UNSENT, f"The cloud's certificate is not accepted: {_tls_reason(error)}") from None
        except HTTPError as error:
            raise Failure(AMBIGUOUS, f"The cloud's answer did not arrive ({_short(error)}).") from None

    def _read(self, answer: urllib3.BaseHTTPResponse, until_s: float) -> Answer:
        """The whole body; a connection with an unread rest is not used again."""
        chunks, size = [], 0
        try:
            # What comes is taken as it comes: waiting for a full chunk would let a trickle last for hours.
            while chunk := answer.read1(CHUNK):
                chunks.append(chunk)
                size += len(chunk)
                if size > MAX_BODY:
                    raise TooLong(AMBIGUOUS, TOO_LONG)
                if self._clock.elapsed_s() > until_s:
                    raise Failure(AMBIGUOUS, "The cloud's answer takes too long.")
        except Failure:
            answer.close()
            raise
        finally:
            answer.release_conn()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, headers, b"".join(chunks))


def _tls_reason(error: SSLError) -> str:
    """What OpenSSL says of the certificate, or that there was no TLS at all."""
    cause = error.args[0] if error.args else error
    said = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or _short(error)
    if "expired" in said or "not yet valid" in said:
        return _CLOCKS
    if "self-signed" in said or "local issuer" in said:
        return f"{said}. For a cloud of your own name its authority in cloud_ca_file."
    return f"{said}."


# Without addresses and contents. A kind stands before what it is a case of.
_REASONS = (
    (NameResolutionError, "its name is not known here"),
    (NewConnectionError, "no connection to it: see whether its address is right and this machine has a network"),
    (ConnectTimeoutError, f"no connection within {CONNECT_S:.0f} s"),
    (ReadTimeoutError, f"nothing came for {FIRST_BYTE_S:.0f} s; is https meant where it says http, or the reverse?"),
    (ProtocolError, "the connection broke"),
)


def _short(error: Exception) -> str:
    return next((said for kind, said in _REASONS if isinstance(error, kind)), type(error).__name__)


def _require_certificates(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except (ssl.SSLError, OSError):
        raise Unusable(f"cloud_ca_file: {Path(path).absolute()} holds no certificate in PEM form.") from None


def token_source(path: str) -> Callable[[bool], str | None]:
    """Reads the token of the settings' file: at first use, and again when the cloud refused it."""
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
    """The way to the cloud that the settings name. Unusable when it cannot be used."""
    if not settings.cloud_sites:
        raise Unusable("cloud_sites must name the sites whose jobs are kept in step with the cloud.")
    for name in ("cloud_ca_file", "cloud_token_file"):
        if (path := getattr(settings, name)) and not Path(path).is_file():
            raise Unusable(f"{name}: {Path(path).absolute()} is not a file.")
    if settings.cloud_ca_file:
        _require_certificates(settings.cloud_ca_file)
    return Transport(settings.cloud_base_url, settings.cloud_ca_file, clock)
