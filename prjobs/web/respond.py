"""Answers: bodies with their types, and refusals in the form that each part of the interface promises."""

from typing import Any

import msgspec
from bottle import HTTPResponse

from prjobs.errors import Refused

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
_ALWAYS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_encode = msgspec.json.Encoder().encode


def reply(body: bytes, content_type: str = JSON, *, status: int = 200, **headers: str) -> HTTPResponse:
    """An answer with this body; header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPResponse(body, status, {"Content-Type": content_type, **_ALWAYS, **named})


def reply_json(value: Any, *, status: int = 200, **headers: str) -> HTTPResponse:
    """An answer of the appliance's own API."""
    return reply(_encode(value), JSON, status=status, **headers)


def refusal(refused: Refused, path: str) -> HTTPResponse:
    """A refusal for the part of the interface that the path belongs to."""
    status, content_type, headers, body = refusal_parts(refused, path)
    return HTTPResponse(body, status, {"Content-Type": content_type, **headers})


def refusal_parts(refused: Refused, path: str) -> tuple[int, str, dict[str, str], bytes]:
    """(status, content type, headers, body) of a refusal.

    getnewjobs answers a JSON list whatever happens: the observatory never looks at the status, and anything but a
    list stops it. The sentence stands in a header there.
    """
    headers = {**_ALWAYS, **refused.headers}
    if refused.retry_after_s is not None:
        headers["Retry-After"] = str(refused.retry_after_s)
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if path.rstrip("/").endswith("getnewjobs"):
        headers["X-Prjobs-Error"] = refused.sentence.encode("ascii", "replace").decode()
        return refused.status, JSON, headers, b"[]"
    if path.startswith("/api/"):
        return refused.status, JSON, headers, _encode({"error": refused.sentence, "code": refused.code})
    return refused.status, TEXT, headers, refused.sentence.encode()
