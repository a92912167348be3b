"""Answers: bodies with their types, and refusals in the form that each part of the interface promises."""

import html
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec
from bottle import HTTPResponse

from prjobs.base.errors import Refused
from prjobs.base.theme import Theme, theme_of

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
_ALWAYS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
_LAYOUT = (
    "body{margin:12vh auto;max-width:36em;padding:0 1em}h1{font-size:1em}"
    "a{color:inherit}a:focus-visible{outline:2px solid}"
)
_encode = msgspec.json.Encoder().encode


def reply(body: bytes, content_type: str = JSON, *, status: int = 200, **headers: str) -> HTTPResponse:
    """An answer with this body; header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTPResponse(body, status, {"Content-Type": content_type, **_ALWAYS, **named})


def reply_json(value: Any, *, status: int = 200, **headers: str) -> HTTPResponse:
    """An answer of the appliance's own API."""
    return reply(_encode(value), JSON, status=status, **headers)


def refusal(refused: Refused, environ: Mapping[str, Any]) -> HTTPResponse:
    """A refusal for the part of the interface that the request was for."""
    status, content_type, headers, body = refusal_parts(refused, environ.get("PATH_INFO", ""), environ)
    return HTTPResponse(body, status, {"Content-Type": content_type, **headers})


def refusal_parts(
    refused: Refused, path: str, environ: Mapping[str, Any] | None = None
) -> tuple[int, str, dict[str, str], bytes]:
    """(status, content type, headers, body) of a refusal; a page when a browser asked for one.

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
    if refused.section:
        headers["Link"] = f'</{refused.section}>; rel="help"'
    if path.startswith("/api/"):
        return refused.status, JSON, headers, _encode({"error": refused.sentence, "code": refused.code})
    if environ and environ["REQUEST_METHOD"] == "GET" and "text/html" in str(environ.get("HTTP_ACCEPT", "")):
        style, page = error_page(refused.sentence, theme_of(environ), refused.section)
        policy = f"default-src 'none'; style-src '{style}'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
        headers |= {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Vary": "Cookie"}
        return refused.status, HTML, headers, page
    return refused.status, TEXT, headers, refused.sentence.encode()


def error_page(sentence: str, theme: Theme | None, section: str = "") -> tuple[str, bytes]:
    """(hash of its style for the policy, page): a sentence for a person, in the theme that the eyes are used to."""
    more = f'\n<p><a href="/{section}">In the manual</a></p>' if section else ""
    colours = (
        f"background:{theme.ground};color:{theme.text};scrollbar-color:{theme.text} {theme.ground};" if theme else ""
    )
    style = f"html{{{colours}font:18px/1.5 system-ui,sans-serif}}{_LAYOUT}"
    icon = theme.icon if theme else "favicon.svg"
    page = (
        '<!doctype html>\n<html lang="en"'
        + (f' data-theme="{theme.name}" data-level="{theme.level}"' if theme else "")
        + '>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="{theme.scheme if theme else "dark light"}">\n'
        + (f'<meta name="theme-color" content="{theme.ground}">\n' if theme else "")
        + f'<link rel="icon" type="image/svg+xml" href="/static/{icon}">\n<title>prjobs</title>\n'
        f"<style>{style}</style>\n<main>\n<h1>prjobs</h1>\n<p>{html.escape(sentence)}</p>{more}\n</main>\n"
    )
    return f"sha256-{b64encode(sha256(style.encode()).digest()).decode()}", page.encode()
