"""Refusals in the form that each part of the interface promises: JSON, a line of text, or a page."""

import html
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from prjobs.base.errors import Refused
from prjobs.base.manual import section_of
from prjobs.base.theme import Theme, theme_of
from prjobs.web.endpoint import ALWAYS, HTML, JSON, Answer, answer_of, as_header, encode_json

TEXT = "text/plain; charset=utf-8"
_LAYOUT = (
    "body{margin:12vh auto;max-width:36em;padding:0 1em}h1{font-size:1em}"
    "a{color:inherit}a:focus-visible{outline:2px solid}"
)


def refusal(refused: Refused, environ: Mapping[str, Any]) -> Answer:
    """Return a refusal in the form of the part of the interface that was asked."""
    status, content_type, headers, body = refusal_parts(refused, environ.get("PATH_INFO", ""), environ)
    named = [("Content-Type", content_type), *((name, as_header(value)) for name, value in headers.items())]
    return answer_of(status, named, body)


def refusal_parts(
    refused: Refused, path: str, environ: Mapping[str, Any] | None = None
) -> tuple[int, str, dict[str, str], bytes]:
    """Return status, content type, headers and body of a refusal; a page when a browser asked for one.

    getnewjobs answers a JSON list in every case: the observatory never looks at the status, and stops at any other
    body. The sentence stands in a header there.
    """
    headers = {**ALWAYS, **refused.headers}
    if refused.retry_after_s is not None:
        headers["Retry-After"] = str(refused.retry_after_s)
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if path.rstrip("/").endswith("getnewjobs"):
        headers["X-Prjobs-Error"] = refused.sentence.encode("ascii", "replace").decode()
        return refused.status, JSON, headers, b"[]"
    section = section_of(refused.topic or refused.code)
    if section:
        headers["Link"] = f'</{section}>; rel="help"'
    if path.startswith("/api/"):
        return refused.status, JSON, headers, encode_json({"error": refused.sentence, "code": refused.code})
    if environ and environ["REQUEST_METHOD"] == "GET" and "text/html" in str(environ.get("HTTP_ACCEPT", "")):
        style, page = error_page(refused.sentence, theme_of(environ), section)
        policy = f"default-src 'none'; style-src '{style}'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
        headers |= {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "Vary": "Cookie"}
        if refused.status == 429:
            # The browser asks again by itself.
            headers["Refresh"] = str(refused.retry_after_s)
        return refused.status, HTML, headers, page
    return refused.status, TEXT, headers, refused.sentence.encode()


def error_page(sentence: str, theme: Theme | None, section: str = "") -> tuple[str, bytes]:
    """Return the hash of the style, for the policy, and a page with the sentence in the reader's theme."""
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
